"""JUnit XML for continuous integration, made from the JSON form only.

One test case a challenge of the catalogue. It fails where a finding of it stands at the level that fails a build
(``fail_on``); findings below that level stand in its output. A challenge that could not look is skipped, one that
failed to run is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as XML  # written here, never read

from .gate import about, advice, fails, findings, name_of, table_part, verdicts
from .numbers import plain

SKIPPED = ("not-applicable", "skipped", "ignored")


def junit(doc: Mapping[str, Any]) -> str:
    """A report or a dossier as one test suite."""
    found, cases = findings(doc), verdicts(doc)
    cost = table_part(doc).get("cost", {})
    failing = {f["code"] for f in found if fails(doc, f)}
    numbers = {
        "tests": str(len(cases)),
        "failures": str(sum(v["code"] in failing and v["verdict"] != "error" for v in cases)),
        "errors": str(sum(v["verdict"] == "error" for v in cases)),
        "skipped": str(sum(v["verdict"] in SKIPPED for v in cases)),
        "time": seconds(cost.get("seconds")),
    }
    root = XML.Element("testsuites", {"name": "assay", **numbers})
    suite = XML.SubElement(root, "testsuite", {"name": name_of(doc), **numbers})
    if made_at := cost.get("made_at"):
        suite.set("timestamp", str(made_at)[:19])
    took = cost.get("challenge_seconds", {})
    for v in cases:
        own = [f for f in found if f["code"] == v["code"]]
        case = XML.SubElement(
            suite, "testcase",
            {"classname": f"assay.{plain(v['stage'])}", "name": f"{v['code']} {plain(v['name'])}",
             "time": seconds(took.get(v["code"]))},
        )  # fmt: skip
        outcome(case, v, [f for f in own if fails(doc, f)], own)
    XML.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + XML.tostring(root, encoding="unicode") + "\n"


def outcome(case: XML.Element, v: Mapping[str, Any], bad: Sequence[Mapping[str, Any]], own: Sequence[Any]) -> None:
    if v["verdict"] == "error":
        XML.SubElement(case, "error", {"message": plain(v["reason"]), "type": "error"}).text = plain(v["reason"])
    elif bad:
        head = {"message": plain(bad[0]["message"]), "type": bad[0]["severity"]}
        XML.SubElement(case, "failure", head).text = "\n".join(words(f) for f in bad)
    elif v["verdict"] in SKIPPED:
        XML.SubElement(case, "skipped", {"message": f"{v['verdict']}: {plain(v['reason'])}"})
    rest = [f for f in own if f not in bad]
    said = [words(f) for f in rest]
    if v["verdict"] not in SKIPPED and v["verdict"] != "error" and not own:
        said.append(f"{v['verdict']}: {plain(v['reason'])}")
    if said:
        XML.SubElement(case, "system-out").text = "\n".join(said)


def words(f: Mapping[str, Any]) -> str:
    where, what = about(f), advice(f)
    start = f"{f['severity']}: {where}: " if where else f"{f['severity']}: "
    return start + plain(f["message"]) + (f" Fix: {what}." if what else "") + f" [{f['fingerprint']}]"


def seconds(value: float | None) -> str:
    return f"{value or 0.0:.3f}"
