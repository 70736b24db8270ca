"""What every adapter shares: it runs in a peer's own environment, reads tables, prints findings and costs as JSON.

Usage: python ADAPTER JOBS.json. A job is {"whole", "reference", "current", "roles"}: paths of Parquet files (the last
two may be null) and the roles; one line "@@{...}" is printed a job. Needs pandas and pyarrow only.
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


class Job:
    """The tables of one run, read with pandas when they are asked for."""

    def __init__(self, said: dict) -> None:
        self.said, self.roles = said, said["roles"]
        self.named = [name for name in ("reference", "current") if said.get(name)]

    def path(self, name: str) -> str:
        return self.said[name]

    def whole(self):
        return self.read("whole")

    def pair(self):
        """Reference and current; the earlier and the later half of the table where there is no second one."""
        if len(self.named) == 2:
            return self.read("reference"), self.read("current")
        frame = self.whole()
        half = len(frame) // 2
        return frame.iloc[:half], frame.iloc[half:]

    def read(self, name: str):
        import pandas as pd

        return pd.read_parquet(self.said[name])


def main(run: Callable[..., list[tuple[str, str]]], who: int = resource.RUSAGE_SELF) -> None:
    """``run(job)`` returns (name of the check, text that names its columns and counts) for every alert.

    ``who`` is whose peak memory counts: this process, or the largest of its children where the tool is a command.
    """
    for said in json.loads(Path(sys.argv[1]).read_text("utf-8")):
        start = time.perf_counter()
        try:
            found, error = run(Job(said)), None
        except Exception as problem:
            found, error = [], f"{type(problem).__name__}: {problem}"[:300]
        out = {
            "findings": [{"check": c, "text": t[:2000]} for c, t in found], "error": error,
            "run_s": time.perf_counter() - start, "cpu": used(), "peak_mb": resource.getrusage(who).ru_maxrss / 1024,
        }  # fmt: skip
        print("\n@@" + json.dumps(out), flush=True)


def words(column) -> bool:
    """Whether a column holds words, under pandas 2 (object) and pandas 3 (str)."""
    return str(column.dtype).startswith(("object", "str", "category"))


def used() -> float:
    """CPU seconds of this process and its finished children since its start, imports included."""
    own, children = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
