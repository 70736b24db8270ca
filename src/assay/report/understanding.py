"""What a model goes by, in words: a few plain sentences, true to the numbers beside them, and the rows of the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .numbers import count, listed, percent, plain, plural, short

NAMED, MOST_ROWS, FIRST = 3, 12, 2
LABEL = 20  # characters of a column's name beside a bar
LITTLE = 0.005  # of what the usual answer loses: the price below which readable costs nothing that matters (M10)


def known(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """The understanding in a model's part of a dossier; empty where none was made."""
    given = model.get("understanding") or {}
    return given if given.get("importance") else {}


def name(entry: Mapping[str, Any]) -> str:
    """A column, or the columns that carry the same thing."""
    first, *more = entry["columns"]
    return plain(f"{first} with {_and(more)}" if more else first)


def summary(model: Mapping[str, Any]) -> list[str]:
    """Three to seven sentences on what the model goes by."""
    made = known(model)
    if not made:
        why = (model.get("understanding") or {}).get("why")
        return [f"What the model goes by was not measured: {plain(why)}."] if why else []
    told = [leading(made), *(s for s in (directions(made), together(made), chance(made), stable(made)) if s)]
    return [*told, *(s for s in (readable(made), weakest(model)) if s)]


def leading(made: Mapping[str, Any]) -> str:
    first = [e for e in made["importance"] if e.get("above_chance") is not False][:NAMED] or made["importance"][:1]
    of = " of what moves its answers"
    shares = [f"{name(e)} ({percent(round(e['share'], 2))}{of if e is first[0] else ''})" for e in first]
    others = made["columns"] - sum(len(e["columns"]) for e in first)
    left = 1 - sum(e["share"] for e in first)
    said = "The model goes mostly by " + _and(shares)
    if others > 0:
        rest = "the other column has" if others == 1 else f"the other {count(others)} columns share"
        said += f"; {rest} {percent(round(left, 2))}"
    return said + "."


def directions(made: Mapping[str, Any]) -> str:
    parts = []
    for e in made["effects"][:NAMED]:
        column, low, high = plain(e["column"]), _rounded(e["low"]), _rounded(e["high"])
        size = _moves(e["range"], made)
        if e["kind"] == "category":
            parts.append(f"is highest where {column} is {high} and lowest where it is {low} ({size} apart)")
        elif e["monotone"]:
            parts.append(f"{'rises' if e['direction'] == 'up' else 'falls'} with {column} (by {size} in all)")
        else:
            parts.append(f"goes up and down with {column}, lowest at {low} and highest at {high} ({size} apart)")
    if not parts:
        return ""
    of = made.get("effects_of") or made["answer"]
    what = f"The probability of {plain(of)}" if of and made["unit"] == "of probability" else ""
    return f"{what or 'The answer'} {_and(parts)}, other columns as they are."


def together(made: Mapping[str, Any]) -> str:
    groups = made["groups"]
    if not groups:
        return ""
    said = "; ".join(listed(g, 4) for g in groups[:FIRST])
    more = f" and {plural(len(groups) - FIRST, 'more group')}" if len(groups) > FIRST else ""
    why = "they are counted together, since credit between them is arbitrary"
    return f"Some columns carry the same thing ({said}{more}): {why}."


def chance(made: Mapping[str, Any]) -> str:
    asked = [e for e in made["importance"] if e.get("above_chance") is not None]
    if not asked:
        return ""
    under = [e for e in asked if not e["above_chance"]]
    if not under:
        return "Every column contributes more than shuffled copies of the columns do."
    if len(under) == len(asked):
        return (
            "No column contributes more than shuffled copies of the columns do: what the model goes by may be chance."
        )
    said = listed([name(e) for e in under], 5)
    return f"No more than a shuffled copy of a column, that is, no more than chance: {said}."


def stable(made: Mapping[str, Any]) -> str:
    s = made.get("stability") or {}
    if s.get("agreement") is None:
        return ""
    kept = f"the first column stays first in {percent(round(s['same_first'], 2))} of pairs of fits"
    how = "holds" if s["agreement"] >= 0.9 else "mostly holds" if s["agreement"] >= 0.7 else "does not hold well"
    return (
        f"Fitted again on rows drawn anew ({s['fits']} times), the order of the columns {how} "
        f"(rank agreement {s['agreement']:.2f}); {kept}."
    )


def readable(made: Mapping[str, Any]) -> str:
    r = made.get("readable")
    if not r:
        return ""
    if r["shipped"]:
        return f"The model can be read: it is {plain(r['name'])}."
    if not r["models"]:
        return ""
    best = r["models"][0]
    value, ends = best["value"], best.get("interval")
    between = f" ({percent(ends[0])} to {percent(ends[1])})" if ends else ""
    who, of = plain(best["name"]), "of what always giving the usual answer loses"
    who = who[0].upper() + who[1:]
    if ends and ends[1] <= LITTLE:
        return f"{who}, which can be read, would lose nothing that matters: {percent(value)}{between} {of}."
    change = f"{percent(abs(value))} {'more' if value >= 0 else 'less'}{between} {of}"
    if ends and ends[0] <= 0:
        return f"{who}, which can be read, may do as well: on the judged rows it loses {change}."
    return f"{who}, which can be read, would lose {change}."


def weakest(model: Mapping[str, Any]) -> str:
    found = [f for f in model.get("findings") or [] if f["code"] == "M09"]
    if found:
        return f"It is weakest here: {plain(found[0]['message'])}."
    clear = [v for v in model.get("verdicts") or [] if v["code"] == "M09" and v["verdict"] == "clear"]
    return "No part of the rows was found in which it is worse than its own probabilities say (M09)." if clear else ""


def importance_rows(model: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Rows of the table under the chart; the first is its head."""
    made = known(model)
    if not made:
        return []
    rows = [
        (name(e), percent(round(e["share"], 3)), short(e["size"]), _span(e), floor_word(e))
        for e in made["importance"][:MOST_ROWS]
    ]
    return [("columns", "share", "moves the answer by", "between", "against chance"), *rows]


def floor_word(entry: Mapping[str, Any]) -> str:
    if entry.get("above_chance") is None:
        return "-"
    return f"{short(entry['over_floor'], 2)} x" if entry["above_chance"] else "no more than chance"


def importance_chart(model: Mapping[str, Any]) -> dict[str, Any] | None:
    made = known(model)
    if not made:
        return None
    first = made["importance"][:MOST_ROWS]
    names = [cut(name(e)) + ("" if e.get("above_chance") is not False else " (chance)") for e in first]
    return {
        "kind": "bars", "title": "How far columns move the answer, mean over judged rows", "x": names,
        "y": [e["size"] for e in first], "lo": [e["interval"][0] for e in first],
        "hi": [e["interval"][1] for e in first], "x_title": "", "y_title": plain(made["unit"]),
    }  # fmt: skip


def cut(text: str) -> str:
    return text if len(text) <= LABEL else text[: LABEL - 1] + "…"


def effect_charts(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [e["chart"] for e in known(model).get("effects", [])]


def price_rows(model: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The line from what is shipped to what can be read: score (share of what knowing nothing loses that is saved)."""
    r = known(model).get("readable")
    if not r or r["shipped"] or not r["models"]:
        return []
    rows = [("this model", percent(r["score"]), "-", "-")]
    for m in r["models"]:
        ends = m.get("interval")
        between = f"{percent(ends[0])} to {percent(ends[1])}" if ends else "-"
        rows.append((plain(m["name"]), percent(m["score"]), percent(m["value"]), between))
    return [("model", "score", "price", "between"), *rows]


def method(model: Mapping[str, Any]) -> str:
    """How it was measured, in one line under the table."""
    made = known(model)
    if not made:
        return ""
    how = "; ".join(f"{plain(k)}: {plain(v)}" for k, v in made["how"].items())
    s = made.get("stability") or {}
    said = f"Contributions on {plural(made['rows'], 'judged row')} ({how})"
    said += f", additive to {short(made['gap'], 2)} of the raw score"
    if s:
        said += f"; chance is the strongest of {s['shadows']} shuffled copies in {s['fits']} companion fits"
    return f"{said}. About the model, not about the world."


def effect_lines(model: Mapping[str, Any]) -> Iterator[str]:
    """The charts in words, for pages without pictures."""
    made = known(model)
    for e in made.get("effects", []):
        chart = e["chart"]
        points = list(zip(chart["x"], chart["y"], chart["lo"], chart["hi"], strict=True))
        step = max(1, (len(points) - 1) // 4) if e["kind"] != "category" else 1
        some = points[::step][:6] if e["kind"] != "category" else points[:6]
        said = ", ".join(f"{plain(_cell(x))} {y:+.2g} ({lo:+.2g} to {hi:+.2g})" for x, y, lo, hi in some)
        yield f"{plain(chart['title'])}: {said}"


def _cell(x: Any) -> str:
    return short(x, 4) if isinstance(x, (int, float)) else str(x)


def _rounded(text: str) -> str:
    """A value as it stands on an axis, numbers to four digits."""
    try:
        return short(float(text), 4)
    except ValueError:
        return plain(text)


def _span(entry: Mapping[str, Any]) -> str:
    ends = entry.get("interval")
    return f"{short(ends[0])} to {short(ends[1])}" if ends and ends[0] is not None and ends[1] is not None else "-"


def _moves(size: float, made: Mapping[str, Any]) -> str:
    if made["unit"] == "of probability":
        return f"{short(100 * size, 2)} points" if size < 0.995 else "100 points"
    return count(size) if size >= 1000 else short(size)


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
