"""The terminal page: 80 columns, plain or coloured, made from the JSON form only."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .compare import sections
from .groups import Card, cards, trial_words
from .numbers import amount, count, decimals, listed, percent, plain, plural, short, span
from .scores import bar_shares

if TYPE_CHECKING:
    from rich.text import Text

STYLES = {"critical": "bold red", "warning": "bold yellow", "advice": "bold blue"}
STATES = {
    "not-ready": "bold red",
    "warnings": "bold yellow",
    "nothing-found": "bold green",
    "nothing-checked": "bold yellow",
}
DETAILED = 12  # cards shown with sentence and fix; the rest get one line each
LISTED = 40
BAR = 20
ROLES = {
    "order": "time",
    "group": "group",
    "id": "id",
    "protected": "protected",
    "weight": "weight",
    "split": "split",
    "site": "site",
    "asked_at": "asked at",
}
FLAGS = {"order": "--time", "group": "--group", "protected": "--protected"}  # any other: --role


def text(doc: Mapping[str, Any], *, colour: bool = False, width: int = 80) -> str:
    """A report or dossier as text, no line wider than ``width`` (at least 60)."""
    if doc.get("kind") == "fit":
        from .dossier import dossier_lines

        return show(dossier_lines(doc, max(60, width)), colour)
    return show(report_lines(doc, max(60, width)), colour)


def show(lines: Iterable[Text], colour: bool) -> str:
    """Lines as one text; colours as ANSI codes."""
    if not colour:
        return "".join(line.plain.rstrip() + "\n" for line in lines)
    from rich.console import Console

    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard", width=1000, highlight=False)
    with console.capture() as capture:
        for line in lines:
            console.print(line, no_wrap=True, crop=False, soft_wrap=True)
    return capture.get()


def report_lines(doc: Mapping[str, Any], width: int) -> Iterator[Text]:
    yield from head_lines(doc, width)
    yield line()
    yield from verdict_lines(doc["summary"]["sentence"], doc["summary"]["state"], width)
    yield from score_lines(doc["summary"]["scores"], width)
    yield line()
    grouped = cards(doc["findings"])
    for card in grouped[:DETAILED]:
        yield from card_lines(card, width)
    for card in grouped[DETAILED:LISTED]:
        yield card_head(card, width)
    if len(grouped) > LISTED:
        yield line((f"and {plural(len(grouped) - LISTED, 'more finding')}; all of them: -o report.html", "dim"))
    if grouped:
        yield line()
    yield from tally_lines(doc, width)
    for said in sections(doc):
        yield from wrap(said, width, "", "  ", "" if said[:2] in ("+ ", "- ", "~ ", "? ") else "bold")
    yield line()
    yield from next_lines(doc.get("next", []), width)


def line(*parts: str | tuple[str, str]) -> Text:
    from rich.text import Text

    return Text.assemble(*parts)


def cells(words: str) -> int:
    from rich.cells import cell_len

    return cell_len(words)


def cut(words: str, width: int) -> str:
    """Shorten to at most ``width`` cells, with an ellipsis where something is lost."""
    from rich.cells import set_cell_size

    return words if cells(words) <= width else set_cell_size(words, max(0, width - 1)).rstrip() + "…"


def wrap(words: str, width: int, indent: str = "", hang: str = "", style: str = "") -> Iterator[Text]:
    """Break at spaces; inside a word only where it is wider than the page."""
    for row in broken(plain(words), width, indent, hang):
        yield line((row, style))


def broken(words: str, width: int, indent: str = "", hang: str = "") -> list[str]:
    rows, row, empty = [], indent, True
    for word in words.split(" "):
        while cells(word) > width - cells(hang):
            head = cut(word, width - cells(hang)).removesuffix("…")
            rows += [hang + head] if empty else [row, hang + head]
            row, empty, word = hang, True, word[len(head) :]
        if not empty and cells(row) + 1 + cells(word) > width:
            rows.append(row)
            row, empty = hang, True
        row, empty = row + ("" if empty else " ") + word, False
    return [*rows, row]


def verdict_lines(sentence: str, state: str, width: int) -> Iterator[Text]:
    """The first sentence, its opening capitals in the colour of the verdict."""
    first, *rest = broken(plain(sentence), width)
    capitals = re.match(r"[A-Z]{2,}( [A-Z]{2,})*[.:]?", first)
    end = capitals.end() if capitals else 0
    yield line((first[:end], STATES.get(state, "bold")), (first[end:], "bold"))
    for row in rest:
        yield line((row, "bold"))


def sides(left: str, right: str, width: int) -> str:
    left = cut(left, width - cells(right) - 2)
    return left + " " * (width - cells(left) - cells(right)) + right


def head_lines(doc: Mapping[str, Any], width: int) -> Iterator[Text]:
    subject, cost = doc["subject"], doc.get("cost", {})
    size = f"  {count(subject['rows'])} x {count(subject['columns'])}"
    time = f"  {cost['seconds']:.1f} s" if cost.get("seconds") is not None else ""
    right = f"assay {plain(doc['assay'])}{time}  seed {plain(doc['seed'])}"
    yield line((sides(cut(plain(subject["name"]), width - cells(right) - cells(size) - 2) + size, right, width), "dim"))
    if subject["target"] is not None:
        yield from wrap(target_words(subject), width, "target  ", " " * 8)
    roles = role_words(subject["roles"])
    if roles:
        yield from wrap(roles, width, "roles   ", " " * 8)
    for note in subject.get("notes", []):
        yield from wrap(note, width, "note    ", " " * 8, style="dim")


def target_words(subject: Mapping[str, Any]) -> str:
    classes, words = subject["classes"], plain(subject["target"])
    total = sum(classes.values())
    if total and subject["positive"] in classes:
        words += f": {plain(subject['positive'])} {percent(classes[subject['positive']] / total)}"
    elif total:
        words += f": {plural(len(classes), 'class', 'classes')}, rarest {percent(min(classes.values()) / total)}"
    elif subject["task"]:
        words += f": {subject['task']}"
    if subject["unknown_target"]:
        words += f"; {count(subject['unknown_target'])} unknown, not used to score"
    return words


def role_words(roles: Mapping[str, Any]) -> str:
    named = [(k, v) for k, v in roles.items() if k != "target"]
    words = ", ".join(
        f"{ROLES.get(k, k)} {listed(v['columns'], 3)}{' (guessed)' if v['source'] == 'guess' else ''}" for k, v in named
    )
    flags = " ".join(dict.fromkeys(FLAGS.get(k, "--role") for k, v in named if v["source"] == "guess"))
    return f"{words}; change: {flags}" if flags else words


def score_lines(scores: Sequence[Mapping[str, Any]], width: int) -> Iterator[Text]:
    label_width = min(max((cells(plain(s["label"])) for s in scores), default=0), width - BAR - 22)
    metric_width = max((cells(plain(s["metric"])) for s in scores), default=0)
    last = ""
    for s, share in zip(scores, bar_shares(scores), strict=True):
        metric = plain(s["metric"]) if s["metric"] != last else ""
        last = s["metric"]
        label = cut(plain(s["label"]), label_width)
        label += " " * (label_width - cells(label))
        start = f"  {metric:<{metric_width}}  {label}  {decimals(s['value'], s['metric']):>6}  "
        bar = "#" * round(BAR * share)
        note = f"  <- {plain(s['note'])}" if s["note"] else ""
        if cells(start) + len(bar) + cells(note) > width:
            note = cut(note, max(0, width - cells(start) - len(bar)))
        strong = "bold" if s["headline"] else ""
        yield line((start, strong), (bar, "cyan"), (note, strong))


def card_head(card: Card, width: int) -> Text:
    f, effect = card.head, cut(card.effect, 34)
    left, level = f"{card.rank} ", f"{f['severity'].upper():<8}"
    name = f" {plain(f['code'])} {plain(f['name']):<16}"
    used = cells(left + level + name)
    room = width - used - cells(effect) - 4
    about = column_words(card.columns or [plain(f["slice"] or f["comparison"] or "")], room)
    pad = " " * max(2, width - used - 2 - cells(about) - cells(effect))
    if used + 2 + cells(about) + len(pad) + cells(effect) > width:
        effect = cut(effect, max(0, width - used - 2 - cells(about) - len(pad)))
    return line((left, "dim"), (level, STYLES.get(f["severity"], "")), (name, "bold"), "  ", about, (pad + effect, ""))


def column_words(names: list[str], room: int) -> str:
    """As many names as fit, then "+3"; a count where a finding is about many columns at once."""
    if len(names) > 8:
        return cut(plural(len(names), "column"), room)
    for shown in range(len(names), 0, -1):
        more = f" +{len(names) - shown}" if shown < len(names) else ""
        words = ", ".join(names[:shown]) + more
        if cells(words) <= room:
            return words
    return cut(names[0] if names else "", max(0, room - 4)) + (f" +{len(names) - 1}" if len(names) > 1 else "")


def card_lines(card: Card, width: int) -> Iterator[Text]:
    yield card_head(card, width)
    f = card.head
    yield from wrap(f["message"], width, "  ", "  ")
    if len(card.findings) > 1:
        yield line((f"  and {count(len(card.findings) - 1)} more like it", "dim"))
    if card.ask:
        columns = listed([c for g in card.findings if g["ask"] for c in g["columns"]], 4)
        yield from wrap(
            f"ASK: are these known when the question is asked? {columns}: --known or --unknown",
            width,
            "  ",
            "  ",
            "magenta",
        )
    elif f["remedy"]:
        yield from wrap(f"fix: {fix_words(f)}", width, "  ", "  ", "green")


def fix_words(f: Mapping[str, Any]) -> str:
    remedy, proof = f["remedy"], f["proof"]
    if remedy["proof"] == "honesty":
        return f"{remedy['says']} (fit does)"
    tried = trial_words(proof) if proof and proof["kind"] == "gain" else ""
    return f"{remedy['says']} ({remedy['safety']})" + (f"; trial: {tried}, {proof['state']}" if tried else "")


def tally_lines(doc: Mapping[str, Any], width: int) -> Iterator[Text]:
    summary = doc["summary"]
    verdicts = summary["verdicts"]
    parts = [f"{verdicts['found']} of {plural(summary['challenges'], 'challenge')} found"]
    words = {
        "clear": "clear",
        "no-sign": "no sign",
        "undecided": "undecided",
        "not-applicable": "not applicable",
        "skipped": "skipped",
        "ignored": "ignored",
        "error": "failed to run",
    }
    parts += [f"{verdicts[v]} {said}" for v, said in words.items() if verdicts[v]]
    yield from wrap(" | ".join(parts), width)
    for v in doc["verdicts"]:
        if v["verdict"] == "error":
            yield from wrap(f"{v['code']} {v['name']} failed: {v['reason']}", width, "  ", "  ", "bold red")
        elif v["verdict"] == "not-applicable" and doc["summary"]["state"] == "nothing-checked":
            yield from wrap(f"{v['code']} {v['name']}: {v['reason']}", width, "  ", "  ", "dim")
        elif v["verdict"] == "undecided":
            need = f"; about {count(v['n_needed'])} rows would decide" if v["n_needed"] else ""
            yield from wrap(f"{v['code']} {v['name']} undecided: {v['reason']}{need}", width, "  ", "  ", "dim")
    if summary["tests"]:
        level = short(100 * summary["level"])
        yield from wrap(
            f"{plural(summary['tests'], 'test')} tried; expected false claims among those made: at most {level} %",
            width,
        )


def next_lines(steps: list[Mapping[str, str]], width: int) -> Iterator[Text]:
    """Commands to paste: one too long is broken with a backslash, which a shell reads as one line."""
    for i, step in enumerate(steps):
        start, says = "next  " if i == 0 else "      ", plain(step["says"])
        rows = broken(plain(step["command"]), width - 2, start, " " * 10)
        for k, row in enumerate(rows):
            more = " \\" if k < len(rows) - 1 else ""
            if more or not says or cells(row) + 2 + cells(says) > width:
                yield line((row[:6], "dim"), (row[6:] + more, "cyan"))
            else:
                pad = " " * max(2, min(48, width - cells(says)) - cells(row))
                yield line((row[:6], "dim"), (row[6:], "cyan"), (pad + says, "dim"))
                says = ""
        if says:
            yield line((" " * 10 + cut(says, width - 10), "dim"))


def interval_words(f: Mapping[str, Any]) -> str:
    between = span(f["interval"], f["unit"])
    return amount(f["effect"], f["unit"]) + (f" [{between}]" if between else "")
