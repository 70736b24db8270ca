"""The steps over whole rows of lanes in C: trees, matrix products, means, shares and the largest lane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .c_trees import Code, layout_of, real, table_text
from .program import Step, Value
from .trees import read_trees

if TYPE_CHECKING:
    from .c_steps import Body

TYPES = {
    "double": "double",
    "float": "float",
    "bool": "uint8_t",
    "int64": "int64_t",
    "int8": "int8_t",
    "string": "piece",
}


def treeensemble(b: Body, step: Step) -> None:
    trees = read_trees(step.attributes)
    name = f"trees_{len(b.names)}"
    b.tables.append(Code(trees, name).text() if layout_of(trees) == "code" else table_text(trees, name))
    matrix = b.pointer(b.source_of(step, 0))
    if step.out.width == 1:
        out = b.declare(step.out, "0.0")
        b.lines.append(f"    {name}({matrix}, &{out});\n")
    else:
        out = b.declare(step.out)
        b.lines.append(f"    for (i = 0; i < {step.out.width}; i++) {out}[i] = 0.0;\n    {name}({matrix}, {out});\n")


def matmul(b: Body, step: Step) -> None:
    one, two = step.given(0), step.given(1)
    nets = two.shape[0] if len(two.shape) == 3 else 1
    inner, wide = two.shape[-2], two.shape[-1]
    own = inner if len(one.shape) == 3 and one.shape[0] > 1 else 0
    name = b.declare(step.out)
    zero = "0.0f" if step.out.dtype == "float" else "0.0"
    to = name if step.out.width == 1 else f"{name}[g * {wide} + i]" if nets > 1 else f"{name}[i]"
    at = f"g * {own} + j" if own else "j"
    left = b.at(one, at)
    start = f"g * {inner * wide} + " if nets > 1 else ""
    right = _weight(b, two, f"{start}j * {wide} + i")
    lane = f"g * {wide} + i" if nets > 1 else "i"
    scale = f"    for (i = 0; i < {wide}; i++) {to} *= {_scale(b, two, lane)};\n" if two.scale is not None else ""
    open_, close = (f"    for (g = 0; g < {nets}; g++) {{\n", "    }\n") if nets > 1 else ("", "")
    b.lines.append(
        f"{open_}    for (i = 0; i < {wide}; i++) {to} = {zero};\n"
        f"    for (j = 0; j < {inner}; j++)\n        for (i = 0; i < {wide}; i++) {to} += {left} * {right};\n"
        f"{scale}{close}"
    )


def _weight(b: Body, weights: Value, at: str) -> str:
    """One weight; of 8 bits it stands as the whole number, and its unit is scaled once, after the sum."""
    if weights.scale is None or weights.data is None:
        return b.at(weights, at)
    return f"{b.table('int8_t', [str(int(v)) for v in weights.data.ravel()])}[{at}]"


def _scale(b: Body, weights: Value, lane: str) -> str:
    assert weights.scale is not None
    told = [real(float(v), weights.dtype == "float") for v in weights.scale.ravel()]
    return f"{b.table(TYPES[weights.dtype], told)}[{lane}]"


def reducemean(b: Body, step: Step) -> None:
    source, nets, wide = step.given(0), step.given(0).shape[0], step.out.width
    name = b.declare(step.out)
    to = name if wide == 1 else f"{name}[i]"
    b.lines.append(
        f"    for (i = 0; i < {wide}; i++) {{\n        {to} = 0.0;\n"
        f"        for (j = 0; j < {nets}; j++) {to} += {b.at(source, f'j * {wide} + i')};\n"
        f"        {to} /= {nets}.0;\n    }}\n"
    )


def softmax(b: Body, step: Step) -> None:
    source, wide = step.given(0), step.out.width
    name = b.declare(step.out)
    b.lines.append(
        f"    {{\n        double most = {b.at(source, 0)}, sum = 0.0;\n"
        f"        for (i = 1; i < {wide}; i++) if ({b.at(source, 'i')} > most) most = {b.at(source, 'i')};\n"
        f"        for (i = 0; i < {wide}; i++) sum += {name}[i] = exp({b.at(source, 'i')} - most);\n"
        f"        for (i = 0; i < {wide}; i++) {name}[i] /= sum;\n    }}\n"
    )


def argmax(b: Body, step: Step) -> None:
    source = step.given(0)
    name = b.declare(step.out, "0")
    value = f"{b.at(source, 'i')} > {b.at(source, name)}"
    b.lines.append(f"    for (i = 1; i < {source.width}; i++) if ({value}) {name} = i;\n")
