"""A target that the columns settle: the ground on which faults of labels are planted, since what is open by nature
hides them from everybody."""

from __future__ import annotations

import numpy as np

from assay.core.subject import Subject
from assay.core.table import F64, I64, Sample
from assay.learn.encoded import encoded
from assay.learn.learners import Config, train
from assay.learn.target import Labels


def settled(subject: Subject, rows: Sample, labels: Labels, at: I64) -> F64:
    """The class of each row by a linear model; the labels as they are where that would lose a class."""
    spec, data = encoded(rows, subject.features, labels, at)
    y = data.y
    if not spec.features:
        return y
    said = train(Config("linear", "linear"), data, seed=0).predict(data.X)
    if labels.task == "binary":
        least = np.sort(said[:, 1])[::-1][max(0, int(y.sum()) - 1)]
        made = (said[:, 1] >= least).astype(np.float64)
    else:
        made = said.argmax(1).astype(np.float64)
    there, kept = np.bincount(y.astype(int)), np.bincount(made.astype(int), minlength=int(y.max()) + 1)
    return made if (kept[there > 0] >= there[there > 0] / 2).all() else y
