"""How long a promotion takes until the new version answers, under load, and whether any request fails on the way.

    python benchmarks/serving/swap.py [one.assay other.assay] [--times 20]

Both files (without any: two small models made for it) become versions of one registry; the alias goes back and forth
between them while eight connections ask.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

from process import small_model

from assay.bundle.model import Model
from assay.registry import open_registry
from assay.serve.scoring import Served


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", type=Path, help="none, or two with the same columns")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--connections", type=int, default=8)
    asked = parser.parse_args()
    if len(asked.models) not in (0, 2):
        parser.error(f"two models are swapped; {len(asked.models)} was named")
    with tempfile.TemporaryDirectory() as folder, open_registry(Path(folder) / "registry") as registry:
        if not asked.models:
            asked.models = [Path(folder) / f"{family}.assay" for family in ("linear", "tree")]
            for path in asked.models:
                small_model(path, path.stem)
        for path in asked.models:
            registry.add(path.read_bytes(), "swap", by="benchmark")
        first, second = registry.versions("swap")
        registry.promote("swap", "champion", first.version, by="benchmark")
        command = [sys.executable, "-c", "from assay.cli import main; main()", "serve", "swap@champion", "--port", "0"]
        process = subprocess.Popen(
            [*command, "--registry", str(Path(folder) / "registry"), "--workers", str(asked.workers)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("page"):
                break
        port, token = int(re.search(r"127\.0\.0\.1:(\d+)", said)[1]), re.search(r"Bearer (\S+)'", said)[1]
        body = json.dumps([Served(Model.load(asked.models[0])).typical])
        seen: list[list[tuple[float, str]]] = [[] for _ in range(asked.connections)]
        failed: list[str] = []
        stop = threading.Event()

        def ask(k: int) -> None:
            wire = HTTPConnection("127.0.0.1", port, timeout=10)
            while not stop.is_set():
                try:
                    wire.request("POST", "/predict", body, {"authorization": f"Bearer {token}"})
                    response = wire.getresponse()
                    text = response.read()
                    if response.status != 200:
                        failed.append(text[:200].decode())
                    else:
                        seen[k].append((time.perf_counter(), json.loads(text)["model"]["digest"]))
                except OSError as error:
                    failed.append(repr(error))
                    wire = HTTPConnection("127.0.0.1", port, timeout=10)

        threads = [threading.Thread(target=ask, args=(k,)) for k in range(asked.connections)]
        for thread in threads:
            thread.start()
        moments = []
        time.sleep(1)
        for k in range(asked.times):
            at = time.perf_counter()
            if k % 2:
                registry.rollback("swap", "champion", by="benchmark")
            else:
                registry.promote("swap", "champion", second.version, by="benchmark")
            moments.append((at, first.digest if k % 2 else second.digest))
            time.sleep(1.5)
        stop.set()
        for thread in threads:
            thread.join()
        process.terminate()
        code = process.wait(30)
    answers = sorted(one for own in seen for one in own)
    delays: list[list[float]] = [[], []]
    for k, (at, digest) in enumerate(moments):
        end = moments[k + 1][0] if k + 1 < len(moments) else float("inf")
        old = [t for t, d in answers if at < t < end and d != digest]
        new = [t for t, d in answers if at < t < end and d == digest]
        delays[k % 2].append(max(max(old, default=at), min(new)) - at)  # until nothing old answers any more
    print(f"{len(answers):,} requests answered, {len(failed)} failed; exit code {code}")
    for name, times in zip(("promotion", "rollback"), delays, strict=True):
        ordered = sorted(times)
        print(f"{name}: median {ordered[len(ordered) // 2]:.3f} s, worst {ordered[-1]:.3f} s, {len(ordered)} times")
    for reason in failed[:5]:
        print("failed:", reason)


if __name__ == "__main__":
    main()
