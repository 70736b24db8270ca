"""What a fit on all rows will cost and score, told from fits on a sixteenth, an eighth and a quarter of them.

CPU seconds follow a power law in the rows, fitted on logarithms; the spread about it is pooled with a tenth, ``NOISE``,
the worth of four observations (``PRIOR``), since three points cannot tell their own. The loss lies between no further
gain and a straight line on logarithms (learning curves are power laws with a floor: Hestness et al. 2017,
arXiv 1712.00409; Viering & Loog 2023, IEEE TPAMI 45:7799); the point in between falls with the root of the rows.
Memory is counted from the bytes of a row, not fitted. What came is set beside it in the dossier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import InputError
from assay.core.remedy import Recipe
from assay.core.settings import Settings
from assay.core.subject import Subject
from assay.core.table import I64
from assay.learn.boosting import load
from assay.learn.learners import Config, train

from .clock import Budget, Progress, cpu_seconds
from .material import Material, prepare
from .portfolio import FITS_BEYOND_FOLDS, Plan, make_plan, portfolio
from .race import CACHE_CELLS, Race
from .resources import peak_mb

SHARES = (1 / 16, 1 / 8, 1 / 4)
LEAST_ROWS = 4_000  # under this a whole fit costs less than its forecast
NOISE, PRIOR = 0.1, 4.0
Z = 1.959963984540054
MB = 1 << 20
CANDIDATES = 12  # whose out-of-fold predictions are held
SECONDS, LOSS, MEMORY = "CPU seconds of one fit", "loss on fresh rows", "memory at its peak"
GRADIENTS = 16.0  # bytes a row and output that a booster holds beside the bins: gradient, hessian, scores


@dataclass(frozen=True, slots=True)
class Line:
    """One quantity: forecast, ends of its 95 % interval (None where it is counted), and what came."""

    what: str
    value: float
    lo: float | None
    hi: float | None
    unit: str
    came: float | None = None

    @property
    def error(self) -> float | None:
        """Share by which the forecast was too high (below 0: too low); None until something came."""
        return None if self.came is None or self.came == 0 else self.value / self.came - 1.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """``rows`` are the training rows that ``lines`` are about; ``points`` are (rows, CPU seconds, loss) as measured."""

    model: str
    rows: int
    points: tuple[tuple[int, float, float], ...]
    lines: tuple[Line, ...]
    spent: float

    def to_doc(self) -> dict[str, Any]:
        return asdict(self)

    def says(self) -> str:
        """One sentence: what it takes, beforehand."""
        seconds, memory = self.lines[0], self.lines[2]
        return (
            f"{self.model} on {self.rows:,} rows: {seconds.value:.3g} CPU seconds "
            f"({seconds.lo:.3g} to {seconds.hi:.3g}), {memory.value:,.0f} MB"
        )

    def with_came(self, came: dict[str, float]) -> Forecast:
        """The same with what came, by ``what``."""
        lines = tuple(replace(line, came=came.get(line.what, line.came)) for line in self.lines)
        return replace(self, lines=lines)


def foresee(
    m: Material, config: Config, fold: tuple[I64, I64], cap: int, folds: int, progress: Progress | None = None
) -> Forecast | None:
    """Fit ``config`` on growing parts of a fold's training rows and say what the fold, and all rows, would give.

    Args:
        fold: training and validation rows; the loss is that on the validation rows.
        cap: most training rows that the budget allows, 0 for all. The forecast is then for as many, and the cost on
            all rows is said beside it.
        folds: how many of them are held in memory.

    Returns:
        None where there are too few rows for a prototype to be cheaper than the fit.
    """
    inside, outside = fold
    n = min(cap, len(inside)) if cap else len(inside)
    if n < LEAST_ROWS or not len(outside):
        return None
    load()  # a second of CPU that is no part of what a fit costs
    began, points, error, width = cpu_seconds(), [], 0.0, 0
    for share in SHARES:
        if progress is not None:
            progress(f"a fit on {share:.3g} of the rows", share)
        spec, data = m.encoded(inside[: round(share * n)])
        if len(np.unique(data.y)) < 2:
            return None
        X, start = m.encode(spec, outside), cpu_seconds()
        lost = m.losses(
            train(config, data, seed=m.seed, threads=m.threads, valid=(X, m.y[outside])).predict(X), outside
        )
        points.append((len(data.y), cpu_seconds() - start, float(lost.mean())))
        error, width = float(lost.std(ddof=1) / np.sqrt(len(lost))), data.X.shape[1]
    rows, seconds, loss = zip(*points, strict=True)
    name = m.labels.aim.loss_name
    lines = [
        Line(SECONDS, *power_law(rows, seconds, n), "s"),
        Line(LOSS, *curve(rows, loss, n, error), name),
        Line(MEMORY, memory_mb(m, width, n, folds), None, None, "MB"),
    ]
    if cap and n < len(inside):
        lines.append(Line(f"{SECONDS} on {len(inside):,} rows", *power_law(rows, seconds, len(inside)), "s"))
        lines.append(Line(f"{LOSS} from {len(inside):,} rows", *curve(rows, loss, len(inside), error), name))
    return Forecast(config.name, n, tuple(points), tuple(lines), cpu_seconds() - began)


def forecast(subject: Subject, settings: Settings, progress: Progress | None = None) -> Forecast:
    """What one fit of the first booster would cost and score on all rows, without fitting it.

    Raises:
        InputError: too few rows to be worth a forecast; and as ``fit``.
    """
    m = prepare(subject, Recipe(), settings.seed, features=None, left_out=None)
    _, data = m.encoded(m.build)
    plan = make_plan(data, settings.budget, m.threads, m.seed)
    del data
    folds = m.folds(m.build, plan.folds)
    made = foresee(m, leading(m, plan), folds[-1], 0, len(folds), progress) if folds else None
    if made is None:
        raise InputError(f"a forecast needs {LEAST_ROWS:,} training rows; under that a fit is cheaper")
    one = made.lines[0]
    fits = len(folds) + FITS_BEYOND_FOLDS
    value, lo, hi = (fits * v for v in (one.value, one.lo or 0.0, one.hi or 0.0))
    whole = Line(f"CPU seconds of {fits} fits", value, lo, hi, "s")
    return replace(made, lines=(*made.lines, whole))


def leading(m: Material, plan: Plan) -> Config:
    """The booster of the portfolio that runs first."""
    return next(c for c in portfolio(len(m.build), plan.rate) if c.family == "lightgbm")


def power_law(rows: Sequence[int], seconds: Sequence[float], n: int) -> tuple[float, float, float]:
    """Seconds at ``n`` rows and the ends of their 95 % interval: least squares on logarithms."""
    from scipy.special import stdtrit

    x, y = np.log(np.asarray(rows, float)), np.log(np.maximum(seconds, 1e-4))
    k, at = len(x), np.log(n)
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / spread)
    middle = float(y.mean() + slope * (at - x.mean()))
    rest = y - y.mean() - slope * (x - x.mean())
    freedom = PRIOR + k - 2
    variance = (PRIOR * NOISE**2 + float((rest**2).sum())) / freedom
    half = float(stdtrit(freedom, 0.975)) * np.sqrt(variance * (1 + 1 / k + (at - x.mean()) ** 2 / spread))
    return float(np.exp(middle)), float(np.exp(middle - half)), float(np.exp(middle + half))


def curve(rows: Sequence[int], loss: Sequence[float], n: int, error: float) -> tuple[float, float, float]:
    """Loss at ``n`` rows: the point falls with the root of the rows; the ends are no further gain, and a straight line
    on logarithms, each with the standard error of the last loss."""
    x, y = np.asarray(rows, float), np.asarray(loss, float)
    root = np.polyfit(x**-0.5, y, 1)
    last = float(y[-1])
    point = min(last, float(np.polyval(root, n**-0.5)))
    straight = last
    if (y > 0).all():
        straight = float(np.exp(np.polyval(np.polyfit(np.log(x), np.log(y), 1), np.log(n))))
    low, high = min(straight, point, last), max(last, point)
    return max(point, low), low - Z * error, high + Z * error


def memory_mb(m: Material, width: int, n: int, folds: int) -> float:
    """Megabytes at the peak of a fit whose training sets have ``n`` rows of ``width`` features.

    What is held now; the folds that are kept encoded, or one of them; the booster's bins (a byte a feature), gradients
    and scores; and two numbers a row and output for each candidate.
    """
    outputs = m.labels.outputs
    cells = (n + len(m.build) / max(1, folds)) * width
    kept = cells * folds if cells * folds <= CACHE_CELLS else cells
    scores = CANDIDATES * len(m.build) * (outputs + 1) * 8.0
    return max(peak_mb(), current_mb() + (4.0 * kept + n * (width + GRADIENTS * outputs) + scores) / MB)


def current_mb() -> float:
    """Memory of this process now (MB); its peak so far where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return peak_mb()
    import resource

    return pages * resource.getpagesize() / MB


def fold_of(race: Race, m: Material) -> int:
    """Which fold is forecast: the last where folds go forward, since it has the most rows; else any, so the first."""
    return 0 if m.order() is None else len(race.folds) - 1


def affordable(plan: Plan, budget: float) -> bool:
    """Where the table is larger than what the budget fits a forecast is owed; elsewhere it may cost a hundredth."""
    return bool(plan.rows) or sum(SHARES) * plan.seconds <= 0.01 * budget


def ahead(m: Material, configs: Sequence[Config], race: Race, plan: Plan, budget: Budget) -> Forecast | None:
    """The forecast that a fit makes before its race, said at once; None where it would cost too much to make."""
    boosters = [c for c in configs if c.family == "lightgbm"]
    if not boosters or not affordable(plan, budget.seconds):
        return None
    made = foresee(m, boosters[0], race.folds[fold_of(race, m)], plan.rows, len(race.folds))
    if made is not None:
        budget.say(made.says(), 0.05)
    return made


def came(made: Forecast | None, race: Race, fold: int) -> Forecast | None:
    """The forecast with what the same candidate took and lost in that fold of the race."""
    if made is None:
        return None
    runner = next((r for r in race.runners if r.config.name == made.model), None)
    found = {MEMORY: peak_mb()}
    if runner is not None and len(runner.took) > fold:
        found[SECONDS] = runner.took[fold]
        found[LOSS] = float(np.nanmean(runner.loss[race.place[race.folds[fold][1]]]))
    return made.with_came(found)
