"""``assay serve --grpc-port`` as a process: started, shared by workers, drained; and when it will not start."""

from __future__ import annotations

import json
import re
import signal
import socket
import sys
import threading

import grpc
import pytest
from tests.serve.test_process import ask, serving

from assay.cli.app import run
from assay.core.errors import OutputError
from assay.serve.grpc.server import reserved
from assay.serve.setup import Setup, from_doc

from .conftest import INFER, METHODS, SERVICE, TYPES, typed


def of(process, tail):
    """The port of gRPC, which the service has said."""
    return int(re.search(r"gRPC: inference\.GRPCInferenceService at 127\.0\.0\.1:(\d+)", tail)[1])


@pytest.fixture
def started(late, tmp_path, monkeypatch):
    """Starts a service and gives what it said, too."""
    late.save(tmp_path / "late.assay")
    said = []
    plain = re.search

    def heard(pattern, text, *more):
        said.append(text)
        return plain(pattern, text, *more)

    monkeypatch.setattr("tests.serve.test_process.re.search", heard)

    def start(*flags):
        return serving(tmp_path, "late.assay", "--model-name", "late", "--grpc-port", "0", *flags), said

    return start


def call(channel, path, message=b"", key="", timeout=10):
    body = message if isinstance(message, bytes) else message.SerializeToString()
    metadata = [("authorization", f"Bearer {key}")] if key else None
    return METHODS[path][1].FromString(channel.unary_unary(path)(body, metadata=metadata, timeout=timeout))


def test_two_workers_share_the_port_and_what_is_open_ends_well(started, row):
    service, said = started("--workers", 2, "--log", "log")
    with service as (process, port, token):
        number = of(process, said[-1])
        own = [("grpc.use_local_subchannel_pool", 1)]
        for _ in range(6):  # each connection goes to one of the workers
            with grpc.insecure_channel(f"127.0.0.1:{number}", options=own) as channel:
                assert call(channel, SERVICE + "ServerReady").ready
                answer = call(channel, INFER, typed([row]), token)
        status, rest = ask(port, token, "/predict", [row])
        wanted = list(json.loads(rest)["predictions"][0]["probabilities"].values())
        assert status == 200 and list(answer.outputs[0].contents.fp32_contents) == pytest.approx(wanted, abs=1e-6)
        assert f'route="{INFER}"}} 6.0' in ask(port, token, "/metrics")[1].decode()
        with grpc.insecure_channel(f"127.0.0.1:{number}") as channel:
            parts, held = [typed([row]).SerializeToString()], threading.Event()

            def slowly():
                held.wait(10)
                yield from parts

            open_call = channel.stream_unary(INFER).future(
                slowly(), metadata=[("authorization", f"Bearer {token}")], timeout=15
            )
            call(channel, SERVICE + "ServerLive")
            process.send_signal(signal.SIGTERM)
            threading.Timer(0.5, held.set).start()
            assert TYPES["ModelInferResponse"].FromString(open_call.result()).outputs
        assert process.wait(20) == 0
        assert "Traceback" not in process.stderr.read()


def test_a_port_that_is_taken_is_said_so(late, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    late.save("late.assay")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        for workers in ("1", "2"):
            flags = ["--port", "0", "--grpc-port", str(number), "--workers", workers]
            assert run(["serve", "late.assay", *flags]) == 2
            error = capsys.readouterr().err
            assert f"port {number} of 127.0.0.1 is in use; choose another with --grpc-port" in error
            assert error.startswith("error: ") and error.count("\n") == 1
    with pytest.raises(OutputError, match="cannot be listened on"):
        reserved("203.0.113.7", 0)  # an address of documentation, which nobody has


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--grpc-port", "70000"], "--grpc-port must lie between 0 and 65535"),
        (["--grpc-port", "9000", "--port", "9000"], "must be two ports"),
        (["--grpc-port", "0", "--host", "0.0.0.0"], "make a key"),
    ],
)
def test_it_refuses_to_start_with_a_sentence(late, tmp_path, monkeypatch, capsys, flags, says):
    monkeypatch.chdir(tmp_path)
    late.save("late.assay")
    assert run(["serve", "late.assay", *flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and says in error and error.count("\n") == 1


@pytest.mark.parametrize(("module", "package"), [("grpc", "grpcio"), ("google.protobuf", "protobuf")])
def test_without_the_extra_one_sentence_names_it(late, tmp_path, monkeypatch, capsys, module, package):
    monkeypatch.chdir(tmp_path)
    late.save("late.assay")
    for name in [n for n in sys.modules if n == module or n.startswith(f"{module}.")]:
        monkeypatch.setitem(sys.modules, name, None)
    assert run(["serve", "late.assay", "--grpc-port", "0"]) == 2
    error = capsys.readouterr().err
    assert f"--grpc-port needs the package {package}, which is not installed: pip install 'assay[grpc]'" in error


def test_it_is_off_unless_told(late):
    assert Setup("late").grpc_port is None
    told = Setup("late", grpc_port=8081)
    assert from_doc(told.doc()) == told
