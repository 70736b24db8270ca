"""The target of the shared sample, as numbers."""

from __future__ import annotations

from assay.core.challenge import probe
from assay.core.errors import InputError, NotApplicable
from assay.core.subject import Subject
from assay.core.table import Sample
from assay.learn import target


@probe(needs=("target",), cost="sample")
def labels(subject: Subject, rows: Sample) -> target.Labels:
    """Class index or value for every row of ``rows``, and which rows have a known target."""
    try:
        return target.labels(rows, subject.roles)
    except InputError as why:  # one value, or a hundred classes and more: nothing that can be learned
        raise NotApplicable(str(why)) from None
