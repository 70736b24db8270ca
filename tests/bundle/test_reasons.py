"""Usual rows and sentences: columns as they usually are, no training row, no number that the explanation lacks."""

from __future__ import annotations

import json

import numpy as np
import pytest

from assay.bundle.background import background, dealt
from assay.bundle.nodes import NULL_CODE
from assay.bundle.reasons import explanation, sentence
from assay.bundle.schema import BINS, Input, Schema, from_doc, to_doc
from assay.core.errors import BundleError, SettingsError
from assay.stats.shapley import Attribution

from .conftest import make_table

NUMBER = Input("n", "n", "number", lo=0.0, hi=15.0, typical=7.0, bins=tuple(float(k) for k in range(BINS)), holes=0.25)
WORD = Input("w", "w", "category", categories=("a",), typical="a", bins=("a", "b"), shares=(0.6, 0.2), holes=0.2)
SCHEMA = Schema("binary", ("no", "yes"), (NUMBER, WORD), 0.9, ((0.9, (0.5, 0.5)),))


def test_every_column_is_as_usual():
    numbers, words = dealt(NUMBER), dealt(WORD)
    assert len(numbers) == len(words) == BINS
    assert np.isnan(numbers).sum() == 4 and np.nanmean(numbers) == pytest.approx(7.5, abs=0.7)
    assert (words == NULL_CODE).sum() == 3 and (words == "a").sum() == 10 and (words == "b").sum() == 3


def test_usual_rows_are_sixteen_and_the_same_every_time_and_typical_is_one():
    one, two = background(SCHEMA), background(SCHEMA)
    assert {k: len(v) for k, v in one.items()} == {"n": BINS, "w": BINS}
    assert np.array_equal(one["n"], two["n"], equal_nan=True) and np.array_equal(one["w"], two["w"])
    assert background(SCHEMA, "typical")["n"].tolist() == [[7.0]]
    with pytest.raises(SettingsError, match="usual or typical"):
        background(SCHEMA, "mean")


def test_a_file_without_bins_has_its_typical_row():
    old = Schema("binary", ("no", "yes"), (Input("n", "n", "number", typical=3.0),), 0.9, ((0.9, (0.5, 0.5)),))
    assert background(old)["n"].tolist() == [[3.0]]


def test_bins_survive_the_file_and_what_does_not_fit_is_refused():
    doc = json.loads(json.dumps(to_doc(SCHEMA)))
    assert from_doc(doc).inputs == SCHEMA.inputs
    for bad in ({"shares": [0.6]}, {"holes": 2.0}, {"shares": [0.6, -0.1]}, {"bins": [1, 2]}):
        broken = json.loads(json.dumps(doc))
        broken["x-assay"]["columns"]["w"] |= bad
        with pytest.raises(BundleError):
            from_doc(broken)


def test_bins_hold_five_rows_each_and_no_row_of_the_table(model):
    raw = make_table()
    own = model.schema["x-assay"]["columns"]
    assert len(own["amount"]["bins"]) == BINS and own["amount"]["bins"] == sorted(own["amount"]["bins"])
    counts = {v: raw["town"].to_pylist().count(v) for v in own["town"]["bins"]}
    assert min(counts.values()) >= 5
    real = {tuple(r[c] for c in ("amount", "colour", "town", "clock")) for r in raw.to_pylist()}
    made = background(model._schema)
    rows = zip(*(made[c][:, 0].tolist() for c in ("amount", "colour", "town", "clock")), strict=True)
    assert not real & set(rows)


def told(moved, error, output=0.8, groups=(), shared=None):
    moved, error = np.array([moved]), np.array([error])
    shared = np.zeros((1, len(groups))) if shared is None else np.array([shared])
    made = Attribution(
        moved, error, shared, shared * 0, np.array([output - moved.sum()]), np.array([output]), False, 16
    )
    columns = tuple("abc"[: moved.shape[1]])
    return explanation(columns, made, ("late",), np.array([[1, 2, 3]]), [["1", "2", "3"]], groups, 3, "usual")


def test_a_sentence_says_what_speaks_for_it_and_against_it():
    said = sentence(told([0.4, -0.1, 0.16], [0, 0, 0]), 0, "late")
    assert said == "late: 0.80 (usual 0.34), mostly because a = 1 (+0.4), c = 3 (+0.16); against it b = 2 (-0.1)"


def test_what_is_not_certain_or_too_small_is_not_named():
    said = sentence(told([0.4, -0.1, 0.02], [0, 0.06, 0]), 0, "late")
    assert "b = " not in said and "c = " not in said
    assert "no column moves it for certain" in sentence(told([0.1, 0, 0], [0.1, 0, 0]), 0, "late")


def test_a_low_answer_is_mostly_because_of_what_lowers_it():
    said = sentence(told([-0.3, 0.05, 0.0], [0, 0, 0], output=0.1), 0, "late")
    assert said == "late: 0.10 (usual 0.35), mostly because a = 1 (-0.3); against it b = 2 (+0.05)"


def test_columns_that_carry_the_same_thing_are_one_reason():
    e = told([0.2, 0.1, 0.05], [0, 0, 0], groups=(("a", "b"),), shared=[0.3])
    assert e.reasons[0] == ("a = 1 with b = 2 (+0.3)", "c = 3 (+0.05)")


def test_intervals_are_at_two_levels():
    e = told([0.2, 0.1, 0.05], [0.01, 0.01, 0.01])
    assert (e.interval(0.01)[0] < e.interval()[0]).all()
    with pytest.raises(SettingsError):
        e.interval(0.5)
