"""Approval that is signed: by known keys, enough of them, for this very file; in a folder and in Postgres."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from assay.bundle.signing import key_name, new_key
from assay.cli.app import run, say
from assay.cli.registry import registry as verbs
from assay.core.errors import AssayError, InputError
from assay.registry import Event, Registry, open_registry
from assay.registry.signed import KEY, SIGNATURE, Signer, holds, signed

COMMAND = typer.main.get_command(verbs)


@cache
def person(name: str) -> tuple[Signer, bytes, bytes]:
    """(signer, private PEM, public PEM) of somebody."""
    private, public = new_key()
    return Signer(private), private, public


def key(name: str) -> str:
    return person(name)[0].key


def adds(registry: Registry, name: str, by: str | None = None) -> int:
    return registry.approver(key(name), person(name)[2], name, signer=person(by)[0] if by else None)


def removes(registry: Registry, name: str, by: str) -> int:
    return registry.approver(key(name), signer=person(by)[0])


def approves(registry: Registry, version: str, name: str) -> None:
    registry.stage("late", version, "approved", by=name, signer=person(name)[0])


def two_of_three(registry: Registry, files: list[bytes]) -> None:
    """Three approvers, of whom champion asks for two; versions 0.1.0 to 0.1.2."""
    for data in files[:3]:
        registry.add(data, "late", by="tests")
    assert adds(registry, "ann") == 0, "the first is taken on somebody's word"
    assert adds(registry, "bob", "ann") == adds(registry, "cem", "ann") == 0
    assert registry.protect("champion", approvals=2, signer=person("ann")[0]) == ("champion",)


def forged(registry: Registry, **fields: Any) -> Event:
    """An event written past the rules, well chained: what somebody with the rights on the storage can do."""
    state = registry.state()
    event = Event(state.seq + 1, "2027-01-01T00:00:00.000000Z", **fields, by="eve", previous=state.hash)
    event = replace(event, hash=event.chained())
    with registry.store.writing():
        registry.store.append([event])
    return event


def test_a_protected_alias_needs_enough_signatures(registry: Registry, files: list[bytes], place: str) -> None:
    two_of_three(registry, files)
    registry.stage("late", "0.1.0", "approved", by="eve")
    with pytest.raises(InputError, match=r"champion asks for 2 signed approvals .* somebody said without a signature"):
        registry.promote("late", "champion", "0.1.0")
    approves(registry, "0.1.0", "ann")
    approves(registry, "0.1.0", "ann")
    with pytest.raises(InputError, match=r"has 1 \(ann \("):
        registry.promote("late", "champion", "0.1.0")
    approves(registry, "0.1.0", "bob")
    assert registry.promote("late", "champion", "0.1.0").version == "0.1.0"
    assert [a.by.called for a in registry.state().approvals.of("late", "0.1.0")] == ["ann", "bob"]
    registry.promote("late", "challenger", "0.1.1")  # asks for nothing
    assert registry.check().problems == ()
    with open_registry(place) as other:  # read anew
        assert other.resolve("late@champion") == registry.resolve("late@champion")
        approves(other, "0.1.1", "ann")
        approves(other, "0.1.1", "cem")
        other.promote("late", "champion", "0.1.1")
    registry.stage("late", "0.1.0", "retired", by="eve")
    registry.stage("late", "0.1.0", "approved", by="eve")
    assert registry.state().approvals.of("late", "0.1.0") == (), "retired: what was signed before is over"


def test_strangers_and_removed_approvers_do_not_count(registry: Registry, files: list[bytes]) -> None:
    two_of_three(registry, files)
    with pytest.raises(InputError, match=r"is of no approver of this registry; ann \("):
        approves(registry, "0.1.0", "eve")
    approves(registry, "0.1.0", "cem")
    assert removes(registry, "cem", "ann") == 1, "as many must sign as champion asks for"
    with pytest.raises(InputError, match=r"ann .* signed this change already; another approver must"):
        removes(registry, "cem", "ann")
    assert removes(registry, "cem", "bob") == 0
    with pytest.raises(InputError, match="is of no approver"):
        approves(registry, "0.1.1", "cem")
    approves(registry, "0.1.0", "ann")
    registry.promote("late", "champion", "0.1.0")  # what cem signed before still counts
    version = registry.find("late@0.1.1")
    event = Event(registry.state().seq + 1, "2027-01-01T00:00:00.000000Z", "approved", "late", "0.1.1", version.digest,
                  by="cem", previous=registry.state().hash)  # fmt: skip
    late = signed(event, person("cem")[0])
    late = replace(late, hash=late.chained())
    with registry.store.writing():
        registry.store.append([late])
    assert registry.state().approvals.of("late", "0.1.1") == (), "written past the rules, and still for nothing"
    assert any("signed by a key that was no approver's" in p for p in registry.check().problems)


def test_who_may_approve_is_not_changed_by_one_alone(registry: Registry, files: list[bytes]) -> None:
    two_of_three(registry, files)
    with pytest.raises(InputError, match="needs the signatures of 2 of 3 approvers"):
        adds(registry, "eve")
    with pytest.raises(InputError, match="is of no approver"):
        adds(registry, "eve", "eve")
    with pytest.raises(InputError, match="is not that of the key"):
        registry.approver(key("ann"), person("dan")[2], "dan", signer=person("bob")[0])
    assert adds(registry, "dan", "bob") == 1 and key("dan") not in registry.state().approvals.approvers
    assert adds(registry, "dan", "cem") == 0 and str(registry.state().approvals.approvers[key("dan")]).startswith("dan")
    for change in ({"on": False}, {"approvals": 1}, {"approvals": 0}):
        with pytest.raises(InputError, match="needs the signatures"):
            registry.protect("champion", **change)
        registry.protect("champion", **change, signer=person("ann")[0])
        assert registry.state().approvals.asked == {"champion": 2}, "one signature is not enough"
    registry.protect("champion", approvals=1, signer=person("bob")[0])
    assert registry.state().approvals.asked == {"champion": 1}
    with pytest.raises(InputError, match="cannot ask for 9 signed approvals: there are 4 approvers"):
        registry.protect("champion", approvals=9, signer=person("ann")[0])
    for name in ("dan", "cem", "bob"):
        assert removes(registry, name, "ann") == 0
    with pytest.raises(InputError, match="0 approvers would be left"):
        removes(registry, "ann", "ann")
    forged(registry, kind="approver-added", more={"approver": key("eve"), "pem": person("eve")[2].decode()})
    forged(registry, kind="unprotected", alias="champion")
    assert key("eve") not in registry.state().approvals.approvers and registry.state().approvals.asked
    found = registry.check().problems
    assert len(found) == 2 and all("not signed by an approver, so it changes nothing" in p for p in found)
    assert "was not named" in str(registry.check(approvers=[key("bob")]).problems)
    assert "was not named" not in str(registry.check(approvers=[key("ann")]).problems)


@pytest.mark.parametrize(
    "changed", ["digest", "name", "version", "kind", "at", "seq", "previous", "by", "reason", "key"]
)
def test_a_signature_is_for_one_decision_at_one_place(changed: str, files: list[bytes], tmp_path: Path) -> None:
    """The replay of an approval anywhere else fails: another file, name, version, stage, time or place in the chain."""
    with open_registry(tmp_path / "r") as registry:
        two_of_three(registry, files)
        approves(registry, "0.1.0", "ann")
        registry.add(files[0], "other", "0.1.0")
        event = registry.history("late")[-1]
        pem = person("ann")[2].decode()
        assert event.kind == "approved" and holds(event, pem)
        others = {"digest": registry.find("late@0.1.1").digest, "name": "other", "version": "0.1.1", "kind": "retired",
                  "at": "2027-01-01T00:00:00.000000Z", "seq": event.seq + 5, "previous": "0" * 64, "by": "eve",
                  "reason": "x"}  # fmt: skip
        if changed == "key":
            assert not holds(replace(event, more={**event.more, KEY: key("bob")}), pem)
            assert not holds(event, person("bob")[2].decode())
            assert not holds(replace(event, more={KEY: key("ann")}), pem)
            return
        assert not holds(replace(event, **{changed: others[changed]}), pem)
        if changed in ("digest", "name", "version"):
            target = {"name": "late", "version": "0.1.0", "digest": event.digest} | {changed: others[changed]}
            if changed == "version":
                target["digest"] = others["digest"]
            forged(registry, kind="approved", **target, more=dict(event.more))
            given = registry.state().approvals.given
            assert given.keys() == {("late", "0.1.0")} and len(given["late", "0.1.0"]) == 1
            assert "does not bear the signature of ann" in str(registry.check().problems)


def test_an_alias_that_was_given_a_version_past_the_rules_is_not_served(registry: Registry, files: list[bytes]) -> None:
    two_of_three(registry, files)
    approves(registry, "0.1.0", "ann")
    approves(registry, "0.1.0", "bob")
    registry.promote("late", "champion", "0.1.0")
    found = registry.find("late@0.1.1")
    forged(registry, kind="promoted", name="late", version="0.1.1", digest=found.digest, alias="champion")
    with pytest.raises(InputError, match=r"was given 0\.1\.1 past the rules, without 2 of the approvals"):
        registry.resolve("late@champion")
    assert "lacks 2 of its approvals" in str(registry.check().problems)
    assert registry.rollback("late", "champion").version == "0.1.0"
    assert registry.resolve("late@champion") == registry.find("late@0.1.0").digest


def test_a_rollback_passes_what_nobody_signed(registry: Registry, files: list[bytes]) -> None:
    for data in files[:3]:
        registry.add(data, "late")
    registry.promote("late", "champion", "0.1.0")
    adds(registry, "ann")
    registry.protect("champion", approvals=1, signer=person("ann")[0])
    for version in ("0.1.1", "0.1.2"):
        approves(registry, version, "ann")
        registry.promote("late", "champion", version)
    assert registry.rollback("late", "champion").version == "0.1.1"
    with pytest.raises(InputError, match="no earlier version"):
        registry.rollback("late", "champion")


def test_a_copy_keeps_every_signature(files: list[bytes], tmp_path: Path) -> None:
    with open_registry(tmp_path / "a") as one, open_registry(tmp_path / "b") as two:
        two_of_three(one, files)
        approves(one, "0.1.0", "ann")
        one.copy_to(two)
        assert two.state().approvals.of("late", "0.1.0") == one.state().approvals.of("late", "0.1.0") != ()
        assert two.check().problems == ()


def test_a_signature_that_was_changed_in_the_database_is_found(files: list[bytes], tmp_path: Path) -> None:
    with open_registry(tmp_path / "r") as registry:
        two_of_three(registry, files)
        approves(registry, "0.1.0", "ann")
        event = registry.history("late")[-1]
    more = {**event.more, SIGNATURE: "AAAA" + str(event.more[SIGNATURE])[4:]}
    bad = replace(event, more=more)
    with sqlite3.connect(tmp_path / "r" / "registry.sqlite") as con:
        con.execute("DROP TRIGGER events_stay")
        con.execute("UPDATE events SET more = ?, hash = ? WHERE seq = ?", (json.dumps(more), bad.chained(), event.seq))
    with open_registry(tmp_path / "r") as registry:
        assert registry.state().approvals.of("late", "0.1.0") == ()
        assert "does not bear the signature of ann" in str(registry.check().problems)


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    try:
        assert COMMAND.main(list(words), standalone_mode=False) == code
    except AssayError as error:
        assert say(str(error), error.exit_code) == code
    out = capsys.readouterr()
    assert "json" in words or all(len(line) <= 80 for line in out.out.splitlines())
    return out.out + out.err


def test_from_the_command_line(
    files: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASSAY_REGISTRY", raising=False)
    for name in ("ann", "bob"):
        Path(f"{name}.pem").write_bytes(person(name)[1])
        Path(f"{name}.pub.pem").write_bytes(person(name)[2])
    Path("late.assay").write_bytes(files[0])
    said(capsys, "add", "late.assay", "--name", "late", "--version", "1.0.0")
    assert "approvers: ann" in said(capsys, "approvers", "add", "ann.pub.pem")
    assert "needs the signatures of 1 of 1" in said(capsys, "approvers", "add", "bob.pub.pem", code=2)
    assert "the private one" in said(capsys, "approvers", "add", "bob.pem", "--key", "ann.pem", code=2)
    assert "bob" in said(capsys, "approvers", "add", "bob.pub.pem", "--called", "bob", "--key", "ann.pem")
    said(capsys, "protect", "champion", "--approvals", "2", "--key", "ann.pem")
    said(capsys, "approve", "late@1.0.0", "--by", "eve")
    assert "asks for 2 signed approvals" in said(capsys, "promote", "late@1.0.0", code=2)
    assert "is said to be approved by eve" in status(capsys)
    said(capsys, "approve", "late@1.0.0", "--key", "ann.pem", "--by", "ann", "--reason", "gates passed")
    assert "1 of 2" in said(capsys, "approve", "late@1.0.0", "--key", "ann.pem")
    assert "2 of 2" in said(capsys, "approve", "late@1.0.0", "--key", "bob.pem")
    said(capsys, "promote", "late@1.0.0")
    assert "signed by ann" in status(capsys) and "bob" in status(capsys)
    told = said(capsys, "history")
    assert f"signed by ann ({key('ann')[:8]})" in " ".join(told.split()) and "champion needs 2 signed approvals" in told
    assert "signed    ann" in said(capsys, "show", "late@1.0.0")
    doc = json.loads(said(capsys, "show", "late@1.0.0", "--output-format", "json"))
    assert [a["called"] for a in doc["signed"]] == ["ann", "bob"]
    assert "everything is as it was written" in said(
        capsys, "check", "--approver", "ann.pub.pem", "--approver", "bob.pub.pem"
    )
    assert "was not named" in said(capsys, "check", "--approver", "bob.pub.pem", code=1)
    waits = said(capsys, "approvers", "remove", "bob", "--key", "ann.pem", code=2)
    assert "1 approvers would be left" in waits
    assert [a["called"] for a in json.loads(said(capsys, "approvers", "list", "--output-format", "json"))] == [
        "ann",
        "bob",
    ]
    Path("cem.pub.pem").write_bytes(person("cem")[2])
    assert "not yet: 1 more approver" in said(capsys, "approvers", "add", "cem.pub.pem", "--key", "ann.pem")
    listed = said(capsys, "approvers", "list")
    assert (
        key("ann")[:8] in listed and f"waits for 1 more: approver-added cem, signed by ann ({key('ann')[:8]})" in listed
    )
    assert key_name(person("ann")[2]) == key("ann")


def status(capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    run(["status", "late@1.0.0"])
    return " ".join(capsys.readouterr().out.split())
