"""A model that can be read would do as well.

What it is
    Nobody can follow how the model comes to its answers, and a linear model or a tree of at most 16 leaves, which
    anybody can follow, loses next to nothing against it.

Why it matters
    A model that can be read is checked by those who know the matter, explained to those it decides about, and mended
    where it is wrong. That is worth paying for, and here it costs nothing.

How it is measured
    A linear model and a tree of at most 16 leaves are trained on the build rows, with the columns that no leak rule
    suspects; the better one on the choose rows is compared with the model on the judged rows, paired, by Brier's loss
    or squared error. The effect is what the model saves against it, with the sign turned: -0.2 % says that the
    readable model loses 0.2 % more of what the usual answer loses. Tested is whether it loses more than ``price``, by
    Fieller's t over rows, time blocks or groups; the interval is the price of readability.
    A model that can be read gives no finding, and is told by its answers alone. Cells of two rows are mixed: where
    columns contribute each for itself, the answers to a mixture and to the other half of the cells add up to those to
    the two rows, on the scale of log-odds or of the answer itself. So do linear models, scorecards and additive models,
    whoever made them. A tree of few leaves is told by at most 16 different answers that a tree can repeat. Of a model
    to which the linear model is better, M05 speaks.
    With a finding stands what the model goes by: how much loss it adds when columns are swapped between rows
    (correlated ones together), the floor that chance reaches, from turning the signs of the rows' differences 200
    times, whether the first of them is the same on both halves of the rows, and which share of what moves the answers
    is no sum over columns.

Example
    >>> import numpy as np
    >>> from assay.stats.ratios import ratio_above
    >>> model, readable = np.tile([0.10, 0.30, 0.20], 300), np.tile([0.11, 0.29, 0.20], 300)
    >>> bool(ratio_above(model - readable, np.full(900, 0.5), -0.005) < 0.01)
    True

Remedy
    Advice only: take the readable model.

Known false alarms
    A model that a person can read though it is neither additive nor a small tree (a list of rules, two trees). Where
    the model was given columns that a leak rule suspects, the readable one goes without them, and the price is too
    high, never too low.

Sources
    Rudin, "Stop explaining black box machine learning models for high stakes decisions", Nature Machine Intelligence 1
    (2019); Breiman, Machine Learning 45 (2001) and Fisher, Rudin and Dominici, JMLR 20 (2019) for permutation
    importance; Sobol, Mathematics and Computers in Simulation 55 (2001) for shares of sums over columns; Fieller, JRSS
    B 16 (1954). Local surrogates (LIME) are left out: another draw gives other reasons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError, NotApplicable
from assay.core.subject import BUILD, JUDGE, Planted, Predictions, Subject, Through
from assay.core.table import F64, NUMERIC, Mask, Sample, SampleSpec
from assay.probes.asked import answers, apart, relied
from assay.probes.judged import Judged
from assay.probes.plain_models import LINEAR, TREE
from assay.probes.readable import additive, few_answers, grounds, price_of
from assay.stats.ratios import ratio_above, ratio_interval

CHALLENGE = Challenge(
    code="M10",
    name="black-box",
    title="a model that can be read would do as well",
    stage="model",
    needs=("target", "predictions", "model", "feature"),
    category="tidy",
    scope="model",
    promise=Dose(0.1, 20_000, "the log-odds of each row moved by 0.1 either way, as no column alone says"),
    materiality=(
        Threshold(
            "price",
            0.005,
            "share of naive loss",
            "half a percent of what knowing nothing loses; a repair that brings less is not kept",
        ),
    ),
    refits=True,
)
FEWEST = 30
ROWS = 2_000  # that the model is asked for with a finding
EVIDENCE = 0.05  # p above which nothing can be found, and the model is not asked what it goes by


def measure(subject: Subject, judged: Judged, plain_models: Mapping[str, F64], options: Options) -> Iterator[Claim]:
    fresh = judged.judge
    known = {name: plain_models[name] for name in (LINEAR, TREE) if name in plain_models}
    if not known or len(judged.build) < FEWEST or not judged.enough(fresh) or subject.model is None:
        return
    if additive(subject.model, judged, subject.features, subject.rng("M10", "mix")).exact:
        raise NotApplicable("the model can be read: what the columns contribute adds up to its answers")
    if few_answers(subject.model, judged, subject.features, subject.rng("M10", "deal")):
        raise NotApplicable("the model can be read: it gives at most 16 answers, as a small tree does")
    choose = np.flatnonzero((judged.fold != JUDGE) & (judged.fold != BUILD))
    on = choose if len(choose) >= FEWEST else judged.build
    name = min(sorted(known), key=lambda k: float(judged.quadratic(known[k])[on].mean()))
    own, plain = judged.quadratic()[fresh], judged.quadratic(known[name])[fresh]
    usual = judged.quadratic(judged.usual())[fresh]
    price = options["price"]
    spared = float((own - plain).mean()) / max(float(usual.mean()), 1e-12)
    if spared > price and name == LINEAR:
        raise NotApplicable("a linear model does better than the model: M05 looks at that")
    here, there = judged.by_unit(fresh, own - plain), judged.by_unit(fresh, usual)
    p = ratio_above(here, there, -price)

    def bound(alpha: float) -> tuple[float, float]:
        return ratio_interval(here, there, alpha)

    lo, hi = bound(0.05)
    yield Claim(
        About(comparison=f"model against {name}"),
        Effect(spared, "share of naive loss", -price, bound),
        "test",
        f"{name}, which can be read, does as well: taking it costs {-spared:+.2%} of what the usual answer loses "
        f"({-hi:+.2%} to {-lo:+.2%})",
        len(fresh),
        p=p,
        family="challenge",
        impact=Impact("tidy", spared, (lo, hi), "share of naive loss"),
        evidence={
            "price": {k: price_of(judged, own, judged.quadratic(v)[fresh], usual) for k, v in known.items()},
            "readable": name, "units": judged.units,
            **(goes_by(subject, judged) if p <= EVIDENCE else {}),
        },
    )  # fmt: skip


def goes_by(subject: Subject, judged: Judged) -> dict[str, Any]:
    assert subject.model is not None
    rng = subject.rng("M10", "grounds")
    return grounds(subject.model, judged, relied(subject.model, judged, subject.features, rng, ROWS), rng)


@dataclass(frozen=True)
class Veiled(Through):
    """A model whose answers are moved up or down by ``step`` (log-odds, or values), as the parity of all cells says:
    no column by itself tells which way."""

    step: float
    columns: tuple[str, ...]

    def predict_rows(self, rows: Sample) -> F64:
        made = np.asarray(self.inner.predict_rows(rows), np.float64)
        turn = np.where(parity(rows, self.columns), self.step, -self.step)
        if made.ndim == 1:
            return made + turn
        odds = np.log(np.clip(made, 1e-12, 1.0))
        odds[:, -1] += turn
        odds = np.exp(odds - odds.max(1, keepdims=True))
        return np.asarray(odds / odds.sum(1, keepdims=True))


def parity(rows: Sample, columns: tuple[str, ...]) -> Mask:
    """Whether an odd number of the cells of a row have an odd hash."""
    odd = np.zeros(rows.n, bool)
    kinds = {c.name: c.kind for c in rows.columns}
    for name in columns:
        if kinds[name] in NUMERIC:
            bits = np.nan_to_num(rows.numbers(name), nan=-1.0).view(np.uint64)
            odd ^= (bits * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(63)).astype(bool)
        else:
            codes, levels = rows.codes(name)
            odd ^= np.array([sum(v.encode()) % 2 == 1 for v in levels] + [False])[codes]
    return odd


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Veil a model that can be read: move every answer by ``dose`` up or down (log-odds of the last class, or shares of
    the spread of a number), as the parity of a row's cells says."""
    given = subject.predictions
    if given is None or subject.model is None:
        raise InputError("black-box is planted in a model; the subject has none")
    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    columns = subject.features
    at = np.searchsorted(rows.row_id, given.row_id)
    said = answers(subject.model, rows)[at]
    known = np.isfinite(given.y)
    size = dose if said.ndim == 2 else dose * float(given.y[known].std())
    models = [Veiled(subject.model, turn, columns) for turn in (size, -size)]
    made = [answers(m, rows)[at] for m in models]
    truth = np.eye(said.shape[1])[given.y[known].astype(int)] if said.ndim == 2 else given.y[known][:, None]
    plain, *lost = (float(apart(m[known].reshape(truth.shape), truth).mean()) for m in (said, *made))
    worse = int(lost[1] > lost[0])  # the way that costs, rather than helps by chance: what is veiled is worth nothing
    usual = float(apart(truth, np.broadcast_to(truth.mean(0), truth.shape)).mean())
    output: Predictions = replace(given, output=made[worse])
    effect = (lost[worse] - plain) / usual if usual > 0 else 0.0
    return Planted(replace(subject, predictions=output, model=models[worse]), (), effect)
