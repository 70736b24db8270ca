"""The smallest sets of changes that reach a goal: single ones first, then twos and threes grown from the best."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from assay.core.table import F64

from .changes import Action

SHOWN = 3  # alternatives a row
BEAM, BEST, ACTIONS = 24, 4, 30
Plan = tuple[tuple[int, int], ...]  # (action, value) pairs
Ask = Callable[[Sequence[Plan]], F64]


def search(actions: list[Action], ask: Ask, most: int) -> list[Plan]:
    """Plans that reach the goal: fewest columns first, then nearest; no plan has another one's columns and more."""
    singles: list[Plan] = [((a, v),) for a, action in enumerate(actions) for v in range(len(action.values))]
    gain = ask(singles)
    found = _nearest(singles, gain, actions, [])
    by_gain = np.argsort(-gain, kind="stable")
    per: dict[int, list[int]] = {}
    for k in by_gain:
        a, v = singles[k][0]
        if np.isfinite(gain[k]) and len(per.setdefault(a, [])) < BEST:
            per[a].append(v)
    useful = list(per)[:ACTIONS]
    beam = [singles[k] for k in by_gain[: BEAM * BEST] if np.isfinite(gain[k])][:BEAM]
    for _ in range(1, most):
        if len(found) >= SHOWN or not beam:
            break
        plans = list(dict.fromkeys(
            tuple(sorted((*plan, (a, v)))) for plan in beam for a in useful for v in per[a]
            if a not in {b for b, _ in plan}
        ))  # fmt: skip
        if not plans:
            break
        gain = ask(plans)
        new = _nearest(plans, gain, actions, found)
        found += [_smaller(plan, actions, ask) for plan in new]
        beam = [plans[k] for k in np.argsort(-gain, kind="stable")[:BEAM] if np.isfinite(gain[k])]
    return sorted(found, key=lambda p: (len(p), _cost(p, actions)))


def _nearest(
    plans: Sequence[Plan], gain: F64, actions: list[Action],
    found: list[Plan],
) -> list[Plan]:  # fmt: skip
    """Of the plans that reach the goal the cheapest for each set of columns, at most three, cheapest first."""
    known = [{a for a, _ in p} for p in found]
    good = sorted((plans[int(k)] for k in np.flatnonzero(gain >= 0)), key=lambda p: _cost(p, actions))
    out: dict[frozenset[int], Plan] = {}
    for plan in good:
        own = frozenset(a for a, _ in plan)
        if own not in out and not any(k <= own for k in known):
            out[own] = plan
        if len(out) == SHOWN:
            break
    return list(out.values())


def _smaller(plan: Plan, actions: list[Action], ask: Ask) -> Plan:
    """The same columns, each in turn moved no farther than it must be."""
    for _ in range(2):
        for k, (a, _) in enumerate(plan):
            tries = [(*plan[:k], (a, v), *plan[k + 1 :]) for v in range(len(actions[a].values))]
            good = [t for t, g in zip(tries, ask(tries), strict=True) if g >= 0]
            plan = min([*good, plan], key=lambda p: _cost(p, actions))
    return plan


def _cost(plan: Plan, actions: list[Action]) -> float:
    return sum(actions[a].cost[v] for a, v in plan)
