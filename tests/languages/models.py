"""A model made by hand that uses every step that a graph may have, and rows that are awkward for each of them."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from assay.bundle.model import Model
from assay.bundle.nodes import NULL_CODE
from assay.bundle.write import build
from assay.core.remedy import Op, Proof, Recipe, Remedy
from assay.learn.forms import (
    Assembly,
    Calibration,
    Cells,
    Conformal,
    EncoderSpec,
    Feature,
    Forest,
    Linear,
    Member,
    Network,
    Term,
    Tree,
)

COLUMNS = (
    ("amount", "text"), ("size", "number"), ("other size", "number"), ("colour", "category"), ("kind of", "category"),
    ("due", "text"), ("paid", "text"), ("at", "date"), ("since", "date"), ("clock", "clock"), ("member", "bool"),
    ("said", "text"), ("code", "number"), ("int", "number"), ("n/a", "category"),
)  # fmt: skip
STEPS = (
    Op("cast", ("amount",), {"to": "number"}),
    Op("null_outside", ("amount",), {"lo": -1e6, "hi": 1e6}),
    Op("scale", ("size",), {"by": 0.0254, "lo": -10.0, "hi": 100.0}),
    Op("clip", ("size",), {"lo": -3.0, "hi": 40.0}),
    Op("indicator", ("size",), {"name": "no size"}),
    Op("null_if", ("colour",), {"values": ["N/A", "Straße", "?"]}),
    Op("map_values", ("colour",), {"mapping": {"rot": "red", "ROT": "red", "grün": "green", "gone": None}}),
    Op("fold_rare", ("colour",), {"keep": ["red", "green", "blue \u00fc", "O'Neil"], "other": "rest"}),
    Op("look_up", ("colour", "other size"), {"mapping": {"red": "1.5", "green": " -2e1 "}}),
    Op("look_up", ("colour", "kind of"), {"mapping": {"red": "warm"}}),
    Op("parse_date", ("due",), {"format": "dmy"}),
    Op("parse_date", ("paid",), {"format": "iso"}),
    Op("cast", ("code",), {"to": "text"}),
    Op("null_if", ("int",), {"values": [-999, 7]}),
    Op("combine", ("size", "other size"), {"how": "ratio", "name": "ratio"}),
    Op("combine", ("at", "since"), {"how": "difference", "name": "waited"}),
    Op("combine", ("kind of", "int"), {"how": "less_mean", "name": "less", "mapping": {"warm": 2.5, "cold": 1e3}}),
)


def features() -> tuple[Feature, ...]:
    out = [Feature(c, c, "number") for c in ("amount", "size", "other size", "clock", "int", "ratio", "less")]
    out += [Feature("waited", "waited", "number", shift=1e5), Feature("member", "member", "number")]
    out += [
        Feature(f"{c} {h}", c, h) for c in ("due", "paid", "at") for h in ("hour", "weekday", "day", "month", "yearday")
    ]
    out.append(Feature("colour", "colour", "codes", levels=("red", "green", "blue \u00fc", "O'Neil", "rest")))
    out.append(Feature("kind of", "kind of", "target-mean", levels=("warm", "cold", ""), values=(0.25, 1 / 3, -7.0)))
    out.append(Feature("code", "code", "codes", levels=("1", "2", "0.1", "1.2345679e+20", "-3")))
    out.append(Feature("many", "n/a", "codes", levels=tuple(f"level {k}" for k in range(70))))
    words = (("good",), ("not", "good"), ("straße",), ("don't",))
    out += [Feature(" ".join(w), "said", "word", levels=w) for w in words]
    out += [Feature("no size", "no size", "number"), Feature("no colour", "colour", "indicator")]
    return tuple(out)


def terms(rng: np.random.Generator) -> tuple[Term, ...]:
    out = []
    for k, f in enumerate(features()):
        if f.how == "codes":
            out += [Term(k, "level", level=j) for j in range(len(f.levels))]
        else:
            out.append(Term(k, "number", mean=float(rng.normal()), scale=float(rng.uniform(5, 50))))
        out.append(Term(k, "null"))
    return tuple(out)


def linear(rng: np.random.Generator, outputs: int, link: str) -> Linear:
    own = terms(rng)
    return Linear(own, rng.normal(0, 0.3, (len(own), outputs)), rng.normal(0, 0.3, outputs), link)


def network(rng: np.random.Generator, outputs: int, link: str) -> Network:
    own = terms(rng)
    sizes = (len(own), 9, outputs)
    pairs = list(pairwise(sizes))
    return Network(
        own,
        tuple(rng.normal(0, 0.4, (2, a, b)) for a, b in pairs), tuple(rng.normal(0, 0.3, (2, 1, b)) for _, b in pairs),
        link,
    )  # fmt: skip


def tree(rng: np.random.Generator, depth: int) -> Tree:
    own = features()
    feature, threshold, left, right, nan, value, members = [], [], [], [], [], [], {}

    def grow(level: int) -> int:
        at = len(feature)
        for part, first in ((feature, -1), (threshold, 0.0), (left, -1), (right, -1), (nan, False), (value, 0.0)):
            part.append(first)
        if level == 0 or (level < depth - 1 and rng.random() < 0.15):
            value[at] = float(rng.normal(0, 0.4))
            return at
        k = int(rng.integers(len(own)))
        feature[at], nan[at] = k, bool(rng.random() < 0.5)
        if own[k].how == "codes":
            size = len(own[k].levels)
            members[at] = np.sort(rng.choice(size, max(1, size // 2), replace=False)).astype(np.int32)
        else:
            threshold[at] = float(
                rng.choice(
                    [0.0, 0.5, 1.0, rng.normal(0, 20), rng.uniform(0, 1440), np.inf], p=[0.2, 0.2, 0.1, 0.25, 0.2, 0.05]
                )
            )
        left[at] = grow(level - 1)
        right[at] = grow(level - 1)
        return at

    grow(depth)
    i, f = np.int32, np.float32
    return Tree(np.array(feature, i), np.array(threshold, f), np.array(left, i), np.array(right, i),
                np.array(nan, np.bool_), np.array(value), members)  # fmt: skip


def forest(rng: np.random.Generator, outputs: int, link: str, trees: int = 12, depth: int = 5) -> Forest:
    grown = tuple(tree(rng, depth) for _ in range(trees * outputs))
    return Forest(grown, np.arange(trees * outputs, dtype=np.int32) % outputs, rng.normal(0, 0.2, outputs), link)


@cache
def everything(task: str = "binary", seed: int = 0, members: str = "all", spoken: bool = True) -> Model:
    """A model of all families, over all kinds of columns, after all ops; ``spoken``: numbers as text among them."""
    rng = np.random.default_rng(seed)
    classes = {"binary": ("no", "yes"), "multiclass": ("a", "b \u00fc", 'c"\\'), "regression": ()}[task]
    outputs = max(1, len(classes)) if task != "binary" else 1
    link = {"binary": "sigmoid", "multiclass": "softmax", "regression": "identity"}[task]
    make: dict[str, Any] = {"lightgbm": forest, "linear": linear, "network": network}
    chosen = list(make) if members == "all" else [members]
    made = tuple(Member(n, n, w, make[n](rng, outputs, link)) for n, w in zip(chosen, (0.5, 0.3, 0.2), strict=False))
    k = max(1, len(classes))
    q = tuple(float(v) for v in rng.uniform(0.4, 0.8, k))
    cells = Cells("kind of", ("warm", "cold"), ((0.9, tuple(tuple(rng.uniform(0.3, 0.9, k)) for _ in range(2))),))
    band = forest(rng, 2, "identity", trees=4) if task == "regression" else None
    calibration = {"binary": Calibration("platt", 0.8, 0.1), "multiclass": Calibration("temperature", 0.7)}
    conformal = Conformal(0.9, q, ((0.9, q),), cells, band)
    steps = tuple(op for op in STEPS if spoken or op.columns != ("code",))
    columns = COLUMNS if spoken else tuple((c, "category" if c == "code" else kind) for c, kind in COLUMNS)
    spec = EncoderSpec(columns, features())
    recipe = Recipe((("D02", Remedy("cells", "safe", "fidelity", "by hand", steps), Proof("fidelity", "kept")),))
    assembly = Assembly(task, classes, spec, made, calibration.get(task, Calibration("none")), conformal)
    return build(assembly, recipe, {"kind": "fit"}, target="late", name="every-step.1")


NUMBERS = (
    np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, 0.5, -3.0, 7.0, -999.0, 40.0, 100.0, 1e39, -1e39,
    1e300, -1e300, 5e-324,
    2.0**53 + 2, 16777217.0, 930.0, 975.0, 2400.0, 2359.0, 1.2345678949e20, 0.1, 1.0 + 1e-9,
    -0.0254, 3.4028235677973366e38,
)  # fmt: skip
TEXTS = (
    None, "", " ", "red", "RED", "rot", "ROT", "grün", "green", "gone", "n/a", " N/A ", "straße",
    "STRASSE", "?",
    "blue ü", "O'Neil", "warm", "cold", "1.5", " -2e1 ", "1e199", "1e200", ".5e-3", "+7.", "nan",
    "1,5", "999999999999999",
    "level 0", "level 69", "level 70", "31.12.1999", "29/2/2000", "29.02.1900", "1-1-2024T3:04",
    "01.02.2024 23:59:59.5Z",
    "5/6/2020 07:08+0530", "5.6.2020 07:08:09-01:00  ", "1999-12-31", "2000/2/29 12:00",
    "2024-02-30", "2024-01-02T03:04:05Z",
    "2024-1-2 3:04-0800", "good", "not good", "Not GOOD,", "not  good", "not very good",
    "(good) \"straße\"", "don't", "Don't!",
    "a\tgood", "good\nnot", "\u2042 not seen", "x" * 300, "\U0001f600", " " * 60 + "3" + " " * 60, NULL_CODE,
)  # fmt: skip


def awkward(model: Model, n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Graph inputs of ``n`` rows: usual values, edges and everything that users type."""
    rng = np.random.default_rng(seed)
    feed: dict[str, np.ndarray] = {}
    for i in model._schema.inputs:
        if i.is_text:
            pool = np.array([NULL_CODE if t is None else t for t in (*TEXTS, *i.categories)], object)
            column = pool[rng.integers(len(pool), size=n)]
            joined = rng.random(n) < 0.1
            column[joined] = [
                f"{a} {b}"
                for a, b in zip(column[joined], pool[rng.integers(len(pool), size=joined.sum())], strict=True)
            ]
        else:
            lo, hi = (i.lo, i.hi) if i.lo is not None else (-50.0, 2000.0)
            column = rng.uniform(lo - 0.1 * (hi - lo), hi + 0.1 * (hi - lo), n)
            if i.kind == "date":
                column = np.where(rng.random(n) < 0.5, column, rng.uniform(-2e10, 4e10, n))
            elif i.kind in ("clock", "bool"):
                column = np.floor(column) if i.kind == "clock" else np.round(column % 2)
            column = np.where(rng.random(n) < 0.4, np.round(column), column)
            odd = rng.random(n) < 0.25
            column[odd] = rng.choice(NUMBERS, odd.sum())
        feed[i.input] = column.reshape(-1, 1)
    return feed


def late() -> Model:
    """A small model of late flights: what the examples for other languages are about."""
    rng = np.random.default_rng(11)
    columns = (("carrier", "category"), ("distance", "number"), ("sched_dep_time", "clock"), ("time_hour", "date"))
    own = (
        Feature("distance", "distance", "number"),
        Feature("sched_dep_time", "sched_dep_time", "number"),
        Feature("weekday", "time_hour", "weekday"),
        Feature("carrier", "carrier", "codes", levels=("UA", "B6", "EV", "DL", "AA")),
    )
    terms = (
        Term(0, "number", mean=1000.0, scale=700.0),
        Term(1, "number", mean=800.0, scale=300.0),
        Term(2, "number", mean=3.0, scale=2.0),
        *(Term(3, "level", level=k) for k in range(5)),
    )
    form = Linear(terms, rng.normal(0, 0.5, (len(terms), 1)), np.array([-0.8]), "sigmoid")
    conformal = Conformal(0.9, (0.7, 0.6), ((0.9, (0.7, 0.6)),))
    spec = EncoderSpec(columns, own)
    assembly = Assembly(
        "binary", ("no", "yes"), spec, (Member("m", "linear", 1.0, form),), Calibration("none"), conformal
    )
    return build(assembly, None, {"kind": "fit"}, target="late", name="late")
