"""The winner's curse: what choosing adds is taken off again, and the interval holds."""

from __future__ import annotations

import numpy as np
import pytest

from assay.stats.selection import corrected


def search(tries: int, n: int, seed: int, spread: float = 0.0) -> tuple[float, bool, float]:
    """Bias of the naive score, whether the interval holds the winner's true loss, and bias of the corrected one."""
    rng = np.random.default_rng(seed)
    true = 1.0 + rng.normal(0, spread, tries)
    loss = true[:, None] + rng.normal(0, 1, (tries, n))
    made = corrected(loss, np.arange(n), rng)
    lo, hi = made.interval
    return made.naive - true[made.winner], bool(lo <= true[made.winner] <= hi), made.corrected - true[made.winner]


@pytest.mark.parametrize(("tries", "n"), [(5, 300), pytest.param(40, 300, marks=pytest.mark.slow)])
def test_searches_among_equals(tries: int, n: int) -> None:
    """60 null searches: the naive score is too good, the corrected one is not, and the interval covers."""
    naive, held, fixed = np.array([search(tries, n, seed) for seed in range(60)]).T
    noise = 1 / np.sqrt(n)
    assert naive.mean() < -noise / 2
    assert abs(fixed.mean()) < 3 * noise / np.sqrt(60) + noise / 5
    assert held.mean() >= 0.88


def test_one_try_has_no_luck_and_a_clear_winner_hardly_any() -> None:
    rng = np.random.default_rng(0)
    loss = rng.normal(1, 1, (1, 500))
    assert corrected(loss, np.arange(500), rng).optimism == 0.0
    loss = np.stack([loss[0], loss[0] + 5.0])
    made = corrected(loss, np.arange(500), rng)
    assert made.winner == 0 and made.optimism < 0.02


def test_units_move_together() -> None:
    """Rows that repeat ten times are worth a tenth: luck and interval are those of the units."""
    rng = np.random.default_rng(1)
    few = rng.normal(1, 1, (20, 100))
    alone = corrected(few, np.arange(100), np.random.default_rng(2))
    many = corrected(np.repeat(few, 10, axis=1), np.repeat(np.arange(100), 10), np.random.default_rng(2))
    assert many.optimism == pytest.approx(alone.optimism)
    assert many.interval == pytest.approx(alone.interval)
