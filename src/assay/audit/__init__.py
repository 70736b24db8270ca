"""From claims to findings: discovery, running, multiplicity, ranking and the trial of remedies."""

from __future__ import annotations

from .catalogue import catalogue
from .check import check
from .opening import open_subject
from .trial import trial

__all__ = ["catalogue", "check", "open_subject", "trial"]
