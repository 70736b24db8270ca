"""Words that look like one word written twice: equal but for case and punctuation, or in four fifths of the letters."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np

from assay.core.table import F64, I64, Mask
from assay.probes.grams import parted, plain

ALIKE = 0.8  # of the letters, in order
MOST_WORDS, MOST_LETTERS = 20_000, 5e6  # pairs of words that are compared letter by letter, and squares of their length
MOST_LEVELS, PAIRS = 64, 500  # values that tell how often two words look alike, and pairs that the chance is good for


def plain_codes(levels: Sequence[str], codes: I64) -> I64:
    """Codes that are equal where texts are but for case and punctuation; a text of nothing else is its own."""
    same = {text: k for k, text in enumerate(plain(levels)) if text}
    own = [same.get(text, k) for k, text in enumerate(plain(levels))]
    return np.array([*own, -1], np.int64)[codes]


def same_word(levels: Sequence[str], a: I64, b: I64) -> Mask:
    """Whether levels a and b are one text written in two ways. A number is no misspelling of another."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    own, back = np.unique(np.where(low < 0, -1, low * (len(levels) + 1) + high), return_inverse=True)
    used = np.unique(np.concatenate((low, high)))
    used = used[used >= 0]
    texts = plain([levels[k] for k in used])
    digits = parted(texts)[1]
    same = np.zeros(len(own), bool)
    length = np.array([len(t) for t in texts])
    cost = length[np.searchsorted(used, own[own >= 0] // (len(levels) + 1))]
    if len(own) > MOST_WORDS or float((cost.astype(float) ** 2).sum()) > MOST_LETTERS:
        return np.zeros(len(a), bool)
    for k, value in enumerate(own):
        if value >= 0:
            s, t = np.searchsorted(used, (value // (len(levels) + 1), value % (len(levels) + 1)))
            if digits[s] == digits[t] and texts[s] and texts[t]:
                same[k] = texts[s] == texts[t] or alike(texts[s], texts[t])
    return np.asarray(same[back.ravel()], bool)


def alike(a: str, b: str) -> bool:
    match = difflib.SequenceMatcher(None, a, b)
    return match.real_quick_ratio() >= ALIKE and match.quick_ratio() >= ALIKE and match.ratio() >= ALIKE


def chance_to_look_alike(levels: Sequence[str], codes: I64, asked: I64) -> F64:
    """For each code asked, how often the other values of the column, as rows have them, look like it, and yet differ in
    more than case and punctuation: in names of a series (VII and VIII) more often than in others.

    Values beyond the most frequent are given the mean of those.
    """
    many = np.bincount(codes[codes >= 0], minlength=len(levels))
    top = np.argsort(-many, kind="stable")[:MOST_LEVELS]
    a, b = (x.ravel() for x in np.meshgrid(top, top, indexing="ij"))
    other = plain_codes(levels, a) != plain_codes(levels, b)
    looks = np.zeros(len(a), bool)
    upper = other & (a < b)
    looks[upper] = same_word(levels, a[upper], b[upper])
    grid = looks.reshape(len(top), len(top))
    weight = other.reshape(grid.shape) * many[top]
    alike_to = ((grid | grid.T) * many[top]).sum(1) / np.maximum(weight.sum(1), 1)
    mean = float((alike_to * many[top]).sum() / max(1, many[top].sum()))
    out = np.full(len(levels) + 1, mean)  # the last for null
    out[top] = alike_to
    return np.asarray((out[asked] * PAIRS + 1) / (PAIRS + 2), np.float64)
