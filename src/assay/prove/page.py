"""The proof as a Markdown page (``docs/proof.md``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Doc = Mapping[str, Any]
SHOWN = 40  # lines of a table of single cases; the JSON has them all


def markdown(doc: Doc, picture: str | None = None) -> str:
    """The page. ``picture`` is the file name of the SVG beside it."""
    s = doc["settings"]
    out = [
        "# Proof by planting",
        "",
        f"Written by `{doc['command']}` on {doc['date']}: {versions(doc)}.",
        "",
        *how(s, len(doc["tables"])),
        "",
        f"**Found: {said(doc['overall'])} of all plants at the promised dose**, in tables that have the promised rows "
        f"and not the fault already. Weakest: {weakest(doc)}.",
        "",
    ]
    if picture:
        out += [f"![Share of plants found, by dose]({picture})", ""]
    for make in (tables, power, misses, alarms, there, remedies, left_over):
        out += make(doc)
    return "\n".join(out).rstrip() + "\n"


def how(s: Mapping[str, Any], count: int) -> list[str]:
    doses = ", ".join(f"{m:g}" for m in s["multiples"])
    return [
        f"Every challenge put its own fault into {count} real tables of up to {s['rows']:,} rows (more where its "
        f"promise is for more), at {doses} times the promised dose, and was then asked alone, at level 0.05, "
        "whether it finds it. A plant counts as found where a claim that stands names what was planted. "
        f"{s['seeds']} seeds at the promised dose.",
        "",
        "What a table lacks it was lent: a time, group, id, site or text column drawn without regard to the rows; a "
        "pair of tables from its rows in two random halves; predictions of a linear model, from which the outcome was "
        "then drawn, so that they are right. Intervals are Clopper-Pearson, 95 %, and take trials as independent; "
        "those of one table are not quite.",
    ]


def versions(doc: Doc) -> str:
    return ", ".join(f"{name} {version}" for name, version in doc["versions"].items())


def said(s: Mapping[str, Any]) -> str:
    """``57 of 58 (98 %, 91 to 100)``."""
    if not s["n"]:
        return "-"
    return f"{s['k']} of {s['n']} ({100 * s['k'] / s['n']:.0f} %, {100 * s['low']:.0f} to {100 * s['high']:.0f})"


def short(s: Mapping[str, Any]) -> str:
    return f"{s['k']}/{s['n']}" if s["n"] else "-"


def weakest(doc: Doc) -> str:
    w = doc["weakest"]
    return f"{w['code']}, {said(w)}" if w else "-"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return [*lines, *(f"| {' | '.join(cell(v) for v in row)} |" for row in rows), ""]


def cell(value: Any) -> str:
    return " ".join(str(value).replace("|", "\\|").split()) or "-"


def tables(doc: Doc) -> list[str]:
    rows = [(t["name"], f"{t['rows']:,}", t["columns"], t["target"], t["source"]) for t in doc["tables"]]
    return ["## Tables", "", *table(("table", "rows", "columns", "target", "from"), rows)]


def power(doc: Doc) -> list[str]:
    multiples = sorted({d["multiple"] for r in doc["power"] for d in r["by_dose"]})
    head = ("code", "fault", "dose", "rows", "found at the dose", *(f"x {m:g}" for m in multiples if m != 1),
            "too few rows", "already there", "no place for it")  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for r in doc["power"]:
        by = {d["multiple"]: short(d) for d in r["by_dose"]}
        rows.append((r["code"], r["name"], f"{r['dose']:g}", f"{r['rows']:,}", said(r["power"]),
                     *(by.get(m, "") for m in multiples if m != 1), short(r["below_the_promise"]),
                     len(r["already_there"]) or "", len(r["not_applicable"]) or ""))  # fmt: skip
    text = (
        "*Found at the dose*: plants of the promised dose, in tables with the promised rows. *x 0.25* and so on: other "
        "doses, one seed a table (no share is planted above 1). *Too few rows*: found at the dose in tables below the "
        "promise. The last two columns count tables."
    )
    return ["## Power", "", text, "", *table(head, rows)]


def misses(doc: Doc) -> list[str]:
    made = doc["misses"]
    if not made:
        return ["## Misses", "", "None.", ""]
    rows = [
        (m["code"], m["table"], f"{m['n']:,}", m["seed"], f"{m['dose']:.3g}", number(m["true_effect"]),
         number(m["effect"]), m["state"] + (" elsewhere" if m["stands"] else ""), ", ".join(m["columns"][:2]))
        for m in made[:SHOWN]
    ]  # fmt: skip
    more = [f"And {len(made) - SHOWN} more (`--output-format json` lists all).", ""] if len(made) > SHOWN else []
    head = ("code", "table", "rows", "seed", "dose", "true effect", "measured", "verdict", "planted in")
    return ["## Misses", "", "Plants of the promised dose that were not found.", "", *table(head, rows), *more]


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def alarms(doc: Doc) -> list[str]:
    total = {w: (sum(a[w]["k"] for a in doc["alarms"]), sum(a[w]["n"] for a in doc["alarms"]))
             for w in ("permuted", "halves", "clean")}  # fmt: skip
    from .summary import share

    rows: list[tuple[Any, ...]] = [
        (
            a["code"],
            a["name"],
            a["scope"],
            *(short(a[w]) for w in ("permuted", "halves", "clean")),
            ", ".join(a["where"]),
        )
        for a in doc["alarms"]
    ]
    rows.append(("**all**", "", "", *(said(share(*total[w])) for w in ("permuted", "halves", "clean")), ""))
    text = (
        "Findings where nothing was planted. *Permuted*: real tables whose target (for order challenges: the order) is "
        "permuted. *Halves, model*: real tables cut into two at random, and right predictions. *Clean*: "
        "generated tables of 2,000 rows without faults."
    )
    head = ("code", "fault", "scope", "permuted", "halves, model", "clean", "where")
    return ["## False alarms", "", text, "", *table(head, rows)]


def there(doc: Doc) -> list[str]:
    made = doc["already_there"]
    if not made:
        return []
    rows = [
        (r["code"], r["table"], (r["says"] or [""])[0][:110], short(r["grew"]), short(r["planted_named"]))
        for r in made[: 2 * SHOWN]
    ]
    text = (
        "Found before anything was planted, so neither power nor false alarm. *Grew*: the effect is larger with the "
        "plant. *Named*: a claim names the planted columns."
    )
    return ["## Already there", "", text, "", *table(("code", "table", "what it says", "grew", "named"), rows)]


def remedies(doc: Doc) -> list[str]:
    rows = []
    for r in doc["remedies"]:
        restored = f"{r['restored'] / r['cells']:.0%} / {r['emptied'] / r['cells']:.0%}" if r["cells"] else ""
        losses = [f"{r[k]:.3f}" if r[k] is not None else "" for k in ("loss_broken", "loss_mended")]
        rows.append((r["code"], r["where"], r["proof"], r["tables"], short(r["gone"]) if r["gone"]["n"] else "no ops",
                     restored, r["harmed"] if r["cells"] else "", *losses))  # fmt: skip
    text = (
        "The remedy of what was found, applied to the planted table. *Gone*: the finding no longer stands (remedies "
        "of rows, splits and training have no ops to apply here). *Cells*: of the planted cells, restored / emptied. "
        "*Loss*: held-out loss as a multiple of the loss without the fault, with the fault and after the remedy, "
        "median over tables. A leak makes the loss with the fault too small: the loss that comes back is the result."
    )
    head = ("code", "where", "proof", "tables", "gone", "cells", "others changed", "loss with it", "after")
    return ["## Remedies", "", text, "", *table(head, rows)] if rows else []


def left_over(doc: Doc) -> list[str]:
    out: list[str] = []
    rows: list[tuple[Any, ...]]
    if doc["not_planted"]:
        rows = [(r["code"], r["why"]) for r in doc["not_planted"]]
        out += ["## Not planted", "", *table(("code", "why"), rows)]
    if doc["errors"]:
        rows = [(r["code"], r["table"], r["why"]) for r in doc["errors"][:SHOWN]]
        out += ["## Failed to run", "", *table(("code", "table", "what happened"), rows)]
    return out
