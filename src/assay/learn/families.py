"""The families of learners, and what is true of each: one table, so that a new family is one line and one file.

A family's module has ``train(config, data, run)``; those with ``foreseen`` also ``expected_seconds(config, data,
seed=)``, because they cannot be stopped while they train or cost far more than the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

from assay.core.aim import Aim

from .forms import Family


@dataclass(frozen=True, slots=True)
class Traits:
    """``module``: where it is trained. ``simplicity``: 0 is what a person reads at once. ``boosted``: practises with
    holes. ``quantiles`` and ``counts``: can be trained for them. ``groups`` and ``directions``: can be told which
    columns may act together, and which way. ``package``: what must be installed, empty where assay brings it."""

    module: str
    simplicity: int
    readable: bool = False
    boosted: bool = False
    quantiles: bool = False
    counts: bool = False
    groups: bool = False
    directions: bool = False
    foreseen: bool = False
    package: str = ""


# a leaf of a forest holds a mean, so a forest has no quantile
FAMILIES: dict[Family, Traits] = {
    "linear": Traits("linear", 0, readable=True, quantiles=True, counts=True, groups=True, directions=True),
    "tree": Traits("forests", 0, readable=True, counts=True, directions=True),
    "additive": Traits("boosting", 1, readable=True, boosted=True, quantiles=True, counts=True, groups=True,
                       directions=True),
    "lightgbm": Traits("boosting", 2, boosted=True, quantiles=True, counts=True, groups=True, directions=True),
    "xgboost": Traits("xgboosting", 2, boosted=True, groups=True, directions=True, package="xgboost"),
    "catboost": Traits("catboosting", 2, boosted=True, foreseen=True, package="catboost"),
    "network": Traits("network", 3, foreseen=True),
    "extra-trees": Traits("forests", 3, counts=True, directions=True, foreseen=True),
}  # fmt: skip


def can(family: Family, aim: Aim) -> bool:
    """Whether a family can be trained for ``aim``."""
    traits = FAMILIES[family]
    return {"quantile": traits.quantiles, "count": traits.counts}.get(aim.kind, True)
