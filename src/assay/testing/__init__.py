"""For other people's tests: the contract of a challenge (``check_challenge``) and the clean ground it is run on."""

from .clean import clean_subject, clean_table, honest_predictions
from .contract import CLAUSES, Judged, bare_subject, check_challenge, judge, planted

__all__ = [
    "CLAUSES",
    "Judged",
    "bare_subject",
    "check_challenge",
    "clean_subject",
    "clean_table",
    "honest_predictions",
    "judge",
    "planted",
]
