"""Writers that are killed at random points lose nothing that was acknowledged: ``benchmarks/registry_kills.py``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "registry_kills.py"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="writers are forked")


def killed(*said: str) -> dict[str, int]:
    done = subprocess.run([sys.executable, str(SCRIPT), *said], capture_output=True, text=True)
    assert done.stdout, done.stderr
    told: dict[str, int] = json.loads(done.stdout)
    assert done.returncode == (1 if told["lost"] or told["wrong"] else 0)
    return told


def test_a_few_kills_lose_nothing() -> None:
    told = killed("--kills", "6", "--stretch", "3", "--seed", "1")
    assert told["kills"] == 8 and told["acknowledged"] > 0
    assert told["lost"] == told["wrong"] == 0, told


@pytest.mark.slow
@pytest.mark.parametrize("where", ["folder", "postgres"])
def test_two_hundred_kills_lose_nothing(where: str, request: pytest.FixtureRequest) -> None:
    more = ["--registry", request.getfixturevalue("postgres")] if where == "postgres" else []
    told = killed("--kills", "200", *more)
    assert told["kills"] >= 200 and told["acknowledged"] > 200
    assert told["lost"] == told["wrong"] == 0, told
