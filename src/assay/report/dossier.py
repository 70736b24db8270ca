"""The dossier of a model: what was left out, whose score it is, what was tried, and what was not checked.

Made from {"kind": "fit", "report": <the check's JSON form>, "model": {...}} only. Keys of "model", every one optional:
task, classes, features, left_out {column: reason}, scores [score], candidates [{name, family, state, loss, se,
cpu_seconds, folds}], shipped {which, label}, calibration {...}, coverage {nominal, by_class [{class, n, realised, lo,
hi}]}, parity {max, rows}, rows {build, choose, judge}, budget {...}, resources {...}, bounds
[bound], pareto [point], forecast {lines}, findings [finding], verdicts [verdict],
trials [trial], lineage {...}, limits [text], imported {says}.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from . import understanding
from .economy import bound_rows, forecast_rows, pareto_rows, resource_pairs
from .groups import cards
from .numbers import count, decimals, listed, percent, plain, plural, short, span
from .text import card_lines, cells, cut, line, score_lines, sides, wrap
from .words import gaps, limits

if TYPE_CHECKING:
    from rich.text import Text

EMPTY: dict[str, Any] = {
    "task": "",
    "classes": [],
    "features": [],
    "left_out": {},
    "scores": [],
    "candidates": [],
    "shipped": {},
    "calibration": {},
    "decision": {},
    "coverage": {},
    "parity": {},
    "rows": {},
    "budget": {},
    "resources": {},
    "bounds": [],
    "pareto": [],
    "forecast": {},
    "findings": [],
    "verdicts": [],
    "trials": [],
    "lineage": {},
    "limits": [],
    "understanding": {},
}


def model_of(doc: Mapping[str, Any]) -> dict[str, Any]:
    """The model's part with empty values where keys are missing or null."""
    given = {k: v for k, v in (doc.get("model") or {}).items() if v is not None}
    return {**EMPTY, **given}


def left_out_sentence(model: Mapping[str, Any]) -> str:
    """The first line of every dossier."""
    if model.get("imported"):
        return plain(model["imported"]["says"])
    names = model["left_out"]
    if not names:
        return "Nothing was left out: every column that may feed a model does."
    return f"{plural(len(names), 'column')} left out: {listed(names, 12)}."


def ordered(model: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Scores with the one to expect first; the others stand beside it, smaller."""
    return sorted(model["scores"], key=lambda s: not s.get("headline"))


def whose(model: Mapping[str, Any]) -> str:
    shipped = model["shipped"]
    if shipped.get("label"):
        return plain(shipped["label"])
    return {
        "judged": "the very model that was judged",
        "refit": "the same recipe, refitted on all rows, not itself tested",
    }.get(str(shipped.get("which")), "")


def pairs(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Any flat mapping as (label, value) for a list; nested values are left to the JSON."""
    out = []
    for key, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            value = str(value).lower() if isinstance(value, bool) else None
        if value is not None:
            said = value if isinstance(value, str) else count(value) if float(value).is_integer() else short(value, 4)
            out.append((plain(key).replace("_", " "), plain(said)))
    return out


def calibration(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What became of the recalibration: its sentence where there is one, since that holds every number beside it."""
    made = model["calibration"]
    return [("recalibration", plain(made["says"]))] if made.get("says") else pairs(made)


def decision(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The rule that the costs make, what it costs, and what it saves against each simpler one."""
    made = model["decision"]
    if not made:
        return []
    at = made.get("threshold")
    rule = "the action that costs least" if at is None else f"act where P({plain(made['of'])}) is at least {short(at)}"
    out = [("rule", rule)]
    for r in made["rules"]:
        lo, hi = r["saved_interval"] or (None, None)
        saved = "" if lo is None else f"; the rule saves {short(r['saved'])} ({short(lo)} to {short(hi)})"
        out.append((plain(r["rule"]), f"{short(r['cost'])} a row{saved}"))
    return out


def model_limits(doc: Mapping[str, Any]) -> list[str]:
    """The model's own limits, the parity of the graph, then those of the table's report."""
    model, report, out = model_of(doc), doc.get("report"), []
    out += [plain(said) for said in model["limits"]]
    parity = model["parity"]
    if parity.get("max") is not None:
        out.append(
            f"The graph and the trained model differ by at most {short(parity['max'])} on "
            f"{plural(parity.get('rows', 0), 'given row' if model.get('imported') else 'held-out row')}."
        )
    fine = [v for v in model["verdicts"] if v["verdict"] == "clear"]
    if fine:
        out.append(f"The model, asked: clear of {', '.join(v['code'] + ' ' + v['name'] for v in fine)}.")
    out += [f"The model, {said[0].lower()}{said[1:]}" for said in gaps(model["verdicts"])]
    return out + (limits(report) if report else [])


def lineage(doc: Mapping[str, Any]) -> list[tuple[str, str]]:
    model, report = model_of(doc), doc.get("report") or {}
    subject = report.get("subject", {})
    out = pairs(model["lineage"])
    if subject:
        if subject["data_digest"] != model["lineage"].get("data_digest"):
            out += [("table", plain(subject["name"])), ("digest of the table", plain(subject["data_digest"]))]
        out.append(("rows and columns", f"{count(subject['rows'])} x {count(subject['columns'])}"))
    out += [(f"rows to {k}", count(n)) for k, n in model["rows"].items()]
    if "assay" in report:
        out += [("assay", plain(report["assay"])), ("seed", plain(report["seed"]))]
    return list(dict.fromkeys(out))


def dossier_context(doc: Mapping[str, Any]) -> dict[str, Any]:
    """What the HTML template needs besides the shared words."""
    model, report = model_of(doc), doc.get("report") or {}
    scores = [with_defaults(s) for s in ordered(model)]
    base: dict[str, Any] = {
        "assay": "",
        "seed": "",
        "pages": {},
        "findings": [],
        "trials": [],
        "cost": {},
        "subject": {"name": "model", "target": None, "roles": {}},
    } | dict(report)
    verdicts = [*base.get("verdicts", []), *model["verdicts"]]
    found = [*model["findings"], *base["findings"]]
    return {
        "doc": base,
        "model": model,
        "left_out": left_out_sentence(model),
        "headline": scores[0] if scores else None,
        "beside": scores[1:],
        "whose": whose(model),
        "model_cards": cards(model["findings"])[:5],
        "understood": understanding.summary(model),
        "importance": understanding.importance_rows(model),
        "importance_chart": understanding.importance_chart(model),
        "effect_charts": understanding.effect_charts(model),
        "how_understood": understanding.method(model),
        "price": understanding.price_rows(model),
        "table_findings": base["findings"][:50],
        "verdicts": verdicts,
        "worst": {f["code"]: f["severity"] for f in reversed(found)},
        "lineage": lineage(doc),
        "calibration": calibration(model) + decision(model),
        "budget": pairs(model["budget"]) + resource_pairs(model),
        "bounds": bound_rows(model),
        "pareto": pareto_rows(model),
        "forecast": forecast_rows(model),
        "trials": [*base["trials"], *model["trials"]],
        "limits_said": model_limits(doc),
        "candidates": candidate_rows(model),
        "coverage": coverage_rows(model),
        "honesty": base.get("summary", {}).get("honesty_chart"),
    }


def dossier_lines(doc: Mapping[str, Any], width: int) -> Iterator[Text]:
    """The terminal page of a dossier."""
    model, report = model_of(doc), doc.get("report") or {}
    yield from wrap(left_out_sentence(model), width, style="bold")
    for column, reason in model["left_out"].items():
        yield from wrap(f"{plain(column)}  {plain(reason)}", width, "  ", "    ", "dim")
    yield line()
    if report:
        subject = report["subject"]
        yield line(
            (
                sides(plain(subject["name"]), f"assay {plain(report['assay'])}  seed {plain(report['seed'])}", width),
                "dim",
            )
        )
    task = " ".join(
        filter(None, [plain(model["task"]), f"({listed(model['classes'], 8)})" if model["classes"] else ""])
    )
    used = f"{plural(len(model['features']), 'column')} used" if model["features"] else ""
    if task or used:
        yield from wrap("; ".join(filter(None, [task, used])), width, "model   ", " " * 8)
    scores = [with_defaults(s) for s in ordered(model)]
    if scores:
        first = scores[0]
        between = span(first["interval"], first["metric"])
        yield line()
        yield from wrap(
            f"{plain(first['metric'])} {decimals(first['value'], first['metric'])}"
            + (f", {between}" if between else "")
            + (f": {whose(model)}" if whose(model) else ""),
            width,
            style="bold",
        )
        yield from score_lines(scores, width)
    told = understanding.summary(model)
    if told:
        yield line()
        yield line(("what the model goes by", "bold"))
        for words in told:
            yield from wrap(words, width, "- ", "  ")
    yield from table_lines("columns", understanding.importance_rows(model), width)
    for words in understanding.effect_lines(model):
        yield from wrap(words, width, "  ", "    ", "dim")
    yield from table_lines("price of readability", understanding.price_rows(model), width)
    yield from table_lines("candidates", candidate_rows(model), width)
    yield from table_lines("prediction sets" + nominal(model), coverage_rows(model), width)
    yield from table_lines("bounds on the score", bound_rows(model), width)
    yield from table_lines("score against size, latency and CPU", pareto_rows(model), width)
    yield from table_lines("forecast", forecast_rows(model), width)
    for title, rows in (
        ("calibration", calibration(model)),
        ("decision", decision(model)),
        ("budget", pairs(model["budget"]) + resource_pairs(model)),
        ("lineage", lineage(doc)),
    ):
        yield from table_lines(title, [(k, v) for k, v in rows], width)
    grouped = cards(model["findings"])
    if grouped:
        yield line()
        yield line(("findings about the model", "bold"))
    for card in grouped:
        yield from card_lines(card, width)
    if report:
        yield line()
        yield from wrap(f"The table as it came: {report['summary']['sentence']}", width)
        for card in cards(report["findings"])[:8]:
            yield from list(card_lines(card, width))[:1]
    said = model_limits(doc)
    if said:
        yield line()
        yield line(("limits", "bold"))
        for words in said:
            yield from wrap(words, width, "- ", "  ")


def with_defaults(score: Mapping[str, Any]) -> dict[str, Any]:
    return {"label": "", "metric": "", "interval": None, "headline": False, "note": "", "blocks": [], **score}


def nominal(model: Mapping[str, Any]) -> str:
    return f", promised {percent(model['coverage']['nominal'])}" if model["coverage"].get("nominal") is not None else ""


def candidate_rows(model: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for c in model["candidates"]:
        folds = c.get("folds")
        folds = len(folds) if isinstance(folds, list) else folds
        took = f"{short(c['cpu_seconds'])} s" if c.get("cpu_seconds") is not None else "-"
        rows.append(
            (
                plain(c.get("name", "")),
                plain(c.get("family", "")),
                behind(c),
                took,
                "-" if folds is None else f"{folds}",
                plain(c.get("state", "")),
            )
        )
    return [("model", "family", "loss above the best", "time", "folds", "state"), *rows] if rows else []


def behind(c: Mapping[str, Any]) -> str:
    """How far a candidate is behind the best, on the rows that both predicted: other losses cannot be compared."""
    gap = c.get("gap")
    if gap is None:
        return short(c.get("loss"), 4) if c.get("loss") is not None else "-"
    if gap <= 0 and c.get("state") == "won":
        return f"best: {short(c.get('loss'), 4)}"
    said = f"{'+' if gap >= 0 else ''}{short(gap, 3)}"
    return f"{said} ± {short(c['se'], 2)}" if c.get("se") is not None else said


def coverage_rows(model: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows = [
        (
            plain(c.get("class", "")),
            count(c.get("n") or 0),
            percent(c.get("realised")),
            f"{percent(c.get('lo'))} to {percent(c.get('hi'))}",
        )
        for c in model["coverage"].get("by_class", [])
    ]
    return [("class", "rows", "covered", "between"), *rows] if rows else []


def table_lines(title: str, rows: list[tuple[str, ...]], width: int) -> Iterator[Text]:
    """Left-aligned columns; the widest is shortened where the page is too narrow."""
    if not rows:
        return
    widths = [max(cells(row[i]) for row in rows) for i in range(len(rows[0]))]
    while sum(widths) + 2 * len(widths) > width and max(widths) > 4:
        widths[widths.index(max(widths))] -= 1
    yield line()
    yield line((title, "bold"))
    for row in rows:
        shown = [cut(word, w) for word, w in zip(row, widths, strict=True)]
        yield line("  " + "  ".join(word + " " * (w - cells(word)) for word, w in zip(shown, widths, strict=True)))
