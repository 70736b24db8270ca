"""Bounds on the score: exact where they say so, and never said to be where rows depend on each other."""

import numpy as np
import pytest

from assay.core.aim import Aim
from assay.fit.bounds import CUT, bounds, brier
from assay.fit.measures import Judged

CLASS = Aim("class")


def drawn(n, seed, block=None, weight=None):
    rng = np.random.default_rng(seed)
    p = rng.beta(0.6, 0.6, n)
    y = (rng.random(n) < p).astype(float)
    return Judged(np.column_stack((1 - p, p)), y, CLASS, weight, block)


def truth():
    """Accuracy, Brier score and cut log-loss of the model above, by a sum over a fine grid of Beta(.6, .6)."""
    from scipy.stats import beta

    p = beta(0.6, 0.6).ppf((np.arange(200_000) + 0.5) / 200_000)
    lost = [np.minimum(-np.log(np.maximum(q, 1e-12)), CUT) for q in (p, 1 - p)]
    return {
        "accuracy": float(np.maximum(p, 1 - p).mean()),
        "Brier score": float((p * (1 - p)).mean()),
        "log-loss": float((p * lost[0] + (1 - p) * lost[1]).mean()),
    }


@pytest.mark.parametrize("n", [40, 300])
def test_exact_bounds_hold_the_truth_as_often_as_they_say(n):
    true, kept, runs = truth(), dict.fromkeys(truth(), 0), 300
    for seed in range(runs):
        for b in bounds(drawn(n, seed)):
            if b.exact:
                name = b.metric.split(",")[0]
                kept[name] += b.interval[0] <= true[name] <= b.interval[1]
    for name, k in kept.items():  # at least 95 %; three Monte-Carlo standard errors of 300 runs are 3.8 %
        assert k >= (0.95 - 0.038) * runs, name


def test_what_is_exact_and_how_is_said():
    found = {b.metric: b for b in bounds(drawn(500, 0))}
    assert {m: b.exact for m, b in found.items()} == {
        "AUC": False,
        "accuracy": True,
        "Brier score": True,
        "log-loss, at most 4.61 a row": True,
    }
    assert found["accuracy"].how == "Clopper-Pearson" and found["Brier score"].how == "betting"
    assert all(b.interval[0] <= b.value <= b.interval[1] for b in found.values())


def test_dependent_or_weighted_rows_have_no_exact_bound_and_blocks_are_wider():
    block = np.arange(400) // 20
    free, bound = bounds(drawn(400, 1)), bounds(drawn(400, 1, block))
    assert not any(b.exact for b in bound)
    assert all("20 blocks" in b.how for b in bound)
    assert [b.value for b in free] == pytest.approx([b.value for b in bound])
    rng = np.random.default_rng(0)
    copied = np.repeat(np.arange(20), 20)  # one row, twenty times over
    rows = drawn(20, 3).take(copied)
    wide = {b.metric: b for b in bounds(Judged(rows.output, rows.y, CLASS, None, copied))}
    thin = {b.metric: b for b in bounds(rows)}
    span = {m: np.diff(wide[m].interval)[0] / np.diff(thin[m].interval)[0] for m in ("accuracy", "Brier score")}
    assert min(span.values()) > 2.5
    weighed = bounds(drawn(400, 1, weight=rng.uniform(0.5, 1.5, 400)))
    assert not any(b.exact for b in weighed) and all("weight" in b.how for b in weighed)


def test_more_classes_and_values():
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.ones(3), 300)
    y = (p.cumsum(1) < rng.random((300, 1))).sum(1).astype(float)
    rows = Judged(p, y, CLASS)
    found = {b.metric: b for b in bounds(rows)}
    assert "AUC" not in found and found["Brier score"].exact
    assert found["Brier score"].value == pytest.approx(
        (p**2).sum(1).mean() + 1 - 2 * p[np.arange(300), y.astype(int)].mean()
    )
    assert brier(rows).max() <= 2.0
    values = bounds(Judged(y + rng.normal(size=300), y, Aim("mean")))
    assert [b.metric for b in values] == ["R2", "MAE"]
    assert not any(b.exact for b in values)
    assert bounds(rows.take(np.arange(5))) == ()
