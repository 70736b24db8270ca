"""The prediction log under kill -9 at random points: what was acknowledged must be there, and no file may be damaged.

    python benchmarks/serving/log_kills.py --kills 200

A child process writes predictions (durable ones and plain ones), labels and predictions made elsewhere as fast as it
can, and tells its parent each receipt as it gets it. The parent kills it (SIGKILL) after a random time, opens what is
left and checks: SQLite's integrity check, every receipt is in the log, every row's values are those that were written,
and each sequence number that was given out is either there or in a gap. All kills hit the same folder, so the log is
also reopened after every one of them. Figures are printed; exit code 1 where anything was lost.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sqlite3
import struct
import sys
import tempfile
import time
from pathlib import Path

from assay.log import read_log
from assay.serve.limits import Limits
from assay.serve.log import PredictionLog
from assay.serve.log_routes import elsewhere

RECEIPT = struct.Struct("<cqq")  # what it is, its sequence number, the value that was written
ANSWER = {"prediction": "yes", "probabilities": {"no": 0.25, "yes": 0.75}, "set": ["yes"]}


def child(folder: Path, pipe: int, seed: int) -> None:
    """Write until killed."""
    rng = random.Random(seed)
    log = PredictionLog(folder, durable=True)
    value = 0
    while True:
        waiting = []
        for _ in range(rng.randint(1, 20)):
            value = rng.getrandbits(40)
            what = rng.choice("ddple")
            if what in "dp":
                number = log.put(f"r{value}", "bench", [{"value": value, "text": str(value)}], [ANSWER], time.time())
                if what == "d":
                    waiting.append((b"d", value, log.committed(number)))
            elif what == "l":
                item = {"request_id": "r", "row": 0, "label": value}
                waiting.append((b"l", value, log.label("bench", [item], time.time())))
            else:
                doc = {"rows": [{"value": value, "text": str(value)}], "predictions": [ANSWER], "id": f"e{value}"}
                waiting.append((b"e", value, elsewhere(log, doc, "bench", "r", time.time(), Limits())))
        for what, value, future in waiting:
            os.write(pipe, RECEIPT.pack(what, future.result(), value))


def one(folder: Path, seed: int, longest: float) -> list[tuple[bytes, int, int]]:
    """Start a child, kill it, and give its receipts."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        try:
            child(folder, theirs, seed)
        finally:
            os._exit(1)
    os.close(theirs)
    time.sleep(random.Random(seed).uniform(0.0, longest))
    os.kill(pid, signal.SIGKILL)
    data = b""
    while part := os.read(ours, 1 << 16):
        data += part
    os.close(ours)
    os.waitpid(pid, 0)
    whole = len(data) - len(data) % RECEIPT.size
    return list(RECEIPT.iter_unpack(data[:whole]))


def check(folder: Path, receipts: dict[int, tuple[bytes, int]]) -> list[str]:
    """What is wrong with the log, given every receipt so far."""
    wrong = []
    for path in folder.glob("*.db"):
        with contextlib.closing(sqlite3.connect(path)) as db:
            said = db.execute("PRAGMA integrity_check").fetchall()
        if said != [("ok",)]:
            wrong.append(f"{path.name} is damaged: {said[:3]}")
    log = read_log(folder)
    rows: dict[int, int] = {}
    for part in log.parts():
        values = part.asked["value"]
        values = values.tolist() if hasattr(values, "tolist") else values
        if [str(v) for v in values] != part.asked["text"]:
            wrong.append("a row came back as another")
        rows |= dict(zip(part.sequence.tolist(), values, strict=True))
    labels = {t.sequence: t.label for t in log.truths()}
    for number, (what, value) in receipts.items():
        kept = (labels if what == b"l" else rows).get(number)
        if kept != value:
            wrong.append(f"receipt {number} ({what.decode()}) is lost: {kept} was found for {value}")
    gaps = {n for g in log.gaps() for n in range(g.first, g.last + 1)}
    there = rows.keys() | labels.keys()
    last = max(there | gaps, default=0)
    if unknown := set(range(1, last + 1)) - there - gaps:
        wrong.append(f"{len(unknown)} numbers are neither there nor in a gap, such as {min(unknown)}")
    if both := there & gaps:
        wrong.append(f"{len(both)} numbers are there and in a gap, such as {min(both)}")
    return wrong


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--longest", type=float, default=0.25, help="seconds until a kill")
    chosen = options.parse_args()
    receipts: dict[int, tuple[bytes, int]] = {}
    wrong: list[str] = []
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "log"
        for k in range(chosen.kills):
            for what, number, value in one(folder, chosen.seed * 1_000_003 + k, chosen.longest):
                if number in receipts:
                    wrong.append(f"the number {number} was given out twice")
                receipts[number] = (what, value)
            if folder.exists() and list(folder.glob("*.db")) and (k % 20 == 19 or k == chosen.kills - 1):
                with contextlib.closing(PredictionLog(folder)):
                    pass  # opening writes down what the last kill lost
                wrong += check(folder, receipts)
        gaps = read_log(folder).gaps() if receipts else []
    durable, labels, others = (sum(w == k for w, _ in receipts.values()) for k in (b"d", b"l", b"e"))
    print(
        f"{chosen.kills} kills, {len(receipts):,} receipts ({durable:,} durable predictions, {labels:,} labels, "
        f"{others:,} predictions made elsewhere), {len(wrong)} lost or damaged; {sum(g.requests for g in gaps):,} "
        f"numbers that nobody had a receipt for are in {len(gaps)} gaps; {time.monotonic() - start:.0f} s"
    )
    for line in wrong[:20]:
        print("  " + line)
    return 1 if wrong or not receipts else 0


if __name__ == "__main__":
    sys.exit(main())
