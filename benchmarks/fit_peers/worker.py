"""One fit in the environment of its system: ``python worker.py job.json``. Writes predictions.npz and said.json.

Systems that stop by the wall clock are given the CPU clock (user + system, children included) in its place, before
they are imported: then an hour of waiting for a core costs them nothing, and their limit is in the seconds that every
other system is limited in.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

WALL, MONOTONIC = time.perf_counter, time.monotonic
CALLS, CALL_S = 200, 4.0


def cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def clock_by_cpu() -> None:
    """``time.time`` and its kin tell CPU seconds from here on."""
    starts = {name: getattr(time, name)() for name in ("time", "monotonic", "perf_counter")}
    for name, start in starts.items():
        setattr(time, name, lambda start=start: start + cpu())


def p50(call: object, rows: list) -> dict[str, float]:
    """Median wall and CPU milliseconds of a call on one row."""
    walls, cpus = [], []
    call(rows[0])  # type: ignore[operator]
    begin = cpu()
    for k in range(CALLS):
        w, c = WALL(), time.process_time()
        call(rows[k % len(rows)])  # type: ignore[operator]
        walls.append(WALL() - w)
        cpus.append(time.process_time() - c)
        if cpu() - begin > CALL_S:
            break
    middle = len(walls) // 2
    return {"wall_ms": sorted(walls)[middle] * 1e3, "cpu_ms": sorted(cpus)[middle] * 1e3}


def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    folder = Path(asked["folder"])
    sys.path.insert(0, str(Path(__file__).parent))
    import warnings

    import numpy as np
    import pandas as pd
    import systems

    warnings.simplefilter("ignore")
    frame = pd.read_parquet(asked["frame"])
    split = np.load(asked["split"])
    train, test = frame.iloc[split["train"]].reset_index(drop=True), frame.iloc[split["test"]].reset_index(drop=True)
    beside = [c for c in ("split_order", "split_group") if c in frame]
    plain = test.drop(columns=[asked["target"], *beside])
    if asked["system"] in systems.CLOCKED:
        clock_by_cpu()
    job = systems.Job(
        asked["kind"], asked["target"], train.drop(columns=[asked["target"], *beside]), train[asked["target"]],
        train.get("split_order"), train.get("split_group"), asked["seed"], asked["budget"], folder,
    )  # fmt: skip
    systems.imported(asked["system"])
    start = cpu()
    (folder / "started").write_text(str(start), "utf-8")
    fitted = systems.SYSTEMS[asked["system"]](job)
    fit_cpu = cpu() - start
    (folder / "fitted").touch()
    mb = fitted.mb()
    began = cpu()
    said = np.asarray(fitted.predict(plain), dtype=float)
    predict_cpu = cpu() - began
    np.savez(folder / "predictions.npz", said=said, classes=np.array(fitted.classes, dtype=str))
    rows = [plain.iloc[[k]] for k in range(min(50, len(plain)))]
    out = {
        "cpu": fit_cpu, "import_cpu": start, "predict_cpu": predict_cpu, "mb": mb, "won": fitted.won[:300],
        "row": p50(fitted.predict, rows), "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip
    if "graph" in fitted.extra:
        out["graph"] = p50(lambda _: fitted.extra["graph"](), rows)
    (folder / "said.json").write_text(json.dumps(out), "utf-8")
    os._exit(0)  # libraries that wait for their threads at the end have nothing left to say


if __name__ == "__main__":
    main()
