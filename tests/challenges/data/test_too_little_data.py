"""D14: a steep curve is found, a flat one is not, and the size said is near what twice the rows do buy."""

import numpy as np
import pyarrow as pa
import pytest

from assay.challenges.data import too_little_data as d14
from assay.testing import bare_subject, clean_subject, judge
from tests.challenges.real import real


@pytest.mark.parametrize("n", [1000, 4000])
def test_a_simple_question_needs_no_more_rows(n: int) -> None:
    assert judge(d14, clean_subject(n, 1)).decision.verdict in ("clear", "undecided")


def test_a_shuffled_target_gains_nothing_from_rows() -> None:
    from assay.challenges.data import no_signal

    subject = no_signal.plant(clean_subject(3000, 0), 1.0, np.random.default_rng(0)).subject
    made = judge(d14, subject)
    assert made.decision.verdict == "clear"
    assert abs(made.run.claims[0].effect.value) < 0.005


WEIGHTS = np.random.default_rng(99).normal(0, 0.45, 40)


def forty_columns(n: int, seed: int):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 40))
    yes = rng.random(n) < 1 / (1 + np.exp(-x @ WEIGHTS))
    columns = {f"c{i:02}": x[:, i] for i in range(40)}
    return bare_subject(pa.table(columns | {"outcome": np.where(yes, "yes", "no")}))


def test_the_interval_holds_what_twice_the_rows_do_buy() -> None:
    """Two thirds of 900 rows are 600 to learn from, of 1,800 rows 1,200: what 600 more rows buy is seen directly."""
    few, many = (judge(d14, forty_columns(n, 0)).run.claims[0].evidence["chart"]["y"][-1] for n in (900, 1800))
    lo, hi = judge(d14, forty_columns(600, 1)).run.claims[0].effect.interval(0.05)
    assert lo <= few - many <= hi


def test_real_large_tables_are_clear_or_open() -> None:
    for name, target in (("telco_churn.csv.gz", "Churn"), ("pima_diabetes.csv", "diabetes")):
        assert judge(d14, real(name, target)).decision.verdict in ("clear", "undecided")
