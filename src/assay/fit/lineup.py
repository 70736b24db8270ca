"""Who predicts: the single best candidate, or the ensemble where it wins on the choose rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.table import F64
from assay.learn.calibration import paired, row_losses
from assay.learn.learners import Data, Trained, train

from .clock import Budget
from .ensemble import Z_ENSEMBLE, greedy, single
from .material import Material
from .race import Race, Runner

LEAST_CHOOSE = 50  # choose rows below which nothing can be told about an ensemble
FITS_LEFT = 3.0  # build -> choose, build + choose, and a refit or the shuffled score, in folds


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


def choose_lineup(race: Race, material: Material, budget: Budget, notes: list[str], *, alone: bool) -> Lineup:
    """Weights come from out-of-fold predictions on build; the ensemble must then win on choose, which made none.

    ``alone`` rules an ensemble out. ``notes`` receives what the clock prevented.
    """
    budget.say("choosing", 0.62)
    task, y = material.labels.task, material.y[material.choose]
    lead = single(race, len(material.build))
    runners, weights = _mix(race, material, budget, notes) if not alone and len(y) >= LEAST_CHOOSE else ([lead], [1.0])
    if not runners:
        runners, weights = [lead], [1.0]
    everyone = {r.config.name: r for r in [lead, *runners]}
    outputs = _on_choose(list(everyone.values()), race, material)
    own = outputs[lead.config.name]
    if runners == [lead]:
        return Lineup((lead,), (1.0,), own, f"{lead.config.name} predicts alone")
    mixed = np.sum([w * outputs[r.config.name] for r, w in zip(runners, weights, strict=True)], axis=0)
    gain, error = paired(row_losses(own, y, task), row_losses(mixed, y, task), material.units(material.choose))
    other = f"an ensemble of {len(runners)}" if len(runners) > 1 else runners[0].config.name
    if gain > Z_ENSEMBLE * error:
        says = f"{other} predicts: on choose it beats {lead.config.name} by {gain:.3g} (standard error {error:.2g})"
        return Lineup(tuple(runners), tuple(weights), mixed, says)
    says = f"{lead.config.name} predicts alone: on choose {other} gains {gain:.3g} (standard error {error:.2g})"
    return Lineup((lead,), (1.0,), own, says)


def _mix(race: Race, material: Material, budget: Budget, notes: list[str]) -> tuple[list[Runner], list[float]]:
    """The greedy ensemble of the finished candidates; empty where there is no choice or no time."""
    finished = race.finished()
    if len(finished) < 2:
        return [], []
    rows = np.flatnonzero(np.all([np.isfinite(r.loss) for r in finished], axis=0))
    y = material.y[material.build[rows]]
    share = greedy([r.output[rows] for r in finished], y, material.labels.task)
    picked = [i for i in np.argsort(-share, kind="stable") if share[i] > 0]
    if FITS_LEFT * sum(finished[i].seconds / len(race.folds) for i in picked) > budget.left:
        budget.bound = True
        notes.append("no time was left to train an ensemble")
        return [], []
    return [finished[i] for i in picked], [float(share[i]) for i in picked]


def _on_choose(runners: Sequence[Runner], race: Race, material: Material) -> dict[str, F64]:
    if not len(material.choose):
        shape = (0,) if material.labels.task == "regression" else (0, material.labels.outputs)
        return {r.config.name: np.empty(shape) for r in runners}
    spec, data = material.encoded(material.build, race.plan.rows)
    X = material.encode(spec, material.choose)
    return {r.config.name: train_runner(r, material, data).predict(X) for r in runners}
