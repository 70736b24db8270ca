"""Texts of a column that are another one of its values, written otherwise: in case, blanks and marks, or mistyped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .spellings import Slip, coded, folded, form, refilled, slips

SINGLE = 10  # times rarer that a single letter, or a code that mixes case, must be: a and A may be two alleles
OWN = 0.1  # chance, at most, that a text named as a typo is a value of its own
SHRINK = 5.0  # frequent values that the rate of columns at large counts for
PER_PAIR = {3: 0.02, 4: 0.02, 5: 0.004, 6: 0.004}  # pairs of values a slip apart, by letters of the word (Rdatasets)
LONGER, ODD, HALVED = 0.002, 0.002, 0.1  # of longer words; of odd shapes; of words of two letters, half changed
Counts = Mapping[str, int]


def spellings(counts: Counts) -> dict[str, str]:
    """Text -> the more frequent spelling of the same value, for every text that has one."""
    keys: dict[str, dict[str, int]] = {}
    for text, rows in counts.items():
        shape = form(text)
        if key := folded(shape):
            forms = keys.setdefault(key, {})
            forms[shape] = forms.get(shape, 0) + rows
    best: dict[str, str] = {}
    for forms in keys.values():
        most = max(forms, key=lambda x: (forms[x], x == x.strip(), x))
        single = max(map(len, forms)) < 2 or any(map(coded, forms))
        best |= {f: most for f in forms if f != most and not (single and forms[f] * SINGLE > forms[most])}
    out = {}
    for text in counts:
        new = refilled(best[shape], text) if (shape := form(text)) in best else None
        if new in counts:
            out[text] = str(new)
    return out


def typos(counts: Counts, rarer: float) -> dict[str, str | None]:
    """Text -> the value that it looks like, or None where several would do, for every text that looks mistyped."""
    forms: dict[str, int] = {}
    for text, rows in counts.items():
        forms[form(text)] = forms.get(form(text), 0) + rows
    most = max(forms.values(), default=0)
    names = sorted(forms)
    rare = [f for f in names if forms[f] * rarer <= most and any(c.isalpha() for c in f)]
    common = [f for f in names if forms[f] >= rarer]
    if not rare or not common:
        return {}
    found = slips(rare, common)
    near: dict[int, list[Slip]] = {}
    for slip in found:
        if forms[common[slip.common]] >= rarer * forms[rare[slip.rare]]:
            near.setdefault(slip.rare, []).append(slip)
    short = [i for i, s in near.items() if min(x.word for x in s) <= 2]
    near = {i: s for i, s in near.items() if i not in short or len(short) > 1}  # one may be an abbreviation
    if not near:
        return {}
    best = {i: min(s, key=lambda x: (x.edits, -forms[common[x.common]], x.common)) for i, s in near.items()}
    own = by_nature(common, forms, rarer)
    chance = {i: expected(s, rare[i], common, own) for i, s in best.items()}
    share, typical = (len(best) + 0.5) / (len(rare) + 1), sum(chance.values()) / len(chance)
    mistyped = max(0.0, (share - typical) / max(1e-9, 1 - typical))
    wrong = {}
    for i, slip in best.items():
        by_itself = (1 - mistyped) * chance[i]
        if by_itself <= OWN * (mistyped + by_itself):
            same = [s for s in near[i] if s.edits == slip.edits and s.common != slip.common]
            clear = all(forms[common[s.common]] * rarer <= forms[common[slip.common]] for s in same)
            wrong[rare[i]] = common[slip.common] if clear else None
    return mended(counts, wrong)


def by_nature(common: Sequence[str], forms: Counts, rarer: float) -> tuple[int, int]:
    """Frequent texts that are a slip away from another about as frequent, and how many there are."""
    pairs = [s for s in slips(common, common) if forms[common[s.common]] < rarer * forms[common[s.rare]]]
    return len({s.rare for s in pairs}), len(common)


def expected(slip: Slip, text: str, common: Sequence[str], own: tuple[int, int]) -> float:
    """The chance that a value of its own is so near to a frequent one, in this column."""
    alike = sum(abs(len(text) - len(f)) <= 1 for f in common)
    at_large = 1 - (1 - PER_PAIR.get(slip.word, LONGER)) ** max(1, alike)
    if slip.odd:
        return ODD if slip.word > 2 else HALVED
    return (own[0] + SHRINK * at_large) / (own[1] + SHRINK)


def mended(counts: Counts, wrong: Mapping[str, str | None]) -> dict[str, str | None]:
    """Forms back to texts. Where a digit was lost, the one text of the column that fits the digits left is taken."""
    out: dict[str, str | None] = {}
    of_form: dict[str, list[str]] = {}
    for text in counts:
        of_form.setdefault(form(text), []).append(text)
    for shape, right in wrong.items():
        for text in of_form[shape]:
            new = refilled(right, text) if right is not None else None
            if right is not None and new is None and len(text) == len(right):
                same = [a.isdigit() or a == b for a, b in zip(text, right, strict=True)]
                pattern = re.compile("".join(re.escape(c) if ok else "." for c, ok in zip(text, same, strict=True)))
                fits = [v for v in of_form.get(right, ()) if pattern.fullmatch(v)]
                new = fits[0] if len(fits) == 1 else None
            out[text] = new
    return out
