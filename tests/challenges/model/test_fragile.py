"""M14: twins, noise, slips, atoms, models that take no holes, and masking as the cure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.audit.runner import Runner
from assay.challenges.model import fragile as m14
from assay.core.errors import InputError
from assay.core.settings import Settings
from assay.core.subject import Subject
from assay.core.table import F64, Sample, SampleSpec
from assay.probes.with_holes import noisy, range_of, slipped, with_numbers
from assay.testing import clean_subject, judge
from assay.testing.clean import HonestModel

from .asked_models import Says, asked, two

NEEDS = ("target", "predictions", "model", "feature")
HONEST = HonestModel()


def found(subject: Subject) -> dict[tuple[str, str], float]:
    made = judge(m14, subject)
    assert made.run.error is None, made.run.error
    return {((*c.about.columns, "")[0], str(c.evidence["kind"])): c.effect.value for c, _ in made.decision.stands}


def test_using_a_column_is_nature_and_taking_a_hole_for_an_extreme_is_not() -> None:
    subject = clean_subject(3000, 1, NEEDS)
    assert found(subject) == {}
    made = m14.plant(subject, 0.8, subject.rng("M14", "test"))
    got = found(made.subject)
    assert set(got) == {(made.columns[0], "missing")}
    assert got[made.columns[0], "missing"] == pytest.approx(made.true_effect, abs=0.15)


def test_a_sentinel_inside_the_model_is_found_at_its_column() -> None:
    def filled(rows: Sample) -> F64:
        height, width = rows.numbers("height"), np.nan_to_num(rows.numbers("width"), nan=-999.0)
        z = 0.08 * (np.nan_to_num(height, nan=50) - 50) - 0.25 * (width - 6)
        return two(1 / (1 + np.exp(-z)))

    assert set(found(asked(clean_subject(3000, 2, NEEDS), Says(filled)))) == {("width", "missing")}


def test_a_jagged_model_is_worse_with_noise_than_without_the_column() -> None:
    """It answers by the last digits of a column: any noise makes another answer."""

    def jagged(rows: Sample) -> F64:
        p = HONEST.predict_rows(rows)[:, 1]
        known = np.isfinite(rows.numbers("height")) & ~np.isin(np.round(rows.numbers("height"), 4), seen)
        return two(np.where(known, np.where(p > 0.5, 0.02, 0.98), p))

    subject = clean_subject(3000, 3, NEEDS)
    seen = np.round(subject.table.sample(SampleSpec(n=3000)).numbers("height"), 4)
    got = found(asked(subject, Says(jagged)))
    assert ("height", "noise") in got and got["height", "noise"] > 0.3
    assert not {column for column, kind in got if kind == "noise"} - {"height"}


def test_a_model_that_refuses_holes_is_not_asked_for_them() -> None:
    def picky(rows: Sample) -> F64:
        if rows.null("height").any() or rows.null("width").any():
            raise InputError("the model failed on rows of this table: ValueError: Input contains NaN")
        return HONEST.predict_rows(rows)

    made = judge(m14, replace(clean_subject(3000, 4, NEEDS), model=Says(picky)))
    assert made.run.error is None and made.decision.verdict in ("clear", "undecided")
    looked = {(c.about.columns, c.evidence["kind"]) for c in made.run.claims}
    assert (("height",), "noise") in looked and (("height",), "missing") not in looked


def test_a_model_that_was_trained_with_holes_is_held_against_itself() -> None:
    subject = clean_subject(3000, 5, NEEDS)
    with_holes = Runner(subject, Settings()).give("with_holes")
    assert found(asked(subject, with_holes)) == {}


def test_a_worthless_model_is_not_called_fragile() -> None:
    """It loses on whole rows too: M05 says so."""
    bad = Says(lambda rows: two(np.where(rows.row_id % np.uint64(2) == 0, 0.05, 0.95)))
    assert found(asked(clean_subject(3000, 6, NEEDS), bad)) == {}


def test_slips_are_told_and_not_claimed() -> None:
    made = judge(m14, clean_subject(3000, 7, NEEDS))
    slips = next(c for c in made.run.claims if c.about.columns == ("width",)).evidence["slips"]
    assert slips["x 1000"]["loses_more"] > 0.5 and slips["x 1000"]["out_of_range"] == 1.0
    assert made.decision.verdict in ("clear", "undecided")


def test_noise_respects_atoms_range_and_whole_numbers() -> None:
    rng = np.random.default_rng(0)
    x = np.where(rng.random(1000) < 0.5, 0.0, rng.gamma(2.0, 3.0, 1000))
    x[:10] = np.nan
    known = range_of(x)
    assert known is not None and known.atoms.tolist() == [0.0]
    made = noisy(x, known, rng)
    np.testing.assert_array_equal(made[x == 0], 0.0)
    assert np.isnan(made[:10]).all() and np.nanmax(made) <= known.high and np.nanmin(made) >= known.low
    assert np.mean(made[x > 0] != x[x > 0]) > 0.99
    whole = rng.integers(0, 1000, 500).astype(float)
    ends = range_of(whole)
    assert ends is not None
    again = noisy(whole, ends, rng)
    np.testing.assert_array_equal(again, np.round(again))
    assert range_of(np.array([3.0, 3.0])) is None


def test_slips_by_hand() -> None:
    np.testing.assert_allclose(slipped(np.array([0.0, 100.0]), "degrees"), [32, 212])
    np.testing.assert_allclose(
        slipped(np.array([12.5, 3.75, 4.0, np.nan]), "decimal point lost"), [125, 375, 4, np.nan]
    )
    np.testing.assert_allclose(slipped(np.array([2.0]), "x 0.001"), [0.002])


def test_numbers_keep_their_type_where_they_can() -> None:
    import pyarrow as pa

    from assay.tables import open_table

    rows = open_table(pa.table({"k": pa.array([1, 2, 3], pa.int8()), "x": [0.5, 1.0, None]})).sample(SampleSpec(n=3))
    kind = rows.arrow["k"].type
    kept = with_numbers(rows, "k", rows.numbers("k") + 1)
    assert kept.arrow["k"].type == kind and sorted(kept.numbers("k").tolist()) == [2, 3, 4]
    assert pa.types.is_floating(with_numbers(rows, "k", rows.numbers("k") / 10).arrow["k"].type)
    assert sorted(with_numbers(rows, "k", rows.numbers("k") * 1000).numbers("k").tolist()) == [1000, 2000, 3000]


def test_the_remedy_masks_in_training() -> None:
    subject = clean_subject(3000, 8, NEEDS)
    made = judge(m14, m14.plant(subject, 0.8, subject.rng("M14", "test")).subject)
    from assay.audit.ranking import finding

    fix = finding(m14, made.decision.stands[0][0], None, subject, Settings()).remedy
    assert fix is not None and fix.where == "training" and fix.options == {"mask": 0.1} and not fix.ops
