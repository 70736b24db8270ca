"""What a change of version means for whoever asks: columns that must be sent now, and answers of another kind."""

from __future__ import annotations

from typing import Any

from assay.bundle.archive import contents, from_json
from assay.bundle.layout import SCHEMA

SHOWN = 6


def for_callers(old: bytes, new: bytes) -> list[str]:
    """Sentences on what callers of one .assay file have to change for another; none where they need not.

    Raises:
        BundleError: one of them is damaged.
    """
    before, after = _asked(old), _asked(new)
    lacking = [c for c in after["order"] if c not in before["order"]]
    other = [c for c in after["order"] if c in before["order"] and _kind(after, c) != _kind(before, c)]
    out = []
    if lacking:
        out.append(f"callers must also send {_listed(lacking)}: without, they are refused")
    if other:
        out.append(f"{_listed(other)} must be sent as another kind of value")
    if after["classes"] != before["classes"]:
        out.append("it answers with other classes" if after["classes"] else "it answers with values, not classes")
    return out


def _asked(data: bytes) -> dict[str, Any]:
    asked = from_json(contents(data)[SCHEMA], SCHEMA)["x-assay"]
    return {"order": asked["order"], "columns": asked["columns"], "classes": asked.get("classes") or []}


def _kind(asked: dict[str, Any], column: str) -> str:
    kind = asked["columns"][column]["kind"]
    return "text" if kind in ("category", "text", "mixed") else str(kind)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
