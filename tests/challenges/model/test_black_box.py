"""M10: twins, models that can be read whoever made them, the price of those that are worth it, and what they go by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.audit.runner import Runner
from assay.challenges.model import black_box as m10
from assay.core.settings import Settings
from assay.core.subject import Subject
from assay.core.table import F64, Sample
from assay.probes.asked import relied
from assay.probes.readable import additive, few_answers, grounds
from assay.tables import open_table
from assay.testing import clean_subject, clean_table, judge
from assay.testing.clean import HonestModel

from .asked_models import Says, asked, trained, two

NEEDS = ("target", "predictions", "model", "feature")
HONEST = HonestModel()


def is_additive(subject: Subject) -> bool:
    judged = Runner(subject, Settings()).give("judged")
    assert subject.model is not None
    return additive(subject.model, judged, subject.features, np.random.default_rng(0)).exact


def few(subject: Subject) -> bool:
    judged = Runner(subject, Settings()).give("judged")
    assert subject.model is not None
    return few_answers(subject.model, judged, subject.features, np.random.default_rng(0))


def test_a_readable_model_is_none_and_its_veiled_twin_is() -> None:
    subject = clean_subject(20_000, 1, NEEDS)
    assert "can be read" in (judge(m10, subject).run.not_applicable or "")
    made = judge(m10, m10.plant(subject, 0.1, subject.rng("M10", "test")).subject)
    assert made.decision.verdict == "found"
    claim = made.run.claims[0]
    assert "a linear model" in claim.says and claim.effect.value == pytest.approx(0, abs=0.01)
    assert {"width", "height", "colour"} >= set(list(claim.evidence["relies_on"])[:2])
    assert claim.evidence["stable"] and claim.evidence["no_sum"] < 0.05


@pytest.mark.parametrize("family", ["linear", "tree"])
def test_trained_models_that_can_be_read_are_told_by_their_answers(family: str) -> None:
    subject = clean_subject(3000, 2, NEEDS)
    made = judge(m10, asked(subject, trained(subject, family)))
    assert "can be read" in (made.run.not_applicable or ""), made.run.claims


def test_scales_on_which_models_add_up() -> None:
    subject = clean_subject(2000, 3, NEEDS)

    def shares(rows: Sample) -> F64:
        return two(
            np.clip(0.5 + 0.005 * (rows.numbers("height") - 50) - 0.01 * (rows.numbers("width") - 6), 0.01, 0.99)
        )

    def curved(rows: Sample) -> F64:  # additive, but in no straight line
        return two(1 / (1 + np.exp(-np.sin(rows.numbers("height")) - np.sqrt(rows.numbers("width")) + 2)))

    def joint(rows: Sample) -> F64:
        return two(1 / (1 + np.exp(-0.01 * (rows.numbers("height") - 50) * (rows.numbers("width") - 6))))

    assert is_additive(asked(subject, Says(shares))) and is_additive(asked(subject, Says(curved)))
    assert not is_additive(asked(subject, Says(joint)))


def test_labels_alone_of_a_line_are_few_answers_but_no_small_tree() -> None:
    subject = clean_subject(3000, 4, NEEDS)
    hard = Says(lambda rows: np.eye(2)[(HONEST.predict_rows(rows)[:, 1] > 0.5).astype(int)])
    assert not few(asked(subject, hard))
    step = Says(
        lambda rows: two(np.where(rows.numbers("width") > 6, 0.3, np.where(rows.numbers("height") > 55, 0.8, 0.5)))
    )
    assert few(asked(subject, step))


def joint_subject(n: int, seed: int) -> Subject:
    """The outcome follows the product of two columns, which no linear model sees; the model knows it."""
    table = clean_table(n, seed)
    x, w = (np.asarray(table[c]) for c in ("height", "width"))
    rng = np.random.default_rng(seed)

    def chance(h: F64, v: F64) -> F64:
        return 1 / (1 + np.exp(-0.6 * np.sign(h - 50) * np.sign(v - 5.3) - 0.05 * (h - 50) * (v - 6)))

    y = np.where(rng.random(n) < chance(x, w), "yes", "no")
    import pyarrow as pa

    base = clean_subject(n, seed, NEEDS)
    made = base.table.derive(table.set_column(table.schema.get_field_index("outcome"), "outcome", pa.array(y)))
    from assay.core.table import SampleSpec
    from assay.learn.target import labels

    rows = made.sample(SampleSpec(n=n))
    model = Says(lambda r: two(chance(r.numbers("height"), r.numbers("width"))))
    given = base.predictions
    assert given is not None
    said = replace(given, row_id=rows.row_id, y=labels(rows, base.roles).y, output=model.predict_rows(rows),
                   part=base.partition.part(rows))  # fmt: skip
    return replace(base, table=made, predictions=said, model=model)


def test_a_model_that_sees_what_readable_ones_cannot_is_worth_its_price() -> None:
    made = judge(m10, joint_subject(6000, 5))
    assert made.decision.verdict in ("clear", "undecided")
    assert made.run.claims[0].effect.value < -0.01
    price = made.run.claims[0].evidence["price"]
    assert price["a linear model"]["interval"][0] > 0.01


def test_what_a_model_goes_by_is_the_truth_of_it() -> None:
    subject = clean_subject(4000, 6, NEEDS)
    judged = Runner(subject, Settings()).give("judged")
    rng = np.random.default_rng(0)
    made = grounds(HONEST, judged, relied(HONEST, judged, subject.features, rng, 2_000), rng)
    assert 2 <= made["above_floor"] <= 3 and set(list(made["relies_on"])[:3]) == {"width", "height", "colour"}
    assert made["relies_on"]["place"] == made["relies_on"]["when"] == 0.0
    assert made["no_sum"] == pytest.approx(0.0, abs=1e-9)


def test_correlated_columns_are_swapped_together() -> None:
    import pyarrow as pa

    table = clean_table(3000, 7)
    rng = np.random.default_rng(7)
    table = table.append_column("breadth", pa.array(np.asarray(table["width"]) + 0.1 * rng.normal(size=3000)))
    base = clean_subject(3000, 7, NEEDS)
    subject = replace(base, table=open_table(table, name="twice"))
    half = Says(lambda r: two(1 / (1 + np.exp(0.125 * (r.numbers("width") + r.numbers("breadth") - 12)))))
    from assay.core.table import SampleSpec
    from assay.learn.target import labels

    rows = subject.table.sample(SampleSpec(n=3000))
    given = base.predictions
    assert given is not None
    said = replace(given, row_id=rows.row_id, y=labels(rows, base.roles).y, output=half.predict_rows(rows),
                   part=base.partition.part(rows))  # fmt: skip
    subject = replace(subject, predictions=said, model=half)
    judged = Runner(subject, Settings()).give("judged")
    made = grounds(half, judged, relied(half, judged, subject.features, rng), rng)
    assert next(iter(made["relies_on"])) == "breadth + width"
