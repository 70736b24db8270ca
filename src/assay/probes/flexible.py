"""A short search of flexible models on the build rows: what a tuned model of the same question would lose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.challenge import probe
from assay.core.subject import CHOOSE, Subject
from assay.core.table import F64, I64
from assay.learn.encoder import encode
from assay.learn.families import can
from assay.learn.learners import Config, train

from .judged import Judged
from .plain_models import FEWEST_ROWS, learnable

MOST_ROWS = 5_000  # rows that are learned from: a search within a second or two; what more rows bring is on top
SEARCH = (
    Config("boosted trees", "lightgbm", {"learning_rate": 0.1, "num_leaves": 31, "min_data_in_leaf": 20}),
    Config("boosted trees, small", "lightgbm", {"learning_rate": 0.1, "num_leaves": 7, "min_data_in_leaf": 50}),
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
    choose = chosen(judged)
    learned = learnable(subject, judged, honest, MOST_ROWS) if len(choose) >= FEWEST_ROWS else None
    if learned is None:
        return None
    spec, data = learned
    everywhere = encode(spec, judged.rows)
    seed = int(subject.rng("flexible", "train").integers(2**31))
    stop = (everywhere[choose], judged.y[choose])
    made = {}
    tried = [config for config in SEARCH if can(config.family, data.aim)]
    for config in tried:
        valid = stop if config.family == "lightgbm" else None
        made[config.name] = train(config, data, seed=seed, valid=valid).predict(everywhere)
    loss = {name: float(judged.quadratic(output)[choose].mean()) for name, output in made.items()}
    best = min(sorted(loss), key=lambda name: loss[name])
    return Flexible(best, made[best], loss[best], len(tried), len(data.y))


def chosen(judged: Judged) -> I64:
    """Rows that may stop a booster and pick a winner: the table's own choose rows, which nobody is judged on."""
    return np.flatnonzero(judged.fold == CHOOSE)
