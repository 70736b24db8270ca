"""Findings of one challenge and severity read as one card: what to do first, in the order of the ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .numbers import amount, decimals, plain

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Card:
    """One numbered line of a report: a challenge at a severity, with its findings, worst first."""

    rank: int
    findings: tuple[Json, ...]

    @property
    def head(self) -> Json:
        return self.findings[0]

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(plain(c) for f in self.findings for c in f["columns"]))

    @property
    def ask(self) -> bool:
        return any(f["ask"] for f in self.findings)

    @property
    def charted(self) -> Json | None:
        return next((f for f in self.findings if f.get("chart")), None)

    @property
    def effect(self) -> str:
        """The size in its unit; "up to" the largest where several findings share the unit."""
        values = [f["effect"] for f in self.findings if f["unit"] == self.head["unit"] and f["effect"] is not None]
        if not values:
            return ""
        worst = max(values, key=abs)
        return ("up to " if len(values) > 1 else "") + amount(worst, self.head["unit"])


def cards(findings: Sequence[Json]) -> list[Card]:
    """Group findings by challenge and severity; a group stands where its first finding ranks."""
    grouped: dict[tuple[str, str], list[Json]] = {}
    for f in findings:
        grouped.setdefault((f["code"], f["severity"]), []).append(f)
    return [Card(i, tuple(group)) for i, group in enumerate(grouped.values(), 1)]


def remedy_lines(remedy: Json | None) -> list[tuple[str, str]]:
    """A remedy as a diff: (sign, text), where the sign is "-", "+" or "~"."""
    return [_op_line(op) for op in (remedy or {}).get("ops", [])]


def _op_line(op: Json) -> tuple[str, str]:
    columns, args = ", ".join(plain(c) for c in op["columns"]), op.get("args", {})
    said = {
        "drop_column": ("-", columns),
        "indicator": ("+", f"{plain(args.get('name', ''))}: was {columns} empty?"),
        "combine": ("+", f"{plain(args.get('name', ''))}: from {columns}"),
        "rename": ("~", f"{columns} is called {plain(args.get('name', ''))}"),
        "cast": ("~", f"{columns}: read as {plain(args.get('to', ''))}"),
        "null_if": ("~", f"{columns}: {', '.join(map(plain, args.get('values', [])[:6]))} become empty"),
        "null_outside": ("~", f"{columns}: empty outside {plain(args.get('lo'))} to {plain(args.get('hi'))}"),
        "parse_date": ("~", f"{columns}: text becomes a date"),
        "clock_to_minutes": ("~", f"{columns}: HHMM becomes minutes since midnight"),
        "look_up": ("~", f"{plain(op['columns'][-1])}: read off {plain(op['columns'][0])} where it is known"),
        "map_values": ("~", f"{columns}: {len(args.get('mapping', {}))} spellings mapped"),
    }
    return said.get(op["name"], ("~", f"{columns}: {plain(op['name']).replace('_', ' ')}"))


def trial_words(proof: Json | None) -> str:
    """``0.568 -> 0.634 AUC`` where a trial measured both, else empty."""
    if not proof or proof["before"] is None or proof["after"] is None:
        return ""
    return f"{decimals(proof['before'], proof['unit'])} -> {amount(proof['after'], proof['unit'])}"
