"""What assay says of tables that nobody looked at: every finding, for judging by hand.

    python benchmarks/precision.py SOURCE... [--leave-out SOURCE]... [--most 40] [--out FOLDER]    land the tables
    python benchmarks/precision.py --sweep [--reserve] [--minutes 8] [--select D,L] [--run NAME]
    python benchmarks/precision.py --summary          findings a table, time, tracebacks
    python benchmarks/precision.py --count            judged findings -> src/assay/data/precision.csv

A SOURCE is a folder or a git directory of CSV, TSV, JSON or Parquet files; precision_tables.py says which of them are
taken, none by its content. Tables land in FOLDER/tables/ (out/precision/ unless named), as they came. A sweep reads
two thirds of them, and the reserve by itself; findings land in FOLDER/NAME/findings.jsonl, one JSON line a finding and
one a table. A table that is done is not run again, so a sweep of some minutes goes on where the last one stopped. One
table in four (--one-in), by digest, is read with its last column as target, where that is 2 to 10 classes or a number
of more than 20 values.

Each finding that is a reading of meaning is then judged true, false or unclear in precision_judged.csv, and counted.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import statistics
import sys
import time
import traceback
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from precision_tables import Source, digest, headers, in_reserve, tables

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "out" / "precision"
JUDGED = HERE / "precision_judged.csv"
COUNTED = HERE.parent / "src" / "assay" / "data" / "precision.csv"
READINGS = ("D02", "D03", "D04", "D05", "D08", "D09", "D10", "D15", "D16", "D17", "D19", "K02", "K03", "K07")
JUDGED_ON = "2026-11-21"
# Tables that were looked at with the rule as it stands. Batches 1 to 4 are 949 tables of the Rdatasets collection; 5 is
# what the sources of docs/benchmarks.md gave, 6 their reserve. A rule that was mended after a batch is judged on later
# ones only; one cause counts once a table, and a table that comes twice counts once.
TABLES = {
    "D02": 660, "D03": 224, "D04": 660, "D05": 224, "D08": 350, "D09": 1459, "D10": 224, "D15": 1609, "D17": 1609,
    "D19": 660, "K02": 369, "K03": 369,
}  # fmt: skip
NOTES = {
    "D03": "category codes and clock times; 4 of 8 right on 436 tables, then years were let go: those do not count",
    "D04": "typos",
    "D05": "14 of 26 right on 436 tables, 9 of the rest a line of years read as a row, then mended: those do not count",
    "D08": "texts",
    "D09": "frozen stretches",
    "D10": "keys by crowding; 19 of 24 right on 436 tables, then times and ranks were let go: those do not count",
    "D17": "other languages",
    "D19": "twins by name",
    "K02": "columns under ASK, by the column",
}
KEPT = (
    "code", "severity", "basis", "ask", "columns", "slice", "comparison", "rows", "effect", "unit", "n", "message",
    "evidence",
)  # fmt: skip


def landed(sources: list[str], left_out: list[str], most: int) -> None:
    """The tables as files of their own, as they came, and their list in order."""
    (OUT / "tables").mkdir(parents=True, exist_ok=True)
    out = headers([Source(Path(s)) for s in left_out])
    with (OUT / "tables.jsonl").open("w", encoding="utf-8") as file:
        for label, path, content in tables([Source(Path(s)) for s in sources], out, most):
            made = OUT / "tables" / re.sub(r"[^\w.+-]+", "_", f"{label}__{path.replace('/', '__')}")
            made.write_bytes(content)
            line = {"table": f"{label}/{path}", "file": made.name, "reserve": in_reserve(path)}
            file.write(json.dumps(line) + "\n")


def last_as_target(path: Path) -> str | None:
    """The last column of a text file, where it is 2 to 10 classes or a number of more than 20 values."""
    if path.suffix not in (".csv", ".tsv"):
        return None
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        name = next(rows)[-1]
        values = {row[-1] for row in rows if row} - {"", "NA"}
    if 2 <= len(values) <= 10:
        return name
    return name if len(values) > 20 and all(re.fullmatch(r"-?[\d.]+([eE][-+]?\d+)?", v) for v in values) else None


def run(path: Path, name: str, target: str | None, select: tuple[str, ...]) -> list[dict[str, Any]]:
    """One line a finding, and one for the table with its times, what could not be read, and any traceback."""
    import assay
    from assay.core.errors import AssayError, RoleError
    from assay.core.settings import Settings

    head = {"table": name, "target": target}
    start, clock = time.process_time(), time.perf_counter()
    try:
        report = assay.check(str(path), target=target, settings=Settings(select=select), cache=False)
        doc = report.to_json()
    except RoleError:  # a table without a line of names has no column of that name
        return run(path, name, None, select)
    except AssayError as error:
        return [head | {"kind": "refused", "says": str(error)}]
    except Exception:  # what a user would see as a crash is what this looks for
        return [head | {"kind": "table", "cpu": time.process_time() - start, "crash": traceback.format_exc()}]
    found = [{k: f[k] for k in KEPT} | {"at": f["row_numbers"][:8]} for f in doc["findings"]]
    lines = [head | {"kind": "finding"} | f for f in found]
    errors = {v["code"]: v["reason"] for v in doc["verdicts"] if v["verdict"] == "error"}
    severities = doc["summary"]["severities"]
    size = {"rows": doc["subject"]["rows"], "columns": doc["subject"]["columns"]}
    spent = {"cpu": time.process_time() - start, "wall": time.perf_counter() - clock}
    cost = spent | {"each": doc["cost"]["challenge_seconds"]}
    return [*lines, head | {"kind": "table", "severities": severities, "errors": errors} | size | cost]


def read_lines(run_name: str) -> list[dict[str, Any]]:
    files = sorted((OUT / run_name).glob("findings*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


def sweep(args: argparse.Namespace) -> None:
    done = {line["table"] for line in read_lines(args.run) if line["kind"] != "finding"}
    until = time.monotonic() + 60 * args.minutes
    (OUT / args.run).mkdir(parents=True, exist_ok=True)
    listed = [json.loads(line) for line in (OUT / "tables.jsonl").read_text("utf-8").splitlines()]
    listed.sort(key=lambda t: digest(t["table"]))  # not source by source: what a short sweep reads is of all
    todo = [t for t in listed if t["reserve"] == args.reserve and t["table"] not in done]
    with (OUT / args.run / f"findings{'_reserve' if args.reserve else ''}.jsonl").open("a", encoding="utf-8") as file:
        for t in todo:
            path = OUT / "tables" / t["file"]
            target = last_as_target(path) if digest(t["table"])[-2] % args.one_in == 0 else None
            for line in run(path, t["table"], target, tuple(args.select.split(",")) if args.select else ()):
                file.write(json.dumps(line) + "\n")
            file.flush()
            if time.monotonic() > until:
                break
    print(len(todo), "tables were left to read")


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
            tally = verdicts[code]
            line = [code, tally["true"], tally.total(), TABLES.get(code, 0), JUDGED_ON, NOTES.get(code, "")]
            out.writerow(line)


def main() -> None:
    global OUT
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*")
    parser.add_argument(
        "--leave-out", action="append", default=[], help="tables with the columns of these are not taken"
    )
    parser.add_argument("--most", type=int, default=40, help="tables a source")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of tables and findings")
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--reserve", action="store_true", help="the third that the sweep leaves")
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--one-in", type=int, default=4, help="tables for one that is read with a target")
    parser.add_argument("--select", default="", help="codes or first letters; all unless named")
    parser.add_argument("--run", default=".", help="folder of the findings; a new one runs every table anew")
    parser.add_argument("--summary", action="store_true")
    parser.add_argument("--count", action="store_true")
    args = parser.parse_args()
    OUT = args.out
    if args.summary:
        summary(args.run)
    elif args.count:
        count()
    elif args.sweep:
        sweep(args)
    elif args.sources:
        landed(args.sources, args.leave_out, args.most)
    else:
        sys.exit("name the folders or git directories of the tables, or --sweep, --summary or --count")


if __name__ == "__main__":
    main()
