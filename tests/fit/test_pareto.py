"""Size, latency and CPU beside the score: measured on what would ship, and limits are kept or refused in a sentence."""

import numpy as np
import pytest

from assay.bundle.footprint import footprint
from assay.bundle.make import pack_fitted
from assay.core.errors import SettingsError
from assay.core.remedy import Recipe
from assay.core.settings import Settings
from assay.fit import fit
from assay.fit.footprints import MB, Footprint, Limits, Point, dominated
from assay.fit.pareto import GROWTH
from assay.learn.learners import Config

from .test_fit import subject

SIZES = {"linear": 20_000, "lightgbm": 200_000, "tree": 30_000}


@pytest.fixture(scope="module", autouse=True)
def short_race():
    from assay.fit import procedure

    with pytest.MonkeyPatch.context() as patch:
        few = {"learning_rate": 0.1, "num_leaves": 15}
        configs = (Config("linear", "linear"), Config("lightgbm", "lightgbm", few), Config("tree", "tree"))
        patch.setattr(procedure, "portfolio", lambda n, rate: configs)
        patch.setattr(procedure, "tune", lambda *given: None)
        yield


def made_up(assembly, ops, rows):
    """A measure that does not depend on the machine: by the family."""
    size = sum(SIZES[m.name] for m in assembly.members)
    return Footprint(size, size / 2_000)


def crossed(n=900):
    """The sign of a product: a booster sees it, a linear model does not."""
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=n), rng.normal(size=n)
    return {"x": x, "z": z, "y": np.where(x * z + 0.3 * x + 0.3 * rng.normal(size=n) > 0, "yes", "no")}


def run(measure=made_up, **settings):
    asked = subject(crossed())
    return asked, fit(asked, Recipe(), Settings(budget=600.0, **settings), measure=measure)


@pytest.fixture(scope="module")
def free():
    return run()[1]


def test_every_finished_candidate_and_the_model_have_a_line(free):
    names = [p.name for p in free.pareto]
    finished = [c.name for c in free.candidates if c.folds_done == c.folds]
    assert names[:-1] == finished
    assert free.pareto[-1].of == "shipped"
    assert all(p.cpu_seconds > 0 and np.isfinite(p.loss) for p in free.pareto)


def test_the_model_keeps_the_limits_that_were_asked_for(free):
    assert free.pareto[-1].size > SIZES["linear"] * GROWTH  # without a limit something larger wins, or an ensemble
    limit = 1.3 * SIZES["linear"] / MB
    kept = run(max_size=limit)[1]
    assert [c.name for c in kept.winners] == ["linear"]
    assert kept.pareto[-1].size <= limit * MB
    barred = {p.name: p.barred for p in kept.pareto}
    assert "above" in barred["lightgbm"] and not barred["linear"]
    slow = run(max_latency=13.0)[1]
    assert [c.name for c in slow.winners] == ["linear"]
    assert not slow.reproducible  # the choice went by a clock


def test_an_ensemble_must_fit_as_a_whole():
    limit = (SIZES["lightgbm"] + SIZES["linear"] / 2) * GROWTH / MB
    kept = run(max_size=limit)[1]
    assert sum(SIZES[c.name] for c in kept.winners) * GROWTH <= limit * MB
    assert sum(c.weight for c in kept.candidates) == pytest.approx(1.0)


def test_limits_that_nobody_keeps_are_one_sentence_with_the_nearest():
    with pytest.raises(SettingsError, match=r"the nearest, linear, has .* MB, above"):
        run(max_size=0.001)
    with pytest.raises(SettingsError, match="microseconds a row, above 1"):
        run(max_latency=1.0)


def test_the_default_size_never_leaves_nobody():
    """Five megabytes is a default, not the user's word: the smallest is then shipped, and the dossier says so."""

    def huge(assembly, ops, rows):
        f = made_up(assembly, ops, rows)
        return Footprint(f.size * 1000, f.latency)

    fitted = run(huge)[1]
    assert [c.name for c in fitted.winners] == ["linear"]
    assert any("does not keep a limit" in said for said in fitted.notes)


def test_without_graphs_there_is_no_table():
    assert run(None)[1].pareto == ()


def test_dominated_is_worse_or_equal_in_all_and_worse_in_one():
    a = Point("a", 0.30, 100, 10.0, 1.0)
    b = Point("b", 0.35, 200, 12.0, 1.0)
    c = Point("c", 0.40, 50, 5.0, 0.1)
    same = Point("same", 0.30, 100, 10.0, 1.0)
    unknown = Point("unknown", 0.9, 900, float("nan"), 9.0)
    got = {p.name: p.dominated_by for p in dominated([a, b, c, same, unknown])}
    assert got == {"a": "", "b": "a", "c": "", "same": "", "unknown": ""}


def test_limits_say_by_how_much():
    limits = Limits(1.0, 50.0)
    assert limits.over(Footprint(MB, 50.0)) == []
    assert [round(times, 1) for times, _ in limits.over(Footprint(2 * MB, 100.0))] == [2.0, 2.0]
    assert limits.over(Footprint(MB, float("nan"))) == []
    assert Limits().over(Footprint(10**12, 1e9)) == []


def test_the_footprint_is_that_of_the_file_that_is_written():
    asked, fitted = run(footprint)
    model = pack_fitted(asked, fitted, Settings())
    shipped = fitted.pareto[-1]
    assert 0 < model.size - shipped.size < 200_000  # the rest is schema, dossier and golden rows
    assert 1.0 < shipped.latency < 5_000.0
    linear = next(p for p in fitted.pareto if p.name == "linear")
    booster = next((p for p in fitted.pareto if p.name == "lightgbm"), None)
    assert booster is None or booster.size > linear.size
