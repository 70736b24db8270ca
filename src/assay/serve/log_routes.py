"""POST /label and POST /log: what turned out to be true, and predictions that something else made.

Both are answered once what they bring is synced to the disk; the answer's sequence number is its receipt.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from assay.core.errors import SettingsError

from .http import FieldError, Refused
from .keys import moment
from .limits import Limits
from .log import PredictionLog

LABEL_FORM = (
    '{"labels": [{"id": the id of the /predict answer, "row": 0, "label": ...}, {"row_id": your own id, "label": ...}]}'
)
LOG_FORM = '{"rows": [{column: value}], "predictions": [{"prediction": ...}], "row_ids"?, "model"?, "id"?, "at"?}'
MOST_TEXT = 256
LATEST = 253402300800.0  # the year 10000


def label(log: PredictionLog, doc: Any, caller: str, at: float, limits: Limits) -> Future[int]:
    """Keep labels: ``{"labels": [...]}``, a list of them, or one.

    Raises:
        Refused: 422 with the reason for each item; nothing of the request is kept.
    """
    items = doc.get("labels", [doc]) if isinstance(doc, Mapping) else doc
    if isinstance(doc, Mapping) and "labels" in doc and len(doc) > 1:
        raise Refused(422, f"/label takes {LABEL_FORM}")
    if not isinstance(items, list) or not items:
        raise Refused(422, f"/label takes {LABEL_FORM}")
    if len(items) > limits.rows:
        raise Refused(413, f"at most {limits.rows:,} labels are taken at a time; got {len(items):,}")
    wrong: list[FieldError] = []
    kept: list[dict[str, Any]] = []
    for k, item in enumerate(items):
        if (reason := _unfit(item)) is not None:
            wrong.append(FieldError(k, None, reason))
        elif "row_id" in item:
            kept.append({"id": str(item["row_id"]), "label": item["label"]})
        else:
            kept.append({"request_id": item["id"], "row": item.get("row", 0), "label": item["label"]})
    if wrong:
        raise Refused(422, f"{len(wrong)} of {len(items)} labels cannot be taken, so none was", wrong[:100])
    return log.label(caller, kept, at)


def _unfit(item: Any) -> str | None:
    if not isinstance(item, Mapping) or "label" not in item or ("id" in item) == ("row_id" in item):
        return 'an object with "label" and one of "id" and "row_id" was expected'
    if not set(item) <= {"id", "row", "row_id", "label"} or ("row_id" in item and "row" in item):
        return 'it has more than "id", "row" and "label", or "row_id" and "label"'
    if not _plain(item["label"]) or item["label"] is None:
        return "the label must be text, true or false, or a finite number"
    if "id" in item and not (isinstance(item["id"], str) and 0 < len(item["id"]) <= MOST_TEXT):
        return f'"id" must be text of at most {MOST_TEXT} characters, as the answer of /predict has it'
    row = item.get("row", 0)
    if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < 2**31:
        return '"row" must be a whole number from 0'
    own = item.get("row_id", "")
    if isinstance(own, bool) or not isinstance(own, (str, int)) or len(str(own)) > MOST_TEXT:
        return f'"row_id" must be text or a whole number of at most {MOST_TEXT} characters'
    return None


def _plain(value: Any) -> bool:
    """Text, true, false, null, or a finite number."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) < 2**63
    return value is None or isinstance(value, str)


def elsewhere(
    log: PredictionLog, doc: Any, caller: str, id: str, at: float, limits: Limits, columns: Sequence[str] | None = None
) -> Future[int]:
    """Keep predictions made elsewhere, with the rows that they are of.

    Raises:
        Refused: 422 where it is of another form; nothing is kept.
    """
    known = {"rows", "predictions", "row_ids", "model", "id", "at"}
    if not isinstance(doc, Mapping) or not set(doc) <= known or not {"rows", "predictions"} <= set(doc):
        raise Refused(422, f"/log takes {LOG_FORM}")
    rows, outputs, ids = doc["rows"], doc["predictions"], doc.get("row_ids")
    if not isinstance(rows, list) or not isinstance(outputs, list) or not rows or len(rows) != len(outputs):
        raise Refused(422, f"/log takes as many predictions as rows, at least one: {LOG_FORM}")
    if len(rows) > limits.rows:
        raise Refused(413, f"at most {limits.rows:,} rows are taken at a time; got {len(rows):,}")
    if ids is not None and (not isinstance(ids, list) or len(ids) != len(rows) or not all(map(_an_id, ids))):
        raise Refused(422, f'"row_ids" must be a list of {len(rows):,} texts or whole numbers')
    wrong = [
        FieldError(k, None, reason)
        for k, (row, output) in enumerate(zip(rows, outputs, strict=True))
        if (reason := _unfit_row(row, output)) is not None
    ]
    if wrong:
        raise Refused(422, f"{len(wrong)} of {len(rows)} rows cannot be taken, so none was", wrong[:100])
    model, own = doc.get("model", ""), doc.get("id", id)
    if not all(isinstance(t, str) and len(t) <= MOST_TEXT for t in (model, own)) or not own:
        raise Refused(422, f'"model" and "id" must be text of at most {MOST_TEXT} characters')
    return log.elsewhere(
        caller, own, rows, outputs, _when(doc.get("at", at)), model=model,
        ids=None if ids is None else [str(i) for i in ids], columns=columns,
    )  # fmt: skip


def _an_id(value: Any) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool) and len(str(value)) <= MOST_TEXT


def _unfit_row(row: Any, output: Any) -> str | None:
    if not isinstance(row, Mapping) or not all(map(_plain, row.values())):
        return "a row is an object of column and text, finite number, true, false or null"
    if not isinstance(output, Mapping) or not set(output) <= {"prediction", "probabilities", "set", "decision"}:
        return (
            'a prediction is an object with "prediction" and, where there are any, "probabilities", "set", "decision"'
        )
    if not _plain(output.get("prediction")) or output.get("prediction") is None:
        return '"prediction" must be text, true or false, or a finite number'
    shares = output.get("probabilities", {})
    if not isinstance(shares, Mapping) or not all(
        isinstance(v, (int, float)) and not isinstance(v, bool) and 0 <= v <= 1 for v in shares.values()
    ):
        return '"probabilities" must be an object of class and number between 0 and 1'
    members = output.get("set", [])
    if not isinstance(members, list) or not all(map(_plain, members)):
        return '"set" must be a list of classes, or the two ends of an interval'
    return None if isinstance(output.get("decision", ""), str) else '"decision" must be text'


def _when(value: Any) -> float:
    """Seconds since 1970, from themselves or an RFC 3339 moment."""
    try:
        at = moment(value) if isinstance(value, str) else value
    except (SettingsError, OverflowError):
        at = None
    if isinstance(at, bool) or not isinstance(at, (int, float)) or not 0 <= at < LATEST:
        raise Refused(422, '"at" must be seconds since 1970 or a moment such as 2027-01-31T12:00:00Z')
    return float(at)
