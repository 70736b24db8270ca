"""Whole sites: the rows that judge come from sites that no row that teaches came from.

Sites are taken in the order of a hash, so that no size or name is preferred: to judge until about a fifth of the rows
is reached, then to choose where at least two others are left to build; with fewer sites choose is a quarter of the
rest, at random. Rows without a site build.
"""

from __future__ import annotations

import numpy as np

from assay.core.errors import RoleError
from assay.core.subject import CHOOSE, JUDGE, Roles
from assay.core.table import I64, Table
from assay.core.words import listed

from . import rowid
from .partition import _text_hash, plain_partition
from .partition_values import ValuePartition

WANTED, MOST = 0.2, 0.3  # of the rows in judge, and in choose: a site that would make it more is passed over


def site_partition(table: Table, roles: Roles, seed: int, said: str = "") -> ValuePartition:
    """See the module.

    Raises:
        RoleError: fewer than two sites.
    """
    assert roles.site is not None
    column = roles.site.column
    codes, names = table.codes(column)  # type: ignore[attr-defined]
    count = np.bincount(codes[codes >= 0], minlength=len(names))
    present = np.flatnonzero(count)
    if len(present) < 2:
        raise RoleError(f"a split by site needs rows of at least two sites; {column} names {len(present)}")
    spread = rowid.salted(np.array([_text_hash(n) for n in names], np.uint64), "partition", seed)
    order = present[np.argsort(spread[present], kind="stable")]
    judge = taken(order, count, len(codes))
    rest = order[~np.isin(order, judge)]
    choose = taken(rest, count, len(codes)) if len(rest) >= 3 else rest[:0]
    parts = {str(names[i]): JUDGE for i in judge} | {str(names[i]): CHOOSE for i in choose}
    inner = None
    if not len(choose):
        inner = plain_partition(table, roles, "random", seed, shares=(0.75, 1.0))
    judges, chooses = listed(sorted(names[i] for i in judge)), listed(sorted(names[i] for i in choose))
    how = f"{chooses} choose" if len(choose) else "a quarter of the rows of the others chooses"
    says = f"by site ({column}): {judges} judge, which no row that teaches came from; {how}"
    return ValuePartition(column, parts, inner, says + said)


def taken(order: I64, count: I64, rows: int) -> I64:
    """Sites in the given order until a fifth of the rows is reached, none that makes it more than three tenths; the
    smallest one where every site is larger. One is always left over."""
    out: list[int] = []
    held = 0
    for i in order:
        if len(out) + 1 < len(order) and held < WANTED * rows and held + count[i] <= MOST * rows:
            out.append(int(i))
            held += int(count[i])
    if not out:
        out = [int(min(order, key=lambda i: count[i]))]
    return np.array(out, np.int64)
