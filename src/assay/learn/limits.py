"""Constraints on features, and which families of learners keep them.

A direction holds for each tree of a booster or forest (the library constrains its splits), hence for their sum; for a
linear model by the sign of a weight; and for every weighted mean of such models, for the link and for a recalibration
with a positive slope, since all of these only ever rise. What may act together is kept on the scale on which a model
adds up: log-odds for classes, the logarithm for a count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assay.core.aim import Aim
from assay.core.constraints import Constraints

from .families import FAMILIES
from .forms import EncoderSpec, Family, Term


@dataclass(frozen=True, slots=True)
class Limits:
    """``signs`` (features,): 1 where the prediction may only rise with the feature, -1 only fall, 0 free.
    ``together``: features that may act together, every feature in one set at least; empty where all may."""

    signs: tuple[int, ...] = ()
    together: tuple[tuple[int, ...], ...] = ()

    @property
    def directed(self) -> bool:
        return any(self.signs)

    def lightgbm(self) -> dict[str, Any]:
        """As parameters of LightGBM."""
        made: dict[str, Any] = {"monotone_constraints": list(self.signs)} if self.directed else {}
        return made | ({"interaction_constraints": [list(g) for g in self.together]} if self.together else {})

    def xgboost(self) -> dict[str, Any]:
        """As parameters of XGBoost: as text, else it looks for the names of features."""
        made: dict[str, Any] = {"monotone_constraints": f"({','.join(map(str, self.signs))})"} if self.directed else {}
        return made | ({"interaction_constraints": str([list(g) for g in self.together])} if self.together else {})

    def forest(self) -> dict[str, Any]:
        """As parameters of a scikit-learn tree or forest. A list: it turns the signs of an array in place, tree after
        tree (``DecisionTreeClassifier._fit``: ``monotonic_cst *= -1``)."""
        return {"monotonic_cst": list(self.signs)} if self.directed else {}


def limits_of(constraints: Constraints, spec: EncoderSpec) -> Limits | None:
    """The constraints as they bear on the features of an encoder; None where they do not.

    All features of one column act together; a direction is that of the column's number.
    """
    if not constraints.shapes:
        return None
    signs = tuple(constraints.monotone.get(f.column, 0) if f.how == "number" else 0 for f in spec.features)
    together: tuple[tuple[int, ...], ...] = ()
    if constraints.interactions:
        named = [set(group) for group in constraints.groups]
        alone = [{c} for c in dict.fromkeys(f.column for f in spec.features) if not any(c in g for g in named)]
        sets = [tuple(i for i, f in enumerate(spec.features) if f.column in group) for group in (*named, *alone)]
        together = tuple(s for s in sets if s)
    return Limits(signs, together) if any(signs) or together else None


def cannot_keep(family: Family, constraints: Constraints, aim: Aim) -> str:
    """Why a family cannot keep the constraints; empty where it can."""
    if constraints.interactions and not FAMILIES[family].groups:
        return "it cannot be told which columns may act together"
    if not constraints.monotone:
        return ""
    if not FAMILIES[family].directions:
        return "it cannot be told directions"
    if aim.kind == "quantile" and family != "linear":
        return "its leaves are set anew to the quantile, which LightGBM refuses beside a direction"
    if aim.kind == "count" and family in ("extra-trees", "tree"):
        return "its leaves are drawn towards the mean, against any direction"
    return ""


def bounds_of(limits: Limits, terms: Sequence[Term]) -> list[tuple[float | None, float | None]]:
    """(low, high) of the weight of each term of a linear model."""
    ends: dict[int, tuple[float | None, float | None]] = {1: (0.0, None), -1: (None, 0.0), 0: (None, None)}
    return [ends[limits.signs[t.feature] if t.kind == "number" else 0] for t in terms]
