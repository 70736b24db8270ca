"""What a quarter, a half and all of the training rows teach, on the same test rows: three learners and their blends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from assay.core.challenge import probe
from assay.core.subject import Subject
from assay.core.table import F64, I64, Sample
from assay.learn.budget import leading, rows_to_learn
from assay.learn.encoded import encoded
from assay.learn.encoder import encode
from assay.learn.learners import Config, Data, train
from assay.learn.scoring import loss
from assay.learn.target import Labels

from .forward import Bench, plain
from .halves import parts_of
from .out_of_fold import FOLDS, OutOfFold, keys

SHARES = (0.25, 0.5, 1.0)
ENOUGH = 9_000  # rows: from here one fold has rows enough to test on, and the others would only cost
LINEAR_ROWS = 10_000  # a linear model gains nothing from more
LINEAR_FEATURES = 2_000  # times outputs: a step of its fit costs rows times features times classes
FEWEST_LINEAR = 50
MOST_CLASSES, LIGHT_ROWS = 10, 8_000  # boosting fits a tree a class and round: with more classes only the linear model
NOTHING, LINEAR, TREES = "no column", "a linear model", "boosted trees"
BLENDS: tuple[Mapping[str, float], ...] = (
    {NOTHING: 1.0}, {LINEAR: 1.0}, {TREES: 1.0}, {LINEAR: 0.5, TREES: 0.5}, {NOTHING: 0.5, TREES: 0.5},
    {NOTHING: 0.5, LINEAR: 0.5},
)  # fmt: skip


@dataclass(frozen=True)
class LearningCurve:
    """``index``: tested positions in ``rows``; ``unit`` and ``fold`` of each. ``output[learner][k]`` is what it says
    when it has learned from ``size[k]`` rows, a share ``SHARES[k]`` of the training rows of its fold."""

    index: I64
    unit: I64
    fold: I64
    y: F64
    task: str
    size: F64
    output: Mapping[str, tuple[F64, ...]]
    terms: int

    def losses(self, k: int) -> tuple[F64, str]:
        """Per-row loss of the best blend at size k, and its name: overfitting at one size is no lack of rows."""
        made = []
        for weights in BLENDS:
            if not set(weights) <= set(self.output):
                continue
            mixed = sum(w * self.output[name][k] for name, w in weights.items())
            made.append((loss(np.asarray(mixed), self.y, self.task), " and ".join(weights)))
        return min(made, key=lambda pair: float(pair[0].mean()))

    def known_nothing(self) -> F64:
        """Per-row loss of naming the shares of the classes, or the mean."""
        return loss(self.output[NOTHING][-1], self.y, self.task)


@probe(needs=("target", "feature"), cost="fit")
def learning_curve(subject: Subject, rows: Sample, labels: Labels, out_of_fold: OutOfFold) -> LearningCurve | None:
    """Whole units (groups, else repeated rows) are drawn, so that twice the rows means twice the groups.

    The boosted trees at full size are those of ``out_of_fold``. None where that is unfinished. With more than ten
    classes the trees are left out, and at most 8,000 rows are learned from.
    """
    made = out_of_fold
    if made.state != "done":
        return None
    key = keys(subject, rows)[made.index]
    quarter = parts_of(key, 4, salt=5)
    order = subject.roles.order.column if subject.roles.order else ""
    bench = Bench(rows, labels, made.features, order, int(subject.rng("learning_curve", "fit").integers(2**31)))
    used = range(FOLDS if len(made.index) < ENOUGH else 1)
    tested = np.flatnonzero(np.isin(made.fold, used))
    light = labels.outputs > MOST_CLASSES
    learners = (NOTHING, LINEAR) if light else (NOTHING, LINEAR, TREES)
    like = 0
    said: dict[str, list[F64]] = {n: [bench.empty(len(made.index)) for _ in SHARES] for n in learners}
    sizes, terms = np.zeros((len(used), len(SHARES))), 0
    classes = None if labels.task == "regression" else len(labels.classes)
    jobs: list[tuple[I64, I64]] = []
    todo: list[tuple[int, I64]] = []
    for fold in used:
        learn, test = (
            np.flatnonzero(made.fold != fold)[
                : LIGHT_ROWS if light else rows_to_learn(labels.outputs, len(made.features))
            ],
            np.flatnonzero(made.fold == fold),
        )
        own = quarter[learn]
        for k, part in enumerate((learn[own == 2], learn[own < 2], learn)):
            sizes[fold, k] = len(part)
            if len(part) < 2:
                return None
            y = labels.y[made.index[part]]
            said[NOTHING][k][test] = plain(y, classes)
            output, terms = linear(bench, made.index[part], made.index[test])
            said[LINEAR][k][test] = output
            if k < len(SHARES) - 1 and not light:
                jobs.append((made.index[part], made.index[test]))
                like = max(like, len(learn))
                todo.append((k, test))
    for (k, test), output in zip(todo, bench.many(jobs, like=like or None), strict=True):
        said[TREES][k][test] = output
    if not light:
        said[TREES][-1] = made.output
    return LearningCurve(
        made.index[tested], np.unique(key[tested], return_inverse=True)[1].ravel(), made.fold[tested],
        labels.y[made.index[tested]], labels.task, sizes.mean(0),
        {name: tuple(v[tested] for v in values) for name, values in said.items()}, terms,
    )  # fmt: skip


def linear(bench: Bench, learn: I64, test: I64) -> tuple[F64, int]:
    """Outputs of a regularised linear model, and the number of its parameters for one output."""
    learn = learn[:LINEAR_ROWS]
    labels = bench.labels
    spec, data = encoded(bench.rows, bench.features, labels, learn, order=bench.order)
    X, y = data.X, data.y
    k = None if labels.task == "regression" else len(labels.classes)
    if not spec.features or bool(np.all(y == y[0])):
        return np.tile(plain(y, k), (len(test),) if k is None else (len(test), 1)), 1
    used = leading(X, y, labels.task, spec.categorical, max(FEWEST_LINEAR, LINEAR_FEATURES // (k or 1)))
    sets = tuple(int(np.flatnonzero(used == j)[0]) for j in spec.categorical if j in used)
    model = train(Config("linear", "linear"), Data(X[:, used], y, labels.task, k or 1, sets), seed=0)
    form = model.form()
    return np.asarray(model.predict(encode(spec, bench.rows, test)[:, used])), len(getattr(form, "terms", ())) + 1
