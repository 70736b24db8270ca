"""What a variant costs: bytes, answers, losses and time of two graphs on the same rows, the file's own first."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import SettingsError
from assay.core.table import F64

from . import golden
from .archive import from_lines
from .feed import Feed
from .layout import GRAPH, ROWS
from .model import Model
from .session import Session

ROUNDS = 400


def spread(output: F64, classes: bool) -> float:
    """What a change is measured in: 1 for probabilities, the standard deviation for values."""
    return 1.0 if classes else float(output.std()) or max(1.0, float(np.abs(output).max()))


def measured(model: Model, small: bytes, feed: Feed, truth: list[str] | None) -> dict[str, Any]:
    """The record. ``truth`` may be empty where a target is not known."""
    own, other = model._session, Session(small, model._schema)
    first, second = (np.asarray(s.run(feed), np.float64) for s in (own, other))
    change = np.abs(first - second)
    record: dict[str, Any] = {
        "of": hashlib.sha256(model._files[GRAPH]).hexdigest(),
        "rows": len(first),
        "bytes": [len(model._files[GRAPH]), len(small)],
        "unit": "probability" if model.classes else "spread of the values",
        "unit_size": spread(first, bool(model.classes)),
        "worst_change": float(change.max()),
        "mean_change": float(change.mean()),
    }
    if model.classes:
        labels = [s.run(feed, "label") for s in (own, other)]
        record["labels_changed"] = float((labels[0] != labels[1]).mean())
        record["mean_probability"] = [first.mean(0).tolist(), second.mean(0).tolist()]
    if truth is not None:
        record |= _losses(model, (first, second), truth, [s.run(feed, "set") for s in (own, other)])
    for size, key in ((1, "microseconds_one_row"), (1000, "microseconds_1000_rows")):
        record[key] = [_time(s, feed, size) for s in (own, other)]
    rows = from_lines(model._files[ROWS], ROWS)
    record["golden"] = np.asarray(other.run(golden.feed_of(rows, model._schema)), np.float64).tolist()
    return record


def _losses(model: Model, outputs: Sequence[F64], truth: list[str], sets: Sequence[NDArray[Any]]) -> dict[str, Any]:
    there = np.array([t != "" for t in truth])
    truth = [t for t in truth if t != ""]
    outputs, sets = [o[there] for o in outputs], [s[there] for s in sets]
    if not truth:
        return {}
    if not model.classes:
        y = np.array([float(t) for t in truth])
        inside = [float(((s[:, 0] <= y) & (y <= s[:, 1])).mean()) for s in sets]
        return {"mean_squared_error": [float(((o[:, 0] - y) ** 2).mean()) for o in outputs], "coverage": inside}
    known = {c: k for k, c in enumerate(model.classes)}
    if unknown := sorted(set(truth) - set(known)):
        raise SettingsError(f"a target must be one of {', '.join(model.classes[:6])}; got {unknown[0]!r}")
    at: NDArray[np.int64] = np.array([known[t] for t in truth])
    every = np.arange(len(at))
    shares = np.bincount(at, minlength=len(known)) / len(at)
    return {
        "accuracy": [float((o.argmax(1) == at).mean()) for o in outputs],
        "log_loss": [float(-np.log(np.clip(o[every, at], 1e-7, 1.0)).mean()) for o in outputs],
        "calibration_gap": [float(np.abs(o.mean(0) - shares).max()) for o in outputs],
        "coverage": [float(s.astype(bool)[every, at].mean()) for s in sets],
    }


def _time(session: Session, feed: Feed, rows: int) -> float:
    """CPU microseconds of a call with so many rows, the median over rounds."""
    n = len(next(iter(feed.values())))
    rounds = max(3, ROUNDS // (1 if rows == 1 else 20))
    parts = [session.split({k: np.take(v, np.arange(i, i + rows) % n, axis=0) for k, v in feed.items()})
             for i in range(rounds)]  # fmt: skip
    spent = []
    for numbers, texts in parts:
        start = time.process_time_ns()
        session.outputs([session.main], numbers, texts)
        spent.append((time.process_time_ns() - start) / 1e3)
    return round(float(np.median(spent)), 1)
