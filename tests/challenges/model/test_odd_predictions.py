"""Few, odd or foreign predictions never stop a model challenge."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from assay.challenges.model import (
    miscalibrated,
    no_value,
    overfitting,
    poor_generalisation,
    saturated_benchmark,
    under_covering,
    weak_slices,
    worse_than_naive,
)
from assay.testing import clean_subject, judge

MODULES = (
    overfitting, worse_than_naive, miscalibrated, under_covering, no_value, poor_generalisation, saturated_benchmark,
    weak_slices,
)  # fmt: skip


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.CHALLENGE.code)
def test_few_or_odd_predictions_never_stop_it(module: ModuleType) -> None:
    subject = clean_subject(400, 0, ("predictions", "sets", "units", "costs"))
    given = subject.predictions
    assert given is not None and given.sets is not None
    n = len(given.y)

    def only(index: np.ndarray) -> object:
        kept = replace(given, row_id=given.row_id[index], output=given.output[index], y=given.y[index],
                       part=given.part[index], sets=given.sets[index])  # fmt: skip
        return replace(subject, predictions=kept)

    odd = {
        "none": only(np.arange(0)),
        "one": only(np.arange(1)),
        "one class": only(np.flatnonzero(given.y == 1)),
        "unknown": replace(subject, predictions=replace(given, y=np.full(n, np.nan))),
        "other rows": replace(subject, predictions=replace(given, row_id=given.row_id ^ np.uint64(1))),
        "flat": replace(subject, predictions=replace(given, output=np.full((n, 2), 0.5))),
        "certain": replace(subject, predictions=replace(given, output=np.eye(2)[given.y.astype(int)])),
        "foreign model": replace(subject, predictions=replace(given, part=np.full(n, 2, np.int8))),
    }
    for name, made in odd.items():
        assert judge(module, made).run.error is None, name  # type: ignore[arg-type]
