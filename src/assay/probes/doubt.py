"""What several unlike models say of every row that they never saw: the evidence against a label, and its own doubt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.core.challenge import probe
from assay.core.subject import Subject
from assay.core.table import F64, I64, Mask, Sample
from assay.learn.encoded import encoded
from assay.learn.encoder import encode
from assay.learn.linear import terms_of
from assay.learn.replay import design
from assay.learn.target import Labels
from assay.stats.label_noise import Noise, fit_noise, softmax

from .halves import parts_of
from .out_of_fold import OutOfFold, keys
from .spelt import one_class

FOLDS, MANY_FOLDS, FEW_ROWS = 5, 10, 600  # small tables cannot spare a fifth
MOST_ROWS, MOST_CELLS, MOST_SHARES, LEAST_ROWS = 10_000, 1_200_000, 60_000, 2_000  # rows, cells, rows by classes
FEWEST = 60
KERNEL_ROWS = 5_000  # a kernel machine costs the square of the rows
TOLD = 0.75  # share told rightly below which a kernel machine keeps most rows and tells no more than the others
NEIGHBOURS, TREES = 15, 80
FLOOR = 1e-5  # least probability a model may say, so that no model alone can settle a row
SURE, LIKELY = 0.8, 0.5
Say = Callable[[F64, I64, F64, int], F64]  # training design and classes, other design, classes: log-probabilities


@dataclass(frozen=True)
class Doubt:
    """``index``: positions in ``rows`` of the rows that were judged; ``y`` their class in ``classes`` (labels that
    differ in spelling alone are one). ``logs`` (models, n, K), ``names`` of the models.

    ``noise`` is the fit over these; ``state`` is "done", "cheap" (the quick models saw nothing worth asking the others)
    or "unfinished" (too little to learn from; then everything is empty).
    """

    index: I64
    y: I64
    classes: tuple[str, ...]
    names: tuple[str, ...]
    logs: F64
    noise: Noise | None
    even: bool  # one rate of noise for all classes, since some class is told too rarely to have its own
    state: str


@probe(needs=("target", "classes", "feature"), cost="fit")
def doubt(subject: Subject, rows: Sample, labels: Labels, honest: tuple[str, ...], out_of_fold: OutOfFold) -> Doubt:
    """Out-of-fold predictions of a booster, neighbours, a linear model, and where these contradict some label surely
    also of random trees and a kernel machine. Equal rows, and rows of one group, share a fold. Honest features only."""
    nothing = Doubt(np.empty(0, np.int64), np.empty(0, np.int64), (), (), np.empty((0, 0, 0)), None, True, "unfinished")
    if out_of_fold.state != "done" or labels.task == "regression" or len(out_of_fold.index) < FEWEST:
        return nothing
    most = max(LEAST_ROWS, min(MOST_ROWS, MOST_CELLS // max(1, len(honest)), MOST_SHARES // labels.outputs))
    index = out_of_fold.index[:most]  # sorted by row_id: the first are a random draw
    same, classes = one_class(labels.classes)
    y, k = same[labels.y[index].astype(np.int64)], len(classes)
    if len(np.unique(y)) < 2:
        return nothing
    said = np.zeros((len(index), k))
    np.add.at(said.T, same, out_of_fold.output[: len(index)].T)
    boosted = np.log(np.clip(said, FLOOR, 1.0))
    folds = MANY_FOLDS if len(index) <= FEW_ROWS else FOLDS
    fold = parts_of(keys(subject, rows)[index], folds, salt=7)
    bench = Bench(subject, rows, labels, out_of_fold.features, index, fold)
    names, logs = ["booster"], [boosted]
    for name in ("linear", "neighbours"):
        names.append(name)
        logs.append(bench.ask(MODELS[name], y, k))
    even = not told(np.stack(logs), y)
    noise = fit_noise(np.stack(logs), y, even=even)
    if not (noise.wrong > LIKELY).any():
        return Doubt(index, y, classes, tuple(names), np.stack(logs), noise, even, "cheap")
    names.append("trees")
    logs.append(bench.ask(MODELS["trees"], y, k))
    if len(index) <= KERNEL_ROWS and (noise.clean.argmax(1) == y).mean() > TOLD:
        names.append("kernel")
        logs.append(bench.ask(MODELS["kernel"], y, k))
    every = np.stack(logs)
    even = not told(every, y)
    return Doubt(index, y, classes, tuple(names), every, fit_noise(every, y, even=even), even, "done")


def told(logs: F64, y: I64) -> bool:
    """Whether most rows of every class are told, which a class that the columns cannot see is not."""
    hits = logs.mean(0).argmax(1) == y
    size = np.bincount(y)
    return bool((np.bincount(y[hits], minlength=len(size)) > size / 2)[size > 0].all())


class Bench:
    """The design of every fold, made once: encoder and scaling never see the rows that are judged."""

    def __init__(
        self, subject: Subject, rows: Sample, labels: Labels, features: tuple[str, ...], index: I64, fold: I64
    ) -> None:
        order = subject.roles.order.column if subject.roles.order else ""
        self.seed = int(subject.rng("doubt", "fit").integers(2**31))
        self.fold, self.parts = fold, []
        for part in np.unique(fold):
            train, test = index[fold != part], index[fold == part]
            spec, data = encoded(rows, features, labels, train, order=order)
            terms = terms_of(data)
            inside, outside = design(terms, data.X), design(terms, encode(spec, rows, test))
            self.parts.append((part, inside.clip(-20, 20), outside.clip(-20, 20)))

    def ask(self, model: Say, y: I64, k: int, kept: Mask | None = None) -> F64:
        """Log-probabilities (n, K) of a model; ``kept``: the rows that it may learn from."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        out = np.full((len(y), k), np.log(1.0 / k))
        for part, inside, outside in self.parts:
            train = self.fold != part
            own = y[train]
            if kept is not None:
                inside, own = inside[kept[train]], own[kept[train]]
            seen = np.unique(own)
            if len(seen) < 2 or inside.shape[1] == 0:
                continue
            with threadpool_limits(limits=1):
                made = model(inside, own, outside, self.seed)
            said = np.full((len(made), k), np.log(FLOOR))
            said[:, seen] = np.maximum(made, np.log(FLOOR))
            out[~train] = said
        return out


def linear(X: F64, y: I64, at: F64, seed: int) -> F64:
    from sklearn.linear_model import LogisticRegression

    return log_shares(fitted(LogisticRegression(C=0.1, max_iter=100), X, y), at)


def neighbours(X: F64, y: I64, at: F64, seed: int) -> F64:
    """Shares among the nearest rows, nearer ones weighing more, half a row added to every class."""
    from sklearn.neighbors import KNeighborsClassifier

    model = fitted(KNeighborsClassifier(min(NEIGHBOURS, len(y)), weights="distance", algorithm="brute"), X, y)
    share = np.asarray(model.predict_proba(at))
    return np.asarray(np.log((share + 0.5 / NEIGHBOURS) / (1 + 0.5 * share.shape[1] / NEIGHBOURS)))


def trees(X: F64, y: I64, at: F64, seed: int) -> F64:
    from sklearn.ensemble import ExtraTreesClassifier

    model = fitted(ExtraTreesClassifier(TREES, min_samples_leaf=2, random_state=seed, n_jobs=1), X, y)
    share = np.asarray(model.predict_proba(at))
    return np.asarray(np.log((share + 0.5 / TREES) / (1 + 0.5 * share.shape[1] / TREES)))


def kernel(X: F64, y: I64, at: F64, seed: int) -> F64:
    """Distances to the borders of a support vector machine, as log-odds against the rest."""
    from sklearn.svm import SVC

    model = fitted(SVC(C=10.0, gamma="scale", random_state=seed), X, y)
    far = np.asarray(model.decision_function(at))
    far = np.column_stack((-far, far)) if far.ndim == 1 else far
    return np.asarray(np.log(np.maximum(softmax(far), FLOOR)))


MODELS: dict[str, Say] = {"linear": linear, "neighbours": neighbours, "trees": trees, "kernel": kernel}


def log_shares(model: Any, at: F64) -> F64:
    return np.asarray(np.log(np.clip(model.predict_proba(at), FLOOR, 1.0)))


def fitted(model: Any, X: F64, y: I64) -> Any:
    """A model that stops at its iteration cap still has a say, which the pool weighs."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)
