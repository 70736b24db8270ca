"""What every adapter shares: it runs in a peer's own environment, reads tables, prints findings and costs as JSON.

Usage: python ADAPTER TRAIN.parquet TEST.parquet ROLES.json, where TEST may be "-". Needs pandas and pyarrow only.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

warnings.filterwarnings("ignore")


def main(run: Callable[..., list[tuple[str, str]]]) -> None:
    """``run(train, test, roles)`` returns (name of the check, text that names its columns) for every alert."""
    import pandas as pd

    train_path, test_path, roles_path = sys.argv[1:4]
    roles = json.loads(Path(roles_path).read_text("utf-8"))
    train = pd.read_parquet(train_path)
    test = None if test_path == "-" else pd.read_parquet(test_path)
    before = peak()
    start, cpu = time.perf_counter(), used()
    try:
        found, error = run(train, test, roles), None
    except Exception as problem:
        found, error = [], f"{type(problem).__name__}: {problem}"[:300]
    out = {
        "findings": [{"check": c, "text": t[:2000]} for c, t in found], "error": error,
        "wall": time.perf_counter() - start, "cpu_run": used() - cpu, "cpu": used(), "before_mb": before,
        "peak_mb": peak(),
    }  # fmt: skip
    print("\n@@" + json.dumps(out))


def used() -> float:
    own, children = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
