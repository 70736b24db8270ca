"""From claims to findings: discovery, running, multiplicity, ranking and the trial of remedies."""

from __future__ import annotations

from .catalogue import catalogue
from .check import check
from .fixed import fix_doc, replay_doc
from .opening import open_subject, with_model
from .repair import carry_out, gone_after, plan
from .replay import read_recipe, replay, undo
from .trial import trial

__all__ = [
    "carry_out",
    "catalogue",
    "check",
    "fix_doc",
    "gone_after",
    "open_subject",
    "plan",
    "read_recipe",
    "replay",
    "replay_doc",
    "trial",
    "undo",
    "with_model",
]
