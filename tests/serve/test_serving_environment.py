"""A bundle is served, verified and registered where only the serving packages are installed (DESIGN, section 12)."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.bundle.conftest import Case
from tests.environments import environment

from assay.bundle.exports.docker import to_docker
from assay.bundle.exports.onnx_graph import golden_rows
from assay.bundle.exports.serving import PINNED
from assay.bundle.model import Model

pytestmark = pytest.mark.slow
MOST_MB, MOST_PACKAGES = 220, 20
NEVER = ("duckdb", "pyarrow", "scipy", "sklearn", "onnx", "lightgbm", "pandas", "jinja2")


@pytest.fixture(scope="module")
def model() -> Model:
    return Case("binary", "lightgbm").build()


@pytest.fixture(scope="module")
def place(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of `assay export docker`, and the environment that its Dockerfile makes."""
    folder = tmp_path_factory.mktemp("serving")
    for path, data in to_docker(model).items():
        (folder / path).write_bytes(data)
    wheel = next(folder.glob("*.whl"))
    made = environment("serving", str(wheel), pip=("--no-deps", "-r", str(folder / "requirements.txt")), keep=False)
    (folder / "env").symlink_to(made.parent)
    return folder


@pytest.fixture
def assay(place: Path, tmp_path: Path):
    def say(*words: str, code: int = 0) -> str:
        done = subprocess.run(
            [place / "env/bin/assay", *words], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return say


def test_it_is_small(place: Path):
    pip = [sys.executable, "-m", "pip", "--python", str(place / "env/bin/python"), "list", "--format=freeze"]
    listed = subprocess.run(pip, check=True, capture_output=True, text=True).stdout.split()
    others = {line.partition("==")[0].casefold().replace("-", "_") for line in listed} - {"assay"}
    assert others == {name.casefold().replace("-", "_") for name in PINNED} and len(others) <= MOST_PACKAGES
    home = (place / "env").resolve()
    size = sum(p.lstat().st_size for p in home.rglob("*") if not p.is_symlink())
    assert 100e6 < size <= MOST_MB * 1e6
    found = {p.name for p in home.glob("lib/python*/site-packages/*")}
    assert not found & set(NEVER)


def test_it_verifies_signs_registers_and_judges(place: Path, assay, tmp_path: Path):
    shutil.copy(place / "model.assay", tmp_path / "late.assay")
    assert "golden rows" in assay("verify", "late.assay")
    assay("sign", "--new-key", ".")
    assay("sign", "late.assay", "--key", "assay.key.pem")
    assert "signed by the key" in assay("verify", "late.assay", "--key", "assay.pub.pem")
    assay("registry", "add", "late.assay", "--name", "late")
    assay("registry", "promote", "late@0.1.0", "champion", "--reason", "test")
    assert "champion" in assay("registry", "list")
    assert "late@champion since" in assay("status", "late@champion", code=1)
    assert "assay serve" in assay("serve", "--help") and "keys" in assay("--help")
    (tmp_path / "rows.csv").write_text("amount\n1\n", "utf-8")
    assert "this needs the package" in assay("check", "rows.csv", code=2)
    assert "RUNBOOK.md" in assay("export", "runbook", "late.assay", "-o", "pages")
    assay("run", code=2)
    damaged = bytearray((tmp_path / "late.assay").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "bad.assay").write_bytes(bytes(damaged))
    assert "Traceback" not in assay("verify", "bad.assay", code=2)


@pytest.fixture
def service(place: Path, assay, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Address and key of a service of ``late@champion``, started as the container starts it."""
    assay("registry", "add", str(place / "model.assay"), "--name", "late")
    assay("registry", "promote", "late@0.1.0", "champion", "--reason", "test")
    key = re.search(r"assay_[A-Za-z0-9_-]+", assay("keys", "new", "caller", "--keys", "keys.json"))
    assert key is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [
        "serve",
        "late@champion",
        "--port",
        str(port),
        "--keys",
        "keys.json",
        "--usage",
        "usage.db",
        "--log",
        "log",
    ]
    with (tmp_path / "serve.log").open("w") as log:
        process = subprocess.Popen([place / "env/bin/assay", *words], cwd=tmp_path, stdout=log, stderr=log)
        try:
            wait(f"http://127.0.0.1:{port}/v2/health/ready", process, tmp_path / "serve.log")
            yield f"http://127.0.0.1:{port}", key[0]
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, (tmp_path / "serve.log").read_text("utf-8")


def wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        assert process.poll() is None, log.read_text("utf-8")
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                assert answer.status == 200
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise AssertionError(log.read_text("utf-8"))


def test_it_answers_as_the_model_predicts(model: Model, service: tuple[str, str], tmp_path: Path):
    url, key = service
    rows = golden_rows(model)
    for row in rows:  # JSON has true and false where golden rows hold 1 and 0
        row["member"] = None if row["member"] is None else bool(row["member"])
    body = json.dumps({"rows": rows}).encode()
    head = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/predict", body, head), timeout=10) as answer:
        told = json.load(answer)
    want = model.predict_proba(rows)[:, 1]
    assert [p["probabilities"]["yes"] for p in told["predictions"]] == pytest.approx(want.tolist(), abs=1e-6)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"{url}/predict", body), timeout=10)
    assert refused.value.code == 401
    refused.value.close()
    assert list((tmp_path / "log").iterdir())
