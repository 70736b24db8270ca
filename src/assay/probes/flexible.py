"""A short search of flexible models on the build rows: what a tuned model of the same question would lose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.challenge import probe
from assay.core.subject import CHOOSE, Subject
from assay.core.table import F64, I64
from assay.learn.encoder import encode, encode_training, fit_encoder
from assay.learn.learners import Config, Data, train
from assay.learn.target import Labels

from .judged import Judged

MOST_ROWS = 5_000  # rows that are learned from: a search within a second or two; what more rows bring is on top
FEWEST_ROWS = 50
SEARCH = (
    Config("boosted trees", "lightgbm", {"learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 20}),
    Config("boosted trees, small", "lightgbm", {"learning_rate": 0.05, "num_leaves": 7, "min_data_in_leaf": 50}),
    Config("a forest", "extra-trees"),
    Config("a linear model", "linear"),
)


@dataclass(frozen=True)
class Flexible:
    """The winner of the search on the choose rows: ``output`` for every judged row, and its loss (Brier or squared) on
    the choose rows, which picked it but are not judged."""

    name: str
    output: F64
    chosen_loss: float
    tried: int
    rows: int


@probe(needs=("target", "predictions", "feature"), cost="fit")
def flexible(subject: Subject, judged: Judged, honest: Sequence[str]) -> Flexible | None:
    """Boosted trees of two sizes (stopped on the choose rows), a forest and a linear model; None where too few rows.

    Only columns that no leak rule suspects are used, so that a leak cannot make the search look good.
    """
    build, choose = judged.build[:MOST_ROWS], chosen(judged)
    roles = subject.roles
    if min(len(build), len(choose)) < FEWEST_ROWS or len(np.unique(judged.y[build])) < 2 or roles.task is None:
        return None
    labels = Labels(roles.task, judged.y, roles.classes, np.ones(judged.rows.n, bool))
    spec = fit_encoder(
        judged.rows, tuple(honest), labels, index=build, order=roles.order.column if roles.order else None
    )
    if not spec.features:
        return None
    inside = encode_training(spec, judged.rows, labels, index=build)
    everywhere = encode(spec, judged.rows)
    data = Data(inside, judged.y[build], roles.task, max(1, judged.classes), spec.categorical)
    seed = int(subject.rng("flexible", "train").integers(2**31))
    stop = (everywhere[choose], judged.y[choose])
    made = {}
    for config in SEARCH:
        valid = stop if config.family == "lightgbm" else None
        made[config.name] = train(config, data, seed=seed, valid=valid).predict(everywhere)
    loss = {name: float(judged.quadratic(output)[choose].mean()) for name, output in made.items()}
    best = min(sorted(loss), key=lambda name: loss[name])
    return Flexible(best, made[best], loss[best], len(SEARCH), len(build))


def chosen(judged: Judged) -> I64:
    """Rows that may stop a booster and pick a winner: the table's own choose rows, which nobody is judged on."""
    return np.flatnonzero(judged.fold == CHOOSE)
