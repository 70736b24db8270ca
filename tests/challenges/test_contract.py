"""Every challenge of the catalogue keeps every clause of the contract."""

from __future__ import annotations

import pytest

from assay.audit.catalogue import catalogue
from assay.testing import CLAUSES


@pytest.mark.parametrize("clause", list(CLAUSES))
@pytest.mark.parametrize("code", list(catalogue()))
def test_contract(code: str, clause: str):
    CLAUSES[clause](catalogue()[code])
