"""From a fit and its reports to a Model: the dossier, the lineage and the rows that the file is checked on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from assay.core.errors import BundleError
from assay.core.settings import Settings
from assay.core.subject import BUILD, CHOOSE, JUDGE, Subject
from assay.core.table import SampleSpec
from assay.core.versions import versions
from assay.fit.fitted import Fitted
from assay.fit.resources import Resources
from assay.fit.sweep import sweep
from assay.fit.telling import telling
from assay.report.document import Report

from .classes import class_type_of
from .layout import name_from
from .model import Model
from .native import native_output
from .parity import MOST_ROWS
from .runs import run_of
from .write import build

PACKAGES = ("assay", "lightgbm", "numpy", "onnx", "onnxruntime", "scikit-learn")
EXTRAS = ("xgboost-cpu", "catboost", "optuna")  # where installed: the race had their families


def make(
    subject: Subject, fitted: Fitted, report: Report, evidence: Report, settings: Settings, used: Resources,
    understanding: Mapping[str, Any] | None = None,
) -> Model:  # fmt: skip
    """Pack a fit with the report of its table and, in ``evidence``, the report on the model itself.

    ``used`` is what the run took so far, ``understanding`` what ``fit.understanding`` made of it.

    Raises:
        BundleError: the graph differs from the trained model by more than 1e-4.
    """
    on_model = evidence.to_json()
    model = model_part(fitted) | {
        "findings": [f for f in on_model["findings"] if f["code"].startswith("M")],
        "verdicts": [v for v in on_model["verdicts"] if v["code"].startswith("M") and v["verdict"] != "skipped"],
        "understanding": plain(understanding or {}),
        "resources": used.to_doc(),
    }
    doc = {"kind": "fit", "report": report.to_json(), "model": model, "cpu_seconds": round(used.cpu_seconds, 1)}
    made = pack_fitted(subject, fitted, settings, doc)
    if not settings.constraints.named:
        return made
    return pack_fitted(subject, fitted, settings, {**doc, "model": model | held(made, subject, fitted, settings)})


def held(made: Model, subject: Subject, fitted: Fitted, settings: Settings) -> dict[str, Any]:
    """What the dossier says of the constraints, checked on the graph that is shipped.

    Raises:
        BundleError: the graph goes against a direction.
    """
    asked, rows = settings.constraints, subject.table.sample(SampleSpec(n=settings.sample_rows))
    used = [column for column, _ in fitted.assembly.spec.columns]
    swept = sweep(made, rows, fitted.recipe.ops(), {c: s for c, s in asked.monotone.items() if c in used})
    what = f"the probability of {fitted.classes[1]}" if fitted.task == "binary" else "the prediction"
    if bad := next((s for s in swept if s.breaks), None):
        raise BundleError(f"the model cannot be shipped: {bad.says(what)}, by up to {bad.worst:.3g}")
    told = telling(rows, asked.without, used)
    limits = [*fitted.notes, *(s.says(what) for s in swept), *(t.says for t in told)]
    return {"limits": limits, "constraints": asdict(asked) | {"swept": [asdict(s) for s in swept]}}


def pack_fitted(subject: Subject, fitted: Fitted, settings: Settings, doc: Mapping[str, Any] | None = None) -> Model:
    """Pack a fit alone: schema from a sample of the raw rows, parity on rows that were judged."""
    assembly, roles = fitted.assembly, subject.roles
    target = roles.target.column if roles.target else None
    rows = subject.table.sample(SampleSpec(n=settings.sample_rows))
    held = rows.take(np.flatnonzero(subject.partition.part(rows) == JUDGE)[:MOST_ROWS])
    if held.n == 0:
        held = rows.take(np.arange(min(rows.n, MOST_ROWS)))
    parts = np.bincount(fitted.predictions.part[fitted.predictions.part >= 0], minlength=3)
    lineage = {
        "data": subject.table.name,
        "data_digest": subject.table.digest,
        "rows": subject.table.n_rows,
        "rows_fitted": fitted.rows,
        "seed": fitted.seed,
        "versions": versions(PACKAGES + EXTRAS),
    }
    document = dict(doc or {"kind": "fit", "report": None, "model": model_part(fitted)})
    if "resources" in document["model"]:
        lineage["resources"] = document["model"]["resources"]
        lineage["run"] = run_of(subject, fitted, settings)
    counted = {"build": int(parts[BUILD]), "choose": int(parts[CHOOSE]), "judge": int(parts[JUDGE])}
    flat = {k: v for k, v in lineage.items() if not isinstance(v, dict)}
    document["model"] = dict(document["model"]) | {"rows": counted, "lineage": flat}
    return build(
        assembly,
        fitted.recipe,
        plain(document),
        samples=rows,
        held_out=held,
        native=native_output(assembly, fitted.recipe.ops(), held),
        lineage=lineage,
        target=target,
        trained_on=subject.table.digest,
        class_type=class_type_of(fitted.classes, subject.table.column(target).storage if target else ""),
        name=settings.run.name or name_from(subject.table.name),
        version=settings.run.version or "0.1.0",
    )


def model_part(fitted: Fitted) -> dict[str, Any]:
    """The model's own part of the dossier (keys as ``report.dossier`` reads them)."""
    c = fitted.conformal
    return {
        "task": fitted.task,
        "predicts": fitted.assembly.aim.word,
        "decision": {} if fitted.decision is None else asdict(fitted.decision) | {"says": fitted.decision.says},
        "classes": list(fitted.classes),
        "features": [column for column, _ in fitted.assembly.spec.columns],  # raw: what a row must have
        "left_out": dict(fitted.left_out),
        "scores": [asdict(s) for s in fitted.scores],
        "candidates": [asdict(r) | {"se": r.gap_error, "folds": r.folds_done} for r in fitted.candidates],
        "shipped": {"which": fitted.shipped, "label": fitted.label, "split": fitted.split_says},
        "calibration": asdict(fitted.calibration),
        "coverage": {
            "nominal": c.coverage,
            "method": c.method,
            "size": c.size,
            "by_class": [
                {
                    "class": r.of,
                    "n": r.n,
                    "realised": r.hits / r.n if r.n else None,
                    "lo": r.interval[0],
                    "hi": r.interval[1],
                }
                for r in c.realised
            ],
        },
        "budget": {
            "seconds": fitted.budget,
            "cpu_seconds": round(fitted.cpu_seconds, 1),
            "finished": fitted.finished,
            "reproducible": fitted.reproducible,
        },
        "recipe": fitted.recipe.to_json()["steps"],
        "bounds": [b.to_doc() for b in fitted.bounds],
        "pareto": [asdict(p) for p in fitted.pareto],
        "forecast": fitted.forecast.to_doc() if fitted.forecast else {},
        "limits": list(fitted.notes),
    }


def plain(doc: Any) -> Any:
    """Data as JSON can hold it: numpy scalars as Python's, what is not finite as null."""
    if isinstance(doc, Mapping):
        return {str(k): plain(v) for k, v in doc.items()}
    if isinstance(doc, (list, tuple, set, frozenset)):
        return [plain(v) for v in doc]
    if isinstance(doc, np.ndarray):
        return plain(doc.tolist())
    if isinstance(doc, np.generic):
        doc = doc.item()
    if isinstance(doc, float):
        return doc if math.isfinite(doc) else None
    return doc if doc is None or isinstance(doc, (bool, int, str)) else str(doc)
