"""Words of a text as ONNX nodes: ``learn.prose.presence`` with StringSplit, a table of spellings and n-grams."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.learn.forms import Feature
from assay.learn.prose import code_words, spellings

from .nodes import Builder, Wire
from .ops import is_null, to_text


def lower_words(b: Builder, wire: Wire, features: Sequence[Feature]) -> str:
    """[N, features] float: 1 where the text holds the word or pair, 0 where not, NaN for null.

    ``features`` are the word features of one column, single words first (``ordered``).
    """
    codes = code_words(features)
    keys = {s: code for word, code in codes.items() for s in spellings(word)}
    wire = to_text(b, wire)
    tokens = b.add("StringSplit", wire.name, outputs=2)
    coded = b.add(
        "LabelEncoder", tokens, domain="ai.onnx.ml",
        keys_strings=list(keys), values_int64s=list(keys.values()), default_int64=0,
    )  # fmt: skip
    flat = b.add("Gather", coded, b.constant(np.array(0, np.int64)), axis=1)
    pairs = [f for f in features if len(f.levels) == 2]
    pool = [codes[w] for f in features for w in f.levels]
    singles = len(features) - len(pairs)
    counted = b.add(
        "TfIdfVectorizer", flat, mode="TF", min_gram_length=1 if singles else 2, max_gram_length=2 if pairs else 1,
        max_skip_count=0, ngram_counts=[0, singles] if pairs else [0], ngram_indexes=list(range(len(features))),
        pool_int64s=pool,
    )  # fmt: skip
    there = b.cast(b.add("Greater", counted, b.constant(np.array(0.0, np.float32))), "float")
    return b.where(is_null(b, wire), b.constant(np.array(np.nan, np.float32)), there)


def ordered(features: Sequence[Feature], places: Sequence[int]) -> list[int]:
    """The places of one column's word features with single words first, as the pool of n-grams wants them."""
    return sorted(places, key=lambda i: (len(features[i].levels), i))
