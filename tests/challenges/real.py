"""The real tables of ../shared/data, whose faults are counted there; a test that needs one skips where it is absent."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from assay.audit.opening import open_subject
from assay.core.subject import Subject
from assay.testing import judge

FOLDER = Path(__file__).parents[2] / "../shared/data"


def real(name: str, target: str | None = None, **roles: Any) -> Subject:
    said = {role: tuple(v) if isinstance(v, list) else v for role, v in roles.items()}
    return opened(name, target, tuple(sorted(said.items())))


@lru_cache(maxsize=6)
def opened(name: str, target: str | None, roles: tuple[tuple[str, Any], ...]) -> Subject:
    """Opened once for tests in a row that ask of the same table: a subject is never changed, and its facts are kept."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"{name} is not here")
    return open_subject(str(path), target=target, roles=dict(roles), cache=False)


def stands(module: Any, subject: Subject) -> list[Any]:
    """The claims that stand."""
    made = judge(module, subject)
    assert made.run.error is None, made.run.error
    return [claim for claim, _ in made.decision.stands]


def said(module: Any, subject: Subject) -> str:
    return "\n".join(claim.says for claim in stands(module, subject))
