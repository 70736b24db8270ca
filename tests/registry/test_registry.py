"""Versions, aliases, approval, rollback and removal: the same in a folder and in Postgres."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from assay.core.errors import BundleError, InputError
from assay.registry import Registry, events, open_registry


def filled(registry: Registry, files: list[bytes]) -> None:
    for data in files[:3]:
        registry.add(data, "late", by="ann")


def test_versions_are_told_apart_and_never_change(registry: Registry, files: list[bytes], place: str) -> None:
    first = registry.add(files[0], "late", "1.0.0", by="ann", note="the first")
    assert first.digest == hashlib.sha256(files[0]).hexdigest() and first.stage == "proposed" and first.by == "ann"
    assert registry.add(files[0], "late", "1.0.0") == first, "again is the same, and no event"
    assert registry.changed() == 1
    with pytest.raises(InputError, match=r"a version never changes.*--version 1\.0\.1"):
        registry.add(files[1], "late", "1.0.0")
    second = registry.add(files[1], "late", parents=["late@1.0.0"])
    assert second.version == "0.1.0" and second.parents == (first.digest,), "the file's own number is free"
    assert registry.add(files[2], "late").version == "1.0.1", "its own is taken: the next"
    assert [v.version for v in registry.versions("late")] == ["0.1.0", "1.0.0", "1.0.1"]
    with open_registry(place) as other:
        assert other.read(first.digest) == files[0] and other.versions() == registry.versions()


def test_what_is_no_bundle_is_not_added(registry: Registry, files: list[bytes]) -> None:
    broken = bytearray(files[0])
    broken[len(broken) // 2] ^= 1
    with pytest.raises(BundleError):
        registry.add(bytes(broken), "late")
    assert registry.changed() == 0 and list(registry.store.stored()) == []
    for name, version in (("la te", None), ("late", "1.0"), ("late", "1.0.0 "), ("../late", None)):
        with pytest.raises(InputError):
            registry.add(files[0], name, version)


def test_references(registry: Registry, files: list[bytes]) -> None:
    filled(registry, files)
    registry.promote("late", "champion", "0.1.1")
    digest = hashlib.sha256(files[1]).hexdigest()
    for said in ("late@champion", "late@0.1.1", f"late@sha256:{digest}", f"late@sha256:{digest[:8]}"):
        assert registry.resolve(said) == digest
    assert registry.alias("late", "champion") == digest
    for said, why in (
        ("late@chamption", "did you mean champion"), ("lat@champion", "did you mean late"), ("late", "name@alias"),
        ("late@9.9.9", "no version 9.9.9"), ("late@sha256:0000000", "no version whose digest"), ("late@1.2", "three"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=why):
            registry.resolve(said)


def test_rollback_goes_back_step_by_step_and_passes_what_is_retired(registry: Registry, files: list[bytes]) -> None:
    filled(registry, files)
    with pytest.raises(InputError, match="no alias champion yet"):
        registry.rollback("late", "champion")
    for version in ("0.1.0", "0.1.1", "0.1.2"):
        registry.promote("late", "champion", version)
    assert registry.rollback("late", "champion", by="bob", reason="worse").version == "0.1.1"
    assert registry.rollback("late", "champion").version == "0.1.0"
    with pytest.raises(InputError, match="no earlier version"):
        registry.rollback("late", "champion")
    registry.promote("late", "champion", "0.1.2")
    registry.promote("late", "champion", "0.1.1")
    registry.stage("late", "0.1.2", "retired")
    assert registry.rollback("late", "champion").version == "0.1.0", "0.1.2 is retired"
    registry.clear("late", "champion")
    assert registry.live() == ()
    assert registry.rollback("late", "champion").version == "0.1.0"
    told = [(e.kind, e.more.get("from"), e.version, e.by) for e in registry.history("late")][6:7]
    assert told == [("rolled-back", "0.1.2", "0.1.1", "bob")]


def test_approval(registry: Registry, files: list[bytes]) -> None:
    filled(registry, files)
    assert registry.protect("champion") == ("champion",)
    with pytest.raises(InputError, match=r"protected and late 0\.1\.0 is not approved"):
        registry.promote("late", "champion", "0.1.0")
    registry.promote("late", "challenger", "0.1.0")
    assert registry.stage("late", "0.1.0", "approved", by="eve").staged_by == "eve"
    assert registry.promote("late", "champion", "challenger").version == "0.1.0", "an alias is a version too"
    with pytest.raises(InputError, match="is challenger and champion: promote"):
        registry.stage("late", "0.1.0", "retired")
    registry.stage("late", "0.1.1", "retired", by="eve")
    with pytest.raises(InputError, match="retired by eve"):
        registry.promote("late", "challenger", "0.1.1")
    registry.protect("champion", on=False)
    assert registry.promote("late", "champion", hashlib.sha256(files[2]).hexdigest()).version == "0.1.2"


def test_removal_spares_what_is_used_or_was_lately(registry: Registry, files: list[bytes]) -> None:
    filled(registry, files)
    digests = [hashlib.sha256(f).hexdigest() for f in files]
    registry.store.put(digests[3], files[3])  # as a writer leaves it that was killed before it was recorded
    registry.promote("late", "champion", "0.1.0")
    registry.promote("late", "champion", "0.1.1")
    registry.stage("late", "0.1.0", "retired")
    registry.stage("late", "0.1.2", "retired")
    told = registry.gc(dry_run=True)
    assert {d for d, *_ in told.files} == {digests[2], digests[3]}, "0.1.0 was live a moment ago, 0.1.1 is"
    assert len(list(registry.store.stored())) == 4
    assert registry.gc().files == told.files and registry.gc().files == ()
    assert {d for d, _ in registry.store.stored()} == {digests[0], digests[1]}
    assert registry.check().problems == ()
    assert {d for d, *_ in registry.gc(everything=True).files} == {digests[0]}
    with pytest.raises(InputError, match="was removed on"):
        registry.read(digests[0])
    with pytest.raises(InputError, match="was retired by"):
        registry.promote("late", "champion", "0.1.0")
    assert registry.add(files[0], "late").version == "0.1.3", "added again it is a new version"
    assert registry.read(digests[0]) == files[0] and registry.check().problems == ()


def test_what_was_live_when(registry: Registry, files: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    start = datetime(2027, 3, 1, 12, tzinfo=UTC)
    clock = [start]
    monkeypatch.setattr(events, "now", lambda: clock[0])
    filled(registry, files)
    for day, version in enumerate(("0.1.0", "0.1.1", "0.1.2")):
        clock[0] = start + timedelta(days=10 * day)
        registry.promote("late", "champion", version)

    def live(at: str) -> list[str]:
        return [a.version for a in registry.live("late", at)]

    assert live("2027-02-01") == [] and live("2027-03-01") == ["0.1.0"], "a date means its end"
    assert live("2027-03-11T11:59:59Z") == ["0.1.0"] and live("2027-03-11T14:00:00+02:00") == ["0.1.1"]
    assert live("2030-01-01") == ["0.1.2"]
    with pytest.raises(InputError, match="a date such as"):
        registry.live("late", "yesterday")
    clock[0] = start + timedelta(days=5)  # the clock goes back
    registry.promote("late", "champion", "0.1.0", reason="after the clock went back")
    last = registry.history()[-1]
    assert last.at.startswith("2027-03-06") and last.more["clock_before"].startswith("2027-03-21")
    assert [e.seq for e in registry.history()] == list(range(1, 8)), "told honestly, ordered by number"
    assert live("2027-03-07") == ["0.1.0"] and "a clock went back" in registry.doubts("2027-03-07")[0]
    assert registry.live("late")[0].version == "0.1.0" and registry.doubts("2030-01-01") == ()


def test_changed_is_a_counter(registry: Registry, files: list[bytes], place: str) -> None:
    before = registry.changed()
    with open_registry(place) as other:
        other.add(files[0], "late")
        other.promote("late", "champion", "0.1.0")
    after = registry.changed(before)
    assert after == before + 2 and registry.changed(after) == after
    assert registry.live()[0].version == "0.1.0"
