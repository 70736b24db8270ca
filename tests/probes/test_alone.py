"""A column alone: counted by leaf and level, the same as told row by row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.check import Audit
from assay.audit.opening import open_subject
from assay.core.settings import Settings
from assay.probes.alone import class_leaves, class_tree
from assay.stats.auc import auc, auc_interval


def test_skill_and_floor_are_those_of_the_rows():
    rng = np.random.default_rng(0)
    n, k = 3_000, 5
    y = rng.integers(0, k, n)
    x = y + rng.normal(size=n)
    table = pa.table({
        "x": pa.array(x, mask=rng.random(n) < 0.1), "noise": rng.normal(size=n),
        "level": [f"l{v}" for v in (y + rng.integers(0, 4, n))], "y": [f"c{v}" for v in y],
    })  # fmt: skip
    subject = open_subject(table, target="y", settings=Settings())
    give = Audit(subject, Settings()).runner.give
    rows, labels, halves, alone = (give(name) for name in ("rows", "labels", "halves", "alone"))
    own = labels.y.astype(np.int64)
    values = rows.numbers("noise")
    share = class_tree(values[halves.a], own[halves.a], k, values[halves.b])
    truth = own[halves.b]
    assert alone["noise"].skill == pytest.approx(np.mean([auc(truth == c, share[:, c]) for c in range(k)]), abs=1e-6)
    floors = [auc_interval(truth == c, share[:, c], 0.002)[0] for c in range(k)]
    assert alone["noise"].floor == pytest.approx(np.mean(floors), abs=1e-6)
    assert alone["noise"].right.sum() == (share.argmax(1) == truth).sum()
    assert alone["noise"].of.tolist() == np.bincount(truth, minlength=k).tolist()
    assert alone["noise"].floor < 0.52 < 0.6 < alone["x"].floor < alone["x"].skill < 1
    assert alone["level"].skill > 0.7
    told = alone["x"].right.sum()  # an empty cell tells nothing
    assert told <= (~rows.null("x")[halves.b]).sum()


def test_shares_by_leaf_add_up_and_hold_every_class():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=500), rng.integers(0, 3, 500)
    share, leaf = class_leaves(x, np.where(y == 1, 2, y), 3, x)
    assert np.allclose(share.sum(1), 1) and (share[:, 1] == 0).all() and leaf.max() < len(share)
