"""The real tables of ../shared/data, whose faults are counted there; a test that needs one skips where it is absent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay.audit.opening import open_subject
from assay.core.subject import Subject
from assay.testing import judge

FOLDER = Path(__file__).parents[2] / "../shared/data"


def real(name: str, target: str | None = None, **roles: Any) -> Subject:
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"{name} is not here")
    return open_subject(str(path), target=target, roles=roles, cache=False)


def stands(module: Any, subject: Subject) -> list[Any]:
    """The claims that stand."""
    made = judge(module, subject)
    assert made.run.error is None, made.run.error
    return [claim for claim, _ in made.decision.stands]


def said(module: Any, subject: Subject) -> str:
    return "\n".join(claim.says for claim in stands(module, subject))
