"""The steps of one prediction as SQL expressions, one for each lane, in levels of columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.bundle.model import Model
from assay.bundle.nodes import NULL_CODE
from assay.bundle.schema import Input
from assay.core.errors import SettingsError

from .program import Program, Step, Value, table_of
from .sql_dialects import LEADING, Dialect, text
from .sql_trees import balanced, tree_sums

NULL_TEXT = f"chr({ord(NULL_CODE)})"
MOST_CASES = 64  # keys of a CASE; more are a table to join
LONG = 4_000  # characters of an expression that gets a column of its own
MOST_TERMS = 40_000  # products of one matrix
SHORT = 8  # numbers of a sum that is written out where the engine has sums of products
LARGEST = 1e150  # of a raw number; beyond, it counts as infinite, so that no product is out of range
SIGNS = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/", "Less": "<", "LessOrEqual": "<=", "Greater": ">",
         "GreaterOrEqual": ">=", "Equal": "=", "And": "AND", "Or": "OR"}  # fmt: skip
CALLS = {"Abs": "abs({})", "Floor": "floor({})", "Log": "ln({})", "Sqrt": "sqrt({})", "Neg": "(- {})"}


@dataclass(frozen=True)
class Lane:
    """An expression over columns of ``level``."""

    sql: str
    level: int = 0
    uses: frozenset[str] = frozenset()

    @property
    def bare(self) -> bool:
        """Whether it costs nothing to write it twice."""
        return not self.uses or re.fullmatch(r"[a-z_]+\d+", self.sql) is not None


class Writer:
    """Walks the steps; ``columns[level]`` are the (name, expression) that a level adds."""

    def __init__(self, program: Program, model: Model, dialect: Dialect) -> None:
        self.program, self.model, self.d = program, model, dialect
        self.columns: list[list[tuple[str, Lane]]] = [[]]
        self.tables: dict[int, list[str]] = {}  # level -> joins that it reads keys from
        self.known: dict[int, list[Lane]] = {}
        self.count = 0
        self.users = _uses(program)
        for given, value in program.inputs:
            self.known[id(value)] = [self._column(Lane(self._raw(given), -1, frozenset()))]

    def _raw(self, i: Input) -> str:
        own = '(assay_row)."' + i.column.replace('"', '""') + '"'
        if i.is_text:
            return f"coalesce(CAST({own} AS TEXT), {NULL_TEXT})"
        if i.kind == "date":
            return self.d.epoch.format(own)
        if i.kind == "bool":
            return f"CAST(CAST({own} AS INT4) AS FLOAT8)"
        x, n = f"CAST({own} AS FLOAT8)", self.d.number
        within = f"abs({x}) <= {n(LARGEST)}"
        small = f"CASE WHEN abs({x}) < {n(1 / LARGEST)} THEN {n(0.0)} ELSE {x} END" if i.kind != "clock" else x
        ends = f"WHEN {x} > 0 AND {x} <> CAST('NaN' AS FLOAT8) THEN {n(np.inf)} WHEN {x} < 0 THEN {n(-np.inf)}"
        return f"CASE WHEN {within} THEN {small} {ends} END"

    def _column(self, lane: Lane) -> Lane:
        """Give the expression a name, one level up."""
        self.count += 1
        name, level = f"v{self.count}", lane.level + 1
        while len(self.columns) <= level:
            self.columns.append([])
        self.columns[level].append((name, lane))
        return Lane(name, level, frozenset([name]))

    def once(self, lane: Lane) -> Lane:
        """The lane as something that may be written several times."""
        return lane if lane.bare else self._column(lane)

    def made(self, sql: str, *of: Lane) -> Lane:
        """An expression over ``of``."""
        return Lane(sql, max((o.level for o in of), default=0), frozenset().union(*(o.uses for o in of)))

    def lanes(self, value: Value) -> list[Lane]:
        if id(value) not in self.known:
            assert value.data is not None
            self.known[id(value)] = [Lane(self._literal(v, value.dtype)) for v in value.data.ravel()]
        return self.known[id(value)]

    def _literal(self, value: Any, dtype: str) -> str:
        if dtype == "string":
            said = str(value)
            return NULL_TEXT if said == NULL_CODE else text(said)
        if dtype in ("double", "float"):
            return self.d.number(float(value))
        return str(int(value)) if dtype == "int64" else str(bool(value)).upper()

    def take(self, step: Step) -> None:
        lanes = WHOLE[step.op](self, step) if step.op in WHOLE else self._elementwise(step)
        uses = self.users.get(id(step.out), {})
        self.known[id(step.out)] = [
            self._column(lane) if not lane.bare and (uses.get(k, 0) > 1 or len(lane.sql) > LONG) else lane
            for k, lane in enumerate(lanes)
        ]

    def _elementwise(self, step: Step) -> list[Lane]:
        out = []
        for j in range(step.out.width):
            given = [
                None if v is None else self.lanes(v)[0 if places is None else int(places[j])]
                for v, places in zip(step.ins, step.lanes, strict=True)
            ]
            out.append(self._one(step, given))
        return out

    def _one(self, step: Step, given: Sequence[Lane | None]) -> Lane:
        op, there = step.op, [g for g in given if g is not None]
        a = there[0]
        b = there[1] if len(there) > 1 else a
        if op in ("Add", "Sub", "Mul", "Div") and all(g.uses for g in there):  # infinite less infinite is missing
            divisor = f"nullif({b.sql}, {self.d.number(0.0)})" if op == "Div" else b.sql
            return self.made(f"nullif({a.sql} {SIGNS[op]} {divisor}, CAST('NaN' AS FLOAT8))", a, b)
        if op in SIGNS:
            return self.made(f"({a.sql} {SIGNS[op]} {b.sql})", a, b)
        if op in CALLS:
            return self.made(CALLS[op].format(a.sql), a)
        if op == "Where":
            return self.made(f"CASE WHEN {a.sql} THEN {b.sql} ELSE {there[2].sql} END", *there)
        if op == "StringConcat":
            return self.made(f"({a.sql} || {b.sql})", a, b)
        if op == "IsNaN":
            return self.made(f"({a.sql} IS NULL)", a)
        if op == "IsInf":
            a = self.once(a)
            ends = ", ".join(self.d.number(v) for v in (np.inf, -np.inf))
            return self.made(f"({a.sql} IN ({ends}))", a)
        if op in ("Exp", "Sigmoid"):
            return self._exponential(op, a)
        if op == "Max":
            return self._bounded(a, b, None)
        if op == "Clip":
            return self._bounded(a, given[1], given[2] if len(given) > 2 else None)
        if op == "RegexFullMatch":
            pattern = step.attributes["pattern"]
            return self.made(self.d.matches(a.sql, pattern.decode() if isinstance(pattern, bytes) else pattern), a)
        if op == "LabelEncoder":
            return self._looked_up(step, a)
        if op == "Cast":
            return self._cast(step.given(0).dtype, step.out.dtype, a)
        raise SettingsError(f"this model cannot be exported to SQL: its graph has the operator {op}")

    def _bounded(self, x: Lane, low: Lane | None, high: Lane | None) -> Lane:
        for sign, bound in (("<", low), (">", high)):
            if bound is not None:
                x, bound = self.once(x), self.once(bound)
                x = self.made(f"CASE WHEN {x.sql} {sign} {bound.sql} THEN {bound.sql} ELSE {x.sql} END", x, bound)
        return x

    def _exponential(self, op: str, a: Lane) -> Lane:
        edge = [Lane(self.d.number(v)) for v in (-700.0, 700.0)]  # exp says "out of range" beyond
        x = self._bounded(a, edge[0], edge[1])
        if op == "Exp":
            return self.made(f"exp({x.sql})", x)
        one = self.d.number(1.0)
        return self.made(f"({one} / ({one} + exp(- ({x.sql}))))", x)

    def _cast(self, was: str, to: str, a: Lane) -> Lane:
        if was == "bool":
            one, zero = ("1", "0") if to == "int64" else (self.d.number(1.0), self.d.number(0.0))
            return self.made(f"CASE WHEN {a.sql} THEN {one} ELSE {zero} END", a)
        if (was, to) == ("double", "float"):
            a = self.once(a)
            return self.made(self.d.single(a.sql), a)
        if (was, to) in (("float", "double"), ("float", "float"), ("double", "double")):
            return a
        if (was, to) == ("string", "double"):
            return self.made(f"CAST(nullif({self.d.group(a.sql, LEADING)}, '') AS FLOAT8)", a)
        if (was, to) == ("double", "int64"):
            return self.made(f"CAST({a.sql} AS INT8)", a)
        if (was, to) == ("int64", "string"):
            return self.made(f"CAST({a.sql} AS TEXT)", a)
        if (was, to) == ("double", "string") and self.d.numbers_as_text:
            return self.made(f"coalesce(printf('%.8g', {a.sql}), 'nan')", a)
        raise SettingsError(
            f"this model cannot be exported to {self.d.name}: it reads {was} as {to}, which only assay predict, "
            "ONNX and C can do"
        )

    def _looked_up(self, step: Step, a: Lane) -> Lane:
        keys, values, rest = table_of(step.attributes)
        dtype = step.out.dtype
        if (clock := self._clock(keys, values, rest, a)) is not None:
            return clock
        source = step.given(0).dtype
        if len(keys) > MOST_CASES and not any(v != v for v in values.tolist()):
            return self._joined(a, dict(zip(keys.tolist(), values.tolist(), strict=True)), rest, source, dtype)
        told = " ".join(
            f"WHEN {self._literal(k, source)} THEN {self._literal(v, dtype)}" for k, v in zip(keys, values, strict=True)
        )
        return self.made(f"CASE {a.sql} {told} ELSE {self._literal(rest, dtype)} END", a)

    def _joined(self, a: Lane, pairs: dict[Any, Any], rest: Any, source: str, dtype: str) -> Lane:
        """The value of a key from a table of its own: engines look through the branches of a CASE one by one."""
        a = a if a.uses and a.bare else self._column(a)
        self.count += 1
        name = f"keys_{self.count}"
        listed = ", ".join(f"({self._literal(k, source)}, {self._literal(v, dtype)})" for k, v in pairs.items())
        join = f"LEFT JOIN (VALUES {listed}) AS {name}(key, value) ON {name}.key = level.{a.sql}"
        self.tables.setdefault(a.level + 1, []).append(join)
        told = f"{name}.value"
        return self._column(self.made(told if rest != rest else f"coalesce({told}, {self._literal(rest, dtype)})", a))

    def _clock(self, keys: Any, values: Any, rest: Any, a: Lane) -> Lane | None:
        """The table from HHMM to minutes, where it is one, as arithmetic."""
        if keys.dtype == object or not (keys.dtype == values.dtype == np.float64) or not np.isnan(rest):
            return None
        every = np.arange(4096.0)
        valid = (every <= 2400) & (every % 100 < 60)
        if not np.array_equal(keys, every[valid]) or not np.array_equal(values, keys - 40 * np.floor(keys / 100)):
            return None
        a, n = self.once(a), self.d.number
        hours = f"floor({a.sql} / {n(100.0)})"
        fine = f"{a.sql} >= 0 AND {a.sql} <= 2400 AND {a.sql} = floor({a.sql}) AND {a.sql} - {n(100.0)} * {hours} < 60"
        return self.made(f"CASE WHEN {fine} THEN {a.sql} - {n(40.0)} * {hours} END", a)

    def _moved(self, step: Step) -> list[Lane]:
        there = [v for v in step.ins if v is not None]
        if step.attributes.get("axis") is None or len(there) == 1 or there[1].dtype == "int64":
            there = there[:1]
        pool = [lane for v in there for lane in self.lanes(v)]
        places = step.lanes[0]
        assert places is not None
        return [pool[int(k)] for k in places]

    def _gather(self, step: Step) -> list[Lane]:
        table, wide = self.lanes(step.given(0)), step.out.width
        index = self.once(self.lanes(step.given(1))[0])
        out = []
        for j in range(wide):
            told = " ".join(f"WHEN {k} THEN {lane.sql}" for k, lane in enumerate(table[j::wide]))
            out.append(self.made(f"CASE {index.sql} {told} END", index))
        return out

    def _split(self, step: Step) -> list[Lane]:
        by = step.attributes["delimiter"]
        by = by.decode() if isinstance(by, bytes) else str(by)
        parts, out = step.out.shape[-1], []
        for lane in self.lanes(step.given(0)):
            x = self.once(lane)
            out += [self.made(f"split_part({x.sql}, {text(by)}, {k + 1})", x) for k in range(parts - 1)]
            hexed = f"\\x{{{ord(by):x}}}"
            rest = self.d.group(x.sql, f"^(?:[^{hexed}]*{hexed}){{{parts - 1}}}((?:.|\\n)*)$")
            out.append(self.made(f"coalesce({rest}, '')", x))
        return out

    def _words(self, step: Step) -> list[Lane]:
        keys, values, _ = step.attributes["table"]
        spelled: dict[int, list[str]] = {}
        for key, code in zip(keys, values, strict=True):
            spelled.setdefault(int(code), []).append(str(key))
        x, out = self.lanes(step.given(0))[0], []
        told = self.d.tokens.format(x.sql) if self.d.tokens else ""
        x = self._column(self.made(told, x)) if told else self.once(x)
        for gram in step.attributes["grams"]:
            found = self.d.says(x.sql, [spelled[code] for code in gram])
            out.append(self.made(f"CASE WHEN {found} THEN {self.d.number(1.0)} ELSE {self.d.number(0.0)} END", x))
        return out

    def _trees(self, step: Step) -> list[Lane]:
        x = [self.once(lane) for lane in self.lanes(step.given(0))]
        return [
            self.made(sql, *(x[k] for k in used))
            for sql, used in tree_sums(step.attributes, [v.sql for v in x], self.d)
        ]

    def _matmul(self, step: Step) -> list[Lane]:
        one, two = self.lanes(step.given(0)), step.given(1).data
        if two is None or two.size > MOST_TERMS:
            raise SettingsError(
                f"this model cannot be exported to SQL: one of its layers has {0 if two is None else two.size:,} "
                f"weights, more than {MOST_TERMS:,} terms of an expression"
            )
        nets, inner, wide = (1, *two.shape) if two.ndim == 2 else two.shape
        weights = two.reshape(nets, inner, wide).astype(np.float64)
        one = [self.once(lane) for lane in one]
        own = inner if len(one) > inner else 0
        lists: list[Lane] = []
        if self.d.dot and inner >= SHORT:
            parts = [one[g * own : g * own + inner] for g in range(nets if own else 1)]
            lists = [self._column(self.made(f"[{', '.join(v.sql for v in part)}]", *part)) for part in parts]
        out = []
        for g in range(nets):
            for j in range(wide):
                if lists:
                    mine = lists[g if own else 0]
                    listed = ", ".join(self.d.number(w) for w in weights[g, :, j])
                    out.append(self.made(self.d.dot.format(mine.sql, listed), mine))
                    continue
                used = [(one[g * own + i], weights[g, i, j]) for i in range(inner) if weights[g, i, j] != 0.0]
                terms = [x.sql if w == 1.0 else f"{x.sql} * {self.d.number(w)}" for x, w in used]
                out.append(self.made(balanced(terms, self.d), *(x for x, _ in used)))
        return out

    def _mean(self, step: Step) -> list[Lane]:
        lanes, wide, nets = self.lanes(step.given(0)), step.out.width, step.given(0).shape[0]
        out = []
        for j in range(wide):
            mine = lanes[j::wide]
            out.append(self.made(f"({' + '.join(v.sql for v in mine)}) / {self.d.number(float(nets))}", *mine))
        return out

    def _softmax(self, step: Step) -> list[Lane]:
        lanes = [self.once(lane) for lane in self.lanes(step.given(0))]
        most = self.once(self.made(f"greatest({', '.join(v.sql for v in lanes)})", *lanes))
        powers = [self._column(self._exponential("Exp", self.made(f"({v.sql} - {most.sql})", v, most))) for v in lanes]
        total = self._column(self.made(balanced([p.sql for p in powers], self.d), *powers))
        return [self.made(f"({p.sql} / {total.sql})", p, total) for p in powers]

    def _argmax(self, step: Step) -> list[Lane]:
        lanes = [self.once(lane) for lane in self.lanes(step.given(0))]
        cases = [
            f"WHEN {' AND '.join(f'{v.sql} >= {w.sql}' for w in lanes[k + 1 :])} THEN {k}"
            for k, v in enumerate(lanes[:-1])
        ]
        return [self.made(f"CASE {' '.join(cases)} ELSE {len(lanes) - 1} END", *lanes)]

    def select(self, table: str) -> str:
        """The whole query."""
        from .sql_query import query

        for step in self.program.steps:
            self.take(step)
        return query(self, table)


WHOLE: dict[str, Callable[[Writer, Step], list[Lane]]] = {
    "Lanes": Writer._moved,
    "Gather": Writer._gather,
    "StringSplit": Writer._split,
    "Words": Writer._words,
    "TreeEnsemble": Writer._trees,
    "MatMul": Writer._matmul,
    "ReduceMean": Writer._mean,
    "Softmax": Writer._softmax,
    "ArgMax": Writer._argmax,
}


def _uses(program: Program) -> dict[int, dict[int, int]]:
    """Value -> lane -> how often a step or an output reads it."""
    out: dict[int, dict[int, int]] = {}
    for step in program.steps:
        for k, value in enumerate(step.ins):
            if value is None or value.data is not None:
                continue
            lanes = step.lanes[k] if k < len(step.lanes) else None
            read = range(value.width) if lanes is None or step.op == "Lanes" else lanes
            mine = out.setdefault(id(value), {})
            for lane in read:
                mine[int(lane)] = mine.get(int(lane), 0) + 1
    for value in program.outputs.values():
        mine = out.setdefault(id(value), {})
        for lane in range(value.width):
            mine[lane] = mine.get(lane, 0) + 2
    return out
