"""Neutral, library-free forms of everything that predicts: what the graph writer lowers and a test can replay.

A prediction is: raw row -> recipe ops -> ``EncoderSpec`` (float32 features) -> members (weighted mean of
probabilities or values) -> calibration -> prediction set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.core.aim import Aim, aim_of
from assay.core.costs import Costs
from assay.core.table import F64, I32

How = Literal["number", "codes", "target-mean", "hour", "weekday", "day", "month", "yearday", "word", "indicator"]
Link = Literal["identity", "sigmoid", "softmax", "exp"]
Family = Literal["lightgbm", "xgboost", "catboost", "additive", "linear", "network", "extra-trees", "tree"]


@dataclass(frozen=True, slots=True)
class Feature:
    """One float32 feature made of one column (after recipe ops).

    number       float32(value - shift), null and infinite NaN (bool 0/1, clock in minutes, date in epoch seconds)
    codes        index of the value among ``levels``; null and unseen NaN
    target-mean  ``values[i]`` for level i; null and unseen NaN
    hour         hour of day of a date, with fraction;  weekday: 0 Monday .. 6
    day          day of the month from 1;  month: 1 to 12;  yearday: day of the year from 1 (``learn.calendar``)
    word         1 where the text holds the word ``levels[0]``, or the words of ``levels`` side by side, else 0; a null
                 text holds none (``learn.prose``)
    indicator    1 where null, else 0
    """

    name: str
    column: str
    how: How
    shift: float = 0.0
    levels: tuple[str, ...] = ()
    values: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """Features in order. ``columns`` are (name, kind) of every raw column that the graph takes as input."""

    columns: tuple[tuple[str, str], ...]
    features: tuple[Feature, ...]

    @property
    def categorical(self) -> tuple[int, ...]:
        return tuple(i for i, f in enumerate(self.features) if f.how == "codes")


@dataclass(frozen=True)
class Tree:
    """Node arrays; node 0 is the root. A leaf has ``feature`` -1.

    numeric split: left where x <= threshold (float32 compare); categorical: left where code in ``members[node]``.
    NaN goes left where ``nan_left``.
    """

    feature: I32
    threshold: NDArray[np.float32]
    left: I32
    right: I32
    nan_left: NDArray[np.bool_]
    value: F64
    members: dict[int, I32]


@dataclass(frozen=True)
class Forest:
    """Sum of trees into raw outputs, then the link. ``output[i]`` is the raw output that tree i adds to.

    ``values`` of a probability forest (ExtraTrees) already hold weights / n_trees and link identity.
    """

    trees: tuple[Tree, ...]
    output: I32
    base: F64
    link: Link


@dataclass(frozen=True)
class Term:
    """One input of a linear model: a scaled number (null -> 0), a null flag, or one level of a coded feature."""

    feature: int
    kind: Literal["number", "null", "level"]
    mean: float = 0.0
    scale: float = 1.0
    level: int = -1


@dataclass(frozen=True)
class Linear:
    """link(sum over terms of x * weight + intercept); weights (terms, outputs)."""

    terms: tuple[Term, ...]
    weights: F64
    intercept: F64
    link: Link


@dataclass(frozen=True)
class Network:
    """link(mean over nets of the last layer). The first layer takes the squashed terms; hidden ones are rectified.

    ``weights[k]`` (nets, in, out) and ``biases[k]`` (nets, 1, out) of layer k.
    """

    terms: tuple[Term, ...]
    weights: tuple[F64, ...]
    biases: tuple[F64, ...]
    link: Link


Form = Forest | Linear | Network


def size_of(form: Form) -> int:
    """Bytes of a form as it is held: 24 a node of a tree, 8 a weight."""
    if isinstance(form, Forest):
        return 24 * sum(len(t.feature) for t in form.trees)
    return 8 * (form.weights.size if isinstance(form, Linear) else sum(w.size for w in form.weights + form.biases))


@dataclass(frozen=True, slots=True)
class Calibration:
    """binary: p -> sigmoid(a * logit(p) + b); multiclass: softmax(log(p) * a); regression: none (a=1, b=0)."""

    kind: Literal["none", "platt", "temperature"]
    a: float = 1.0
    b: float = 0.0


@dataclass(frozen=True, slots=True)
class Cells:
    """Quantiles by group: ``table`` maps coverage -> one q (as ``Conformal.q``) for each of ``levels``.

    ``column`` is a raw column, before recipe ops; null and other levels take the q of all rows.
    """

    column: str
    levels: tuple[str, ...]
    table: tuple[tuple[float, tuple[tuple[float, ...], ...]], ...]


@dataclass(frozen=True, slots=True)
class Steps:
    """Venn-Abers: a probability in [edges[i], edges[i + 1]) has the interval [low[i], high[i]] (``stats.venn_abers``).

    ``edges`` begin with 0; every bin holds at least five calibration rows.
    """

    edges: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Conformal:
    """Class-conditional sets: class k is in the set where p_k >= 1 - q[k]. Regression: value +- q[0].

    ``table`` maps coverage -> q, for ``predict_set(coverage=)``; ``coverage`` is the default that the graph emits.
    ``cells``: groups that have quantiles of their own. ``band``, regression only: the set is middle +- max(0, half +
    q[0]). Of two raw outputs, a low and a high quantile of the target, these are the middle and half of the distance;
    one raw output is the half, and the middle is the prediction.
    """

    coverage: float
    q: tuple[float, ...]
    table: tuple[tuple[float, tuple[float, ...]], ...] = ()
    cells: Cells | None = None
    band: Forest | None = None


@dataclass(frozen=True)
class Member:
    """One model of the ensemble. ``native`` is the trained learner: while training only, never stored."""

    name: str
    family: Family
    weight: float
    form: Form
    native: Any = None


@dataclass(frozen=True)
class Assembly:
    """All that a prediction needs, and all that the graph is made of."""

    task: Literal["binary", "multiclass", "regression"]
    classes: tuple[str, ...]
    spec: EncoderSpec
    members: tuple[Member, ...]
    calibration: Calibration
    conformal: Conformal
    steps: Steps | None = None  # intervals of the probability of the positive class
    said: Aim | None = None
    costs: Costs | None = None  # what every action costs for every class: the action of a row follows from them

    @property
    def aim(self) -> Aim:
        """What a prediction is meant to be."""
        return self.said or aim_of(self.task)
