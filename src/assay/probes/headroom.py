"""What a short search would win over the model, on rows that took part in neither: M02 and M04 say why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from assay.core.claim import About, Claim, Effect, Impact
from assay.core.subject import Predictions
from assay.core.table import F64, Mask
from assay.stats.ratios import ratio_above, ratio_interval

from .flexible import Flexible
from .judged import Judged

FEWEST = 30  # rows of a part below which no mean is compared


def headroom(
    judged: Judged, flexible: Flexible, most: float, says: str, *, counts: bool, more: Mapping[str, Any]
) -> Iterator[Claim]:
    """One claim: the share of the naive loss that the winner of the search saves on the judged rows.

    ``counts`` is False where the other challenge has the cause; the claim is then yielded with an effect of at most 0,
    so that its page can say clear. ``says`` may hold {least}, the rival's loss. Nothing where too few rows are judged.
    """
    fresh = judged.judge
    if not judged.enough(fresh):
        return
    own, rival = judged.quadratic()[fresh], judged.quadratic(flexible.output)[fresh]
    usual = judged.quadratic(judged.usual())[fresh]
    here, there = judged.by_unit(fresh, own - rival), judged.by_unit(fresh, usual)
    saved = float((own - rival).mean()) / max(float(usual.mean()), 1e-12)
    bars = {"the model": float(own.mean()), flexible.name: float(rival.mean()), "the usual answer": float(usual.mean())}

    def bound(alpha: float) -> tuple[float, float]:
        lo, hi = ratio_interval(here, there, alpha)
        return (lo, hi) if counts else (min(lo, 0.0), min(hi, 0.0))

    yield Claim(
        About(comparison=f"model against {flexible.name}"),
        Effect(saved if counts else min(saved, 0.0), "share of naive loss", most, bound),
        "test",
        says.format(least=float(rival.mean()), own=float(own.mean())),
        len(fresh),
        p=ratio_above(here, there, most) if counts else 1.0,
        family="challenge",
        impact=Impact("costs", saved, ratio_interval(here, there, 0.05), "share of naive loss"),
        evidence={
            "rival": flexible.name,
            "tried": flexible.tried,
            "rows_learned": flexible.rows,
            "units": judged.units,
            **more,
            "chart": {
                "kind": "bars", "title": "Loss on the judged rows", "x": list(bars), "y": list(bars.values()),
                "x_title": "", "y_title": "loss per row",
            },
        },
    )  # fmt: skip


def pulled(given: Predictions, dose: float, known: Mask) -> F64:
    """The outputs ``dose`` of the way to the class shares, or the mean, of the rows ``known``."""
    if given.output.ndim == 2:
        usual = np.bincount(given.y[known].astype(int), minlength=given.output.shape[1]) / known.sum()
    else:
        usual = np.asarray(given.y[known].mean())
    return np.asarray((1 - dose) * given.output + dose * usual)
