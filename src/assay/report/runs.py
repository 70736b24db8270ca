"""Runs side by side: best first among those that were judged on the same rows in the same measure, ties marked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from assay.core.aim import FALLING

from .numbers import decimals, plain, plural, short, span

TIE = "="
HEAD = ("", "score", "between", "seed", "CPU s", "looks", "recipe", "commit", "size", "µs", "file")


def ranked(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Groups that may be compared, the largest first, each {target, metric, on, rows, data, runs}; in each the best run
    comes first.

    A run is ``tied`` where its interval holds the best one's score, or the best one's holds its: which of the two is
    better these rows cannot tell. (Their difference on the same rows could tell more; the rows are not kept.)
    """
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run.get("target"), run.get("metric"), run.get("tested")), []).append(dict(run))
    out = []
    for (target, metric, tested), own in groups.items():
        sign = -1.0 if metric in FALLING else 1.0
        own.sort(key=lambda r: (r.get("score") is None, -sign * (r.get("score") or 0.0), str(r.get("time"))))
        for place, run in enumerate(own):
            run["tied"] = place > 0 and tied(run, own[0])
        looks = [r["looks"] for r in own if r.get("looks")]
        out.append({
            "target": target, "metric": metric, "tested": tested, "on": own[0].get("on"), "rows": own[0].get("rows"),
            "data": sorted({str(r.get("data")) for r in own}), "looks": max(looks, default=None), "runs": own,
        })  # fmt: skip
    return sorted(out, key=lambda group: -len(group["runs"]))


def tied(run: Mapping[str, Any], best: Mapping[str, Any]) -> bool:
    def holds(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
        ends, value = a.get("interval"), b.get("score")
        return bool(ends and value is not None and ends[0] <= value <= ends[1])

    return holds(run, best) or holds(best, run)


def title(group: Mapping[str, Any]) -> str:
    said = f"{plain(group['target'])} of {', '.join(map(plain, group['data']))}, {plain(group['metric'] or 'no score')}"
    where = f" on {plural(int(group['rows'] or 0), 'row')} ({plain(group['on'])})" if group["on"] else ""
    return said + where


def row(run: Mapping[str, Any]) -> tuple[str, ...]:
    metric = str(run.get("metric"))
    size = run.get("size")
    return (
        TIE if run["tied"] else "",
        decimals(run.get("score"), metric),
        span(run.get("interval"), metric) or "-",
        plain(run.get("seed", "-")),
        short(run.get("cpu_seconds"), 2),
        plain(run.get("looks") or "-"),
        plain(run.get("recipe") or "-")[:6],
        plain(run.get("commit") or "-")[:7],
        "-" if size is None else f"{size / 1e6:.2f} MB",
        short(run.get("latency"), 2),
        plain(run.get("file") or run.get("time") or "-"),
    )


def ends(group: Mapping[str, Any]) -> list[str]:
    """What stands under a group's table."""
    said = []
    n = sum(r["tied"] for r in group["runs"])
    if n:
        said.append(f"{TIE} not told apart from the first by these rows ({plural(n, 'run')})")
    if group["looks"]:
        said.append(f"the test was looked at {plural(group['looks'], 'time')}; later intervals pay for it")
    return said


def text(groups: Sequence[Mapping[str, Any]], width: int = 80) -> str:
    """Aligned columns; the last is shortened where the page is too narrow, and columns that say nothing go."""
    out: list[str] = []
    for group in groups:
        rows = [HEAD, *(row(r) for r in group["runs"])]
        used = [i for i in range(len(HEAD)) if i < 2 or any(r[i] not in ("", "-") for r in rows[1:])]
        wide = {i: max(len(r[i]) for r in rows) for i in used}
        out += [title(group)]
        for r in rows:
            out.append("  ".join(r[i].ljust(wide[i]) for i in used).rstrip()[:width])
        out += [*ends(group), ""]
    if len(groups) > 1:
        out += [f"{len(groups)} groups: runs on other targets, measures or test rows have no common order", ""]
    return "\n".join(out)


def markdown(groups: Sequence[Mapping[str, Any]]) -> str:
    out: list[str] = []
    for group in groups:
        out += [f"### {title(group)}", "", f"| {' | '.join(HEAD)} |", f"|{'|'.join('-' for _ in HEAD)}|"]
        out += [f"| {' | '.join(cell.replace('|', '/') for cell in row(r))} |" for r in group["runs"]]
        out += ["", *(f"{said}." for said in ends(group)), ""]
    return "\n".join(out)


def as_json(groups: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps({"kind": "runs", "groups": list(groups)}, indent=2, ensure_ascii=False) + "\n"
