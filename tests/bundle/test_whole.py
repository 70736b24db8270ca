"""A real fit, from table to file: what it writes is what is published, and other people's validators agree."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import assay
from assay.bundle import signing
from assay.bundle.diff import diff
from assay.bundle.layout import CARD, ROLES
from assay.bundle.verify import verify
from assay.core.settings import Settings
from tests.bundle.conftest import make_table
from tests.bundle.test_published import validate

pytestmark = pytest.mark.slow

THEIRS = """
import json, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from openapi_spec_validator import validate
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open("sbom.json").read())
assert error is None, error
validate(json.load(open("openapi.json")))
"""


@pytest.fixture(scope="module")
def fitted():
    rows = make_table().drop_columns(["kind", "score", "unused"])
    return assay.fit(rows, target="late", settings=Settings(budget=8.0)), rows


def test_a_fit_writes_what_is_published(fitted):
    model, rows = fitted
    data = model.to_bytes()
    assert set(model._files) == set(ROLES)
    validate(data)
    private, public = signing.new_key()
    signed = signing.sign(data, private)
    validate(signed)
    found = verify(signed, [public])
    assert found.trusted and all(c.result == "ok" for c in found.checks)
    card = model._files[CARD].decode()
    assert "## Metrics" in card and "AUC" in card and "No score is known" not in card
    again = assay.fit(rows, target="late", settings=Settings(budget=8.0, seed=1))
    parts = {c.part for c in diff(model, again)}
    assert {"data", "scores", "cost"} <= parts and "columns" not in parts


def test_the_bill_and_the_api_pass_the_validators_of_others(fitted, tmp_path):
    model, _ = fitted
    for name in ("sbom.json", "openapi.json"):
        (tmp_path / name).write_bytes(model._files[name])
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    wanted = ["cyclonedx-python-lib[json-validation]", "openapi-spec-validator"]
    if subprocess.run([tmp_path / "env" / "bin" / "pip", "install", "-q", *wanted], capture_output=True).returncode:
        pytest.skip("the validators could not be installed: no package registry is in reach")
    subprocess.run([tmp_path / "env" / "bin" / "python", "-c", THEIRS], cwd=tmp_path, check=True)
    scopes = {c["name"]: c.get("scope") for c in json.loads(model._files["sbom.json"])["components"]}
    assert scopes["cryptography"] == "required" and scopes["scipy"] == "excluded"
