"""The HTML page: one file, no address in it, light and dark, printable; made from the JSON form only.

Everything is escaped on output; style and script are allowed by hash alone (Content-Security-Policy), so that text from
a table can never run.
"""

from __future__ import annotations

import base64
import hashlib
import html as escaping
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from . import charts, next_steps, words
from .compare import sections as since
from .groups import cards, remedy_lines, trial_words
from .numbers import amount, count, decimals, listed, percent, plain, plural, short, span
from .scores import bar_caption, bar_shares
from .text import target_words

FIRST = 5  # cards drawn in full, with chart
OTHERS = 250  # further findings in the table; the JSON has all
TEMPLATES = ("frame.html.jinja", "parts.html.jinja", "page.html.jinja", "dossier.html.jinja")


def page(doc: Mapping[str, Any]) -> str:
    """A report or a dossier as one HTML file."""
    if doc.get("kind") == "fit":
        from .dossier import dossier_context

        return fill("dossier.html.jinja", dossier_context(doc))
    return fill("page.html.jinja", check_context(doc))


def notebook(doc: Mapping[str, Any]) -> str:
    """The page in a frame of its own, so that neither its style nor the notebook's leaks into the other."""
    inner = escaping.escape(page(doc), quote=True)
    return f'<iframe srcdoc="{inner}" sandbox="allow-scripts" width="100%" height="720" title="assay"></iframe>'


def check_context(doc: Mapping[str, Any]) -> dict[str, Any]:
    """What the template of a check needs besides the shared words."""
    grouped = cards(doc["findings"])
    first = grouped[:FIRST]
    shown = {f["fingerprint"] for c in first for f in c.findings[:FIRST]}
    others = [f for f in doc["findings"] if f["fingerprint"] not in shown]
    sentence = plain(doc["summary"]["sentence"])
    capitals = re.match(r"[A-Z]{2,}( [A-Z]{2,})*[.:]?", sentence)
    end = capitals.end() if capitals else 0
    sections = [
        ("question", "Question"),
        ("first", "Do first"),
        ("honesty", "Honesty"),
        ("others", "Other findings"),
        ("columns", "Columns"),
        ("verdicts", "Verdicts"),
        ("trials", "Trials"),
        ("limits", "Limits"),
        ("words", "Words"),
    ]
    there = {
        "honesty": doc["summary"]["honesty_chart"],
        "others": others,
        "columns": doc["gallery"],
        "trials": doc["trials"],
    }
    return {
        "doc": doc,
        "since": since(doc),
        "first": first,
        "others": others[:OTHERS],
        "cut_off": max(0, len(others) - OTHERS),
        "opening": sentence[:end],
        "rest": sentence[end:],
        "tally": words.tally(doc),
        "worst": {f["code"]: f["severity"] for f in reversed(doc["findings"])},
        "sections": [(i, t) for i, t in sections if there.get(i, True)],
    }


def fill(template: str, context: Mapping[str, Any]) -> str:
    """Fill a template of this room. Undefined names are errors, and every text is escaped."""
    style, script = asset("page.css"), asset("page.js")
    ours = {"style": Markup(style), "script": Markup(script)}  # noqa: S704 - our own files
    hashes = {"style_hash": csp_hash(style), "script_hash": csp_hash(script)}
    made = environment().get_template(template).render(**context, **ours, **hashes)
    return re.sub(r"\n\s*\n+", "\n", made) + "\n"


def asset(name: str) -> str:
    text = files("assay.report").joinpath(name).read_text("utf-8")
    return re.sub(r"\n\s*\n+", "\n", text)


def csp_hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def environment() -> Environment:
    made = Environment(
        loader=DictLoader({name: asset(name) for name in TEMPLATES}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda v: plain(v) if isinstance(v, str) and not isinstance(v, Markup) else v,
    )
    made.globals.update(
        zip=zip,
        amount=amount,
        count=count,
        decimals=decimals,
        percent=percent,
        plural=plural,
        short=short,
        span=span,
        listed=listed_of,
        bar_shares=bar_shares,
        bar_caption=bar_caption,
        draw=draw,
        spark=spark,
        remedy_lines=remedy_lines,
        trial_words=trial_words,
        target_words=target_words,
        question_rows=words.question_rows,
        limits=words.limits,
        glossary=words.GLOSSARY,
        impact_words=words.IMPACT,
        basis_words=words.BASIS,
        safety_words=words.SAFETY,
        state_words=words.STATE,
        verdict_marks=words.MARKS,
        role_words=words.ROLES,
        check_command=next_steps.check_command,
        fit_command=next_steps.fit_command,
        known_command=next_steps.known_command,
        arrow=lambda words: words.replace("->", "→"),
        moment=moment,
    )
    return made


def listed_of(items: Iterable[object], most: int = 6, total: int | None = None) -> str:
    """As ``listed``, where ``items`` may be only the first of ``total``."""
    shown = list(items)
    if total is None or total <= len(shown):
        return listed(shown, most)
    return f"{', '.join(map(plain, shown[:most]))} and {count(total - min(most, len(shown)))} more"


def moment(iso: str | None) -> str:
    """``2026-01-05 10:00 UTC`` from an ISO time."""
    return f"{iso[:10]} {iso[11:16]} UTC" if iso else ""


def draw(chart: Mapping[str, Any], key: str) -> Markup:
    """A chart as inline SVG; its numbers stand in a table beside it for those who cannot see it."""
    size = (900, 220) if chart.get("kind") == "lines" else (charts.WIDTH, charts.HEIGHT)
    return Markup(charts.svg(chart, key, *size))  # noqa: S704 - drawn by our renderer, cleaned element by element


def spark(bars: Sequence[float | None]) -> Markup:
    """A tiny histogram as one SVG path: 60 x 14, the tallest bar fills it."""
    heights = [max(0.0, b or 0.0) for b in bars]
    top, step = max(heights, default=0.0), 60 / max(1, len(heights))
    if top <= 0:
        return Markup("")
    wide = max(1.0, min(step - 0.8, 14.0))
    path = "".join(
        f"M{i * min(step, 15):.1f} 14v-{max(0.5, 14 * h / top):.1f}h{wide:.1f}V14z"
        for i, h in enumerate(heights)
        if h > 0
    )
    return Markup(
        '<svg class="spark" viewBox="0 0 60 14" preserveAspectRatio="none" aria-hidden="true"><path d="{}"/></svg>'
    ).format(path)
