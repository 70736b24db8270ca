"""Plain models of the same question, trained on the build rows: what any other model has to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from assay.core.challenge import probe
from assay.core.subject import Subject
from assay.core.table import F64
from assay.learn.encoder import encode, encode_training, fit_encoder
from assay.learn.learners import Config, Data, train
from assay.learn.target import Labels

from .judged import Judged

MOST_ROWS = 20_000  # plain models gain nothing from more, and the probe stays within seconds
FEWEST_ROWS = 50
TREE, LINEAR, SMALL = "a tree of at most 16 leaves", "a linear model", "a small boosted model"


@probe(needs=("target", "predictions", "feature"), cost="fit")
def plain_models(subject: Subject, judged: Judged, honest: Sequence[str]) -> Mapping[str, F64]:
    """Outputs of plain models for every judged row, by name. Empty where there is too little to learn from.

    Only columns that no leak rule suspects are used, so that a leak cannot make a plain model look good.
    """
    build = judged.build[:MOST_ROWS]  # sorted by row_id, so the first are a random draw
    roles = subject.roles
    if len(build) < FEWEST_ROWS or len(np.unique(judged.y[build])) < 2 or roles.task is None:
        return {}
    labels = Labels(roles.task, judged.y, roles.classes, np.ones(judged.rows.n, bool))
    order = roles.order.column if roles.order else None
    spec = fit_encoder(judged.rows, tuple(honest), labels, index=build, order=order)
    if not spec.features:
        return {}
    inside = encode_training(spec, judged.rows, labels, index=build)
    everywhere = encode(spec, judged.rows)
    outputs = 1 if not judged.classes else judged.classes
    data = Data(inside, judged.y[build], roles.task, outputs, spec.categorical)
    seed = int(subject.rng("plain_models", "train").integers(2**31))
    leaf = max(20, len(build) // 100)
    small = {"learning_rate": 0.1, "num_leaves": 7, "min_data_in_leaf": leaf}
    return {
        LINEAR: train(Config("linear", "linear"), data, seed=seed).predict(everywhere),
        TREE: train(Config("tree", "tree"), data, seed=seed).predict(everywhere),
        SMALL: train(Config("small", "lightgbm", small), data, seed=seed, rounds=60).predict(everywhere),
    }
