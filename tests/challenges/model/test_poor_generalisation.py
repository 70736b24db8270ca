"""M06: a site that nobody has met, one that is met under a random split, periods, groups, and what must stay silent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from assay.challenges.model import poor_generalisation as m06
from assay.core.claim import Claim
from assay.core.subject import BUILD, JUDGE, Predictions, Role, Roles, Subject
from assay.core.table import SampleSpec
from assay.tables import guess_roles, make_partition, open_table
from assay.testing import clean_subject, judge

from .test_worse_than_naive import with_quick

DATA = Path(__file__).parents[3] / "../shared/data"
SITES = np.array(["east", "north", "south", "west"])
NEEDS = ("predictions", "units")


def subject_of(columns: dict[str, np.ndarray], y: np.ndarray, output: np.ndarray, **roles: Role) -> Subject:
    """A table of ``columns``; ``output`` in the order of the rows."""
    number = output.ndim == 1
    table = open_table(pa.table(columns | {"y": y if number else np.where(y == 1, "yes", "no")}), name="t")
    made = Roles(Role(("y",)), "regression") if number else Roles(Role(("y",)), "binary", ("no", "yes"), "yes")
    made = replace(made, **roles)  # type: ignore[arg-type]
    subject = Subject(table, made, make_partition(table, made, 0), 0)
    rows = table.sample(SampleSpec(n=table.n_rows))
    part = subject.partition.part(rows)
    given = Predictions(rows.row_id, output[rows.position], y[rows.position].astype(float), part, made.classes)
    return replace(subject, predictions=given)


def claims(subject: Subject) -> tuple[dict[str, Claim], set[str]]:
    got = judge(m06, subject)
    assert got.run.error is None
    return {c.about.slice or "": c for c in got.run.claims}, {c.about.slice or "" for c, _ in got.decision.stands}


def sites(seed: int, turned: bool, n: int = 6000) -> Subject:
    """A number ``x`` that tells the class, in the west the other way round if ``turned``; the model knows all that."""
    rng = np.random.default_rng(seed)
    site, x = rng.choice(SITES, n), rng.normal(size=n)
    way = np.where((site == "west") & turned, -1.0, 1.0)
    p = 1 / (1 + np.exp(-2 * way * x))
    y = (rng.random(n) < p).astype(float)
    return subject_of(
        {"x": x, "z": rng.normal(size=n), "site": site}, y, np.column_stack((1 - p, p)), site=Role(("site",))
    )


def test_a_site_that_works_the_other_way_is_found_though_the_split_was_random() -> None:
    made, found = claims(sites(0, True))
    assert found == {"site west"} and set(made) == {f"site {s}" for s in SITES}
    west = made["site west"]
    assert (
        west.evidence["score"] < 0 < west.evidence["against"] and west.evidence["lower_bound"] < west.evidence["score"]
    )


def test_sites_that_are_alike_are_not_found() -> None:
    made, found = claims(sites(1, False))
    assert len(made) == 4 and not found
    assert all(abs(c.effect.value) < 0.05 for c in made.values())


def test_a_site_that_the_model_never_saw_is_judged_by_its_own_predictions() -> None:
    subject = clean_subject(10_000, 2, NEEDS)
    made = m06.plant(subject, 1.0, subject.rng("M06", "test"))
    by_name, found = claims(made.subject)
    given, rows = made.subject.predictions, subject.table.sample(SampleSpec(n=10_000))
    assert given is not None
    place = np.array([*rows.codes("place")[1], ""])[rows.codes("place")[0]]
    new = set(place[np.isin(rows.row_id, given.row_id[given.part == JUDGE])]) - set(
        place[np.isin(rows.row_id, given.row_id[given.part == BUILD])]
    )
    assert found == {f"place {name}" for name in new} and len(new) == 1
    assert by_name[found.pop()].effect.value == pytest.approx(made.true_effect, abs=0.12)


def test_large_groups_are_looked_at_one_by_one_and_small_ones_not_at_all() -> None:
    rng = np.random.default_rng(3)
    n = 8000
    p = 1 / (1 + np.exp(-2 * rng.normal(size=n)))
    y = (rng.random(n) < p).astype(float)
    output = np.column_stack((1 - p, p))
    for size, some in ((400, True), (4, False)):
        who = np.array([f"c{i:05}" for i in np.arange(n) // size])
        subject = subject_of({"x": np.log(p / (1 - p)), "who": who}, y, output, group=Role(("who",)))
        got = judge(m06, subject)
        assert (len(got.run.claims) >= 2) == some and not got.decision.stands
        assert (got.run.not_applicable is None) == some


def test_a_last_stretch_in_which_the_process_turns_is_the_period_named() -> None:
    rng = np.random.default_rng(4)
    n = 10_000
    x = rng.normal(size=n)
    p = 1 / (1 + np.exp(-2 * x))
    y = (rng.random(n) < np.where(np.arange(n) >= 0.96 * n, 0.5, p)).astype(float)
    subject = subject_of({"x": x, "t": np.arange(n)}, y, np.column_stack((1 - p, p)), order=Role(("t",)))
    made, found = claims(subject)
    assert len(made) == 5 and found == {"period 5 of 5, t from 9600"}


def test_numbers() -> None:
    rng = np.random.default_rng(5)
    n = 8000
    site, x = rng.choice(SITES, n), rng.normal(size=n)
    y = 2 * x * np.where(site == "west", -1, 1) + rng.normal(size=n)
    subject = subject_of({"x": x, "site": site}, y, 2 * x, site=Role(("site",)))
    assert claims(subject)[1] == {"site west"}


def test_it_says_why_it_does_not_apply() -> None:
    plain = subject_of({"x": np.arange(90.0)}, np.arange(90) % 2.0, np.full((90, 2), 0.5))
    assert "no group, site or time order" in (judge(m06, plain).run.not_applicable or "")


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")
def test_truth_periods_of_elec2_are_scored_apart() -> None:
    table = open_table(str(DATA / "elec2.csv.gz"), cache=False)
    roles = guess_roles(table, {"target": "class", "order": "@row"})
    made, _ = claims(with_quick(Subject(table, roles, make_partition(table, roles, 0), 0), 60))
    assert len(made) == 5
    assert all(
        c.evidence["lower_bound"] is None or c.evidence["lower_bound"] < c.evidence["score"] for c in made.values()
    )
