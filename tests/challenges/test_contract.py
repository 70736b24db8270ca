"""Every challenge of the catalogue keeps every clause of the contract.

Challenges that judge a model train some for every table: their clauses over many tables are run on fewer here, and on
all of them by ``make prove``.
"""

from __future__ import annotations

import pytest

from assay.audit.catalogue import catalogue
from assay.testing import CLAUSES

FEWER = {"silent": 3, "finds": 2}  # tables of a challenge that trains models


def trains(code: str) -> bool:
    return catalogue()[code].CHALLENGE.stage == "model"


@pytest.mark.parametrize("clause", list(CLAUSES))
@pytest.mark.parametrize("code", list(catalogue()))
def test_contract(code: str, clause: str):
    if trains(code) and clause in FEWER:
        CLAUSES[clause](catalogue()[code], seeds=FEWER[clause])
    else:
        CLAUSES[clause](catalogue()[code])


@pytest.mark.slow
@pytest.mark.parametrize("clause", list(FEWER))
@pytest.mark.parametrize("code", [code for code in catalogue() if trains(code)])
def test_contract_on_all_tables(code: str, clause: str):
    CLAUSES[clause](catalogue()[code])
