"""A model that never saw a group or site against one of equal size that did, on the same rows of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.core.challenge import probe
from assay.core.subject import JUDGE, Subject
from assay.core.table import F64, I64, Mask
from assay.learn.target import Labels

from .forward import Bench, draw
from .halves import parts_of
from .judged import Judged

MOST_ROWS, MOST_WIDE_ROWS, WIDE = 6_000, 2_000, 100  # features above which fewer rows are learned from
MOST_LEVELS, FEWEST_LEVELS, FOLDS, MIXED = 50, 2, 5, 2
FEWEST_TRAINED = 50


@dataclass(frozen=True)
class LeftOut:
    """One role's column: for the rows ``index`` of the judged table, outputs of a model that learned from no row of
    the row's level (``apart``) and of one of equal size that did (``mixed``). ``levels`` by name: their rows, as
    positions in ``index``."""

    role: str
    column: str
    index: I64
    apart: F64
    mixed: F64
    levels: dict[str, I64]
    trained_on: int


def learned(judged: Judged) -> Mask:
    """Rows that the model learned from, as far as is known: where all are judged ones, what the partition gives to
    learning."""
    known = judged.part != JUDGE
    return np.asarray(known if known.any() else judged.fold != JUDGE)


def told_levels(judged: Judged, column: str, index: I64) -> dict[str, I64]:
    """Levels of a column with enough of the rows ``index`` for a claim, the largest first: their positions in it."""
    codes, texts = judged.rows.codes(column)
    own = codes[index].astype(np.int64)
    count = np.bincount(own[own >= 0], minlength=len(texts))
    found: dict[str, I64] = {}
    for i in sorted(np.flatnonzero(count >= 2), key=lambda i: (-count[i], texts[i])):
        if len(found) == MOST_LEVELS or count[i] < 30:
            break
        at = np.flatnonzero(own == i)
        if judged.enough(index[at]):
            found[texts[i]] = at
    return found


@probe(needs=("target", "predictions", "units", "feature"), cost="fit")
def left_out(subject: Subject, judged: Judged, honest: tuple[str, ...]) -> tuple[LeftOut, ...]:
    """For the site's and the group's column, where the model learned from rows of the levels that it is judged on, so
    that its own predictions cannot say how it does on a new one. Honest columns; a group's own column is no feature."""
    out: list[LeftOut] = []
    seen = learned(judged)
    for role in ("site", "group"):
        column = next(iter(subject.roles.named(role)), None)
        if column is None or column not in judged.rows.names or any(made.column == column for made in out):
            continue
        features = tuple(c for c in honest if c not in subject.roles.named("group"))
        index = np.arange(min(judged.rows.n, MOST_ROWS if len(features) <= WIDE else MOST_WIDE_ROWS))
        levels = told_levels(judged, column, index)
        met = {name: at for name, at in levels.items() if seen[index[at]].any()}
        if len(levels) < FEWEST_LEVELS or not met or not features:
            continue
        made = trained(subject, judged, role, column, features, index, met)
        if made is not None:
            out.append(made)
    return tuple(out)


def trained(
    subject: Subject, judged: Judged, role: str, column: str, features: tuple[str, ...], index: I64,
    levels: dict[str, I64],
) -> LeftOut | None:  # fmt: skip
    roles, n = subject.roles, len(index)
    if roles.task is None:
        return None
    fold = np.full(n, -1, np.int64)  # rows of no level that is left out always teach
    size_of = np.zeros(FOLDS, np.int64)
    for at in levels.values():  # the largest first, each to the fold that has least
        k = int(size_of.argmin())
        fold[at] = k
        size_of[k] += len(at)
    used = np.flatnonzero(size_of)
    part = parts_of(judged.rows.row_id[index], MIXED, salt=11)
    size = int(n - max(size_of.max(), np.bincount(part, minlength=MIXED).max()))
    if size < FEWEST_TRAINED:
        return None
    rng = subject.rng("left_out", role)
    labels = Labels(roles.task, judged.y, roles.classes, np.ones(judged.rows.n, bool), roles.aim)
    bench = Bench(judged.rows, labels, features, roles.order.column if roles.order else "", int(rng.integers(2**31)))
    jobs = [(draw(np.flatnonzero(fold != k), size, rng), np.flatnonzero(fold == k)) for k in used]
    jobs += [
        (draw(np.flatnonzero(part != j), size, rng), np.flatnonzero((part == j) & (fold >= 0))) for j in range(MIXED)
    ]
    made = bench.many([(index[train], index[test]) for train, test in jobs])
    apart, mixed = bench.empty(n), bench.empty(n)
    for i, ((_, test), output) in enumerate(zip(jobs, made, strict=True)):
        (apart if i < len(used) else mixed)[test] = output
    return LeftOut(role, column, index, apart, mixed, levels, size)
