"""Remedies on trial: each must bring the proof that it declares before it is kept (DESIGN section 6a).

gain      train on build, score on choose, with and without: the paired upper bound on harm must be below 0.5 % of the
          baseline loss. honesty: kept when the finding stands; the score that is lost is the result, never a reason
          to reject. fidelity: a plant on the user's own rows is mended, and no other cell is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from assay.core.errors import NotApplicable
from assay.core.finding import Finding
from assay.core.remedy import Op, Proof, Recipe, Remedy
from assay.core.result import Score
from assay.core.subject import BUILD, CHOOSE, Subject
from assay.core.table import F64, Sample
from assay.learn import scoring
from assay.probes.order import moments
from assay.stats.means import blocks_interval, mean_interval
from assay.tables.recipe import apply

from .fidelity import fidelity

MARGIN = 0.005  # of the baseline loss: smaller harm than this is smaller than a change of seed
BLOCKS = 20  # time blocks whose differences carry the interval where rows are ordered


@dataclass(frozen=True, slots=True)
class Scored:
    """Per-row losses on the choose rows, and the score that people read (AUC, R2)."""

    loss: F64
    score: float
    metric: str


def trial(subject: Subject, stands: Sequence[Finding], modules: dict[str, ModuleType], give: Callable[[str], Any],
          refits: int, unsafe: bool = False) -> tuple[Recipe, list[tuple[Finding, Proof]]]:  # fmt: skip
    """Try the remedies of the findings in order. ``give`` hands out probes; at most ``refits`` models are fitted.

    Returns the recipe (safe remedies whose proof holds; unsafe ones too where ``unsafe``) and every proof.
    """
    steps: list[tuple[str, Remedy, Proof]] = []
    proofs: list[tuple[Finding, Proof]] = []
    bench = Bench(subject, give)
    left = refits
    done: set[tuple[Any, ...]] = set()
    for found in stands:
        remedy = found.remedy
        if (
            remedy is None
            or (key := (remedy.where, tuple((op.name, op.columns) for op in remedy.ops), remedy.says)) in done
        ):
            continue
        done.add(key)
        proof = prove(remedy, modules[found.code], subject, bench, give, left)
        left -= proof.kind == "gain" and proof.n > 0
        if proof.state == "kept" and remedy.safety == "unsafe" and not unsafe and remedy.proof != "honesty":
            proof = Proof(proof.kind, "recorded", proof.unit, proof.before, proof.after, proof.gain, proof.interval,
                          proof.n, f"{proof.why}; it changes what is recorded, so it waits for your word")  # fmt: skip
        steps.append((found.code, remedy, proof))
        proofs.append((found, proof))
    return Recipe(tuple(steps)), proofs


def prove(
    remedy: Remedy, module: ModuleType, subject: Subject, bench: Bench, give: Callable[[str], Any], left: int
) -> Proof:
    if remedy.proof == "gain" and subject.roles.target is None:
        return Proof("gain", "unproven", why="no target to score against")
    if remedy.proof == "gain" and not remedy.ops:
        return Proof("gain", "unproven", why=f"it acts on the {remedy.where}: fit again with it to prove it")
    if remedy.proof == "gain" and left <= 0:
        return Proof("gain", "unproven", why="the refits of this report are spent; fit tries more")
    try:
        if remedy.proof == "honesty":
            return honesty(remedy, give, subject)
        if remedy.proof == "fidelity":
            code = module.CHALLENGE.code
            if code not in bench.fidelity:
                bench.fidelity[code] = fidelity(module, subject, give("settings"), give)
            return bench.fidelity[code]
        return bench.gain(remedy.ops)
    except NotApplicable as reason:  # nothing to score with: a leak stands all the same, a gain is not shown
        return Proof(remedy.proof, "kept" if remedy.proof == "honesty" else "unproven", why=str(reason))


class Bench:
    """The rows and the baseline that every trial of gain shares. The judge rows are never read."""

    def __init__(self, subject: Subject, give: Callable[[str], Any]) -> None:
        self.subject, self.give = subject, give
        self.baseline: Scored | None = None
        self.fidelity: dict[str, Proof] = {}  # by code: one proof for all its remedies

    def rows(self) -> tuple[Sample, Any, np.ndarray]:
        rows: Sample = self.give("rows")
        labels = self.give("labels")
        keep = np.flatnonzero(labels.known)
        rows = rows.take(keep)
        return rows, labels.take(keep), self.subject.partition.part(rows)

    def gain(self, ops: Sequence[Op]) -> Proof:
        rows, labels, part = self.rows()
        build, choose = np.flatnonzero(part == BUILD), np.flatnonzero(part == CHOOSE)
        if min(len(build), len(choose)) < 50:
            return Proof("gain", "unproven", n=0, why="fewer than 50 rows to learn from or to choose on")
        features = tuple(self.give("honest"))
        if self.baseline is None:
            self.baseline = self.score(rows, labels, features, build, choose)
        mended = apply(ops, rows)
        dropped = {c for op in ops if op.name == "drop_column" for c in op.columns}
        added = tuple(n for n in mended.names if n not in rows.names)
        after = self.score(mended, labels, tuple(f for f in (*features, *added) if f not in dropped), build, choose)
        return verdict_of_gain(self.baseline, after, self.order(rows, choose))

    def order(self, rows: Sample, choose: np.ndarray) -> F64 | None:
        if self.subject.roles.order is None:
            return None
        when: F64 = moments(self.subject, rows)[choose]
        return when

    def score(
        self, rows: Sample, labels: Any, features: tuple[str, ...], build: np.ndarray, choose: np.ndarray
    ) -> Scored:
        loss, score, metric = scoring.holdout(
            rows,
            labels,
            features,
            self.subject.roles,
            build,
            choose,
            int(self.subject.rng("audit", "trial").integers(2**31)),
        )
        return Scored(loss, score, metric)


def verdict_of_gain(before: Scored, after: Scored, order: F64 | None) -> Proof:
    """Paired loss differences; by time block where rows are ordered, since neighbours in time are not independent."""
    saved = before.loss - after.loss
    if order is None:
        lo, hi = mean_interval(saved, 0.05)
    else:
        blocks = np.array_split(saved[np.argsort(order, kind="stable")], BLOCKS)
        lo, hi = blocks_interval(np.array([b.mean() for b in blocks if len(b)]), 0.05)
    margin = MARGIN * float(before.loss.mean())
    state: Any = "kept" if lo > -margin else "rejected" if hi < -margin else "unproven"
    why = f"{before.metric} {before.score:.3f} -> {after.score:.3f} on rows that chose nothing else"
    return Proof("gain", state, "loss", float(before.loss.mean()), float(after.loss.mean()), float(saved.mean()),
                 (lo, hi), len(saved), why)  # fmt: skip


def honesty(remedy: Remedy, give: Callable[[str], Any], subject: Subject) -> Proof:
    """The score with and without what the finding names; taken from the honesty bars, so that no refit is spent.

    Only where two bars differ by that and nothing else of another kind: the fall from all columns to the honest ones
    belongs to the columns left out, the fall from shuffled to later rows to a split in time; neither to duplicates.
    """
    stands = Proof("honesty", "kept", why="the finding stands")
    bars: tuple[Score, ...] = give("scores") if subject.roles.target is not None else ()
    if len(bars) < 2:
        return stands
    dropped = {c for op in remedy.ops if op.name == "drop_column" for c in op.columns}
    suspects = give("suspects")
    if dropped and dropped <= set(suspects):
        first, last = bars[0], bars[1]
        others = len(suspects) - len(dropped)
        with_others = f", measured together with {others} more left out" if others else ""
    elif remedy.where == "split" and "order" in remedy.options and bars[-1].blocks:
        first, last, with_others = bars[-2], bars[-1], ""
    else:
        return stands
    return Proof("honesty", "kept", first.metric, first.value, last.value, last.value - first.value,
                 why=f"the lost score was never there{with_others}")  # fmt: skip
