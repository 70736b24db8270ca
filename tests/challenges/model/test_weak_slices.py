"""M09: planted slices are named, hard and honest ones are not, nor is a model that is off everywhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.opening import open_subject, with_model
from assay.audit.runner import Runner
from assay.challenges.model import miscalibrated as m07
from assay.challenges.model import weak_slices as m09
from assay.core.claim import Claim
from assay.core.settings import Settings
from assay.core.subject import Predictions, Role, Roles, Subject
from assay.core.table import SampleSpec
from assay.probes.slices import cut, search
from assay.tables import make_partition, open_table
from assay.testing import clean_subject, judge

N = 20_000


def subject_of(columns: dict[str, np.ndarray], y: np.ndarray, output: np.ndarray, **more: object) -> Subject:
    """A table of ``columns`` and predictions of its rows, given in the order of the rows."""
    number = output.ndim == 1
    table = open_table(pa.table(columns | {"y": y if number else np.where(y == 1, "yes", "no")}), name="t")
    target = Role(("y",))
    roles = Roles(target, "regression") if number else Roles(target, "binary", ("no", "yes"), "yes")
    roles = replace(roles, **{k: v for k, v in more.items() if k != "sets"})  # type: ignore[arg-type]
    subject = Subject(table, roles, make_partition(table, roles, 0), 0)
    rows = table.sample(SampleSpec(n=table.n_rows))
    sets = more["sets"][rows.position] if "sets" in more else None  # type: ignore[index]
    part = subject.partition.part(rows)
    given = Predictions(rows.row_id, output[rows.position], y[rows.position].astype(float), part, roles.classes, sets)
    return replace(subject, predictions=given)


def two(p: np.ndarray) -> np.ndarray:
    return np.column_stack((1 - p, p))


def drawn(seed: int, n: int = N) -> tuple[np.random.Generator, dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    columns = {
        "age": rng.uniform(18, 80, n), "place": rng.choice(np.array(["east", "north", "south", "west"]), n),
        "sex": rng.choice(np.array(["f", "m"]), n), "size": rng.normal(size=n), "noise": rng.normal(size=n),
    }  # fmt: skip
    return rng, columns, 1 / (1 + np.exp(-2 * columns["size"]))


def standing(subject: Subject) -> list[Claim]:
    got = judge(m09, subject)
    assert got.run.error is None
    return [c for c, _ in got.decision.stands]


def test_a_slice_in_which_the_answers_mean_nothing_is_named() -> None:
    rng, columns, p = drawn(0)
    y = (rng.random(N) < np.where(columns["place"] == "east", 0.5, p)).astype(float)
    found = standing(subject_of(columns, y, two(p)))
    assert found and found[0].about.slice == "place is east"
    assert all("place is east" in (c.about.slice or "") for c in found)


def test_a_hard_slice_that_the_model_knows_to_be_hard_is_none() -> None:
    rng, columns, p = drawn(1)
    p = np.where(columns["place"] == "east", 0.5, p)
    assert not standing(subject_of(columns, (rng.random(N) < p).astype(float), two(p)))


def test_probabilities_that_are_off_everywhere_are_no_weak_slice() -> None:
    rng, columns, p = drawn(2)
    y = (rng.random(N) < p).astype(float)
    sure = 1 / (1 + ((1 - p) / p) ** 2)
    subject = subject_of(columns, y, two(sure))
    assert judge(m07, subject).decision.verdict == "found"
    assert not standing(subject)


def test_a_slice_of_two_columns_that_neither_shows_alone() -> None:
    rng, columns, p = drawn(3)
    hit = (columns["age"] > 60) & (columns["place"] == "west")
    y = (rng.random(N) < np.where(hit, 1 - p, p)).astype(float)
    found = standing(subject_of(columns, y, two(p)))
    assert found and "age from" in (found[0].about.slice or "") and "place is west" in (found[0].about.slice or "")
    assert found[0].about.columns == ("age", "place")


def test_holes_are_a_slice_too() -> None:
    rng, columns, p = drawn(4)
    hole = rng.random(N) < 0.2
    columns["age"] = np.where(hole, np.nan, columns["age"])
    y = (rng.random(N) < np.where(hole, 1 - p, p)).astype(float)
    assert standing(subject_of(columns, y, two(p)))[0].about.slice == "age missing"


def test_noise_that_follows_a_column_is_weak_unless_the_intervals_say_so() -> None:
    rng, columns, _ = drawn(5)
    wide = np.where(columns["place"] == "east", 3.0, 1.0)
    output = 3 * columns["size"]
    y = output + wide * rng.normal(size=N)
    assert standing(subject_of(columns, y, output))[0].about.slice == "place is east"
    sets = np.column_stack((output - 1.6 * wide, output + 1.6 * wide))
    assert not standing(subject_of(columns, y, output, sets=sets))


def test_protected_levels_are_always_looked_at() -> None:
    rng, columns, p = drawn(6)
    y = (rng.random(N) < p).astype(float)
    subject = subject_of(columns, y, two(p), protected=Role(("sex", "age")))
    looked = {c.about.slice for c in judge(m09, subject).run.claims}
    assert {"sex is f", "sex is m"} <= looked and sum("age" in (s or "") for s in looked) >= 4
    y = (rng.random(N) < np.where(columns["sex"] == "f", 1 - p, p)).astype(float)
    assert "sex is f" in {
        c.about.slice for c in standing(replace(subject_of(columns, y, two(p), protected=Role(("sex",)))))
    }


@pytest.mark.slow  # many tables; the null numbers of M09 are measured by benchmarks/nulls.py
def test_a_column_of_pure_chance_is_named_in_few_tables() -> None:
    """Forty columns of noise and a model that is right: searched and claimed on the same rows, each table would show
    some slice; searched on one half and claimed on the other, hardly any does."""
    shown = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        columns = {f"x{i:02}": rng.normal(size=2000) for i in range(40)}
        p = 1 / (1 + np.exp(-rng.normal(size=2000)))
        shown += bool(standing(subject_of(columns, (rng.random(2000) < p).astype(float), two(p))))
    assert shown <= 1


def test_the_search_finds_the_largest_excess_in_brute_force() -> None:
    rng, columns, _ = drawn(7, 2000)
    table = open_table(pa.table(columns), name="t")
    rows = table.sample(SampleSpec(n=2000))
    value = rng.normal(size=2000) + 2.0 * (rows.numbers("age") > 70)
    best = search(rows, ["age", "noise", "place"], value, np.ones(2000, bool))[0]
    made = cut(rows, "age", 6, 10, np.ones(2000, bool))
    t = {}
    for a, b, name in made.ranges:
        inside = (made.code >= a) & (made.code <= b)
        t[name] = value[inside].mean() / (value[inside].std() / np.sqrt(inside.sum()))
    assert best.name == max(t, key=lambda k: t[k])


@pytest.mark.parametrize("seed", range(3))
def test_the_plant_is_as_large_as_it_says(seed: int) -> None:
    subject = clean_subject(N, seed, ("predictions",))
    made = m09.plant(subject, 1.0, subject.rng("M09", "test"))
    got = judge(m09, made.subject)
    assert got.decision.verdict == "found" and got.effect == pytest.approx(made.true_effect, abs=0.15)


def test_a_column_that_knows_the_answer_cuts_nothing() -> None:
    """Its ranges are outcomes: where they say "late", any honest model of a rare outcome is off."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=4000)
    y = rng.random(4000) < 1 / (1 + np.exp(2 - x))
    leak = np.where(y, rng.uniform(7, 99, 4000), rng.uniform(-40, 7, 4000))
    table = pa.table({"x": x, "delay": leak, "y": np.where(y, "late", "on time")})

    class Honest:
        classes, trained_on, refitted, size = ("late", "on time"), None, False, None

        def predict_rows(self, rows):
            p = 1 / (1 + np.exp(2 - rows.numbers("x")))
            return np.column_stack((p, 1 - p))

    subject = with_model(open_subject(table, target="y", cache=False), Honest(), Settings())
    runner = Runner(subject, Settings())
    judged, honest = runner.give("judged"), runner.give("honest")
    options = {t.name: t.default for t in m09.CHALLENGE.materiality}
    named = [set(c.about.columns) for c in m09.measure(subject, judged, (*honest, "delay"), options)]
    assert {"delay"} in named, "were it looked at, it would be named"
    assert "delay" not in honest
    assert not any("delay" in c for claim in judge(m09, subject).run.claims for c in claim.about.columns)
