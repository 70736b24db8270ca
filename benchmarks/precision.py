"""What assay says of tables that nobody looked at: every finding, for judging by hand.

    python benchmarks/precision.py REPOSITORY [--first 0] [--tables 150] [--with-target 60] [--shard 0/1]
                                              [--select D,L] [--run NAME]
    python benchmarks/precision.py --summary          findings a table, time, tracebacks
    python benchmarks/precision.py --count            judged findings -> src/assay/data/precision.csv

REPOSITORY is a git directory of github.com/vincentarelbundock/Rdatasets. No table is chosen by its content: all of
200 to 50,000 rows and 4 to 60 columns by its own index, less those that are also in the developer data or in
scikit-learn (by name) and all but one of those with the same column names, in the order of the blake2b digest of
their paths. The first column is R's row names and is dropped. Tables land in out/precision/tables/, findings in
out/precision/findings.jsonl, one JSON line a finding and one a table; a table that is done is not run again. Runs
with a target take the last column, where that is 2 to 10 classes or a number of more than 20 values.

Each finding that is a reading of meaning is then judged true, false or unclear in precision_judged.csv, and counted.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import re
import statistics
import subprocess
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "out" / "precision"
JUDGED = HERE / "precision_judged.csv"
COUNTED = HERE.parent / "src" / "assay" / "data" / "precision.csv"
ELSEWHERE = re.compile(
    r"titanic|diamond|pima|wine|breast|iris|compas|adult(?!_)|census|bank_?marketing|telco|churn|bike|ames|housing|"
    r"boston|hedonic|kdd|elec2|heart|diabet|mammogra|oil_?spill|taxi|air_?quality|sms|spam|hospital|beer|digits|mnist|"
    r"linnerud|california|penguin|german_?credit|flights|caltech|newsgroup|rcv1|covertype|olivetti|lfw",
    re.IGNORECASE,
)
READ = ("D", "L", "S", "K")
READINGS = ("D02", "D03", "D04", "D05", "D08", "D09", "D10", "D15", "D16", "D17", "D19", "K02", "K03", "K07")
JUDGED_ON = "2026-11-21"
# Tables by batch: --first 0 --tables 150 --with-target 60; --first 150 --tables 100 --with-target 40; the rest without
# a target, --first 250 --tables 400 and --first 650. A rule that was mended after a batch is judged on later ones only.
BATCHES = {1: 150, 2: 100, 3: 400, 4: 299}
LOOKED = {
    "D09": (2, 3, 4),
    "D15": (1, 2, 3, 4), "D17": (1, 2, 3, 4), "K02": (1, 2), "K03": (1, 2),
}  # fmt: skip
NOTES = {
    "D02": "10 of 16 right on 699 tables, then mended from these (days, short years, numbered visits): none counts",
    "D03": "category codes and clock times: 0 of 3 right on 949 tables, clocks then mended from these: none counts",
    "D04": "typos: its rates were read off this collection, so none of it counts",
    "D05": "16 of 34 right on 949 tables, then mended from these (numbers that name, sites that differ): none counts",
    "D08": "texts: the rule was written anew after 1 of 19 was right on 799 of these tables, so none of it counts",
    "D09": "frozen stretches; since cac9d4a (parts of a calendar stand still by nature)",
    "D10": "keys by crowding, batch numbers: 43 of 47 right on 799 tables, then mended from these (grids): none counts",
    "D19": "twins by name, a reading since they were found in re74 and re75 (causaldata/nsw_mixtape): none counts",
    "K02": "columns under ASK, by the column",
}
KEPT = (
    "code", "severity", "basis", "ask", "columns", "slice", "comparison", "rows", "effect", "unit", "n", "message",
    "evidence",
)  # fmt: skip


def listed(repository: str) -> list[tuple[str, int, int]]:
    """Path, rows and columns of the tables that qualify, in order."""
    index = csv.DictReader(io.StringIO(show(repository, "datasets.csv")))
    sized = [(f"csv/{r['Package']}/{r['Item']}.csv", int(r["Rows"]), int(r["Cols"])) for r in index]
    fit = [t for t in sized if 200 <= t[1] <= 50_000 and 4 <= t[2] <= 60 and not ELSEWHERE.search(t[0])]
    return sorted(fit, key=lambda t: hashlib.blake2b(t[0].encode()).hexdigest())


def show(repository: str, path: str) -> str:
    command = ["git", "--git-dir", repository, "show", f"HEAD:{path}"]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode("latin-1")  # bytes stay as they are


def landed(repository: str) -> Iterator[Path]:
    """The tables as files without their first column, in order; of equal column names the first."""
    seen: set[frozenset[str]] = set()
    for path, _, _ in listed(repository):
        made = OUT / "tables" / path.removeprefix("csv/").replace("/", "__")
        if not made.exists():
            made.parent.mkdir(parents=True, exist_ok=True)
            try:
                rows = list(csv.reader(io.StringIO(show(repository, path))))
            except subprocess.CalledProcessError:
                continue
            part = made.with_suffix(f".{os.getpid()}")  # shards land the same tables
            with part.open("w", newline="", encoding="latin-1") as file:
                csv.writer(file).writerows(row[1:] for row in rows)
            part.replace(made)
        with made.open(newline="", encoding="latin-1") as file:
            names = frozenset(next(csv.reader(file)))
        if len(names) > 1 and names not in seen:
            seen.add(names)
            yield made


def last_as_target(path: Path) -> str | None:
    """The last column, where it is 2 to 10 classes or a number of more than 20 values."""
    with path.open(newline="", encoding="latin-1") as file:
        rows = csv.reader(file)
        name = next(rows)[-1]
        values = {row[-1] for row in rows} - {"", "NA"}
    if 2 <= len(values) <= 10:
        return name
    return name if len(values) > 20 and all(re.fullmatch(r"-?[\d.]+([eE][-+]?\d+)?", v) for v in values) else None


def run(path: Path, target: str | None, select: tuple[str, ...]) -> list[dict[str, Any]]:
    """One line a finding, and one for the table with its times and any traceback."""
    import assay
    from assay.core.settings import Settings

    head = {"table": path.stem.replace("__", "/"), "target": target}
    start = time.process_time()
    try:
        report = assay.check(str(path), target=target, settings=Settings(select=select), cache=False)
        doc = report.to_json()
    except Exception:  # what a user would see as a crash is what this looks for
        return [head | {"kind": "table", "cpu": time.process_time() - start, "crash": traceback.format_exc()}]
    found = [{k: f[k] for k in KEPT} | {"at": f["row_numbers"][:8]} for f in doc["findings"]]
    lines = [head | {"kind": "finding"} | f for f in found]
    errors = {v["code"]: v["reason"] for v in doc["verdicts"] if v["verdict"] == "error"}
    severities = doc["summary"]["severities"]
    size = {"rows": doc["subject"]["rows"], "columns": doc["subject"]["columns"]}
    cost = {"cpu": time.process_time() - start, "each": doc["cost"]["challenge_seconds"]}
    return [*lines, head | {"kind": "table", "severities": severities, "errors": errors} | size | cost]


def read_lines(run_name: str) -> list[dict[str, Any]]:
    files = sorted((OUT / run_name).glob("findings*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


def sweep(args: argparse.Namespace) -> None:
    done = {(line["table"], line["target"]) for line in read_lines(args.run) if line["kind"] == "table"}
    shard, shards = map(int, args.shard.split("/"))
    asked = 0
    (OUT / args.run).mkdir(parents=True, exist_ok=True)
    with (OUT / args.run / f"findings{args.first}_{shard}.jsonl").open("a", encoding="utf-8") as file:
        for i, path in enumerate(landed(args.repository)):
            if i < args.first:
                continue
            if i >= args.first + args.tables:
                break
            target = last_as_target(path)
            asked += target is not None
            for t in [None, target] if target and asked <= args.with_target else [None]:
                if i % shards != shard or (path.stem.replace("__", "/"), t) in done:
                    continue
                for line in run(path, t, tuple(args.select.split(","))):
                    file.write(json.dumps(line) + "\n")
                file.flush()


def summary(run_name: str) -> None:
    for with_target in (False, True):
        tables = [t for t in read_lines(run_name) if t["kind"] == "table" and (t["target"] is not None) == with_target]
        if not tables:
            continue
        well = [t for t in tables if "crash" not in t]
        print(f"\n{'with' if with_target else 'without'} a target: {len(tables)} tables, median CPU s", end=" ")
        print(f"{statistics.median(t['cpu'] for t in tables):.2f}, sum {sum(t['cpu'] for t in tables):.0f}")
        for severity in ("critical", "warning", "advice"):
            counts = [t["severities"][severity] for t in well]
            print(f"  {severity}: {statistics.mean(counts):.2f} a report, median {statistics.median(counts)}")
        for t in tables:
            for code, reason in ({"crash": t["crash"]} if "crash" in t else t["errors"]).items():
                print(f"  ERROR {t['table']} target={t['target']} {code}: {reason[-300:]}")


def count() -> None:
    """Judged findings by code: unclear ones count as false, and those of tables from which a rule was mended do not."""
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    with JUDGED.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            verdicts[row["code"]][row["verdict"]] += row["counts"] == "yes"
    with COUNTED.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["code", "right", "judged", "tables", "date", "note"])
        for code in READINGS:
            tables = sum(size for batch, size in BATCHES.items() if batch in LOOKED.get(code, ()))
            tally = verdicts[code]
            out.writerow([code, tally["true"], tally.total(), tables, JUDGED_ON, NOTES.get(code, "")])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", nargs="?")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--tables", type=int, default=150)
    parser.add_argument("--with-target", type=int, default=60)
    parser.add_argument("--shard", default="0/1")
    parser.add_argument("--select", default=",".join(READ), help="codes or first letters")
    parser.add_argument("--run", default=".", help="folder of the findings; a new one runs every table anew")
    parser.add_argument("--summary", action="store_true")
    parser.add_argument("--count", action="store_true")
    args = parser.parse_args()
    if args.summary:
        summary(args.run)
    elif args.count:
        count()
    elif args.repository:
        OUT.mkdir(parents=True, exist_ok=True)
        sweep(args)
    else:
        sys.exit("name the git directory of Rdatasets, or --summary, or --count")


if __name__ == "__main__":
    main()
