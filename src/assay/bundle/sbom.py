"""``sbom.json``: a CycloneDX 1.6 bill of materials of what made a model and of what serves it.

Scope ``required`` is what serving needs, ``excluded`` what only training needed. Versions are those installed where the
model was made; a serving package that was not installed there stands with the range that assay asks for. No date and no
serial number: the same model has the same bill.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

SPEC = "1.6"
SERVING = (
    "numpy", "onnxruntime", "typer", "rich", "uvicorn", "uvloop", "httptools", "orjson", "msgspec", "cryptography",
    "prometheus-client",
)  # fmt: skip
ASKED = re.compile(r"\s*([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*\(?([^;()]*)\)?\s*(?:;(.*))?")


def sbom(name: str, version: str, graph_digest: str, data_digest: str | None) -> dict[str, Any]:
    """The bill of one model.

    Args:
        graph_digest: SHA-256 of the graph.
        data_digest: assay's own digest of the table, where one is known.
    """
    model = {
        "type": "machine-learning-model", "bom-ref": "model", "name": name, "version": version,
        "hashes": [{"alg": "SHA-256", "content": graph_digest}],
    }  # fmt: skip
    data: list[dict[str, Any]] = []
    if data_digest:
        data = [{"type": "data", "bom-ref": "training-data", "name": "training data",
                 "properties": [{"name": "assay:data_digest", "value": data_digest}]}]  # fmt: skip
    packages = [dict(p) for p in _packages()]
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX", "specVersion": SPEC, "version": 1,
        "metadata": {"component": model},
        "components": [*data, *packages],
        "dependencies": [{"ref": "model", "dependsOn": [c["bom-ref"] for c in [*data, *packages]]}],
    }  # fmt: skip


@cache
def _packages() -> tuple[dict[str, Any], ...]:
    asked = _asked("assay")
    serving = _closure(SERVING) | {"assay"}
    training = _closure(("assay", *(name for name, (_, marker) in asked.items() if "extra" not in marker)))
    out = []
    for name in sorted(serving | training):
        out.append(_component(name, "required" if name in serving else "excluded", asked.get(name, ("", ""))[0]))
    return tuple(out)


def _component(name: str, scope: str, range: str) -> dict[str, Any]:
    try:
        found = distribution(name)
    except PackageNotFoundError:
        said = [{"name": "assay:asked", "value": range}] if range else []
        return {"type": "library", "bom-ref": name, "name": name, "scope": scope, "purl": f"pkg:pypi/{name}",
                **({"properties": said} if said else {})}  # fmt: skip
    licence = found.metadata.json.get("license_expression")
    return {
        "type": "library", "bom-ref": name, "name": name, "version": found.version, "scope": scope,
        "purl": f"pkg:pypi/{name}@{found.version}", **({"licenses": [{"expression": licence}]} if licence else {}),
    }  # fmt: skip


def _closure(names: tuple[str, ...]) -> set[str]:
    """These packages and what they need without extras; of those that are not installed only the names given."""
    found = {_plain(n) for n in names}
    queue = sorted(found)
    while queue:
        for name, (_, marker) in _asked(queue.pop()).items():
            if not marker and name not in found:
                found.add(name)
                queue.append(name)
    return found


def _asked(name: str) -> dict[str, tuple[str, str]]:
    """Package -> (range, marker) of what a package asks for; nothing where it is not installed."""
    try:
        lines = distribution(name).requires or []
    except PackageNotFoundError:
        return {}
    parts = [m.groups(default="") for m in map(ASKED.fullmatch, lines) if m]
    return {_plain(n): (r.strip(), marker.strip()) for n, r, marker in parts}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
