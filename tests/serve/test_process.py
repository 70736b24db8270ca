"""``assay serve`` as a process: asked over a socket, promoted under load, told to stop; and when it will not start."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from assay.cli.app import run
from assay.registry import open_registry


@contextmanager
def serving(folder, *arguments):
    start = "import sys; from assay.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", start, "serve", "--port", "0", *map(str, arguments)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    said = []
    try:
        while not said or not said[-1].startswith("page"):
            line = process.stdout.readline()
            if not line:
                raise AssertionError(process.stderr.read())
            said.append(line)
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)", said[0])[1])
        token = re.search(r"assay_\w{8}_[\w-]+", "".join(said))[0]
        yield process, port, token
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ask(port, token, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
    response = connection.getresponse()
    said = response.status, response.read()
    connection.close()
    return said


def test_a_model_is_promoted_under_load_rolled_back_and_drained(late, later, row, tmp_path):
    with open_registry(tmp_path / "registry") as registry:
        for model in (late, later):
            registry.add(model.to_bytes(), "late", by="tests")
        first, second = registry.versions("late")
        registry.promote("late", "champion", first.version, by="tests")
        place, log = tmp_path / "registry", tmp_path / "log"
        with serving(tmp_path, "late@champion", "--registry", place, "--log", log) as (process, port, token):
            answers, stop = [], threading.Event()

            def load():
                while not stop.is_set():
                    status, said = ask(port, token, "/predict", [row])
                    digest = json.loads(said)["model"]["digest"] if status == 200 else said
                    answers.append((time.monotonic(), status, digest))

            thread = threading.Thread(target=load)
            thread.start()
            times = []
            for change in (
                lambda: registry.promote("late", "champion", second.version, by="tests"),
                lambda: registry.rollback("late", "champion", by="tests"),
            ):
                time.sleep(0.3)
                before = answers[-1][2]
                times.append((time.monotonic(), before))
                change()
                until = time.monotonic() + 10
                while answers[-1][2] == before and time.monotonic() < until:
                    time.sleep(0.01)
            stop.set()
            thread.join()
            assert {status for _, status, _ in answers} == {200}
            assert {digest for *_, digest in answers} == {late.digest, later.digest}
            assert answers[-1][2] == late.digest
            assert ask(port, "", "/healthz")[0] == 200 and ask(port, "", "/predict", [row])[0] == 401
            assert ask(port, token, "/label", {"id": "x", "label": "yes"})[0] == 200
            metrics = ask(port, token, "/metrics")[1].decode()
            assert "assay_swaps_total 2.0" in metrics
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0
            events = [json.loads(line)["event"] for line in process.stderr.read().splitlines()]
            assert events == ["swapped", "swapped", "stopped"]
        import sqlite3

        with sqlite3.connect(log / "0.db") as file:
            tables = [name for (name,) in file.execute("select name from sqlite_master where type = 'table'")]
        assert tables


def test_open_requests_are_finished_before_the_end(late, row, tmp_path):
    (tmp_path / "models").mkdir()
    late.save(tmp_path / "models" / "late.assay")
    with serving(tmp_path, tmp_path / "models", "--model-name", "mine") as (process, port, token):
        assert ask(port, token, "/v2/models/mine/ready")[0] == 200
        body = json.dumps([row]).encode()
        head = (
            f"POST /predict HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", port)) as wire:
            wire.sendall(head.encode() + body[:10])
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            wire.sendall(body[10:])
            assert wire.recv(65536).startswith(b"HTTP/1.1 200")
        assert process.wait(15) == 0


def test_what_strangers_send_does_not_fill_the_log(late, tmp_path):
    late.save(tmp_path / "late.assay")
    upgrade = b"GET /healthz HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
    with serving(tmp_path, "late.assay") as (process, port, _):
        for sent in (b"\x16\x03\x01\x02\r\n\r\n", upgrade, b"JUMP / HTTP/1.1\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
                wire.sendall(sent)
                assert wire.recv(65536).startswith(b"HTTP/1.1 ")
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert [json.loads(line)["event"] for line in process.stderr.read().splitlines()] == ["stopped"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--host", "0.0.0.0"], "make a key"),
        (["--canary", "5%"], "--shadow"),
        (["--canary", "500%", "--shadow", "x"], "must be a share"),
        (["--fallback", "naiv"], "did you mean naive"),
        (["--unknown", "drop"], "ignore or refuse"),
        (["--max-body", "much"], "must be a size"),
        (["--workers", "0"], "between 1 and 256"),
        (["--log-hashed", "amount"], "give --log FOLDER"),
        (["--fallback", "previous"], "needs name@alias"),
        (["--max-rows", "0"], "--max-rows must be a number from 1 up"),
        (["--max-connections", "0"], "--max-connections must be"),
        (["--read-timeout", "nan"], "--read-timeout must be"),
        (["--drain", "-1"], "--drain must be"),
        (["--drain", "nan"], "got nan"),
        (["--log", "log", "--log-days", "-3"], "--log-days must be"),
        (["--log", "log", "--log-mb", "inf"], "--log-mb must be"),
        (["--model-name", "a/b"], "stands in addresses"),
        (["--port", "70000"], "between 0 and 65535"),
        (["--jwks", "x"], "--issuer and --audience"),
        (["--tls-cert", "x"], "both --tls-cert and --tls-key"),
        (["--keys", "missing.json"], "missing.json"),
        (["--require-signature", "missing.pem"], "cannot be read"),
        (["--log", "late.assay"], "cannot be written"),
        (["--log", "late.assay", "--workers", "2"], "cannot be written"),
    ],
)
def test_it_refuses_to_start_with_a_sentence(late, tmp_path, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    late.save("late.assay")
    assert run(["serve", "late.assay", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and says in error and error.count("\n") == 1


def test_it_refuses_what_it_may_not_serve(late, tmp_path, monkeypatch, capsys):
    from assay.bundle.signing import new_key, sign

    monkeypatch.chdir(tmp_path)
    late.save("late.assay")
    private, public = new_key()
    (tmp_path / "public.pem").write_bytes(public)
    (tmp_path / "other.pem").write_bytes(new_key()[1])
    (tmp_path / "empty").mkdir()
    damaged = bytearray(late.to_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged.assay").write_bytes(damaged)
    (tmp_path / "signed.assay").write_bytes(sign(late.to_bytes(), private))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, says in (
            (["late.assay", "--port", port], "is in use"),
            (["damaged.assay"], "error: "),
            (["absent.assay"], "cannot be read"),
            (["empty"], "no .assay file"),
            (["late@champion"], "registry"),
            (["late.assay", "--require-signature", "public.pem"], "not signed"),
            (["signed.assay", "--require-signature", "other.pem"], "error: "),
            (["signed.assay", "--require-signature", "public.pem", "--port", port], "is in use"),
        ):
            assert run(["serve", *arguments]) == 2, arguments
            error = capsys.readouterr().err
            assert says in error and "Traceback" not in error, error


def test_workers_share_the_port_and_one_that_dies_is_replaced(late, row, tmp_path):
    late.save(tmp_path / "late.assay")
    with serving(tmp_path, "late.assay", "--workers", 2) as (process, port, token):

        def children():
            with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:  # noqa: PTH123
                return set(map(int, file.read().split()))

        before = children()
        assert len(before) == 2 and ask(port, token, "/predict", [row])[0] == 200
        os.kill(min(before), signal.SIGKILL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            metrics = ask(port, token, "/metrics")[1].decode()
            if len(children() - before) == 1 and metrics.count("assay_worker_start_time_seconds{") == 2:
                break
            time.sleep(0.05)
        assert len(children()) == 2 and children() != before
        assert "assay_rows_total 1.0" in metrics
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert '"event":"worker-died"' in process.stderr.read()
