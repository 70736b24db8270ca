"""What ``assay fix`` hands over: the repaired table, the recipe, and what was done as data."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.remedy import Proof
from assay.tables.rewrite import Rewritten

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
        out = Path(path)
        beside = out.with_name(f".{out.name}.{os.getpid()}")
        try:
            beside.write_text(json.dumps(self.recipe, ensure_ascii=False, indent=1), "utf-8")
            beside.replace(out)
        finally:
            beside.unlink(missing_ok=True)
        return out

    def __str__(self) -> str:
        from assay.report.fixed import fixed_text

        return fixed_text(self.doc)


def fix_doc(made: Plan, done: Rewritten) -> dict[str, Any]:
    """What was (or would be) done, as JSON."""
    changes = iter(done.changes)
    repairs = []
    for repair in made.repairs:
        own = next(changes) if not repair.waits else {}
        repairs.append({
            "code": repair.finding.code, "name": repair.finding.name, "severity": repair.finding.severity,
            "columns": list(repair.finding.columns), "message": repair.finding.message, "says": repair.remedy.says,
            "where": repair.remedy.where, "safety": repair.remedy.safety,
            "ops": [op.to_json() for op in repair.remedy.ops],
            "proof": proof_doc(repair.proof), "applied": not repair.waits, "waits": repair.waits,
            "changes": [
                {"column": c.column, "cells": c.cells, "examples": c.examples()} for c in own.values() if c.cells
            ],
        })  # fmt: skip
    table = made.subject.table
    return {
        "schema_version": 1,
        "kind": "fix",
        "table": {"name": table.name, "rows": table.n_rows, "columns": len(table.columns), "data_digest": table.digest},
        "made": {"rows": done.rows_out, "columns": len(done.columns), "cells": done.undone},
        "findings": len(made.report.findings),
        "repairs": repairs,
        "together": proof_doc(made.together) if made.together is not None else None,
    }


def proof_doc(proof: Proof) -> dict[str, Any]:
    return {
        "kind": proof.kind, "state": proof.state, "unit": proof.unit, "before": proof.before, "after": proof.after,
        "gain": proof.gain, "interval": list(proof.interval) if proof.interval else None, "n": proof.n,
        "why": proof.why,
    }  # fmt: skip
