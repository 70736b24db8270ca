"""From records to what is said: power by challenge and dose, false alarms, remedies, misses."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from assay.audit.catalogue import catalogue
from assay.stats.shares import share_interval

Record = Mapping[str, Any]
COVERAGE = 0.95
FAMILIES = {"D": "data and labels", "L": "data and labels", "K": "leakage"}
OTHERS = "sampling and model"
REAL_SCOPES = ("comparison", "model")  # on lent ground the untouched table is a null, or all but one


def share(k: int, n: int) -> dict[str, Any]:
    """k of n with its Clopper-Pearson interval (95 %); nothing where n is 0."""
    if n == 0:
        return {"k": 0, "n": 0, "low": None, "high": None}
    lo, hi = share_interval(k, n, 1 - COVERAGE)
    return {"k": k, "n": n, "low": round(float(lo), 6), "high": round(float(hi), 6)}


def summary(records: Sequence[Record], codes: Collection[str], head: Mapping[str, Any]) -> dict[str, Any]:
    """The proof as JSON data. ``records`` are of one run, ``head`` says how it was made."""
    by_code: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_code[record["code"]].append(record)
    there = already(records)
    chosen = [code for code in catalogue() if code in codes]
    power = [row for code in chosen if (row := power_of(code, by_code[code], there)) is not None]
    pooled = share(sum(r["power"]["k"] for r in power), sum(r["power"]["n"] for r in power))
    measured = [r for r in power if r["power"]["n"]]
    weakest = min(measured, key=lambda r: r["power"]["k"] / r["power"]["n"], default=None)
    return {
        "kind": "proof", "schema_version": 1, **head,
        "power": power, "overall": pooled,
        "weakest": weakest and {"code": weakest["code"], **weakest["power"]},
        "curves": curves(records, there),
        "alarms": [row for code in chosen if (row := alarms_of(code, by_code[code])) is not None],
        "already_there": there_rows(records, there),
        "remedies": [row for code in chosen if (row := remedy_of(code, by_code[code])) is not None],
        "misses": [miss(r) for r in records if counted(r, there) and not r["found"]],
        "errors": [brief(r) for r in records if r["state"] == "error"],
        "not_planted": not_planted(chosen, by_code),
    }  # fmt: skip


def already(records: Sequence[Record]) -> set[tuple[str, str]]:
    """(code, table) pairs whose fault was found before anything was planted."""
    return {(r["code"], r["table"]) for r in records if r["kind"] == "untouched" and r.get("found")}


def tried(r: Record) -> bool:
    """A plant that could be made and measured."""
    return r["kind"] == "plant" and r["state"] not in ("not-applicable", "error")


def counted(r: Record, there: set[tuple[str, str]]) -> bool:
    """A plant of the promised dose, in a table large enough for the promise and without the fault before."""
    return tried(r) and r["multiple"] == 1.0 and large(r) and (r["code"], r["table"]) not in there


def large(r: Record) -> bool:
    return bool(r["n"] >= catalogue()[r["code"]].CHALLENGE.promise.n)


def power_of(code: str, records: Sequence[Record], there: set[tuple[str, str]]) -> dict[str, Any] | None:
    plants = [r for r in records if r["kind"] == "plant"]
    if not plants:
        return None
    c = catalogue()[code].CHALLENGE
    mine = [r for r in plants if tried(r) and (code, r["table"]) not in there]
    at = [r for r in mine if r["multiple"] == 1.0]
    big, small = [r for r in at if large(r)], [r for r in at if not large(r)]
    doses = sorted({(r["multiple"], r["dose"]) for r in mine})
    return {
        "code": code, "name": c.name, "dose": c.promise.dose, "rows": c.promise.n,
        "power": share(sum(r["found"] for r in big), len(big)),
        "below_the_promise": share(sum(r["found"] for r in small), len(small)),
        "tables": sorted({r["table"] for r in big}),
        "small_tables": sorted({r["table"] for r in small}),
        "already_there": sorted(t for k, t in there if k == code),
        "not_applicable": sorted({r["table"] for r in plants if r["state"] == "not-applicable"}),
        "by_dose": [
            {"multiple": m, "dose": d} | share(sum(r["found"] for r in own), len(own))
            for m, d in doses
            if (own := [r for r in mine if r["multiple"] == m and (large(r) or not big)])
        ],
    }  # fmt: skip


def curves(records: Sequence[Record], there: set[tuple[str, str]]) -> dict[str, list[Any]]:
    """Share found by multiple of the promised dose, by family; 0 is the untouched table with nothing found in it."""
    out: dict[str, dict[float, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for r in records:
        if tried(r) and large(r) and (r["code"], r["table"]) not in there:
            out[FAMILIES.get(r["code"][0], OTHERS)][r["multiple"]].append(bool(r["found"]))
    names = [name for name in (*dict.fromkeys(FAMILIES.values()), OTHERS) if name in out]
    return {name: [[m, share(sum(v), len(v))] for m, v in sorted(out[name].items())] for name in names}


def alarms_of(code: str, records: Sequence[Record]) -> dict[str, Any] | None:
    """How often the challenge spoke where it should not."""
    c = catalogue()[code].CHALLENGE
    ran = [r for r in records if r["kind"] != "plant" and r["state"] not in ("not-applicable", "error")]
    mixed = [r for r in ran if r["kind"] == "mixed"]
    clean = [r for r in ran if r["kind"] == "clean"]
    halves = [r for r in ran if r["kind"] == "untouched" and c.scope in REAL_SCOPES and r["table"] != "generated"]
    if not mixed and not clean and not halves:
        return None
    loud = Counter(r["table"] for r in (*mixed, *halves) if r["found"])
    return {
        "code": code, "name": c.name, "scope": c.scope,
        "permuted": share(sum(r["found"] for r in mixed), len(mixed)),
        "halves": share(sum(r["found"] for r in halves), len(halves)),
        "clean": share(sum(r["found"] for r in clean), len(clean)),
        "where": [f"{table} {k}" for table, k in sorted(loud.items())],
    }  # fmt: skip


def there_rows(records: Sequence[Record], there: set[tuple[str, str]]) -> list[dict[str, Any]]:
    """Faults that a table has by itself: what was said of it, and whether more of it makes the effect larger."""
    out = []
    for code, table in sorted(there):
        own = [r for r in records if (r["code"], r["table"]) == (code, table)]
        first = next(r for r in own if r["kind"] == "untouched")
        sizes = [r["effect"] for r in own if tried(r) and r["multiple"] == 1.0 and r["effect"] is not None]
        base = first["effect"] or 0.0
        out.append({"code": code, "table": table, "says": first["says"][:1], "effect": base,
                    "planted_named": share(sum(bool(r["found"]) for r in own if tried(r) and r["multiple"] == 1.0),
                                           sum(tried(r) and r["multiple"] == 1.0 for r in own)),
                    "grew": share(sum(s > base for s in sizes), len(sizes))})  # fmt: skip
    return out


def remedy_of(code: str, records: Sequence[Record]) -> dict[str, Any] | None:
    made = [r["remedy"] for r in records if r.get("remedy") and r["remedy"].get("where")]
    if not made:
        return None
    acted = [m for m in made if "gone" in m]
    cells = [m for m in acted if "cells" in m]
    scored = [m for m in acted if "score_mended" in m]
    return {
        "code": code, "name": catalogue()[code].CHALLENGE.name, "where": made[0]["where"],
        "proof": made[0]["proof"], "safety": made[0]["safety"], "tables": len(made),
        "gone": share(sum(m["gone"] for m in acted), len(acted)),
        **{word: sum(m[word] for m in cells) for word in ("cells", "restored", "emptied", "harmed")},
        "scored": len(scored),
        **{f"loss_{w}": ratio(scored, w) for w in ("broken", "mended")},
    }  # fmt: skip


def ratio(made: Sequence[Record], word: str) -> float | None:
    """Median over tables of the held-out loss, as a multiple of the loss without the fault."""
    from statistics import median

    found = [m[f"loss_{word}"] / m["loss_clean"] for m in made if m["loss_clean"] > 0]
    return round(median(found), 4) if found else None


def miss(r: Record) -> dict[str, Any]:
    return brief(r) | {"dose": r["dose"], "effect": r["effect"], "true_effect": r["true_effect"],
                       "columns": r["columns"], "state": r["state"], "stands": r["stands"]}  # fmt: skip


def brief(r: Record) -> dict[str, Any]:
    return {key: r[key] for key in ("code", "table", "kind", "multiple", "seed", "n", "why") if key in r}


def not_planted(codes: Sequence[str], by_code: Mapping[str, Sequence[Record]]) -> list[dict[str, Any]]:
    """Challenges that have no plant, or whose plant could be made nowhere, and why."""
    out = []
    for code in codes:
        records = [r for r in by_code[code] if r["kind"] in ("plant", "untouched")]
        if not callable(getattr(catalogue()[code], "plant", None)):
            out.append({"code": code, "why": "it has no plant"})
        elif records and not any(tried(r) for r in records):
            why = Counter(r["why"] for r in records if r["state"] in ("not-applicable", "error"))
            out.append({"code": code, "why": why.most_common(1)[0][0] if why else "no trial was made"})
    return out
