"""Proof of cell repairs: kept where planted cells come back, rejected where a repair spoils what was right."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.fidelity import fidelity
from assay.audit.opening import open_subject
from assay.challenges.data import disguised_missing as d02
from assay.core.claim import About, Claim, Effect
from assay.core.remedy import Op, Remedy
from assay.core.rows import Rows
from assay.core.settings import Settings
from assay.core.subject import Planted
from assay.core.table import SampleSpec

ROWS = 400


@pytest.fixture(scope="module")
def subject() -> Any:
    rng = np.random.default_rng(0)
    towns = rng.choice(["Rome", "Oslo", "Bern", "Lima"], ROWS)
    return open_subject(pa.table({"town": towns, "x": rng.normal(size=ROWS)}), settings=Settings(), cache=False)


def module(mapping: dict[str, str]) -> Any:
    """A challenge that finds every town with an x at its end, and mends it by a mapping."""

    def plant(subject: Any, dose: float, rng: np.random.Generator) -> Planted:
        at = np.sort(rng.permutation(ROWS)[:40])
        words = np.array(subject.table.arrow()["town"].to_pylist(), dtype=object)
        words[at] = [w + "x" for w in words[at]]
        arrow = subject.table.arrow().set_column(0, "town", pa.array(words.tolist()))
        return Planted(subject.with_table(subject.table.derive(arrow)), ("town",), 0.1, Rows.at(at))

    def measure(rows: Any) -> Any:
        found = sum(v.endswith("x") for v in rows.arrow["town"].to_pylist()) / rows.n
        yield Claim(About(("town",)), Effect(found, "share of rows", 0.01), "exact", "towns end in x", rows.n)

    remedy = Remedy("cells", "unsafe", "fidelity", "mend", (Op("map_values", ("town",), {"mapping": mapping}),))
    challenge = SimpleNamespace(**{f: getattr(d02.CHALLENGE, f) for f in d02.CHALLENGE.__dataclass_fields__})
    challenge.code = "X09"
    return SimpleNamespace(CHALLENGE=challenge, plant=plant, measure=measure, remedy=lambda s, f: remedy)


@pytest.mark.parametrize(
    ("mapping", "state"),
    [
        ({"Romex": "Rome", "Oslox": "Oslo", "Bernx": "Bern", "Limax": "Lima"}, "kept"),
        ({"Romex": "Rome", "Oslox": "Oslo", "Bernx": "Bern"}, "kept"),  # what is left alone is no harm
        ({"Romex": "Rome"}, "unproven"),  # but most must come back
        ({"Romex": "Rome", "Oslox": "Oslo", "Bernx": "Bern", "Limax": "Oslo"}, "rejected"),  # wrong otherwise
        ({"Romex": "Rome", "Oslox": "Oslo", "Bernx": "Bern", "Limax": "Lima", "Oslo": "Rome"}, "rejected"),  # spoils
        ({}, "unproven"),
    ],
)
def test_a_repair_is_judged_by_what_it_changes(subject: Any, mapping: dict[str, str], state: str):
    rows = subject.table.sample(SampleSpec(n=ROWS))
    proof = fidelity(module(mapping), subject, Settings(), {"rows": rows}.__getitem__)
    assert proof.state == state, proof.why


def test_the_words_count_cells(subject: Any):
    rows = subject.table.sample(SampleSpec(n=ROWS))
    towns = ("Rome", "Oslo", "Bern", "Lima")
    proof = fidelity(module({f"{t}x": t for t in towns}), subject, Settings(), {"rows": rows}.__getitem__)
    assert proof.why == "40 of 40 planted cells mended, 0 made otherwise wrong, 0 others touched"
    assert (proof.before, proof.after, proof.n) == (0.0, 1.0, 40)
