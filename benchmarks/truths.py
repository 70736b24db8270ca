"""Every known truth of the developer tables, asked of full reports; writes ``docs/truths.md``.

    python benchmarks/truths.py [--select D04,K] [--data adult,wine] [--quick] [--fresh] [--stale]

The truths stand as data in ``truths_*.py``. Those of one table with the same roles share one full ``assay.check``,
whose findings are kept in ``out/truths`` until the code changes, so that a run that was stopped goes on. ``--quick``
runs only the challenges that are asked about; ``--fresh`` runs all again; ``--stale`` takes results of older code.
``docs/truths.md`` is written by a run without ``--select``, ``--data``, ``--quick`` and ``--stale``.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from truth import Finding, Truth

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "../shared/data"
KEPT, PAGE = ROOT / "out" / "truths", ROOT / "docs" / "truths.md"
FILES = ("reference", "test", "trusted", "population", "contract")  # arguments that may name a file of the folder
KEYS = ("code", "columns", "slice", "comparison", "rows", "effect", "interval", "unit", "basis", "message", "evidence",
        "severity", "ask")  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """``state``: found, missed, silent, claimed, absent (the table), unknown (no such challenge) or failed."""

    truth: Truth
    state: str
    says: str = ""

    @property
    def holds(self) -> bool:
        return self.state in ("found", "silent")


def all_truths() -> list[Truth]:
    """The truths of every ``truths_*.py``, by table and code; one that is said twice counts once."""
    made: dict[tuple[str, str, str, str], Truth] = {}
    for path in sorted(Path(__file__).parent.glob("truths_*.py")):
        for truth in importlib.import_module(path.stem).TRUTHS:
            made.setdefault((truth.data, truth.code, key(truth), truth.says), truth)
    return sorted(made.values(), key=lambda t: (t.data, t.silent, t.code, t.says))


def key(truth: Truth) -> str:
    """The call as text: truths with the same one share a report."""
    return json.dumps([truth.data, truth.call], sort_keys=True, default=repr)


def groups(truths: Iterable[Truth]) -> dict[str, list[Truth]]:
    out: dict[str, list[Truth]] = {}
    for truth in truths:
        out.setdefault(key(truth), []).append(truth)
    return out


def source_digest() -> str:
    """Hash of the code under ``src``: results of other code are not shown as this code's."""
    made = hashlib.blake2b(digest_size=8)
    for path in sorted((ROOT / "src").rglob("*.py")):
        made.update(path.read_bytes())
    return made.hexdigest()


def call_of(truth: Truth, data: Path) -> dict[str, Any]:
    """The keywords of the call, with file names made paths."""
    return {
        k: str(data / v) if k in FILES and isinstance(v, str) and (data / v).exists() else v
        for k, v in truth.call.items()
    }


def checked(truths: Sequence[Truth], data: Path, quick: bool) -> dict[str, Any]:
    """Findings and verdicts of one report over the table of these truths."""
    import assay
    from assay.audit.catalogue import catalogue

    codes = tuple(c for c in catalogue() if any(c.startswith(t.code) for t in truths))
    if quick and not codes:
        return {"findings": [], "verdicts": {}, "seconds": 0.0}
    start = time.process_time()
    settings = assay.Settings(select=codes) if quick else assay.Settings()
    report = assay.check(str(data / truths[0].data), settings=settings, **call_of(truths[0], data))
    doc = report.to_json()
    return {
        "findings": [{k: f[k] for k in KEYS} for f in doc["findings"]],
        "verdicts": {v["code"]: [v["verdict"], v["reason"]] for v in doc["verdicts"]},
        "seconds": round(time.process_time() - start, 1),
    }


def kept_or_checked(truths: Sequence[Truth], data: Path, digest: str, args: Any) -> dict[str, Any]:
    """From ``out/truths`` where this code made it, else anew."""
    codes = ",".join(sorted({t.code for t in truths})) if args.quick else ""
    name = hashlib.blake2b(f"{key(truths[0])}{codes}".encode(), digest_size=8).hexdigest()
    path = KEPT / f"{truths[0].data.split('.')[0]}-{name}.json"
    if path.is_file() and not args.fresh:
        doc: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if args.stale or doc["digest"] == digest:
            return doc
    doc = {"digest": digest, **checked(truths, data, args.quick)}
    KEPT.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(doc), "utf-8")
    beside.replace(path)
    return doc


def outcome(truth: Truth, doc: Mapping[str, Any]) -> Outcome:
    """What a report says to one truth. A code may be the first letters of several."""
    verdicts = {c: v for c, v in doc["verdicts"].items() if c.startswith(truth.code)}
    if not verdicts:
        return Outcome(truth, "unknown", f"no challenge {truth.code}")
    failed = [f"{c} failed: {reason}" for c, (verdict, reason) in verdicts.items() if verdict == "error"]
    if failed:
        return Outcome(truth, "failed", "; ".join(failed))
    findings = [f for f in doc["findings"] if f["code"].startswith(truth.code)]
    hit = truth.found(findings)
    state = ("claimed" if hit else "silent") if truth.silent else ("found" if hit else "missed")
    if hit:
        return Outcome(truth, state, shown(evidence_for(truth, findings)))
    verdict, reason = next(iter(verdicts.values()))
    words = f"{verdict}: {reason}" if len(verdicts) == 1 else f"{len(verdicts)} challenges, nothing found"
    return Outcome(truth, state, words)


def evidence_for(truth: Truth, findings: Sequence[Finding]) -> list[Finding]:
    """A finding that shows the truth alone; else as few as do, the first ones that are needed."""
    alone = [f for f in findings if truth.found([f])]
    if alone:
        return alone[:1]
    needed = list(findings)
    for f in list(findings):
        rest = [g for g in needed if g is not f]
        if truth.found(rest):
            needed = rest
    return needed


def shown(findings: Sequence[Finding], most: int = 2) -> str:
    """Messages with their numbers."""
    said = []
    for f in findings[:most]:
        effect = f"{f['effect']:.4g} {f['unit']}" if f["effect"] is not None else ""
        lo, hi = (f["interval"] or (None, None))[:2]
        span = f" [{lo:.4g}, {hi:.4g}]" if lo is not None and hi is not None and lo != hi else ""
        said.append(f"{f['message']} ({effect}{span})")
    more = f"; and {len(findings) - most} more findings" if len(findings) > most else ""
    return "; ".join(said) + more


def run(truths: Sequence[Truth], data: Path, args: Any) -> Iterator[Outcome]:
    digest = source_digest()
    for number, (_, group) in enumerate(every := list(groups(truths).items())):
        print(f"{number + 1}/{len(every)} {group[0].data} ({len(group)} truths)", file=sys.stderr, flush=True)
        if not (data / group[0].data).exists():
            yield from (Outcome(t, "absent") for t in group)
            continue
        doc = kept_or_checked(group, data, digest, args)
        yield from (outcome(t, doc) for t in group)


def page(outcomes: Sequence[Outcome]) -> str:
    """The table, Markdown."""
    count = Counter(o.state for o in outcomes)
    loud = sum(not o.truth.silent for o in outcomes)
    out = [
        "# Known truths of real tables",
        "",
        "Generated by `python benchmarks/truths.py`. Each line is a fact about a developer table that was counted "
        "beforehand; the report is a full `assay.check` with the roles that the table's description names.",
        "",
        f"{count['found']} of {loud} faults found; {count['silent']} of {len(outcomes) - loud} silences kept.",
    ]
    if others := {k: n for k, n in count.items() if k not in ("found", "silent")}:
        out[-1] += " " + ", ".join(f"{k} {n}" for k, n in sorted(others.items())) + "."
    for data in dict.fromkeys(o.truth.data for o in outcomes):
        out += ["", f"## {data.split('.')[0]}", "", "| code | known | | the report says |", "|---|---|---|---|"]
        for o in (o for o in outcomes if o.truth.data == data):
            state = o.state if o.holds else f"**{o.state}**"
            known = ("must not be found: " if o.truth.silent else "") + o.truth.says
            out.append(f"| {o.truth.code} | {cell(known)} | {state} | {cell(o.says)} |")
    return "\n".join(out) + "\n"


def cell(text: str, most: int = 300) -> str:
    words = " ".join(text.split())
    words = words if len(words) <= most else words[: most - 1].rstrip() + "…"
    return words.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def wanted(truths: Sequence[Truth], select: str, data: str) -> list[Truth]:
    codes = tuple(c.strip().upper() for c in select.split(",") if c.strip())
    names = tuple(n.strip() for n in data.split(",") if n.strip())
    return [
        t for t in truths if (not codes or t.code.startswith(codes)) and (not names or t.data.startswith(names))
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--select", default="", help="codes or their first letters")
    parser.add_argument("--data", default="", help="first letters of tables")
    parser.add_argument("--folder", type=Path, default=DATA)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--stale", action="store_true")
    args = parser.parse_args()
    if not args.folder.is_dir():
        parser.error(f"the developer tables are not in {args.folder}; name their folder with --folder")
    outcomes = list(run(wanted(all_truths(), args.select, args.data), args.folder, args))
    text = page(outcomes)
    print(text, end="")
    if not (args.select or args.data or args.quick or args.stale):
        PAGE.write_text(text, "utf-8")
        print(f"{PAGE.relative_to(ROOT)} is written", file=sys.stderr)
    return 0 if all(o.holds or o.state == "absent" for o in outcomes) else 1


if __name__ == "__main__":
    raise SystemExit(main())
