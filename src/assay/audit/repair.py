"""Repairs of a table: which remedies are applied and why the others are not, the file they make, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.finding import Finding
from assay.core.remedy import Op, Proof, Recipe, Remedy
from assay.core.settings import Settings
from assay.core.subject import Subject
from assay.core.table import Mask, Table
from assay.tables.originals import originals
from assay.tables.rewrite import MOST_UNDONE, Cells, Rewritten, rewrite

from .catalogue import expand
from .check import Audit
from .runner import Progress
from .trial import Bench

REFITS = 30  # a repair skipped for want of a trial would waste the audit
STAGE = {
    "null_if": 0,
    "map_values": 0,
    "look_up": 0,
    "cast": 1,
    "parse_date": 1,
    "clock_to_minutes": 2,
    "scale": 2,
    "null_outside": 2,
    "clip": 2,
    "fold_rare": 3,
    "indicator": 4,
    "combine": 4,
    "rename": 5,
    "drop_column": 6,
}  # fmt: skip  - spellings before types, types before ranges, holes counted when all that will be holes are


@dataclass(frozen=True)
class Repair:
    """A remedy with its proof; ``waits`` says why it is not applied, empty where it is."""

    finding: Finding
    remedy: Remedy
    proof: Proof
    waits: str


@dataclass(frozen=True)
class Plan:
    """What would be done to a table. ``together`` is the trial of all applied ops at once, where one could be made."""

    subject: Subject
    settings: Settings
    repairs: tuple[Repair, ...]
    together: Proof | None
    report: Any

    @property
    def applied(self) -> tuple[Repair, ...]:
        return tuple(r for r in self.repairs if not r.waits)

    def recipe(self) -> Recipe:
        steps = tuple((r.finding.code, r.remedy, r.proof) for r in self.repairs)
        replayed = frozenset(i for i, r in enumerate(self.repairs) if not r.waits and r.remedy.ops)
        return Recipe(steps, applied=replayed)


def plan(
    subject: Subject,
    settings: Settings,
    *,
    unsafe: bool = False,
    proven: bool = False,
    progress: Progress | None = None,
) -> Plan:
    """Audit, try every remedy, and say which are applied.

    Safe ones are; with ``unsafe`` the others too, where their proof is kept or the settings select their code; with
    ``proven`` only those whose proof is kept. A rejected remedy is never applied.
    """
    audit = Audit(subject, settings, progress)
    audit.unsafe, audit.refits = True, REFITS
    report = audit.report()
    target = set(subject.roles.named("target"))
    named = expand(settings.select, audit.modules)
    repairs = []
    for found, proof in audit.proofs:
        if found.remedy is not None:
            said = waits(found.remedy, proof, unsafe, proven, target)
            if not said and found.remedy.safety == "unsafe" and proof.state != "kept" and found.code not in named:
                said = f"unproven ({proof.why}): --select {found.code} --unsafe applies it all the same"
            repairs.append(Repair(found, found.remedy, proof, said))
    repairs.sort(key=lambda r: max((STAGE[op.name] for op in r.remedy.ops), default=0))
    ops = [op for r in repairs if not r.waits for op in r.remedy.ops]
    together = None
    if ops and subject.roles.target is not None and any(r.proof.kind == "gain" for r in repairs if not r.waits):
        together = Bench(subject, audit.runner.give).gain(ops)
    return Plan(subject, settings, tuple(repairs), together, report)


def waits(remedy: Remedy, proof: Proof, unsafe: bool, proven: bool, target: set[str]) -> str:
    if proof.state == "rejected":
        return f"its trial failed: {proof.why}"
    if "role" in remedy.options:
        return f"fit gives it the role {remedy.options['role']}; the file keeps it"
    if not remedy.ops and not drops_rows(remedy) and not relabels(remedy):
        return {"split": "fit splits so", "training": "fit trains so", "output": "fit does it"}.get(
            remedy.where, "advice: no rule for new rows"
        )
    if any(op.name == "drop_column" and set(op.columns) & target for op in remedy.ops):
        return "it would drop the target"
    if remedy.safety == "unsafe" and not unsafe:
        return "it drops or rewrites what is recorded: --unsafe"
    if proven and proof.state != "kept":
        return f"unproven: {proof.why}"
    return ""


def drops_rows(remedy: Remedy) -> bool:
    rows = remedy.rows
    if remedy.where != "rows" or rows is None:
        return False
    return remedy.options.get("keep") == "first" or (bool(remedy.options.get("drop")) and whole(remedy))


def relabels(remedy: Remedy) -> bool:
    """Whether the remedy says which label each of its rows should have."""
    return remedy.where == "rows" and isinstance(remedy.options.get("relabel"), Mapping) and whole(remedy)


def step_of(repair: Repair, target: str | None) -> list[Op] | Cells:
    """What the writer does for a repair: ops, or new labels for rows."""
    if not relabels(repair.remedy) or target is None:
        return list(repair.remedy.ops)
    by_row = sorted((int(row), str(label)) for row, label in repair.remedy.options["relabel"].items())
    return Cells(target, np.array([row for row, _ in by_row], np.int64), tuple(label for _, label in by_row))


def whole(remedy: Remedy) -> bool:
    return remedy.rows is not None and remedy.rows.total == len(remedy.rows.positions)


def dropped(table: Table, repairs: Sequence[Repair]) -> Mask | None:
    """A mask by source position of the rows that the applied remedies leave out."""
    out = np.zeros(table.n_rows, bool)
    for repair in repairs:
        if not drops_rows(repair.remedy):
            continue
        if repair.remedy.options.get("keep") == "first":
            hashes = table.row_hashes(repair.finding.columns)
            later = np.ones(table.n_rows, bool)
            later[np.unique(hashes, return_index=True)[1]] = False
            out |= later
        elif repair.remedy.rows is not None:
            out[repair.remedy.rows.positions] = True
    return out if out.any() else None


def carry_out(made: Plan, paths: Sequence[Path] | None, out: Path | None) -> tuple[Rewritten, dict[str, Any]]:
    """Write the repaired table (``out`` None: only count the changes) and return what was done and the recipe file."""
    own = originals(paths) if paths else None
    table: Any = made.subject.table
    target = next(iter(made.subject.roles.named("target")), None)
    steps = [step_of(r, target) for r in made.applied]
    done = rewrite(
        table, steps, out, original=own, drop=dropped(table, made.applied), delimiter=own.delimiter if own else ","
    )
    return done, recipe_file(made.recipe(), table, done)


def recipe_file(recipe: Recipe, table: Table, done: Rewritten) -> dict[str, Any]:
    """The recipe as it is saved: the ops, the columns that it was made for, and what undoing needs."""
    import assay

    lost = [c.name for c in table.columns if c.name not in done.columns]
    renamed = {str(op.args["name"]): op.columns[0] for op in recipe.ops() if op.name == "rename"}
    known = {c.name for c in table.columns} | set(renamed)
    return {
        **recipe.to_json(),
        "assay": assay.__version__,
        "made_for": {
            "name": table.name, "rows": table.n_rows, "data_digest": table.digest,
            "columns": [{"name": c.name, "kind": c.kind, "storage": c.storage} for c in table.columns],
        },
        "undo": {
            "rows": done.rows_out,
            "rows_dropped": done.rows_in - done.rows_out,
            "columns_dropped": [c for c in lost if c not in renamed.values()],
            "added": [c for c in done.columns if c not in known],
            "renamed": renamed,
            "complete": done.undone <= MOST_UNDONE,
            "cells": {c: packed(*was) for c, was in done.was.items()} if done.undone <= MOST_UNDONE else {},
        },
    }  # fmt: skip


def packed(positions: list[Any], values: list[Any]) -> list[dict[str, Any]]:
    """[{"was": text or null, "rows": [...]}], by value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    at = np.concatenate(positions)
    coded = pc.dictionary_encode(pa.concat_arrays(values), null_encoding="encode")
    codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    order = np.argsort(codes, kind="stable")
    cuts = np.flatnonzero(np.diff(codes[order])) + 1
    groups = np.split(order, cuts)
    words = coded.dictionary.to_pylist()
    return [{"was": words[codes[g[0]]], "rows": at[g].tolist()} for g in groups if len(g)]


def without_columns(roles: Mapping[str, Any], gone: set[str]) -> dict[str, Any]:
    """What the user said of roles, less the columns that a repair dropped."""
    out: dict[str, Any] = {}
    for role, said in roles.items():
        left = [c for c in ([said] if isinstance(said, str) else said) if c not in gone]
        if left:
            out[role] = left[0] if isinstance(said, str) else tuple(left)
    return out


def gone_after(made: Plan, path: Path, said: Mapping[str, Any], target: str | None) -> dict[str, Any]:
    """Check the written file again for what was repaired: findings before, after, and which still stand."""
    from .opening import open_subject

    codes = tuple(sorted({r.finding.code for r in made.applied}))
    if not codes:
        return {}
    lost = {c for r in made.applied for op in r.remedy.ops if op.name == "drop_column" for c in op.columns}
    settings = replace(made.settings, select=codes)
    subject = open_subject(str(path), target=target, roles=without_columns(said, lost), settings=settings, cache=False)
    again = Audit(subject, settings).report(trials=False)
    mended = {(r.finding.code, c) for r in made.applied for c in r.finding.columns}
    still = [f for f in again.findings if any((f.code, c) in mended for c in f.columns)]
    told = [f"{f.code} {f.message}" for f in still]
    return {"before": len(made.applied), "after": len(still), "still": told}
