"""Searches whose true fault lies exactly at the materiality in force: M02, M03, M04, M11 and M15.

Six columns of two values make 64 cells of known chances. What a report trains by itself is taken as it came out; the
model's own distance from the truth is then solved for, so that the null holds given it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from assay.audit.runner import Runner
from assay.core.making import Making
from assay.core.settings import Settings
from assay.core.subject import JUDGE, Predictions, Subject
from assay.core.table import F64, Sample, SampleSpec
from assay.probes.plain_models import SMALL
from null_asked import Told, bits_of, coin
from null_boundary import TWO, Case, Make, binary, draw, every, subject_of

LOSS, PRICE, FLIPS = 0.01, 0.005, 0.1
FEW = (200, 200, 0)  # models for every table: at 30,000 rows too slow for hundreds
TRIES, TOP = 20, 1.867475  # the mean of the largest of 20 standard normal values (David and Nagaraja, Order Statistics)
WEIGHT = np.array([0.9, -0.8, 0.7, 0.6, -0.5, 0.8])


def chance(bits: np.ndarray) -> F64:
    return 1 / (1 + np.exp(-(WEIGHT @ (bits - 0.5))))


@dataclass(frozen=True)
class Large(Told):
    size: int = 10_000_000


def ground(n: int, seed: int, what: str) -> tuple[Subject, Sample, F64, np.ndarray]:
    rng = draw(what, n, seed)
    bits = rng.integers(0, 2, (6, n)).astype(np.float64)
    y = rng.random(n) < chance(bits)
    given = subject_of({f"x{i}": bits[i] for i in range(6)} | {"y": binary(y)}, TWO, seed)
    rows = given.table.sample(SampleSpec(n=n))
    return given, rows, y[rows.position].astype(np.float64), given.partition.part(rows)


def said(given: Subject, model: Told, rows: Sample, y: F64, part: np.ndarray) -> Subject:
    made = Predictions(rows.row_id, model.predict_rows(rows), y, part, given.roles.classes)
    return replace(given, model=model, predictions=made)


def by_cell(rows: Sample, output: F64) -> tuple[F64, F64]:
    """(64,) what the rival says of each cell, the truth where a cell never came, and the true chances."""
    cells = np.array([[i >> k & 1 for i in range(64)] for k in range(6)], np.float64)
    code = (2 ** np.arange(6)) @ bits_of(rows, 6).astype(int)
    p = chance(cells)
    made = p.copy()
    made[code] = output[:, 1]
    return made, p


def away(step: float) -> Callable[[Sample], F64]:
    return lambda r: np.clip(chance(bits_of(r, 6)) + step * coin(r), 0.0, 1.0)


def searched(known_rows: bool) -> Make:
    """The model loses exactly a hundredth of the naive loss more than the winner of the search."""

    def make(n: int, seed: int) -> Subject:
        given, rows, y, part = ground(n, seed, f"searched {known_rows}")
        shown = part if known_rows else np.full(len(part), JUDGE, np.int8)
        runner = Runner(said(given, Told(away(0.0)), rows, y, shown), Settings())
        rival, judged = runner.give("flexible"), runner.give("judged")
        if rival is None:
            return runner.subject
        theirs, p = by_cell(rows, rival.output)
        known = judged.usual()[0, 1]
        whole = (2 * p * (1 - p) + 2 * (known - p) ** 2).mean()
        step = np.sqrt((2 * (theirs - p) ** 2).mean() / 2 + LOSS * whole / 2)
        return said(given, Told(away(float(step))), rows, y, shown)

    return make


def heavy(n: int, seed: int) -> Subject:
    """The small boosted model loses exactly half a percent of the naive loss more than a large one."""
    given, rows, y, part = ground(n, seed, "heavy")
    runner = Runner(said(given, Large(away(0.0)), rows, y, part), Settings())
    models, judged = runner.give("plain_models"), runner.give("judged")
    if SMALL not in models:
        return runner.subject
    small, p = by_cell(rows, models[SMALL])
    known = judged.usual()[0, 1]
    whole = (2 * p * (1 - p) + 2 * (known - p) ** 2).mean()
    step = np.sqrt(max(0.0, (2 * (small - p) ** 2).mean() - PRICE * whole) / 2)
    return said(given, Large(away(float(step))), rows, y, part)


def lucky(n: int, seed: int) -> Subject:
    """20 tries that are as good as one another, each with luck of its own in every row."""
    given, rows, y, part = ground(n, seed, "lucky")
    made = said(given, Told(away(0.0)), rows, y, part)
    rng, rest = draw("luck", n, seed), np.flatnonzero(part != JUDGE)
    size = LOSS * np.sqrt(len(rest)) / TOP  # the winner's luck is then a hundredth of the naive loss, which is 1
    loss = 1 + rng.normal(0, 0.2, len(rest)) + size * rng.normal(size=(TRIES, len(rest)))
    names = tuple(f"try {k}" for k in range(TRIES))
    judged = rows.row_id[part == JUDGE]
    making = Making(names, loss, np.arange(len(rest)), np.ones(len(rest)), judged)
    return replace(made, evidence={"making": making})


def turned(n: int, seed: int) -> Subject:
    """Every other training run turns each decision with a chance of exactly one in ten."""
    given, rows, y, part = ground(n, seed, "turned")
    made = said(given, Told(away(0.0)), rows, y, part)
    at = np.flatnonzero(part == JUDGE)
    own = made.predictions.output[at]

    def again(k: int) -> F64:
        turn = draw(f"again {k}", n, seed).random(len(at)) < FLIPS
        return np.where(turn[:, None], np.eye(2)[1 - own.argmax(1)], own)

    none = np.empty(0, np.int64)
    making = Making((), np.empty((0, 0)), none, np.empty(0), rows.row_id[at], again)
    return replace(made, evidence={"making": making})


def against(words: str) -> Callable[..., bool]:
    return lambda claim: words in (claim.about.comparison or "")


SEARCH_CASES = (
    Case("M02", searched(True), {"a hundredth behind the search": every}, FEW),
    Case("M04", searched(False), {"a hundredth behind the search, training rows not known": every}, FEW),
    Case("M03", lucky, {"a hundredth of luck among 20 equal tries": every}),
    Case("M11", turned, {"one decision in ten, another seed": against("seed"), "another draw": against("draw")}),
    Case("M15", heavy, {"half a percent behind the large model": every}, FEW),
)  # fmt: skip
