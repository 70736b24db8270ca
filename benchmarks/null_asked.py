"""Models whose true fault lies exactly at the materiality in force: challenges that ask the model itself.

Columns of two values make few cells of known chances, so expected losses are sums over cells. What a report trains by
itself is taken as it came out; then the model's own step is solved for, so that the null holds given it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from assay.audit.runner import Runner
from assay.core.claim import Claim
from assay.core.settings import Settings
from assay.core.subject import BUILD, JUDGE, Predictions, Subject
from assay.core.table import F64, Sample, SampleSpec
from assay.probes.asked import blanked
from assay.probes.plain_models import LINEAR, TREE
from null_boundary import TWO, Case, Make, binary, draw, every, subject_of

PRICE, CELL = 0.005, 0.05
FEW = (200, 200, 0)  # three learners for every table: at 30,000 rows too slow for hundreds
SIGN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Told:
    """A model that is a function of the rows."""

    answer: Callable[[Sample], F64]
    classes: tuple[str, ...] = ("no", "yes")
    trained_on: str | None = None
    refitted: bool = False
    size: int | None = None

    def predict_rows(self, rows: Sample) -> F64:
        p = self.answer(rows)
        return np.column_stack((1 - p, p))


def coin(rows: Sample) -> F64:
    """+1 or -1 for each row, as its id says: nothing that a column tells."""
    return np.where(rows.row_id * SIGN >> np.uint64(63) == 1, 1.0, -1.0)


def bits_of(rows: Sample, k: int) -> np.ndarray:
    return np.stack([rows.numbers(f"x{i}") for i in range(k)])


def with_model(given: Subject, model: Told, rows: Sample, y: np.ndarray, part: np.ndarray) -> Subject:
    said = Predictions(rows.row_id, model.predict_rows(rows), y, part, given.roles.classes)
    return replace(given, model=model, predictions=said)


# M10: the better readable model loses exactly half a percent more of what the usual answer loses


def opaque(prior: float) -> Make:
    """Six columns, and the parity of three of them: no line sees it, and no tree of 16 leaves sees all."""

    def make(n: int, seed: int) -> Subject:
        rng = draw(f"opaque {prior}", n, seed)
        bits = rng.integers(0, 2, (6, n)).astype(np.float64)
        start, weight = np.log(prior / (1 - prior)), np.array([0.5, -0.4, 0.3, 0.6, -0.2, 0.4])

        def truth(b: np.ndarray) -> F64:
            odd = np.where(b[:3].sum(0) % 2 == 1, 0.4, -0.4)
            return 1 / (1 + np.exp(-(start + weight @ (b - 0.5) + odd)))

        y = rng.random(n) < truth(bits)
        given = subject_of({f"x{i}": bits[i] for i in range(6)} | {"y": binary(y)}, TWO, seed)
        rows = given.table.sample(SampleSpec(n=n))
        part, y = given.partition.part(rows), y[rows.position].astype(np.float64)
        runner = Runner(with_model(given, Told(lambda r: truth(bits_of(r, 6))), rows, y, part), Settings())
        models, judged = runner.give("plain_models"), runner.give("judged")
        if not models:
            return runner.subject
        choose = (part != BUILD) & (part != JUDGE)
        on = choose if choose.sum() >= 30 else part == BUILD
        name = min((LINEAR, TREE), key=lambda k: judged.quadratic(models[k])[on].mean())
        cells = np.array([[i >> k & 1 for i in range(64)] for k in range(6)], np.float64)
        code = (2 ** np.arange(6)) @ bits_of(rows, 6).astype(int)
        first = [np.flatnonzero(code == i) for i in range(64)]
        seen = np.array([len(f) > 0 for f in first])
        plain = np.array([models[name][f[0], 1] if len(f) else np.nan for f in first])
        p, known = truth(cells), judged.usual()[0, 1]
        plain = np.where(seen, plain, p)  # of cells that never came, nobody knows what it says; at 300 rows some do not
        whole = (2 * p * (1 - p) + 2 * (known - p) ** 2).mean()
        miss = (2 * (plain - p) ** 2).mean()
        step = np.sqrt(max(0.0, miss - PRICE * whole) / 2)
        return with_model(given, Told(lambda r: truth(bits_of(r, 6)) + step * coin(r)), rows, y, part)

    return make


# M14: without a column, the model loses exactly a twentieth of the naive loss more than what it is held against


def brittle(prior: float) -> Make:
    def make(n: int, seed: int) -> Subject:
        rng = draw(f"brittle {prior}", n, seed)
        bits = rng.integers(0, 2, (3, n)).astype(np.float64)
        start, weight = np.log(prior / (1 - prior)), np.array([2.0, -0.6, 0.5])

        def truth(b: np.ndarray) -> F64:
            return 1 / (1 + np.exp(-(start + weight @ (b - 0.5))))

        y = rng.random(n) < truth(bits)
        given = subject_of({f"x{i}": bits[i] for i in range(3)} | {"y": binary(y)}, TWO, seed)
        rows = given.table.sample(SampleSpec(n=n))
        part, y = given.partition.part(rows), y[rows.position].astype(np.float64)
        honest = with_model(given, Told(lambda r: truth(np.nan_to_num(bits_of(r, 3), nan=0.5))), rows, y, part)
        runner = Runner(honest, Settings())
        plain, judged = runner.give("with_holes"), runner.give("judged")
        known = judged.usual()[0, 1]
        choose = np.flatnonzero((part != BUILD) & (part != JUDGE))[:2_000]
        usual = True
        if plain is not None and len(choose):
            said = plain.predict_rows(blanked(rows.take(choose), {"x0": None}))[:, 1]
            usual = not ((said - y[choose]) ** 2).mean() < ((known - y[choose]) ** 2).mean()
        cells = np.array([[i >> k & 1 for i in range(8)] for k in range(3)], np.float64)
        p = truth(cells)
        step = np.sqrt(CELL * (2 * p * (1 - p) + 2 * (known - p) ** 2).mean() / 2)

        def answer(r: Sample) -> F64:
            held = np.full(r.n, known) if usual else plain.predict_rows(r)[:, 1]
            return np.where(r.null("x0"), held + step * coin(r), truth(np.nan_to_num(bits_of(r, 3), nan=0.5)))

        return with_model(given, Told(answer), rows, y, part)

    return make


def gone(column: str) -> Callable[[Claim], bool]:
    return lambda claim: claim.about.columns == (column,) and claim.evidence["kind"] == "missing"


ASKED_CASES = (
    Case("M10", opaque(0.5), {"the better of line and tree, even": every}, FEW),
    Case("M10", opaque(0.15), {"the better of line and tree, three in twenty": every}, FEW),
    Case("M14", brittle(0.5), {"a column gone, even": gone("x0")}, FEW),
    Case("M14", brittle(0.15), {"a column gone, three in twenty": gone("x0")}, FEW),
)  # fmt: skip
