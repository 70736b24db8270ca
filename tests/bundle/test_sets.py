"""Sets by group, widths by row and intervals of the probability: the graph against numpy, and the file read back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.bundle.model import Model
from assay.bundle.write import build
from assay.core.errors import BundleError, SettingsError
from assay.fit.bands import joined
from assay.learn.conformal import fit_conformal, middle_and_half, prediction_sets
from assay.learn.encoder import encode
from assay.learn.forms import Steps
from assay.learn.learners import Config, train
from assay.learn.replay import replay_form
from assay.learn.target import labels
from assay.tables import recipe

from .conftest import RECIPE, TARGETS, Case

COVERAGES = (0.8, 0.9, 0.95)


def packed(case: Case, assembly) -> Model:
    made = build(assembly, RECIPE, {"kind": "fit"}, samples=case.raw, held_out=case.raw, native=case.native)
    return Model(made.to_bytes())


def truth(case: Case):
    from assay.core.subject import Role, Roles

    after = recipe.apply(RECIPE.ops(), case.raw)
    return after, labels(after, Roles(target=Role((TARGETS[case.task],)), task=case.task)).y


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("column", ["colour", "member"])
def test_groups_in_the_graph_are_those_of_numpy(task, column):
    case = Case(task, "linear")
    _, y = truth(case)
    codes, levels = case.raw.codes(column)
    conformal = fit_conformal(case.native, y, task, column=column, group=codes, levels=levels)
    assert conformal.cells.levels  # 1500 rows: the common groups have quantiles of their own
    wide = replace(case.assembly.spec, columns=(*case.assembly.spec.columns, *extra(case, column)))
    model = packed(case, replace(case.assembly, spec=wide, conformal=conformal))
    texts = np.array([None if c < 0 else levels[c] for c in codes], object)
    want = prediction_sets(conformal, case.native, task, texts=texts)
    got = model.predict_set(case.raw)
    near = np.isclose(got, want, atol=1e-3 * case.native.std()) if task == "regression" else got == want
    assert near.mean() > 0.999  # float32 against float64 at a threshold
    for c in COVERAGES:
        q = dict(conformal.table)[c]
        at = replace(conformal, coverage=c, q=q)
        same = model.predict_set(case.raw, coverage=c)
        other = prediction_sets(at, case.native, task, texts=texts)
        assert np.isclose(same, other, atol=1e-3 * case.native.std()).mean() > 0.999
    in_graph = model._session.run(feed(model, case), "set")
    np.testing.assert_array_equal(in_graph, got)
    assert column in model.columns


def extra(case, column):
    have = {c for c, _ in case.assembly.spec.columns}
    return [(c.name, c.kind) for c in case.raw.columns if c.name == column and c.name not in have]


def feed(model, case):
    from assay.bundle.feed import feed_from

    return feed_from(case.raw, model._schema, "null")[0]


def test_a_row_of_no_known_group_takes_the_sets_of_all():
    case = Case("binary", "linear")
    _, y = truth(case)
    codes, levels = case.raw.codes("colour")
    conformal = fit_conformal(case.native, y, "binary", column="colour", group=codes, levels=levels)
    model = packed(case, replace(case.assembly, conformal=conformal))
    rows = case.raw.arrow.to_pylist()[:40]
    for row in rows:
        row["colour"] = "never seen"
    want = model.predict_proba(rows) >= 1.0 - np.asarray(conformal.q)
    np.testing.assert_array_equal(model.predict_set(rows), want)


def banded(kind="quantiles", rounds=20):
    case = Case("regression", "linear")
    after, y = truth(case)
    X = encode(case.assembly.spec, after)
    half = len(y) // 2
    forms, errors = [], np.abs(y - case.native)
    for level in (0.05, 0.95) if kind == "quantiles" else (0.9,):
        from assay.core.aim import Aim
        from assay.learn.learners import Data

        learnt = y if kind == "quantiles" else errors
        categorical, said = case.assembly.spec.categorical, Aim("quantile", level)
        data = Data(X[:half], learnt[:half], "regression", 1, categorical, said=said)
        forms.append(train(Config("q", "lightgbm"), data, seed=0, rounds=rounds).form())
    band = joined(forms)
    assert len(band.base) == len(forms)
    pair = middle_and_half(replay_form(band, X), case.native)
    conformal = fit_conformal(case.native[half:], y[half:], "regression", band=pair[half:], form=band)
    return case, y, pair, conformal


@pytest.mark.parametrize("kind", ["quantiles", "scale"])
def test_widths_in_the_graph_are_those_of_numpy(kind):
    case, y, pair, conformal = banded(kind)
    model = packed(case, replace(case.assembly, conformal=conformal))
    want = prediction_sets(conformal, case.native, "regression", band=pair)
    got = model.predict_set(case.raw)
    np.testing.assert_allclose(got, want, atol=1e-4 * y.std())
    np.testing.assert_array_equal(model._session.run(feed(model, case), "set"), got)
    assert np.ptp(got[:, 1] - got[:, 0]) > 0.1 * y.std()  # not one width for all
    last = got
    for c in (0.8, 0.7, 0.5):  # a smaller promise never gives a set that the larger does not hold
        inner = model.predict_set(case.raw, coverage=c)
        assert (inner[:, 0] >= last[:, 0]).all() and (inner[:, 1] <= last[:, 1]).all()
        assert (inner[:, 0] <= inner[:, 1]).all()
        last = inner
    held = np.arange(len(y) // 2, len(y))
    hit = (got[held, 0] <= y[held]) & (y[held] <= got[held, 1])
    assert hit.mean() == pytest.approx(0.9, abs=2e-3)  # the rows that made the quantile


def test_intervals_of_the_probability(binary):
    steps = Steps((0.0, 0.3, 0.6), (0.1, 0.35, 0.7), (0.2, 0.5, 0.9))
    model = packed(binary, replace(binary.assembly, steps=steps))
    p = model.predict_proba(binary.raw)[:, 1]
    got = model.predict_interval(binary.raw)
    for lo, hi, low, high in zip(steps.edges, (*steps.edges[1:], 2.0), steps.low, steps.high, strict=True):
        inside = (p >= lo) & (p < hi)
        assert inside.any()
        np.testing.assert_array_equal(got[inside], np.tile([low, high], (inside.sum(), 1)))
    table = model.score_table(binary.raw, interval=True)
    np.testing.assert_array_equal(np.column_stack((table["p_low"], table["p_high"])), got)
    plain = binary.build()
    assert "p_low" not in plain.score_table(binary.raw).column_names
    with pytest.raises(SettingsError, match="two classes"):
        plain.predict_interval(binary.raw)


def test_damaged_groups_are_refused(binary):
    from assay.bundle.schema import from_doc

    case = Case("binary", "linear")
    _, y = truth(case)
    codes, levels = case.raw.codes("colour")
    conformal = fit_conformal(case.native, y, "binary", column="colour", group=codes, levels=levels)
    doc = packed(case, replace(case.assembly, conformal=conformal)).schema
    from_doc(doc)
    doc["x-assay"]["conformal_by"]["levels"].append("one too many")
    with pytest.raises(BundleError, match=r"schema\.json"):
        from_doc(doc)


def test_without_any_of_these_the_file_is_as_it_was(model):
    assert not {"conformal_by", "band", "venn_abers"} & set(model.schema["x-assay"])
