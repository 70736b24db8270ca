"""Proof of a repair of cells: the fault is planted in the user's own rows, found and mended anew, cells counted.

The whole way is tried, not one list of ops: what is planted is measured again, the remedy of that finding is applied,
and what it changes of the planted cells must come back (or become empty, where the remedy empties), while no other
cell may change that the remedy for the user's own finding leaves alone (DESIGN section 6a).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from assay.core.errors import AssayError
from assay.core.remedy import Op, Proof, Remedy
from assay.core.settings import Settings
from assay.core.subject import Planted, Subject
from assay.core.table import Sample, SampleSpec
from assay.tables.recipe import apply
from assay.tables.rewrite import alike

from .ranking import finding
from .runner import Runner
from .verdict import decide

ROWS = 10_000  # a share of mended cells is known to a hundredth from far fewer
RIGHT = 0.95  # of the planted cells that the repair changes: one that it leaves alone is no worse than before
MENDED = 0.5  # of all planted cells: a repair that misses most is not what its sentence promises
EMPTIES = ("null_if", "null_outside", "cast", "parse_date")
UNIT = "share of planted cells mended"


def fidelity(module: ModuleType, subject: Subject, settings: Settings, give: Callable[[str], Any]) -> Proof:
    """Plant at the promised dose in up to 10,000 of the user's rows, mend, and count cells mended and cells harmed.

    One proof for all remedies of a challenge: each is measured from the same plant. What the challenge mends in these
    rows without a plant is no harm.
    """
    rows: Sample = give("rows")
    base = subject.table.derive(rows.take(np.arange(min(rows.n, ROWS))).arrow)
    small = subject.with_table(base)
    code = module.CHALLENGE.code
    try:
        planted: Planted = module.plant(small, module.CHALLENGE.promise.dose, subject.rng(code, "fidelity"))
    except (AssayError, ValueError, KeyError, IndexError) as error:
        return Proof("fidelity", "unproven", why=f"the fault cannot be planted in this table ({error})")
    if planted.rows is None or not planted.columns or not planted.rows.total:
        return Proof("fidelity", "unproven", why="the plant names no cells to compare")
    whole = SampleSpec(n=max(1, base.n_rows))
    clean, dirty = by_position(base.sample(whole)), by_position(planted.subject.table.sample(whole))
    ops = cell_ops(found_anew(module, planted.subject, settings))
    if not ops:
        return Proof("fidelity", "unproven", why="a fault planted in this table is not found again, or has no repair")
    mended, own = apply(ops, dirty), apply(cell_ops(found_anew(module, small, settings)), clean)
    touched = np.isin(mended.position, planted.rows.positions)
    empties = any(op.name in EMPTIES for op in ops)
    good = harmed = total = changed = 0
    for column in clean.names:
        if column not in mended.names:
            continue
        same = alike(clean, column, mended, column)
        if column in planted.columns:
            spoiled = touched & ~alike(clean, column, dirty, column)
            good += int(((same | mended.null(column)) if empties else same)[spoiled].sum())
            changed += int((spoiled & ~alike(dirty, column, mended, column)).sum())
            total += int(spoiled.sum())
        if column in own.names:
            harmed += int((~same & ~alike(own, column, mended, column) & ~touched).sum())
    if not total:
        return Proof("fidelity", "unproven", why="the plant changed no cell of this table")
    share = good / total
    worse = max(0, changed - good)
    fine = harmed == 0 and good >= RIGHT * changed
    state: Any = "rejected" if not fine else "kept" if share >= MENDED else "unproven"
    why = f"{good:,} of {total:,} planted cells mended, {worse:,} made otherwise wrong, {harmed:,} others touched"
    return Proof("fidelity", state, UNIT, 0.0, share, share, None, total, why)


def found_anew(module: ModuleType, subject: Subject, settings: Settings) -> list[Remedy]:
    """Remedies of what stands when the challenge measures the planted table, decided alone."""
    code = module.CHALLENGE.code
    decision = decide({code: Runner(subject, settings).one(module)}, settings.level)[code]
    made = [finding(module, claim, interval, subject, settings).remedy for claim, interval in decision.stands]
    return [remedy for remedy in made if remedy is not None]


def cell_ops(remedies: Sequence[Remedy]) -> list[Op]:
    return [op for r in remedies for op in r.ops if op.name not in ("drop_column", "rename", "indicator")]


def by_position(sample: Sample) -> Sample:
    return sample.take(np.argsort(sample.position, kind="stable"))
