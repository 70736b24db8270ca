"""For other people's tests: ``assert_clean`` for data; ``check_challenge`` for challenges, and its clean ground.

Names load at use: pytest imports this room in every environment that has assay, for the fixture in ``plugin``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .clean import clean_subject, clean_table, honest_predictions
    from .contract import CLAUSES, Judged, bare_subject, check_challenge, judge, planted
    from .data import assert_clean

__all__ = [
    "CLAUSES",
    "Judged",
    "assert_clean",
    "bare_subject",
    "check_challenge",
    "clean_subject",
    "clean_table",
    "honest_predictions",
    "judge",
    "planted",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from . import clean, contract, data

        return next(getattr(room, name) for room in (data, clean, contract) if hasattr(room, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
