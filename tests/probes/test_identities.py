"""Formulas are found on rows handed in, said in plain words, and counted where they hold."""

from __future__ import annotations

import numpy as np
import pytest

from assay.probes.identities import DAY, clock_pairs, coverage, grain, products, settle, sums

RNG = np.random.default_rng(0)
N = 2000


def best(formulas, names, whole, X):
    found = []
    for f in formulas:
        made = settle(f, whole, [X[:, names.index(p)] for p in f.parts], 0.99)
        if made is not None and made[0] >= 0.99:
            found.append(made[1])
    return min(found, key=lambda f: (len(f.parts), len(f.offsets)), default=None)


def test_a_sum_of_two_among_noise():
    X = np.column_stack([RNG.poisson(40, N), RNG.poisson(90, N), RNG.normal(size=N), RNG.normal(size=N)]).astype(float)
    found = best(sums(list("abcd"), X[:, 0] + X[:, 1], X), list("abcd"), X[:, 0] + X[:, 1], X)
    assert found is not None
    assert found.says() == "a + b"
    assert len(found.offsets) == 1


@pytest.mark.parametrize("spoilt", [0.0, 0.005])
def test_a_difference_of_three_with_surcharges_and_typing_errors(spoilt):
    fare, tolls = np.round(RNG.gamma(2, 6, N), 2), np.round(RNG.gamma(2, 4, N) * (RNG.random(N) < 0.4), 2)
    tip, extra = np.round(RNG.gamma(1, 3, N), 2), RNG.choice([0.3, 0.8, 3.3], N)
    total = np.round(fare + tolls + tip + extra, 2)
    whole = np.where(RNG.random(N) < spoilt, tip + 1.23, tip)
    X = np.column_stack([fare, total, tolls, RNG.normal(size=N)])
    found = best(sums(list("ftox"), whole, X), list("ftox"), whole, X)
    assert found is not None
    assert found.says() == "t - f - o"
    assert 3 <= len(found.offsets) <= 8


def test_clocks_that_pass_midnight():
    planned = RNG.integers(0, 1440, N).astype(float)
    late = np.round(RNG.gamma(1.5, 20, N) - 15)
    came = np.mod(planned + late, DAY)
    made = list(clock_pairs(["came", "planned"], late, [came, planned], DAY))
    assert [f.says() for f in made] == ["came - planned in minutes, modulo a day"]
    settled = settle(made[0], late, [came, planned], 0.99)
    assert settled is not None
    assert settled[0] == 1.0
    assert settled[1].holds(late, [came, planned]).mean() == 1.0


def test_days_between_two_dates():
    start = RNG.integers(0, 10**8, N).astype(float)
    end = start + RNG.integers(3600, 40 * 86400, N)
    days = np.floor((end - start) / 86400)
    made = [settle(f, days, [end, start], 0.99) for f in clock_pairs(["end", "start"], days, [end, start], 0.0)]
    assert made[0] is not None
    assert made[0][0] >= 0.99
    assert made[0][1].says() == "end - start in days"


def test_a_ratio():
    X = np.column_stack([RNG.gamma(3, 2, N), RNG.gamma(5, 1, N), RNG.gamma(2, 2, N)])
    whole = X[:, 0] / X[:, 1]
    found = best(products(list("abc"), whole, X), list("abc"), whole, X)
    assert found is not None
    assert found.says() == "a / b"


def test_offsets_alone_are_no_news():
    """A whole with few values, or a part that has few, would fit any formula with 32 offsets."""
    X = np.column_stack([RNG.integers(0, 5, N), RNG.normal(size=N)]).astype(float)
    assert best(sums(list("ab"), X[:, 0] * 2.0, X), list("ab"), X[:, 0] * 2.0, X) is None
    copy = np.round(RNG.normal(0, 100, N))
    Z = np.column_stack([copy, RNG.normal(size=N)])
    whole = copy + RNG.choice([0.0, 3.0, 7.0], N)
    assert best(sums(list("ab"), whole, Z), list("ab"), whole, Z) is None


def test_noise_makes_no_formula():
    X = RNG.normal(size=(N, 12))
    assert (
        best(sums([str(i) for i in range(12)], RNG.normal(size=N), X), [str(i) for i in range(12)], X[:, 0] * 0, X)
        is None
    )


def test_grain_and_coverage():
    assert grain(np.arange(100.0)) == 1.0
    assert grain(np.round(RNG.normal(0, 5, 500), 2)) == 0.01
    assert grain(RNG.normal(size=500)) < 1e-5
    share, values = coverage(np.array([1.0] * 90 + [2.0] * 8 + [7.0, 9.0]), 1.0, 32)
    assert share == 0.98
    assert values == (1.0, 2.0)
