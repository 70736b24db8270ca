"""Words of free text as features: 1 where a text holds a word, or two words side by side, else 0; null stays NaN.

A column is prose where its texts share words: ids, codes and keys do not, and stay left out. Words are what stands
between spaces, without one mark before and after it, in lower case; digits alone are no word. Of the words and pairs
that at least five rows and five units hold, and five do not, those are features that tell of the target beyond chance
(Pearson's chi-square for classes, the difference of means for values; one false word expected by chance), at most 128
over all columns. They are found in the training rows alone, so that validation rows never choose a word.

No word of fewer than five rows or units is ever kept: rare words are names. A graph splits texts at spaces only, and
knows a word by the spellings of ``spellings``; ``encoder.encode`` goes by the very same ones. A word beside a line
break or a tab is therefore not seen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.table import F64, I64, U64

from .forms import Feature

LEAST = 5  # rows, and units, that hold a word before it is stored anywhere; as many must lack it
MOST_WORDS = 128  # features of all columns of text: what so many columns of numbers would cost in memory
MOST_TEXTS = 20_000  # rows that words are looked for in: rows stand in hash order, so the first are a random draw
MOST_TRIED = 2_000  # words, and as many pairs: the commonest
ENOUGH = 5  # shared words that make a column prose
BEFORE, AFTER = ("", '"', "("), ("", ".", ",", "!", "?", ";", ":", ")", '"')
_TOKEN = re.compile(r"[\"(]?(\w[\w'’-]{0,18}\w)[.,!?;:)\"]?")
F32 = NDArray[np.float32]


def spellings(word: str) -> list[str]:
    """Every way of writing ``word`` that counts as the word: its case, and one mark before and after it."""
    cases = [case for case in dict.fromkeys((word, word.capitalize(), word.upper())) if case.lower() == word]
    return [before + case + after for case in cases for before in BEFORE for after in AFTER]


def word_of(token: str) -> str | None:
    """The word that a token is a spelling of; None where it is none."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        return None
    core = found[1]
    word = core.lower()
    if core not in (word, word.capitalize(), word.upper()) or not any(c.isalpha() for c in core):
        return None
    return word


def split(texts: Sequence[str]) -> tuple[I64, Any]:
    """(row of each token, Arrow array of tokens), in order; texts are parted at spaces, as the graph does."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = pc.split_pattern(pa.array(texts, pa.large_string()), " ")
    row = pc.list_parent_indices(parts).to_numpy(zero_copy_only=False).astype(np.int64)
    flat = pc.list_flatten(parts)
    there = pc.not_equal(flat, "")
    return row[there.to_numpy(zero_copy_only=False)], flat.filter(there)


@dataclass(frozen=True)
class Found:
    """Which rows hold which words: ``row`` and ``term`` are pairs without repeats; ``terms`` the words of each."""

    row: I64
    term: I64
    terms: tuple[tuple[str, ...], ...]


def found_in(texts: Sequence[str], unit: U64) -> Found:
    """Words and pairs that at least five of the ``texts`` and units hold, and five texts do not."""
    row, tokens = split(texts)
    coded = tokens.dictionary_encode()
    words: dict[str, int] = {}
    of = [words.setdefault(w, len(words)) if (w := word_of(t)) else -1 for t in coded.dictionary.to_pylist()]
    code = np.array([*of, -1], np.int64)[coded.indices.to_numpy(zero_copy_only=False)]
    names = list(words)
    known = code >= 0
    held_row, held, kept = _common(row[known], code[known], len(names), unit, len(texts))
    place = np.full(len(names) + 1, -1, np.int64)
    place[kept] = np.arange(len(kept))
    near = place[code]
    beside = (row[1:] == row[:-1]) & (near[1:] >= 0) & (near[:-1] >= 0)
    pair = near[:-1][beside] * len(kept) + near[1:][beside]
    seen, index = np.unique(pair, return_inverse=True)
    pair_row, pair_term, pairs = _common(row[1:][beside], index.ravel(), len(seen), unit, len(texts))
    terms: list[tuple[str, ...]] = [(names[k],) for k in kept]
    terms += [(names[kept[p // len(kept)]], names[kept[p % len(kept)]]) for p in seen[pairs]]
    joined = np.concatenate((held, pair_term + len(kept)))
    return Found(np.concatenate((held_row, pair_row)), joined, tuple(terms))


def _common(row: I64, code: I64, size: int, unit: U64, rows: int) -> tuple[I64, I64, I64]:
    """Pairs (row, place among the kept) of the codes that enough rows and units hold, and these codes."""
    if not len(code):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
    both = np.unique(row * size + code)
    row, code = both // size, both % size
    count = np.bincount(code, minlength=size)
    number = np.unique(unit, return_inverse=True)[1].ravel()
    units = np.bincount(np.unique(number[row] * size + code) % size, minlength=size)
    fine = np.flatnonzero((count >= LEAST) & (units >= LEAST) & (count <= rows - LEAST))
    fine = np.sort(fine[np.argsort(-count[fine], kind="stable")[:MOST_TRIED]])
    place = np.full(size, -1, np.int64)
    place[fine] = np.arange(len(fine))
    inside = place[code] >= 0
    return row[inside], place[code[inside]], fine


def is_prose(texts: Sequence[str]) -> bool:
    """Whether texts share words that some hold and others do not."""
    return _shared(found_in(texts, np.arange(len(texts), dtype=np.uint64)))


def _shared(found: Found) -> bool:
    return sum(len(t) == 1 for t in found.terms) >= ENOUGH


def word_features(
    column: str, texts: Sequence[str], y: F64, classes: int, unit: U64, most: int = MOST_WORDS
) -> list[Feature]:
    """The ``most`` words and pairs of ``texts`` that tell most of ``y``: class index; a value where ``classes`` is 0.

    ``y`` and ``unit`` may go on beyond the texts.
    """
    found = found_in(texts, unit[: len(texts)])
    if not _shared(found):
        return []
    chance = chance_of(found, y[: len(texts)], classes)
    best = np.lexsort((np.arange(len(chance)), chance))[:most]
    told = [found.terms[i] for i in best if chance[i] <= 1.0 / len(chance)]
    return [Feature(f'{column} says "{" ".join(t)}"', column, "word", levels=t) for t in sorted(told)]


def chance_of(found: Found, y: F64, classes: int) -> F64:
    """(terms,) how likely a word that says nothing would tell as much: Pearson's chi-square, or a squared z."""
    from scipy.special import chdtrc

    n, size = len(y), len(found.terms)
    count = np.bincount(found.term, minlength=size).astype(np.float64)
    if classes:
        k = y.astype(np.int64)
        share = np.bincount(k, minlength=classes) / n
        seen = np.bincount(found.term * classes + k[found.row], minlength=size * classes).reshape(size, classes)
        there = share > 0
        expected, missed = np.outer(count, share[there]), np.outer(n - count, share[there])
        square = ((seen[:, there] - expected) ** 2 * (1.0 / expected + 1.0 / missed)).sum(1)
        return np.asarray(chdtrc(max(1, int(there.sum()) - 1), square))
    rank = np.empty(n)
    rank[np.argsort(y, kind="stable")] = np.arange(n)  # ranks: a few huge values must not pick the words
    z = (rank - rank.mean()) / (rank.std() or 1.0)
    total = np.bincount(found.term, weights=z[found.row], minlength=size)
    return np.asarray(chdtrc(1, total**2 / (count * (1.0 - count / n))))


def code_words(features: Sequence[Feature]) -> dict[str, int]:
    """Every word of the features and its code from 1; 0 stands for all other words."""
    return {w: i + 1 for i, w in enumerate(sorted({w for f in features for w in f.levels}))}


def presence(features: Sequence[Feature], texts: Sequence[str]) -> F32:
    """(texts, features) 1 where the text holds the word or the pair, else 0."""
    import pyarrow as pa
    import pyarrow.compute as pc

    codes = code_words(features)
    keys = {s: code for word, code in codes.items() for s in spellings(word)}
    row, tokens = split(texts)
    at = pc.fill_null(pc.index_in(tokens, pa.array(list(keys), pa.large_string())), len(keys))
    code = np.array([*keys.values(), 0], np.int64)[at.to_numpy(zero_copy_only=False)]
    out = np.zeros((len(texts), len(features)), np.float32)
    beside = row[1:] == row[:-1]
    for j, f in enumerate(features):
        if len(f.levels) == 1:
            out[row[code == codes[f.levels[0]]], j] = 1.0
        else:
            first, second = codes[f.levels[0]], codes[f.levels[1]]
            out[row[1:][beside & (code[:-1] == first) & (code[1:] == second)], j] = 1.0
    return out
