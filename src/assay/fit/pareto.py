"""Score against size, latency and CPU time: what each finished candidate would cost to ship, and who may be chosen.

Size and latency are measured on the candidate's own graph, made from the model of its first fold. The room above knows
graphs, so it hands the measuring in (``Measure``). What is chosen must keep the limits of the user; what is dominated
(another is no worse in all four, and better in one) is marked, never hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from assay.core.errors import SettingsError
from assay.core.remedy import Op
from assay.learn.conformal import fit_conformal
from assay.learn.forms import Assembly, Calibration, Member, size_of

from .clock import Budget
from .footprints import MB, Footprint, Limits, Measure, Point, dominated
from .lineup import pool
from .race import Race, Runner

GROWTH = 1.2  # the final model sees more rows than a fold did and has a tenth more rounds
COUNTED = 1.25  # bytes in the file for a byte held, at most: .5 to .85 were measured for trees (docs/benchmarks.md)
SHARE = 0.05  # of the budget that measuring may take where no limit asks for it


@dataclass
class Costs:
    """Footprints of the finished candidates; asked by the lineup for what may be chosen."""

    limits: Limits
    found: dict[str, Footprint] = field(default_factory=dict)

    def fits(self, runners: Sequence[Runner]) -> bool:
        """Whether an ensemble of these keeps the limits: sizes add up, and so do latencies, all but one call."""
        parts = [self.found[r.config.name] for r in runners if r.config.name in self.found]
        if len(parts) < len(runners):
            return True  # without graphs nothing was measured and nothing is limited
        call = min((p.latency for p in parts), default=0.0) / 2  # at least half of a small model is the call itself
        sum_of = Footprint(sum(p.size for p in parts), sum(p.latency for p in parts) - call * (len(parts) - 1))
        return not self.limits.over(sum_of, GROWTH)


def measured_costs(
    race: Race, ops: Sequence[Op], columns: Callable[..., object], measure: Measure, limits: Limits, budget: Budget
) -> Costs:
    """Measure who finished, and bar from the choice who does not keep the limits (``race.barred``).

    Args:
        columns: from an encoder spec to one with the graph's raw columns (``Material.graph_columns``).

    Raises:
        SettingsError: no candidate keeps the limits that the user asked for; the nearest is named.
    """
    costs = Costs(limits)
    finished = pool(race) or [r for r in [race.best()] if r is not None]
    rows = race.material.raw.take(np.arange(min(64, race.material.raw.n)))
    began = budget.spent
    for r in sorted(finished, key=lambda r: (r.proposed, float(np.nanmean(r.loss)))):
        assembly = of_fold(race, r, columns)
        if assembly is None:
            continue
        free = not limits.latency and held(assembly) * COUNTED * GROWTH < limits.size * MB
        if free and budget.spent - began > SHARE * budget.seconds:
            costs.found[r.config.name] = Footprint(round(held(assembly) * COUNTED), float("nan"))
            continue
        costs.found[r.config.name] = measure(assembly, ops, rows)
    worst = {name: limits.over(f, GROWTH) for name, f in costs.found.items()}
    barred = {name: "; ".join(said for _, said in over) for name, over in worst.items() if over}
    if limits.latency:
        budget.bound = True  # the choice went by a clock
    if len(barred) < len(finished):
        race.barred = barred
        return costs
    name = min(worst, key=lambda n: max(times for times, _ in worst[n]))
    if limits.asked:
        raise SettingsError(f"no candidate keeps the limits; the nearest, {name}, has {barred[name]}")
    race.barred = {other: why for other, why in barred.items() if other != name}
    return costs


def of_fold(race: Race, runner: Runner, columns: Callable[..., object]) -> Assembly | None:
    """The model of a candidate's first fold as if it were shipped alone; None where it was not kept."""
    if runner.model is None or race.spec is None:
        return None
    m, c = race.material, runner.config
    member = Member(c.name, c.family, 1.0, runner.model.form(), runner.model)
    empty = np.empty((0,) if m.labels.task == "regression" else (0, m.labels.outputs))
    spec = columns(race.spec)
    conformal = fit_conformal(empty, m.y[:0], m.labels.task)
    return Assembly(m.labels.task, m.labels.classes, spec, (member,), Calibration("none"), conformal)  # type: ignore[arg-type]


def held(assembly: Assembly) -> int:
    """Bytes of all members as they are held: see ``forms.size_of``."""
    return sum(size_of(m.form) for m in assembly.members)


def table(race: Race, costs: Costs, shipped: tuple[str, float, Footprint, float] | None) -> tuple[Point, ...]:
    """Every measured candidate and, last, what is shipped (name, loss, footprint, CPU seconds of its training)."""
    points = []
    for r in race.runners:
        if (f := costs.found.get(r.config.name)) is not None:
            loss, barred = float(np.nanmean(r.loss)), race.barred.get(r.config.name, "")
            of = "first fold" if np.isfinite(f.latency) else "counted"
            points.append(Point(r.config.name, loss, f.size, f.latency, r.seconds / max(1, r.done), of, barred))
    points = dominated(points)
    if shipped is not None:
        name, loss, f, seconds = shipped
        points.append(Point(name, loss, f.size, f.latency, seconds, "shipped"))
    return tuple(points)
