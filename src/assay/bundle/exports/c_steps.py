"""The steps of one prediction as C: every value is a variable or an array of ``predict``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.bundle.model import Model
from assay.core.errors import SettingsError

from .c_matrix import TYPES, argmax, matmul, reducemean, softmax, treeensemble
from .c_parts import parts_of
from .c_text import literal
from .c_trees import real, rows
from .patterns import table_of as pattern_table
from .program import Program, Step, Value, table_of
from .trees import read_trees

SIGNS = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/", "Less": "<", "LessOrEqual": "<=", "Greater": ">",
         "GreaterOrEqual": ">=", "Equal": "==", "And": "&&", "Or": "||"}  # fmt: skip
CALLS = {"Abs": "fabs", "Floor": "floor", "Exp": "exp", "Log": "log", "Sqrt": "sqrt", "Neg": "-", "Sigmoid": "sigmoid"}
ROOM = 32  # characters that a number takes as text
HEAD = """\
#include "{name}.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __FAST_MATH__
#error "compile without -ffast-math: missing numbers are NAN"
#endif
"""


class Body:
    """Writes ``<name>.c``."""

    def __init__(self, program: Program, model: Model, name: str, fields: Mapping[str, str]) -> None:
        self.program, self.model, self.name = program, model, name
        self.names: dict[int, str] = {}
        self.tables: list[str] = []
        self.known_tables: dict[tuple[str, str], str] = {}
        self.lines: list[str] = []
        self.makers = {id(s.out): s for s in program.steps}
        self.loops = False
        for given, value in program.inputs:
            at = f"row->{fields[given.column]}"
            self.declare(value, f"text_of({at})" if given.is_text else at)

    def source(self, check: str) -> str:
        ends = self._outputs()
        for step in _needed(self.program.steps, [v for v, _ in ends], self.source_of):
            WHOLE.get(step.op, Body._elementwise)(self, step)
        finish = "".join(line for _, line in ((v, text()) for v, text in ends))
        body = "".join(self.lines) + finish
        loops = "    int i;\n" if "for (i " in body else ""
        inner = "    int j;\n" if "for (j " in body else ""
        more = "    int g;\n" if "for (g " in body else ""
        names = ""
        if self.model.classes:
            names = (
                f"const char *const {self.name}_classes[{self.name.upper()}_CLASSES] = "
                f"{{{', '.join(map(literal, self.model.classes))}}};\n"
            )
        whole = (
            f"void {self.name}_predict(const {self.name}_row *row, {self.name}_result *result)\n{{\n"
            f"{loops}{inner}{more}{body}}}\n"
        )
        tables = "\n".join(self.tables)
        parts = parts_of(tables + whole)
        blocks = [HEAD.format(name=self.name), names, parts, tables, whole, check]
        return "\n".join(b for b in blocks if b)

    def _outputs(self) -> list[tuple[Value, Any]]:
        """(value, line that hands it over), of every output of a result."""
        out, ends = self.program.outputs, list[tuple[Value, Any]]()

        def all_of(value: Value, place: str) -> Any:
            return lambda: "".join(f"    {place}[{k}] = {self.at(value, k)};\n" for k in range(value.width))

        if self.model.task == "regression":
            value = out["value"]
            ends.append((value, lambda: f"    result->value = {self.at(value, 0)};\n"))
        else:
            index = self.makers[id(out["label"])].given(1)
            ends.append((out["probabilities"], all_of(out["probabilities"], "result->probabilities")))
            ends.append((index, lambda: f"    result->label = (int){self.at(index, 0)};\n"))
        ends.append((out["set"], all_of(out["set"], "result->set")))
        return ends

    def source_of(self, step: Step, i: int) -> Value:
        """Input i of a step; trees with float32 splits read the float32 matrix before it was made double."""
        value = step.given(i)
        if step.op != "TreeEnsemble":
            return value
        before = self.makers.get(id(value))
        if before is not None and before.op == "Cast" and before.given(0).dtype == "float":
            return before.given(0) if read_trees(step.attributes).single else value
        return value

    def declare(self, value: Value, one: str | None = None) -> str:
        name = f"v{len(self.names)}"
        self.names[id(value)] = name
        kind = TYPES[value.dtype]
        if value.width == 1:
            self.lines.append(f"    {kind} {name} = {one};\n" if one is not None else f"    {kind} {name};\n")
        else:
            self.lines.append(f"    {kind} {name}[{value.width}];\n")
        return name

    def table(self, kind: str, items: Sequence[str], size: str = "") -> str:
        text = "".join(rows(list(items)))
        if (kind, text) not in self.known_tables:
            name = f"t{len(self.known_tables)}"
            self.known_tables[kind, text] = name
            self.tables.append(f"static const {kind} {name}[{size or len(items)}] = {{\n{text}}};\n")
        return self.known_tables[kind, text]

    def _constant(self, value: Value) -> str:
        assert value.data is not None
        flat = value.data.ravel()
        return self.table(TYPES[value.dtype], [_literal(v, value.dtype) for v in flat])

    def at(self, value: Value, lane: int | str) -> str:
        """The expression of one lane; the lane may be a C expression."""
        if value.scale is not None:
            raise SettingsError("this model cannot be exported to C: weights of 8 bits stand outside a layer")
        if value.data is not None:
            if value.width == 1:
                text = _literal(value.data.ravel()[0], value.dtype)
                return f"text_of({text})" if value.dtype == "string" else text
            if value.dtype == "string":
                raise SettingsError("this model cannot be exported to C: its graph holds a list of texts")
            return f"{self._constant(value)}[{lane}]"
        name = self.names[id(value)]
        return name if value.width == 1 else f"{name}[{lane}]"

    def pointer(self, value: Value) -> str:
        if value.data is not None:
            return self._constant(value)
        name = self.names[id(value)]
        return f"&{name}" if value.width == 1 else name

    def _elementwise(self, step: Step) -> None:
        places = [self._place(v, lanes, step.out.width) for v, lanes in zip(step.ins, step.lanes, strict=True)]
        told = [None if v is None else self.at(v, p) for v, p in zip(step.ins, places, strict=True)]
        self._each(step, self._expression(step, told))

    def _each(self, step: Step, expression: str) -> None:
        if step.out.width == 1:
            self.declare(step.out, expression)
        else:
            name = self.declare(step.out)
            self.lines.append(f"    for (i = 0; i < {step.out.width}; i++) {name}[i] = {expression};\n")

    def _place(self, value: Value | None, lanes: Any, width: int) -> str:
        if value is None or value.width == 1:
            return "0"
        if np.array_equal(lanes, np.arange(width)):
            return "i"
        return f"{self.table('uint16_t' if value.width < 65536 else 'uint32_t', list(map(str, lanes)))}[i]"

    def _expression(self, step: Step, told: Sequence[str | None]) -> str:
        op, first = step.op, step.given(0)
        if op in SIGNS:
            if first.dtype == "string":
                return self._compared(step, told)
            return f"{told[0]} {SIGNS[op]} {told[1]}"
        if op in CALLS:
            if first.dtype != "double":
                raise SettingsError(f"this model cannot be exported to C: {op} of {first.dtype}")
            return f"{CALLS[op]}({told[0]})"
        simple = {
            "IsNaN": "{0} != {0}",
            "IsInf": "{0} == INFINITY || {0} == -INFINITY",
            "Where": "{0} ? {1} : {2}",
            "Max": "{0} < {1} ? {1} : {0}",
            "StringConcat": "joined({0}, {1})",
        }
        if op in simple:
            return simple[op].format(*told)
        if op == "Clip":
            text = str(told[0])
            if told[1] is not None:
                text = f"{text} < {told[1]} ? {told[1]} : {text}"
            if len(told) > 2 and told[2] is not None:
                text = f"{told[0]} > {told[2]} ? {told[2]} : {text}"
            return text
        if op == "Cast":
            return self._cast(step, str(told[0]))
        raise SettingsError(f"this model cannot be exported to C: its graph has the operator {op}")

    def _compared(self, step: Step, told: Sequence[str | None]) -> str:
        names = []
        for k, value in enumerate(step.ins):
            if value is not None and value.data is not None:
                known = f"w{len(self.names)}_{k}"
                self.lines.append(f"    piece {known} = {told[k]};\n")
                names.append(known)
            else:
                names.append(str(told[k]))
        return f"(uint8_t)same(&{names[0]}, &{names[1]})"

    def _cast(self, step: Step, text: str) -> str:
        pair = (step.given(0).dtype, step.out.dtype)
        if pair == ("double", "float"):
            return f"single({text})"
        if pair == ("string", "double"):
            return f"number_of(&{text})"
        if pair[1] == "string" and pair[0] in ("double", "int64"):
            room = f"r{len(self.names)}"
            self.lines.append(f"    char {room}[{step.out.width}][{ROOM}];\n")
            return f"{'said' if pair[0] == 'double' else 'counted'}({text}, {room}[{'i' if step.out.width > 1 else 0}])"
        if pair[1] == "string" or pair[0] == "string":
            raise SettingsError(f"this model cannot be exported to C: it writes {pair[0]} as {pair[1]}")
        return f"({TYPES[pair[1]]}){text}"

    def _lanes(self, step: Step) -> None:
        """Rearranged lanes: runs are copied by loops. What stays as it was gets no copy."""
        lanes = step.lanes[0]
        assert lanes is not None
        there = [v for v in step.ins if v is not None and (v.data is None or step.op == "Concat")]
        starts = np.cumsum([0, *(v.width for v in there)])
        if len(there) == 1 and np.array_equal(lanes, np.arange(there[0].width)) and there[0].data is None:
            self.names[id(step.out)] = self.names[id(there[0])]
            return
        name = self.declare(step.out)
        which = np.searchsorted(starts, lanes, side="right") - 1
        breaks = np.flatnonzero((np.diff(lanes) != 1) | (np.diff(which) != 0)) + 1
        for begin, end in zip([0, *breaks], [*breaks, len(lanes)], strict=True):
            value, at = there[which[begin]], int(lanes[begin] - starts[which[begin]])
            if end - begin < 3 or step.out.width == 1:
                for k in range(begin, end):
                    to = name if step.out.width == 1 else f"{name}[{k}]"
                    self.lines.append(f"    {to} = {self.at(value, at + k - begin)};\n")
            else:
                self.lines.append(
                    f"    for (i = 0; i < {end - begin}; i++) {name}[{begin} + i] = {self.at(value, f'{at} + i')};\n"
                )

    def _gather(self, step: Step) -> None:
        """A row of a table of numbers, by an index."""
        table, index = step.given(0), self.at(step.given(1), 0)
        wide = step.out.width
        if table.dtype == "string":
            raise SettingsError("this model cannot be exported to C: its graph picks texts by number")
        place = f"{index} * {wide} + i" if wide > 1 else index
        self._each(step, f"{self._constant(table)}[{place}]")

    def _labelencoder(self, step: Step) -> None:
        keys, values, rest = table_of(step.attributes)
        words = [str(k) for k in keys]
        source = self.at(step.given(0), "i")
        dtype = step.out.dtype
        if keys.dtype == object:
            order = _by_length(words)
            listed = [f"{{{literal(words[k])}, {len(words[k].encode())}}}" for k in order]
            found = f"place(&{source}, {self.table('key', listed)}, {len(keys)})"
        elif (dense := _dense(keys, values)) is not None:
            table = self.table("int16_t", list(map(str, dense)))
            lookup = f"{source} >= 0 && {source} < {len(dense)} && {source} == floor({source})"
            self._each(
                step,
                f"{lookup} && {table}[(int){source}] >= 0 ? (double){table}[(int){source}] : {_literal(rest, dtype)}",
            )
            return
        else:
            order = list(np.argsort(keys))
            found = (
                f"number_place({source}, {self.table('double', [real(float(keys[k])) for k in order])}, {len(keys)})"
            )
        told = [_literal(values[k], dtype) for k in order]
        kind = "char *const" if dtype == "string" else TYPES[dtype]
        table = self.table(kind, told)
        index = f"f{len(self.names)}"
        read = f"text_of({table}[{index}])" if dtype == "string" else f"{table}[{index}]"
        other = f"text_of({_literal(rest, dtype)})" if dtype == "string" else _literal(rest, dtype)
        if step.out.width == 1:
            self.lines.append(f"    int32_t {index} = {found};\n")
            self.declare(step.out, f"{index} < 0 ? {other} : {read}")
        else:
            name = self.declare(step.out)
            self.lines.append(
                f"    for (i = 0; i < {step.out.width}; i++) {{\n        int32_t {index} = {found};\n"
                f"        {name}[i] = {index} < 0 ? {other} : {read};\n    }}\n"
            )

    def _regexfullmatch(self, step: Step) -> None:
        pattern = step.attributes["pattern"]
        table = pattern_table(pattern.decode() if isinstance(pattern, bytes) else str(pattern))
        kinds = max(table.kind) + 1
        kind = self.table("uint8_t", list(map(str, table.kind)))
        steps = self.table("uint16_t", [str(s) for row in table.step for s in row])
        accepts = self.table("uint8_t", [str(int(a)) for a in table.accepts])
        source = self.at(step.given(0), "i")
        self._each(step, f"(uint8_t)matches(&{source}, {kind}, {steps}, {kinds}, {accepts})")

    def _stringsplit(self, step: Step) -> None:
        by = step.attributes["delimiter"]
        by = by.decode() if isinstance(by, bytes) else str(by)
        parts = step.out.shape[-1]
        name = self.declare(step.out)
        for k in range(step.given(0).width):
            source = self.at(step.given(0), k)
            known = f"w{len(self.names)}_{k}"
            if source.startswith("text_of("):
                self.lines.append(f"    piece {known} = {source};\n")
                source = known
            to = f"&{name}" if step.out.width == 1 else f"{name} + {k * parts}" if k else name
            self.lines.append(f"    parted(&{source}, '\\{ord(by):03o}', {parts}, {to});\n")

    def _words(self, step: Step) -> None:
        keys, values, _ = step.attributes["table"]
        order = _by_length([str(k) for k in keys])
        listed = self.table("key", [f"{{{literal(keys[k])}, {len(keys[k].encode())}}}" for k in order])
        codes = self.table("int32_t", [str(int(values[k])) for k in order])
        grams = [(*gram, 0)[:2] for gram in step.attributes["grams"]]
        table = self.table("gram", [f"{{{a}, {b}}}" for a, b in grams])
        name = self.declare(step.out)
        to = f"&{name}" if step.out.width == 1 else name
        source = self.at(step.given(0), 0)
        self.lines.append(f"    words(&{source}, {listed}, {codes}, {len(keys)}, {table}, {len(grams)}, {to});\n")


WHOLE: dict[str, Callable[[Body, Step], None]] = {
    "Lanes": Body._lanes,
    "Gather": Body._gather,
    "LabelEncoder": Body._labelencoder,
    "RegexFullMatch": Body._regexfullmatch,
    "StringSplit": Body._stringsplit,
    "Words": Body._words,
    "TreeEnsemble": treeensemble,
    "MatMul": matmul,
    "ReduceMean": reducemean,
    "Softmax": softmax,
    "ArgMax": argmax,
}


def _needed(steps: Sequence[Step], ends: Sequence[Value], source_of: Any) -> list[Step]:
    """The steps that the ends are made of, in order."""
    wanted, kept = {id(v) for v in ends}, list[Step]()
    for step in reversed(steps):
        if id(step.out) in wanted:
            wanted |= {id(source_of(step, i)) for i, v in enumerate(step.ins) if v is not None}
            kept.append(step)
    return kept[::-1]


def _by_length(keys: Sequence[str]) -> list[int]:
    """The order in which ``place`` looks for keys."""
    return sorted(range(len(keys)), key=lambda k: (len(keys[k].encode()), keys[k].encode()))


def _literal(value: Any, dtype: str) -> str:
    if dtype == "string":
        return literal(str(value))
    if dtype in ("double", "float"):
        return real(float(value), dtype == "float")
    return str(int(value))


def _dense(keys: NDArray[Any], values: NDArray[Any]) -> list[int] | None:
    """Values by key, -1 where there is none, if both are small whole numbers."""
    if not (len(keys) and np.all(keys == np.floor(keys)) and keys.min() >= 0 and keys.max() < 4096):
        return None
    if not (np.all(values == np.floor(values)) and values.min() >= 0 and values.max() < 32768):
        return None
    out = np.full(int(keys.max()) + 1, -1, np.int64)
    out[keys.astype(np.int64)] = values.astype(np.int64)
    return [int(v) for v in out]
