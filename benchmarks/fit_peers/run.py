"""Every system on every task: one process a fit, one JSON line a run, what is there is skipped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from .build import build
from .scores import clusters, losses, score
from .splits import outer
from .tasks import GROUP, Task

HERE = Path(__file__).parent
OVER, SPARE_CPU, SPARE_WALL = 3.0, 60.0, 20.0  # times the budget; CPU s to import and to predict; wall s per CPU s
MOST_MB = 14_000
COMMIT = ["git", "rev-parse", "--short", "HEAD"]
ENVIRONMENT = {"autogluon-good": "autogluon"}
THREADS = {f"{k}_NUM_THREADS": "1" for k in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "LOKY_MAX_CPU")} | {
    "LOKY_MAX_CPU_COUNT": "1"
}
Doc = dict[str, Any]
Key = tuple[str, int, str, float]


def key_of(doc: Doc) -> Key:
    return doc["task"], doc["seed"], doc["system"], doc["budget"]


def known(scratch: Path) -> dict[Key, Doc]:
    path = scratch / "results.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return {key_of(doc): doc for doc in map(json.loads, lines)}


def prepare(scratch: Path, task: Task, seeds: list[int]) -> None:
    """The table as Parquet and its outer splits, outside the repository."""
    folder = scratch / "tasks" / task.name
    missing = [s for s in seeds if not (folder / f"{s}.npz").exists()]
    if not missing and (folder / "frame.parquet").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    frame = task.frame()
    frame.to_parquet(folder / "frame.parquet", index=False)
    for seed in missing:
        train, test = outer(task, frame, seed)
        np.savez(folder / f"{seed}.npz", train=train, test=test)


def python_of(system: str, scratch: Path) -> Path:
    return Path(sys.executable) if system == "assay" else build(ENVIRONMENT.get(system, system), scratch)


def run(scratch: Path, systems: list[str], tasks: list[Task], seeds: list[int], budget: float) -> None:
    """In this order: seed, system, task. A complete table of one seed comes before the next."""
    for seed in seeds:
        for system in systems:
            for task in tasks:
                if (task.name, seed, system, budget) not in known(scratch):
                    prepare(scratch, task, [seed])
                    doc = one(scratch, system, task, seed, budget)
                    with (scratch / "results.jsonl").open("a", encoding="utf-8") as file:
                        file.write(json.dumps(doc) + "\n")
                    said = doc.get("failure") or f"{doc['score']:.5g} ± {doc['se']:.2g}, {doc['cpu']:.1f} CPU s"
                    print(time.strftime("%H:%M:%S"), *key_of(doc), said, flush=True)


def one(scratch: Path, system: str, task: Task, seed: int, budget: float) -> Doc:
    """One fit: the line of the results, with the losses of the test rows kept beside them."""
    made = scratch / "tasks" / task.name
    python = python_of(system, scratch)
    head: Doc = {"task": task.name, "seed": seed, "system": system, "budget": budget, "kind": task.kind}
    head |= {"split": task.split, "when": time.strftime("%Y-%m-%dT%H:%M:%S")}
    split = np.load(made / f"{seed}.npz")
    head |= {"train": len(split["train"]), "test": len(split["test"])}
    folder = Path(tempfile.mkdtemp(prefix=f"{task.name}-{system}-", dir=scratch))
    asked = {"frame": str(made / "frame.parquet"), "split": str(made / f"{seed}.npz"), "target": task.target}
    asked |= {"kind": task.kind, "seed": seed, "system": system, "budget": budget, "folder": str(folder)}
    (folder / "job.json").write_text(json.dumps(asked), "utf-8")
    try:
        why, used = process([str(python), str(HERE / "worker.py"), str(folder / "job.json")], folder, budget)
        head |= {"process_cpu": used, "versions": versions(system, scratch), "mb_installed": installed(system, scratch)}
        if why is not None or not (folder / "said.json").exists():
            started = float((folder / "started").read_text()) if (folder / "started").exists() else used
            return head | {"failure": why or last_words(folder), "cpu": used - started}
        import pandas as pd

        doc = head | json.loads((folder / "said.json").read_text("utf-8"))
        frame = pd.read_parquet(made / "frame.parquet", columns=None).iloc[split["test"]]
        with np.load(folder / "predictions.npz") as out:
            said, classes = out["said"], out["classes"]
        units = clusters(len(frame), frame.get(GROUP), task.split == "time")
        y = frame[task.target].to_numpy()
        loss = losses(task.kind, y, said, classes)
        kept = scratch / "losses"
        kept.mkdir(exist_ok=True)
        np.savez_compressed(kept / f"{task.name}.{seed}.{system}.{budget:g}.npz", loss=loss, units=units)
        return doc | score(task.kind, y, said, classes, units)
    except ValueError as error:
        return head | {"failure": f"predictions cannot be scored: {error}", "cpu": head.get("process_cpu", 0.0)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def process(words: list[str], folder: Path, budget: float) -> tuple[str | None, float]:
    """Run it; (why it was stopped or None, CPU s of it and all it started)."""
    env = {**os.environ, **THREADS, "PYTHONWARNINGS": "ignore", "DO_NOT_TRACK": "1", "CUDA_VISIBLE_DEVICES": ""}
    with (folder / "heard.txt").open("wb") as heard:
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=heard, stderr=heard, env=env, cwd=folder, start_new_session=True
        )
    begin, used, why = time.monotonic(), 0.0, None
    while child.poll() is None:
        time.sleep(0.5)
        seconds, mb = session(child.pid)
        used = max(used, seconds)
        started, done = folder / "started", (folder / "fitted").exists()
        start = float(started.read_text() or 0) if started.exists() else 0.0
        if not done and used - start > OVER * budget:
            why = f"stopped after {OVER:g} times the budget"
        elif used - start > OVER * budget + SPARE_CPU or time.monotonic() - begin > SPARE_WALL * budget:
            why = "stopped while it predicted" if done else "stopped: it waited for ever"
        elif mb > MOST_MB:
            why = f"stopped above {MOST_MB:,} MB"
        if why is not None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return why, used
    if child.returncode:
        return f"ended with {child.returncode}: {last_words(folder)}", used
    return None, used


def last_words(folder: Path) -> str:
    lines = (folder / "heard.txt").read_text("utf-8", "replace").strip().splitlines()
    return (lines or ["no output"])[-1][-300:]


def session(leader: int) -> tuple[float, float]:
    """CPU s (waited-for children included) and resident MB of all processes of the session."""
    ticks, pages = 0, 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader:
                ticks += sum(int(f) for f in fields[11:15])
                pages += int(fields[21])
    return ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def versions(system: str, scratch: Path) -> dict[str, str]:
    """What was asked for by name, at the version that was installed."""
    if system == "assay":
        from importlib.metadata import version

        return {p: version(p) for p in ("assay", "lightgbm", "scikit-learn", "onnxruntime", "numpy")} | {
            "commit": subprocess.run(COMMIT, capture_output=True, text=True).stdout.strip()
        }
    frozen = (scratch / "env" / ENVIRONMENT.get(system, system) / ".freeze").read_text("utf-8").splitlines()
    pins = {name.lower(): pin for name, _, pin in (line.partition("==") for line in frozen) if pin}
    wanted = ("autogluon.tabular", "flaml", "mljar-supervised", "lightgbm", "catboost", "xgboost-cpu", "interpret-core",
              "scikit-learn", "torch", "pandas")  # fmt: skip
    return {k: pins[k] for k in wanted if k in pins}


def installed(system: str, scratch: Path) -> float | None:
    path = scratch / "env" / ENVIRONMENT.get(system, system) / ".mb"
    return float(path.read_text()) if path.exists() else None
