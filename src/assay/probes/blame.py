"""Which cell of a row that breaks rules is the wrong one: the fewest cells that account for all rules it breaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from assay.core.table import F64, I64

ALONE = 1.0  # rarity of a value that no other row holds
Commonness = Callable[[str, I64], F64]  # (column, source positions) -> rows that hold the same value; NaN: not known


def blame(
    broken: Sequence[tuple[tuple[str, ...], I64]],
    standing: Mapping[str, int],
    common: Commonness | None,
    settled: Sequence[str] = (),
) -> dict[str, I64]:
    """Column -> ascending source positions of its cells that account for the broken rules.

    ``broken`` holds (columns bound, positions that break it) of each rule; ``standing`` counts the rules that bind each
    column, broken or not; ``settled[r]`` is the column that rule r speaks about. Row by row the cell is taken that most
    broken rules bind; then a value that stands nowhere else (which no rule can vouch for); then the one of which most
    rules break; then the rarer value; then the settled column. Its rules are accounted for, and the rest of the row is
    looked at again. ``common`` None: only the rules are heard.
    """
    if not broken:
        return {}
    columns = sorted({c for names, _ in broken for c in names})
    positions = np.unique(np.concatenate([at for _, at in broken]))
    hit = np.zeros((len(positions), len(broken)), bool)
    for r, (_, at) in enumerate(broken):
        hit[np.searchsorted(positions, at), r] = True
    binds = np.array([[c in names for c in columns] for names, _ in broken], bool)
    rules = np.array([max(1, standing.get(c, 1)) for c in columns], np.float64)
    spoken = np.array([[r < len(settled) and settled[r] == c for c in columns] for r in range(len(broken))], bool)
    none = np.full(len(positions), np.nan)
    rare = np.stack([none if common is None else common(c, positions) for c in columns], axis=1)
    rare = ALONE * 2 / (1 + np.where(np.isnan(rare), np.inf, rare))
    wrong = np.zeros((len(positions), len(columns)), bool)
    for _ in columns:
        left = np.flatnonzero(hit.any(1))
        if not len(left):
            break
        counts = hit[left].astype(np.float64) @ binds
        about = (hit[left].astype(np.float64) @ spoken) > 0
        own = np.where(counts > 0, rare[left], 0.0)
        pick = first_by(counts, (own == ALONE).astype(np.float64), counts / rules, own, about.astype(np.float64))
        wrong[left, pick] = True
        hit[left] &= ~binds[:, pick].T
    return {c: positions[wrong[:, j]] for j, c in enumerate(columns) if wrong[:, j].any()}


def first_by(*keys: F64) -> I64:
    """(n,) the column of each row with the largest first key, ties by the next key, at last by the column's place."""
    open_ = np.ones(keys[0].shape, bool)
    for key in keys:
        open_ &= key >= np.where(open_, key, -np.inf).max(axis=1, keepdims=True)
    return np.asarray(open_.argmax(axis=1), np.int64)
