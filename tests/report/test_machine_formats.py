"""SARIF, JUnit and GitHub annotations: each held to its schema, a real consumer, or the documented grammar."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
from junitparser import JUnitXml

from assay.core.settings import Settings
from assay.report.formats import format_of, render, write

from .flights import dossier, report
from .hostile import hostile

# Schema of SARIF 2.1.0 errata 01, as OASIS publishes it (oasis-tcs/sarif-spec, sarif-2.1/schema).
SARIF = json.loads((Path(__file__).parent / "schemas" / "sarif-schema-2.1.0.json").read_text("utf-8"))
REPORTS = (report, hostile)
COMMAND = re.compile(r"::(error|warning|notice) file=([^,:\r\n]*),title=([^,:\r\n]*)::([^\r\n]*)")


@pytest.mark.parametrize("make", REPORTS)
def test_sarif_holds_to_the_published_schema(make):
    log = json.loads(render(make().to_json(), "sarif"))
    checker = jsonschema.Draft4Validator(SARIF, format_checker=jsonschema.FormatChecker())
    assert [f"{e.json_path}: {e.message}" for e in checker.iter_errors(log)] == []


def test_sarif_says_what_the_report_says():
    made = report()
    doc = made.to_json()
    run = json.loads(render(doc, "sarif"))["runs"][0]
    rules = [r["id"] for r in run["tool"]["driver"]["rules"]]
    assert rules == [v["code"] for v in doc["verdicts"]]
    assert len(run["results"]) == len(doc["findings"])
    for result, finding in zip(run["results"], doc["findings"], strict=True):
        assert rules[result["ruleIndex"]] == result["ruleId"] == finding["code"]
        assert result["level"] == {"critical": "error", "warning": "warning", "advice": "note"}[finding["severity"]]
        assert result["partialFingerprints"] == {"assayFinding/v1": finding["fingerprint"]}
        named = [x["name"] for x in result["locations"][0]["logicalLocations"]]
        assert named == finding["columns"] or not finding["columns"]
    assert len({r["partialFingerprints"]["assayFinding/v1"] for r in run["results"]}) == len(run["results"])


def test_a_challenge_that_failed_is_a_notification():
    run = json.loads(render(hostile().to_json(), "sarif"))["runs"][0]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert len(run["invocations"][0]["toolExecutionNotifications"]) == 1


@pytest.mark.parametrize("make", REPORTS)
@pytest.mark.parametrize("level", ["critical", "warning", "advice", "never"])
def test_junit_is_read_by_a_real_consumer(make, level, tmp_path):
    made = make(settings=Settings(fail_on=level)) if make is report else make()
    doc = made.to_json()
    path = write(doc, tmp_path / "r.xml")
    suites = list(JUnitXml.fromfile(str(path)))
    assert len(suites) == 1
    cases = list(suites[0])
    assert [c.name.split()[0] for c in cases] == [v["code"] for v in doc["verdicts"]]
    failed = {c.name.split()[0] for c in cases for r in c.result if type(r).__name__ == "Failure"}
    errors = {c.name.split()[0] for c in cases for r in c.result if type(r).__name__ == "Error"}
    assert failed == {f.code for f in made.at(doc["settings"]["fail_on"])} - errors
    assert (suites[0].tests, suites[0].failures, suites[0].errors) == (len(cases), len(failed), len(errors))
    skipped = {c.name.split()[0] for c in cases for r in c.result if type(r).__name__ == "Skipped"}
    assert suites[0].skipped == len(skipped)
    assert skipped == {v["code"] for v in doc["verdicts"] if v["verdict"] in ("skipped", "not-applicable", "ignored")}


def test_junit_names_every_finding_once():
    doc = report().to_json()
    text = render(doc, "junit")
    assert all(text.count(f"[{f['fingerprint']}]") == 1 for f in doc["findings"])


def unescaped(text: str) -> str:
    for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, char)
    return text


@pytest.mark.parametrize("make", REPORTS)
def test_annotations_follow_the_documented_grammar(make):
    doc = make().to_json()
    lines = render(doc, "github").splitlines()
    commands = [COMMAND.fullmatch(line) for line in lines[:-1]]
    assert all(commands), lines
    levels = {"critical": "error", "warning": "warning", "advice": "notice"}
    failed = sum(v["verdict"] == "error" for v in doc["verdicts"])
    assert [m[1] for m in commands] == [levels[f["severity"]] for f in doc["findings"]] + ["error"] * failed
    assert lines[-1].startswith("assay: ")
    assert not any(re.search(r"%(?![0-9A-F]{2})", line) for line in lines[:-1])


def test_annotations_say_the_message_back():
    doc = report().to_json()
    for line, finding in zip(render(doc, "github").splitlines(), doc["findings"], strict=False):
        match = COMMAND.fullmatch(line)
        assert unescaped(match[2]) == doc["subject"]["name"]
        assert unescaped(match[3]).startswith(f"{finding['code']} {finding['name']}")
        assert unescaped(match[4]).startswith(finding["message"])


@pytest.mark.parametrize("form", ["sarif", "junit", "github"])
def test_an_empty_report_and_a_dossier_have_the_format_too(form):
    assert render({**report().to_json(), "findings": [], "verdicts": []}, form)
    assert render(dossier(), form)


@pytest.mark.parametrize("form", ["sarif", "junit", "github"])
def test_the_same_report_gives_the_same_bytes(form):
    one, two = report().to_json(), report(made_at=report().made_at).to_json()
    one["cost"] = two["cost"]
    assert render(one, form) == render(two, form)


@pytest.mark.parametrize(("name", "form"), [("r.sarif", "sarif"), ("r.xml", "junit"), ("r.SARIF", "sarif")])
def test_the_suffix_says_the_format(name, form):
    assert format_of(Path(name)) == form
