"""The dossier: what was left out comes first, and a missing part is left out and never invented."""

from __future__ import annotations

from typing import Any

import pytest

from assay.report.formats import render

from .flights import dossier, report


def test_the_first_line_says_what_was_left_out() -> None:
    assert render(dossier()).splitlines()[0] == "2 columns left out: arr_delay, dep_delay."
    assert "<h1>2 columns left out: arr_delay, dep_delay.</h1>" in render(dossier(), "html")
    assert "**2 columns left out: arr_delay, dep_delay.**" in render(dossier(), "markdown")


@pytest.mark.parametrize("form", ["text", "html", "markdown"])
def test_it_says_whose_score_and_what_was_not_finished(form: str) -> None:
    page = render(dossier(), form)
    for words in ("trained on build and choose", "unfinished", "90.5 %", "0.568", "0.785", "3.20e-07"):
        assert words in page.replace("\n", " ")


def test_the_headline_is_the_score_to_expect_whatever_the_order() -> None:
    doc: dict[str, Any] = dossier()
    doc["model"]["scores"].reverse()
    assert "AUC 0.568, 0.561 to 0.575: of the model" in render(doc)
    assert '<p class="big">0.568' in render(doc, "html")


@pytest.mark.parametrize("form", ["text", "html", "markdown", "json"])
@pytest.mark.parametrize("missing", sorted(dossier()["model"]))  # type: ignore[call-overload]
def test_any_part_may_be_missing_or_null(form: str, missing: str) -> None:
    doc: dict[str, Any] = dossier()
    doc["model"][missing] = None
    assert render(doc, form)
    del doc["model"][missing]
    assert render(doc, form)


@pytest.mark.parametrize("form", ["text", "html", "markdown"])
@pytest.mark.parametrize(
    "doc",
    [{"kind": "fit"}, {"kind": "fit", "report": None, "model": {}}, {"kind": "fit", "report": report().to_json()}],
)
def test_an_empty_dossier_is_a_page_too(form: str, doc: dict[str, Any]) -> None:
    assert "Nothing was left out" in render(doc, form)


def test_a_refit_is_called_untested() -> None:
    doc: dict[str, Any] = dossier()
    doc["model"]["shipped"] = {"which": "refit"}
    assert "not itself tested" in render(doc).replace("\n", " ")


def test_a_recalibration_is_told_in_its_own_sentence() -> None:
    doc: dict[str, Any] = dossier()
    doc["model"]["calibration"] = {"kind": "platt", "kept": False, "gain": -0.02, "says": "not kept: worse by 0.02"}
    page = render(doc)
    assert "not kept: worse by 0.02" in page and "platt" not in page


def test_no_challenge_of_the_model_is_silent() -> None:
    """What was clear, what was not asked and why, what stayed open: each by its code."""
    doc = dossier()
    doc["model"]["verdicts"] = [
        {"code": "M02", "name": "underfitting", "verdict": "clear", "reason": ""},
        {"code": "M06", "name": "poor-generalisation", "verdict": "not-applicable", "reason": "no site named"},
        {"code": "M09", "name": "weak-slices", "verdict": "undecided", "reason": ""},
    ]
    said = " ".join(render(doc, "text").split())
    assert "clear of M02 underfitting" in said
    assert "not checked: M06 poor-generalisation (no site named)" in said
    assert "not decided: M09 weak-slices" in said
