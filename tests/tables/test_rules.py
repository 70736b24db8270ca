"""Facts of rules: counts and rows against a plain reckoning; foreign expressions reach nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assay.core.errors import SettingsError
from assay.core.table import Ask, SampleSpec
from assay.tables import open_table
from assay.tables.rules import given_ask, held


def table(n: int = 900, seed: int = 0) -> tuple[Any, list[Any], list[Any]]:
    rng = np.random.default_rng(seed)
    code = rng.integers(0, 90, n)
    name = [
        f"n{k // 3}" if rng.random() > 0.06 else rng.choice(["n1", "n2", f"odd{i}", None]) for i, k in enumerate(code)
    ]
    codes: list[Any] = [None if rng.random() < 0.03 else int(k) for k in code]
    return open_table(pa.table({"code": codes, "name": name, "x": rng.normal(size=n)})), codes, name


def reckoned(codes: list[Any], names: list[Any]) -> tuple[int, int, int, int, set[int]]:
    groups: dict[Any, Counter[Any]] = defaultdict(Counter)
    for c, v in zip(codes, names, strict=True):
        if c is not None and v is not None:
            groups[c][v] += 1
    clear = {}
    unclear = torn = 0
    for c, counts in groups.items():
        total, (own, top) = sum(counts.values()), counts.most_common(1)[0]
        if top >= 3 and top >= 3 * (total - top):
            clear[c] = own
        else:
            unclear += total - top
            torn += total - top if total >= 4 else 0
    broken = {i for i, (c, v) in enumerate(zip(codes, names, strict=True)) if v is not None and clear.get(c, v) != v}
    return sum(sum(g.values()) for g in groups.values()), len(groups), unclear, torn, broken


@pytest.mark.parametrize("seed", range(3))
def test_a_dependency_is_counted_as_by_hand(seed: int) -> None:
    t, codes, names = table(seed=seed)
    ask = Ask("dependency", ("code", "name"))
    fact = t.facts([ask])[ask]
    rows, groups, unclear, torn, broken = reckoned(codes, names)
    assert (fact.rows, fact.groups, fact.unclear, fact.torn, fact.broken) == (rows, groups, unclear, torn, len(broken))
    assert set(fact.where.positions.tolist()) == broken
    assert set(fact.usual) == {str(codes[i]) for i in broken}
    assert 0 < fact.stray <= fact.broken
    rows = t.sample(SampleSpec(n=len(codes)))
    own = dict(zip(rows.position.tolist(), rows.row_id.tolist(), strict=True))
    assert fact.where.ids.tolist() == [own[i] for i in fact.where.positions.tolist()]


def test_words_for_missing_are_no_values() -> None:
    t = open_table(pa.table({"k": ["a"] * 6 + ["?"] * 6, "v": ["x"] * 5 + [" N/A "] + ["x", "y"] * 3}))
    ask = Ask("dependency", ("k", "v"))
    fact = t.facts([ask])[ask]
    assert (fact.rows, fact.groups, fact.broken) == (5, 1, 0)


def test_two_columns_settle_a_third() -> None:
    a, b = np.repeat(["p", "q"], 20), np.tile(["r", "s"], 20)
    c = np.char.add(a, b).astype(object)
    c[3] = "wrong"
    ask = Ask("dependency", ("a", "b", "c"))
    fact = open_table(pa.table({"a": a, "b": b, "c": c})).facts([ask])[ask]
    assert (fact.groups, fact.broken, fact.where.positions.tolist(), fact.usual) == (4, 1, [3], {})


def test_rows_of_an_expression_are_those_where_it_is_false() -> None:
    t = open_table(pa.table({"a": [1, 2, None, 4], "b": [2, 1, 0, 3]}))
    for ask in (Ask("breaks", ("a", "b"), (), ("a <= b",)), given_ask(t, "a <= b", "order")):
        fact = t.facts([ask])[ask]
        assert (fact.rows, fact.where.positions.tolist()) == (2, [1, 3])
    assert given_ask(t, "A <= b", "order").columns == ("a", "b")


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("a", "true or false"), ("a > 1; drop table t", "one SQL expression"), ("sum(a) > 1", "aggregates"),
        ("a > (select 1)", "a subquery"), ("exists(from 'x.csv')", "a subquery"),
        ("row_number() over () > 1", "a window"),
        ("* > 1", "must be"), ("aa > 1", "did you mean a?"), ("a > 1) union select (true", "without SELECT"),
        ("cast(s as integer) > 1", "cannot be evaluated"), ("", "true or false"),
        ("read_text('x') = 'x'", "does not fit"),
    ],
)  # fmt: skip
def test_what_is_no_expression_over_a_row_is_refused_by_name(sql: str, why: str) -> None:
    t = open_table(pa.table({"a": [1, 2], "s": ["1", "x"]}))
    with pytest.raises(SettingsError, match=r"rule 'mine'") as told:
        held(t, [("mine", sql)])
    assert why in str(told.value)


def test_an_expression_cannot_break_out_of_its_brackets() -> None:
    t = open_table(pa.table({"a": [1, 2, 3]}))
    fact = t.facts([ask := given_ask(t, "a > 1) or (a > 2", "odd")])[ask]
    assert fact.where.positions.tolist() == [0]
    fact = t.facts([ask := given_ask(t, "a > 1 -- or so", "remark")])[ask]
    assert fact.where.positions.tolist() == [0]


def test_a_file_is_out_of_reach(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("x\n1\n", "utf-8")
    t = open_table(pa.table({"a": [1]}))
    for sql in (f"a in (from '{tmp_path}/secret.csv')", f"(select count(*) from '{tmp_path}/secret.csv') > 0"):
        with pytest.raises(SettingsError):
            held(t, [("thief", sql)])
