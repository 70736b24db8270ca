"""Whether a subject has what a challenge or probe needs, and if not, what is missing in plain words."""

from __future__ import annotations

from collections.abc import Iterable

from assay.core.challenge import Need
from assay.core.subject import Subject

MISSING: dict[Need, str] = {
    "target": "no target named (--target)",
    "binary": "the target does not have two classes",
    "classes": "the target is not a class",
    "regression": "the target is not a number",
    "order": "no time order named (--time)",
    "group": "no group named (--group)",
    "id": "no id column",
    "comparison": "no second table (--reference, --test, or a split column)",
    "model": "no model",
    "predictions": "no model or predictions",
    "sets": "no prediction sets",
    "pipeline": "no pipeline (--pipeline)",
    "making": "how the model was made is not known (assay fit knows)",
    "search": "neither is known how the model was made (assay fit knows) nor how often its test was looked at",
    "two-rows": "fewer than two rows",
    "feature": "no feature columns",
    "site": "no site named (--role site=COLUMN)",
    "text": "no column of free text",
    "trusted": "no trusted table to compare with (--trusted)",
    "population": "no reference population (--population)",
    "images": "not a set of images",
    "units": "no group, site or time order named (--group, --role site=COLUMN, --time)",
    "costs": "no costs named ([question] cost_false_alarm and cost_miss, or costs)",
}


def missing(subject: Subject, needs: Iterable[Need]) -> str | None:
    """Return why the needs are not met, or None where they are."""
    roles = subject.roles
    has: dict[Need, bool] = {
        "target": roles.target is not None,
        "binary": roles.target is not None and roles.task == "binary",
        "classes": roles.target is not None and roles.task in ("binary", "multiclass"),
        "regression": roles.target is not None and roles.task == "regression",
        "order": roles.order is not None,
        "group": roles.group is not None,
        "id": roles.id is not None,
        "comparison": bool(subject.comparisons),
        "model": subject.model is not None,
        "predictions": subject.predictions is not None,
        "sets": subject.predictions is not None and subject.predictions.sets is not None,
        "pipeline": subject.pipeline is not None,
        "making": "making" in subject.evidence,
        "search": bool({"making", "looks"} & set(subject.evidence)),
        "two-rows": subject.table.n_rows >= 2,
        "feature": bool(subject.features),
        "site": roles.site is not None,
        "text": any(c.kind == "text" for c in subject.table.columns),
        "trusted": "trusted" in subject.evidence,
        "population": "population" in subject.evidence,
        "images": "images" in subject.evidence,
        "units": any(role is not None for role in (roles.group, roles.site, roles.order)),
        "costs": "costs" in subject.evidence,
    }
    return next((MISSING[need] for need in needs if not has[need]), None)
