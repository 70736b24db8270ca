"""Fitting under a budget: the race, the ensemble, what is judged and what is shipped."""

from __future__ import annotations

from .fitted import CalibrationRecord, Candidate, ConformalRecord, Coverage, Fitted
from .procedure import fit

__all__ = ["CalibrationRecord", "Candidate", "ConformalRecord", "Coverage", "Fitted", "fit"]
