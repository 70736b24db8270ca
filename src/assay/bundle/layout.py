"""What lies where in an .assay file, what each file is for, and how a bundle may be called.

A role says what a file is for. Readers of format 1 know the roles below, each at its own place; a file with a role that
they do not know is checked against its digest like any other and then ignored, so that later versions can add some.
What a reader must understand in order to predict comes with a new number of the format, which this one refuses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from assay.core.errors import BundleError, SettingsError

FORMAT = "assay-bundle-1"
MANIFEST, SIGNATURE = "manifest.json", "signature.json"  # neither is listed in the manifest
GRAPH, SCHEMA = "model/model.onnx", "schema.json"
ROWS, EXPECTED = "examples/inputs.jsonl", "examples/expected.jsonl"
DOSSIER, CARD = "dossier.json", "dossier/model_card.md"
RECIPE, LINEAGE, PARITY = "recipe.json", "lineage.json", "parity.json"
OPENAPI, SBOM = "openapi.json", "sbom.json"
ROLES = {
    GRAPH: "model", SCHEMA: "schema", ROWS: "golden-inputs", EXPECTED: "golden-outputs", DOSSIER: "dossier",
    CARD: "model-card", RECIPE: "recipe", LINEAGE: "lineage", PARITY: "parity", OPENAPI: "openapi", SBOM: "sbom",
}  # fmt: skip
NEEDED = (GRAPH, SCHEMA, ROWS, EXPECTED)  # without these nothing can be predicted, or trusted
VARIANT, ATTACHMENT = "variant", "attachment"
VARIANTS = "model/alt/"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
VERSION = re.compile(  # semver.org, 2.0.0
    r"(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)"
    r"(?:-(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)
DIGEST = re.compile(r"[0-9a-f]{64}")
RUNS = frozenset({
    "py", "pyc", "pyo", "pyd", "so", "dll", "dylib", "exe", "com", "bat", "cmd", "ps1", "sh", "jar", "class", "wasm",
    "pkl", "pickle", "joblib", "dill", "pt", "pth", "ckpt", "npy",
})  # fmt: skip


def role_of(path: str) -> str:
    """What a file at ``path`` is for.

    >>> role_of("schema.json"), role_of("model/alt/int8.onnx"), role_of("notes.txt")
    ('schema', 'variant', 'attachment')
    """
    return ROLES.get(path) or (VARIANT if path.startswith(VARIANTS) else ATTACHMENT)


def name_from(text: str) -> str:
    """A name for a bundle out of any text, such as a table's file name.

    >>> name_from("late flights.csv"), name_from("été.parquet"), name_from("late.v2.csv.gz"), name_from("???")
    ('late-flights', 't', 'late.v2', 'model')
    """
    stem = re.sub(r"\.(?:csv|tsv|jsonl?|ndjson|parquet|arrow|feather|xlsx|txt|gz|zst|onnx|assay)\b", "", text.strip())
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:100].strip("-._") or "model"


def named(name: str) -> str:
    """The name, if a bundle may be called so.

    Raises:
        SettingsError: it may not; the nearest that may is named.
    """
    if not NAME.fullmatch(name):
        raise SettingsError(
            f"a model's name holds letters, digits, '.', '_' and '-' and begins with a letter or digit; "
            f"got {name[:60]!r}; {name_from(name)!r} would do"
        )
    return name


def versioned(version: str) -> str:
    """The version, if it is one.

    Raises:
        SettingsError: it is not of the form 1.2.0 (semver.org).
    """
    if len(version) > 100 or not VERSION.fullmatch(version):
        raise SettingsError(f"a version has the form 1.2.0 (semver.org, such as 1.3.0-rc.1); got {version[:60]!r}")
    return version


def check_manifest(manifest: Any) -> dict[str, Any]:
    """Check all of a manifest that does not need the files themselves. Unknown keys are left alone.

    Raises:
        BundleError: another format, or a part that is missing or of another form.
    """
    said = manifest.get("format") if isinstance(manifest, Mapping) else type(manifest).__name__
    if said != FORMAT:
        raise BundleError(
            f"this version of assay reads the format {FORMAT}; the file says {str(said)[:60]!r}: "
            "take the version of assay that wrote it"
        )
    parents = manifest.get("parents", [])
    for what, value, form in (("name", manifest.get("name"), NAME), ("version", manifest.get("version"), VERSION)):
        if not isinstance(value, str) or len(value) > 100 or not form.fullmatch(value):
            raise BundleError(f"the manifest of the .assay file must have a {what}; it says {str(value)[:60]!r}")
    if not isinstance(parents, list) or not all(isinstance(p, str) and DIGEST.fullmatch(p) for p in parents):
        raise BundleError("the parents in the manifest of the .assay file must be SHA-256 digests")
    listed = manifest.get("files")
    if not isinstance(listed, dict):
        raise BundleError("the manifest of the .assay file lists no files")
    for path, entry in listed.items():
        if not isinstance(entry, dict) or not isinstance(role := entry.get("role"), str):
            raise BundleError(f"the manifest of the .assay file does not say what {path[:80]!r} is for (its role)")
        if path in (MANIFEST, SIGNATURE) or ((path in ROLES or role in ROLES.values()) and ROLES.get(path) != role):
            raise BundleError(f"the manifest of the .assay file lists {path[:80]!r} with the role {role[:40]!r}, "
                              "which belongs elsewhere")  # fmt: skip
        if path.rpartition(".")[2].casefold() in RUNS:
            raise BundleError(f"an .assay file holds nothing that runs or is unpickled; this one lists {path[:80]!r}")
    return dict(manifest)
