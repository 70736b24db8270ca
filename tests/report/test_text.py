"""The terminal page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from assay.report.formats import render
from assay.report.numbers import amount, percent, plain, short

from .flights import dossier, report
from .hostile import hostile

HERE = Path(__file__).parent


@pytest.mark.parametrize(("name", "form"), [("flights.txt", "text"), ("flights.md", "markdown")])
def test_the_page_is_as_agreed(name: str, form: str) -> None:
    """To agree to a change: ``assay.report`` renders ``tests/report/flights.py`` into the file; read the difference."""
    assert render(report().to_json(), form) == (HERE / name).read_text("utf-8")


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("which", ["flights", "hostile", "dossier"])
def test_no_line_is_wider_than_the_page(which: str, width: int) -> None:
    doc = {"flights": lambda: report().to_json(), "hostile": lambda: hostile().to_json(), "dossier": dossier}[which]()
    wide = [line for line in render(doc, width=width).splitlines() if cell_len(line) > width]
    assert wide == []


def test_colours_change_no_letter() -> None:
    doc = report().to_json()
    coloured = render(doc, colour=True)
    assert "\x1b[" in coloured
    bare = "".join(line.rstrip() + "\n" for line in re.sub(r"\x1b\[[0-9;]*m", "", coloured).splitlines())
    assert bare == render(doc)


def test_text_from_the_table_cannot_steer_the_terminal() -> None:
    page = render(hostile().to_json())
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", page)
    assert "\\u001b[2J" in render(hostile().to_json(), width=200)


def test_many_findings_stay_on_a_readable_page() -> None:
    first = report().findings[0]
    from dataclasses import replace

    many = tuple(replace(first, code=f"X{k:03d}") for k in range(300))
    page = render(report(findings=many).to_json())
    assert len(page.splitlines()) < 110
    assert "and 260 more findings" in page


def test_words_of_method_stay_off_the_first_screen() -> None:
    page = render(report().to_json()).lower()
    assert not any(word in page for word in ("materiality", "e-value", "p-value", "heuristic", "basis"))


SHARES = [
    (0.9999, "99.99 %"),
    (0.99999999, "> 99.999 %"),
    (1.0, "100 %"),
    (0.0, "0 %"),
    (1e-5, "0.001 %"),
    (1e-7, "< 0.001 %"),
    (0.1234, "12.3 %"),
    (None, "-"),
]


@pytest.mark.parametrize(("value", "said"), SHARES)
def test_percent(value: float | None, said: str) -> None:
    assert percent(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1234567.0, "1,234,567"),
        (0.012345, "0.0123"),
        (12.54, "12.5"),
        (0.0, "0"),
        (None, "-"),
        (float("nan"), "-"),
        (2e-9, "2.00e-09"),
        (-0.5, "-0.5"),
    ],
)
def test_short(value: float | None, said: str) -> None:
    assert short(value) == said


def test_amounts_in_the_habit_of_their_unit() -> None:
    assert amount(0.978, "share of rows") == "97.8 % of rows"
    assert amount(0.5, "AUC alone") == "0.500 AUC alone"
    assert amount(9430, "rows") == "9,430 rows"
    assert amount(None, "rows") == ""


def test_plain_keeps_letters_of_every_language() -> None:
    assert plain("Größe 年 🙂") == "Größe 年 🙂"
    assert plain("a\u202eb\x00") == "a\\u202eb\\u0000"
