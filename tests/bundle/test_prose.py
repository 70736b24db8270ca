"""Words of free text: which are kept, that ids are none, that no rare word is stored, that the graph sees the same."""

import time
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto

import assay
from assay.bundle import golden
from assay.bundle.nodes import NULL_CODE, Builder, Wire
from assay.bundle.prose import lower_words
from assay.core.settings import Settings
from assay.core.subject import Role, Roles
from assay.core.table import SampleSpec
from assay.learn.encoder import encode, fit_encoder, left_out
from assay.learn.forms import EncoderSpec, Feature
from assay.learn.prose import LEAST, found_in, presence, spellings, word_of
from assay.learn.target import labels
from assay.tables import open_table

from .test_encode import run

FEW = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
WORDS = ("good", "not", "überaus", "naïve", "don't", "straße")
SINGLE = tuple(Feature(w, "t", "word", levels=(w,)) for w in WORDS)
PAIRS = (
    Feature("not good", "t", "word", levels=("not", "good")),
    Feature("a b", "t", "word", levels=("good", "naïve")),
)
PIECES = st.one_of(
    st.sampled_from([s for w in WORDS for s in spellings(w)]),
    st.sampled_from(
        ["", " ", "\t", "\n", "\u00a0", "\u2003", "gOOd", "good,,", "😀", "İ", "ß", "Straße", NULL_CODE[:0]]
    ),
    st.text(max_size=6).filter(lambda s: "\x00" not in s),
)
TEXTS = st.lists(PIECES, max_size=7).map(" ".join)


@FEW
@given(st.lists(st.none() | TEXTS, min_size=1, max_size=6), st.sampled_from([SINGLE, SINGLE + PAIRS, PAIRS]))
def test_the_graph_finds_the_words_that_numpy_finds(texts, features):
    feed = np.array([[NULL_CODE if t is None else t] for t in texts], object)
    b = Builder()
    out = lower_words(b, Wire("t", "text"), features)
    got = run(b, {"t": feed}, out, TensorProto.FLOAT)
    want = presence(features, ["" if t is None else t for t in texts])
    want[[t is None for t in texts]] = np.nan
    np.testing.assert_array_equal(got, want)


def test_a_word_is_known_by_all_its_spellings_and_by_nothing_else():
    for word in WORDS:
        for said in spellings(word):
            assert word_of(said) == word
    for other in ("gOOd", "1234", "a", "good,,", "-good", "x" * 40, ""):
        assert word_of(other) is None


def test_golden_rows_hold_the_words_in_several_spellings():
    told = golden.texts(SimpleNamespace(spec=EncoderSpec((("t", "text"),), SINGLE + PAIRS)))["t"]
    assert len(told) == len(golden.FORMS) == len(set(told))
    there = presence(SINGLE + PAIRS, told)
    assert there[:, : len(SINGLE)].any(axis=0).all(), "every word is known in one of them"
    assert len({word for word in " ".join(told).split() if word.casefold().strip(",.!") in WORDS}) > len(WORDS)


REVIEWS = ("lovely", "awful", "boring", "plot", "actor", "scene", "music", "long", "short", "story", "end", "start")


def reviews(n=1200, seed=0):
    rng = np.random.default_rng(seed)
    said = rng.choice(REVIEWS[2:], (n, 8))
    mood = rng.choice(REVIEWS[:2], n)
    texts = [
        " ".join((*row[:4], m.capitalize() + ",", *row[4:], f"nr{i}"))
        for i, (row, m) in enumerate(zip(said, mood, strict=True))
    ]
    y = np.where((mood == "lovely") ^ (rng.random(n) < 0.1), "up", "down")
    return {"text": texts, "x": rng.normal(size=n), "y": y}


def opened(columns):
    table = open_table(pa.table(columns), cache=False)
    rows = table.sample(SampleSpec(n=table.n_rows))
    task = "regression" if np.asarray(columns["y"]).dtype.kind == "f" else None
    return rows, labels(rows, Roles(target=Role(("y",)), task=task))


def test_the_telling_words_are_features_and_no_others():
    rows, found = opened(reviews())
    assert left_out(rows, ["text"], index=np.arange(rows.n)) == {}
    spec = fit_encoder(rows, ["text", "x"], found, index=np.arange(rows.n))
    words = {f.levels for f in spec.features if f.how == "word"}
    assert {("lovely",), ("awful",)} <= words
    by_chance = [levels for levels in words if not {"lovely", "awful"} & set(levels)]
    assert len(by_chance) <= 4  # one single word is expected, and one pair
    assert len(words) <= 128


def test_words_that_say_nothing_are_no_features():
    made = []
    for seed in range(8):
        columns = reviews(500, seed)
        columns["y"] = np.random.default_rng(100 + seed).choice(["up", "down"], 500)
        rows, found = opened(columns)
        spec = fit_encoder(rows, ["text", "x"], found, index=np.arange(rows.n))
        made.append(sum(f.how == "word" for f in spec.features))
    assert np.mean(made) <= 2.5  # one false word is expected a column


@pytest.mark.parametrize(
    "make",
    [
        lambda i: f"C-{i:05}",
        lambda i: f"order {i}",
        lambda i: f"{i * 2654435761 % 2**32:08x}-{i * 40503 % 65536:04x}",
        lambda i: f"user{i}@example.org",
        lambda i: f"{i % 97}.{i % 89}.{i % 83}.{i % 79}",
    ],
)
def test_ids_and_codes_are_no_prose(make):
    n = 800
    rows, _ = opened({"code": [make(i) for i in range(n)], "y": ["a", "b"] * (n // 2)})
    assert "free text or an identifier" in left_out(rows, ["code"], index=np.arange(n))["code"]


def test_no_word_of_fewer_than_five_rows_or_units_is_kept():
    texts = ["common word here"] * 20 + ["secret word"] * 4 + ["rare thing"] * 12
    unit = np.arange(36, dtype=np.uint64)
    assert ("secret",) not in found_in(texts, unit).terms
    assert ("rare",) in found_in(texts, unit).terms
    unit[24:] = 7  # the twelve rows are one person's
    assert ("rare",) not in found_in(texts, unit).terms
    assert ("rare", "thing") not in found_in(texts, unit).terms


def test_a_file_holds_no_rare_word():
    columns = reviews(600)
    columns["text"][3] += " Zebulon"
    model = assay.fit(columns, target="y", settings=Settings(budget=6))
    assert b"ebulon" not in model._files["model/model.onnx"]
    assert "text" in model.columns
    assert model.dossier["model"]["parity"]["max"] <= 1e-4
    assert model.dossier["model"]["scores"][0]["value"] > 0.8
    told = model.predict({"text": ["A LOVELY story.", "awful", None], "x": np.zeros(3)})
    assert list(told[:2]) == ["up", "down"]


def test_values_have_words_too_and_order_does_not_matter():
    columns = reviews()
    rng = np.random.default_rng(1)
    columns["y"] = (columns["y"] == "up") * 1.0 + rng.standard_cauchy(1200) * 0.1
    rows, found = opened(columns)
    spec = fit_encoder(rows, ["text"], found, index=np.arange(rows.n))
    turned, again = opened({k: np.asarray(v)[::-1] for k, v in columns.items()})
    assert fit_encoder(turned, ["text"], again, index=np.arange(rows.n)) == spec
    assert {("lovely",), ("awful",)} <= {f.levels for f in spec.features}
    assert encode(spec, rows).shape == (1200, len(spec.features))


def test_two_hundred_thousand_texts_cost_seconds():
    columns = reviews(20_000)
    columns = {"text": [f"{t} {k}" for k in range(10) for t in columns["text"]], "y": np.tile(columns["y"], 10)}
    rows, found = opened(columns)
    start = time.process_time()
    spec = fit_encoder(rows, ["text"], found, index=np.arange(rows.n))
    encode(spec, rows)
    assert time.process_time() - start < 20
    assert LEAST == 5
