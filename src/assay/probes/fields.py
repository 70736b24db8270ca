"""The columns of a table as comparisons of records: codes, frequencies, texts in pieces and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from assay.core.table import F64, I64, NUMERIC, Sample

from .grams import Grams, grams, parted, plain
from .wording import counted, wording

VERY, NEAR = 0.8, 0.5  # cosine of weighed pieces
DIGITS = " (digits)"  # of a text that is compared as a whole
MISSING, EQUAL, VERY_NEAR, NEARLY, DIFFERENT = -1, 0, 1, 2, 3
FEWEST_FILLED = 0.02


@dataclass(frozen=True)
class Field:
    """One comparison: code of each record's value (-1 missing), its frequency, and its texts as pieces, if compared so.

    ``raw`` are codes of the values as written; ``rich`` says that the column tells records apart."""

    name: str
    code: I64
    often: F64
    raw: I64
    rich: bool
    pieces: Grams | None
    texts: tuple[str, ...] = ()
    said: I64 | None = None

    def levels(self, i: I64, j: I64) -> I64:
        a, b = self.code[i], self.code[j]
        out = np.full(len(i), DIFFERENT)
        if self.pieces is not None:
            there = np.flatnonzero((a >= 0) & (b >= 0) & (a != b))
            near = self.pieces.alike(a[there], b[there])
            out[there] = np.where(near >= VERY, VERY_NEAR, np.where(near >= NEAR, NEARLY, DIFFERENT))
            likely = np.flatnonzero((near >= NEAR) & (near < VERY))
            spelt = self.pieces.spelt_alike(a[there[likely]], b[there[likely]])
            out[there[likely[spelt >= VERY]]] = VERY_NEAR
        out[a == b] = EQUAL
        out[(a < 0) | (b < 0)] = MISSING
        return out

    def wordings(self, i: I64, j: I64) -> I64:
        """SAME, MORE, OTHER or MISSING, by the whole texts."""
        assert self.said is not None and self.pieces is not None
        a, b = self.said[i], self.said[j]
        out = np.full(len(i), MISSING)
        there = np.flatnonzero((a >= 0) & (b >= 0))
        own, back = np.unique(np.stack((a[there], b[there])), axis=1, return_inverse=True)
        known = np.flatnonzero((self.code[i[there]] >= 0) & (self.code[j[there]] >= 0))
        near = np.zeros(len(there), bool)
        near[known] = self.pieces.alike(self.code[i[there[known]]], self.code[j[there[known]]]) >= VERY
        alike = np.zeros(own.shape[1], bool)
        alike[back.ravel()] = near
        out[there] = wording(self.texts, own[0], own[1], alike, self.words)[back.ravel()]
        return out

    @cached_property
    def words(self) -> tuple[list[str], Any]:
        return counted(self.texts)


def fields_of(rows: Sample, name: str, telling: bool) -> list[Field]:
    kind = next(c.kind for c in rows.columns if c.name == name)
    if kind in NUMERIC:
        x = rows.numbers(name)
        code = np.unique(x, return_inverse=True)[1].ravel().astype(np.int64)
        return made(name, np.where(np.isfinite(x), code, -1), np.where(np.isfinite(x), code, -1), False, None)
    codes, levels = rows.codes(name)
    raw = codes.astype(np.int64)
    texts = plain(levels)
    if not telling:
        return made(name, recoded(raw, texts)[0], raw, False, None)
    words, digits = parted(texts)
    mixed = np.mean([bool(w) and bool(d) for w, d in zip(words, digits, strict=True)]) if words else 0.0
    out = []
    for part in (words, digits) if mixed >= 0.1 else (texts,):
        code, own = recoded(raw, part)
        if part is digits:
            out += made(name + DIGITS, code, raw, False, None)
        elif own:
            said, whole = recoded(raw, texts)
            out += [replace(f, texts=tuple(whole), said=said) for f in made(name, code, raw, True, grams(own))]
    return out


def made(name: str, code: I64, raw: I64, rich: bool, pieces: Grams | None) -> list[Field]:
    """A field with more than one value that is filled often enough to be learned from; a key, in which no value comes
    twice, says nothing about what two records are."""
    known = code >= 0
    if not known.any() or known.mean() < FEWEST_FILLED or len(np.unique(code[known])) < 2:
        return []
    often = np.bincount(code[known]) / int(known.sum())
    if pieces is None and np.bincount(code[known]).max() < 2:
        return []
    return [Field(name, code, often, raw, rich, pieces)]


def recoded(raw: I64, texts: Sequence[str]) -> tuple[I64, list[str]]:
    """Codes by these texts in place of the levels; the empty text is missing."""
    own = sorted({t for t in texts if t})
    place = {t: k for k, t in enumerate(own)}
    to = np.array([*(place.get(t, -1) for t in texts), -1], np.int64)
    return to[raw], own
