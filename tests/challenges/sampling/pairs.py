"""Pairs of tables for the tests of comparisons."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from assay.audit.opening import open_subject
from assay.core.subject import Comparison, Subject


def pair(a: pa.Table, b: pa.Table, target: str = "y") -> Subject:
    return open_subject(a, target=target, test=b, cache=False)


def dealt(subject: Subject, seed: int) -> Subject:
    """The rows dealt at random to two tables."""
    first = np.random.default_rng(seed).random(subject.table.n_rows) < 0.5
    parts = [subject.table.derive(subject.table.arrow().filter(pa.array(m))) for m in (first, ~first)]
    return replace(subject, comparisons=(Comparison("one half against the other", *parts, kind="test"),))
