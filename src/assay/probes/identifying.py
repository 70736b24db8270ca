"""Which pairs of records are one thing written twice: evidence from two fields that identify, and are independent.

A value that few records have tells them apart, and two records that share it, or have it in two writings, may be one
thing; but one such field alone is shared by what is different: the zip codes of one city, the models of one maker, the
incidents of one place. So two fields must agree. A field identifies only where the others bear it out: of the pairs
that agree in it, by the same value as by another writing of it, at least half agree in another such field rather than
differ. Fields count as one source where one is spelt out of the other's words (a name and its address on the web), or
where both still agree in pairs that the other fields tell apart (a formula and its weight).

Fellegi & Sunter (1969), JASA 64:1183, section 3.2, for the independence that the weights rest on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.table import I64, Mask

from .fields import DIGITS, Field
from .wording import OTHER, PROSE, SAME

RARE = 0.01  # of the records: two independent agreements by chance are then one in ten thousand
HALF = 0.5  # of the pairs that agree in a field, or of the words of one text
ASKED = 300  # pairs that agree in a field, drawn to learn whether it identifies
FEWEST = 10  # pairs that a share is taken of
RECORDS, LETTERS = 500, 3  # records, and letters of a word, that tell whether one text is spelt out of another
FAMILY = 0.2  # of the records with a like text of other words: from there on these words are what varies in a form


@dataclass(frozen=True, slots=True)
class Evidence:
    """(pairs, fields): where the two agree in a rare value, as the same value or (``again``) in another writing of a
    text, and where they have different ones."""

    agree: Mask
    again: Mask
    against: Mask


def evidence(fields: Sequence[Field], i: I64, j: I64) -> Evidence:
    agree, again, against = (np.zeros((len(i), len(fields)), bool) for _ in range(3))
    for k, f in enumerate(fields):
        own = f.code if f.said is None else f.said  # the whole text, of which ``code`` may be the words alone
        often = np.bincount(own[own >= 0]) / max(1, int((own >= 0).sum()))
        a, b = own[i], own[j]
        known = (a >= 0) & (b >= 0)
        rare = known & (np.maximum(often[a], often[b]) <= RARE)
        if f.rich:
            said = f.wordings(i, j)
            agree[:, k] = rare & (said == SAME)
            again[:, k] = agree[:, k] & (f.raw[i] != f.raw[j])
            against[:, k] = said == OTHER
        elif (often**2).sum() <= RARE and not f.name.endswith(DIGITS):
            agree[:, k] = rare & (a == b)
            against[:, k] = known & (a != b)
    return Evidence(agree, again, against)


def written_twice(fields: Sequence[Field], alike: Mask, at: tuple[I64, I64], pairs: tuple[I64, I64]) -> Mask:
    """Which of the ``pairs`` of records have evidence of two independent fields that identify, of which one is a text,
    and more such fields for them than against; or are one prose, where few have a like one of other words.

    ``alike`` (pairs of ``at``, fields): which of all compared pairs ``at`` agree or nearly do.
    """
    step = [np.flatnonzero(alike[:, k]) for k in range(len(fields))]
    drawn = np.unique(np.concatenate([own[:: max(1, -(-len(own) // ASKED))] for own in step]))
    learned = evidence(fields, at[0][drawn], at[1][drawn])
    same, again = settled(learned)
    source = sources(fields, learned, same)
    own = evidence(fields, *pairs)
    agree = own.agree & np.where(own.again, again, same)
    many = np.zeros(len(pairs[0]), np.int64)
    for s in np.unique(source):
        many += agree[:, source == s].any(1)
    text = agree[:, [f.rich for f in fields]].any(1)
    out = (many >= 2) & text & (agree.sum(1) > (own.against & same).sum(1))
    for k, f in enumerate(fields):
        if f.rich and np.mean([len(t.split()) for t in f.texts]) >= PROSE:
            out |= own.agree[:, k] & ~own.against.any(1) & copied(f, *pairs, own.again[:, k])
    return np.asarray(out, bool)


def settled(seen: Evidence) -> tuple[Mask, Mask]:
    """The fields that identify by the same value, and by another writing: half of the pairs that agree so agree in
    another field that identifies, and in no fewer than they differ in."""
    same: Mask = np.asarray(seen.agree.any(0))
    for _ in range(len(same)):
        kept = np.array([bool(same[k]) and borne_out(seen, same, k, seen.agree[:, k]) for k in range(len(same))])
        if (kept == same).all():
            break
        same = kept
    again = [bool(same[k]) and borne_out(seen, same, k, seen.again[:, k]) for k in range(len(same))]
    return np.asarray(same, bool), np.array(again, bool)


def borne_out(seen: Evidence, same: Mask, k: int, where: Mask) -> bool:
    others = same.copy()
    others[k] = False
    if not where.any():
        return True
    agree, against = seen.agree[where][:, others].sum(1), seen.against[where][:, others].sum(1)
    return bool(((agree > 0) & (agree >= against)).mean() >= HALF)


def sources(fields: Sequence[Field], seen: Evidence, same: Mask) -> I64:
    """One number a field: the same for fields that are one source."""
    out = np.arange(len(fields))
    for k in np.flatnonzero(same):
        for m in np.flatnonzero(same[: int(k)]):
            others = same.copy()
            others[[k, m]] = False
            apart = seen.against[:, others].sum(1) > seen.agree[:, others].sum(1)
            one, two = seen.agree[:, k] & apart, seen.agree[:, m] & apart
            either = int((one | two).sum())
            still = either >= FEWEST and (one & two).sum() >= HALF * either
            if still or spelt_out(fields[int(k)], fields[int(m)]):
                out[out == out[k]] = out[m]
    return out


def spelt_out(f: Field, g: Field) -> bool:
    """Whether half of the words of one text, record by record, stand in the other."""
    if f.said is None or g.said is None:
        return False
    known = np.flatnonzero((f.said >= 0) & (g.said >= 0))[:RECORDS]
    shares: tuple[list[float], list[float]] = ([], [])
    for a, b in zip(f.said[known], g.said[known], strict=True):
        for own, other, share in ((f.texts[a], g.texts[b], shares[0]), (g.texts[b], f.texts[a], shares[1])):
            words, joined = [w for w in own.split() if len(w) >= LETTERS], other.replace(" ", "")
            if words:
                share.append(sum(w in joined for w in words) / len(words))
    return any(len(share) >= FEWEST and float(np.mean(share)) >= HALF for share in shares)


def copied(f: Field, i: I64, j: I64, again: Mask) -> Mask:
    """Pairs of one prose; none with other words in it where many records have such a twin: what they share is a form
    then, and the words that differ are what it is filled in with."""
    assert f.said is not None
    filled = np.zeros(len(i), bool)
    where = np.flatnonzero(again)
    words = {int(k): sorted(f.texts[k].split()) for k in np.unique(f.said[np.concatenate((i[where], j[where]))])}
    filled[where] = [words[int(f.said[i[p]])] != words[int(f.said[j[p]])] for p in where]
    share = len(np.unique(np.concatenate((i[filled], j[filled])))) / max(1, int((f.said >= 0).sum()))
    return ~filled if share >= FAMILY else np.ones(len(i), bool)
