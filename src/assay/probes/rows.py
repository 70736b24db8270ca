"""The shared row sample: what cannot be a scan reads these rows, and no others."""

from __future__ import annotations

from assay.core.challenge import probe
from assay.core.settings import Settings
from assay.core.subject import Subject
from assay.core.table import Sample, SampleSpec


@probe(cost="sample")
def rows(subject: Subject, settings: Settings) -> Sample:
    """Up to ``settings.sample_rows`` rows, drawn by hash of their content, so that equal rows come together."""
    return subject.table.sample(SampleSpec(n=settings.sample_rows))
