"""A model of a tenth of the size would do as well.

What it is
    The model takes many times the bytes of a small boosted model of the same columns, and the small one loses next to
    nothing against it.

Why it matters
    Size is memory in every worker, time at every start, and energy with every prediction. It is paid as long as the
    model serves, and here nothing is bought with it.

How it is measured
    The size of the model is that of its file or graph; of trees that are not packed yet, 24 bytes a node. Against it
    stands a boosted model of 60 rounds of at most 7 leaves a class, trained on the build rows with the columns that no
    leak rule suspects: 13 nodes a tree. The effect is how many times the small one's bytes the model takes, where these
    bytes are idle: where the small one loses at most ``price`` more on the judged rows, as a share of what the usual
    answer loses (Fieller's t over rows, time blocks or groups; tested is whether it loses more). A model whose size
    nobody knows (a live object) is not asked.

Example
    >>> import numpy as np
    >>> from assay.stats.ratios import ratio_above
    >>> model, small = np.tile([0.10, 0.30, 0.20], 300), np.tile([0.11, 0.29, 0.20], 300)
    >>> bool(ratio_above(model - small, np.full(900, 0.5), -0.005) < 0.01)
    True

Remedy
    Advice only: take the small model.

Known false alarms
    Where the model answers more than the target alone (several outputs, explanations), its size has other reasons.

Sources
    Strubell, Ganesh and McCallum, "Energy and policy considerations for deep learning in NLP", ACL (2019); Schwartz et
    al., "Green AI", Communications of the ACM 63 (2020); Fieller, JRSS B 16 (1954).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError, NotApplicable
from assay.core.subject import BUILD, Planted, Subject, Through
from assay.core.table import F64, SampleSpec
from assay.learn.encoded import encoded
from assay.learn.encoder import encode
from assay.learn.learners import train
from assay.learn.target import labels as read_labels
from assay.probes.judged import Judged
from assay.probes.plain_models import FEWEST_ROWS, SMALL, SMALL_ROUNDS, small
from assay.stats.ratios import ratio_above, ratio_interval

CHALLENGE = Challenge(
    code="M15",
    name="oversized",
    title="a model of a tenth of the size would do as well",
    stage="model",
    needs=("target", "predictions", "model", "feature"),
    category="tidy",
    scope="model",
    promise=Dose(30.0, 3_000, "a model of thirty times the bytes of one that predicts the same"),
    materiality=(
        Threshold("times", 10.0, "times the bytes", "an order of magnitude: less does not change what serves it"),
        Threshold(
            "price",
            0.005,
            "share of naive loss",
            "half a percent of what knowing nothing loses; a repair that brings less is not kept",
        ),
    ),
)
NODE, NODES = 24, 13  # bytes a node; nodes of a tree of 7 leaves


def measure(subject: Subject, judged: Judged, plain_models: Mapping[str, F64], options: Options) -> Iterator[Claim]:
    assert subject.model is not None
    size = subject.model.size
    if size is None:
        raise NotApplicable("nobody knows the size of a live object: give the file that it is served from")
    fresh = judged.judge
    if SMALL not in plain_models or not judged.enough(fresh):
        return
    times = size / small_size(judged.classes)
    own, rival = judged.quadratic()[fresh], judged.quadratic(plain_models[SMALL])[fresh]
    usual = judged.quadratic(judged.usual())[fresh]
    here, there = judged.by_unit(fresh, rival - own), judged.by_unit(fresh, usual)
    price = options["price"]
    more = float((rival - own).mean()) / max(float(usual.mean()), 1e-12)

    def bound(alpha: float) -> tuple[float, float]:
        """Bytes count as idle as far as the small model can be said to lose nothing material."""
        lo, hi = ratio_interval(here, there, alpha)
        return (times if hi <= price else min(times, 1.0)), (times if lo <= price else min(times, 1.0))

    lo, hi = ratio_interval(here, there, 0.05)
    yield Claim(
        About(comparison=f"model against {SMALL}"),
        Effect(times if more <= price else min(times, 1.0), "times the bytes", options["times"], bound),
        "test",
        f"of {size / 1000:,.0f} kB, {small_size(judged.classes) / 1000:,.0f} would do: {SMALL} loses {more:+.2%} of "
        f"what the usual answer loses ({lo:+.2%} to {hi:+.2%})",
        len(fresh),
        p=ratio_above(-here, there, -price) if times > options["times"] else 1.0,
        family="challenge",
        impact=Impact("tidy", times, (times, times), "times the bytes"),
        evidence={"bytes": int(size), "times": times, "loses": more, "interval": [lo, hi], "units": judged.units},
    )


def small_size(classes: int) -> int:
    """Bytes of the small boosted model; two classes share a tree."""
    return NODE * NODES * SMALL_ROUNDS * (classes if classes > 2 else 1)


@dataclass(frozen=True)
class Heavy(Through):
    """A model that predicts as another, and weighs so many bytes."""

    bytes: float

    @property
    def size(self) -> float:
        return self.bytes


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Let the model predict as a small boosted one of the build rows does, and weigh ``dose`` times as much."""
    given = subject.predictions
    if given is None or subject.model is None:
        raise InputError("an oversized model is planted in a model; the subject has none")
    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    truth = read_labels(rows, subject.roles)
    build = np.flatnonzero(truth.known & (subject.partition.part(rows) == BUILD))
    if len(build) < FEWEST_ROWS or len(np.unique(truth.y[build])) < 2:
        raise InputError(f"an oversized model is planted from {FEWEST_ROWS} training rows with two target values on")
    order = subject.roles.order.column if subject.roles.order else None
    spec, data = encoded(rows, subject.features, truth, build, order=order)
    if not spec.features:
        raise InputError("an oversized model is planted where a column tells something; none does")
    made = train(small(data), data, seed=0, rounds=SMALL_ROUNDS).predict(encode(spec, rows))
    output = made[np.searchsorted(rows.row_id, given.row_id)]
    heavy = Heavy(subject.model, dose * small_size(given.output.shape[1] if given.output.ndim == 2 else 0))
    return Planted(replace(subject, predictions=replace(given, output=output), model=heavy), (), dose)
