"""A small neural network: what a tree cannot say with a step, for tables that are too small to say it with many.

Four nets on the terms of a linear model, squashed so that an outlier is no more than large; two hidden layers, Adam,
epochs by early stopping over all four at once. Nets differ by seed and their raw outputs are averaged, which takes out
most of what a seed decides (Lakshminarayanan et al. 2017). Networks earn their place in ensembles on small tables
(TabArena, Erickson et al. 2025, section 5); on large ones they cost more than boosted trees, and have no turn.
"""

from __future__ import annotations

import copy
import time
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assay.core.subject import Task
from assay.core.table import F64

from .calibration import row_losses
from .forms import Form, Link, Network
from .learners import F32, Config, Data, Run, TimeUp
from .linear import terms_of
from .replay import design, replay_form, squashed

NETS = 4
HIDDEN = (96, 48)
MOST_EPOCHS, PATIENCE = 80, 12
RATE, DECAY = 2e-3, 1e-3
MOST_ROWS = 30_000  # rows stand in the order of their hash, so the first are a random sample
USUAL = 25  # epochs that early stopping usually keeps
LINKS: dict[Task, Link] = {"binary": "sigmoid", "multiclass": "softmax", "regression": "identity"}


@dataclass(frozen=True)
class Nets:
    """The fitted form is the model. ``rounds`` are epochs."""

    native: Any
    task: Task
    fitted: Network
    rounds: int
    path: tuple[F64, ...] = ()  # after each epoch, what it said of the rows that stopped it

    @property
    def grown(self) -> int:
        return len(self.path)

    def staged(self, X: F32, rounds: int) -> F64:
        """See ``learners.Staged``; only of the rows that stopped it."""
        if not self.path or len(X) != len(self.path[0]):
            raise ValueError("a network keeps its path on the rows that stopped it, and on no others")
        return self.path[rounds - 1]

    def predict(self, X: F32) -> F64:
        raw = replay_form(self.fitted, X)
        if self.task == "multiclass":
            return raw
        return np.column_stack((1.0 - raw[:, 0], raw[:, 0])) if self.task == "binary" else raw[:, 0]

    def form(self) -> Form:
        return self.fitted


def train(
    config: Config,
    data: Data,
    run: Run,
) -> Nets:
    """See ``learners.train``; a round is an epoch. One thread.

    Raises:
        ValueError: no term to learn from, or fewer than two classes.
    """
    if len(data.y) > MOST_ROWS:
        weight = None if data.weight is None else data.weight[:MOST_ROWS]
        data = replace(data, X=data.X[:MOST_ROWS], y=data.y[:MOST_ROWS], weight=weight)
    terms = terms_of(data)
    if not terms:
        raise ValueError("a network needs a column that varies")
    made = _Making(config, data, terms, run.seed)
    best, form, since, kept = np.inf, made.form(), 0, 1
    path: list[F64] = []
    for epoch in range(1, (run.rounds or MOST_EPOCHS) + 1):
        if run.late:
            raise TimeUp
        made.epoch()
        if run.watched is None:
            continue
        now = made.form()
        path.append(Nets(None, data.task, now, epoch).predict(run.watched[0]))
        loss = float(row_losses(path[-1], run.watched[1], data.task).mean())
        best, form, since, kept = (loss, now, 0, epoch) if loss < best else (best, form, since + 1, kept)
        if since >= PATIENCE:
            break
    if run.watched is None:
        form, kept = made.form(), run.rounds or MOST_EPOCHS
    return Nets(None, data.task, form, kept, tuple(path))


def expected_seconds(config: Config, data: Data, *, seed: int) -> float:
    """CPU seconds of a usual fit, from one epoch."""
    start = time.process_time()
    train(config, data, Run(seed, rounds=1))
    return (time.process_time() - start) * USUAL


class _Making:
    """Nets in training. A value is scaled to unit spread, and the last layer is scaled back."""

    def __init__(self, config: Config, data: Data, terms: Any, seed: int) -> None:
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        self.data, self.terms = data, terms
        self.D = squashed(design(terms, data.X)).astype(np.float32)
        self.mean, self.scale = 0.0, 1.0
        kind = MLPRegressor if data.task == "regression" else MLPClassifier
        self.y = data.y.astype(np.int64)
        if data.task == "regression":
            self.mean, self.scale = float(data.y.mean()), float(data.y.std()) or 1.0
            self.y = ((data.y - self.mean) / self.scale).astype(np.float32)
        self.classes = None if data.task == "regression" else np.unique(self.y)
        if self.classes is not None and len(self.classes) < 2:
            raise ValueError("a network needs rows of two classes")
        batch = int(np.clip(len(data.y) // 16, 32, 256))
        options: dict[str, Any] = {"hidden_layer_sizes": HIDDEN, "learning_rate_init": RATE, "alpha": DECAY}
        self.nets = [
            kind(
                **(options | dict(config.params)), batch_size=batch, random_state=np.random.RandomState(NETS * seed + i)
            )
            for i in range(NETS)
        ]

    def epoch(self) -> None:
        more: dict[str, Any] = {} if self.classes is None else {"classes": self.classes}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for net in self.nets:
                net.partial_fit(self.D, self.y, sample_weight=self.data.weight, **more)

    def form(self) -> Network:
        layers = len(HIDDEN) + 1
        if not hasattr(self.nets[0], "coefs_"):
            return Network(self.terms, (), (), LINKS[self.data.task])
        weights = [np.stack([n.coefs_[k] for n in self.nets]).astype(np.float64) for k in range(layers)]
        biases = [np.stack([n.intercepts_[k] for n in self.nets])[:, None, :].astype(np.float64) for k in range(layers)]
        weights[-1], biases[-1] = weights[-1] * self.scale, biases[-1] * self.scale + self.mean
        if self.data.task == "multiclass" and self.classes is not None:
            weights[-1], biases[-1] = _every_class(weights[-1], biases[-1], self.classes, self.data.outputs)
        return Network(self.terms, copy.deepcopy(tuple(weights)), copy.deepcopy(tuple(biases)), LINKS[self.data.task])


def _every_class(weight: F64, bias: F64, seen: Any, outputs: int) -> tuple[F64, F64]:
    """Raw outputs of all classes: those of no training row get next to no probability."""
    wide, base = np.zeros((*weight.shape[:2], outputs)), np.full((len(bias), 1, outputs), -30.0)
    if len(seen) == 2 and weight.shape[2] == 1:
        wide[:, :, seen[1]], base[:, :, seen[1]], base[:, :, seen[0]] = weight[:, :, 0], bias[:, :, 0], 0.0
    else:
        wide[:, :, seen], base[:, :, seen] = weight, bias
    return wide, base
