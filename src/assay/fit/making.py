"""How the model came about, kept for the challenges that judge the search: see ``core.making``."""

from __future__ import annotations

import numpy as np

from assay.core.making import Making
from assay.core.table import F64, I64
from assay.learn.forms import Calibration
from assay.learn.replay import calibrate

from .clock import Budget
from .lineup import Lineup, train_runner
from .material import Material
from .portfolio import Plan
from .race import Race

RUNS = 4  # trainings that M11 asks for: another seed, and three resamples
SHARE = 0.5  # of what is left of the budget that they may cost


def making(
    race: Race, lineup: Lineup, m: Material, plan: Plan, budget: Budget, calibration: Calibration, seconds: float
) -> Making:
    """The record of a race. ``seconds`` is what training the judged model cost."""
    prior = usual(m)
    affordable = len(m.judge) > 0 and seconds * RUNS <= SHARE * max(0.0, budget.left)
    return Making(
        names=tuple(r.config.name for r in race.runners),
        loss=np.stack([r.loss for r in race.runners]),
        unit=race.unit,
        usual=m.losses(prior, m.build),
        judged=m.sample.row_id[m.judge],
        again=(lambda k: trained_again(k, lineup, m, plan, calibration)) if affordable else None,
    )


def usual(m: Material) -> F64:
    """What knowing nothing says of every build row."""
    aim = m.labels.aim
    return aim.everywhere(aim.constant(m.y[m.build], m.labels.outputs, m.weights(m.build)), len(m.build))


def trained_again(k: int, lineup: Lineup, m: Material, plan: Plan, calibration: Calibration) -> F64:
    """What the same recipe predicts of the judged rows: see ``core.making.Making.again``."""
    index = m.dev if k == 0 else resampled(m, k)
    spec, data = m.encoded(index, plan.rows)
    X = m.encode(spec, m.judge)
    models = [train_runner(r, m, data, seed=m.seed + 1 + k) for r in lineup.runners]
    return calibrate(
        calibration, np.sum([w * t.predict(X) for w, t in zip(lineup.weights, models, strict=True)], axis=0)
    )


def resampled(m: Material, k: int) -> I64:
    """Training rows drawn with replacement, whole units at a time, sorted."""
    rng = np.random.Generator(np.random.PCG64([m.seed, 11, k]))
    unit = np.unique(m.keys[m.dev], return_inverse=True)[1]
    times = np.bincount(rng.integers(0, int(unit.max()) + 1, int(unit.max()) + 1), minlength=int(unit.max()) + 1)
    return np.repeat(m.dev, times[unit])
