"""A whole ``assay serve --log --durable`` process under kill -9: every 200 of /label, /log and /predict must be kept.

    python benchmarks/serving/service_kills.py --kills 20

Four clients send predictions, labels and predictions made elsewhere; the process is killed after a random time and
started again on the same folders. At the end SQLite's integrity check, every receipt and every answered prediction (by
its request id) are looked up in the log, and the chain of the audit log is checked.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import random
import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path

from process import Running, running, small_model

from assay.log import read_log
from assay.serve.audit_log import in_order, verify


def ask(server: Running, rng: random.Random, kept: dict[str, int]) -> None:
    """Send until the process is gone, noting what was acknowledged."""
    with (
        contextlib.suppress(OSError, http.client.HTTPException),
        contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)) as connection,
    ):
        while True:
            value = rng.getrandbits(48)
            what = rng.choice(("predict", "label", "log"))
            body = {
                "predict": {"rows": [server.row]},
                "label": {"id": f"r{value}", "row": 0, "label": value},
                "log": {"rows": [server.row], "predictions": [{"prediction": "yes"}], "id": f"e{value}"},
            }[what]
            headers = {"authorization": f"Bearer {server.key}", "x-request-id": f"p{value}"}
            connection.request("POST", f"/{what}", json.dumps(body), headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                kept[{"predict": "p", "label": "r", "log": "e"}[what] + str(value)] = value


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    rng = random.Random(chosen.seed)
    kept: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        small_model(folder / "late.assay")
        for _ in range(chosen.kills):
            flags = ("--log", str(folder / "log"), "--durable", "--audit", str(folder / "audit"))
            with running(*flags, model=folder / "late.assay") as server:
                clients = [
                    threading.Thread(target=ask, args=(server, random.Random(rng.random()), kept)) for _ in range(4)
                ]
                for client in clients:
                    client.start()
                time.sleep(rng.uniform(0.05, 1.0))
                server.process.kill()
                server.process.wait()
                for client in clients:
                    client.join()
        wrong = []
        for path in (folder / "log").glob("*.db"):
            with contextlib.closing(sqlite3.connect(path)) as db:
                if db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                    wrong.append(f"{path.name} is damaged")
        log = read_log(folder / "log")
        there = {id for part in log.parts() for id in part.request_id} | {t.request_id for t in log.truths()}
        wrong += [f"{id} was acknowledged and is lost" for id in kept if id not in there]
        lines = sum(verify(files).lines for files in in_order(folder / "audit"))
    said = f"{chosen.kills} kills, {len(kept):,} acknowledged, {len(wrong)} lost or damaged"
    print(f"{said}; {lines:,} lines of the audit log are whole")
    for line in wrong[:20]:
        print("  " + line)
    return 1 if wrong or not kept else 0


if __name__ == "__main__":
    sys.exit(main())
