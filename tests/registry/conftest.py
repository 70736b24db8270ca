"""Small .assay files, and a registry in every kind of place: a folder, and a real Postgres where one is installed."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.registry import Registry, open_registry

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from registry_kills import bundle

SCRIPT = Path(__file__).parents[2] / ".ci" / "postgres.sh"
_NUMBER = itertools.count()


@pytest.fixture(scope="session")
def files() -> list[bytes]:
    """Four valid files of one model, told apart by their lineage."""
    return [bundle(k) for k in range(4)]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a real server: ASSAY_TEST_POSTGRES, or one of our own for this session."""
    pytest.importorskip("psycopg")
    if said := os.environ.get("ASSAY_TEST_POSTGRES"):
        yield said
        return
    if os.name == "nt" or shutil.which("bash") is None:
        pytest.skip("a Postgres server is started by a shell script")
    folder = tempfile.mkdtemp(prefix="pg")  # short: a socket's path has at most 107 bytes
    made = subprocess.run(["bash", str(SCRIPT), "start", folder], capture_output=True, text=True)
    if made.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"no Postgres server: {made.stderr.strip()[-200:]}")
    try:
        yield made.stdout.strip()
    finally:
        subprocess.run(["bash", str(SCRIPT), "stop", folder], capture_output=True)


def fresh(address: str) -> str:
    """An address of the same server with an empty schema of its own."""
    import psycopg

    schema = f"t{os.getpid()}_{next(_NUMBER)}"
    with psycopg.connect(address, autocommit=True) as con:
        con.execute(f"CREATE SCHEMA {schema}")
    return f"{address}{'&' if '?' in address else '?'}options=-csearch_path%3D{schema}"


@pytest.fixture(params=["folder", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place for a registry, of each kind."""
    if request.param == "folder":
        return str(tmp_path / "registry")
    return fresh(request.getfixturevalue("postgres"))


@pytest.fixture
def registry(place: str) -> Iterator[Registry]:
    with open_registry(place) as opened:
        yield opened
