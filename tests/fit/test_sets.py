"""Prediction sets of a fit: by group where asked, with widths that follow the row where that is shown to be better."""

import numpy as np
import pytest

from assay.bundle.make import pack_fitted
from assay.core.errors import SettingsError
from assay.core.remedy import Recipe
from assay.core.settings import Settings
from assay.core.subject import CHOOSE, JUDGE
from assay.core.table import SampleSpec
from assay.fit import fit
from assay.fit.bands import compared, interval_score
from assay.fit.coverage import realised
from assay.learn.conformal import CELL, cell_of, fit_conformal, prediction_sets
from assay.learn.learners import Config
from assay.stats.conformal import coverage_interval
from assay.stats.shares import share_interval

from .test_fit import subject

AMPLE = Settings(budget=600.0)


@pytest.fixture(scope="module", autouse=True)
def short_race():
    """Two candidates and no tuning: what sets promise does not depend on who predicts."""
    from assay.fit import procedure

    with pytest.MonkeyPatch.context() as patch:
        few = {"learning_rate": 0.1, "num_leaves": 15}
        configs = (Config("linear", "linear"), Config("lightgbm", "lightgbm", few))
        patch.setattr(procedure, "portfolio", lambda n, rate: configs)
        patch.setattr(procedure, "tune", lambda *given: None)
        yield


def grouped(n=3000, seed=0):
    """Two groups with the same share of each class; in the smaller the features say much less."""
    rng = np.random.default_rng(seed)
    g = np.where(rng.random(n) < 0.25, "b", "a")
    y = rng.random(n) < 0.4
    x = np.where(y, 1.5, -1.5) * np.where(g == "a", 1.0, 0.15) + rng.normal(size=n)
    return {"g": g, "x": x, "z": rng.normal(size=n), "y": np.where(y, "yes", "no")}


def uneven(n=3000, seed=0, uneven=True):
    rng = np.random.default_rng(seed)
    x, z = rng.uniform(-2, 2, n), rng.normal(size=n)
    spread = 0.1 + 1.5 * (x > 0) if uneven else np.full(n, 0.8)
    return {"x": x, "z": z, "y": 2 * x + z + spread * rng.normal(size=n)}


@pytest.fixture(scope="module")
def by_group():
    asked = subject(grouped())
    return asked, fit(asked, Recipe(), Settings(budget=600.0, coverage_by="g"))


def test_a_group_has_sets_of_its_own_and_the_graph_makes_them(by_group):
    asked, fitted = by_group
    assert fitted.judged.conformal.cells.column == "g"
    assert fitted.judged.conformal.cells.levels == ("a", "b")
    found = {c.of: c for c in fitted.conformal.realised}
    assert list(found)[:3] == ["no", "yes", "all rows"]
    for name in ("g a", "g b", "g b: no", "g b: yes"):  # the rows that calibrate are about as many as those that judge
        assert found[name].hits / found[name].n == pytest.approx(0.9, abs=3 * np.sqrt(0.09 * 2 / found[name].n))
    model = pack_fitted(asked, fitted, AMPLE)
    rows = asked.table.sample(SampleSpec(n=asked.table.n_rows))
    sets = model.predict_set(rows)
    codes, levels = rows.codes("g")
    assert sets[codes == levels.index("b")].sum(1).mean() > sets[codes == levels.index("a")].sum(1).mean() + 0.3
    assert any("made by 'g'" in said for said in fitted.notes)
    assert set(fitted.predictions.group) == {"a", "b"}  # M08 then looks at each of them


def test_without_the_word_a_weak_group_is_under_covered():
    """The silent case: classes alone do not give it; this is why the word exists."""
    p, asked = fit(subject(grouped()), Recipe(), AMPLE).predictions, subject(grouped())
    rows = asked.table.sample(SampleSpec(n=asked.table.n_rows))
    at = np.searchsorted(rows.row_id, p.row_id)
    weak = (rows.arrow["g"].to_numpy(zero_copy_only=False)[at] == "b") & (p.part == JUDGE)
    hit = p.sets[weak][np.arange(weak.sum()), p.y[weak].astype(int)]
    assert hit.mean() < 0.85


def test_a_column_that_cannot_make_groups_is_one_sentence():
    for column, what in (("x", "at most 50"), ("nothing", "column of the table"), ("y", "other than the target")):
        with pytest.raises(SettingsError, match=what):
            fit(subject(grouped(300)), Recipe(), Settings(budget=600.0, coverage_by=column))


def test_groups_with_too_few_rows_take_the_quantiles_of_their_class():
    rng = np.random.default_rng(0)
    n = 600
    group = np.where(np.arange(n) < CELL - 10, 0, 1)
    p = rng.uniform(0.3, 1, n)
    output = np.column_stack((p, 1 - p))
    y = np.zeros(n)
    made = fit_conformal(output, y, "binary", column="g", group=group, levels=("few", "many"))
    assert made.cells.levels == ("many",)
    np.testing.assert_array_equal(cell_of(made.cells, np.array(["few", "many", None, "new"], object)), [1, 0, 1, 1])
    sets = prediction_sets(made, output, "binary", texts=np.array(["few", "many"], object)[group])
    np.testing.assert_array_equal(sets[group == 0], output[group == 0] >= 1 - np.array(made.q))


def test_widths_follow_the_row_where_noise_does_and_the_graph_has_them():
    asked = subject(uneven())
    fitted = fit(asked, Recipe(), AMPLE)
    assert fitted.judged.conformal.band is not None
    assert any(said.startswith("widths follow the row") for said in fitted.notes)
    model = pack_fitted(asked, fitted, AMPLE)
    rows = asked.table.sample(SampleSpec(n=asked.table.n_rows))
    sets, x = model.predict_set(rows), rows.numbers("x")
    width = sets[:, 1] - sets[:, 0]
    assert np.median(width[x > 0.2]) > 3 * np.median(width[x < -0.2])
    p = fitted.predictions
    judge = p.part == JUDGE
    for low in (True, False):  # constant width would cover nearly all on one side and far too few on the other
        at = np.searchsorted(rows.row_id, p.row_id[judge])
        side = (x[at] < 0) == low
        hit = (p.sets[judge][side, 0] <= p.y[judge][side]) & (p.y[judge][side] <= p.sets[judge][side, 1])
        assert 0.83 <= hit.mean() <= (1.0 if low else 0.97)
    error = np.abs(p.output - p.y)
    constant = error[judge] <= np.quantile(error[p.part == CHOOSE], 0.9)
    assert constant[x[at] >= 0].mean() < 0.87 and constant[x[at] < 0].mean() > 0.99
    assert "widths" in fitted.conformal.method
    overall = next(c for c in fitted.conformal.realised if c.of == "all rows")
    assert overall.interval[1] >= 0.9


def test_even_noise_keeps_one_width():
    fitted = fit(subject(uneven(1200, uneven=False)), Recipe(), AMPLE)
    assert fitted.judged.conformal.band is None
    assert any(said.startswith("one width for all rows") for said in fitted.notes)
    width = fitted.predictions.sets[:, 1] - fitted.predictions.sets[:, 0]
    np.testing.assert_allclose(width, width[0])


def test_a_needless_band_is_kept_at_no_more_than_its_level():
    kept = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        own, y = np.zeros(300), rng.normal(size=300)
        middle = 0.1 * rng.normal(size=300)
        band = np.column_stack((middle, 1.6 * np.exp(0.15 * rng.normal(size=300))))
        gain, error = compared(own, band, y, np.arange(300))
        kept += gain > 1.645 * error
    assert kept <= 22  # 5 % of 200 and four Monte-Carlo standard errors


def test_interval_score_is_width_and_what_lies_outside():
    ends = np.array([[0.0, 2.0], [0.0, 2.0], [0.0, 2.0]])
    np.testing.assert_allclose(interval_score(ends, np.array([1.0, 3.0, -0.5]), 0.9), [2.0, 22.0, 12.0])


def test_dependent_rows_give_a_wider_interval_of_coverage():
    rng = np.random.default_rng(1)
    block = np.repeat(np.arange(20), 50)
    share = rng.beta(4, 1, 20)
    hit = rng.random(1000) < share[block]
    sets = np.column_stack((np.where(hit, -1.0, 5.0), np.where(hit, 1.0, 6.0)))
    y = np.zeros(1000)
    made = {"coverage": 0.9, "method": "m", "n": 1}
    free = realised(sets, y, y, "regression", (), **made).realised[0]
    bound = realised(sets, y, y, "regression", (), unit=block, **made).realised[0]
    assert (free.hits, free.units, bound.units) == (bound.hits, "rows", "units")
    assert bound.interval[1] - bound.interval[0] > 2 * (free.interval[1] - free.interval[0])


def test_intervals_of_probabilities_come_with_every_model_of_two_classes(by_group):
    asked, fitted = by_group
    steps = fitted.assembly.steps
    assert steps.edges[0] == 0.0
    model = pack_fitted(asked, fitted, AMPLE)
    rows = asked.table.sample(SampleSpec(n=asked.table.n_rows))
    ends = model.predict_interval(rows)
    assert (ends[:, 0] <= ends[:, 1]).all()
    p = model.predict_proba(rows)[:, 1]
    assert np.corrcoef(ends.mean(1), p)[0, 1] > 0.95
    assert len(steps.edges) <= 200


def test_copies_are_no_fresh_rows():
    """A split keeps copies together, so a table of them is judged on fewer units than it has rows."""
    once = grouped(700)
    copies = {name: np.concatenate((values, values[:250])) for name, values in once.items()}
    made, single = (fit(subject(c), Recipe(), AMPLE) for c in (copies, once))
    assert {c.units for c in made.conformal.realised} == {"units"}
    assert {c.units for c in single.conformal.realised} == {"rows"}
    for c in made.conformal.realised:
        lo, hi = share_interval(c.hits, c.n, 0.05)
        assert c.interval[0] <= lo and c.interval[1] >= hi
    assert not any(b.exact for b in made.bounds) and any(b.exact for b in single.bounds)


def test_how_sure_one_models_coverage_is_stands_in_the_limits(by_group):
    _, fitted = by_group
    said = next(s for s in fitted.notes if s.startswith("prediction sets:") and "one such model" in s)
    n = int(said.split()[2].replace(",", ""))
    p = fitted.predictions
    assert n == min(int(((p.part == CHOOSE) & (p.y == k)).sum()) for k in (0, 1))
    lo, hi = coverage_interval(n, 0.9, 0.05)
    assert said.endswith(f"is {lo:.1%} to {hi:.1%}")
