"""The remedy on the planted table: does the finding go, what comes back of the cells, and what it does to the score."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.audit.ranking import finding
from assay.core.claim import Claim
from assay.core.errors import AssayError, NotApplicable
from assay.core.remedy import Op, Remedy
from assay.core.settings import Settings
from assay.core.subject import Planted, Subject
from assay.core.table import NUMERIC, Sample, SampleSpec
from assay.learn.scoring import holdout
from assay.learn.target import labels
from assay.tables.recipe import apply
from assay.testing import Judged, judge

TRAIN_SHARE, FEWEST = 0.7, 60


def mend(
    module: ModuleType, before: Subject, planted: Planted, made: Judged, speaks: Callable[[Claim, Planted], bool]
) -> dict[str, Any]:
    """Apply the ops of the remedies of what stands about the plant. ``before`` is the subject without the fault,
    ``speaks`` says whether a claim is about the plant."""
    remedies = [
        fix
        for claim, interval in made.decision.stands
        if speaks(claim, planted)
        and (fix := finding(module, claim, interval, planted.subject, Settings()).remedy) is not None
    ]
    if not remedies:
        return {"where": None}
    ops = distinct(remedies)
    out: dict[str, Any] = {"where": remedies[0].where, "safety": remedies[0].safety, "proof": remedies[0].proof,
                           "ops": [op.name for op in ops]}  # fmt: skip
    if not ops:
        return out
    broken, mended = whole(planted.subject), apply(ops, whole(planted.subject))
    after = planted.subject.with_table(planted.subject.table.derive(in_order(mended).arrow))
    again = judge(module, after)
    out["gone"] = not any(speaks(c, planted) for c, _ in again.decision.stands)
    clean = in_order(whole(before))
    out |= cells(clean, in_order(broken), in_order(mended), planted)
    try:
        out |= scores(before, planted.subject, after)
    except (AssayError, NotApplicable, ValueError) as error:
        out["unscored"] = str(error)
    return out


def distinct(remedies: list[Remedy]) -> list[Op]:
    out: list[Op] = []
    for fix in remedies:
        out += [op for op in fix.ops if op not in out]
    return out


def whole(subject: Subject) -> Sample:
    return subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))


def in_order(rows: Sample) -> Sample:
    """By position in the source: planting and mending keep it, row ids they do not."""
    return rows.take(np.argsort(rows.position, kind="stable"))


def cells(clean: Sample, broken: Sample, mended: Sample, planted: Planted) -> dict[str, Any]:
    """Of the planted cells: restored to what they were, or emptied. And how many other cells were changed."""
    columns = [c for c in planted.columns if c in clean.names and c in mended.names]
    if planted.rows is None or not columns or clean.n != mended.n or planted.rows.total > len(planted.rows.positions):
        return {}
    hit = np.isin(np.arange(clean.n), planted.rows.positions)
    restored = emptied = total = harmed = 0
    for name in columns:
        same = equal(clean, mended, name)
        empty = mended.null(name)
        restored += int(same[hit].sum())
        emptied += int((empty & ~same)[hit].sum())
        harmed += int((~same & ~hit & equal(clean, broken, name)).sum())
        total += int(hit.sum())
    return {"cells": total, "restored": restored, "emptied": emptied, "harmed": harmed}


def equal(a: Sample, b: Sample, name: str) -> NDArray[np.bool_]:
    kind = next(c.kind for c in a.columns if c.name == name)
    if kind in NUMERIC:
        x, y = a.numbers(name), b.numbers(name)
        return np.asarray((x == y) | (np.isnan(x) & np.isnan(y)))
    first, second = ([levels[k] if k >= 0 else None for k in codes] for codes, levels in (a.codes(name), b.codes(name)))
    return np.array([p == q for p, q in zip(first, second, strict=True)])


def scores(before: Subject, broken: Subject, after: Subject) -> dict[str, Any]:
    """Score and mean loss on the same held-out 30 % of rows: without the fault, with it, and after the remedy."""
    if before.roles.target is None:
        return {}
    n = before.table.n_rows
    if n < FEWEST or not n == broken.table.n_rows == after.table.n_rows:
        return {}
    line = before.rng("prove", "holdout").permutation(n)
    train = np.zeros(n, bool)
    train[line[: int(TRAIN_SHARE * n)]] = True
    out: dict[str, Any] = {}
    for word, subject in (("clean", before), ("broken", broken), ("mended", after)):
        rows = in_order(whole(subject))
        truth = labels(rows, subject.roles)
        keep = np.flatnonzero(truth.known)
        rows, truth, own = rows.take(keep), truth.take(keep), train[keep]
        features = subject.roles.features(subject.table)
        loss, value, metric = holdout(
            rows, truth, features, subject.roles, np.flatnonzero(own), np.flatnonzero(~own), 0
        )
        out |= {"metric": metric, f"score_{word}": round(value, 6), f"loss_{word}": round(float(loss.mean()), 6)}
    return out
