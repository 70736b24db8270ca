"""Trees in C: as nested conditions, which processors guess well, or as tables and a loop, which are small."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import numpy as np

from .trees import Trees

Layout = Literal["code", "table"]
MOST_CODE = 40_000  # leaves that are written as code: about 50 bytes of the object each
PER_FUNCTION = 400  # leaves in one C function, about: compilers take long over large ones
DEEPEST = 60  # nested blocks; C99 promises 127


def real(value: float, single: bool = False) -> str:
    """A number as a C constant that reads back as the very same number."""
    if np.isnan(value):
        return "NAN"
    if np.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    if not single:
        return repr(float(value))
    text = str(np.float32(value))
    return f"{text if '.' in text or 'e' in text else text + '.0'}f"


def layout_of(trees: Trees) -> Layout:
    return "code" if len(trees.weight) <= MOST_CODE else "table"


def codes_in_c(trees: Trees, kind: str) -> str:
    """Lines that read the codes of the features that are asked for membership: c[k] is one of no set where missing."""
    lines = []
    for k, (feature, size) in enumerate(sorted(trees.levels().items())):
        x = f"x[{feature}]"
        known = f"{x} >= 0 && {x} < {size} && {x} == ({kind})(int){x}"
        lines.append(f"    c[{k}] = {known} ? (unsigned)(int){x} : {x} != {x} ? {size + 1}u : {size}u;\n")
    return "".join(lines)


class Code:
    """Nested conditions, in functions of some hundred leaves each."""

    def __init__(self, trees: Trees, name: str) -> None:
        self.t, self.name = trees, name
        self.single = trees.single
        self.kind = "float" if self.single else "double"
        self.slots = {f: k for k, f in enumerate(sorted(trees.levels()))}
        self.size = trees.levels()
        self.functions: list[str] = []
        self.words: list[str] = []
        self.pairs: list[str] = []
        self.split_off = 0

    @property
    def head(self) -> str:
        given = f"const {self.kind} *x" + (", const unsigned *c" if self.slots else "")
        return f"({given}, double *y)"

    def text(self) -> str:
        """All functions; the last, ``<name>``, adds every tree to y."""
        bodies: list[list[str]] = [[]]
        leaves = 0
        for root in self.t.roots.tolist():
            before = len(bodies[-1])
            self._node(root, 1, bodies[-1])
            leaves += sum("y[" in line for line in bodies[-1][before:])
            if leaves > PER_FUNCTION:
                bodies.append([])
                leaves = 0
        calls = []
        for k, body in enumerate(b for b in bodies if b):
            self.functions.append(f"static void {self.name}_{k}{self.head}\n{{\n{_summed(body)}}}\n")
            calls.append(f"    {self.name}_{k}(x{', c' if self.slots else ''}, y);\n")
        codes = f"    unsigned c[{len(self.slots)}];\n{codes_in_c(self.t, self.kind)}" if self.slots else ""
        whole = f"static void {self.name}(const {self.kind} *x, double *y)\n{{\n{codes}{''.join(calls)}}}\n"
        table = "".join(self.words) + (_array("double", f"{self.name}_leaf", self.pairs) if self.pairs else "")
        return "\n".join([*([table] if table else []), *self.functions, whole])

    def _node(self, node: int, depth: int, lines: list[str]) -> None:
        pad = " " * min(depth, 12)
        if node < 0:
            leaf = -1 - node
            lines.append(f"{pad}y[{self.t.target[leaf]}] += {real(self.t.weight[leaf])};\n")
            return
        if depth > DEEPEST:
            self.split_off += 1
            name, inner = f"{self.name}_deep_{self.split_off}", list[str]()
            self._node(node, 1, inner)
            self.functions.append(f"static void {name}{self.head}\n{{\n{''.join(inner)}}}\n")
            lines.append(f"{pad}{name}(x{', c' if self.slots else ''}, y);\n")
            return
        if (chosen := self._chosen(node)) is not None:
            lines.append(f"{pad}{chosen}\n")
            return
        lines.append(f"{pad}if ({self._asks(node)}) {{\n")
        self._node(int(self.t.yes[node]), depth + 1, lines)
        lines.append(f"{pad}}} else {{\n")
        self._node(int(self.t.no[node]), depth + 1, lines)
        lines.append(f"{pad}}}\n")

    def _chosen(self, node: int) -> str | None:
        """A subtree of at most four leaves as a number read by index: processors guess the last splits worst."""
        yes, no = int(self.t.yes[node]), int(self.t.no[node])
        inner = [k for k in (yes, no) if k >= 0]
        if any(self.t.yes[k] >= 0 or self.t.no[k] >= 0 for k in inner):
            return None
        leaves = [leaf for k in (no, yes) for leaf in ((int(self.t.no[k]), int(self.t.yes[k])) if k >= 0 else (k,))]
        targets = {int(self.t.target[-1 - leaf]) for leaf in leaves}
        if len(targets) > 1:
            return None
        at = len(self.pairs)
        self.pairs += [real(self.t.weight[-1 - leaf]) for leaf in leaves]
        to = f"y[{targets.pop()}] += {self.name}_leaf"
        if not inner:
            return f"{to}[{at} + ({self._asks(node)})];"
        told = [f"int p = ({self._asks(node)}) != 0"]
        told += [f"{name} = ({self._asks(k)}) != 0" for name, k in (("q", yes), ("r", no)) if k >= 0]
        place = (
            "2 * p + ((p & q) | ((p ^ 1) & r))"
            if len(inner) == 2
            else "p + (p & q)"
            if yes >= 0
            else "2 * p + ((p ^ 1) & r)"
        )
        return f"{{ {', '.join(told)}; {to}[{at} + {place}]; }}"

    def _asks(self, node: int) -> str:
        feature = int(self.t.feature[node])
        if node not in self.t.sets:
            split = real(self.t.split[node], self.single)
            return f"!(x[{feature}] > {split})" if self.t.nan_true[node] else f"x[{feature}] <= {split}"
        size, slot = self.size[feature], self.slots[feature]
        bits = sum(1 << int(v) for v in self.t.sets[node])
        if self.t.nan_true[node]:
            bits |= 1 << (size + 1)
        if size + 2 <= 32:
            return f"0x{bits:x}u >> c[{slot}] & 1u"
        words = [f"0x{bits >> 32 * k & 0xFFFFFFFF:x}u" for k in range((size + 2 + 31) // 32)]
        name = f"{self.name}_set_{len(self.words)}"
        self.words.append(f"static const uint32_t {name}[{len(words)}] = {{{', '.join(words)}}};\n")
        return f"{name}[c[{slot}] >> 5] >> (c[{slot}] & 31u) & 1u"


def _summed(body: list[str]) -> str:
    """The lines of a function with its sums in variables of their own: adding in memory would wait on each other."""
    text = "".join(body)
    used = sorted({int(k) for k in re.findall(r"\by\[(\d+)\]", text)})
    if not 0 < len(used) <= 8:
        return text
    text = re.sub(r"\by\[(\d+)\]", r"s\1", text)
    first = "".join(f"    double s{k} = 0.0;\n" for k in used)
    return first + text + "".join(f"    y[{k}] += s{k};\n" for k in used)


def table_text(t: Trees, name: str) -> str:
    """Arrays of nodes and leaves, and one loop. Bit 0 of ``ask``: missing is true; bit 1: membership."""
    single = t.single
    kind = "float" if single else "double"
    slots = {f: k for k, f in enumerate(sorted(t.levels()))}
    sizes = t.levels()
    member = np.zeros(len(t.feature), np.int64)
    words: list[int] = []
    for node, values in t.sets.items():
        member[node] = len(words)
        bits = sum(1 << int(v) for v in values) | (bool(t.nan_true[node]) << (sizes[int(t.feature[node])] + 1))
        words += [bits >> 32 * k & 0xFFFFFFFF for k in range((sizes[int(t.feature[node])] + 2 + 31) // 32)]
    asks = t.nan_true.astype(np.int64) + 2 * np.isin(np.arange(len(t.feature)), list(t.sets))
    source = np.where(asks >= 2, [slots.get(int(f), 0) for f in t.feature], t.feature)
    parts = [
        _array(kind, f"{name}_split", [real(v, single) for v in t.split]),
        _array("uint16_t" if source.max() < 65536 else "uint32_t", f"{name}_of", map(str, source.tolist())),
        _array("uint8_t", f"{name}_ask", map(str, asks.tolist())),
        _array("int32_t", f"{name}_yes", map(str, t.yes.tolist())),
        _array("int32_t", f"{name}_no", map(str, t.no.tolist())),
        _array("int32_t", f"{name}_root", map(str, t.roots.tolist())),
        _array("double", f"{name}_leaf", [real(v) for v in t.weight]),
    ]
    several = t.outputs > 1
    if several:
        parts.append(_array("uint16_t", f"{name}_to", map(str, t.target.tolist())))
    if slots:
        parts.append(_array("uint32_t", f"{name}_first", map(str, member.tolist())))
        parts.append(_array("uint32_t", f"{name}_words", [f"0x{w:x}u" for w in words]))
    value = f"x[{name}_of[n]]"
    plain = f"({name}_ask[n] & 1) ? !({value} > {name}_split[n]) : {value} <= {name}_split[n]"
    asked = plain
    if slots:
        code = f"c[{name}_of[n]]"
        word = f"{name}_words[{name}_first[n] + ({code} >> 5)]"
        asked = f"({name}_ask[n] & 2) ? (int)({word} >> ({code} & 31u) & 1u) : ({plain})"
    codes = f"    unsigned c[{len(slots)}];\n" if slots else ""
    parts.append(
        f"static void {name}(const {kind} *x, double *y)\n{{\n    int k;\n{codes}{codes_in_c(t, kind)}"
        f"    for (k = 0; k < {len(t.roots)}; k++) {{\n        int32_t n = {name}_root[k];\n"
        f"        while (n >= 0)\n            n = ({asked}) ? {name}_yes[n] : {name}_no[n];\n"
        f"        y[{f'{name}_to[-1 - n]' if several else '0'}] += {name}_leaf[-1 - n];\n    }}\n}}\n"
    )
    return "".join(parts)


def _array(kind: str, name: str, values: object) -> str:
    items = list(values)  # type: ignore[call-overload]
    return f"static const {kind} {name}[{len(items)}] = {{\n{''.join(rows(items))}}};\n"


def rows(items: list[str]) -> Iterator[str]:
    """Items of an array in lines of at most 110 characters."""
    line = "   "
    for item in items:
        if len(line) + len(item) > 110:
            yield line + "\n"
            line = "   "
        line += f" {item},"
    yield line + "\n"
