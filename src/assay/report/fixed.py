"""What a repair did, as 80 columns of text: each repair with its proof and a diff of the cells that it changes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .groups import remedy_lines
from .numbers import count, plain, plural

EXAMPLES, WAITING = 3, 12


def fixed_text(doc: Mapping[str, Any], *, width: int = 80, next_steps: Sequence[tuple[str, str]] = ()) -> str:
    """A fix document (``kind`` "fix") as text, no line wider than ``width``."""
    return "".join(line.rstrip() + "\n" for line in lines(doc, width, next_steps))


def lines(doc: Mapping[str, Any], width: int, next_steps: Sequence[tuple[str, str]]) -> Iterator[str]:
    table, made = doc["table"], doc["made"]
    yield f"{plain(table['name'])}  {count(table['rows'])} x {count(table['columns'])}"
    applied = [r for r in doc["repairs"] if r["applied"]]
    waiting = [r for r in doc["repairs"] if not r["applied"]]
    yield ""
    if not applied:
        yield "nothing to repair" if not doc["repairs"] else "nothing is repaired without your word"
    for i, repair in enumerate(applied, 1):
        yield from repair_lines(i, repair, width)
    if waiting:
        yield ""
        yield f"not applied: {count(len(waiting))}"
        for repair in waiting[:WAITING]:
            head = f"  {repair['code']} {plain(repair['says'])}"
            yield from textwrap.wrap(head, width, subsequent_indent="      ", max_lines=2, placeholder=" ...")
            yield from textwrap.wrap(
                f"because: {plain(repair['waits'])}", width, initial_indent="      ", subsequent_indent="      ",
                max_lines=2, placeholder=" ...",
            )  # fmt: skip
        if len(waiting) > WAITING:
            yield f"  and {count(len(waiting) - WAITING)} more: --output-format json"
    yield ""
    if doc["together"] is not None:
        yield from textwrap.wrap(f"together: {doc['together']['why']} ({doc['together']['state']})", width)
    gone = table["rows"] - made["rows"]
    yield (
        f"{plural(made['cells'], 'cell')} changed, {plural(gone, 'row')} left out; now {count(made['rows'])} x "
        f"{count(made['columns'])}"
    )
    again = doc.get("again")
    if again:
        yield f"checked again: {count(again['after'])} of {plural(again['before'], 'repaired finding')} still stand"
        for said in again["still"][:EXAMPLES]:
            yield from textwrap.wrap(
                f"  {plain(said)}", width, subsequent_indent="      ", max_lines=2, placeholder=" ..."
            )
    for path, what in (doc.get("written") or {}).items():
        yield f"{plain(what)}  {plain(path)}"
    if next_steps:
        yield ""
        for i, (command, says) in enumerate(next_steps):
            yield f"{'next' if i == 0 else '    '}  {command}"
            yield f"        {says}"


def repair_lines(i: int, repair: Mapping[str, Any], width: int) -> Iterator[str]:
    proof = repair["proof"]
    head = f"{i} {repair['safety'].upper():6} {repair['code']} {repair['name']}"
    yield head + f"proof: {proof['state']}".rjust(max(2, width - len(head)))
    for part in textwrap.wrap(plain(repair["says"]), width - 2, max_lines=3, placeholder=" ..."):
        yield f"  {part}"
    if proof["why"]:
        yield from textwrap.wrap(
            f"{proof['kind']}: {plain(proof['why'])}", width, initial_indent="  ", subsequent_indent="  ",
            max_lines=2, placeholder=" ...",
        )  # fmt: skip
    if not repair["changes"]:
        for sign, said in remedy_lines(repair):
            yield f"  {sign} {said}"[:width]
    for change in repair["changes"]:
        for example in change["examples"][:EXAMPLES]:
            cells = plural(example["cells"], "cell")
            room = width - 8 - len(cells)
            yield f"  - {cut(change['column'] + '  ' + cell(example['was']), room)}  {cells}"
            yield f"  + {cut(change['column'] + '  ' + cell(example['now']), room)}"
        shown = sum(e["cells"] for e in change["examples"][:EXAMPLES])
        if change["cells"] > shown:
            yield f"    {cut(change['column'], 40)}: {plural(change['cells'] - shown, 'more cell')}"


def cell(value: str | None) -> str:
    if value is None:
        return "(empty)"
    value = plain(value)
    return repr(value) if not value or value != value.strip() else value


def cut(text: str, room: int) -> str:
    text = plain(text)
    return text if len(text) <= room else text[: max(1, room - 3)] + "..."
