"""What a model cost and costs: resources of the run, the forecast and what came, score against size and latency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .numbers import count, plain, short

MB = 1 << 20


def resource_pairs(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and value of everything that the run used; what is unknown says why."""
    used = model.get("resources") or {}
    if not used:
        return []
    out = [
        ("CPU seconds of the whole run", short(used.get("cpu_seconds"))),
        ("wall seconds", short(used.get("wall_seconds"))),
        ("peak memory", f"{count(used.get('peak_mb') or 0)} MB"),
        ("energy", _known(used.get("joules"), "J", used.get("energy_says", ""))),
        ("CO2", _known(used.get("co2_grams"), "g", used.get("co2_says", ""))),
    ]
    return [(label, plain(said)) for label, said in out]


def _known(value: float | None, unit: str, says: str) -> str:
    return f"{short(value)} {unit}, {says}" if value is not None else f"not known: {says}"


def bound_rows(model: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Bounds on the score of the judged model, with the method of each and whether it is exact."""
    rows = [
        (
            plain(b.get("metric", "")),
            short(b.get("value"), 4),
            f"{short(b['interval'][0])} to {short(b['interval'][1])}" if b.get("interval") else "-",
            "exact" if b.get("exact") else "near",
            plain(b.get("how", "")),
        )
        for b in model.get("bounds") or []
    ]
    return [("measure", "value", "95 % between", "", "method"), *rows] if rows else []


def pareto_rows(model: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The table of score, size, latency and CPU, its head first; empty where nothing was measured."""
    rows = [
        (
            plain(p.get("name", "")) + (" (shipped)" if p.get("of") == "shipped" else ""),
            short(p.get("loss"), 4),
            ("at most " if p.get("of") == "counted" else "") + f"{(p.get('size') or 0) / MB:.2f} MB",
            "-" if p.get("latency") is None else f"{short(p['latency'])} us",
            f"{short(p.get('cpu_seconds'))} s",
            _verdict(p),
        )
        for p in model.get("pareto") or []
    ]
    return [("model", "loss", "size", "one row", "CPU of one training", ""), *rows] if rows else []


def _verdict(p: Mapping[str, Any]) -> str:
    if p.get("barred"):
        return f"not chosen: {plain(p['barred'])}"
    return f"dominated by {plain(p['dominated_by'])}" if p.get("dominated_by") else ""


def forecast_rows(model: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What was said beforehand, and what came; empty where nothing was forecast."""
    made = model.get("forecast") or {}
    rows: list[tuple[str, ...]] = []
    for line in made.get("lines") or []:
        low, high = line.get("lo"), line.get("hi")
        rows.append(
            (
                plain(line.get("what", "")),
                short(line.get("value")),
                f"{short(low)} to {short(high)}" if low is not None and high is not None else "-",
                short(line.get("came")) if line.get("came") is not None else "-",
                plain(line.get("unit", "")),
            )
        )
    return [("", "forecast", "between", "came", ""), *rows] if rows else []
