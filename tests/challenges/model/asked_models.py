"""Models to be asked: each answers rows in a known way, so that what a challenge should say of it is known too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assay.core.subject import BUILD, Model, Subject
from assay.core.table import F64, Sample, SampleSpec
from assay.learn.encoded import EncodedModel
from assay.learn.encoder import encode_training, fit_encoder
from assay.learn.learners import Config, Data, train
from assay.learn.target import labels


@dataclass
class Says:
    """A model that is a function of the sample."""

    answer: Callable[[Sample], F64]
    classes: tuple[str, ...] = ("no", "yes")
    trained_on: str | None = None
    refitted: bool = False
    size: int | None = None

    def predict_rows(self, rows: Sample) -> F64:
        return self.answer(rows)


def asked(subject: Subject, model: Model) -> Subject:
    """The subject with this model, and what it says now as the recorded predictions."""
    given = subject.predictions
    assert given is not None
    rows = subject.table.sample(SampleSpec(n=subject.table.n_rows))
    at = np.searchsorted(rows.row_id, given.row_id)
    return replace(subject, model=model, predictions=replace(given, output=model.predict_rows(rows)[at]))


def trained(subject: Subject, family: Any, **params: Any) -> EncodedModel:
    """A model of the build rows."""
    rows = subject.table.sample(SampleSpec(n=subject.table.n_rows))
    truth = labels(rows, subject.roles)
    build = np.flatnonzero(subject.partition.part(rows) == BUILD)
    spec = fit_encoder(rows, subject.features, truth, index=build)
    X = encode_training(spec, rows, truth, index=build)
    data = Data(X, truth.y[build], truth.task, truth.outputs, spec.categorical)
    return EncodedModel(spec, train(Config(family, family, params), data, seed=0, rounds=80), truth.classes)


def two(p: F64) -> F64:
    return np.column_stack((1 - p, p))
