"""Whether two texts say one thing in two writings, or two things: what differs between them decides, word by word.

Two writings of one name differ in case, punctuation, blanks, an abbreviation or a misspelling. Two names of one series
("Pentium E5500", "Pentium E6700"; "Steak Burrito", "Chicken Burrito") share most of their letters too, but a word or a
number stands where the other has another. Of prose it is the other way round: ten words that agree, in four fifths of
the text, were copied, whatever was filled in.

Copies of long texts: Broder (1997), SEQUENCES; words that are misspelt: Damerau (1964), CACM 7:171.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from assay.core.table import I64, Mask

SAME, MORE, OTHER = 0, 1, 2
PROSE = 10  # words that agree by copying only
ALIKE = 0.8  # of the letters of a misspelt word
IN_ORDER = 0.5  # of the pairs of words next to each other, of copied prose
LONG = 5  # letters of a word that can be misspelt; of shorter ones each letter tells
MOST_LEFT, MOST_PAIRS = 12, 20_000
ROMAN = re.compile(r"[ivx]+")


def wording(
    texts: Sequence[str], a: I64, b: I64, near: Mask, split: tuple[list[str], Any] | None = None
) -> I64:  # fmt: skip
    """SAME, MORE (one says what the other does, and more) or OTHER for texts ``a`` and ``b`` (positions), which are in
    lower case without punctuation. ``near`` says that four fifths of their pieces are the same, ``split``
    is what ``counted`` gives of the texts."""
    out = np.where(a == b, SAME, OTHER)
    pair = np.flatnonzero(a != b)
    if not len(pair):
        return out
    words, counts = split or counted(texts)
    left, right = counts[a[pair]], counts[b[pair]]
    both = left.minimum(right)
    only = [(left - both).tocoo(), (right - both).tocoo()]
    rest = [np.bincount(o.row[o.data > 0], minlength=len(pair)) for o in only]
    few = (rest[0] <= MOST_LEFT) & (rest[1] <= MOST_LEFT)
    explained = matched(only, few, words, np.asarray((counts > 0).sum(0)).ravel())
    left_over = []
    for side, o in enumerate(only):
        keep = (o.data > 0) & few[o.row] & ~explained[side]
        left_over.append((o.row[keep], o.col[keep]))
    many = [np.bincount(row, minlength=len(pair)) for row, _ in left_over]
    tells = np.array([any(c.isdigit() for c in w) or bool(ROMAN.fullmatch(w)) or len(w) == 1 for w in words])
    told = np.zeros(len(pair), bool)  # a number, or a letter, on one side only
    for row, word in left_over:
        told[row[tells[word]]] = True
    level = np.where(few & (many[0] == 0) & (many[1] == 0), SAME, OTHER)
    level[few & ((many[0] == 0) != (many[1] == 0)) & ~told] = MORE
    joined = np.unique([t.replace(" ", "") for t in texts], return_inverse=True)[1].ravel()
    level[joined[a[pair]] == joined[b[pair]]] = SAME
    prose = np.flatnonzero((np.asarray(both.sum(1)).ravel() >= PROSE) & near[pair])
    level[prose[in_order(texts, a[pair[prose]], b[pair[prose]])]] = SAME
    out[pair] = level
    return out


def in_order(texts: Sequence[str], a: I64, b: I64) -> Mask:
    """Whether half of the pairs of next words of the longer text are the other's: long texts of one language have the
    same letters, and most of the same words, but not in the same order."""
    own = {int(k): texts[k].split() for k in np.union1d(a, b)}
    next_to = {k: set(pairwise(words)) for k, words in own.items()}
    return np.array(
        [
            len(next_to[k] & next_to[m]) >= IN_ORDER * max(len(next_to[k]), len(next_to[m]))
            for k, m in zip(a.tolist(), b.tolist(), strict=True)
        ],
        bool,
    )


def counted(texts: Sequence[str]) -> tuple[list[str], Any]:
    """The words, and how often each text has each: (texts, words); letters and digits are words of their own."""
    from scipy.sparse import csr_array

    split = [re.findall(r"[^\W\d_]+|\d+", t) for t in texts]
    words = sorted({w for own in split for w in own})
    place = {w: k for k, w in enumerate(words)}
    column = np.array([place[w] for own in split for w in own], np.int64)
    start = np.concatenate(([0], np.cumsum([len(own) for own in split]))).astype(np.int64)
    made = csr_array((np.ones(len(column)), column, start), shape=(len(texts), len(words)))
    made.sum_duplicates()
    return words, made


def matched(only: Sequence[Any], few: Mask, words: Sequence[str], often: I64) -> tuple[Mask, Mask]:
    """Which words that only one side of a pair has are the other's, abbreviated or misspelt."""
    sides = []
    for o in only:
        at = np.flatnonzero((o.data > 0) & few[o.row])
        sides.append(at[np.argsort(o.row[at], kind="stable")])
    (x, y), found = sides, (np.zeros(len(only[0].data), bool), np.zeros(len(only[1].data), bool))
    start = np.searchsorted(only[1].row[y], only[0].row[x], "left")
    size = np.searchsorted(only[1].row[y], only[0].row[x], "right") - start
    p = np.repeat(x, size)
    q = y[np.repeat(start - np.cumsum(size) + size, size) + np.arange(int(size.sum()))] if len(y) else p[:0]
    s, t = only[0].col[p].astype(np.int64), only[1].col[q].astype(np.int64)
    own, back = np.unique(np.minimum(s, t) * len(words) + np.maximum(s, t), return_inverse=True)
    if not len(own):
        return found
    first = np.array([w[0] for w in words])
    low, high = own // len(words), own % len(words)
    likely = np.flatnonzero(first[low] == first[high])[:MOST_PAIRS]  # the first letter is seldom wrong
    same = np.zeros(len(own), bool)
    same[likely] = [
        short(words[k], words[m]) or (min(often[k], often[m]) == 1 and misspelt(words[k], words[m]))
        for k, m in zip(low[likely], high[likely], strict=True)
    ]
    same = same[back.ravel()]
    found[0][p[same]] = True
    found[1][q[same]] = True
    return found


def short(a: str, b: str) -> bool:
    """Whether one abbreviates the other: its beginning, or letters of it from first to last (blvd, boulevard)."""
    a, b = sorted((a, b), key=len)
    if len(b) < LONG - 1 or len(a) > len(b) - 1 or not b.isalpha() or ROMAN.fullmatch(a):
        return False
    rest = iter(b)
    return b.startswith(a) or (a[0] == b[0] and a[-1] == b[-1] and len(a) > 1 and all(c in rest for c in a))


def misspelt(a: str, b: str) -> bool:
    """Whether one is the other with a slip. A word that other texts have too is no slip; who calls sees to that."""
    wordy = a.isalpha() and b.isalpha() and min(len(a), len(b)) >= LONG
    return wordy and difflib.SequenceMatcher(None, a, b).ratio() >= ALIKE
