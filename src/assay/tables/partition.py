"""Build, choose, judge: 60, 20 and 20 % of the rows, keyed on what a row is and never on where it stands.

What separates them is ``Roles.parted``: the user's own split column (``partition_column``); time (earlier rows build,
later rows judge, equal times never split); the hash of the group; whole sites (``partition_site``); else the hash of
the row's content, so that exact duplicates fall together, class by class where chance would leave a class out of a
part (``partition_strata``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import RoleError
from assay.core.subject import BUILD, Partition, Roles, SplitKind
from assay.core.table import U64, Mask, Sample, Table

from . import rowid

Shares = tuple[float, float]
SHARES: Shares = (0.6, 0.8)
ROLE_OF: dict[SplitKind, tuple[str, str]] = {  # split -> the role that it needs, and how to name it
    "column": ("split", "--role split=COLUMN"),
    "time": ("order", "--time COLUMN"),
    "group": ("group", "--group COLUMN"),
    "site": ("site", "--role site=COLUMN"),
}


@dataclass(frozen=True)
class TimePartition:
    """Rows by their value in the order column (or position): to the first cut build, above the second judge."""

    table: Any
    column: str
    cuts: tuple[float, float]
    says: str

    def part(self, sample: Sample) -> NDArray[np.int8]:
        if self.column == "@row":
            when = sample.position.astype(np.float64)
        else:
            recorded = getattr(sample, "recorded", None)
            when = recorded(self.column) if recorded is not None else sample.numbers(self.column)
        part = np.digitize(when, self.cuts, right=True).astype(np.int8)
        return np.where(np.isnan(when), np.int8(BUILD), part).astype(np.int8)


@dataclass(frozen=True)
class HashPartition:
    """Rows by a hash: of the group where one is set, else of the content; rows too ``common`` to be copies singly."""

    column: str | None
    seed: int
    says: str
    common: U64
    shares: Shares = SHARES

    def part(self, sample: Sample) -> NDArray[np.int8]:
        if self.column is None:
            key = np.where(np.isin(sample.content, self.common), sample.row_id, sample.content)
        else:
            codes, names = recorded_codes(sample, self.column)
            keys = np.array([_text_hash(n) for n in names] + [0], np.uint64)
            key = np.where(codes < 0, sample.row_id, keys[codes])
        spread = rowid.salted(key, "partition", self.seed)
        share = spread.astype(np.float64) / 2.0**64
        return np.digitize(share, self.shares).astype(np.int8)


def recorded_codes(sample: Sample, column: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Codes of a column as recorded in the source, even where a recipe changed or dropped it."""
    recorded = getattr(sample, "recorded_codes", None)
    return recorded(column) if recorded is not None else sample.codes(column)


def _text_hash(text: str) -> int:
    import hashlib

    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def make_partition(table: Table, roles: Roles, seed: int = 0) -> Partition:
    """The partition that the roles demand, or that was asked for; ``says`` names what an asked-for one ignores.

    Raises:
        RoleError: what was asked for needs a role that is not set, or a column that does not say what it must.
    """
    kind = roles.parted
    if kind in ROLE_OF and not roles.named(ROLE_OF[kind][0]):
        role, how = ROLE_OF[kind]
        raise RoleError(f"a split by {kind} needs the {role} role, which no column has: name it with {how}")
    said = ignores(roles)
    said = f"; {said}" if said else ""
    if kind == "column":
        from .partition_column import column_partition

        return column_partition(table, roles, seed, said)
    if kind == "site":
        from .partition_site import site_partition

        return site_partition(table, roles, seed, said)
    return plain_partition(table, roles, kind, seed, said=said)


def ignores(roles: Roles) -> str:
    """What the asked-for split leaves unheeded: the roles that would have decided, in one clause; empty where none."""
    if roles.split_by is None:
        return ""
    heeded = {"column": ("split",), "time": ("order",), "group": ("group",), "site": ("site",)}.get(roles.split_by, ())
    rows = {
        "order": "later rows are not kept apart from earlier ones",
        "group": "rows of one {} stand on both sides",
        "split": "its train and test are mixed",
    }
    out = []
    for role in ("split", "order", "group"):
        found = roles.named(role)
        if role == "group" and "order" in heeded:
            continue  # in time the same group comes back, and what is known of it may be used
        if found and role not in heeded:
            name = "the order of rows" if found[0] == "@row" else f"{role if role != 'order' else 'time'} ({found[0]})"
            out.append(f"{name} is ignored: {rows[role].format(found[0])}")
    return f"as asked (split {roles.split_by}), {' and '.join(out)}" if out else ""


def plain_partition(
    table: Table,
    roles: Roles,
    kind: SplitKind,
    seed: int,
    *,
    shares: Shares = SHARES,
    within: Mask | None = None,
    said: str = "",
) -> Partition:
    """By time, by group, or at random by content. Rows without a time build; rows without a group go singly.

    ``within`` (rows,) in source order: the rows that the shares are of, where it is not all.
    """
    if kind == "time":
        assert roles.order is not None
        return _by_time(table, roles.order.column, shares, within, said)
    if kind == "group":
        assert roles.group is not None
        column = roles.group.column
        says = f"by group ({column}): {_percents(shares)}; all rows of one {column} fall together{said}"
        return HashPartition(column, seed, says, np.empty(0, np.uint64), shares)
    says = f"at random by content: {_percents(shares)}; exact duplicates fall together"
    common = rowid.common(table.content_hashes())  # type: ignore[attr-defined]
    dealt = HashPartition(None, seed, says + said, common, shares)
    if within is None and roles.target is not None and roles.task in ("binary", "multiclass"):
        from .partition_strata import by_class

        says += ", and every class is dealt out by itself, for chance would leave one out"
        return by_class(table, roles.target.column, common, seed, shares, dealt, says + said) or dealt
    return dealt


def _percents(shares: Shares) -> str:
    build, choose, judge = shares[0], shares[1] - shares[0], 1 - shares[1]
    return f"{100 * build:.0f} % build, {100 * choose:.0f} % choose, {100 * judge:.0f} % judge"


def _by_time(table: Table, column: str, shares: Shares, within: Mask | None, said: str) -> TimePartition:
    if column == "@row":
        where = np.arange(table.n_rows) if within is None else np.flatnonzero(within)
        n = len(where)
        spots = [s * n - 1.0 for s in shares]
        cuts = (spots[0], spots[1]) if within is None else (_at(where, spots[0]), _at(where, spots[1]))
        says = "by position in the file: the first 60 % of the rows build, the next 20 % choose, the last 20 % judge"
        return TimePartition(table, column, cuts, says + said)
    when: Any = table.numbers(column)  # type: ignore[attr-defined]
    when = when if within is None else when[within]
    when = np.sort(when[~np.isnan(when)])
    if len(when) == 0:
        cuts = (np.inf, np.inf)
    else:
        at = [max(0, int(np.ceil(s * len(when))) - 1) for s in shares]
        cuts = (float(when[at[0]]), float(when[at[1]]))
        if cuts[1] >= when[-1] and shares[1] < 1:  # many equal last times: judge must not be empty if it can be helped
            below = when[when < when[-1]]
            cuts = (min(cuts[0], float(below[-1])), float(below[-1])) if len(below) else cuts
    says = (
        f"by time ({column}): the earliest 60 % of the rows build, the next 20 % choose, the latest 20 % judge; "
        "equal times stay together"
    )
    return TimePartition(table, column, cuts, says + said)


def _at(where: NDArray[np.int64], spot: float) -> float:
    """The position of the row with the number ``spot`` among chosen rows."""
    return float(where[int(np.clip(np.floor(spot), 0, len(where) - 1))]) if len(where) else np.inf
