"""Score bars: how long a bar is, so that guessing has none and a perfect score fills the line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def bar_shares(scores: Sequence[Mapping[str, Any]]) -> list[float]:
    """Length of each bar, 0..1. AUC starts at one half, which is guessing; losses are drawn against the largest."""
    top = max((abs(s["value"] or 0.0) for s in scores), default=0.0) or 1.0
    out = []
    for s in scores:
        value, metric = s["value"] or 0.0, s["metric"]
        if "AUC" in metric:
            share = (value - 0.5) / 0.5
        elif "R2" in metric or (0 <= value <= 1 and "loss" not in metric and "error" not in metric):
            share = value
        else:
            share = abs(value) / top
        out.append(min(1.0, max(0.0, share)))
    return out


def bar_caption(scores: Sequence[Mapping[str, Any]]) -> str:
    metric = scores[0]["metric"] if scores else ""
    if "AUC" in metric:
        return "AUC: the chance that a true case is ranked above a false one. 0.5 is guessing, 1 is perfect."
    if "R2" in metric:
        return "R2: the share of the variation that is explained. 0 is guessing the mean, 1 is perfect."
    if "loss" in metric:
        return "Log-loss: how surprised the model is by the truth. Smaller is better."
    return ""
