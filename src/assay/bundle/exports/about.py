"""What exports and pages say of a model, read from the file alone; what nobody filled in is shown as EMPTY."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.bundle.layout import name_from
from assay.bundle.model import Model

EMPTY = "EMPTY"
SERVICE_NAME = 50  # characters; a Kubernetes name has at most 63, and others are made from it


@dataclass(frozen=True)
class About:
    """A model in words. ``service`` is its name where only a-z, 0-9 and hyphens may stand (RFC 1123 labels)."""

    model: Model
    name: str
    version: str
    service: str

    @property
    def says(self) -> str:
        """What one prediction is, in a sentence."""
        model, target = self.model, self.model.target or "the target"
        if model.task == "regression":
            return f"a value of {target!r} for each row, from {len(model.columns)} columns"
        return f"one of {', '.join(model.classes)} as {target!r} for each row, from {len(model.columns)} columns"

    @property
    def part(self) -> Mapping[str, Any]:
        """The model's part of the dossier."""
        return self.model.dossier.get("model") or {}

    def question(self) -> list[tuple[str, str]]:
        """Label and answer of every field of the question; EMPTY where nobody answered."""
        from assay.report.words import QUESTION, question_rows

        report = self.model.dossier.get("report") or {}
        rows = question_rows(report) if report.get("question") else [(label, "") for _, label in QUESTION]
        return [(label, said or EMPTY) for label, said in rows]

    def scores(self) -> list[str]:
        """Each score with its interval and whose it is, the one to expect first."""
        out = []
        for score in sorted(self.part.get("scores") or [], key=lambda s: not s.get("headline")):
            between = score.get("interval")
            span = f" ({between[0]:.3g} to {between[1]:.3g})" if between else ""
            out.append(f"{score['metric']} {score['value']:.3g}{span} on {score['label']}")
        return out

    def limits(self) -> list[str]:
        """What the dossier says must not be forgotten."""
        from assay.report.dossier import model_limits, whose

        dossier = self.model.dossier
        if not dossier.get("model"):
            return []
        told = whose({"shipped": {}, **self.part})
        return ([f"The scores are those of the {told}"] if told else []) + model_limits(dossier)

    def left_out(self) -> list[tuple[str, str]]:
        return [(column, str(why)) for column, why in (self.part.get("left_out") or {}).items()]


def about(model: Model) -> About:
    """Name, version and words of a model."""
    name = str(model.manifest.get("name") or "model")
    service = re.sub(r"[^a-z0-9]+", "-", name_from(name).lower()).strip("-")[:SERVICE_NAME].strip("-") or "model"
    return About(model, name, str(model.manifest.get("version") or "0.1.0"), service)
