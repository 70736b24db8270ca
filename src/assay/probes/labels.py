"""The target of the shared sample, as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.challenge import probe
from assay.core.errors import InputError, NotApplicable
from assay.core.subject import Subject
from assay.core.table import I64, Sample
from assay.core.words import text_of
from assay.learn import target


@probe(needs=("target",), cost="sample")
def labels(subject: Subject, rows: Sample) -> target.Labels:
    """Class index or value for every row of ``rows``, and which rows have a known target."""
    try:
        return target.labels(rows, subject.roles)
    except InputError as why:  # one value, or a hundred classes and more: nothing that can be learned
        raise NotApplicable(str(why)) from None


def class_counts(subject: Subject, fault: str) -> tuple[NDArray[Any], NDArray[Any], I64]:
    """For plants: the target of every row as text (None: unknown), its classes in order, and their rows.

    Raises:
        InputError: fewer than two classes; ``fault`` begins the sentence ("rare classes are").
    """
    words = np.array([text_of(v) for v in subject.table.arrow()[subject.roles.named("target")[0]].to_pylist()], object)
    levels, counts = np.unique([w for w in words if w is not None], return_counts=True)
    if len(levels) < 2:
        raise InputError(f"{fault} planted in a target with at least two classes; this one has fewer")
    return words, levels, counts
