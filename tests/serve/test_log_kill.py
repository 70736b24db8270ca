"""Nothing acknowledged is lost at kill -9: a few kills by default, two hundred in make prove."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).parents[2] / "benchmarks" / "serving" / "log_kills.py"
forks = pytest.mark.skipif(sys.platform == "win32", reason="the children are forked and killed with SIGKILL")


def killed(n: int) -> str:
    done = subprocess.run(
        [sys.executable, str(KILLS), "--kills", str(n), "--seed", str(n)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@forks
def test_a_few_kills_lose_nothing():
    assert ", 0 lost or damaged;" in killed(6)


@forks
@pytest.mark.slow
def test_two_hundred_kills_lose_nothing():
    assert ", 0 lost or damaged;" in killed(200)
