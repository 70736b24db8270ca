"""The forms in which /predict and /explain take rows, and the options of their query."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from .decode import Batch, Decoder, says
from .http import FieldError, Refused
from .limits import check_once

MOST_REASONS = 10
MOST_EXPLAINED = 16  # rows in one request: each costs the graph hundreds of rows
EXPECTED = 'expected {"rows": [{column: value}]}, a list of rows, one row, or {"columns": {column: [values]}}'


def parsed(body: bytes) -> Any:
    """The JSON of a body.

    Raises:
        Refused: 400, with where it stops being JSON, or a name that stands twice. NaN and Infinity are no JSON.
    """
    import orjson

    if not body:
        raise Refused(400, f"the body is empty; {EXPECTED}")
    try:
        doc = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"the body is not JSON: {str(error)[:120]}") from None
    check_once(body, doc)
    return doc


def batch_of(doc: Any, decoder: Decoder) -> Batch:
    """The rows of a parsed body in any of the four forms.

    Raises:
        Refused: 400 none of the forms, 413 too many rows, 422 values that do not fit.
    """
    if isinstance(doc, list):
        return decoder.rows(doc)
    if not isinstance(doc, dict):
        raise Refused(400, f"{EXPECTED}; got {says(doc)}")
    for word, kind in (("rows", list), ("columns", dict)):
        if word in doc and word not in decoder.place:
            if not isinstance(doc[word], kind):
                raise Refused(400, f"{word} must be {'a list' if kind is list else 'an object'}; got {says(doc[word])}")
            if len(doc) > 1:
                more = next(k for k in doc if k != word)
                raise Refused(400, f"beside {word} nothing is read; got {more[:40]!r}: options go into the query")
            return decoder.rows(doc[word]) if kind is list else decoder.by_column(doc[word])
    return decoder.rows([doc])


def asked_rows(doc: Any) -> Any:
    """The rows as they were sent, for the log: a list of records, or columns."""
    if isinstance(doc, list):
        return doc
    return doc["rows"] if isinstance(doc.get("rows"), list) else doc.get("columns") or [doc]


def options(query: str, known: tuple[str, ...]) -> dict[str, str]:
    """The options of a query string.

    Raises:
        Refused: 400 an unknown one, or one twice.
    """
    if not query:
        return {}
    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=20) if query.count("&") < 20 else []
    found = dict(pairs)
    strange = [k for k in found if k not in known]
    if strange or len(found) < len(pairs) or not pairs:
        name = strange[0][:40] if strange else query[:40]
        raise Refused(400, f"the query may hold {' and '.join(known) or 'nothing'}, each once; got {name!r}")
    return found


def number(found: dict[str, str], name: str, low: int, high: int, default: int) -> int:
    """A whole number of the query.

    Raises:
        Refused: 400 it is none, or out of bounds.
    """
    text = found.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 6 and low <= int(text) <= high):
        reason = f"must be a whole number from {low} to {high}; got {text[:40]!r}"
        raise Refused(400, f"{name} {reason}", [FieldError(None, name, reason)])
    return int(text)


def share(found: dict[str, str], name: str) -> float | None:
    """A number between 0 and 1 of the query.

    Raises:
        Refused: 400 it is none.
    """
    text = found.get(name)
    if text is None:
        return None
    try:
        value = float(text)
        if not 0 < value < 1:
            raise ValueError
    except ValueError:
        reason = f"must lie between 0 and 1, such as 0.9; got {text[:40]!r}"
        raise Refused(400, f"{name} {reason}", [FieldError(None, name, reason)]) from None
    return value
