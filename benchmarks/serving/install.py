"""What serving takes on a disk: MB and packages of the environment that `assay export docker` installs.

    python benchmarks/serving/install.py MODEL.assay

Makes the environment as the exported Dockerfile does (pinned list and wheel, --no-deps, no pip inside), then the one
that pip itself would make of the same eleven names, and prints both, with start times of `assay --version` and of
`assay verify` in the first. Needs pip's usual index.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from assay.bundle.exports.docker import to_docker
from assay.bundle.exports.serving import PINNED
from assay.bundle.model import Model

NAMES = ["numpy", "onnxruntime", "typer", "rich", "uvicorn", "uvloop", "httptools", "orjson", "msgspec", "cryptography",
         "prometheus-client"]  # fmt: skip


def install(home: Path, *what: str) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "-q"]
    subprocess.run([*pip, *what], check=True, stderr=subprocess.DEVNULL)


def packages(home: Path) -> list[str]:
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "list", "--format=freeze"]
    listed = subprocess.run(pip, check=True, capture_output=True, text=True).stdout
    return [line for line in listed.splitlines() if not line.startswith("assay")]


def megabytes(home: Path) -> float:
    """What lies in the folder, compiled files included, links not followed."""
    return sum(p.lstat().st_size for p in home.rglob("*") if not p.is_symlink()) / 1e6


def seconds(*words: str) -> float:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return sorted(times)[2]


def main(model: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for path, data in to_docker(Model.load(model)).items():
            (place / path).write_bytes(data)
        wheel = next(place.glob("*.whl"))
        closed, usual = place / "closed", place / "usual"
        install(closed, "--no-deps", "-r", str(place / "requirements.txt"), str(wheel))
        install(usual, *(f"{n}=={PINNED[n.replace('prometheus-client', 'prometheus_client')]}" for n in NAMES))
        subprocess.run([sys.executable, "-m", "pip", "--python", str(usual / "bin" / "python"), "install", "-q",
                        "--no-deps", str(wheel)], check=True, stderr=subprocess.DEVNULL)  # fmt: skip
        print("| environment | MB | packages besides assay |\n|---|---|---|")
        for name, home in (
            ("closed list, --no-deps (assay export docker)", closed),
            ("the eleven names by pip", usual),
        ):
            print(f"| {name} | {megabytes(home):.0f} | {len(packages(home))} |")
        assay = str(closed / "bin" / "assay")
        print(f"\nassay --version {seconds(assay, '--version'):.2f} s, "
              f"assay verify {seconds(assay, 'verify', str(place / 'model.assay')):.2f} s (medians of 5)")  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1])
