"""The prediction log: everything comes back as it was, in order; what is missing is counted; what is said is there."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from concurrent.futures import Future

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import InputError, OutputError, SettingsError
from assay.log import read_log
from assay.log.block import decode, encode
from assay.serve.http import Refused
from assay.serve.limits import Limits
from assay.serve.log import LogUnavailable, PredictionLog
from assay.serve.log_entries import Entry, ids_of, personal_of
from assay.serve.log_routes import elsewhere, label

ROW = {"amount": 1.5, "colour": "red", "member": True, "hour": None}
YES = {"prediction": "yes", "probabilities": {"no": 0.25, "yes": 0.75}, "set": ["yes"]}
NO = {"prediction": "no", "probabilities": {"no": 0.9, "yes": 0.1}, "set": ["no", "yes"], "odd": True,
      "odd_because": [{"column": "amount", "reason": "far"}]}  # fmt: skip


@pytest.fixture
def log(tmp_path):
    with contextlib.closing(PredictionLog(tmp_path / "log", model="m1")) as made:
        yield made


def cells():
    text = st.text(max_size=5)
    kinds = (st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.booleans(), text)
    one = st.one_of(
        *[st.lists(st.none() | k, min_size=3, max_size=3) for k in kinds],
        st.lists(st.one_of(*kinds), min_size=3, max_size=3),
    )
    return st.dictionaries(st.text(max_size=4), one, max_size=4)


@settings(max_examples=150, deadline=None)
@given(cells(), st.sampled_from((1, 20)))
def test_every_value_comes_back(columns, times):
    columns = {name: values * times for name, values in columns.items()}  # few rows have a form of their own
    found = decode(encode(columns, 3 * times))
    assert list(found) == list(columns)
    for name, values in columns.items():
        back = [None if isinstance(v, float) and v != v else v for v in np.asarray(found[name], object).tolist()]
        assert back == values, name
        if not any(isinstance(v, (int, float)) for v in values if not isinstance(v, bool)):
            assert [type(v) for v in back] == [type(v) for v in values]


def test_a_block_is_small():
    columns = {
        "a": [0.5] * 256,
        "b": list(range(256)),
        "c": ["red", "blue"] * 128,
        "d": [None] * 256,
        "e": [True] * 256,
    }
    assert len(encode(columns, 256)) < 256 * (4 + 2 + 1 + 1) + 400


@pytest.mark.parametrize(
    "spoil", [lambda b: b[:-1], lambda b: b[:6], lambda b: b"", lambda b: b[4:], lambda b: b"\xff" * 50]
)
@pytest.mark.parametrize("times", [1, 50])
def test_a_damaged_block_says_so(spoil, times):
    with pytest.raises(InputError, match="damaged"):
        decode(spoil(encode({"a": [1.5, 2.5] * times}, 2 * times)))


def test_rows_come_back_in_order_with_their_answers(log):
    first = log.put("r1", "web", [ROW, ROW | {"amount": 2}], [YES, NO], 100.0, ids=["a", "b"])
    second = log.put("r2", "app", {"amount": np.array([3.0]), "colour": ["blue"]}, [YES], 99.0, model="m2")
    third = log.put("r3", "web", [ROW], [NO], 98.0, shadow=[YES], shadow_model="m2")
    log.close()
    assert (first, second, third) == (1, 2, 3) and log.written == 3
    parts = list(read_log(log.folder).parts())
    assert [(p.model, p.source, len(p)) for p in parts] == [("m1", "served", 3), ("m2", "served", 1)]
    found = parts[0]
    assert (
        found.sequence.tolist() == [1, 1, 3] and found.row.tolist() == [0, 1, 0] and found.at.tolist() == [100, 100, 98]
    )
    assert found.request_id == ["r1", "r1", "r3"] and found.caller == ["web", "web", "web"]
    assert found.asked["amount"].tolist() == [1.5, 2.0, 1.5] and found.asked["hour"] == [None] * 3
    answered = found.answered
    assert answered["prediction"] == ["yes", "no", "no"] and answered["p:yes"].tolist() == pytest.approx(
        [0.75, 0.1, 0.1]
    )
    assert answered["set"] == ['["yes"]', '["no", "yes"]', '["no", "yes"]'] and answered["id"] == ["a", "b", None]
    assert answered["odd"][0] is None and "far" in answered["odd"][1]
    assert answered["shadow:prediction"] == [None, None, "yes"] and answered["shadow:model"][2] == "m2"
    assert parts[1].asked["amount"].tolist() == [3]


def test_values_have_intervals(log):
    log.put(
        "r", "web", [ROW] * 2, [{"prediction": 5.5, "set": [4.0, 7.0]}, {"prediction": 6.5, "set": [5.0, 8.0]}], 1.0
    )
    log.close()
    (part,) = read_log(log.folder).parts()
    assert part.answered["set_low"].tolist() == [4, 5] and part.answered["set_high"].tolist() == [7, 8]


def test_labels_find_their_rows(log):
    log.put("r1", "web", [ROW, ROW], [YES, NO], 1.0, ids=["a", "b"])
    log.put("r2", "web", [ROW], [YES], 1.0)
    receipts = [label(log, doc, "web", at, Limits()).result(10) for at, doc in (
        (5.0, {"labels": [{"id": "r1", "row": 1, "label": "yes"}, {"row_id": "a", "label": "no"}]}),
        (4.0, {"id": "r2", "label": True}), (3.0, [{"id": "r2", "row": 0, "label": 7.5}]))]  # fmt: skip
    assert receipts == [3, 4, 5]
    columns = read_log(log.folder).columns()  # the writer is still alive
    assert columns["label"] == ["no", "yes", 7.5]  # the later of two counts, though the clock was set back
    assert columns["x:colour"] == ["red"] * 3 and columns["sequence"] == [1, 1, 2]


@pytest.mark.parametrize(
    "doc",
    [None, 1, "x", [], {}, {"labels": []}, {"labels": [{}]}, {"label": 1}, {"id": "r"}, {"id": "r", "label": None},
     {"id": "r", "label": [1]}, {"id": "r", "label": float("nan")}, {"id": 7, "label": 1}, {"id": "", "label": 1},
     {"id": "r", "row": -1, "label": 1}, {"id": "r", "row": True, "label": 1}, {"id": "r", "row": 1.0, "label": 1},
     {"id": "r", "row_id": "a", "label": 1}, {"row_id": ["a"], "label": 1}, {"id": "r", "label": 1, "more": 1},
     {"id": "r" * 300, "label": 1}, {"labels": [{"id": "r", "label": 1}], "x": 1},
     {"labels": [{"id": "r", "label": 1}] * 11},
     {"id": "r", "row": 2**40, "label": 1}, {"row_id": "a", "row": 0, "label": 1}, {"id": "r", "label": 2**70}],
)  # fmt: skip
def test_labels_of_another_form_are_refused(log, doc):
    with pytest.raises(Refused) as refused:
        label(log, doc, "web", 1.0, Limits(rows=10))
    assert refused.value.status in (413, 422) and log._given == 0


def test_predictions_made_elsewhere(log):
    doc = {"rows": [{"amount": 1, "iban": "DE1"}], "predictions": [YES], "row_ids": [17], "model": "old", "id": "x",
           "at": "2026-01-01T00:00:00Z"}  # fmt: skip
    assert elsewhere(log, doc, "app", "r9", 5.0, Limits(), ["amount"]).result(10) == 1
    (part,) = read_log(log.folder).parts()
    assert (part.source, part.model, part.request_id, part.answered["id"]) == ("elsewhere", "old", ["x"], ["17"])
    assert part.at.tolist() == [1767225600.0] and list(part.asked) == ["amount"]


@pytest.mark.parametrize(
    "change",
    [{"rows": []}, {"rows": [ROW] * 2}, {"rows": [[1]]}, {"rows": [{"a": [1]}]}, {"rows": [{"a": float("inf")}]},
     {"predictions": [{}]}, {"predictions": [{"prediction": None}]}, {"predictions": ["yes"]}, {"row_ids": [1, 2]},
     {"predictions": [{"prediction": "a", "probabilities": {"a": 2}}]}, {"row_ids": [None]}, {"model": 7}, {"id": ""},
     {"predictions": [{"prediction": "a", "set": "a"}]}, {"predictions": [{"prediction": "a", "decision": 1}]},
     {"at": "soon"}, {"at": -1}, {"at": True}, {"at": 1e300}, {"extra": 1}, {"rows": None}, {"predictions": None}],
)  # fmt: skip
def test_predictions_of_another_form_are_refused(log, change):
    with pytest.raises(Refused):
        elsewhere(log, {"rows": [ROW], "predictions": [YES]} | change, "app", "r", 1.0, Limits())
    assert log._given == 0


def test_columns_that_nobody_may_keep(tmp_path):
    log = PredictionLog(tmp_path, columns=["amount", "name", "email"], personal={"name": "drop", "email": "hash"})
    log.put(
        "r",
        "web",
        [{"amount": 1, "name": "Ann", "email": e, "iban": "DE1"} for e in ("a@x", "b@x", "a@x", None)],
        [YES] * 4,
        1.0,
    )
    log.close()
    (part,) = read_log(tmp_path).parts()
    assert list(part.asked) == ["amount", "email"]
    a, b, again, none = part.asked["email"]
    assert a == again != b and none is None and len(a) == 16
    for path in tmp_path.iterdir():
        assert not any(secret in path.read_bytes() for secret in (b"Ann", b"a@x", b"DE1")), path


def test_ids_of_rows():
    assert ids_of([{"k": 7}, {"k": None}, {}, {"k": [1]}, {"k": "a" * 300}], "k") == ["7", None, None, None, "a" * 256]
    assert ids_of({"k": [1, None]}, "k") == ["1", None]
    assert ids_of({"x": [1]}, "k") is None and ids_of([{"k": 7}], "") is None


def test_which_columns_are_personal():
    schema = {
        "x-assay": {"columns": {"a": {"personal": True}, "b": {}, "c": {"personal": False}, "d": {"personal": True}}}
    }
    assert personal_of(schema) == {"a": "drop", "d": "drop"}
    assert personal_of(schema, ["b"], ["a"]) == {"a": "hash", "b": "drop", "d": "drop"}
    for without, hashed in ((["x"], []), ([], ["x"]), (["b"], ["b"])):
        with pytest.raises(SettingsError):
            personal_of(schema, without, hashed)


def test_a_swap_logs_the_columns_of_the_new_model(log):
    log.put("r1", "web", [ROW], [YES], 1.0, columns=["amount"])
    log.put("r2", "web", [ROW], [YES], 1.0, model="m2", columns=["amount", "colour"])
    log.close()
    assert [list(p.asked) for p in read_log(log.folder).parts()] == [["amount"], ["amount", "colour"]]


def test_a_full_queue_drops_and_counts(tmp_path, monkeypatch):
    log = PredictionLog(tmp_path, queue=10)
    go = threading.Event()
    write = log._file.write
    monkeypatch.setattr(log._file, "write", lambda *a: (go.wait(10), write(*a))[1])
    log.committed(0)
    numbers = [log.put(f"r{k}", "web", [ROW, ROW], [YES, NO], 1.0) for k in range(600)]
    assert numbers == list(range(1, 601))
    go.set()
    log.close()
    found = read_log(tmp_path)
    kept = sorted({int(s) for p in found.parts() for s in p.sequence})
    gaps = found.gaps()
    assert {g.reason for g in gaps} == {"the queue was full"}
    assert log.dropped == sum(g.requests for g in gaps) == 600 - len(kept)
    assert sum(g.rows for g in gaps) == 2 * log.dropped
    missing = set(numbers) - set(kept)
    assert missing == {n for g in gaps for n in range(g.first, g.last + 1)} and len(missing) >= 100


def full(log):
    """Make SQLite refuse to grow, which is what a full disk does to it."""
    with log._lock:
        pages = log._file.db.execute("PRAGMA page_count").fetchone()[0]
        log._file.db.execute(f"PRAGMA max_page_count={pages}")


def test_a_full_disk_lets_predictions_go_on_and_counts(tmp_path):
    said: list[str] = []
    log = PredictionLog(tmp_path, durable=True, warn=said.append)
    before = log.put("r0", "web", [ROW], [YES], 1.0)
    assert log.committed(before).result(10) == before
    full(log)
    big = [{"text": str(k) * 200_000} for k in range(3)]
    lost = [log.put(f"r{k}", "web", [row], [YES], 1.0) for k, row in enumerate(big, 1)]
    with pytest.raises(LogUnavailable) as refused:
        log.committed(lost[0]).result(10)
    assert refused.value.status == 503
    with pytest.raises(LogUnavailable):
        label(log, {"id": "r0", "label": "x" * 250_000}, "web", 1.0, Limits()).result(10)
    assert len(said) == 1 and "full" in said[0]
    log._file.db.execute("PRAGMA max_page_count=1073741823")
    after = log.put("r9", "web", [ROW], [YES], 1.0)
    assert log.committed(after).result(10) == after
    log.close()
    assert len(said) == 2 and "written again" in said[1]
    found = read_log(tmp_path)
    assert {int(s) for p in found.parts() for s in p.sequence} == {before, after}
    gone = {n for g in found.gaps() for n in range(g.first, g.last + 1)}
    assert gone == set(range(before + 1, after)) and all("full" in g.reason for g in found.gaps())


def test_an_entry_that_cannot_be_written_takes_no_other_with_it(tmp_path):
    log = PredictionLog(tmp_path)
    for k in range(5):
        log.put(f"r{k}", "web", [ROW] * (2 if k == 2 else 1), [YES], 1.0)  # one has a row too many
    log.close()
    found = read_log(tmp_path)
    assert {int(s) for p in found.parts() for s in p.sequence} == {1, 2, 4, 5}
    assert [(g.first, g.last, g.reason) for g in found.gaps()] == [(3, 3, "could not be encoded: ValueError")]


def test_who_stopped_waiting_holds_up_nobody(tmp_path):
    log = PredictionLog(tmp_path, durable=True)
    with log._lock:  # the writer cannot take anything meanwhile
        log._given += 1
        number = log._given
        entry = Entry(number, 1.0, "r", "web", [ROW], [YES], "m")
        futures = [Future() for _ in range(3)]
        log._waiting.append(entry)
        log._waiters += [(number, f) for f in futures]
        assert futures[0].cancel()
    log._wake.set()
    assert [f.result(10) for f in futures[1:]] == [number, number]
    after = log.put("r2", "web", [ROW], [YES], 1.0)
    assert log.committed(after).result(10) == after
    log.close()


@pytest.mark.parametrize("fails", [False, True])
def test_who_asks_during_the_commit_is_told(tmp_path, monkeypatch, fails):
    log = PredictionLog(tmp_path, durable=True)
    begun, go = threading.Event(), threading.Event()
    write = log._file.write

    def slow(*given):
        begun.set()
        go.wait(10)
        if fails:
            raise sqlite3.OperationalError("database or disk is full")
        write(*given)

    monkeypatch.setattr(log._file, "write", slow)
    number = log.put("r", "web", [ROW], [YES], 1.0)
    log._wake.set()
    assert begun.wait(10)
    told = log.committed(number)  # the writer has taken the entry already
    go.set()
    if fails:
        with pytest.raises(LogUnavailable):
            told.result(5)
    else:
        assert told.result(5) == number
    log.close()


def test_workers_have_files_of_their_own_and_take_over_a_dead_one(tmp_path):
    logs = [PredictionLog(tmp_path) for _ in range(3)]
    for k, one in enumerate(logs):
        one.put(f"r{k}", "web", [ROW], [YES], 1.0)
        one.close()
    assert [one.number for one in logs] == [0, 1, 2]
    again = PredictionLog(tmp_path)
    assert again.number == 0 and again.put("r", "web", [ROW], [YES], 1.0) == 2
    again.close()
    assert [p.request_id for p in read_log(tmp_path).parts()] == [["r0"], ["r"], ["r1"], ["r2"]]
    assert read_log(tmp_path).gaps() == []


def test_reading_goes_on_where_it_stopped(log):
    log.put("r1", "web", [ROW], [YES], 1.0)
    label(log, {"id": "r1", "label": 1}, "web", 1.0, Limits()).result(10)
    seen = {p.file: p.block for p in read_log(log.folder).parts()}
    labels = {t.file: t.sequence for t in read_log(log.folder).truths()}
    log.put("r2", "web", [ROW], [YES], 1.0)
    log.close()
    assert [p.request_id for p in read_log(log.folder).parts(seen)] == [["r2"]]
    assert list(read_log(log.folder).truths(labels)) == []


def test_a_file_keeps_within_its_size_and_age(tmp_path):
    log = PredictionLog(tmp_path, durable=True, max_mb=0.5, days=10)
    for k in range(40):
        log.committed(log.put(f"old{k}", "web", [{"text": str(k) * 30_000}], [YES], 1.0)).result(10)
    log._look()
    assert log._file.size() <= 0.5e6 and log.trimmed > 0
    kept = [i for p in read_log(tmp_path).parts() for i in p.request_id]
    assert kept and "old0" not in kept and kept[-1] == "old39"
    log._file.db.execute("UPDATE block SET written = written - 20 * 86400 WHERE id = (SELECT min(id) FROM block)")
    before = log.trimmed
    log._look()
    assert log.trimmed == before + 1
    log.close()
    assert (tmp_path / "0.db").stat().st_size < 1e6
    again = PredictionLog(tmp_path)  # what was trimmed is no gap
    assert again._gaps == []
    again.close()


def test_a_clock_that_jumps_deletes_nothing(tmp_path, monkeypatch):
    said: list[str] = []
    log = PredictionLog(tmp_path, days=10, warn=said.append)
    log.committed(log.put("r1", "web", [ROW], [YES], time.time())).result(10)
    ahead = time.time() + 400 * 86400
    monkeypatch.setattr("assay.serve.log.time.time", lambda: ahead)
    log._look()
    monkeypatch.undo()
    log.put("r2", "web", [ROW], [YES], 5.0)  # and back to 1970
    log.close()
    assert [p.request_id for p in read_log(tmp_path).parts()] == [["r1"], ["r2"]]
    assert "clock jumped" in said[0]


def test_closing_writes_what_waits_and_says_no_to_the_rest(tmp_path):
    log = PredictionLog(tmp_path)
    for k in range(1000):
        log.put(f"r{k}", "web", [ROW], [YES], 1.0)
    log.close()
    log.close()
    assert sum(map(len, read_log(tmp_path).parts())) == 1000
    log.put("late", "web", [ROW], [YES], 1.0)
    with pytest.raises(LogUnavailable):
        log.label("web", [{"request_id": "r", "row": 0, "label": 1}], 1.0).result(1)


def test_places_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="--log"):
        PredictionLog(tmp_path / "file")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "0.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(InputError, match="damaged"):
        PredictionLog(tmp_path / "bad")
    with pytest.raises(InputError, match="no prediction log"):
        read_log(tmp_path / "none")
    (tmp_path / "other").mkdir()
    with contextlib.closing(sqlite3.connect(tmp_path / "other" / "0.db")) as db:
        db.execute("CREATE TABLE meta (key TEXT, value TEXT)")
        db.execute("INSERT INTO meta VALUES ('format', 'assay-log-9')")
        db.commit()
    for use in (read_all, PredictionLog):
        with pytest.raises(InputError, match="another version"):
            use(tmp_path / "other")


def read_all(place):
    return list(read_log(place).parts())
