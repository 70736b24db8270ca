"""The decision that the costs of errors make of the probabilities, and what it costs on rows that made none of it.

With calibrated probabilities the action that costs least on average is the best rule there is (Elkan, IJCAI 2001, 973):
for two classes it is a threshold that follows from the costs alone, t = alarm / (alarm + miss). So a rare class needs
no resampling: drawing rows anew shifts every probability (van den Goorbergh et al., JAMIA 29 (2022) 1525), which then
has to be undone, and buys no better order of rows; the threshold does what resampling is meant to do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.costs import Costs
from assay.core.table import F64
from assay.learn.target import Labels

from .measures import LEAST, Judged, jackknife, mean_interval_of

Between = tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Realised:
    """What a rule costs for each judged row, and what deciding by the costs saves against it, with 95 % intervals."""

    rule: str
    cost: float
    interval: Between
    saved: float = 0.0
    saved_interval: Between = None


@dataclass(frozen=True, slots=True)
class Decision:
    """``rules``: deciding by the costs first, then naming the likeliest class, then one action for everybody.

    ``threshold``: the probability of the class ``of`` from which the second action is taken; None for more actions.
    """

    actions: tuple[str, ...]
    of: str
    threshold: float | None
    rules: tuple[Realised, ...]
    shares: tuple[float, ...]  # of the judged rows that get each action
    n: int

    @property
    def says(self) -> str:
        own = self.rules[0]
        rule = (
            f"act where P({self.of}) is at least {self.threshold:.3g}"
            if self.threshold is not None
            else "take the action that costs least on average"
        )
        against = "; ".join(
            f"against {r.rule} it saves {r.saved:.3g} a row{_between(r.saved_interval)}" for r in self.rules[1:]
        )
        return (
            f"decision: {rule}; this costs {own.cost:.3g} a row{_between(own.interval)} on {self.n:,} judged rows"
            + (f"; {against}" if against else "")
        )


def costs_for(costs: Costs | None, labels: Labels) -> Costs | None:
    """The costs of the question, where they are about the classes that are learned (a recipe may rewrite these)."""
    if costs is None or labels.task == "regression" or costs.table.shape[1] != len(labels.classes):
        return None
    return costs


def _between(interval: Between) -> str:
    return "" if interval is None else f" ({interval[0]:.3g} to {interval[1]:.3g})"


def decide(rows: Judged, costs: Costs, classes: tuple[str, ...]) -> Decision | None:
    """Judge the rule on rows that no model was made or chosen on; None where there are none of them."""
    if not len(rows) or costs.table.shape[1] != rows.output.shape[1]:
        return None
    chosen = costs.cheapest(rows.output)
    likeliest = costs.table.argmin(0)[rows.output.argmax(1)]
    rules = {"deciding by the costs": chosen}
    rules["acting on the likeliest class"] = likeliest
    for i, action in enumerate(costs.actions[:2]):
        rules[action if i == 0 or len(costs.actions) == 2 else f"{action} for everybody"] = np.full(len(rows), i)
    own = _paid(rows, costs, chosen)
    made = []
    for name, taken in rules.items():
        paid = _paid(rows, costs, taken)
        cost, interval = _mean(rows, paid)
        saved = _mean(rows, paid - own) if taken is not chosen else (0.0, None)
        made.append(Realised(name, cost, interval, *saved))
    share = np.bincount(chosen, weights=rows.w, minlength=len(costs.actions)) / rows.w.sum()
    return Decision(
        costs.actions, classes[-1] if len(classes) == 2 else "", costs.threshold(1), tuple(made),
        tuple(float(s) for s in share), len(rows),
    )  # fmt: skip


def _paid(rows: Judged, costs: Costs, taken: NDArray[Any]) -> F64:
    return np.asarray(costs.table[taken, rows.y.astype(np.int64)], np.float64)


def _mean(rows: Judged, each: F64) -> tuple[float, Between]:
    """The weighted mean of a value of each row, and its interval by rows or by blocks."""
    value = float(np.average(each, weights=rows.w))
    if len(rows) < LEAST:
        return value, None
    if rows.block is None:
        return value, mean_interval_of(rows, each, value)
    carried = replace(rows, output=each)
    return value, jackknife(carried, lambda part: float(np.average(part.output, weights=part.w)))
