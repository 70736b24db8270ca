"""The model as one ONNX file: raw row in, outputs out, for every runtime that reads ONNX."""

from __future__ import annotations

from assay.bundle.layout import GRAPH, name_from
from assay.bundle.model import Model
from assay.bundle.variants import held


def to_onnx(model: Model, variant: str | None = None) -> bytes:
    """The graph's bytes; ``variant`` names one of the file's own variants, such as int8.

    Raises:
        SettingsError: the file holds no such variant.
    """
    return bytes(model._files[GRAPH] if variant is None else held(model, variant)[0])


def files(model: Model, variant: str | None = None) -> dict[str, bytes]:
    """``<name>.onnx``, or ``<name>.<variant>.onnx``."""
    name = name_from(str(model.manifest.get("name") or "model"))
    return {f"{name}.{variant}.onnx" if variant else f"{name}.onnx": to_onnx(model, variant)}
