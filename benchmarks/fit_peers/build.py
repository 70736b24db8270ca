"""An environment a peer, from ``requirements/PEER.txt``, under the scratch folder: ``prepare`` calls it.

assay gets one too, from what pyproject.toml asks for, to be weighed; it runs from the checkout. ``xgboost-cpu`` stands
in for ``xgboost`` (the same library without 800 MB of GPU code), so packages that ask for the latter by name are
installed without their own list and their needs stand in the file instead.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
BARE = {"mljar": "mljar-supervised==1.3.2"}  # it names the wheel with GPU code
READER = "pyarrow"  # reads our Parquet files; weighed only where the peer itself brings it


def build(peer: str, folder: Path) -> Path:
    """The environment's Python; made where it is missing. ``.mb`` holds its size, without our reader and pip."""
    home = folder / "env" / peer
    python = home / "bin" / "python"
    if (home / ".ok").exists():
        return python
    print(f"installing {peer} ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    pip = [str(python), "-m", "pip", "install", "-q"]
    empty = size_mb(home)
    subprocess.run([*pip, *wanted(peer)], check=True)
    if peer in BARE:
        subprocess.run([*pip, "--no-deps", BARE[peer]], check=True)
    own = size_mb(Path("src/assay")) if peer == "assay" else 0.0
    (home / ".mb").write_text(f"{size_mb(home) - empty + own:.0f}", "utf-8")
    subprocess.run([*pip, READER], check=True)
    frozen = subprocess.run([str(python), "-m", "pip", "freeze"], check=True, capture_output=True, text=True)
    (home / ".freeze").write_text(frozen.stdout, "utf-8")
    (home / ".ok").touch()
    return python


def wanted(peer: str) -> list[str]:
    """What pip is asked for."""
    if peer == "assay":
        return tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    return ["-r", str(HERE / "requirements" / f"{peer}.txt")]


def size_mb(folder: Path) -> float:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and not f.is_symlink()) / 1e6
