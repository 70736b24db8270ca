"""A trained learner together with its encoder: a model that takes rows (``core.subject.Model``)."""

from __future__ import annotations

from dataclasses import dataclass

from assay.core.table import F64, Sample

from .encoder import encode
from .forms import EncoderSpec
from .learners import Trained


@dataclass(frozen=True)
class EncodedModel:
    """``classes`` in the order of the outputs, empty for a number; ``trained_on`` the digest of its table, if known."""

    spec: EncoderSpec
    trained: Trained
    classes: tuple[str, ...] = ()
    trained_on: str | None = None
    refitted: bool = False

    def predict_rows(self, rows: Sample) -> F64:
        """(n, classes) probabilities, or (n,) values."""
        return self.trained.predict(encode(self.spec, rows))
