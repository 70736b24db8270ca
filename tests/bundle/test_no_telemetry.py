"""Nothing is told to anybody: the runtime keeps no id of this machine and no store of events to send."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from assay.bundle.model import Model

LOADS = "import sys; from assay.bundle.model import Model; Model.load(sys.argv[1])"


def left_behind(code: str, path: Path, home: Path) -> list[str]:
    """Files under the home of a process that loads a bundle; it must not look like a build, where all is quiet."""
    env = {k: v for k, v in os.environ.items() if k not in ("CI", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")}
    home.mkdir()
    subprocess.run([sys.executable, "-B", "-c", code, str(path)], check=True, env={**env, "HOME": str(home)})
    return [str(p.relative_to(home)) for p in home.rglob("*") if p.is_file()]


def test_loading_a_bundle_leaves_nothing_behind(model: Model, tmp_path: Path):
    assert left_behind(LOADS, model.save(tmp_path / "late.assay"), tmp_path / "home") == []


@pytest.mark.skipif(sys.platform != "linux", reason="where the runtime keeps its store is known for Linux")
def test_the_runtime_by_itself_would(tmp_path: Path):
    """Otherwise the test above says nothing."""
    if tuple(map(int, version("onnxruntime").split(".")[:2])) < (1, 29):
        pytest.skip("telemetry came with 1.29")
    assert any("onnxruntime" in p for p in left_behind("import onnxruntime", tmp_path, tmp_path / "home"))
