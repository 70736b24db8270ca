"""Environments of their own for third-party programs that read what assay writes; made once, kept under .venv-peers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLACE = Path(__file__).parents[1] / ".venv-peers"


def environment(name: str, *packages: str, pip: tuple[str, ...] = (), keep: bool = True) -> Path:
    """The folder of the programs (``bin``) of an environment that holds ``packages``; the test is skipped where they
    cannot be installed."""
    home = PLACE / name
    done = home / ".ready"
    wanted = "\n".join((*pip, *packages))
    if keep and done.is_file() and done.read_text("utf-8") == wanted:
        return home / "bin"
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    install = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "-q", *pip, *packages]
    made = subprocess.run(install, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"{' '.join(packages)} cannot be installed here: {made.stderr.strip().splitlines()[-1][:200]}")
    done.write_text(wanted, "utf-8")
    return home / "bin"


def program(name: str) -> str:
    """The path of a program of this machine; the test is skipped where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed on this machine")
    return found
