"""The golden rows, replayed by programs in other languages: through the server, through C, and through onnxruntime."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from assay.bundle.archive import from_lines
from assay.bundle.exports import c, graph
from assay.bundle.layout import EXPECTED, ROWS
from assay.bundle.nodes import NULL_CODE

from .compiled import COMPILER
from .models import awkward, everything, late

CLIENTS = Path(__file__).parent / "clients"
TOLERANCE = 1e-6
QUIET = {**os.environ, "ORT_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1"}  # onnxruntime tells nobody anything


def needs(program: str):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {program}")


def run(*command, **more) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@contextmanager
def serving(model, folder):
    """Address and key of ``assay serve`` with the model."""
    place = folder / "model.assay"
    model.save(place)
    start = "import sys; from assay.cli import main; sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", start, "serve", str(place), "--port", "0"], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, cwd=folder, env=QUIET,
    )  # fmt: skip
    said = ""
    try:
        while "curl" not in said:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            said += line
        yield re.search(r"http://[\d.]+:\d+", said)[0], re.search(r"assay_\w{8}_[\w-]+", said)[0]
    finally:
        process.terminate()
        process.communicate(timeout=20)


def golden(model):
    """Golden rows as a client has them (true and false where the column says so), and what must come out."""
    flags = {i.column for i in model._schema.inputs if i.kind == "bool"}
    rows = [
        {k: bool(v) if k in flags and v is not None else v for k, v in row.items()}
        for row in from_lines(model._files[ROWS], ROWS)
    ]
    expected = from_lines(model._files[EXPECTED], EXPECTED)
    return rows, np.array([row[model._session.main] for row in expected], np.float64)


def far(got, want) -> float:
    got = np.array(got, np.float64)
    assert got.shape == want.shape
    return float((np.abs(got - want) / np.maximum(1.0, np.abs(want))).max())


def answers(model, text: str) -> list[list[float]]:
    told = json.loads(text)["predictions"]
    return [[one["probabilities"][k] for k in model.classes] for one in told]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    model = everything("binary")
    folder = tmp_path_factory.mktemp("served")
    rows, want = golden(model)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    with serving(model, folder) as (address, key):
        yield model, folder, address, key, want


@needs("javac")
def test_java_asks_predict_and_v2_with_nothing_but_the_jdk(served):
    model, folder, address, key, want = served
    run(
        "javac",
        "-Xlint:all",
        "-Werror",
        "-encoding",
        "UTF-8",
        "-d",
        folder,
        CLIENTS / "Predict.java",
        CLIENTS / "Infer.java",
    )
    small = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8"]
    said = run("java", *small, "-cp", folder, "Predict", address, key, folder / "rows.jsonl")
    assert far(answers(model, said), want) <= TOLERANCE
    kinds = {i.column: "BYTES" if i.is_text else "BOOL" if i.kind == "bool" else "FP64" for i in model._schema.inputs}
    lines = ["\t".join(f"{column}:{kind}" for column, kind in kinds.items())]
    for row in golden(model)[0]:
        cells = [row[column] for column in kinds]
        lines.append(
            "\t".join("\\N" if v is None else str(v).lower() if isinstance(v, bool) else str(v) for v in cells)
        )
    (folder / "rows.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    said = run(
        "java", *small, "-cp", folder, "Infer", address, key, "every-step.1", folder / "rows.tsv", "probabilities"
    )
    assert far([json.loads(line) for line in said.splitlines()], want) <= TOLERANCE


@pytest.mark.parametrize("parts", [1, 2])
def test_an_offer_of_http_2_does_not_cost_the_body(served, parts):
    """What the JDK's client and curl --http2 send first: "Upgrade: h2c" with the request."""
    import socket

    _, folder, address, key, _ = served
    body = b'{"rows":[' + b",".join((folder / "rows.jsonl").read_bytes().splitlines()) + b"]}"
    head = (
        "POST /predict HTTP/1.1\r\nHost: here\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        f"Content-Length: {len(body)}\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
        f"Upgrade: h2c\r\nAuthorization: Bearer {key}\r\n\r\n"
    ).encode()
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        for part in [head + body] if parts == 1 else [head, body]:
            line.sendall(part)
        assert line.recv(4000).startswith(b"HTTP/1.1 200")


@needs("ruby")
def test_ruby_asks_predict_with_its_standard_library(served):
    model, folder, address, key, want = served
    said = run("ruby", CLIENTS / "predict.rb", address, key, folder / "rows.jsonl")
    told = [json.loads(line) for line in said.splitlines()]
    assert far([[one["probabilities"][k] for k in model.classes] for one in told], want) <= TOLERANCE


@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
def test_the_example_in_c_says_what_python_says(tmp_path):
    model = late()
    for path, data in c.files(model).items():
        (tmp_path / path).write_bytes(data)
    run(COMPILER, "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I", tmp_path, CLIENTS / "late.c",
        tmp_path / "late.c", "-lm", "-o", tmp_path / "late")  # fmt: skip
    said = run(tmp_path / "late")
    row = {"carrier": "UA", "distance": 1400.0, "sched_dep_time": 1725.0, "time_hour": None}
    want = model.predict_proba([row])[0]
    assert re.search(r"no +([\d.]+)", said)[1] == f"{want[0]:.6f}" and f"predicted: {model.predict([row])[0]}" in said


@pytest.mark.slow
@needs("g++")
def test_the_example_in_cpp_says_what_python_says(tmp_path):
    model = late()
    for path, data in c.files(model).items():
        (tmp_path / path).write_bytes(data)
    run("g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-I", tmp_path, CLIENTS / "late.cpp", tmp_path / "late.c",
        "-o", tmp_path / "late")  # fmt: skip
    told = [line.rsplit(" ", 1)[1] for line in run(tmp_path / "late").splitlines()]
    rows = [
        {"carrier": name, "distance": 1400.0, "sched_dep_time": 1725.0, "time_hour": None}
        for name in ("UA", "B6", "an airline that nobody knows")
    ]
    assert far([float(v) for v in told], model.predict_proba(rows)[:, 1]) <= 1e-5  # six digits are printed


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory):
    """A folder with the pinned packages: that of the checkout, else installed here."""
    if (CLIENTS / "node_modules" / "onnxruntime-web").is_dir():
        return CLIENTS
    folder = tmp_path_factory.mktemp("node")
    shutil.copy(CLIENTS / "package.json", folder)
    quiet = QUIET | {"ONNXRUNTIME_NODE_INSTALL": "skip"}  # its own script would fetch code for GPUs
    done = subprocess.run(
        ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"], cwd=folder, env=quiet, capture_output=True,
        text=True, check=False, timeout=500,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"the npm packages cannot be installed here: {done.stderr[-200:]}")
    return folder


@pytest.mark.slow
@needs("npm")
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("runtime", ["onnxruntime-node", "onnxruntime-web"])
def test_node_and_webassembly_run_the_graph_itself(node_modules, tmp_path, runtime, task):
    model = everything(task)
    (tmp_path / "model.onnx").write_bytes(graph.to_onnx(model))
    shutil.copy(CLIENTS / "predict.mjs", tmp_path)
    (tmp_path / "node_modules").symlink_to(node_modules / "node_modules")
    feed = awkward(model, 1500, seed=8)
    rows, want = golden(model)
    finite = {k: np.where(np.isinf(v), 0.0, v) if v.dtype != object else v for k, v in feed.items()}
    more = [
        {i.column: None if (v := finite[i.input][k, 0]) == NULL_CODE or v != v else v for i in model._schema.inputs}
        for k in range(1500)
    ]
    text = "".join(json.dumps(row) + "\n" for row in [*rows, *more])
    (tmp_path / "rows.jsonl").write_text(text, "utf-8")
    said = run("node", "predict.mjs", "model.onnx", "rows.jsonl", runtime, cwd=tmp_path, env=QUIET)
    told = [json.loads(line)[model._session.main] for line in said.splitlines()]
    want = np.concatenate([want, model._session.run(finite).astype(np.float64)])
    assert far(told, want) <= TOLERANCE
