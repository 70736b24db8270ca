"""Cells named by the challenges about dirty cells (D02 to D06) against clean twins: precision, recall and F1.

    python benchmarks/dirty_cells.py [--data ../shared/data] [--only hospital,beers]

Compared by position, texts trimmed, numbers to nine digits. A finding names the cells of its evidence (``cells``:
column -> positions), or else its rows in all of its columns, and the cells that its remedy would change - but a remedy
that rewrites most of a column speaks of the column, and names no cell. A repair is right where the cell then equals the
clean one; its share is of the named cells that are truly wrong. Prints a Markdown table; absent pairs are skipped.
Last, ``assay fix --unsafe --select D02,...,D06`` on the file: cells changed, of them right, right cells spoiled.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from assay.api import fix
from assay.audit.catalogue import catalogue
from assay.audit.opening import open_subject
from assay.audit.ranking import finding
from assay.core.finding import Finding
from assay.core.remedy import Op
from assay.core.settings import Settings
from assay.core.subject import Subject
from assay.core.table import Sample, SampleSpec
from assay.core.words import text_of
from assay.tables.recipe import apply
from assay.testing import judge

CODES = ("D02", "D03", "D04", "D05", "D06")
PAIRS = {"hospital": "hospital", "beers": "beers"}
Cells = set[tuple[int, str]]
Texts = dict[str, list[str]]


def texts(sample: Sample) -> Texts:
    """Column -> texts by source position; empty for null."""
    order = np.argsort(sample.position, kind="stable")
    values = {name: sample.arrow[name].to_pylist() for name in sample.names}
    return {name: [plain(values[name][i]) for i in order] for name in values}


def plain(value: Any) -> str:
    """Trimmed; what reads as a number (no leading zero, which a code has) is written as one, to nine digits."""
    text = (text_of(value) or "").strip()
    try:
        return text if text[:1] == "0" and text[1:2].isdigit() else f"{float(text):.9g}"
    except ValueError:
        return text


def whole(subject: Subject) -> Sample:
    return subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))


def findings(code: str, subject: Subject) -> Iterator[Finding]:
    module = catalogue()[code]
    made = judge(module, subject)
    if made.run.error:
        raise SystemExit(f"{code} failed: {made.run.error}")
    for claim, interval in made.decision.stands:
        yield finding(module, claim, interval, subject, Settings())


def named(found: Finding, before: Texts, after: Texts | None) -> Cells:
    """The cells that a finding says are wrong."""
    given = found.claim.evidence.get("cells")
    changed: Cells = set()
    if after is not None:
        for c in after:
            here = {(i, c) for i, (a, b) in enumerate(zip(before[c], after[c], strict=True)) if a != b}
            changed |= here if 2 * len(here) <= sum(v != "" for v in before[c]) else set()
    if isinstance(given, dict) and all(isinstance(v, list) for v in given.values()):
        return changed | {(int(i), c) for c, at in given.items() for i in at}
    rows = found.claim.about.rows
    return changed | {(int(i), c) for c in found.columns for i in (rows.positions if rows is not None else ())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--only", default="")
    parser.add_argument("--show", action="store_true", help="also print findings, and cells wrongly named or missed")
    args = parser.parse_args()
    print(
        "| table | code | wrong cells | named | precision | recall | F1 | repaired |\n|---|---|---|---|---|---|---|---|"
    )
    for table in PAIRS:
        if args.only and table not in args.only.split(","):
            continue
        dirty, clean = (args.data / f"{table}_{kind}.csv.gz" for kind in ("dirty", "clean"))
        if not (dirty.is_file() and clean.is_file()):
            print(f"| {table} | a file is absent | | | | | | |")
            continue
        measure(table, dirty, clean, args.show)
        repaired(table, dirty, clean)


def repaired(table: str, dirty: Path, clean: Path) -> None:
    """What ``fix`` makes of the file, cell by cell; columns that it drops are left out."""
    made = fix(str(dirty), unsafe=True, settings=Settings(select=CODES), cache=False).arrow
    before, truth = (
        {c: [plain(v) for v in t[c].to_pylist()] for c in t.column_names} for t in map(written, (dirty, clean))
    )
    truth = dict(zip(before, truth.values(), strict=True))
    after = {c: [plain(v) for v in made[c].to_pylist()] for c in before if c in made.column_names}
    if made.num_rows != len(next(iter(before.values()))):
        raise SystemExit(f"{table}: fix left {made.num_rows:,} rows; cells cannot be compared by position")
    pairs = {c: list(zip(before[c], after[c], truth[c], strict=True)) for c in after}
    wrote = {c: [(a == t, b == t) for b, a, t in pairs[c] if a != b] for c in pairs}
    whole = {c for c in wrote if 2 * len(wrote[c]) > sum(v != "" for v in before[c])}
    cells = [cell for c in wrote if c not in whole for cell in wrote[c]]
    right, spoiled = sum(now for now, _ in cells), sum(was for _, was in cells)
    print(f"\n{table}: fix --unsafe changed {len(cells):,} cells, {right:,} now right; {spoiled:,} right ones spoiled")
    print("".join(f"{c} is rewritten as a column ({len(wrote[c]):,} cells).\n" for c in sorted(whole)))


def written(path: Path) -> Any:
    """The file's cells, in its own order."""
    return open_subject(str(path), cache=False).table.arrow()


def measure(table: str, dirty: Path, clean: Path, show: bool) -> None:
    subject, truth_of = (open_subject(str(path), cache=False) for path in (dirty, clean))
    rows = whole(subject)
    before, clean_rows = texts(rows), texts(whole(truth_of))
    truth = dict(zip(before, clean_rows.values(), strict=True))  # by position: headers may differ
    wrong = {(i, c) for c in before for i, (a, b) in enumerate(zip(before[c], truth[c], strict=True)) if a != b}
    said: dict[str, Cells] = {}
    right: dict[str, Cells] = {}
    for code in (c for c in CODES if c in catalogue()):
        said[code], right[code] = set(), set()
        for found in findings(code, subject):
            after = mended(found, rows) if found.remedy and found.remedy.ops else None
            cells = named(found, before, after)
            said[code] |= cells
            right[code] |= {(i, c) for i, c in cells & wrong if after is not None and after[c][i] == truth[c][i]}
            if show:
                print(f"    {code} {found.message} [{len(cells & wrong)} of {len(cells)}]")
        print(line(table, code, wrong, said[code], right[code]), flush=True)
    together: Cells = set().union(*said.values())
    print(line(table, "all", wrong, together, set().union(*right.values())), flush=True)
    if show:
        for word, cells in (("wrongly named", together - wrong), ("missed", wrong - together)):
            for i, c in sorted(cells)[:40]:
                print(f"    {word}: row {i} {c}: {before[c][i]!r}, clean {truth[c][i]!r}")


def mended(found: Finding, rows: Sample) -> Texts | None:
    """Columns of the finding once its remedy is applied; a dropped column mends no cell."""
    assert found.remedy is not None
    ops: Iterable[Op] = [op for op in found.remedy.ops if op.name not in ("drop_column", "rename", "indicator")]
    after = texts(apply(list(ops), rows)) if ops else {}
    touched = {c for op in ops for c in op.columns}
    return {c: v for c, v in after.items() if c in touched} or None


def line(table: str, code: str, wrong: Cells, said: Cells, right: Cells) -> str:
    hits = len(said & wrong)
    precision, recall = hits / len(said) if said else float("nan"), hits / len(wrong)
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    repaired = f"{len(right)} of {hits} ({len(right) / hits:.3f})" if hits else "-"
    scores = f"{precision:.3f} | {recall:.3f} | {f1:.3f}"
    return f"| {table} | {code} | {len(wrong):,} | {len(said):,} | {scores} | {repaired} |"


if __name__ == "__main__":
    main()
