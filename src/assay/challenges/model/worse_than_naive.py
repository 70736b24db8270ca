"""The model loses to a rule of thumb.

What it is
    A guess that anyone could make, without the model, is right more often than the model: always the commonest answer,
    a straight line, the last answer again.

Why it matters
    Then the model earns nothing, and costs its keep. On streams this is easily missed: a model of electricity prices
    with a respectable accuracy still lost to "same as half an hour ago".

How it is measured
    Per-row Brier loss (classes) or squared error (numbers) of the model and of each naive rule, on the same judged
    rows: *the usual answer* (class shares or mean of the build rows); *a linear model* of the columns that no leak
    rule suspects; with a time order, *the answer just before* (shares of each answer after the answers of the latest
    earlier moment; a number is pulled towards the mean as far as the build rows ask for); with order and group, *the
    last answer of the same group*. The effect is what the model loses more, as a share of what the usual answer loses
    (a difference of R2, or of Brier's skill): a Fieller t interval over rows, or over 30 time blocks or the groups
    where rows are not independent. Fewer than 30 judged rows (100 of numbers), or than 10
    outside the commonest class, are not compared.

Example
    >>> import numpy as np
    >>> from assay.stats.ratios import ratio_interval
    >>> model, naive = np.tile([0.5, 0.7], 50), np.tile([0.4, 0.6], 50)
    >>> bool(ratio_interval(model - naive, naive, 0.05)[0] > 0.005)
    True

Remedy
    Advice only: use the rule, or give it to the model as a column.

Known false alarms
    "The answer just before" is naive only where that answer is known when the question is asked. Where outcomes arrive
    late, read its line as: knowing the last outcome would be worth more than the model.

Sources
    Zliobaite et al., "Evaluation methods and decision theory for classification of streaming data with temporal
    dependence", Machine Learning 98 (2015); Hyndman and Athanasopoulos, Forecasting (2021), section 5.2;
    Fieller, JRSS B 16 (1954).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError
from assay.core.subject import Planted, Subject
from assay.core.table import F64, I64, SampleSpec
from assay.learn.target import labels as read_labels
from assay.probes.judged import Judged, positions
from assay.probes.order import moments
from assay.stats.ratios import ratio_above, ratio_interval

CHALLENGE = Challenge(
    code="M05",
    name="worse-than-naive",
    title="the model loses to a rule of thumb",
    stage="model",
    needs=("target", "predictions"),
    category="costs",
    scope="model",
    promise=Dose(0.8, 3_000, "four fifths of the answers shuffled"),
    materiality=(
        Threshold(
            "loss",
            0.005,
            "share of naive loss",
            "half a percent of what knowing nothing loses; a repair that brings less is not kept",
        ),
    ),
)
FEWEST = 30
LINEAR = "a linear model"


def measure(subject: Subject, judged: Judged, plain_models: Mapping[str, F64], options: Options) -> Iterator[Claim]:
    fresh, build = judged.judge, judged.build
    if len(build) < FEWEST or not judged.enough(fresh):
        return
    rules = {"the usual answer": judged.usual()}
    if LINEAR in plain_models:
        rules[LINEAR] = plain_models[LINEAR]
    rules |= before(subject, judged, build)
    for name, output in rules.items():
        yield compare(name, judged, judged.quadratic(output)[fresh], options["loss"])


def compare(name: str, judged: Judged, naive: F64, most: float) -> Claim:
    fresh = judged.judge
    own, usual = judged.quadratic()[fresh], judged.quadratic(judged.usual())[fresh]
    more, whole = judged.by_unit(fresh, own - naive), judged.by_unit(fresh, usual)
    loss, least = float(own.mean()), float(naive.mean())
    lost = (loss - least) / max(float(usual.mean()), 1e-12)

    def bound(alpha: float) -> tuple[float, float]:
        return ratio_interval(more, whole, alpha)

    return Claim(
        About(comparison=f"model against {name}"),
        Effect(lost, "share of naive loss", most, bound),
        "test",
        f"the model loses {loss:.3g} a row and {name} {least:.3g}, on the same {len(own):,} rows",
        len(own),
        p=ratio_above(more, whole, most),
        family="challenge",
        impact=Impact("costs", lost, bound(0.05), "share of naive loss"),
        evidence={
            "units": judged.units,
            "chart": {
                "kind": "bars", "title": f"Loss of the model and of {name}", "x": ["the model", name],
                "y": [loss, least], "x_title": "", "y_title": "loss per row",
            },
        },
    )  # fmt: skip


def before(subject: Subject, judged: Judged, build: I64) -> dict[str, F64]:
    """Forecasts from earlier answers, for subjects with an order; rows without one get the usual answer."""
    roles = subject.roles
    if roles.order is None or not np.isfinite(judged.order).any():
        return {}
    columns = [n for role in ("target", "order", "group") for n in roles.named(role) if n != "@row"]
    history = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows), columns=tuple(columns)))
    truth = read_labels(history, roles)
    time = moments(subject, history)
    at = positions(history, judged.rows.row_id)
    use = np.flatnonzero(truth.known & np.isfinite(time))
    value = np.eye(judged.classes)[truth.y[use].astype(int)] if judged.classes else truth.y[use][:, None]
    out = {}
    keys = {"the answer just before": np.zeros(history.n, np.int64)}
    if roles.group is not None:
        keys["the last answer of the same group"] = history.codes(roles.group.column)[0].astype(np.int64)
    for name, key in keys.items():
        last = latest(key[use], time[use], value, key[at], np.where(at >= 0, time[at], np.nan))
        out[name] = forecast(judged, build, last)
    return out


def latest(key: I64, time: F64, value: F64, key_at: I64, time_at: F64) -> F64:
    """Mean value (k columns) at the latest strictly earlier moment of the same key; NaN where there is none."""
    moments, inverse = np.unique(np.column_stack((key.astype(np.float64), time)), axis=0, return_inverse=True)
    inverse = inverse.ravel()
    count = np.bincount(inverse, minlength=len(moments))
    mean = np.column_stack([np.bincount(inverse, v, len(moments)) / np.maximum(count, 1) for v in value.T])
    ranks = np.unique(np.concatenate((time, time_at[np.isfinite(time_at)])))
    span = float(len(ranks) + 1)
    place = key_at * span + np.searchsorted(ranks, np.where(np.isfinite(time_at), time_at, -np.inf))
    index = np.searchsorted(moments[:, 0] * span + np.searchsorted(ranks, moments[:, 1]), place) - 1
    found = (index >= 0) & (moments[np.maximum(index, 0), 0] == key_at) & (key_at >= 0) & np.isfinite(time_at)
    return np.where(found[:, None], mean[np.maximum(index, 0)], np.nan)


def forecast(judged: Judged, build: I64, last: F64) -> F64:
    """From the last answer to a forecast: shares that followed it, or a line through (last, next), on build rows."""
    plain = judged.usual()
    known = np.isfinite(last[:, 0])
    learn = build[known[build]]
    if len(learn) < FEWEST:
        return plain
    if judged.classes:
        follows = last[learn].T @ np.eye(judged.classes)[judged.y[learn].astype(int)] + plain[0]
        made = np.nan_to_num(last) @ (follows / follows.sum(1, keepdims=True))
        return np.where(known[:, None], made, plain)
    x, y = last[learn, 0], judged.y[learn]
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread if spread > 0 else 0.0
    return np.where(known, y.mean() + slope * (np.nan_to_num(last[:, 0]) - x.mean()), plain)


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Shuffle the answers of a share ``dose`` of the rows among themselves."""
    given = subject.predictions
    if given is None:
        raise InputError("worse-than-naive is planted in predictions; the subject has none")
    hit = np.flatnonzero(rng.random(len(given.y)) < dose)
    output = given.output.copy()
    output[hit] = output[rng.permutation(hit)]
    return Planted(replace(subject, predictions=replace(given, output=output)), (), dose)
