"""A small graph under construction: nodes, shared constants and the wires between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

NULL_CODE = "\ue000"  # stands for null in string inputs: a private-use character, so no alphabet needs it
OPSET, ML_OPSET, IR_VERSION = (
    20,
    5,
    9,
)  # the oldest that have StringSplit and set membership: onnxruntime >= 1.23 takes them
TEXT_KINDS = ("text", "category", "mixed")


OUTPUTS = ("probabilities", "label", "value", "set", "cell", "band")


def input_names(columns: Iterable[str]) -> dict[str, str]:
    """Column -> name of its graph input: the column's own name wherever the graph has no other use for that name."""
    out: dict[str, str] = {}
    for column in columns:
        name = f"input {column}" if column in OUTPUTS or column.startswith("/") or not column else column
        while name in out.values():
            name += "_"
        out[column] = name
    return out


@dataclass(frozen=True, slots=True)
class Wire:
    """A tensor [N, 1] in the graph: its name and the kind of the column that it carries (text kinds are strings)."""

    name: str
    kind: str

    @property
    def is_text(self) -> bool:
        return self.kind in TEXT_KINDS


@dataclass
class Builder:
    """Collects nodes and constants. Equal constants are stored once; names are numbered, so bytes are reproducible."""

    nodes: list[Any] = field(default_factory=list)
    constants: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)
    tensors: list[Any] = field(default_factory=list)
    count: int = 0

    def add(self, op: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> str:
        """Append a node and return the name of its first output."""
        from onnx import helper

        self.count += 1
        names = [f"/{self.count}"] + [f"/{self.count}.{i}" for i in range(1, outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, domain=domain, **attributes))
        return names[0]

    def constant(self, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        array = np.ascontiguousarray(value) if value.ndim else value
        raw = "\x00".join(map(str, array.ravel())).encode() if array.dtype == object else array.tobytes()
        key = (str(array.dtype), array.shape, raw)
        if key not in self.constants:
            self.constants[key] = f"/c{len(self.constants)}"
            self.tensors.append(numpy_helper.from_array(array, self.constants[key]))
        return self.constants[key]

    def number(self, value: float) -> str:
        return self.constant(np.array(value, np.float64))

    def text(self, value: str) -> str:
        return self.constant(np.array([value], object))

    def cast(self, name: str, to: str) -> str:
        """Cast to ``double``, ``float``, ``int64`` or ``string``."""
        from onnx import TensorProto

        return self.add("Cast", name, to=getattr(TensorProto, to.upper()))

    def where(self, mask: str, yes: str, no: str) -> str:
        return self.add("Where", mask, yes, no)

    def rename(self, name: str, to: str) -> None:
        """Give the tensor its public name (it must not be used by name any more)."""
        for node in self.nodes:
            for names in (node.input, node.output):
                for i, n in enumerate(names):
                    if n == name:
                        names[i] = to
