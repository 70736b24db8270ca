"""An OCI image layout whose one artefact is the bundle, in the media types of the CNCF ModelPack specification.

github.com/opencontainers/image-spec (image-layout.md, manifest.md) and github.com/modelpack/model-spec (docs/spec.md,
docs/config.md). Blobs lie under their SHA-256; nothing bears a date, so the same bundle gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from assay.bundle.model import Model

from .about import About, about
from .huggingface import card
from .onnx_graph import graph_of

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ARTIFACT = "application/vnd.cncf.model.manifest.v1+json"
CONFIG = "application/vnd.cncf.model.config.v1+json"
WEIGHT, SETTING, DOC = (f"application/vnd.cncf.model.{kind}.v1.raw" for kind in ("weight", "weight.config", "doc"))


def to_oci(model: Model) -> dict[str, bytes]:
    """The layout: oci-layout, index.json and blobs/sha256/...: path -> bytes."""
    known = about(model)
    layers = [
        (WEIGHT, f"{known.service}.assay", model.to_bytes()),
        (WEIGHT, "model.onnx", graph_of(model)),
        (SETTING, "schema.json", canonical(model.schema)),
        (DOC, "README.md", card(known).encode()),
    ]
    blobs: dict[str, bytes] = {}

    def blob(data: bytes, kind: str, **more: Any) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data), **more}

    described = [blob(data, kind, annotations={"org.cncf.model.filepath": path}) for kind, path, data in layers]
    manifest = {
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": ARTIFACT,
        "config": blob(canonical(config(known, [d["digest"] for d in described])), CONFIG), "layers": described,
        "annotations": {
            "org.opencontainers.image.title": known.name, "org.opencontainers.image.version": known.version,
            "org.opencontainers.image.description": known.says, "assay.digest": f"sha256:{model.digest}",
        },
    }  # fmt: skip
    tag = known.version.replace("+", "_")
    top = blob(canonical(manifest), MANIFEST, artifactType=ARTIFACT,
               annotations={"org.opencontainers.image.ref.name": tag})  # fmt: skip
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [top]}
    head = {"oci-layout": canonical({"imageLayoutVersion": "1.0.0"}), "index.json": canonical(index)}
    return head | dict(sorted(blobs.items()))


def config(known: About, layers: list[str]) -> dict[str, Any]:
    """The ModelPack configuration: what the model is, and the digests of its uncompressed layers."""
    families = sorted({str(c["family"]) for c in known.part.get("candidates") or [] if c.get("state") == "won"})
    technical: dict[str, Any] = {"format": "onnx", "precision": "float32"}
    if families:
        technical["architecture"] = "+".join(families)
    technical["capabilities"] = {"inputTypes": ["other"], "outputTypes": ["other"]}
    return {
        "descriptor": {"name": known.name, "version": known.version, "title": known.service,
                       "description": known.says, "revision": known.model.digest},
        "modelfs": {"type": "layers", "diffIds": layers},
        "config": technical,
    }  # fmt: skip


def canonical(doc: Any) -> bytes:
    return json.dumps(doc, ensure_ascii=False, separators=(",", ":")).encode()
