"""Who predicts: the single best candidate, or the ensemble where it wins on the choose rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from assay.core.table import F64
from assay.learn.calibration import paired
from assay.learn.learners import Data, Trained, train

from .clock import Budget
from .ensemble import Z_ENSEMBLE, greedy, single
from .material import Material
from .race import Race, Runner

LEAST_CHOOSE = 50  # choose rows below which nothing can be told about an ensemble
MOST_PROPOSED = 3  # members of one family are much alike, and every one more is one more chance to be lucky
FITS_LEFT = 3.0  # build -> choose, build + choose, and a refit or the shuffled score, in folds


Fits = Callable[[Sequence[Runner]], bool]


@dataclass(frozen=True)
class Lineup:
    """The members that were chosen, with weights, and what they predict on the choose rows."""

    runners: tuple[Runner, ...]
    weights: tuple[float, ...]
    choose: F64
    says: str


def train_runner(
    runner: Runner, material: Material, data: Data, more: float = 1.0, *, seed: int | None = None
) -> Trained:
    """Train a candidate on new rows for as many rounds as its folds stopped at, times ``more``."""
    rounds = max(1, round(runner.mean_rounds * more)) if runner.rounds else None
    seed = material.seed if seed is None else seed
    return train(runner.config, data, seed=seed, threads=material.threads, rounds=rounds)


def choose_lineup(
    race: Race, material: Material, budget: Budget, notes: list[str], *, alone: bool, fits: Fits | None = None
) -> Lineup:
    """Weights come from out-of-fold predictions on build, and the ensemble must win where they were not made: on
    each half of the build rows with the weights of the other half, and on choose with all of them.

    ``alone`` rules an ensemble out, and ``fits`` says whether one keeps the limits of size and latency. ``notes``
    receives what the clock prevented.
    """
    budget.say("choosing", 0.62)
    lead = single(race, len(material.build))
    enough = not alone and len(material.choose) >= LEAST_CHOOSE
    runners, weights = _mix(race, material, budget, notes, fits) if enough else ([], [])
    runners, weights = (runners, weights) if runners else ([lead], [1.0])
    everyone = {r.config.name: r for r in [lead, *runners]}
    outputs = _on_choose(list(everyone.values()), race, material)
    own = outputs[lead.config.name]
    if runners == [lead]:
        return Lineup((lead,), (1.0,), own, f"{lead.config.name} predicts alone")
    mixed = np.sum([w * outputs[r.config.name] for r, w in zip(runners, weights, strict=True)], axis=0)
    gain, error = _gain(race, material, own, mixed)
    other = f"an ensemble of {len(runners)}" if len(runners) > 1 else runners[0].config.name
    if gain > Z_ENSEMBLE * error:
        says = f"{other} predicts: it beats {lead.config.name} by {gain:.3g} (standard error {error:.2g})"
        return Lineup(tuple(runners), tuple(weights), mixed, says)
    says = f"{lead.config.name} predicts alone: {other} gains {gain:.3g} (standard error {error:.2g})"
    return Lineup((lead,), (1.0,), own, says)


def _gain(race: Race, material: Material, own: F64, mixed: F64) -> tuple[float, float]:
    """What an ensemble gains on rows that had no part in its weights, and the standard error of that, by units.

    Nested, as Cawley & Talbot (2010) ask: on each half of the build rows both the weights and the single model that
    they are held against were picked on the other half; on choose both were picked on build.
    """
    at, finished = material.choose, pool(race)
    rows = np.flatnonzero(np.all([np.isfinite(r.loss) for r in finished], axis=0))
    half = race.unit[rows] % 2
    crossed, alone = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    for h in (0, 1):
        here, there = np.flatnonzero(half == h), np.flatnonzero(half != h)
        if not len(here) or not len(there):
            return 0.0, float("inf")
        index = material.build[rows[there]]
        share = greedy([r.output[rows[there]] for r in finished], partial(material.losses, index=index))
        output = np.sum([w * r.output[rows[here]] for r, w in zip(finished, share, strict=True) if w], axis=0)
        crossed[here] = material.losses(output, material.build[rows[here]])
        best = int(np.argmin([float(r.loss[rows[there]].mean()) for r in finished]))
        alone[here] = finished[best].loss[rows[here]]
    unit = material.units(at)
    return paired(
        np.concatenate((alone, material.losses(own, at))),
        np.concatenate((crossed, material.losses(mixed, at))),
        np.unique(np.concatenate((race.unit[rows] + unit.max() + 1, unit)), return_inverse=True)[1],
    )


def pool(race: Race) -> list[Runner]:
    """Who may be in an ensemble: every candidate of the portfolio that finished, and the three best proposals."""
    finished = race.finished()
    proposed = sorted((r for r in finished if r.proposed), key=lambda r: float(np.nanmean(r.loss)))
    return [r for r in finished if not r.proposed or r in proposed[:MOST_PROPOSED]]


def _mix(
    race: Race, material: Material, budget: Budget, notes: list[str], fits: Fits | None
) -> tuple[list[Runner], list[float]]:
    """The greedy ensemble of the finished candidates; empty where there is no choice or no time."""
    finished = pool(race)
    if len(finished) < 2:
        return [], []
    rows = np.flatnonzero(np.all([np.isfinite(r.loss) for r in finished], axis=0))
    at = material.build[rows]
    share = greedy([r.output[rows] for r in finished], lambda output: material.losses(output, at))
    picked = [i for i in np.argsort(-share, kind="stable") if share[i] > 0]
    while fits is not None and len(picked) > 1 and not fits([finished[i] for i in picked]):
        picked = picked[:-1]  # the least of them makes room
    whole = len(picked)
    while picked and _cost([finished[i] for i in picked]) > budget.left - race.evidence([finished[i] for i in picked]):
        picked = picked[:-1]
    if len(picked) < whole:
        budget.bound = True
        notes.append("no time was left to train " + ("a larger ensemble" if len(picked) > 1 else "an ensemble"))
    if not picked:
        return [], []
    share = share / share[picked].sum()
    return [finished[i] for i in picked], [float(share[i]) for i in picked]


def _cost(runners: Sequence[Runner]) -> float:
    """CPU seconds of the fits that are left, by the dearest fold of each: folds in time begin with few rows."""
    return FITS_LEFT * sum(max(r.took) for r in runners)


def _on_choose(runners: Sequence[Runner], race: Race, material: Material) -> dict[str, F64]:
    if not len(material.choose):
        shape = (0,) if material.labels.task == "regression" else (0, material.labels.outputs)
        return {r.config.name: np.empty(shape) for r in runners}
    spec, data = material.encoded(material.build, race.plan.rows)
    X = material.encode(spec, material.choose)
    return {r.config.name: train_runner(r, material, data).predict(X) for r in runners}
