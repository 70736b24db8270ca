"""Decisions by the model save next to nothing.

What it is
    Deciding by the model costs about as much as one decision for all: doing nothing, or always acting.

Why it matters
    A model is paid for by what its decisions save. Where a miss is dear and cases are rare, a model with a fine AUC can
    save less than the running of it costs, and where acting is cheap it may be best to act always.

How it is measured
    Only where the question names its costs: a false alarm and a miss, or every action for every class (``costs``; the
    first action is doing nothing). On the judged rows each decision is the action that the costs make cheapest under
    the model's probabilities: for two classes, acting above the threshold that they imply. Compared with every action
    taken for all rows alike. The effect is what is still paid of what was avoidable: the cost of the model above that
    of perfect knowledge, as a share of the cost of the one action above it, with Fieller's t interval over rows, time
    blocks or groups (and Student's and Hall's t); where fewer than ten decisions saved anything, also an exact binomial
    test of how often they do. Money per decision saved stands beside it with its interval.
    Where naming a class is deciding, and two classes or actions that are the classes make it so, the decision in use is
    taken to be the likeliest class. What it costs more than the threshold of the costs is a claim of its own, as a
    share of what the best single action leaves to be saved.

Example
    >>> from assay.core.costs import costs_of
    >>> from assay.core.settings import Question
    >>> from assay.core.subject import Role, Roles
    >>> roles = Roles(Role(("churn",)), "binary", ("no", "yes"), "yes")
    >>> costs = costs_of(Question(cost_false_alarm=5, cost_miss=95), roles)
    >>> costs.threshold(1)
    0.05

Remedy
    Safe, for two classes: act above the threshold that the costs imply. Where the model saves nothing at that threshold
    either, the advice is to do without it.

Known false alarms
    Costs that are named as guesses. Judged rows in which one class is more or less frequent than where the model is
    used: what is saved follows that share. Probabilities that are off (M07) make the threshold of the costs wrong.

Sources
    Elkan, "The foundations of cost-sensitive learning", IJCAI (2001); Vickers and Elkin, "Decision curve analysis",
    Medical Decision Making 26 (2006); Fieller, JRSS B 16 (1954).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.costs import Costs, even_costs
from assay.core.errors import InputError
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.subject import Planted, Subject
from assay.core.table import F64, I64
from assay.probes.judged import Judged
from assay.stats.means import mean_interval
from assay.stats.ratios import ratio_above, ratio_interval
from assay.stats.shares import share_above, share_interval

CHALLENGE = Challenge(
    code="M16",
    name="no-value",
    title="decisions by the model save next to nothing",
    stage="model",
    needs=("target", "classes", "predictions", "costs"),
    category="costs",
    scope="model",
    promise=Dose(1.0, 20_000, "the answers of all rows shuffled"),
    materiality=(
        Threshold(
            "paid", 0.95, "share of avoidable cost", "less than a twentieth saved seldom pays for running a model"
        ),
        Threshold(
            "lost",
            0.05,
            "share of avoidable cost",
            "a twentieth that another threshold would save costs nothing to take",
        ),
    ),
    proof="gain",
    safety="safe",
)
MOST_ACTIONS = 20
FEWEST_GOOD = 10  # decisions that saved something: with fewer a t test is too sure that there are no more
IN_USE = "the likeliest class"


def measure(subject: Subject, judged: Judged, options: Options) -> Iterator[Claim]:
    costs: Costs = subject.evidence["costs"]
    fresh = judged.judge
    if judged.classes != costs.table.shape[1] or not judged.enough(fresh):
        return
    p, y = judged.output[fresh], judged.y[fresh].astype(np.int64)
    least = costs.table.min(0)[y]  # of perfect knowledge
    chosen = costs.table[costs.cheapest(p), y]
    kept: list[tuple[float, int]] = []
    for i, action in enumerate(costs.actions[:MOST_ACTIONS]):
        alike = costs.table[i, y]
        if float((alike - least).mean()) <= 0:  # nothing is left to save
            continue
        kept.append((float(alike.mean()), i))
        yield against(alike_said(action, i, costs), chosen, alike, least, judged, options["paid"], threshold(costs))
    used = in_use(p, costs)
    if used is not None and kept:
        best = costs.table[min(kept)[1], y]
        yield another_threshold(costs.table[used, y], chosen, best, least, judged, options["lost"], costs)


def alike_said(action: str, i: int, costs: Costs) -> str:
    """How a report calls taking one action for every row."""
    plain = costs.answers or action in ("doing nothing", "always acting")
    return f"always {action}" if costs.answers else action if plain else f"{action} for all"


def in_use(p: F64, costs: Costs) -> I64 | None:
    """The decision that naming the likeliest class makes; None where classes and actions are not the same things."""
    if costs.answers:
        return np.asarray(p.argmax(1), np.int64)
    cut = threshold(costs)
    if cut is None:
        return None
    acting, _ = cut
    return (p[:, acting] > 0.5).astype(np.int64)


def threshold(costs: Costs) -> tuple[int, float] | None:
    """Of two classes: the one that is acted on, and the probability from which that is cheaper."""
    for k in (0, 1):
        cut = costs.threshold(k)
        if cut is not None:
            return k, cut
    return None


def against(
    name: str, chosen: F64, alike: F64, least: F64, judged: Judged, most: float, cut: tuple[int, float] | None
) -> Claim:
    fresh = judged.judge
    paid, whole = judged.by_unit(fresh, chosen - least), judged.by_unit(fresh, alike - least)
    value = float((chosen - least).mean() / (alike - least).mean())
    saved = judged.means_by_unit(fresh, alike - chosen)
    lo, hi = mean_interval(saved, 0.05)
    at = "" if cut is None else f", acting from a probability of {cut[1]:.2g},"

    good, n = int((chosen < alike).sum()), len(fresh)
    most_each = float((alike - least).max() / (alike - least).mean())  # of what is avoidable, by one decision of n

    def bound(alpha: float) -> tuple[float, float]:
        lo, hi = ratio_interval(paid, whole, alpha)
        return (min(lo, 1 - share_interval(good, n, alpha)[1] * most_each), hi) if good < FEWEST_GOOD else (lo, hi)

    p = ratio_above(paid, whole, most)
    if good < FEWEST_GOOD:  # what is saved is saved by good decisions: few may have been seen by chance
        p = max(p, float(share_above(n - good, n, 1 - min(1.0, max(0.0, 1 - most) / most_each))))
    money = float((alike - chosen).mean())
    return Claim(
        About(comparison=f"model against {name}"),
        Effect(value, "share of avoidable cost", most, bound),
        "test",
        f"deciding by the model{at} saves {money:.3g} a decision ({lo:.3g} to {hi:.3g}) against {name}; perfect "
        f"knowledge would save {float((alike - least).mean()):.3g}",
        n,
        p=p,
        family="challenge",
        impact=Impact("costs", -money, (-hi, -lo), "cost a decision"),
        evidence={
            "saved_a_decision": money, "interval": [lo, hi], "threshold": None if cut is None else cut[1],
            "units": judged.units, "kind": "value",
            "chart": {
                "kind": "bars", "title": "Cost a decision", "x": [name, "the model", "perfect knowledge"],
                "y": [float(v.mean()) for v in (alike, chosen, least)], "x_title": "", "y_title": "cost a decision",
            },
        },
    )  # fmt: skip


def another_threshold(
    used: F64, chosen: F64, best: F64, least: F64, judged: Judged, most: float, costs: Costs
) -> Claim:
    """What the decisions in use cost more than those of the costs, of what the best single action leaves to save."""
    fresh = judged.judge
    more, whole = judged.by_unit(fresh, used - chosen), judged.by_unit(fresh, best - least)
    value = float((used - chosen).mean() / (best - least).mean())
    cut = threshold(costs)
    by = "the cheapest action" if cut is None else f"the threshold that the costs imply, {cut[1]:.2g}"
    now = IN_USE if cut is None else f"{IN_USE} (threshold 0.5)"

    def bound(alpha: float) -> tuple[float, float]:
        return ratio_interval(more, whole, alpha)

    return Claim(
        About(comparison="decision in use against the costs"),
        Effect(value, "share of avoidable cost", most, bound),
        "test",
        f"deciding by {now} costs {used.mean():.3g} a decision, and by {by}, {chosen.mean():.3g}",
        len(fresh),
        p=ratio_above(more, whole, most),
        family="challenge",
        impact=Impact("costs", value, bound(0.05), "share of avoidable cost"),
        evidence={
            "threshold": None if cut is None else cut[1], "acts_on": None if cut is None else cut[0],
            "in_use": float(used.mean()), "by_costs": float(chosen.mean()), "units": judged.units, "kind": "threshold",
        },
    )  # fmt: skip


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    evidence = finding.claim.evidence
    if evidence.get("kind") != "threshold" or evidence["threshold"] is None:
        return None
    name = subject.roles.classes[evidence["acts_on"]]
    cut = float(evidence["threshold"])
    return Remedy(
        "output", "safe", "gain", f"act on {name} from a probability of {cut:.3g} on, as the costs imply",
        options={"threshold": cut, "positive": name},
    )  # fmt: skip


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Shuffle the answers of a share ``dose`` of the rows among themselves; where no costs are named, every error costs
    one."""
    given = subject.predictions
    if given is None or given.output.ndim != 2:
        raise InputError("no-value is planted in class probabilities; the subject has none")
    if "costs" not in subject.evidence:
        subject = replace(subject, evidence={**subject.evidence, "costs": even_costs(subject.roles)})
    costs: Costs = subject.evidence["costs"]
    hit = np.flatnonzero(rng.random(len(given.y)) < dose)
    output = given.output.copy()
    output[hit] = output[rng.permutation(hit)]
    known = np.flatnonzero(np.isfinite(given.y))
    y = given.y[known].astype(np.int64)
    least, paid = costs.table.min(0)[y], costs.table[costs.cheapest(output[known]), y]
    left = (costs.table[:, y] - least).mean(1)
    effect = float((paid - least).mean() / left[left > 0].min()) if (left > 0).any() else 0.0
    return Planted(replace(subject, predictions=replace(given, output=output)), (), effect)
