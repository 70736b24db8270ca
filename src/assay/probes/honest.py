"""The features that no leak rule suspects."""

from __future__ import annotations

from collections.abc import Mapping

from assay.core.challenge import probe
from assay.core.subject import Subject

from .suspects import Suspicion


@probe(needs=("target", "feature"), cost="sample")
def honest(subject: Subject, suspects: Mapping[str, Suspicion]) -> tuple[str, ...]:
    """Feature names, sorted, without those under suspicion."""
    return tuple(c for c in subject.features if c not in suspects)
