"""Auditors side by side: ``python benchmarks/audit_peers/run.py [--peers ...] [--parts ...] [--large]``.

Each peer runs in an environment of its own under out/peers (``build.py`` makes them), a process a run, on the same
Parquet files. A fault counts as found where the faulty run says something that the clean run of the same rows does
not, and names a planted column (any new alert where whole rows were planted): generous to peers, whose alerts are not
read for the right reason. assay has to name the fault by its own code. Results are kept in out/peers/results.jsonl,
so that a run can go on where it stopped; the tables of docs/benchmarks.md are printed from there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import tables

HERE, OUT = Path(__file__).parent, Path("out/peers")
PEERS = ("assay", "deepchecks", "cleanlab", "evidently", "ydata", "gx", "pandera", "whylogs")
SEEDS = 5
LIMIT = 900


def python_of(peer: str) -> str:
    return sys.executable if peer == "assay" else str(OUT / peer / "bin" / "python")


def version_of(peer: str) -> str:
    if peer == "assay":
        import assay

        return assay.__version__
    first = (HERE / "requirements" / f"{peer}.txt").read_text("utf-8").splitlines()[0]
    return first.partition("==")[2]


def call(peer: str, train: Path, test: Path | None, roles: Path) -> dict[str, Any]:
    """One run in a process of its own; CPU and memory are the whole process's, imports and reading included."""
    words = [python_of(peer), str(HERE / "adapters" / f"run_{peer}.py"), str(train), str(test or "-"), str(roles)]
    env = {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONWARNINGS": "ignore", "DO_NOT_TRACK": "1"}
    start = time.perf_counter()
    try:
        made = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT, env=env)
    except subprocess.TimeoutExpired:
        return {"findings": [], "error": f"stopped after {LIMIT} s", "wall": LIMIT, "cpu": None, "peak_mb": None}
    line = next((x for x in made.stdout.splitlines()[::-1] if x.startswith("@@")), None)
    if line is None:
        last = (made.stderr.strip().splitlines() or ["no output"])[-1]
        return {"findings": [], "error": last[:300], "wall": time.perf_counter() - start, "cpu": None, "peak_mb": None}
    return {**json.loads(line[2:]), "wall": time.perf_counter() - start}


class Results:
    """What was measured, one JSON line a run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        self.known = {tuple(doc["key"]): doc for doc in map(json.loads, lines)}

    def get(self, key: tuple[str, ...], train: Path, test: Path | None, roles: Path) -> dict[str, Any]:
        if key not in self.known:
            doc = {"key": list(key), **call(key[0], train, test, roles)}
            self.known[key] = doc
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(doc) + "\n")
            print(*key, doc.get("error") or f"{len(doc['findings'])} findings, {doc['wall']:.1f} s", file=sys.stderr)
        return self.known[key]


def found(peer: str, code: str, columns: tuple[str, ...], clean: dict[str, Any], faulty: dict[str, Any]) -> str:
    if faulty["error"]:
        return "error"
    if peer == "assay":
        return "found" if any(f["check"] == code for f in faulty["findings"]) else "missed"
    before = {(f["check"], c) for f in clean["findings"] for c in (*columns, "") if c in f["text"] + f["check"]}
    for f in faulty["findings"]:
        named = [c for c in columns if c in f["text"] + " " + f["check"]] if columns else [""]
        if any((f["check"], c) not in before for c in named):
            return "found"
    return "missed"


def faults(results: Results, peers: list[str], chosen: list[str]) -> None:
    cases = [tables.make(code, OUT / "faults") for code in chosen]
    rows = []
    for case in cases:
        said = []
        for peer in peers:
            roles = case.folder / "roles.json"
            made = [
                results.get((peer, "fault", case.code, part), case.folder / f"{part}.a.parquet",
                            case.folder / f"{part}.b.parquet", roles) for part in ("clean", "faulty")
            ]  # fmt: skip
            said.append(found(peer, case.code, case.columns, *made))
        rows.append((f"{case.code} {case.name}", said))
    print(f"\n| fault | {' | '.join(peers)} |\n|{'---|' * (len(peers) + 1)}")
    for name, said in rows:
        print(f"| {name} | {' | '.join({'found': 'yes', 'missed': '-', 'error': 'error'}[s] for s in said)} |")
    totals = [sum(r[1][i] == "found" for r in rows) for i in range(len(peers))]
    print(f"| **of {len(rows)}** | {' | '.join(map(str, totals))} |")


def clean(results: Results, peers: list[str]) -> None:
    import pyarrow.parquet as pq

    print(f"\n| findings a report, clean random halves | {' | '.join(peers)} |\n|{'---|' * (len(peers) + 1)}")
    for name, (table, target) in tables.clean_bases().items():
        said = []
        folder = OUT / "clean" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "roles.json").write_text(json.dumps({"target": target}), "utf-8")
        for seed in range(SEEDS):
            for part, rows in zip("ab", tables.halves(table, seed), strict=True):
                pq.write_table(rows, folder / f"{seed}.{part}.parquet")
        for peer in peers:
            made = [
                results.get((peer, "clean", name, str(seed)), folder / f"{seed}.a.parquet",
                            folder / f"{seed}.b.parquet", folder / "roles.json") for seed in range(SEEDS)
            ]  # fmt: skip
            counts = [len(m["findings"]) for m in made if not m["error"]]
            said.append(f"{statistics.mean(counts):.1f}" if counts else "error")
        print(f"| {name} {table.num_rows:,} x {table.num_columns} | {' | '.join(said)} |")


def sizes(results: Results, peers: list[str], large: bool) -> None:
    print("\n| wall s / CPU s / peak MB, alerts | " + " | ".join(peers) + f" |\n|{'---|' * (len(peers) + 1)}")
    OUT.mkdir(parents=True, exist_ok=True)
    roles = OUT / "flights.roles.json"
    roles.write_text(json.dumps({"target": "late", "order": "time_hour"}), "utf-8")
    for rows in (336_776, 5_000_000) if large else (336_776,):
        path = tables.resampled_flights(rows, OUT / f"flights-{rows}.parquet")
        said = []
        for peer in peers:
            m = results.get((peer, "size", str(rows)), path, None, roles)
            costs = f"{m['wall']:.0f} / {m['cpu']:.0f} / {m['peak_mb']:,.0f}" if m["cpu"] else "-"
            said.append(m["error"][:60] if m["error"] else f"{costs}, {len(m['findings'])}")
        print(f"| flights, {rows:,} rows | {' | '.join(said)} |")


def weight(peers: list[str]) -> None:
    print("\n| peer | version | packages | MB installed |\n|---|---|---|---|")
    for peer in peers:
        listed = subprocess.run(
            [python_of(peer), "-m", "pip", "list", "--format", "json"], capture_output=True, text=True
        )
        size = OUT / peer / ".mb"
        mb = size.read_text("utf-8").strip() if size.exists() else "see make demo"
        print(f"| {peer} | {version_of(peer)} | {len(json.loads(listed.stdout or '[]'))} | {mb} |")


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--peers", nargs="+", default=list(PEERS), choices=PEERS)
    ask.add_argument("--parts", nargs="+", default=["faults", "clean", "sizes", "weight"])
    ask.add_argument("--codes", nargs="+", default=None)
    ask.add_argument("--large", action="store_true", help="5M rows too: up to 11 GB for some peers")
    said = ask.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    results = Results(OUT / "results.jsonl")
    if "weight" in said.parts:
        weight(said.peers)
    if "faults" in said.parts:
        faults(results, said.peers, said.codes or tables.codes())
    if "clean" in said.parts:
        clean(results, said.peers)
    if "sizes" in said.parts:
        sizes(results, said.peers, said.large)


if __name__ == "__main__":
    main()
