"""A real ``assay serve`` process: other people's clients, and kill -9. Slow: processes, environments, minutes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
FOLDER = Path(__file__).parents[2] / "benchmarks" / "serving"
NO_INDEX = ("No matching distribution found", "Could not find a version")


def run(script: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, str(FOLDER / script), *arguments], capture_output=True, text=True)
    if any(words in done.stderr for words in NO_INDEX):
        pytest.skip("the environment of this client cannot be made here: pip's index does not have it")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def test_tritonclient():
    assert "30 of 30 checks pass" in run("clients.py", "--only", "triton")


def test_tritonclient_over_grpc():
    assert "38 of 38 checks pass" in run("clients.py", "--only", "triton-grpc")


def test_the_grpc_client_of_kserve():
    assert "12 of 12 checks pass" in run("clients.py", "--only", "kserve-grpc")


def test_the_client_of_kserve():
    assert "11 of 11 checks pass" in run("clients.py", "--only", "kserve")


def test_schemathesis_in_two_thousand_cases():
    assert ", 0 failures" in run("clients.py", "--only", "schemathesis", "--cases", "2000")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_service_that_is_killed_keeps_what_it_acknowledged():
    assert ", 0 lost or damaged;" in run("service_kills.py", "--kills", "20")
