"""Which models predict: the best single one, or a small greedy ensemble where it earns its keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from assay.core.table import F64
from assay.learn.families import FAMILIES

from .portfolio import SMALL
from .race import Race, Runner

STEPS = 25
MEMBERS = 5
Z_ENSEMBLE = 1.0  # paired standard errors on the choose rows by which an ensemble must win


def single(race: Race, n: int) -> Runner:
    """The candidate to beat: the best, or below 5,000 rows the simplest within one paired standard error of it.

    On small data the winner of a race is partly lucky; the one-standard-error rule (Breiman et al. 1984) took a
    quarter off the regret there, and costs a little on larger data.
    """
    best = race.best()
    if best is None:
        raise RuntimeError("no candidate has run")
    if n >= SMALL or best.done < len(race.folds):
        return best
    near = [best]
    for r in race.finished():
        gap, error = race.gap(r, best)
        if r is not best and gap <= error:
            near.append(r)
    return min(near, key=lambda r: (FAMILIES[r.config.family].simplicity, float(np.nanmean(r.loss))))


def greedy(outputs: Sequence[F64], losses_of: Callable[[F64], F64]) -> F64:
    """Weights by forward selection with replacement (Caruana et al. 2004): at most 25 steps and 5 members.

    ``outputs`` are out-of-fold predictions of each candidate on the same rows, and ``losses_of`` gives the loss of each
    row for such an output. Every loss here is convex in the output (in the rate for a count), so a mean of outputs is
    never worse than the mean of their losses. Ties go to the earlier candidate.
    """
    count = np.zeros(len(outputs))
    total = np.zeros_like(outputs[0])
    best = np.inf
    for step in range(STEPS):
        allowed = count > 0 if np.count_nonzero(count) >= MEMBERS else np.ones(len(outputs), dtype=np.bool_)
        losses = [
            float(losses_of((total + o) / (step + 1)).mean()) if ok else np.inf
            for o, ok in zip(outputs, allowed, strict=True)
        ]
        pick = int(np.argmin(losses))
        if losses[pick] >= best - 1e-7:
            break
        best = losses[pick]
        count[pick] += 1
        total = total + outputs[pick]
    return np.asarray(count / count.sum())
