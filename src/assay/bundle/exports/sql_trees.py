"""Trees as CASE expressions, and sums whose depth grows with the logarithm of their length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assay.core.errors import SettingsError

from .sql_dialects import Dialect
from .trees import Trees, read_trees

MOST_LEAVES = 30_000  # of all trees of a model member
DEEPEST = 200
MOST_LISTED = 4  # codes in an IN


def balanced(terms: Sequence[str], d: Dialect) -> str:
    """The sum of the terms: engines bound how deep an expression may be, not how long."""
    if not terms:
        return d.number(0.0)
    if len(terms) <= 8:
        return f"({' + '.join(terms)})"
    half = len(terms) // 2
    return f"({balanced(terms[:half], d)} + {balanced(terms[half:], d)})"


def tree_sums(node: Mapping[str, Any], x: Sequence[str], d: Dialect) -> list[tuple[str, set[int]]]:
    """For each output the sum of its trees, and the lanes of x that they ask.

    Raises:
        SettingsError: more leaves than a query should hold.
    """
    t = read_trees(node)
    if len(t.weight) > MOST_LEAVES:
        raise SettingsError(
            f"this model cannot be exported to SQL: its trees have {len(t.weight):,} leaves, more than "
            f"{MOST_LEAVES:,}; score the rows with assay predict, which reads and writes databases too"
        )
    told: list[list[str]] = [[] for _ in range(t.outputs)]
    asked: list[set[int]] = [set() for _ in range(t.outputs)]
    for root in t.roots.tolist():
        used: set[int] = set()
        outputs: set[int] = set()
        sql = _case(t, root, x, d, used, outputs, 0)
        output = outputs.pop()
        if outputs:
            raise SettingsError("this model cannot be exported to SQL: one of its trees gives several outputs")
        told[output].append(sql)
        asked[output] |= used
    return [(balanced(sqls, d), used) for sqls, used in zip(told, asked, strict=True)]


def _member(codes: Sequence[float], x: str, d: Dialect) -> str:
    """Whether x is one of the codes. Longer lists are read as a text of 0 and 1: engines make joins of them."""
    if len(codes) <= MOST_LISTED:
        return f"{x} IN ({', '.join(d.number(v) for v in codes)})" if codes else "FALSE"
    held = {int(v) for v in codes}
    bits = "".join("1" if k in held else "0" for k in range(max(held) + 1))
    return f"substr('{bits}', CAST({x} AS INT4) + 1, 1) = '1'"


def _case(t: Trees, node: int, x: Sequence[str], d: Dialect, used: set[int], outputs: set[int], depth: int) -> str:
    if node < 0:
        outputs.add(int(t.target[-1 - node]))
        return d.number(float(t.weight[-1 - node]))
    if depth > DEEPEST:
        raise SettingsError(f"this model cannot be exported to SQL: one of its trees is more than {DEEPEST} deep")
    feature = int(t.feature[node])
    used.add(feature)
    if node in t.sets:
        asks = _member(t.sets[node], x[feature], d)
    else:
        asks = f"{x[feature]} <= {d.number(float(t.split[node]))}"
    if t.nan_true[node]:
        asks = f"coalesce({asks}, TRUE)"
    yes, no = (_case(t, int(side[node]), x, d, used, outputs, depth + 1) for side in (t.yes, t.no))
    return f"CASE WHEN {asks} THEN {yes} ELSE {no} END"
