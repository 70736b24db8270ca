"""S01: who is missing against a population that is handed in, as margins, as a file or as a reference sample."""

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.opening import open_subject
from assay.challenges.sampling import unrepresentative_sample as s01
from assay.core.errors import InputError
from assay.core.finding import Finding
from assay.testing import judge
from tests.challenges.real import FOLDER, stands

MARITAL = {"marital": {"divorced": 5207, "married": 27214, "single": 12790}}


def people(n: int, seed: int, lost: float = 0.0) -> pa.Table:
    rng = np.random.default_rng(seed)
    group = rng.choice(["divorced", "married", "single"], n, p=[0.115, 0.602, 0.283])
    rows = pa.table({"marital": group, "age": rng.normal(40, 10, n), "y": rng.choice(["no", "yes"], n)})
    return rows.filter(pa.array((group != "divorced") | (rng.random(n) >= lost)))


def opened(table: pa.Table, population: object):
    return open_subject(table, target="y", population=population, cache=False)


def remedy_of(claim):
    found = Finding("S01", "unrepresentative-sample", claim, None, "warning", claim.impact, claim.says)
    return s01.remedy(None, found)


def test_bank_lacks_its_divorced_clients() -> None:
    if not (FOLDER / "bank_marketing.csv.gz").is_file():
        pytest.skip("bank_marketing.csv.gz is not here")
    subject = open_subject(str(FOLDER / "bank_marketing.csv.gz"), target="y", population=MARITAL, cache=False)
    (claim,) = stands(s01, subject)
    assert claim.effect.value == 1.0
    assert claim.says.startswith("marital divorced: no row, against 11.5 %")
    assert "collect rows of marital divorced" in remedy_of(claim).says


def test_generated_twin() -> None:
    (claim,) = stands(s01, opened(people(5000, 0, lost=1.0), MARITAL))
    assert claim.effect.value == 1.0
    assert not stands(s01, opened(people(5000, 0), MARITAL))


def test_a_file_and_a_reference_sample_say_the_same(tmp_path) -> None:
    file = tmp_path / "margins.csv"
    file.write_text("column,value,share\nmarital,divorced,0.115\nmarital,married,0.602\nmarital,single,0.283\n")
    for population in (str(file), people(20_000, 1)):
        (claim,) = stands(s01, opened(people(5000, 2, lost=0.8), population))
        assert "divorced" in claim.says
        assert judge(s01, opened(people(5000, 3), population)).decision.verdict != "found"


def test_a_reference_sample_pays_for_its_own_error() -> None:
    table = people(400, 4, lost=0.4)
    known, sampled = (judge(s01, opened(table, p)).run.claims[0] for p in (MARITAL, people(400, 5)))
    width = [c.effect.interval(0.05)[1] - c.effect.interval(0.05)[0] for c in (known, sampled)]
    assert known.p is not None
    assert sampled.p is not None
    assert width[1] > width[0] or sampled.p > known.p


def test_numbers_are_binned_by_the_reference() -> None:
    rng = np.random.default_rng(6)
    table = people(5000, 7).filter(pa.array(rng.random(5000) < 2))
    young = table.filter(pa.compute.less(table["age"], 42.0))
    (claim,) = stands(s01, opened(young, people(20_000, 8)))
    assert claim.about.columns == ("age",)


def test_raking_brings_the_margins_back() -> None:
    subject = opened(people(8000, 9, lost=0.7), MARITAL)
    (claim,) = stands(s01, subject)
    weights = claim.evidence["raking"]["weights"]["marital"]
    values = np.array(subject.table.arrow()["marital"].to_pylist())
    weighed = np.array([weights[v] for v in values])
    for value, count in MARITAL["marital"].items():
        assert weighed[values == value].sum() / weighed.sum() == pytest.approx(count / 45211, abs=1e-4)
    assert 0 < claim.evidence["raking"]["effective_share_of_rows"] < 1


@pytest.mark.parametrize(
    ("population", "words"),
    [
        ({"marital": {"divorced": 0.1, "married": 0.2}}, "must sum to 1"),
        ({"marital": {"divorced": -1, "married": 2}}, "not negative"),
        ({"marital": {"divorced": "many"}}, "not negative"),
        ({"maritl": {"divorced": 1}}, "did you mean marital"),
        ({}, "at least one column"),
        (pa.table({"colour": ["a", "b"]}), "columns of the table"),
    ],
)
def test_malformed_populations_are_refused_in_one_sentence(population, words) -> None:
    with pytest.raises(InputError, match=words):
        opened(people(100, 0), population)


def test_values_of_another_spelling_are_no_finding() -> None:
    made = judge(s01, opened(people(1000, 0), {"marital": {"Geschieden": 0.5, "Verheiratet": 0.5}}))
    assert made.run.not_applicable is not None
