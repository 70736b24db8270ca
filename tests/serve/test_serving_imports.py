"""Serving imports nothing but the packages of the closed list; the slow twin of this installs them alone and serves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from assay.bundle.exports.serving import PINNED
from assay.bundle.model import Model

BY_TYPER = ("pydantic", "pydantic_core", "annotated_types", "typing_inspection")  # of the newer typer of development
CODE = """
import importlib.abc, importlib.metadata, json, sys
allowed = {n.lower().replace("-", "_") for n in json.loads(sys.argv[2])}
owners = importlib.metadata.packages_distributions()
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        of = {d.lower().replace("-", "_") for d in owners.get(top, ())}
        if of and top != "assay" and not of & allowed:
            raise ModuleNotFoundError(f"{name} is not for serving", name=name)
        return None
sys.meta_path.insert(0, Refuse())
from assay.cli.app import run
from assay.serve import bench, fleet, guard, jwt, log, measure, service, shadow, swap, tls, v2, worker
from assay.serve.guard import Caller
from assay.serve.http import Request
from assay.serve.live import Live
from assay.serve.scoring import Served
from assay.bundle.model import Model
path = sys.argv[1]
served = Served(Model.load(path), "late")
caller = Caller("tests", frozenset(("predict", "explain", "metrics")), "key", "k")
asked = service.Service(Live(served))
body = json.dumps({"rows": [served.typical]}).encode()
for method, where, given in (("POST", "/predict", body), ("POST", "/explain", body), ("GET", "/", b""),
                             ("GET", "/metrics", b""), ("GET", "/openapi.json", b""), ("GET", "/v2/models/late", b"")):
    assert asked.answer(Request(method, where, "", {}, given, "127.0.0.1"), caller, "id").response.status == 200
for words in (["verify", path], ["registry", "add", path, "--name", "late", "--registry", sys.argv[3]],
              ["registry", "list", "--registry", sys.argv[3]], ["serve", "--help"]):
    assert run(words) == 0, words
print("served")
"""


def test_nothing_else_is_imported(late: Model, tmp_path: Path):
    path = late.save(tmp_path / "late.assay")
    words = [sys.executable, "-c", CODE, str(path), json.dumps([*PINNED, *BY_TYPER]), str(tmp_path / "registry")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.endswith("served\n"), done.stderr[-3000:]
    refused = [*words[:4], json.dumps([n for n in PINNED if n != "orjson"]), words[5]]
    assert subprocess.run(refused, capture_output=True, text=True, cwd=tmp_path).returncode == 1
