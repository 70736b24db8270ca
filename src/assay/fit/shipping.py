"""A fit and its limits of size and latency: who may be chosen, and what the chosen one costs in the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.core.remedy import Recipe
from assay.core.settings import Settings
from assay.learn.forms import Assembly

from .clock import Budget
from .footprints import Limits, Measure, Point
from .lineup import Lineup
from .material import Material
from .pareto import Costs, measured_costs, table
from .race import Race


def limits_of(settings: Settings) -> Limits:
    """The limits of the settings; the size is the user's own word where it is not the default."""
    asked = settings.max_latency > 0 or settings.max_size != Settings().max_size
    return Limits(settings.max_size, settings.max_latency, asked)


@dataclass(frozen=True)
class Shipping:
    """``measure`` is what the room above knows of graphs; without it there are no costs."""

    m: Material
    recipe: Recipe
    budget: Budget
    limits: Limits
    measure: Measure | None

    def measure_race(self, race: Race) -> Costs:
        """Footprints of who finished; ``race.barred`` is set. See ``pareto.measured_costs``."""
        if self.measure is None:
            return Costs(self.limits)
        self.budget.say("measuring size and latency", 0.61)
        ops = self.recipe.ops()
        return measured_costs(
            race, ops, lambda spec: self.m.graph_columns(spec, self.recipe), self.measure, self.limits, self.budget
        )

    def table(
        self,
        race: Race,
        costs: Costs,
        lineup: Lineup,
        shipped: Assembly,
        loss: float,
        seconds: float,
        notes: list[str],
    ) -> tuple[Point, ...]:
        """All measured candidates and what is shipped; ``notes`` receives what was barred, and a limit not kept."""
        if self.measure is None:
            return ()
        f = self.measure(shipped, self.recipe.ops(), self.m.raw.take(np.arange(min(64, self.m.raw.n))))
        name = lineup.runners[0].config.name
        name = f"ensemble of {len(lineup.runners)}" if len(lineup.runners) > 1 else name
        best = min((float(np.nanmean(r.loss)) for r in race.finished()), default=float("inf"))
        for barred, why in sorted(race.barred.items()):
            runner = next(r for r in race.runners if r.config.name == barred)
            if float(np.nanmean(runner.loss)) < best:
                notes.append(f"{barred} had less loss and could not be chosen: {why}")
        for _, said in self.limits.over(f):
            notes.append(f"the model does not keep a limit: {said}")
        return table(race, costs, (name, loss, f, seconds))
