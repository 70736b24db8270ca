"""The proof in 80 columns: of the real tables in short, or of one's own table with the blind spots first."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from .page import said, short

Doc = Mapping[str, Any]
WIDTH = 80
ENOUGH = 0.8  # of the plants found: what "found" means in one's own table


def text(doc: Doc) -> str:
    return own_table(doc) if doc["on"] else real_tables(doc)


def real_tables(doc: Doc) -> str:
    s = doc["settings"]
    out = fold(f"Planted in {len(doc['tables'])} real tables of up to {s['rows']:,} rows, {s['seeds']} seeds.")
    out += fold(f"Found at the promised dose: {said(doc['overall'])}.")
    out += ["", f"{'code':5}{'fault':24}{'found':>9}  by times the dose"]
    for r in doc["power"]:
        doses = "  ".join(f"{d['multiple']:g}: {short(d)}" for d in r["by_dose"])
        out.append(cut(f"{r['code']:5}{r['name'][:23]:24}{short(r['power']):>9}  {doses}"))
    alarms = [(a["code"], w, a[w]) for a in doc["alarms"] for w in ("permuted", "halves", "clean") if a[w]["k"]]
    out += ["", "False alarms: " + (", ".join(f"{c} {short(v)} {w}" for c, w, v in alarms) or "none")]
    out += ["", *fold("Missed: " + (missed(doc["misses"]) or "none"))]
    out += [line for e in doc["errors"][:10] for line in fold(f"failed: {e['code']} in {e['table']}: {e['why']}")]
    return "\n".join(line for block in out for line in (fold(block) if len(block) > WIDTH else [block])) + "\n"


def missed(misses: Sequence[Mapping[str, Any]]) -> str:
    by: dict[str, list[str]] = defaultdict(list)
    for m in misses:
        by[m["code"]].append(m["table"])
    return "; ".join(f"{code} in {', '.join(dict.fromkeys(tables))}" for code, tables in by.items())


def own_table(doc: Doc) -> str:
    """What would have been missed here. Every line says how often a plant was found."""
    t = doc["tables"][0]
    target = f", target {t['target']}" if t["target"] else ""
    out = fold(f"What assay would have missed in {t['name']}: {t['rows']:,} rows, {t['columns']} columns{target}.")
    seeds = doc["settings"]["seeds"]
    out += fold(f"Each fault was planted {seeds} times at each dose; found means in at least {ENOUGH:.0%} of them. "
                "The table itself is not changed.")  # fmt: skip
    blind: list[tuple[Any, Any]] = []
    seen: list[tuple[Any, Any]] = []
    there: list[str] = []
    for r in doc["power"]:
        if r["already_there"]:
            there.append(f"{r['code']} {r['name']}")
        elif r["by_dose"]:
            row = least(r)
            (seen if row["least"] is not None and row["least"] <= r["dose"] else blind).append((r, row))
    head = f"  {'code':5}{'fault':23}{'dose':>8}{'found':>7}  "
    out += ["", f"Blind spots ({len(blind)}): not found at the dose that the page promises"]
    if blind:
        out.append(f"{head}what finds it")
    for r, row in blind:
        out += blind_line(r, row, t["rows"])
    out += ["", f"Found ({len(seen)})"]
    if seen:
        out.append(f"{head}smallest dose found")
    for r, row in seen:
        least_dose = row["least"]
        lead = f"  {r['code']:5}{r['name'][:22]:23}{r['dose']:>8.3g}{short(row['at']):>7}"
        out.append(cut(f"{lead}  {least_dose:.3g}{' (the smallest tried)' if row['smallest'] else ''}"))
    if there:
        out += ["", *fold(f"Found in the table as it is ({len(there)}), so that a plant shows nothing: "
                          f"{', '.join(there)}.")]  # fmt: skip
    out += not_asked(doc)
    out += [line for e in doc["errors"][:10] for line in fold(f"failed: {e['code']}: {e['why']}")]
    return "\n".join(out) + "\n"


def least(r: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest dose found often enough, going down from the promise; where that is missed, the next one above."""
    by = sorted(r["by_dose"], key=lambda d: d["dose"])
    found = [d["n"] > 0 and d["k"] / d["n"] >= ENOUGH for d in by]
    start = next((i for i, d in enumerate(by) if d["multiple"] == 1.0), len(by) - 1)
    first: int | None = start
    if found[start]:
        while first and found[first - 1]:
            first -= 1
    else:
        first = next((i for i in range(start, len(by)) if found[i]), None)
    return {"least": None if first is None else by[first]["dose"], "at": by[start], "smallest": first == 0}


def blind_line(r: Mapping[str, Any], row: Mapping[str, Any], rows: int) -> list[str]:
    head = f"  {r['code']:5}{r['name'][:22]:23}{r['dose']:>8.3g}{short(row['at']):>7}  "
    if row["least"] is not None:
        what = f"a dose of {row['least']:.3g}"
    elif rows < r["rows"]:
        what = f"{r['rows']:,} rows or more"
    else:
        what = "no dose that was tried"
    return [cut(head + what)]


def not_asked(doc: Doc) -> list[str]:
    why: dict[str, list[str]] = defaultdict(list)
    for r in doc["not_planted"]:
        why[r["why"]].append(r["code"])
    if not why:
        return []
    out = ["", f"Never looked for here ({sum(map(len, why.values()))}), each a blind spot too"]
    for reason, codes in sorted(why.items(), key=lambda item: (-len(item[1]), item[0])):
        out += textwrap.wrap(f"{reason}: {', '.join(codes)}", WIDTH - 2, initial_indent="  ", subsequent_indent="    ")
    return out


def fold(words: str) -> list[str]:
    return textwrap.wrap(words, WIDTH)


def cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 4]} ..."
