"""Every challenge of the catalogue keeps every clause of the contract.

Challenges that train models train some for every table: their clauses over many or large tables are run on fewer here,
and on all of them by ``make prove``.
"""

from __future__ import annotations

import inspect

import pytest

from assay.audit.catalogue import catalogue, probes
from assay.testing import CLAUSES

FEWER = {"silent": 3, "finds": 2}  # tables of a challenge that trains models
LARGE = "bounded"  # measures 40,000 rows


def asked(names: list[str]) -> set[str]:
    """These probes and all that they are made of."""
    known, found = probes(), set()
    while names:
        name = names.pop()
        if name in known and name not in found:
            found.add(name)
            names += list(inspect.signature(known[name].make).parameters)
    return found


def trains(code: str) -> bool:
    module = catalogue()[code]
    if module.CHALLENGE.stage == "model":
        return True
    return any(probes()[name].cost == "fit" for name in asked(list(inspect.signature(module.measure).parameters)))


CODES = list(catalogue())
TRAINING = [code for code in CODES if trains(code)]


NOW = [(code, clause) for code in CODES for clause in CLAUSES if clause != LARGE or code not in TRAINING]


@pytest.mark.parametrize(("code", "clause"), NOW)
def test_contract(code: str, clause: str):
    few = {"seeds": FEWER[clause]} if code in TRAINING and clause in FEWER else {}
    CLAUSES[clause](catalogue()[code], **few)


@pytest.mark.slow
@pytest.mark.parametrize("clause", [*FEWER, LARGE])
@pytest.mark.parametrize("code", TRAINING)
def test_contract_on_all_tables(code: str, clause: str):
    CLAUSES[clause](catalogue()[code])
