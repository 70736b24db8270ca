"""An encoder and what goes with it: its rows as training data, and a trained learner as a model of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.table import F64, I64, U64, Sample

from .encoder import encode, encode_training, fit_encoder
from .forms import EncoderSpec
from .learners import Data, Trained
from .target import Labels


def encoded(
    sample: Sample,
    features: Sequence[str],
    labels: Labels,
    index: I64,
    *,
    order: str | None = None,
    key: U64 | None = None,
    weight: F64 | None = None,
) -> tuple[EncoderSpec, Data]:
    """An encoder fitted on the rows ``index`` (target known), and these rows as training data.

    ``order`` and ``key`` as ``fit_encoder`` and ``encode_training`` have them; ``weight`` (n,) says how much each row
    of ``sample`` counts. Where no column can feed a learner, the spec has no features and the data no columns.
    """
    spec = fit_encoder(sample, features, labels, index=index, order=order, key=key)
    X = encode_training(spec, sample, labels, index=index, key=key)
    own = None if weight is None else weight[index]
    return spec, Data(X, labels.y[index], labels.task, labels.outputs, spec.categorical, own, labels.said)


@dataclass(frozen=True)
class EncodedModel:
    """``classes`` in the order of the outputs, empty for a number; ``trained_on`` the digest of its table, if known."""

    spec: EncoderSpec
    trained: Trained
    classes: tuple[str, ...] = ()
    trained_on: str | None = None
    refitted: bool = False
    size: int | None = None

    def predict_rows(self, rows: Sample) -> F64:
        """(n, classes) probabilities, or (n,) values."""
        return self.trained.predict(encode(self.spec, rows))
