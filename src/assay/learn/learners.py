"""Learners behind one small face: train on float32 features, predict probabilities (n, classes) or values (n,).

LightGBM with early stopping, regularised linear models on the terms of ``forms.Linear``, ExtraTrees with a leaf floor
and a size cap, and a tree of at most 16 leaves that a person can read. All are deterministic for a seed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from assay.core.aim import Aim, aim_of
from assay.core.subject import Task
from assay.core.table import F64, I64

from .budget import MOST_WORK, leading, plan
from .families import FAMILIES
from .forms import Family, Form
from .limits import Limits

F32 = NDArray[np.float32]
MOST_ROUNDS = 3000
# Of a class with few rows a leaf holds next to no curvature, and a step is divided by it: rare classes then get wild
# scores (of 40 classes, some of one row: log-loss 6.6, and .1 with this floor, which is XGBoost's min_child_weight).
LEAST_HESSIAN, RARE = 1.0, 20  # rows of the rarest class: under the rows of a leaf, no leaf can be its own


class Predictor(Protocol):
    """What ``quick`` and ``train`` give: ``predict(X)`` is (n, classes) probabilities, or (n,) values."""

    def predict(self, X: F32) -> F64: ...


@dataclass(frozen=True)
class Config:
    """One candidate: a family, its name in reports, and parameters that replace the family's defaults."""

    name: str
    family: Family
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Data:
    """Training rows: features, target (class index or value), task, number of outputs and set-valued features."""

    X: F32
    y: F64
    task: Task
    outputs: int
    categorical: tuple[int, ...] = ()
    weight: F64 | None = None
    said: Aim | None = None
    columns: tuple[str, ...] = ()  # the column of each feature, where boosters are to practise with missing ones
    limits: Limits | None = None

    @property
    def aim(self) -> Aim:
        """What is to be predicted, and so what training minimises."""
        return self.said or aim_of(self.task)


class Trained(Protocol):
    """A trained model. ``rounds`` is the size found by early stopping (0 where the family has none)."""

    @property
    def rounds(self) -> int: ...
    @property
    def native(self) -> Any: ...
    def predict(self, X: F32) -> F64: ...
    def form(self) -> Form: ...


@runtime_checkable
class Staged(Protocol):
    """A model that grew round by round, asked as it was after fewer or more rounds than it kept."""

    @property
    def grown(self) -> int:
        """Rounds that were trained: those kept, and those that early stopping waited for."""
        ...

    def staged(self, X: F32, rounds: int) -> F64: ...


@dataclass(frozen=True)
class Run:
    """How one training goes: see ``train``."""

    seed: int
    threads: int = 1
    valid: tuple[F32, F64] | None = None
    rounds: int | None = None
    deadline: float | None = None

    @property
    def watched(self) -> tuple[F32, F64] | None:
        """The rows that stop it early; None where the number of rounds is fixed or nothing stops it."""
        return self.valid if self.rounds is None else None

    @property
    def late(self) -> bool:
        return self.deadline is not None and time.process_time() > self.deadline


@dataclass(frozen=True)
class Rounds:
    """A model that grew round by round: what it predicts is what it said after the rounds that were kept."""

    native: Any
    task: Task
    rounds: int

    def predict(self, X: F32) -> F64:
        return self.staged(X, self.rounds)

    def staged(self, X: F32, rounds: int) -> F64:
        """See ``Staged``."""
        raise NotImplementedError


def train(
    config: Config,
    data: Data,
    *,
    seed: int,
    threads: int = 1,
    valid: tuple[F32, F64] | None = None,
    rounds: int | None = None,
    deadline: float | None = None,
) -> Trained:
    """Train one candidate.

    ``valid`` stops boosting early; ``rounds`` fixes the number of rounds instead. ``deadline`` is a value of
    ``time.process_time()`` at which boosting is cut off: ``TimeUp`` is then raised, never a half-trained model.
    """
    traits = FAMILIES[config.family]
    if traits.boosted and data.columns:
        from .masking import with_masked_copies

        data = with_masked_copies(data, seed)
    made: Trained = _module(config).train(config, data, Run(seed, threads, valid, rounds, deadline))
    return made


def foresee(config: Config, data: Data, *, seed: int) -> float | None:
    """CPU seconds that a training would take; None of families that the clock can stop and that cost little."""
    if not FAMILIES[config.family].foreseen:
        return None
    return float(_module(config).expected_seconds(config, replace(data, columns=()), seed=seed))


def _module(config: Config) -> Any:
    from . import boosting, catboosting, forests, linear, network, xgboosting

    homes = {m.__name__.rpartition(".")[2]: m for m in (boosting, catboosting, forests, linear, network, xgboosting)}
    return homes[FAMILIES[config.family].module]


def patience(rate: float) -> int:
    """Rounds without a gain before boosting stops: slow rates must not be stopped by noise."""
    return int(np.clip(round(5.0 / rate), 20, 200))


class TimeUp(Exception):
    """The clock cut a training run off: the candidate is unfinished, not beaten."""


def quick(
    X: F32,
    y: F64,
    task: Task,
    categorical: Sequence[int] = (),
    rounds: int = 50,
    seed: int = 0,
    *,
    outputs: int | None = None,
    threads: int = 1,
    most_work: float = MOST_WORK,
    like: int | None = None,
    said: Aim | None = None,
) -> Predictor:
    """The cheap booster that probes use: LightGBM, rate 0.1, 31 leaves, a fixed number of rounds, less where this
    would cost more than ``most_work`` (``learn.budget``).

    Args:
        X: float32 (n, features) from ``encoder.encode``, NaN for missing.
        y: (n,) class index or value, all known.
        categorical: positions of set-valued features (``spec.categorical``).
        outputs: number of classes; by default the largest index plus one (two for binary).
        said: what is predicted, where it is neither a class nor a mean.
        like: the number of rows that the fit is planned for, where fits on unlike numbers of rows are compared.

    Returns:
        An object whose ``predict(X)`` is (n, classes) probabilities, or (n,) values for regression.
        A target with one class, no feature or under two rows gives a constant prediction.
    """
    k = 1 if task == "regression" else outputs or max(2, int(y.max()) + 1 if len(y) else 2)
    if len(y) < 2 or X.shape[1] == 0 or bool(np.all(y == y[0])):
        return Constant(_prior(y, k))
    planned = plan(like or len(y), X.shape[1], k, rounds, most_work)
    params: dict[str, Any] = {
        "learning_rate": planned.rate, "min_data_in_leaf": int(min(20, max(2, len(y) // 20))),
        "num_leaves": planned.leaves, "max_bin": planned.bins,
    }  # fmt: skip
    if task == "multiclass" and np.unique(y, return_counts=True)[1].min() < RARE:
        params["min_sum_hessian_in_leaf"] = LEAST_HESSIAN
    used = leading(X, y, task, tuple(categorical), planned.features)
    place = {int(j): i for i, j in enumerate(used)}
    sets = tuple(place[j] for j in categorical if j in place)
    narrow = np.ascontiguousarray(X if len(used) == X.shape[1] else X[:, used], dtype=np.float32)
    data = Data(narrow, y, task, k, sets, said=said)
    made = train(Config("quick", "lightgbm", params), data, seed=seed, threads=threads, rounds=planned.rounds)
    return made if len(used) == X.shape[1] else Some(made, used)


@dataclass(frozen=True)
class Some:
    """A predictor of some of the features."""

    of: Predictor
    used: I64

    def predict(self, X: F32) -> F64:
        return self.of.predict(np.ascontiguousarray(X[:, self.used]))


def _prior(y: F64, outputs: int) -> F64:
    if outputs == 1:
        return np.array([float(y.mean()) if len(y) else 0.0])
    share = np.bincount(y.astype(np.int64), minlength=outputs).astype(np.float64)
    return share / share.sum() if len(y) else np.full(outputs, 1.0 / outputs)


@dataclass(frozen=True)
class Constant:
    """The same answer for every row: class shares, or the mean."""

    answer: F64

    def predict(self, X: F32) -> F64:
        return np.full(len(X), self.answer[0]) if len(self.answer) == 1 else np.tile(self.answer, (len(X), 1))
