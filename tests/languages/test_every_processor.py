"""The graph means the same on every processor: nothing in it rests on how a missing number becomes a whole one."""

from __future__ import annotations

import numpy as np

from assay.bundle.exports.program import read_program
from assay.bundle.exports.trees import read_trees
from assay.bundle.trees import MOST_BITS

from .models import everything


def test_no_large_set_of_a_tree_holds_the_code_zero():
    model = everything("binary", members="lightgbm")
    found = 0
    for step in read_program(model).steps:
        if step.op == "TreeEnsemble":
            for values in read_trees(step.attributes).sets.values():
                large = max(values) > MOST_BITS
                found += large
                assert not (large and 0.0 in values)
    assert found  # there are large sets, so the rule was asked


def test_a_missing_category_is_none_of_the_first_ones():
    """Of two models that differ in the sets' complement alone, both give the same for missing and for known codes."""
    from assay.bundle.trees import without_zero
    from assay.learn.replay import replay_form

    from .models import features, forest

    rng = np.random.default_rng(0)
    form = forest(rng, 1, "identity", trees=40)
    sizes = {k: len(f.levels) for k, f in enumerate(features()) if f.how == "codes"}
    X = rng.normal(0, 20, (3000, len(features()))).astype(np.float32)
    for k, size in sizes.items():
        X[:, k] = rng.integers(0, size, len(X))
    X[rng.random(X.shape) < 0.2] = np.nan
    changed = without_zero(form, sizes)
    assert any(
        a.members.keys() and not np.array_equal(a.left, b.left) for a, b in zip(form.trees, changed.trees, strict=True)
    )
    np.testing.assert_array_equal(replay_form(form, X), replay_form(changed, X))
