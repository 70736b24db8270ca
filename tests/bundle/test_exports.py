"""The bundle in other people's formats: same bytes every time, no address, and whole."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml as reader
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.bundle.exports import docker, huggingface, mlflow, oci, runbook, systemd
from assay.bundle.exports.k8s import to_k8s, yaml
from assay.bundle.exports.serving import PINNED, requirements
from assay.bundle.exports.wheel import wheel, wheel_name
from assay.bundle.model import Model
from assay.bundle.signing import new_key, sign, signed_by
from assay.cli.app import run
from assay.core.errors import SettingsError

MAKERS = (docker.to_docker, huggingface.to_huggingface, mlflow.to_mlflow, oci.to_oci, runbook.to_runbook,
          systemd.to_systemd, to_k8s)  # fmt: skip


@pytest.mark.parametrize("make", MAKERS, ids=lambda f: f.__name__)
def test_same_bundle_same_bytes_and_no_address(make, model: Model):
    files = make(model)
    assert files == make(Model.load(model.to_bytes()))
    for path, data in files.items():
        assert not Path(path).is_absolute() and ".." not in Path(path).parts
        if not path.endswith((".assay", ".whl", ".onnx")) and "blobs/" not in path:
            for address in re.findall(r"https?://[^\s'\"`)]+", data.decode()):
                assert address.startswith(("http://127.0.0.1:8080", "https://json-schema.org/")), (path, address)


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-(10**12), 10**12), texts)
documents = st.recursive(
    scalars, lambda part: st.lists(part, max_size=4) | st.dictionaries(texts, part, max_size=4), max_leaves=12
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(texts, documents, min_size=1, max_size=4))
def test_what_is_written_as_yaml_is_read_as_the_same(doc):
    assert reader.safe_load(yaml(doc)) == doc


@pytest.mark.parametrize("image", ['a b"', "a\nb", "-x", ":3", "a" * 600])
def test_what_is_no_name_of_an_image_is_refused(model: Model, image: str):
    with pytest.raises(SettingsError, match="--image must be the name of an image"):
        to_k8s(model, image)


def test_manifests_ask_for_no_rights_and_name_each_other(model: Model):
    files = {p: reader.safe_load(d) for p, d in to_k8s(model, "registry.local/late:3").items() if p.endswith(".yaml")}
    pods = [files["deployment.yaml"]["spec"]["template"]["spec"], files["inferenceservice.yaml"]["spec"]["predictor"]]
    for pod in pods:
        box = pod["containers"][0]
        assert box["image"] == "registry.local/late:3" and pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
        assert (
            box["securityContext"]["readOnlyRootFilesystem"] and not box["securityContext"]["allowPrivilegeEscalation"]
        )
        assert box["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert set(box["resources"]["limits"]) == {"cpu", "memory"} and {"livenessProbe", "readinessProbe"} <= set(box)
        assert {m["name"] for m in box["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
    assert files["deployment.yaml"]["spec"]["selector"]["matchLabels"].items() <= (
        files["deployment.yaml"]["spec"]["template"]["metadata"]["labels"].items()
    )
    assert files["service.yaml"]["spec"]["ports"][0]["targetPort"] == pods[0]["containers"][0]["ports"][0]["name"]
    assert files["networkpolicy.yaml"]["spec"]["egress"] == []
    assert set(files["kustomization.yaml"]["resources"]) < set(files)
    assert files["deployment.yaml"]["metadata"]["annotations"]["assay/digest"] == f"sha256:{model.digest}"


def test_grpc_is_opened_where_told_and_nowhere_else(model: Model):
    plain, more = (
        {p: reader.safe_load(d) for p, d in to_k8s(model, grpc=grpc).items() if p.endswith(".yaml")}
        for grpc in (False, True)
    )
    assert "grpc" not in json.dumps(plain) and "h2c" not in json.dumps(plain)
    box = more["deployment.yaml"]["spec"]["template"]["spec"]["containers"][0]
    assert box["args"][-2:] == ["--grpc-port", "8081"]
    assert [(p["name"], p["containerPort"]) for p in box["ports"]] == [("http", 8080), ("grpc", 8081)]
    kserve = more["inferenceservice.yaml"]["spec"]["predictor"]["containers"][0]["ports"]
    assert [(p["name"], p["containerPort"]) for p in kserve] == [("http1", 8080), ("h2c", 8081)]
    assert [p["port"] for p in more["service.yaml"]["spec"]["ports"]] == [80, 8081]
    assert [p["port"] for p in more["networkpolicy.yaml"]["spec"]["ingress"][0]["ports"]] == [8080, 8081]
    without, with_it = docker.to_docker(model), docker.to_docker(model, grpc=True)
    assert b"grpc" not in without["Dockerfile"] + without["requirements.txt"]
    assert b"\ngrpcio==" in with_it["requirements.txt"] and b"\nprotobuf==" in with_it["requirements.txt"]
    assert b"EXPOSE 8080 8081\n" in with_it["Dockerfile"] and b'"--grpc-port", "8081"' in with_it["Dockerfile"]


def test_the_dockerfile_copies_what_is_there_and_runs_without_rights(model: Model):
    files = docker.to_docker(model)
    text = files["Dockerfile"].decode().replace("\\\n", " ")
    steps = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    copied = [
        w for k, v in steps if k == "COPY" and "--from" not in v for w in v.split()[:-1] if not w.startswith("--")
    ]
    assert sorted(copied) == sorted(set(files) - {"Dockerfile", "README.md", ".dockerignore"})
    assert set(files[".dockerignore"].decode().split()) == {"*", *(f"!{c}" for c in copied)}
    users = [v for k, v in steps if k == "USER"]
    assert users == ["10001:10001"] and not [k for k, _ in steps if k == "ADD"]
    assert [k for k, _ in steps][-2:] == ["ENTRYPOINT", "CMD"] and "HEALTHCHECK" in [k for k, _ in steps]
    assert json.loads(steps[-1][1])[:2] == ["serve", "/srv/assay/model.assay"]
    assert files["model.assay"] == model.to_bytes()


def test_the_pinned_list_is_closed_and_bears_no_address():
    lines = [line for line in requirements().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*", line) for line in lines)
    needed = {"numpy", "onnxruntime", "typer", "rich", "uvicorn", "uvloop", "httptools", "orjson", "msgspec",
              "cryptography", "prometheus_client"}  # fmt: skip
    assert needed <= set(PINNED) and len(PINNED) <= 20


def test_the_wheel_is_whole():
    data = wheel()
    assert data == wheel() and wheel_name().endswith("-py3-none-any.whl")
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        names = packed.namelist()
        info = next(n for n in names if n.endswith("/RECORD"))
        listed = dict(line.split(",")[:2] for line in packed.read(info).decode().splitlines())
        for name in names:
            digest = base64.urlsafe_b64encode(hashlib.sha256(packed.read(name)).digest()).rstrip(b"=").decode()
            assert name == info or listed[name] == f"sha256={digest}"
    assert set(listed) == set(names) and "assay/cli/app.py" in names and "assay/py.typed" in names
    assert not [n for n in names if n.endswith(".pyc")]


def test_blobs_lie_under_their_digests_and_the_bundle_loads_from_them(model: Model):
    files = oci.to_oci(model)
    blobs = {p.rpartition("/")[2]: d for p, d in files.items() if p.startswith("blobs/")}
    assert all(hashlib.sha256(d).hexdigest() == name for name, d in blobs.items())
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    top = json.loads(files["index.json"])["manifests"][0]
    manifest = json.loads(blobs[top["digest"].removeprefix("sha256:")])
    assert manifest["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    named = [manifest["config"], *manifest["layers"]]
    assert all(len(blobs[d["digest"].removeprefix("sha256:")]) == d["size"] for d in [top, *named])
    assert len(blobs) == 1 + len(named)
    config = json.loads(blobs[manifest["config"]["digest"].removeprefix("sha256:")])
    assert config["modelfs"]["diffIds"] == [layer["digest"] for layer in manifest["layers"]]
    assert Model.load(blobs[manifest["layers"][0]["digest"].removeprefix("sha256:")]).digest == model.digest


def test_the_input_example_is_what_the_graph_takes(model: Model):
    files = mlflow.to_mlflow(model)
    doc = reader.safe_load(files["MLmodel"])
    example = json.loads(files["input_example.json"])
    declared = {t["name"]: t["tensor-spec"] for t in json.loads(doc["signature"]["inputs"])}
    assert set(declared) == set(example)
    feed = {k: np.array(v, object if declared[k]["dtype"] == "str" else np.float64) for k, v in example.items()}
    assert np.isfinite(model._session.run(feed)).all()
    assert doc["flavors"]["python_function"]["loader_module"] == "mlflow.onnx"
    assert {doc["flavors"]["onnx"]["data"], *doc["saved_input_example_info"].values()} - {"ndarray"} <= set(files)


def test_the_repository_of_the_hub_says_what_it_is(model: Model):
    files = huggingface.to_huggingface(model)
    _, head, card = files["README.md"].decode().split("---\n", 2)
    assert reader.safe_load(head)["pipeline_tag"] == "tabular-classification" and "Limits" in card
    bundle = next(p for p in files if p.endswith(".assay"))
    assert files[f"{bundle}.sha256"].decode().split() == [hashlib.sha256(files[bundle]).hexdigest(), bundle]
    assert json.loads(files["config.json"])["classes"] == list(model.classes)


def test_a_signature_goes_along(model: Model):
    private, public = new_key()
    signed = Model(sign(model.to_bytes(), private))
    files = huggingface.to_huggingface(signed)
    bundle = next(p for p in files if p.endswith(".assay"))
    assert json.loads(files["signature.json"]) and signed_by(files[bundle], [public]) is not None
    assert "signature.json" not in huggingface.to_huggingface(model)


def test_the_runbook_shows_what_nobody_filled_in_and_what_somebody_did(model: Model, monkeypatch: pytest.MonkeyPatch):
    assert "Who owns it: EMPTY" in runbook.to_runbook(model)["RUNBOOK.md"].decode()
    asked = {"decides": "", "owner": "Depot North", "forbidden": ["pay"], "costs": {}}
    dossier = {"report": {"question": asked, "subject": {"roles": {}}}}
    monkeypatch.setattr(Model, "dossier", property(lambda self: dossier))
    page = runbook.to_runbook(model)["RUNBOOK.md"].decode()
    assert "Owner of the decision: Depot North" in page and "What is decided: EMPTY" in page
    assert "## What it must not be used for\n\npay" in page


def test_from_the_command_line(model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path, out = model.save(tmp_path / "late.assay"), tmp_path / "out"
    assert run(["export", "runbook", str(path), "-o", str(out), "--quiet"]) == 0
    assert run(["export", "oci", str(path), "-o", str(out)]) == 2
    assert "holds files already" in capsys.readouterr().err and not (out / "index.json").exists()
    assert run(["export", "oci", str(path), "-o", str(out), "--force", "--quiet"]) == 0
    assert (out / "index.json").is_file() and (out / "RUNBOOK.md").is_file()
    assert run(["export", "dokcer", str(path), "-o", str(tmp_path / "x")]) == 2
    assert "did you mean docker?" in capsys.readouterr().err
    assert run(["export", "docker", str(path), "--dialect", "duckdb"]) == 2
    assert "--dialect belongs to the format sql" in capsys.readouterr().err
    assert run(["export", "docker", str(path), "-o", str(tmp_path / "no" / "x")]) == 2
    assert "there is no folder" in capsys.readouterr().err and not list(tmp_path.glob(".*"))
