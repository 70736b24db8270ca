"""The clock, the race and the ensemble: cut off is not beaten, and Ctrl-C leaves the best so far or nothing."""

import sys

import numpy as np
import pyarrow as pa
import pytest

from assay.core.remedy import Recipe
from assay.core.settings import Settings
from assay.core.subject import Role, Roles, Subject
from assay.fit import fit
from assay.fit.ensemble import MEMBERS, greedy
from assay.fit.race import Race
from assay.learn.calibration import row_losses
from assay.tables import make_partition, open_table


def subject(n, seed=0, columns=4):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, columns))
    y = (X[:, 0] * X[:, 1] + X[:, 2] + rng.normal(size=n) > 0).astype(int)
    table = open_table(pa.table({f"x{i}": X[:, i] for i in range(columns)} | {"y": y}), cache=False)
    roles = Roles(target=Role(("y",)), task="binary", classes=("0", "1"), positive="1")
    return Subject(table, roles, make_partition(table, roles, seed), seed)


def test_what_the_clock_cuts_off_is_unfinished_and_never_beaten():
    fitted = fit(subject(16_000, columns=12), Recipe(), Settings(budget=5.0))
    cut = [c for c in fitted.candidates if c.state == "unfinished"]
    assert cut
    assert all(c.folds_done < c.folds and "clock" in c.why for c in cut)
    assert not fitted.finished
    assert not fitted.reproducible
    assert fitted.winners and all(c.folds_done == c.folds for c in fitted.winners)
    assert fitted.headline.value > 0.7
    assert fitted.cpu_seconds < 15.0  # overruns are bounded by the fits that had begun


def test_an_interrupt_after_a_finished_candidate_keeps_the_best_so_far(monkeypatch):
    run = Race.run
    calls = []

    def stop_at_third(self, config):
        calls.append(config.name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run(self, config)

    monkeypatch.setattr(Race, "run", stop_at_third)
    fitted = fit(subject(400), Recipe(), Settings(budget=600.0))
    assert not fitted.finished
    assert [c.name for c in fitted.candidates] == calls[:2]
    assert len(fitted.winners) == 1
    assert any("interrupted" in note for note in fitted.notes)
    assert fitted.headline is not None


def test_an_interrupt_before_anything_finished_is_passed_on(monkeypatch):
    def stop(self, config):
        raise KeyboardInterrupt

    monkeypatch.setattr(Race, "run", stop)
    with pytest.raises(KeyboardInterrupt):
        fit(subject(400), Recipe(), Settings(budget=600.0))


def test_a_broken_candidate_is_recorded_and_the_rest_go_on(monkeypatch):
    from assay.learn.learners import train

    race = sys.modules[Race.__module__]  # ``assay.fit`` as an attribute is the verb, not the room

    def broken(config, data, **kw):
        if config.family == "extra-trees":
            raise ValueError("no forest today")
        return train(config, data, **kw)

    monkeypatch.setattr(race, "train", broken)
    fitted = fit(subject(400), Recipe(), Settings(budget=600.0))
    forest = next(c for c in fitted.candidates if c.family == "extra-trees")
    assert forest.state == "failed"
    assert "no forest today" in forest.why
    assert fitted.winners


def test_progress_rises_to_one_and_tells_the_time_left():
    seen = []
    fit(subject(300), Recipe(), Settings(budget=600.0), progress=lambda what, share: seen.append((what, share)))
    shares = [s for _, s in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert any("racing" in what and "left" in what for what, _ in seen)


def test_greedy_finds_the_mix_and_keeps_it_small():
    rng = np.random.default_rng(0)
    n = 3000
    signal = rng.normal(size=n)
    y = signal + 0.3 * rng.normal(size=n)
    noisy = [signal + 0.8 * rng.normal(size=n) for _ in range(8)]
    weights = greedy([*noisy, np.full(n, 5.0)], lambda output: (output - y) ** 2)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[-1] == 0.0
    assert 3 <= np.count_nonzero(weights) <= MEMBERS
    mixed = sum(w * o for w, o in zip(weights, noisy, strict=False))
    assert row_losses(mixed, y, "regression").mean() < 0.6 * min(row_losses(o, y, "regression").mean() for o in noisy)
    alone = greedy([signal, signal + 3 * rng.normal(size=n)], lambda output: (output - y) ** 2)
    assert alone.tolist() == [1.0, 0.0]
