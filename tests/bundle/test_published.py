"""The published JSON Schemas: every bundle that is written validates, and what is wrong does not."""

from __future__ import annotations

import base64
import json
from urllib.parse import unquote

import jsonschema
import pytest
from referencing import Registry, Resource

from assay.bundle import signing
from assay.bundle.archive import MANIFEST, SIGNATURE, contents
from assay.bundle.published import NAMES, schema
from tests.bundle.conftest import Case
from tests.report.flights import dossier

REGISTRY = Registry().with_resources((schema(n)["$id"], Resource.from_contents(schema(n))) for n in NAMES)


def checker(name):
    return jsonschema.Draft202012Validator(schema(name), registry=REGISTRY)


def validate(data: bytes) -> None:
    """Validate every document of a bundle that has a published schema."""
    entries = contents(data)
    for path, name in (
        (MANIFEST, "manifest"), ("schema.json", "row"), ("dossier.json", "dossier"), ("parity.json", "parity"),
        (SIGNATURE, "signature"),
    ):  # fmt: skip
        if path in entries:
            checker(name).validate(json.loads(entries[path]))
    for name, path in (("golden-inputs", "examples/inputs.jsonl"), ("golden-outputs", "examples/expected.jsonl")):
        for line in entries[path].splitlines():
            checker(name).validate(json.loads(line))
    if SIGNATURE in entries:
        payload = json.loads(entries[SIGNATURE])["dsseEnvelope"]["payload"]
        checker("statement").validate(json.loads(base64.b64decode(payload)))


@pytest.mark.parametrize("name", NAMES)
def test_they_are_schemas(name):
    jsonschema.Draft202012Validator.check_schema(schema(name))
    assert schema(name)["$id"] == f"urn:assay:bundle-1:{name}"


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_written_bundle_validates(task):
    data = Case(task, "tree").build().to_bytes()
    validate(data)
    validate(signing.sign(data, signing.new_key()[0]))


def test_a_whole_dossier_validates():
    checker("dossier").validate(dossier())


@pytest.mark.parametrize("path, name, change", [
    (MANIFEST, "manifest", lambda d: d.update(format="assay-bundle-2")),
    (MANIFEST, "manifest", lambda d: d.update(version="1.2")),
    (MANIFEST, "manifest", lambda d: d.update(name="a b")),
    (MANIFEST, "manifest", lambda d: d.update(parents=["x"])),
    (MANIFEST, "manifest", lambda d: d["files"].pop("schema.json")),
    (MANIFEST, "manifest", lambda d: d["files"]["schema.json"].update(role="model")),
    (MANIFEST, "manifest", lambda d: d["files"].update(x={"role": "schema", "sha256": "0" * 64, "size": 1})),
    (MANIFEST, "manifest", lambda d: d["files"]["schema.json"].pop("sha256")),
    ("schema.json", "row", lambda d: d["x-assay"].update(task="guess")),
    ("schema.json", "row", lambda d: d["x-assay"].pop("null_code")),
    ("dossier.json", "dossier", lambda d: d.update(kind="check")),
    ("parity.json", "parity", lambda d: d.update(max=0.5)),
])  # fmt: skip
def test_what_is_wrong_does_not(model, path, name, change):
    doc = json.loads(contents(model.to_bytes())[path])
    checker(name).validate(doc)
    change(doc)
    assert not checker(name).is_valid(doc)


def test_golden_rows_fit_the_schema_that_they_come_with(model):
    checks = jsonschema.Draft202012Validator(model.schema)
    for line in contents(model.to_bytes())["examples/inputs.jsonl"].splitlines():
        checks.validate(json.loads(line))


def test_openapi_and_the_bill_hold_together(model):
    doc = model.openapi
    text = json.dumps(doc)
    for ref in {part.split('"')[0] for part in text.split('"$ref": "')[1:]}:
        at = doc
        for step in ref.removeprefix("#/").split("/"):
            at = at[unquote(step).replace("~1", "/").replace("~0", "~")]
    assert doc["openapi"].startswith("3.1") and set(doc["paths"]) >= {
        "/predict", "/explain", "/healthz", "/metrics", "/v2", "/v2/health/live", "/v2/health/ready",
        "/v2/models/{model}", "/v2/models/{model}/ready", "/v2/models/{model}/infer",
        "/v2/models/{model}/versions/{version}/infer",
    }  # fmt: skip
    ids = [
        one["operationId"] for path in doc["paths"].values() for verb, one in path.items() if verb in ("get", "post")
    ]
    assert len(ids) == len(set(ids))
    bill = json.loads(model._files["sbom.json"])
    scopes = {c["name"]: c.get("scope") for c in bill["components"]}
    assert scopes["onnxruntime"] == scopes["uvicorn"] == "required" and scopes["lightgbm"] == "excluded"
    assert {d for one in bill["dependencies"] for d in one["dependsOn"]} == {c["bom-ref"] for c in bill["components"]}
