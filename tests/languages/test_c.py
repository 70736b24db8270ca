"""The exported C predicts what the graph predicts, on every row that anybody may type."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from .compiled import COMPILER, STRICT, Compiled, compile_
from .models import awkward, everything

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")


def same(model, got, feed) -> float:
    """Asserts that labels and sets are the graph's too; gives the largest difference of the main output."""
    want = model._session.run(feed).astype(np.float64)
    main, label, sets = got
    np.testing.assert_array_equal(np.isnan(main), np.isnan(want))
    far = np.nan_to_num(np.abs(main - want) / np.maximum(1.0, np.abs(want)))
    near = model._session.run(feed, "set")
    if model.classes:
        names = model._session.run(feed, "label")
        tied = np.ptp(np.sort(want, 1)[:, -2:], axis=1) < 1e-6
        assert (np.array(model.classes, object)[label] == names)[~tied].all()
        assert (sets.astype(bool) == near).mean() > 0.9995
    else:
        np.testing.assert_allclose(sets, near, rtol=1e-6, atol=1e-6)
    return float(far.max())


def test_c_is_the_graph_on_golden_and_awkward_rows(tmp_path):
    model = everything("binary")
    compiled = Compiled(model, tmp_path)
    feed = awkward(model, 2000)
    assert same(model, compiled.predict(feed), feed) <= 1e-6
    run = subprocess.run(
        [compile_(tmp_path / "late.c", *STRICT, "-O0", "-DLATE_CHECK")], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0 and "golden rows, largest difference" in run.stdout, run.stdout
