"""The HTML page: whole, harmless, readable by everybody, small."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from assay.core.result import ColumnCard
from assay.report.formats import render
from assay.report.html import asset

from .flights import dossier, finding, report
from .hostile import ATTACKS, hostile

VOID = {"meta", "input", "br"}
PAIRS = [
    ("ink", "bg"),
    ("ink", "card"),
    ("ink", "sunk"),
    ("muted", "bg"),
    ("muted", "card"),
    ("muted", "sunk"),
    ("accent", "bg"),
    ("accent", "card"),
    ("crit", "card"),
    ("crit", "crit-bg"),
    ("warn", "card"),
    ("warn", "warn-bg"),
    ("note", "note-bg"),
    ("good", "card"),
    ("good", "good-bg"),
    ("muted", "good-bg"),
    ("ink", "good-bg"),
    ("ink", "note-bg"),
]


class Page(HTMLParser):
    """Elements with attributes and the text under each, and whether every element is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[tuple[tuple[str, ...], str]] = []
        self.faults: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.stack or self.stack.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append((tuple(self.stack), data))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


@cache
def html(which: str) -> str:
    doc = {"flights": lambda: report().to_json(), "hostile": lambda: hostile().to_json(), "dossier": dossier}[which]()
    return render(doc, "html")


WHICH = pytest.mark.parametrize("which", ["flights", "hostile", "dossier"])


@WHICH
def test_the_page_is_well_formed(which: str) -> None:
    page = Page(html(which))
    assert (page.faults, page.stack) == ([], [])
    ids = Counter(a["id"] for _, a in page.elements if "id" in a)
    assert [i for i, n in ids.items() if n > 1] == []
    assert {a["href"].removeprefix("#") for a in page.named("a")} <= set(ids)  # type: ignore[union-attr]


@WHICH
def test_the_page_reaches_for_nothing_outside(which: str) -> None:
    page = Page(html(which))
    for tag, attrs in page.elements:
        assert tag not in {
            "link",
            "img",
            "iframe",
            "object",
            "embed",
            "base",
            "image",
            "use",
            "foreignobject",
            "a:href",
        }
        for name, value in attrs.items():
            assert not name.startswith("on") and name not in {"src", "srcset", "style", "action", "xlink:href"}, (
                tag,
                name,
            )
            if name == "href":
                assert value is not None and value.startswith("#")
            if value and "url(" in value and tag != "meta":
                assert value.startswith("url(#")
    assert "@import" not in asset("page.css") and "url(" not in asset("page.css")
    assert not re.search(r"fetch\(|XMLHttpRequest|https?:", asset("page.js"))


@WHICH
def test_style_and_script_run_by_hash_alone(which: str) -> None:
    text = html(which)
    policy = Page(text).named("meta")[1]["content"] or ""
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    for tag in ("style", "script"):
        (body,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, flags=re.S)
        assert base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() in policy


def test_text_from_the_table_is_only_text() -> None:
    page = Page(html("hostile"))
    assert len(page.named("script")) == 1 and not page.named("img")
    shown = " ".join(words for _, words in page.text)
    assert ATTACKS[0] in shown and "{{ 7 * 7 }}" in shown
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202a-\u202e]", html("hostile"))


@WHICH
def test_a_screen_reader_finds_its_way(which: str) -> None:
    page = Page(html(which))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    assert page.elements[0] == ("html", {"lang": "en"})
    assert len(page.named("main")) == 1 and any(a.get("class") == "skip" for a in page.named("a"))
    assert len(page.named("caption")) == len(page.named("table"))
    assert all("scope" in a for a in page.named("th"))
    assert all(a.get("aria-hidden") == "true" for a in page.named("svg"))
    assert len(page.named("figcaption")) == len(page.named("figure"))


def test_at_most_five_cards_and_the_chart_of_honesty() -> None:
    page = Page(html("flights"))
    assert len(page.named("article")) == 5
    assert len(page.named("figure")) == 5  # four of the five cards have one


def test_the_sections_stand_in_the_agreed_order() -> None:
    found = [a["id"] for a in Page(html("flights")).named("section")]
    assert found == ["question", "first", "honesty", "others", "columns", "verdicts", "trials", "limits", "words"]


def test_words_of_method_stay_below_the_fold() -> None:
    fold = html("flights").split('<section id="honesty"')[0]
    said = " ".join(
        words for under, words in Page(fold).text if not {"style", "details", "script"} & set(under)
    ).lower()
    assert "not ready" in said
    assert not any(word in said for word in ("materiality", "e-value", "p-value", "basis", "heuristic"))


def test_every_challenge_has_its_verdict() -> None:
    text = html("flights")
    assert text.count('class="tile ') == 17
    assert "about 612,000 rows would decide" in text and "EMPTY" in text and "guessed" in text


def test_500_columns_stay_under_a_megabyte() -> None:
    cards = tuple(
        ColumnCard(
            f"measurement_of_sensor_{k:03d}",
            "number",
            0.0123,
            12345,
            "-123.456789 to 1,234,567.89",
            (0.083,) * 12,
            ("D01", "D05"),
        )
        for k in range(500)
    )
    found = tuple(
        finding(
            "D01",
            "missing-values",
            "warning",
            "costs",
            (f"measurement_of_sensor_{k:03d}",),
            0.4,
            "share of rows",
            0.05,
            "exact",
            f"measurement_of_sensor_{k:03d} is empty in 40 % of the rows, more often where the target is true.",
        )
        for k in range(500)
    )
    size = len(render(report(gallery=cards, findings=found).to_json(), "html").encode())
    assert 200_000 < size < 1_000_000


def test_an_empty_report_is_a_page_too() -> None:
    bare = replace(report(), findings=(), outcomes=(), scores=(), trials=(), gallery=())
    text = render(bare.to_json(), "html")
    assert "NOTHING CHECKED" in text and Page(text).faults == []


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_every_colour_can_be_read(scheme: str, front: str, back: str) -> None:
    """WCAG 2.2, success criterion 1.4.3: at least 4.5 to 1 for text of normal size."""
    blocks = re.findall(r":root \{(.*?)\}", asset("page.css"), flags=re.S)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})\b", blocks[("light", "dark", "print").index(scheme)]))
    assert contrast(colours[front], colours[back]) >= 4.5


def contrast(one: str, two: str) -> float:
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_contrast_formula_knows_black_and_white() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
