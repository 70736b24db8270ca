"""M05: twins, the naive rules themselves, and elec2, where "the last label again" beats a boosted model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assay.audit.runner import Runner
from assay.challenges.model import worse_than_naive as m05
from assay.core.settings import Settings
from assay.core.subject import BUILD, Predictions, Subject
from assay.core.table import SampleSpec
from assay.learn.encoder import encode, fit_encoder
from assay.learn.learners import quick
from assay.learn.target import labels
from assay.tables import guess_roles, make_partition, open_table
from assay.testing import clean_subject, judge

DATA = Path(__file__).parents[3] / "../shared/data"


def test_a_model_that_knows_something_beats_every_rule_and_its_shuffled_twin_does_not() -> None:
    subject = clean_subject(3000, 1, ("predictions",))
    assert judge(m05, subject).decision.verdict in ("clear", "undecided")
    made = m05.plant(subject, 0.8, subject.rng("M05", "test"))
    assert judge(m05, made.subject).decision.verdict == "found"


def test_the_usual_answer_itself_is_not_worse_than_itself() -> None:
    subject = clean_subject(3000, 2, ("predictions",))
    given = subject.predictions
    assert given is not None
    share = given.y[given.part == BUILD].mean()
    flat = replace(given, output=np.tile([1 - share, share], (len(given.y), 1)))
    claims = {c.about.comparison: c for c in judge(m05, replace(subject, predictions=flat)).run.claims}
    usual = claims["model against the usual answer"]
    assert usual.effect.value == pytest.approx(0.0, abs=1e-4) and (usual.p or 0) > 0.99
    linear = claims["model against a linear model"]
    assert linear.effect.value > 0.05 and (linear.p or 0) < 1e-4


def test_latest_looks_strictly_back_and_within_the_key() -> None:
    key, time = np.array([0, 0, 0, 1, 1]), np.array([1.0, 2.0, 2.0, 1.0, 5.0])
    value = np.array([[0.0], [1.0], [3.0], [7.0], [9.0]])
    key_at, time_at = np.array([0, 0, 0, 1, 1, 1, -1]), np.array([1.0, 2.0, 9.0, 1.0, 5.0, np.nan, 3.0])
    got = m05.latest(key, time, value, key_at, time_at)[:, 0]
    np.testing.assert_array_equal(got, [np.nan, 0.0, 2.0, np.nan, 7.0, np.nan, np.nan])


def stream(n: int, seed: int, task: str) -> Subject:
    """A target that mostly repeats itself, a feature that says little, and a model of that feature."""
    rng = np.random.default_rng(seed)
    walk = np.zeros(n)
    noise = rng.normal(size=n)
    for i in range(1, n):
        walk[i] = 0.95 * walk[i - 1] + noise[i]
    x = walk * 0.2 + rng.normal(size=n)
    y = walk if task == "regression" else np.where(walk > 0, "up", "down")
    import pyarrow as pa

    table = open_table(pa.table({"x": x, "y": y}), name="stream")
    roles = guess_roles(table, {"target": "y", "order": "@row"})
    return with_quick(Subject(table, roles, make_partition(table, roles, 0), 0))


def with_quick(subject: Subject, rounds: int = 30) -> Subject:
    rows = subject.table.sample(SampleSpec(n=subject.table.n_rows))
    truth, part = labels(rows, subject.roles), subject.partition.part(rows)
    build = np.flatnonzero(part == BUILD)
    spec = fit_encoder(rows, subject.features, truth, index=build)
    X = encode(spec, rows)
    model = quick(X[build], truth.y[build], truth.task, spec.categorical, rounds)
    made = Predictions(rows.row_id, model.predict(X), truth.y, part, subject.roles.classes)
    return replace(subject, predictions=made)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_persistence_is_found_where_the_stream_repeats_itself(task: str) -> None:
    made = judge(m05, stream(4000, 0, task))
    found = {c.about.comparison for c, _ in made.decision.stands}
    assert "model against the answer just before" in found
    assert "model against the usual answer" not in found
    assert made.run.claims[0].evidence["units"] == "time blocks"


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")
def test_truth_elec2_loses_to_the_last_label_again() -> None:
    table = open_table(str(DATA / "elec2.csv.gz"), cache=False)
    roles = guess_roles(table, {"target": "class", "order": "@row"})
    subject = with_quick(Subject(table, roles, make_partition(table, roles, 0), 0), 100)
    run = Runner(subject, Settings())
    made = judge(m05, subject)
    worst = max(made.run.claims, key=lambda c: c.effect.value)
    assert made.decision.verdict == "found"
    assert worst.about.comparison == "model against the answer just before"
    judged = run.give("judged")
    last = m05.before(subject, judged, judged.build)["the answer just before"]
    right = (last.argmax(1) == judged.y)[judged.judge].mean()
    assert right == pytest.approx(0.853, abs=0.02)  # the whole file; here the last fifth of it
