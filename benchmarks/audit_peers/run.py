"""Auditors side by side: ``python benchmarks/audit_peers/run.py [--peers ...] [--parts ...] [--rows ...]``.

Each peer runs in an environment of its own under out/peers (``build.py`` makes them), on the same Parquet files. What
each said is kept in out/peers/results.jsonl, so that a run goes on where it stopped; ``judging.py`` says what counts
as found. ``assay`` is its command on the file; ``assay-frame`` its function on a pandas frame; peers read with pandas,
as they have no other way.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import judging
import plants
from process import HERE, OUT, Doc, answers, python_of

import tables

PEERS = ("assay", "deepchecks", "cleanlab", "evidently", "ydata", "gx", "pandera", "whylogs")
SEEDS = 5
Key = tuple[str, ...]


def version_of(peer: str) -> str:
    if peer == "assay":
        import assay

        return assay.__version__
    first = (HERE / "requirements" / f"{peer}.txt").read_text("utf-8").splitlines()[0]
    return first.partition("==")[2]


def job(roles: Doc, whole: Path, reference: Path | None = None, current: Path | None = None) -> Doc:
    paths = {"whole": whole, "reference": reference, "current": current}
    return {k: None if p is None else str(p) for k, p in paths.items()} | {"roles": roles}


class Results:
    """What was measured, one JSON line a run. The key is (peer, part, case ...)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        self.known: dict[Key, Doc] = {tuple(doc["key"]): doc for doc in map(json.loads, lines)}

    def ask(self, peer: str, asked: Iterable[tuple[Key, Doc]], threads: int = 1, alone: bool = False) -> None:
        """Run what is not known yet: all in one process, or each in one of its own where its cost is asked."""
        open_ = {(peer, *key): doc for key, doc in asked if (peer, *key) not in self.known}
        parts = [[k] for k in open_] if alone else [list(open_)]
        for keys in parts:
            for key, doc in zip(keys, answers(peer, [open_[k] for k in keys], threads), strict=False):
                self.known[key] = {"key": list(key), **doc}
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(self.known[key]) + "\n")
                said = doc.get("error") or f"{len(doc['findings'])} findings, {doc['wall']:.1f} s"
                print(*key, said, file=sys.stderr, flush=True)


def fault_key(case: plants.Case, part: str) -> Key:
    return ("fault", part, " ".join(f"{k}={v}" for k, v in sorted(case.roles.items())))


def faults(results: Results, peers: list[str], cases: list[plants.Case], run: bool) -> None:
    for peer in peers if run else []:
        asked: dict[Key, Doc] = {}
        for case in cases:
            for part in (case.clean, case.faulty):
                roles = case.roles | {"costs": False}
                asked[fault_key(case, part)] = job(roles, case.path(part), *judging.pair_of(case, part, peer))
        results.ask(peer, asked.items())
    judging.print_faults(results.known, cases, peers, fault_key)


def clean(results: Results, peers: list[str], run: bool) -> None:
    print(f"\n| findings a report, clean random halves | {' | '.join(peers)} |\n|{'---|' * (len(peers) + 1)}")
    for name, (table, target) in tables.clean_bases().items():
        files = [tables.write_halves(table, seed, OUT / "clean" / name) for seed in range(SEEDS)]
        roles = {"target": target, "costs": False}
        asked = {("clean", name, str(seed)): job(roles, *paths) for seed, paths in enumerate(files)}
        said = []
        for peer in peers:
            if run:
                results.ask(peer, asked.items())
            made = [results.known[peer, *key] for key in asked if (peer, *key) in results.known]
            counts = [len(m["findings"]) for m in made if not m["error"]]
            broken = f" ({len(made) - len(counts)} failed)" if len(counts) < len(made) else ""
            said.append(f"{statistics.mean(counts):.1f}{broken}" if counts else "failed" if made else "not run")
        print(f"| {name} {table.num_rows:,} x {table.num_columns} | {' | '.join(said)} |")


def sizes(results: Results, peers: list[str], rows: list[int], run: bool) -> None:
    print("\n| wall s / CPU s / peak MB, alerts | " + " | ".join(peers) + f" |\n|{'---|' * (len(peers) + 1)}")
    for n in rows:
        path = tables.resampled_flights(n, OUT / f"flights-{n}.parquet")
        asked = {("size", str(n)): job({"target": "late", "order": "time_hour"}, path)}
        said = []
        for peer in peers:
            if run:
                results.ask(peer, asked.items(), threads=2, alone=True)
            m = results.known.get((peer, "size", str(n)))
            if m is None or m["error"]:
                said.append("not run" if m is None else m["error"][:90])
            else:
                said.append(f"{m['wall']:.0f} / {m['cpu']:.0f} / {m['peak_mb']:,.0f}, {len(m['findings'])}")
        print(f"| flights, {n:,} rows | {' | '.join(said)} |", flush=True)


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
    ask = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask.add_argument("--peers", nargs="+", default=list(PEERS), choices=[*PEERS, "assay-frame"])
    ask.add_argument("--parts", nargs="+", default=["faults", "clean", "sizes", "weight"])
    ask.add_argument("--codes", nargs="+", default=None)
    ask.add_argument("--each", type=int, default=plants.EACH, help="tables a code, of those that plants.py makes")
    ask.add_argument("--rows", nargs="+", type=int, default=[336_776], help="5000000 too: up to 11 GB for some peers")
    ask.add_argument("--print", action="store_true", help="print what is known, run nothing")
    said = ask.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    results = Results(OUT / "results.jsonl")
    run = not said.print
    if "weight" in said.parts:
        weight(said.peers)
    if "faults" in said.parts:
        cases = plants.cases(OUT / "faults", said.codes or plants.codes(), said.each)
        faults(results, said.peers, cases, run)
    if "clean" in said.parts:
        clean(results, said.peers, run)
    if "sizes" in said.parts:
        sizes(results, said.peers, said.rows, run)


if __name__ == "__main__":
    main()
