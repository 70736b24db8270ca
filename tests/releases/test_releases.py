"""A bundle of every release opens, keeps its promises, and is served by the code of today."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import assay
from assay.bundle.exports.onnx_graph import golden_rows
from assay.bundle.verify import verify
from assay.serve.guard import Caller
from assay.serve.http import Request
from assay.serve.live import Live
from assay.serve.scoring import Served
from assay.serve.service import Service

HERE = Path(__file__).parent
BUNDLES = sorted(HERE.glob("*.assay"))


def test_this_release_has_one():
    assert HERE / f"assay-{assay.__version__}.assay" in BUNDLES, "python -m tests.releases.make"
    assert all(path.stat().st_size < 60_000 for path in BUNDLES)


@pytest.mark.parametrize("path", BUNDLES, ids=lambda p: p.stem)
def test_it_opens_and_predicts_its_golden_rows(path: Path):
    found = verify(path.read_bytes(), [path.with_suffix(".pub.pem").read_bytes()])
    assert found.whole and found.trusted, found.to_doc()
    model = assay.load(path)
    assert model.golden_difference <= 1e-5
    rows = golden_rows(model)
    assert len(rows) > 10 and np.isfinite(model.predict_proba(rows)).all()
    assert len(model.explain(rows[:2]).reasons) == 2
    assert model.dossier["model"]["scores"] and model.lineage["data_digest"]


@pytest.mark.parametrize("path", BUNDLES, ids=lambda p: p.stem)
def test_it_is_served(path: Path):
    served = Served(assay.load(path), "old")
    caller = Caller("tests", frozenset(("predict",)), "key", "k")
    body = json.dumps({"rows": [served.typical]}).encode()
    request = Request("POST", "/predict", "", {}, body, "127.0.0.1")
    told = json.loads(Service(Live(served)).answer(request, caller, "id").response.body)
    assert told["predictions"][0]["prediction"] in served.model.classes
