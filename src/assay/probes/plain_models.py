"""Plain models of the same question, trained on the build rows: what any other model has to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from assay.core.challenge import probe
from assay.core.subject import Subject
from assay.core.table import F64
from assay.learn.encoded import encoded
from assay.learn.encoder import encode
from assay.learn.families import can
from assay.learn.forms import EncoderSpec
from assay.learn.learners import Config, Data, train
from assay.learn.target import Labels

from .judged import Judged

MOST_ROWS = 20_000  # plain models gain nothing from more, and the probe stays within seconds
FEWEST_ROWS = 50
SMALL_ROUNDS = 60
TREE, LINEAR, SMALL = "a tree of at most 16 leaves", "a linear model", "a small boosted model"


@probe(needs=("target", "predictions", "feature"), cost="fit")
def plain_models(subject: Subject, judged: Judged, honest: Sequence[str]) -> Mapping[str, F64]:
    """Outputs of plain models for every judged row, by name. Empty where there is too little to learn from.

    Only columns that no leak rule suspects are used, so that a leak cannot make a plain model look good.
    """
    made = learnable(subject, judged, honest, MOST_ROWS)
    if made is None:
        return {}
    spec, data = made
    everywhere = encode(spec, judged.rows)
    seed = int(subject.rng("plain_models", "train").integers(2**31))
    tree = {}
    if can("tree", data.aim):
        tree = {TREE: train(Config("tree", "tree"), data, seed=seed).predict(everywhere)}
    return tree | {
        LINEAR: train(Config("linear", "linear"), data, seed=seed).predict(everywhere),
        SMALL: train(small(data), data, seed=seed, rounds=SMALL_ROUNDS).predict(everywhere),
    }


def small(data: Data) -> Config:
    """A booster of ``SMALL_ROUNDS`` trees of seven leaves, each of a hundredth of the rows."""
    leaf = max(20, len(data.y) // 100)
    return Config("small", "lightgbm", {"learning_rate": 0.1, "num_leaves": 7, "min_data_in_leaf": leaf})


def learnable(subject: Subject, judged: Judged, honest: Sequence[str], most: int) -> tuple[EncoderSpec, Data] | None:
    """The first ``most`` build rows as training data; None where they are under 50, have one target value, or no column
    that can feed a learner."""
    build = judged.build[:most]  # sorted by row_id, so the first are a random draw
    roles = subject.roles
    if len(build) < FEWEST_ROWS or len(np.unique(judged.y[build])) < 2 or roles.task is None:
        return None
    labels = Labels(roles.task, judged.y, roles.classes, np.ones(judged.rows.n, bool), roles.aim)
    spec, data = encoded(judged.rows, honest, labels, build, order=roles.order.column if roles.order else None)
    return (spec, replace(data, outputs=max(1, judged.classes))) if spec.features else None
