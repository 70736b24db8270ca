"""An environment a peer, from ``requirements/PEER.txt`` (the pins that it needs to import at all), under out/peers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE, OUT = Path(__file__).parent, Path("out/peers")
OLD = "pyarrow==17.0.0"  # one that numpy 1.26 can load, to read our Parquet files
READER = {"whylogs": OLD, "deepchecks": OLD}


def build(peer: str) -> None:
    folder = OUT / peer
    if (folder / ".ok").exists():
        return
    print(f"installing {peer} ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", "-r", str(HERE / "requirements" / f"{peer}.txt")], check=True)
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and not f.is_symlink())
    (folder / ".mb").write_text(f"{size / 1e6:.0f}", "utf-8")
    subprocess.run([python, "-m", "pip", "install", "-q", READER.get(peer, "pyarrow")], check=True)
    (folder / ".ok").touch()


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(p.stem for p in (HERE / "requirements").glob("*.txt")):
        build(name)
