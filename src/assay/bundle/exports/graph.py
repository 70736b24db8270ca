"""The model as one ONNX file: raw row in, outputs out, for every runtime that reads ONNX."""

from __future__ import annotations

from assay.bundle.layout import GRAPH, VARIANTS, name_from
from assay.bundle.model import Model
from assay.core.errors import SettingsError


def to_onnx(model: Model, variant: str | None = None) -> bytes:
    """The graph's bytes; ``variant`` names one of the file's own variants, such as int8.

    Raises:
        SettingsError: the file holds no such variant.
    """
    if variant is None:
        return bytes(model._files[GRAPH])
    path = f"{VARIANTS}{variant}.onnx"
    if path not in model._files:
        known = sorted(p[len(VARIANTS) : -5] for p in model._files if p.startswith(VARIANTS) and p.endswith(".onnx"))
        has = f"it has {', '.join(known)}" if known else "it has none"
        raise SettingsError(f"the file holds no variant {variant!r} of its graph: {has}")
    return bytes(model._files[path])


def files(model: Model, variant: str | None = None) -> dict[str, bytes]:
    """``<name>.onnx``, or ``<name>.<variant>.onnx``."""
    name = name_from(str(model.manifest.get("name") or "model"))
    return {f"{name}.{variant}.onnx" if variant else f"{name}.onnx": to_onnx(model, variant)}
