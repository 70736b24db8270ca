"""Whether the target and the weights can be fitted at all: one sentence where they cannot, a note where they nearly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.core.errors import InputError
from assay.core.table import F64, I64, NUMERIC, Sample
from assay.learn.target import Labels

WEIGHTED = (
    "rows count by their weight ({!r}) in training, in the race and in the headline score; prediction sets and the "
    "challenges on the model count every row once"
)


GUESSED = (
    "{0!r} looks like weights of rows: it is no feature, and all rows count the same; "
    "with --role weight={0} they count by it"
)
FEW_OF_CLASS = 5  # rows of a class below which hardly anything can be learned of it


def weights_of(sample: Sample, column: str, known: I64) -> F64:
    """(len(known),) the weights of the rows with a known target.

    A weight says how much a row counts: how many others it stands for, or how much it matters.

    Raises:
        InputError: the column is no number, or a weight is null, infinite or below zero, or all are zero.
    """
    kind = next(c.kind for c in sample.columns if c.name == column)
    if kind != "number":
        raise InputError(f"the weight column {column!r} must hold numbers; it holds {kind} values")
    weight = np.asarray(sample.numbers(column)[known], np.float64)
    for what, bad in (
        ("no finite number", ~np.isfinite(weight)),
        ("a number below 0", np.isfinite(weight) & (weight < 0)),
    ):
        if bad.any():
            raise InputError(
                f"a weight must be a number of 0 or more; {column!r} holds {what} in {int(bad.sum()):,} of "
                f"{len(weight):,} rows: fill these, or name another column (--role weight=COLUMN)"
            )
    if not weight.sum() > 0:
        raise InputError(f"the weights must not all be 0; {column!r} sums to 0 over {len(weight):,} rows")
    return weight


def check_values(found: Labels, target: str) -> None:
    """Refuse a count that is none.

    Raises:
        InputError: the target of a count holds values below zero or parts of a whole.
    """
    if found.aim.kind != "count":
        return
    y = found.y[found.known]
    bad = (y < 0) | (y != np.floor(y))
    if bad.any():
        raise InputError(
            f"a count must be a whole number of 0 or more; {target!r} holds {y[bad][0]:g} and others in "
            f"{int(bad.sum()):,} of {len(y):,} rows: predict its mean (--predict mean), or a quantile"
        )


def thin_classes(found: Labels) -> str:
    """A note on classes of too few rows to learn from or to be judged on; empty where there are none."""
    if found.task == "regression":
        return ""
    count = np.bincount(found.y.astype(np.int64), minlength=len(found.classes))
    thin = [f"{name} ({n:,})" for name, n in zip(found.classes, count, strict=True) if n < FEW_OF_CLASS]
    if not thin:
        return ""
    more = f" and {len(thin) - 5} more" if len(thin) > 5 else ""
    return (
        f"{len(thin)} of {len(count)} classes have fewer than {FEW_OF_CLASS} rows, too few to learn: "
        f"{', '.join(thin[:5])}{more}"
    )


def infinite(sample: Sample, columns: Sequence[str]) -> str:
    """A note on infinite values, which a model takes as missing; empty where there are none."""
    kinds = {c.name: c.kind for c in sample.columns}
    found = {}
    for name in columns:
        if kinds.get(name) in NUMERIC and (count := int(np.isinf(sample.numbers(name)).sum())):
            found[name] = count
    if not found:
        return ""
    said = ", ".join(f"{name} ({count:,})" for name, count in list(found.items())[:5])
    more = f" and {len(found) - 5} more columns" if len(found) > 5 else ""
    return f"{sum(found.values()):,} infinite values were taken as missing: {said}{more}"
