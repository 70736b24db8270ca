"""A small table and models of every task and family on it, converted and packed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from assay.bundle.write import build
from assay.core.remedy import Op, Proof, Recipe, Remedy
from assay.core.subject import Role, Roles
from assay.core.table import SampleSpec
from assay.learn.encoder import encode, fit_encoder, with_raw_columns
from assay.learn.forms import Assembly, Calibration, Member
from assay.learn.learners import Config, Data, train
from assay.learn.target import labels
from assay.tables import open_table, recipe

N = 1500


def make_table() -> pa.Table:
    rng = np.random.default_rng(7)
    amount = np.round(rng.gamma(2.0, 100.0, N), 2)
    amount[rng.random(N) < 0.1] = -999.0
    colour = rng.choice(["red", "green", "blau", "n/a", "violet"], N, p=[0.4, 0.3, 0.2, 0.05, 0.05]).astype(object)
    colour[rng.random(N) < 0.05] = None
    minutes = rng.integers(0, 1440, N)
    clock = (minutes // 60 * 100 + minutes % 60).astype(float)
    clock[rng.random(N) < 0.03] = np.nan
    when = 1.6e9 + rng.integers(0, 10_000_000, N)
    town = np.array([f"town {k}" for k in rng.integers(0, 90, N)], object)
    signal = np.where(amount < 0, 0.5, amount / 200) + (colour == "red") + minutes / 720 + rng.normal(0, 0.7, N)
    return pa.table({
        "amount": amount, "colour": pa.array(colour.tolist(), pa.string()),
        "clock": pa.array(clock, from_pandas=True), "member": rng.random(N) < 0.3,
        "when": pa.array((when * 1_000_000).astype("int64"), pa.timestamp("us")), "town": town.tolist(),
        "big": 2.0**53 - rng.integers(0, 1000, N), "unused": ["x"] * N, "label": rng.random(N),
        "late": np.where(signal > 2.2, "yes", "no").tolist(),
        "kind": np.array(["a", "b", "c"], object)[np.digitize(signal, [1.5, 2.5])].tolist(),
        "score": signal * 1000 + 1e6,
    })  # fmt: skip


STEPS = (
    Op("null_if", ("amount",), {"values": [-999]}),
    Op("indicator", ("amount",), {"name": "amount was null"}),
    Op("null_if", ("colour",), {"values": ["N/A"]}),
    Op("fold_rare", ("colour",), {"keep": ["red", "green", "blau"], "other": "other"}),
    Op("drop_column", ("unused",)),
)
RECIPE = Recipe((("D02", Remedy("cells", "safe", "fidelity", "codes to null", STEPS), Proof("fidelity", "kept")),))
TARGETS = {"binary": "late", "multiclass": "kind", "regression": "score"}
CASES = [
    ("binary", "lightgbm"), ("binary", "linear"), ("binary", "extra-trees"), ("binary", "tree"), ("binary", "mix"),
    ("multiclass", "lightgbm"), ("multiclass", "linear"), ("multiclass", "extra-trees"), ("multiclass", "mix"),
    ("binary", "network"), ("multiclass", "network"), ("regression", "network"), ("binary", "xgboost"),
    ("regression", "lightgbm"), ("regression", "linear"), ("regression", "extra-trees"), ("regression", "mix"),
]  # fmt: skip


ROUNDS = {"lightgbm": 30, "xgboost": 30, "network": 6}


class Case:
    """One fitted assembly, with raw rows and the trained models' own outputs for them."""

    def __init__(self, task: str, family: str) -> None:
        self.task, self.family = task, family
        target = TARGETS[task]
        self.table = open_table(make_table().drop_columns([t for t in TARGETS.values() if t != target]), cache=False)
        self.raw = self.table.sample(SampleSpec(n=N))
        after = recipe.apply(RECIPE.ops(), self.raw)
        y = labels(after, Roles(target=Role((target,)), task=task))
        half = np.arange(after.n // 2)
        names = [n for n in after.names if n != target]
        spec = fit_encoder(after, names, y, index=half)
        used = {f.column for f in spec.features} | {"amount"}
        raw_kinds = [(c.name, c.kind) for c in self.raw.columns if c.name in used]
        spec = with_raw_columns(spec, raw_kinds)
        X = encode(spec, after)
        data = Data(X[half], y.y[half], task, y.outputs, spec.categorical)
        families = ["lightgbm", "linear", "extra-trees"] if family == "mix" else [family]
        members, outputs, weights = [], [], [0.5, 0.3, 0.2][: len(families)]
        for f, w in zip(families, weights, strict=True):
            small = {"n_estimators": 20} if f == "extra-trees" else {}
            trained = train(Config(f, f, small), data, seed=0, rounds=ROUNDS.get(f))
            members.append(Member(f, f, w, trained.form(), trained))
            outputs.append(w / sum(weights) * trained.predict(X))
        mean = sum(outputs)
        kind = {"binary": "platt", "multiclass": "temperature", "regression": "none"}[task]
        calibration = Calibration(kind, 0.8, 0.1) if kind != "none" else Calibration("none")
        from assay.learn.conformal import fit_conformal
        from assay.learn.replay import calibrate

        self.native = calibrate(calibration, mean)
        conformal = fit_conformal(self.native[half.size :], y.y[half.size :], task)
        self.assembly = Assembly(task, y.classes, spec, tuple(members), calibration, conformal)
        self.lineage = {"data_digest": self.table.digest, "seed": 0}

    def build(self):
        return build(
            self.assembly, RECIPE, {"kind": "fit"}, samples=self.raw, held_out=self.raw, native=self.native,
            lineage=self.lineage, target=TARGETS[self.task], trained_on=self.table.digest,
        )  # fmt: skip


@pytest.fixture(scope="session", params=CASES, ids=lambda c: "-".join(c))
def case(request):
    return Case(*request.param)


@pytest.fixture(scope="session")
def binary():
    return Case("binary", "lightgbm")


@pytest.fixture(scope="session")
def model(binary):
    return binary.build()
