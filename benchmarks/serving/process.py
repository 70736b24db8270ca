"""A real ``assay serve`` process with a small model, for what is measured against one."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


@dataclass
class Running:
    """Where it answers, a key with every scope, a good row, and the process; ``grpc`` is its port where it has one."""

    port: int
    key: str
    row: dict
    process: subprocess.Popen
    folder: Path
    grpc: int = 0

    def memory(self) -> float:
        """Resident MB of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1e3

    def cpu(self) -> float:
        """Seconds of CPU that the process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def small_model(path: Path, family: str = "lightgbm") -> None:
    """A classifier of two classes on eight columns of every kind, as the tests have it."""
    sys.path.insert(0, str(REPOSITORY))
    from tests.bundle.conftest import Case

    Case("binary", family).build().save(path)


@contextlib.contextmanager
def running(
    *flags: str, scopes: str = "predict,explain,metrics,label,log", model: Path | None = None
) -> Iterator[Running]:
    """Start ``assay serve`` on a free port of loopback and stop it afterwards."""
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        folder = Path(place)
        model = model or folder / "late.assay"
        if not model.exists():
            small_model(model)
        assay = [sys.executable, "-c", "import sys; from assay.cli.app import run; sys.exit(run())"]
        keys = folder / "keys.json"
        made = subprocess.run(
            [*assay, "keys", "new", "bench", "--scope", scopes, "--keys", str(keys), "-q"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        said = stack.enter_context((folder / "said.txt").open("w"))
        process = subprocess.Popen(
            [*assay, "serve", str(model), "--port", str(port), "--keys", str(keys), "--model-name", "late", *flags],
            stdout=said, stderr=said, env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        try:
            shown = None
            for _ in range(600):
                shown = re.search(r'\{"rows":\[(\{.*\})\]\}', (folder / "said.txt").read_text())
                if shown is not None:
                    break
                if process.poll() is not None:
                    raise RuntimeError((folder / "said.txt").read_text())
                time.sleep(0.05)
            row = json.loads(shown[1])
            other = re.search(r"^gRPC: .*:(\d+)$", (folder / "said.txt").read_text(), re.M)
            yield Running(port, made.stdout.strip(), row, process, folder, int(other[1]) if other else 0)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
