"""The service reads a row as ``Model.predict`` does, and refuses what the schema does not allow, with reasons."""

from __future__ import annotations

import numpy as np
import pytest

from assay.bundle.feed import reader_of
from assay.bundle.schema import Input, Schema
from assay.serve.decode import Decoder
from assay.serve.http import Refused
from assay.serve.scoring import Served

AWKWARD = [
    {"amount": None, "colour": None, "clock": None, "member": None, "when": None, "town": None},
    {"amount": -999, "colour": "N/A", "clock": 0, "member": True, "when": "2020-11-10", "town": ""},
    {"amount": 0.1, "colour": " Red ", "clock": 2359, "member": False, "when": "2020-1-9 5:06", "town": "\u2042"},
    {"amount": 1e-300, "colour": "\u0000", "clock": 1.5, "when": "2020/11/10T05:36:15.5", "town": "town 58"},
    {"amount": -0.0, "colour": "violet", "when": 1604986575, "town": "Ünïcode 🙂"},
    {"amount": 3.4e38, "colour": "blau", "when": 1604986575.5, "town": "x" * 500},
    {"amount": 140.58, "when": "  ", "big": 9007199254740993},
    {"amount": 12345678901234567890, "when": "2020-11-10 23:59:59Z", "big": 0.5},
]


def test_the_same_text_gives_the_same_answer_as_the_library(late, values, row):
    for model in (late, values):
        served = Served(model)
        rows = [row | awkward for awkward in AWKWARD]
        batch = served.decoder.rows(rows)
        scored = served.score(batch)
        expected = model.predict_proba(rows) if model.classes else model.predict(rows)[:, None]
        assert np.array_equal(scored.output, expected)
        assert scored.labels.tolist() == model.predict(rows).tolist()
        assert np.array_equal(scored.sets, model.predict_set(rows))
        columns = {c: [r[c] for r in rows] for c in rows[0]}
        again = served.decoder.by_column(columns)
        for name, array in batch.feed.items():
            assert np.array_equal(array, again.feed[name], equal_nan=array.dtype != object)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("amount", "12", "must be a number or null; got text ('12')"),
        ("amount", True, "must be a number or null; got true or false"),
        ("amount", [1], "must be a number or null; got a list"),
        ("amount", {"a": 1}, "must be a number or null; got an object"),
        ("amount", 1e39, "must be finite"),
        ("amount", float("inf"), "must be finite"),
        ("amount", -(10**300), "must be finite"),
        ("colour", 3, "must be text or null; got a number"),
        ("colour", True, "must be text or null"),
        ("member", 1, "must be true or false or null; got a number"),
        ("member", "true", "must be true or false or null; got text"),
        ("when", "2020-02-30", "must be an ISO date or seconds"),
        ("when", "yesterday", "must be an ISO date or seconds"),
        ("when", False, "must be an ISO date or seconds"),
        ("clock", "12:30", "must be a number or null"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_place(late, row, column, value, reason):
    decoder = Decoder(late._schema)
    with pytest.raises(Refused) as refused:
        decoder.rows([row, row | {column: value}])
    (field,) = refused.value.fields
    assert (refused.value.status, field.row, field.column) == (422, 1, column)
    assert reason in field.reason
    columns = {c: [row[c], value if c == column else row[c]] for c in row}
    with pytest.raises(Refused) as refused:
        decoder.by_column(columns)
    assert refused.value.fields[0].reason == field.reason


def test_every_field_that_is_wrong_is_told_but_no_more_than_twenty(late, row):
    decoder = Decoder(late._schema)
    with pytest.raises(Refused) as refused:
        decoder.rows([row | {"amount": "a", "colour": 1, "when": "b"}])
    assert [f.column for f in refused.value.fields] == ["amount", "when", "colour"]
    with pytest.raises(Refused) as refused:
        decoder.rows([row | {"amount": "a"}] * 100)
    assert len(refused.value.fields) == 20


def test_an_absent_column_is_refused_and_a_near_name_is_told(late, row):
    decoder = Decoder(late._schema)
    short = {k: v for k, v in row.items() if k != "colour"}
    with pytest.raises(Refused, match="is it color") as refused:
        decoder.rows([row, short | {"color": "red"}])
    assert [(f.row, f.column) for f in refused.value.fields] == [(1, "colour")]
    with pytest.raises(Refused, match="absent"):
        decoder.by_column({k: [v] for k, v in short.items()})
    with pytest.raises(Refused, match="a row must be an object"):
        decoder.rows([[1, 2]])
    with pytest.raises(Refused, match="has 2 values"):
        decoder.by_column({k: [v] for k, v in row.items()} | {"colour": ["red", "red"]})
    with pytest.raises(Refused, match="must be a list"):
        decoder.by_column({k: [v] for k, v in row.items()} | {"colour": "red"})


def test_columns_that_the_model_does_not_know_are_ignored_or_refused(late, row):
    decoder = Decoder(late._schema)
    assert decoder.rows([row | {"colur": "red"}]).n == 1
    strict = Decoder(late._schema, unknown="refuse")
    with pytest.raises(Refused, match="did you mean colour"):
        strict.rows([row | {"colur": "red"}])
    with pytest.raises(Refused, match="no column of the model"):
        strict.by_column({k: [v] for k, v in row.items()} | {"other": [1]})
    assert strict.rows([row]).n == 1


def test_rows_are_counted_before_they_are_read(late, row):
    decoder = Decoder(late._schema, most_rows=2)
    with pytest.raises(Refused) as refused:
        decoder.rows([row] * 3)
    assert refused.value.status == 413
    with pytest.raises(Refused) as refused:
        decoder.rows([])
    assert refused.value.status == 422


def schema_of(*inputs: Input) -> Schema:
    return Schema("regression", (), inputs, 0.9, ((0.9, (1.0,)),))


def test_what_cannot_be_real_is_flagged_by_the_stated_rule():
    decoder = Decoder(
        schema_of(
            Input("size", "size", "number", lo=10.0, hi=20.0),
            Input("balance", "balance", "number", lo=-5.0, hi=20.0),
            Input("at", "at", "clock", lo=800.0, hi=1700.0),
            Input("day", "day", "date", lo=0.0, hi=86400.0),
            Input("free", "free", "number"),
            Input("closed", "closed", "category", categories=("a", "b"), bins=("a", "b"), shares=(0.5, 0.4), holes=0.1),
            Input("open", "open", "category", categories=("a", "b"), bins=("a", "b"), shares=(0.5, 0.4), holes=0.0),
        )
    )
    fine = {"size": 30, "balance": -30, "at": 2359, "day": 172800, "free": 1e30, "closed": "a", "open": "z"}

    def odd(**changes: object) -> list[str]:
        return [o.column for o in decoder.rows([fine, fine | changes]).odd.get(1, [])]

    assert decoder.rows([fine]).odd == {} and odd(size=None, closed=None, at=None) == []
    assert odd(size=30.1) == ["size"] and odd(size=0) == [] and odd(size=-0.1) == ["size"]
    assert odd(balance=-30.1) == ["balance"] and odd(balance=45.1) == ["balance"]
    assert odd(at=1261) == ["at"] and odd(at=2400) == ["at"] and odd(at=-1) == ["at"] and odd(at=0) == []
    assert odd(day=172801) == ["day"] and odd(day="2031-01-01") == ["day"]
    assert odd(closed="c", size=99) == ["size", "closed"]
    (why,) = decoder.rows([fine | {"size": -1}]).odd[0]
    assert why.reason == "-1 is below zero; training saw 10 to 20"


def test_one_row_and_many_are_read_alike(late, values, row):
    for model in (late, values):
        for unknown in ("ignore", "refuse"):
            decoder = Decoder(model._schema, unknown=unknown)
            for awkward in [*AWKWARD, {"clock": 1275}, {"amount": 1e30}]:
                one, two = decoder.rows([row | awkward]), decoder.rows([row | awkward] * 2)
                for name, array in two.feed.items():
                    assert np.array_equal(one.feed[name], array[:1], equal_nan=array.dtype != object), name
                    assert one.feed[name].dtype == array.dtype and one.feed[name].flags["C_CONTIGUOUS"]
                assert one.odd == {r: why for r, why in two.odd.items() if r == 0}
                assert list(one.feed.keys() - two.feed.keys()) == []


def test_dates_that_are_read_faster_are_read_the_same(late):
    day = next(i for i in late._schema.inputs if i.column == "when")
    slow, (_, fast) = reader_of(day, day.storage), Decoder(late._schema).dates[0]
    texts = ["2020-11-10 05:36:15", "2020-11-10T05:36:15", "0001-01-01 00:00:00", "9999-12-31 23:59:59"]
    texts += ["2020-11-10 24:00:00", "2020-11-10 05:36:60", "2020-02-30 05:36:15", "0000-11-10 05:36:15"]
    texts += [
        "2020-11-10x05:36:15",
        "2020-11-10 05:36-15",
        "2020-11-10 05:36:1 ",
        "20201110 05:36:15 +",
        "2020-1-10 05:36:15Z",
    ]
    texts += [
        "2020-W46-2 05:36:15",
        "２０２０-11-10 05:36:15",
        "2020-11-10 05:36+01",
        "2020-11-10  5:36:15",
        "2020-11/10 05:36:15",
    ]
    rng = np.random.default_rng(0)
    for text in list(texts):
        for _ in range(200):
            k, c = int(rng.integers(len(text))), "0123456789-: T+Z/x"[int(rng.integers(18))]
            texts.append(text[:k] + c + text[k + 1 :])
    assert [fast(t) for t in texts] == [slow(t) for t in texts]
