"""A folder that is a model repository of the Hugging Face hub: card, graph, settings, bundle and its signature."""

from __future__ import annotations

import json

from assay.bundle.archive import contents
from assay.bundle.card import model_card
from assay.bundle.layout import CARD, SCHEMA, SIGNATURE
from assay.bundle.model import Model

from .about import About, about
from .k8s import yaml
from .onnx_graph import HOW, graph_of

ATTRIBUTES = "*.assay filter=lfs diff=lfs merge=lfs -text\n*.onnx filter=lfs diff=lfs merge=lfs -text\n"


def to_huggingface(model: Model) -> dict[str, bytes]:
    """README.md with the hub's metadata, model.onnx, config.json, schema.json, the bundle, its digest: path -> bytes.

    ``signature.json`` is there where the bundle is signed; it is valid for the bundle as it lies beside it.
    """
    known = about(model)
    task = "tabular-regression" if model.task == "regression" else "tabular-classification"
    config = {
        "model_type": "assay", "task": task, "name": known.name, "version": known.version, "target": model.target,
        "classes": list(model.classes), "columns": list(model.columns), "digest": f"sha256:{model.digest}",
    }  # fmt: skip
    head = {"library_name": "onnx", "pipeline_tag": task, "tags": ["assay", "onnx", "tabular"],
            "model_name": known.name}  # fmt: skip
    bundle = f"{known.service}.assay"
    files = {
        ".gitattributes": ATTRIBUTES.encode(),
        "README.md": f"---\n{yaml(head)}\n---\n\n{card(known)}".encode(),
        "config.json": (json.dumps(config, ensure_ascii=False, indent=1) + "\n").encode(),
        "model.onnx": graph_of(model),
        "schema.json": model._files[SCHEMA],
        bundle: model.to_bytes(),
        f"{bundle}.sha256": f"{model.digest}  {bundle}\n".encode(),
    }
    signature = contents(model.to_bytes()).get(SIGNATURE)
    return files | ({"signature.json": signature} if signature else {})


def card(known: About) -> str:
    """The model card (the file's own where it has one), and how its parts are used."""
    model = known.model
    own = model._files.get(CARD)
    said = own.decode("utf-8") if own else model_card(model.dossier, model.schema, known.name, known.version)
    use = (
        f"## Files\n\n- `{known.service}.assay`: graph, schema, evidence and golden rows in one file: "
        f"`assay predict {known.service}.assay rows.csv`, `assay verify`, `assay serve`.\n"
        f"- `model.onnx`: the same graph alone, for any ONNX runtime. {HOW}\n"
    )
    return f"{said.rstrip()}\n\n{use}"
