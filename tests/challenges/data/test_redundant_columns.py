"""D11: copies, codes beside their texts, sums and products are named; what chance would give is not."""

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.ranking import finding
from assay.challenges.data import redundant_columns as d11
from assay.core.settings import Settings
from assay.testing import bare_subject, judge
from tests.challenges.real import real, said, stands

RNG = np.random.default_rng


def table(**columns: object) -> pa.Table:
    n = len(next(iter(columns.values())))  # type: ignore[arg-type]
    return pa.table({**columns, "outcome": np.where(RNG(9).random(n) < 0.5, "no", "yes")})


def test_truths_of_adult_titanic_and_compas() -> None:
    assert "education-num and education say the same in other words: one-to-one in all 48,842 rows" in said(
        d11, real("adult.csv.gz", "income")
    )
    titanic = said(d11, real("titanic.csv", "survived"))
    assert "pclass and class say the same" in titanic
    assert "embarked and embark_town say the same" in titanic
    assert "alive" not in titanic
    compas = said(d11, real("compas.csv.gz", "two_year_recid", group="id"))
    assert "decile_score.1 repeats decile_score in all 7,214 rows" in compas
    assert "priors_count.1 repeats priors_count" in compas


def test_truths_of_telco() -> None:
    text = said(d11, real("telco_churn.csv.gz", "Churn", id="customerID"))
    assert "6 columns hold 'No internet service' on the same 1,526 rows" in text
    assert "TotalCharges follows MonthlyCharges * tenure" in text


def test_diamonds_are_quiet() -> None:
    assert not stands(d11, real("diamonds.csv.gz", "price"))


def test_generated_twins_of_the_truths() -> None:
    n = 2000
    level, months, price = RNG(0).integers(1, 9, n), RNG(1).integers(1, 70, n), RNG(2).uniform(20, 120, n)
    names = np.array(["none", "first", "fifth", "ninth", "senior", "some", "college", "master", "doctor"])
    net = RNG(3).random(n) < 0.7
    words = {f"extra {k}": np.where(net, RNG(k).choice(["Yes", "No"], n), "No internet") for k in range(4)}
    total = np.round(months * price * RNG(4).normal(1, 0.005, n), 2)
    made = table(level=level, education=names[level], months=months, price=price, total=total, again=price, **words)
    text = said(d11, bare_subject(made))
    assert "level and education say the same in other words" in text
    assert "price repeats again" in text or "again repeats price" in text
    assert "4 columns hold 'No internet' on the same" in text
    assert "total follows" in text
    assert "months" in text


def test_sum_and_its_parts() -> None:
    a, b, c = RNG(0).gamma(2, 3, 900), RNG(1).gamma(2, 3, 900), RNG(2).gamma(2, 3, 900)
    assert "whole is a + b + c" in said(d11, bare_subject(table(a=a, b=b, c=c, whole=a + b + c)))
    assert not stands(d11, bare_subject(table(a=a, b=b, c=c, whole=a + b + c + RNG(3).normal(0, 1, 900))))


def test_keys_are_not_one_to_one() -> None:
    made = table(x=RNG(0).normal(size=500), z=RNG(1).permutation(500), word=[f"w{k}" for k in RNG(2).permutation(500)])
    assert not stands(d11, bare_subject(made))


def test_rare_flags_that_agree_by_chance_are_not_one_to_one() -> None:
    flag = np.zeros(300, int)
    flag[7] = 1
    assert not stands(d11, bare_subject(table(a=flag, b=np.where(flag, "yes", "no"), c=RNG(0).normal(size=300))))


def test_a_code_far_out_on_the_same_rows_is_no_correlation() -> None:
    out = RNG(0).random(2000) < 0.1
    a, b = (np.where(out, -2000.0, RNG(k).normal(10, 1, 2000)) for k in (1, 2))
    assert not stands(d11, bare_subject(table(a=a, b=b)))


def test_more_rows_than_are_searched_are_still_counted() -> None:
    """Two columns that part in one of 30,000 rows are not one-to-one, though a sample would say so."""
    code = RNG(0).integers(0, 5, 30_000)
    same, word = np.array(list("abcde"))[code], np.array(list("vwxyz"))[code]
    word[int(RNG(1).integers(30_000))] = "other"
    text = said(d11, bare_subject(table(code=code, same=same, copy_of_it=word)))
    assert "code and same" in text
    assert "copy_of_it" not in text


@pytest.mark.parametrize(("kind", "safety"), [("copy", "safe"), ("renamed", "unsafe")])
def test_only_copies_are_dropped_safely(kind: str, safety: str) -> None:
    code = RNG(0).integers(0, 4, 400)
    other = code if kind == "copy" else np.array(["a", "b", "c", "d"])[code]
    subject = bare_subject(table(code=code, longer_name=other))
    ((claim, interval),) = judge(d11, subject).decision.stands
    fix = finding(d11, claim, interval, subject, Settings()).remedy
    assert fix is not None
    assert (fix.safety, fix.ops[0].columns) == (safety, ("longer_name",))


def test_wide_table_in_little_time() -> None:
    import time

    x = RNG(0).normal(size=(6000, 400))
    x[:, 399] = x[:, 0] + x[:, 1]
    subject = bare_subject(table(**{f"c{k:03}": x[:, k] for k in range(400)}))
    start = time.process_time()
    assert "c399 is c000 + c001" in said(d11, subject)
    assert time.process_time() - start < 20
