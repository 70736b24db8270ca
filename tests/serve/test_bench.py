"""``assay bench``: what is offered arrives, answers are timed from when a request was due, errors are told."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager

import pytest

from assay.cli.app import run
from assay.core.errors import InputError, SettingsError
from assay.serve.bench import Load, Target, request_of, saturated


@contextmanager
def answering(status: bytes = b"200 OK", wait: float = 0.0):
    """A server of one thread a connection that answers everything alike."""
    listening = socket.create_server(("127.0.0.1", 0))
    seen: list[bytes] = []

    def one(wire):
        with wire:
            while data := wire.recv(65536):
                seen.append(data)
                time.sleep(wait)
                wire.sendall(b"HTTP/1.1 " + status + b"\r\ncontent-length: 2\r\n\r\n{}")

    def accept():
        while True:
            try:
                wire, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(wire,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listening.getsockname()[1], seen
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def target(port: int, **load: float) -> Target:
    return Target("127.0.0.1", port, request_of("/predict", "x", "KEY", b"{}"), Load(**load))


def test_what_is_offered_arrives_and_is_counted():
    with answering() as (port, seen):
        step = target(port, seconds=0.4, connections=2).offer(100)
    assert len(seen) == 41 and seen[0].startswith(b"POST /predict HTTP/1.1") and b"Bearer KEY" in seen[0]
    assert step.failed == 0 and step.offered == 100 and 0 < step.p50_ms <= step.p99_ms and step.cpu_us is None


def test_a_stall_counts_from_when_a_request_was_due():
    with answering(wait=0.05) as (port, _):
        step = target(port, seconds=0.5, connections=1).offer(100)
    assert step.saturated and step.p99_ms > 250, "20 a second are answered, 100 are due: the last waits long"


def test_the_search_ends_between_what_was_kept_up_with_and_what_was_not():
    class Steps(Target):
        def offer(self, rate):
            from assay.serve.bench import Step

            return Step(rate, min(rate, 700), 0, 1, 1, None, rate > 700)

    steps = saturated(Steps("x", 1, b"", Load()), lambda said: None)
    assert [s.saturated for s in steps] == sorted(s.saturated for s in steps)
    assert max(s.offered for s in steps if not s.saturated) > 550


def test_errors_are_told(capsys, tmp_path):
    with answering(b"401 Unauthorized") as (port, _), pytest.raises(InputError, match="401"):
        target(port).offer(10)
    with pytest.raises(InputError, match="nothing answers"):
        target(port).offer(10)
    with pytest.raises(SettingsError):
        Load(seconds=0)
    for arguments in (["http://127.0.0.1:1"], ["https://x"], [str(tmp_path / "absent.assay")]):
        assert run(["bench", *arguments]) == 2
        assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize(
    "load", [{"seconds": float("inf")}, {"seconds": float("nan")}, {"connections": 10**6}, {"rows": 10**9}]
)
def test_what_no_bench_can_offer_is_refused(load):
    with pytest.raises(SettingsError, match="at most"):
        Load(**load)


@pytest.mark.parametrize("rps", [0.0, float("nan"), float("inf"), 1e30])
def test_a_rate_that_nobody_can_send_is_refused(rps):
    with pytest.raises(SettingsError, match="--rps must be above 0 and at most"):
        target(1).offer(rps)
