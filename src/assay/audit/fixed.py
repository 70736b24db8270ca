"""What ``assay fix`` hands over: the repaired table, the recipe, and what was done as data."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.remedy import Proof, Recipe
from assay.core.table import Table
from assay.core.writing import replacing
from assay.tables.rewrite import Change, Rewritten

from .repair import Plan


@dataclass(frozen=True)
class Fixed:
    """``doc`` is JSON: repairs with their proofs, changes by column, totals. ``arrow`` is the repaired table where it
    was made in memory; ``recipe`` replays on other tables (``assay fix --recipe``)."""

    doc: Mapping[str, Any]
    recipe: Mapping[str, Any]
    arrow: Any = None

    def to_pandas(self) -> Any:
        """The repaired table as a pandas DataFrame."""
        return self.arrow.to_pandas()

    def save_recipe(self, path: str | os.PathLike[str]) -> Path:
        """Write the recipe as JSON, beside and renamed."""
        text = json.dumps(self.recipe, ensure_ascii=False, indent=1)
        return replacing(Path(path), lambda beside: beside.write_text(text, "utf-8"))

    def __str__(self) -> str:
        from assay.report.fixed import fixed_text

        return fixed_text(self.doc)


def fix_doc(made: Plan, done: Rewritten) -> dict[str, Any]:
    """What was (or would be) done, as JSON."""
    changes = iter(done.changes)
    repairs = [
        {
            "code": r.finding.code, "name": r.finding.name, "severity": r.finding.severity,
            "columns": list(r.finding.columns), "message": r.finding.message, "says": r.remedy.says,
            "where": r.remedy.where, "safety": r.remedy.safety, "ops": [op.to_json() for op in r.remedy.ops],
            "proof": proof_doc(r.proof), "applied": not r.waits, "waits": r.waits,
            "changes": [] if r.waits else changes_doc(next(changes)),
        }
        for r in made.repairs
    ]  # fmt: skip
    together = proof_doc(made.together) if made.together is not None else None
    return done_doc(made.subject.table, done, repairs) | {"findings": len(made.report.findings), "together": together}


def replay_doc(recipe: Mapping[str, Any], table: Table, done: Rewritten) -> dict[str, Any]:
    """What a saved recipe did to another table, in the same form."""
    changes, steps = iter(done.changes), Recipe.from_json(recipe)
    repairs = [
        {
            "code": step["code"], "name": "", "says": step["says"], "safety": step["safety"], "ops": step["ops"],
            "proof": step["proof"], "applied": True, "waits": "", "changes": changes_doc(next(changes)),
        }
        for i, step in enumerate(recipe["steps"])
        if steps.replays(i)
    ]  # fmt: skip
    return done_doc(table, done, repairs) | {"findings": 0, "together": None}


def done_doc(table: Table, done: Rewritten, repairs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "kind": "fix",
        "table": {"name": table.name, "rows": table.n_rows, "columns": len(table.columns), "data_digest": table.digest},
        "made": {"rows": done.rows_out, "columns": len(done.columns), "cells": done.undone},
        "repairs": list(repairs),
    }


def changes_doc(changes: Mapping[str, Change]) -> list[dict[str, Any]]:
    return [{"column": c.column, "cells": c.cells, "examples": c.examples()} for c in changes.values() if c.cells]


def proof_doc(proof: Proof) -> dict[str, Any]:
    return {
        "kind": proof.kind, "state": proof.state, "unit": proof.unit, "before": proof.before, "after": proof.after,
        "gain": proof.gain, "interval": list(proof.interval) if proof.interval else None, "n": proof.n,
        "why": proof.why,
    }  # fmt: skip
