"""D12: a table of noise around a few columns is named; weak, joint and redundant columns are not called noise."""

import numpy as np
import pyarrow as pa
import pytest

from assay.challenges.data import irrelevant_columns as d12
from assay.testing import bare_subject, judge
from tests.challenges.real import real

RNG = np.random.default_rng


def table(signal: np.ndarray, columns: dict[str, np.ndarray]) -> pa.Table:
    n = len(signal)
    return pa.table({**columns, "outcome": np.where(signal + RNG(99).logistic(size=n) > 0, "yes", "no")})


def noise(n: int, many: int) -> dict[str, np.ndarray]:
    return {f"n{k:02}": RNG(100 + k).normal(size=n) for k in range(many)}


def test_noise_around_two_columns() -> None:
    a, b = RNG(0).normal(size=3000), RNG(1).normal(size=3000)
    made = judge(d12, bare_subject(table(1.5 * a + b, {"a": a, "b": b} | noise(3000, 14))))
    assert made.decision.verdict == "found"
    (claim,) = made.run.claims
    assert not {"a", "b"} & set(claim.about.columns)
    assert claim.effect.value > 0.8


def test_a_column_that_is_mostly_zero_is_heard() -> None:
    """What is above zero in one row of ten tells the outcome there (as gains of capital do an income)."""
    rare = np.where(RNG(3).random(3000) < 0.1, RNG(4).lognormal(8, 1, 3000), 0.0)
    a = RNG(0).normal(size=3000)
    made = judge(d12, bare_subject(table(1.5 * a + 5 * (rare > 0), {"a": a, "rare": rare} | noise(3000, 14))))
    assert made.decision.verdict == "found"
    assert not {"a", "rare"} & set(made.run.claims[0].about.columns)


def test_two_that_matter_only_together_are_heard() -> None:
    a, b = RNG(0).normal(size=6000), RNG(1).normal(size=6000)
    made = judge(d12, bare_subject(table(4 * np.sign(a * b), {"a": a, "b": b} | noise(6000, 8))))
    assert not made.run.claims or not {"a", "b"} & set(made.run.claims[0].evidence["silent"])


def test_many_weak_columns_are_not_noise() -> None:
    """Forty columns with a little each: most show no sign alone, and together they are all there is."""
    x = RNG(2).normal(size=(3000, 40))
    made = judge(d12, bare_subject(table(0.25 * x.sum(1), {f"c{k}": x[:, k] for k in range(40)})))
    assert made.decision.verdict != "found"


def test_redundant_columns_are_not_noise() -> None:
    """Copies add nothing to one another, and yet each says all."""
    a = RNG(3).normal(size=3000)
    copies = {f"a{k}": a + RNG(k).normal(0, 0.2, 3000) for k in range(10)}
    assert judge(d12, bare_subject(table(2 * a, copies))).decision.verdict == "clear"


def test_target_that_nothing_explains_is_no_finding() -> None:
    made = judge(d12, bare_subject(table(np.zeros(2000), noise(2000, 12))))
    assert made.decision.verdict in ("not-applicable", "undecided")


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_target(seed: int) -> None:
    a = RNG(seed).normal(size=2000)
    rows = table(2 * a, {"a": a} | noise(2000, 12))
    shuffled = rows.set_column(13, "outcome", rows["outcome"].take(pa.array(RNG(seed).permutation(2000))))
    assert judge(d12, bare_subject(shuffled)).decision.verdict != "found"


@pytest.mark.parametrize(("name", "target"), [("wine_quality.csv.gz", "quality"), ("telco_churn.csv.gz", "Churn")])
def test_real_tables_are_no_noise(name: str, target: str) -> None:
    assert judge(d12, real(name, target)).decision.verdict in ("clear", "undecided")
