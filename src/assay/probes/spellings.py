"""Ways in which one value is written: what texts have in common once case, blanks and encoding are set aside, and which
texts are one slip of the hand away from another. Pure functions on the different texts of a column.

Digits say which, not how: ``form`` turns each into 0, so that ``37 patients`` and ``9 patients`` have forms that differ
by a digit only, and a difference in digits is never a slip.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAME = 0.6  # of the characters must be left as they are: beyond that it is another word
TWO_EDITS = 9  # letters of one word from which two slips leave it plain which word it was (north and south are five)
TOKEN = re.compile(r"[^\W_]+")
CHUNK = 8_000_000  # characters compared at a time
_JOINER = re.compile(r"(?<=[^\W\d_])[\s_\-.'’`´]+(?=[^\W\d_])|(?<=[^\W\d_])[\s_]+(?=\d)|(?<=\d)[\s_]+(?=[^\W\d_])")


@dataclass(frozen=True, slots=True)
class Slip:
    """``rare`` is near ``common``: places in the lists that were handed in.

    ``word``: length of the shortest word touched. ``odd``: the slip made a word of a shape that no common text has.
    """

    rare: int
    common: int
    edits: int
    word: int
    odd: bool


def form(text: str) -> str:
    """The text with every digit as 0."""
    return "".join("0" if c.isdigit() else c for c in text)


def refilled(shape: str, text: str) -> str | None:
    """The form ``shape`` with the digits of ``text`` in order; None where their numbers differ."""
    digits = [c for c in text if c.isdigit()]
    if shape.count("0") != len(digits):
        return None
    left = iter(digits)
    return "".join(next(left) if c == "0" else c for c in shape)


def decoded(text: str) -> str:
    """Undo what wrong decoding did: UTF-8 read as Latin-1 or Windows-1252, HTML entities, compatibility characters."""
    out = html.unescape(text) if "&" in text else text
    if not out.isascii():
        for code in ("cp1252", "latin-1"):
            try:
                out = out.encode(code).decode("utf-8")
                break
            except UnicodeError:
                continue
    return unicodedata.normalize("NFKC", out)


def folded(text: str) -> str:
    """What is left of a text when case, blanks, joining marks between letters, closing points and encoding are aside.

    Signs that carry meaning (``+ - < > = # % $ &`` and any mark beside a digit) stay: ``<=50K`` is not ``>50K``,
    ``1.5`` is not ``15``, ``A-`` is not ``A``. Empty where no letter is left.
    """
    out = " ".join(decoded(text).casefold().split()).strip("\"'`’´ ")
    out = re.sub(r"\s*([/&,;:()])\s*", r"\1", out)
    out = re.sub(r"[\s.,;:]+$", "", out)
    out = _JOINER.sub("", out)
    return out if any(c.isalpha() for c in out) else ""


def coded(text: str) -> bool:
    """Case looks like a part of the meaning: some short word mixes it (``tSmN``, ``pH``, ``mW``)."""
    return any(len(w) <= 4 and shape("".join(c for c in w if c.isalpha())) not in ("", "A", "a", "Aa", "l")
               for w in TOKEN.findall(decoded(text)))  # fmt: skip


def shape(word: str) -> str:
    """Runs of capitals, small letters, other letters and digits: ``Aa`` for a title, ``A0`` for a code."""
    return re.sub(r"(.)\1+", r"\1", "".join(map(_class, word)))


def _class(c: str) -> str:
    return "0" if c.isdigit() else "A" if c.isupper() else "a" if c.islower() else "l"


def slips(rare: Sequence[str], common: Sequence[str]) -> list[Slip]:
    """Pairs of a rare and a common form that one slip (two in long words) or one replaced character explains.

    Slips are those of Damerau (1964): a character replaced, left out, put in, or two neighbours exchanged. All pairs
    are given; nothing is decided.
    """
    of_text = [{shape(w) for w in TOKEN.findall(text)} for text in common]
    shapes = Counter(s for own in of_text for s in own)
    itself = dict(zip(common, of_text, strict=True))
    found: dict[tuple[int, int], int] = {}
    for i, j, edits in [*_replaced(rare, common), *_moved(rare, common)]:
        found[(i, j)] = min(edits, found.get((i, j), edits))
    out = []
    for (i, j), edits in sorted(found.items()):
        made = _slip(rare[i], common[j], shapes, itself.get(rare[i], set()))
        if made is not None and (edits == 1 or made[0] >= TWO_EDITS):
            out.append(Slip(i, j, edits, *made))
    return out


def _slip(rare: str, common: str, shapes: Mapping[str, int], itself: set[str]) -> tuple[int, bool] | None:
    """Length of the shortest word touched and whether the slip looks odd; None where too little is left unchanged."""
    before = after = 0
    while before < min(len(rare), len(common)) and rare[before] == common[before]:
        before += 1
    while after < min(len(rare), len(common)) - before and rare[-1 - after] == common[-1 - after]:
        after += 1
    here, there = rare[before : len(rare) - after], common[before : len(common) - after]
    if not any(c.isalpha() for c in here + there) or here.casefold() == there.casefold():
        return None  # digits, marks (a doubtful `Flask?`), blanks and case are other matters
    new, old = _words(rare, before, len(rare) - after), _words(common, before, len(common) - after)
    touched, original = [w for w in new if w not in old], [w for w in old if w not in new]
    odd = any(shapes.get(s, 0) - (s in itself) <= 0 for s in map(shape, touched))
    if any("0" in w for w in original):
        # Codes: only a replaced character, and in codes that mix letters and digits only one of a class they lack.
        mixed = {c for s in shapes if "0" in s and s != "0" for c in s if shapes[s] - (s in itself) > 0}
        if not odd or len(rare) != len(common) or any(c in mixed for c in shape(here) if c != "0"):
            return None
    sizes = [len(w) for w in original]
    size = min(sizes) if len(original) == len(touched) and sizes else sum(sizes)  # else words were joined or parted
    numbers = all(set(w) == {"0"} for w in original)
    few = odd and (len(common) > 2 if numbers else not any("0" in w for w in touched))
    if size < (2 if few else 3):
        return None
    return (max(size, 3) if any("0" in w for w in original) else size), odd


def _words(text: str, start: int, end: int) -> list[str]:
    return [m.group() for m in TOKEN.finditer(text) if m.end() >= start and m.start() <= end and _hit(m, start, end)]


def _hit(m: re.Match[str], start: int, end: int) -> bool:
    return (m.start() < end and m.end() > start) or (start == end and m.start() <= start <= m.end())


def _replaced(rare: Sequence[str], common: Sequence[str]) -> list[tuple[int, int, int]]:
    """Texts of one length that differ in one place (two if long), or in several by one and the same replacement."""
    out = []
    for size in sorted({len(v) for v in rare} & {len(v) for v in common}):
        if size < 2:
            continue
        left, a = _matrix(rare, size)
        right, b = _matrix(common, size)
        step = max(1, CHUNK // max(1, len(b) * size))
        for at in range(0, len(a), step):
            x = a[at : at + step, None, :]
            differ = x != b[None]
            count = differ.sum(axis=2)
            most = max(2 if size >= TWO_EDITS else 1, int((1 - SAME) * size))
            for i, j in zip(*np.nonzero((count > 0) & (count <= most)), strict=True):
                places = differ[i, j]
                throughout = len(set(x[i, 0][places])) == 1 and len(set(b[j][places])) == 1
                if throughout or (count[i, j] == 2 and size >= TWO_EDITS):
                    out.append((left[at + i], right[j], 1 if throughout else 2))
    return out


def _matrix(texts: Sequence[str], size: int) -> tuple[list[int], NDArray[np.uint32]]:
    at = [i for i, v in enumerate(texts) if len(v) == size]
    packed = np.array([texts[i] for i in at], dtype=f"<U{size}")
    return at, packed.view(np.uint32).reshape(len(at), size)


def _moved(rare: Sequence[str], common: Sequence[str]) -> list[tuple[int, int, int]]:
    """One character left out or put in, two neighbours exchanged; in long texts one left out and one put in."""
    whole: dict[str, list[int]] = {}
    short: dict[str, list[int]] = {}
    for j, text in enumerate(common):
        whole.setdefault(text, []).append(j)
        for cut in _cuts(text):
            short.setdefault(cut, []).append(j)
    out = []
    for i, text in enumerate(rare):
        cuts = _cuts(text)
        out += [(i, j, 1) for cut in cuts for j in whole.get(cut, ())]
        out += [(i, j, 1) for j in short.get(text, ())]
        swaps = {text[:k] + text[k + 1] + text[k] + text[k + 2 :] for k in range(len(text) - 1)} - {text}
        out += [(i, j, 1) for swap in swaps for j in whole.get(swap, ())]
        if len(text) >= TWO_EDITS:
            out += [(i, j, 2) for cut in cuts for j in short.get(cut, ()) if common[j] != text]
    return out


def _cuts(text: str) -> set[str]:
    """The text with one character left out; of long texts the ends are enough to meet each other."""
    return {text[:k] + text[k + 1 :] for k in range(len(text))} if len(text) <= 64 else set()
