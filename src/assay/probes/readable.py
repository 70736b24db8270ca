"""Whether a model can be read, from its answers alone; and what it goes by: reliance, floor, stability, additivity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.core.subject import Model
from assay.core.table import F64, I64, NUMERIC, Sample
from assay.stats.ratios import ratio_interval

from .asked import Reliance, answers, swapped
from .collinear import joined, pairwise, ranks
from .judged import Judged

ROWS, MOST_ROWS, DEALT = 500, 1_000, 12
PARITY = 1e-4  # two answers are one up to here, as a file must agree with the model that it was made from
FEWEST = 30
LEAST = 1e-3  # of a probability: in float32 the log-odds of less are no longer known to a thousandth
EXACT = 0.99  # of the mixtures that must add up: the rest is rounding
FEW, LEAVES = 16, 64  # different answers; leaves that may tell them, since a tree learned anew has other splits
SAME = 1e-6
ALIKE = 0.8  # rank correlation from which columns are swapped together
FLIPS, FLOOR = 200, 0.95
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Additive:
    """``exact``: answers are sums over columns, on the scale of log-odds, of probabilities, of values or of their logs.
    ``together``: share of what moves answers, on that scale, that is no sum over two halves of the columns."""

    exact: bool
    together: float


def additive(model: Model, judged: Judged, features: Sequence[str], rng: np.random.Generator) -> Additive:
    """Mix the cells of pairs of judged rows by halves of the columns, and ask whether answers add up.

    The halves follow the binary digits of the columns' places in a random line, so that any two columns stand apart in
    one of them at least, and what they do together is seen.
    """
    rows = judged.rows.take(judged.judge[:ROWS])
    columns = [c for c in sorted(features) if c in rows.names]
    if rows.n < FEWEST or not columns:
        return Additive(False, 0.0)
    at = np.roll(np.arange(rows.n), 1)
    base = answers(model, rows)
    place = rng.permutation(len(columns))
    halvings: list[dict[str, Additive]] = []
    for digit in range(int(len(columns) - 1).bit_length()):
        one = [c for c, k in zip(columns, place, strict=True) if k >> digit & 1]
        two = [c for c in columns if c not in one]
        mixed = [answers(model, swapped(rows, part, at)) for part in (one, two)]
        halvings.append(added([scales(part) for part in (base, base[at], *mixed)]))
    if not halvings:
        return Additive(True, 0.0)  # one column: a curve
    shared = sorted(set.intersection(*(set(h) for h in halvings)))
    found = [Additive(all(h[k].exact for h in halvings), max(h[k].together for h in halvings)) for k in shared]
    return min(found, key=lambda f: (not f.exact, f.together)) if found else Additive(False, 0.0)


def scales(output: F64) -> dict[str, F64]:
    """Answers on every scale on which models add up, (n, k); NaN where float32 leaves too little of a probability."""
    if output.ndim == 1:
        plain = {"values": output[:, None]}
        return plain | ({"logs": np.log(output)[:, None]} if (output > 0).all() else {})
    fine = np.where(output >= LEAST, output, np.nan)
    return {"values": output, "log-odds": np.log(fine[:, 1:]) - np.log(fine[:, :1])}


def added(parts: Sequence[dict[str, F64]]) -> dict[str, Additive]:
    """By scale: whether mixtures add up to what they are mixed of, and which share of the spread is left over."""
    out = {}
    for name in sorted(set.intersection(*(set(part) for part in parts))):
        a, b, mixed, other = (part[name] for part in parts)
        left, apart = mixed + other - a - b, a - b
        fine = np.isfinite(left)
        if fine.sum() < FEWEST:
            continue
        # four answers, each off by at most the parity limit; log-odds move four times as fast as a probability, or more
        size = float(np.std(a[fine])) if name == "values" and a.shape[1] == 1 else 1.0
        limit = 4 * PARITY * size * (4 if name == "log-odds" else 1)
        spread = float((apart[fine] ** 2).mean())
        share = float((left[fine] ** 2).mean()) / 2 / spread if spread > 0 else 0.0
        out[name] = Additive(bool((np.abs(left[fine]) <= limit).mean() >= EXACT), min(1.0, share))
    return out


def few_answers(model: Model, judged: Judged, features: Sequence[str], rng: np.random.Generator) -> bool:
    """Whether the model gives at most 16 different answers, and a tree repeats them on judged rows that learned them
    from the same rows with each column dealt anew."""
    from sklearn.tree import DecisionTreeRegressor

    some = judged.judge[:MOST_ROWS]
    output = judged.output[some].reshape(len(some), -1)
    columns = [c for c in sorted(features) if c in judged.rows.names]
    if len(some) < FEWEST or not columns or len(np.unique(np.round(output, 9), axis=0)) > FEW:
        return False
    rows = judged.rows.take(some)
    X, Y = [], []
    for _ in range(DEALT):
        dealt = rows
        for c in columns:
            dealt = swapped(dealt, (c,), rng.permutation(rows.n))
        X.append(parted(dealt, columns))
        Y.append(answers(model, dealt).reshape(rows.n, -1))
    if len(np.unique(np.round(np.vstack(Y), 9), axis=0)) > FEW:
        return False
    tree = DecisionTreeRegressor(max_leaf_nodes=LEAVES, random_state=0)
    said = tree.fit(far(np.vstack(X)), np.vstack(Y)).predict(far(parted(rows, columns))).reshape(output.shape)
    return bool((np.abs(said - answers(model, rows).reshape(output.shape)).max(1) <= SAME).mean() >= EXACT)


def parted(rows: Sample, columns: Sequence[str]) -> F64:
    """As ``matrix``, with the hour and the weekday of dates beside them, as encoders have them."""
    dates = [c.name for c in rows.columns if c.kind == "date" and c.name in columns]
    parts = [np.mod(rows.numbers(c), 86_400.0) for c in dates]
    parts += [np.mod(np.floor(rows.numbers(c) / 86_400.0) + 3.0, 7.0) for c in dates]
    return np.column_stack([matrix(rows, columns), *parts])


def far(X: F64) -> F64:
    """What is not finite lies far below all else, inside float32."""
    return np.clip(np.nan_to_num(X, nan=-1e30), -1e30, 1e30)


def matrix(rows: Sample, columns: Sequence[str]) -> F64:
    """(n, columns) numbers; categories by the rank of their text."""
    kinds = {c.name: c.kind for c in rows.columns}
    out = np.empty((rows.n, len(columns)))
    for j, name in enumerate(columns):
        if kinds[name] in NUMERIC:
            out[:, j] = rows.numbers(name)
        else:
            codes = rows.codes(name)[0]
            out[:, j] = np.where(codes < 0, np.nan, codes)
    return out


def grounds(model: Model, judged: Judged, reliance: Reliance, rng: np.random.Generator) -> dict[str, Any]:
    """What the model goes by, as JSON: loss added when columns are swapped between rows, as a share of what the usual
    answer loses; the floor that chance reaches; whether the halves agree on the first; the share that is no sum."""
    index = reliance.index
    if len(index) < FEWEST or not reliance.columns:
        return {}
    own = judged.quadratic(reliance.base, index)
    groups, lost = together(model, judged, reliance, own, rng)
    usual = max(float(judged.quadratic(judged.usual())[index].mean()), 1e-12)
    unit = judged.unit_of(index)
    signs = rng.choice((-1.0, 1.0), (FLIPS, int(unit.max(initial=-1)) + 1))[:, unit]
    # a column of noise costs as often as it helps: about its mean, a row's difference may have either sign
    noise = signs @ (lost - lost.mean(0)) / len(index)
    size = np.maximum(noise.std(0), 1e-15)
    floor = float(np.quantile((noise / size).max(1), FLOOR)) * size / usual
    mean = lost.mean(0) / usual
    order = np.argsort(-mean, kind="stable")
    names = [" + ".join(groups[j]) for j in order]
    half = unit % 2 == 0
    tops = [int(np.argmax(lost[part].mean(0))) for part in (half, ~half) if part.any()]
    mixed = additive(model, judged, reliance.columns, rng)
    return {
        "relies_on": dict(zip(names[:SHOWN], mean[order[:SHOWN]].tolist(), strict=True)),
        "floor": dict(zip(names[:SHOWN], floor[order[:SHOWN]].tolist(), strict=True)),
        "above_floor": int((mean > floor).sum()), "looked_at": len(groups),
        "first_in_halves": [" + ".join(groups[j]) for j in tops], "stable": len(set(tops)) == 1,
        "no_sum": mixed.together, "rows_asked": len(index),
        "chart": {
            "kind": "bars", "title": "What the model goes by", "x": names[:SHOWN], "y": mean[order[:SHOWN]].tolist(),
            "x_title": "", "y_title": "loss added, share of naive",
        },
    }  # fmt: skip


def together(
    model: Model, judged: Judged, reliance: Reliance, own: F64, rng: np.random.Generator
) -> tuple[list[tuple[str, ...]], F64]:
    """Groups of columns that correlate, and (rows, groups) losses that swapping them together adds."""
    rows = judged.rows.take(reliance.index)
    kinds = {c.name: c.kind for c in rows.columns}
    ordered = [c in rows.names and (kinds[c] in NUMERIC or len(rows.codes(c)[1]) == 2) for c in reliance.columns]
    X = np.where(np.array(ordered), matrix(rows, reliance.columns), np.nan)
    near: list[I64] = joined(pairwise(ranks(X)), ALIKE)
    grouped = {int(j) for group in near for j in group}
    groups: list[tuple[str, ...]] = [(c,) for j, c in enumerate(reliance.columns) if j not in grouped]
    lost = [reliance.lost[:, [j for j in range(len(reliance.columns)) if j not in grouped]]]
    for group in near:
        columns = tuple(reliance.columns[int(j)] for j in group)
        made = answers(model, swapped(rows, columns, rng.permutation(rows.n)))
        groups.append(columns)
        lost.append((judged.quadratic(made, reliance.index) - own)[:, None])
    return groups, np.hstack(lost)


def price_of(judged: Judged, own: F64, plain: F64, usual: F64) -> dict[str, Any]:
    """What a readable model loses more, as a share of what the usual answer loses, with a 95 % interval."""
    fresh = judged.judge
    lo, hi = ratio_interval(judged.by_unit(fresh, plain - own), judged.by_unit(fresh, usual), 0.05)
    whole = float(usual.mean())
    return {
        "value": float((plain - own).mean()) / whole if whole > 0 else 0.0,
        "interval": [lo, hi] if np.isfinite([lo, hi]).all() else None,
    }
