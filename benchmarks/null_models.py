"""Predictions whose true fault lies exactly at the materiality in force: model challenges.

Outcomes are drawn from a known probability for every row, so expected losses are sums or integrals that are solved for
the fault. What a report fits by itself (class shares, plain models) is taken as it came out, before the judged outcomes
are seen: the null holds given it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
from scipy.optimize import brentq

from assay.audit.runner import Runner
from assay.challenges.model.saturated_benchmark import POWERED
from assay.core.claim import Claim
from assay.core.costs import costs_of
from assay.core.settings import Question, Settings
from assay.core.subject import BUILD, JUDGE, Predictions, Role, Roles, Subject
from assay.core.table import SampleSpec
from assay.tables import make_partition
from null_boundary import REFITS, TWO, Case, Make, binary, draw, every, subject_of

HALF_A_PERCENT = 0.005
PROMISED, SHORT = 0.9, 0.02


def compared(words: str) -> Callable[[Claim], bool]:
    return lambda claim: words in (claim.about.comparison or "")


def sliced(words: str) -> Callable[[Claim], bool]:
    return lambda claim: claim.about.slice == words


@cache
def base(n: int, regression: bool = False) -> Subject:
    """A table of which only the rows matter. Its column is known too late, so that no plain model is trained."""
    rng = np.random.default_rng(n)
    y = rng.normal(size=n) if regression else binary(np.arange(n) % 2 == 0)
    roles = replace(Roles(Role(("y",)), "regression") if regression else TWO, unknown=("x",))
    return subject_of({"x": rng.normal(size=n), "y": y}, roles, 0)


@cache
def row_ids(n: int, regression: bool = False) -> np.ndarray:
    return base(n, regression).table.sample(SampleSpec(n=n)).row_id


def bare(n: int, seed: int, regression: bool = False, order: bool = False) -> tuple[Subject, np.ndarray]:
    """The base under a new seed, with its part of every row (in the order of row_id)."""
    given = base(n, regression)
    roles = replace(given.roles, order=Role(("@row",))) if order else given.roles
    made = replace(given, seed=seed, roles=roles, partition=make_partition(given.table, roles, seed))
    return made, made.partition.part(given.table.sample(SampleSpec(n=n)))


def said(given: Subject, part: np.ndarray, p: np.ndarray, y: np.ndarray) -> Subject:
    n = len(y)
    output = np.column_stack((1 - p, p)) if given.roles.task == "binary" else p
    made = Predictions(row_ids(n, given.roles.task == "regression"), output, y, part, given.roles.classes)
    return replace(given, predictions=made)


# M05: worse than the usual answer by exactly half a percent of what it loses


def usual_class(prior: float, order: bool = False) -> Make:
    """Outcomes by chance alone; the model says their share give or take a step."""

    def make(n: int, seed: int) -> Subject:
        rng = draw(f"usual {prior} {order}", n, seed)
        given, part = bare(n, seed, order=order)
        y = (rng.random(n) < prior).astype(np.float64)
        build = y[part == BUILD]
        known = (build.sum() + 1) / (len(build) + 2)
        noise, miss = prior * (1 - prior), (known - prior) ** 2
        step = np.sqrt(miss + HALF_A_PERCENT * (noise + miss))
        return said(given, part, prior + step * rng.choice((-1.0, 1.0), n), y)

    return make


def usual_number(n: int, seed: int) -> Subject:
    """The same for a number with a heavy tail (log-normal)."""
    rng = draw("usual number", n, seed)
    given, part = bare(n, seed, True)
    y = rng.lognormal(0.0, 1.0, n)
    mean, spread = np.exp(0.5), (np.e - 1) * np.e
    miss = (y[part == BUILD].mean() - mean) ** 2
    step = np.sqrt(miss + HALF_A_PERCENT * (spread + miss))
    return said(given, part, mean + step * rng.choice((-1.0, 1.0), n), y)


# M01 and M05: worse than a trained plain model by exactly half a percent of what the usual answer loses


def against_plain(prior: float, linear: bool) -> Make:
    """Three columns of two values make eight cells of known shares and chances: an expected loss is a sum of eight."""

    def make(n: int, seed: int) -> Subject:
        rng = draw(f"plain {prior}", n, seed)
        bits = rng.integers(0, 2, (3, n))
        weight = np.array([0.5, -0.4, 0.3])
        chance = 1 / (1 + np.exp(-np.log(prior / (1 - prior)) - weight @ (bits - 0.5)))
        y = rng.random(n) < chance
        columns = {f"x{i}": bits[i].astype(np.float64) for i in range(3)} | {"y": binary(y)}
        given = subject_of(columns, TWO, seed)
        rows = given.table.sample(SampleSpec(n=n))
        part, at = given.partition.part(rows), rows.position
        chance, y, cell = chance[at], y[at].astype(np.float64), (np.array([4, 2, 1]) @ bits)[at]
        blank = replace(given, predictions=predictions(rows.row_id, chance, y, part))
        runner = Runner(blank, Settings())
        models, judged = runner.give("plain_models"), runner.give("judged")
        choose = (part != BUILD) & (part != JUDGE)
        name = (
            "a linear model"
            if linear
            else min(sorted(models), key=lambda k: judged.quadratic(models[k])[choose].mean())
        )
        first = np.array([np.flatnonzero(cell == k)[0] for k in range(8)])
        p, plain, known = chance[first], models[name][first, 1], judged.usual()[0, 1]
        whole = (2 * p * (1 - p) + 2 * (known - p) ** 2).mean()
        step = np.sqrt((HALF_A_PERCENT * whole + (2 * (plain - p) ** 2).mean()) / 2)
        own = np.where(part == BUILD, 0.1 * chance + 0.9 * y, chance + step * rng.choice((-1.0, 1.0), n))
        return replace(given, predictions=predictions(rows.row_id, own, y, part))

    return make


def predictions(row_id: np.ndarray, p: np.ndarray, y: np.ndarray, part: np.ndarray) -> Predictions:
    return Predictions(row_id, np.column_stack((1 - p, p)), y, part, ("no", "yes"))


# M07: the best possible map saves exactly half a percent of the usual answer's log-loss


@cache
def factor(offset: float) -> float:
    """By how much log-odds N(offset, 1) must be multiplied: Gauss-Hermite quadrature and a root."""
    x, w = np.polynomial.hermite_e.hermegauss(80)
    z, w = x + offset, w / w.sum()
    p = 1 / (1 + np.exp(-z))
    share = float(w @ p)
    usual = -share * np.log(share) - (1 - share) * np.log(1 - share)

    def excess(k: float) -> float:
        over = p * (np.logaddexp(0, -k * z) - np.logaddexp(0, -z))
        return float(w @ (over + (1 - p) * (np.logaddexp(0, k * z) - np.logaddexp(0, z)))) - HALF_A_PERCENT * usual

    return float(brentq(excess, 1.0, 3.0))


def too_sure(offset: float, order: bool = False) -> Make:
    def make(n: int, seed: int) -> Subject:
        rng = draw(f"sure {offset} {order}", n, seed)
        given, part = bare(n, seed, order=order)
        z = rng.normal(offset, 1.0, n)
        y = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(np.float64)
        return said(given, part, 1 / (1 + np.exp(-factor(offset) * z)), y)

    return make


# M08: coverage exactly two points below the promise in one class


def short_sets(prior: float, order: bool = False) -> Make:
    def make(n: int, seed: int) -> Subject:
        rng = draw(f"short {prior} {order}", n, seed)
        given, part = bare(n, seed, order=order)
        y = (rng.random(n) < prior).astype(np.float64)
        given = said(given, part, np.full(n, prior), y)
        sets = np.ones((n, 2), bool)
        sets[(y == 1) & (rng.random(n) < 1 - PROMISED + SHORT), 1] = False
        assert given.predictions is not None
        return replace(given, predictions=replace(given.predictions, sets=sets, coverage=PROMISED))

    return make


def short_intervals(n: int, seed: int) -> Subject:
    """A number: coverage two points short in the lowest quarter of the prediction and full above."""
    rng = draw("intervals", n, seed)
    given, part = bare(n, seed, True)
    f = rng.normal(size=n)
    y = f + rng.normal(size=n)
    fresh = np.flatnonzero(part == JUDGE)
    low = np.array_split(fresh[np.argsort(f[fresh], kind="stable")], 4)[0]
    missed = low[rng.random(len(low)) < 1 - PROMISED + SHORT]
    sets = np.column_stack((y - 1, y + 1))
    sets[missed] += 2
    given = said(given, part, f, y)
    assert given.predictions is not None
    return replace(given, predictions=replace(given.predictions, sets=sets, coverage=PROMISED))


# M06: where the model has not been, a tenth of the usual answer's loss is lost


def skill(known: float, more: float) -> float:
    """A model says .5 give or take .3; by how much the truth must lie off .5 for it to lose ``more`` of what the usual
    answer ``known`` loses above what it expects itself."""
    return (0.36 - more * usual_loss(known)) / 1.2


def usual_loss(known: float) -> float:
    return 2 * ((known - 0.5) ** 2 + 0.25)


def coins(n: int, off: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """What is said, .5 give or take .3, and outcomes that lie off .5 by ``off`` in that direction."""
    side = rng.choice((-1.0, 1.0), n)
    return 0.5 + 0.3 * side, (rng.random(n) < 0.5 + off * side).astype(np.float64)


def known_share(y: np.ndarray, fold: np.ndarray) -> float:
    build = y[fold == BUILD]
    return float((build.sum() + 1) / (len(build) + 2))


def new_site(n: int, seed: int) -> Subject:
    """Half of the rows come from a site that the model never saw; all others from sites of their own."""
    rng = draw("new site", n, seed)
    here = rng.random(n) < 0.5
    name = np.where(here, "new", np.char.add("s", np.arange(n).astype(str)))
    roles = replace(TWO, site=Role(("site",)), unknown=("x",))
    given = subject_of({"x": rng.normal(size=n), "site": name, "y": binary(rng.random(n) < 0.5)}, roles, seed)
    rows = given.table.sample(SampleSpec(n=n))
    fold, here = given.partition.part(rows), here[rows.position]
    said_, y = coins(n, np.full(n, 0.3), rng)
    known = known_share(y, fold)
    fresh = here & (fold == JUDGE)
    y[fresh] = rng.random(int(fresh.sum())) < 0.5 + skill(known, 0.1) * np.sign(said_[fresh] - 0.5)
    return replace(given, predictions=predictions(rows.row_id, said_, y, np.where(here, JUDGE, fold).astype(np.int8)))


def last_period(n: int, seed: int) -> Subject:
    """The last of five periods of the judged rows."""
    rng = draw("last period", n, seed)
    given, part = bare(n, seed, order=True)
    place = given.table.sample(SampleSpec(n=n)).position
    said_, y = coins(n, np.full(n, 0.3), rng)
    known = known_share(y, part)
    fresh = np.flatnonzero(part == JUDGE)
    last = np.array_split(fresh[np.argsort(place[fresh], kind="stable")], 5)[-1]
    y[last] = rng.random(len(last)) < 0.5 + skill(known, 0.1) * np.sign(said_[last] - 0.5)
    return said(given, part, said_, y)


# M09: a slice loses a twentieth of the usual answer's loss more than it expects


def weak(protected: bool, order: bool = False) -> Make:
    def make(n: int, seed: int) -> Subject:
        rng = draw(f"weak {protected} {order}", n, seed)
        slice_ = rng.random(n) < 0.3
        columns = {f"z{i}": rng.normal(size=n) for i in range(3)} | {
            "x": binary(slice_),
            "y": binary(rng.random(n) < 0.5),
        }
        roles = replace(TWO, protected=Role(("x",)) if protected else None, order=Role(("@row",)) if order else None)
        given = subject_of(columns, roles, seed)
        rows = given.table.sample(SampleSpec(n=n))
        part, inside = given.partition.part(rows), slice_[rows.position]
        said_, y = coins(n, np.full(n, 0.3), rng)
        known = known_share(y, part)
        fresh = inside & (part == JUDGE)
        y[fresh] = rng.random(int(fresh.sum())) < 0.5 + skill(known, 0.05) * np.sign(said_[fresh] - 0.5)
        return replace(given, predictions=predictions(rows.row_id, said_, y, part))

    return make


def weak_number(n: int, seed: int) -> Subject:
    rng = draw("weak number", n, seed)
    slice_ = rng.random(n) < 0.3
    roles = Roles(Role(("y",)), "regression", protected=Role(("x",)))
    f = rng.normal(size=n)
    noise = rng.normal(size=n)
    given = subject_of({"x": binary(slice_), "y": f + noise}, roles, seed)
    rows = given.table.sample(SampleSpec(n=n))
    part, at = given.partition.part(rows), rows.position
    f, noise, inside = f[at], noise[at], slice_[at]
    known = float((f + noise)[part == BUILD].mean())
    wide = np.sqrt((1 + 0.05 * (1.7 + known**2)) / (1 - 0.05 * 0.3))
    y = f + noise * np.where(inside & (part == JUDGE), wide, 1.0)
    return replace(given, predictions=Predictions(rows.row_id, f, y, part, ()))


# M13: what is left to win is exactly what the judged rows would show


def worn(n: int, seed: int) -> Subject:
    """Outcomes by chance, which no plain model knows; the model errs in as many of the judged rows as would show."""
    rng = draw("worn", n, seed)
    x, outcome = rng.normal(size=n), rng.random(n) < 0.5
    given = subject_of({"x": x, "y": binary(outcome)}, TWO, seed)
    rows = given.table.sample(SampleSpec(n=n))
    part, y = given.partition.part(rows), outcome[rows.position].astype(np.float64)
    share = 2 * POWERED**2 / int((part == JUDGE).sum())
    wrong = rng.random(n) < share
    return replace(given, predictions=predictions(rows.row_id, np.where(wrong, 0.9 - 0.8 * y, 0.1 + 0.8 * y), y, part))


# M16: decisions that save exactly a twentieth of what could be saved, and a threshold that throws a twentieth away


def worthless(prior: float, miss: float, order: bool = False) -> Make:
    def make(n: int, seed: int) -> Subject:
        """The model acts on rows at random."""
        rng = draw(f"worthless {prior} {order}", n, seed)
        given, part = bare(n, seed, order=order)
        acts = rng.random(n) < 0.05 * miss * prior / (miss * prior - (1 - prior))
        y = (rng.random(n) < prior).astype(np.float64)
        return priced(said(given, part, np.where(acts, 0.9, 1e-4), y), miss)

    return make


def priced(given: Subject, miss: float) -> Subject:
    """A false alarm costs one."""
    return replace(given, evidence={"costs": costs_of(Question(cost_false_alarm=1.0, cost_miss=miss), given.roles)})


def threshold_off(n: int, seed: int) -> Subject:
    """A miss costs three: rows said .4, of which half come true, are left alone at .5."""
    rng = draw("threshold", n, seed)
    given, part = bare(n, seed)
    middle = rng.random(n) < 0.0075 / (1 - 0.15 * 0.45)
    y = (rng.random(n) < np.where(middle, 0.5, 0.05)).astype(np.float64)
    return priced(said(given, part, np.where(middle, 0.4, 0.05), y), 3.0)


MODEL_CASES = (
    Case("M01", against_plain(0.5, False), {"best plain model, even": every}, REFITS),
    Case("M01", against_plain(0.1, False), {"best plain model, one in ten": every}, REFITS),
    Case("M05", usual_class(0.4), {"usual answer, even": compared("usual")}),
    Case("M05", usual_class(0.05), {"usual answer, one in twenty": compared("usual")}),
    Case("M05", usual_class(0.2, True), {"usual answer, in order": compared("usual")}),
    Case("M05", usual_number, {"usual answer, heavy tail": compared("usual")}),
    Case("M05", against_plain(0.3, True), {"linear model": compared("linear")}, REFITS),
    Case("M07", too_sure(0.0), {"Platt, even": compared("Platt"), "steps, even": compared("isotonic")}),
    Case("M07", too_sure(-3.0), {"Platt, rare": compared("Platt"), "steps, rare": compared("isotonic")}),
    Case("M07", too_sure(0.0, True), {"Platt, in order": compared("Platt")}),
    Case("M08", short_sets(0.5), {"one class of two": sliced("class yes")}),
    Case("M08", short_sets(0.1), {"one in ten": sliced("class yes")}),
    Case("M08", short_sets(0.5, True), {"in order": sliced("class yes")}),
    Case("M08", short_intervals, {"lowest quarter of a number": sliced("quarter 1 of the prediction")}),
    Case("M06", new_site, {"a new site": sliced("site new")}),
    Case("M06", last_period, {"the last period": sliced("period 5 of 5")}),
    Case("M09", weak(True), {"protected level": sliced("x is yes")}),
    Case("M09", weak(False), {"searched slice": sliced("x is yes")}),
    Case("M09", weak(True, True), {"protected level, in order": sliced("x is yes")}),
    Case("M09", weak_number, {"protected level, a number": sliced("x is yes")}),
    Case("M13", worn, {"errors that just show": every}, (0, 200, 200)),
    Case("M16", worthless(0.5, 3.0), {"doing nothing, even": compared("doing nothing")}),
    Case("M16", worthless(0.05, 40.0), {"doing nothing, rare": compared("doing nothing")}),
    Case("M16", worthless(0.5, 3.0, True), {"doing nothing, in order": compared("doing nothing")}),
    Case("M16", threshold_off, {"threshold in use": compared("in use")}),
)  # fmt: skip
