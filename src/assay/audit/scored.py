"""Predictions from a file: what another tool, or ``assay predict``, said of the rows of a table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import InputError, RoleError, did_you_mean
from assay.core.settings import Settings
from assay.core.subject import JUDGE, Predictions, Subject
from assay.core.table import F64, I64, Sample, SampleSpec
from assay.learn.target import labels
from assay.tables import open_table

from .answers import SUM


def read_predictions(source: Any, subject: Subject, settings: Settings, cache: bool = True) -> Predictions:
    """Read a scored file: ``p_<class>`` for every class, or ``prediction`` for a number; ``set`` where there is one.

    Its rows are those of the table, in the same order and number, or carry the same id column. All rows count as
    judged: what trained the model is not known, so rows that it has seen make it look better, never worse.

    Raises:
        RoleError: no target.  InputError: a column is missing, rows do not match, or shares do not add up to 1.
    """
    if subject.roles.target is None:
        raise RoleError("predictions need the target that they predict: name it with --target COLUMN")
    table = open_table(source, cache=cache)
    rows = subject.table.sample(SampleSpec(n=settings.sample_rows))
    truth = labels(rows, subject.roles)
    keep = np.flatnonzero(truth.known)
    rows, truth = rows.take(keep), truth.take(keep)
    given = table.sample(SampleSpec(n=max(1, table.n_rows)))
    at = matched(rows, given, subject, table.name)
    rows, truth, given = (
        rows.take(np.flatnonzero(at >= 0)),
        truth.take(np.flatnonzero(at >= 0)),
        given.take(at[at >= 0]),
    )
    output = (
        probabilities(given, truth.classes, table.name) if truth.classes else numbers(given, "prediction", table.name)
    )
    sets = members(given, truth.classes) if truth.classes and "set" in given.names else None
    part = np.full(rows.n, JUDGE, np.int8)
    return Predictions(rows.row_id, output, truth.y, part, truth.classes, sets)


def matched(rows: Sample, given: Sample, subject: Subject, name: str) -> I64:
    """Which of the given rows speaks of each row: by id where both have it, else by position; -1 for none."""
    ids = [c for c in subject.roles.named("id") if c in given.names]
    if ids:
        ours, theirs = texts(rows, ids[0]), texts(given, ids[0])
        order = np.argsort(theirs, kind="stable")
        near = np.minimum(np.searchsorted(theirs[order], ours), max(0, given.n - 1))
        found = np.where(theirs[order][near] == ours, order[near], -1) if given.n else np.full(rows.n, -1)
        if (found < 0).all():
            raise InputError(f"the predictions in {name} must share values of {ids[0]} with the table; they share none")
        return np.asarray(found, np.int64)
    if given.n != subject.table.n_rows:
        raise InputError(
            f"the predictions in {name} must be the {subject.table.n_rows:,} rows in order, or carry its id column; "
            f"got {given.n:,} rows"
        )
    place = np.empty(given.n, np.int64)
    place[given.position] = np.arange(given.n)
    return place[rows.position]


def texts(sample: Sample, column: str) -> NDArray[Any]:
    codes, levels = sample.codes(column)
    return np.array([*levels, ""])[codes]


def probabilities(given: Sample, classes: tuple[str, ...], name: str) -> F64:
    output = np.column_stack([numbers(given, f"p_{c}", name) for c in classes])
    off = np.abs(output.sum(1) - 1)
    if (output < 0).any() or off.max(initial=0.0) > SUM:
        raise InputError(f"the p_ columns of {name} must be shares that add up to 1 in every row; some do not")
    return np.asarray(output / output.sum(1, keepdims=True), np.float64)


def numbers(given: Sample, column: str, name: str) -> F64:
    if column not in given.names:
        near = did_you_mean(column, given.names)
        raise InputError(
            f"the predictions in {name} must have a column {column}; it has {', '.join(given.names)}{near}"
        )
    values = given.numbers(column)
    if not np.isfinite(values).all():
        raise InputError(f"column {column} of {name} must hold a number in every row; some have none")
    return values


def members(given: Sample, classes: tuple[str, ...]) -> NDArray[np.bool_]:
    """Sets as booleans, from lists or from their text (``[no, yes]``, ``no|yes``)."""
    codes, levels = given.codes("set")
    known = [{w.strip(" '\"") for w in level.strip("[]{}").replace("|", ",").split(",")} for level in levels]
    inside = np.array([[c in words for c in classes] for words in known] + [[False] * len(classes)], bool)
    return inside[codes]
