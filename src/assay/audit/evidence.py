"""What some challenges need besides the table: a trusted table, a population, a contract, a pipeline."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from assay.core.contract import Contract
from assay.core.errors import InputError, SettingsError
from assay.core.population import Margin
from assay.core.table import Table
from assay.tables import open_table, rules
from assay.tables.duck_table import DuckTable

from .margins import read_margins


def read(table: Table, *, trusted: Any, population: Any, contract: Any, cache: bool) -> dict[str, Any]:
    """The evidence that was named, by its key in ``Subject.evidence``.

    Raises:
        InputError: a file cannot be read, or has nothing to do with the table.
    """
    out: dict[str, Any] = {}
    if trusted is not None:
        out["trusted"] = open_table(trusted, cache=cache)
    if population is not None:
        out["population"] = population_of(population, table, cache)
    if contract is not None:
        out["contract"] = contract_of(contract, table)
    return out


def population_of(given: Any, table: Table, cache: bool) -> dict[str, Margin]:
    """The population by column, as ``margins.read_margins`` reads it."""
    return read_margins(given, table, cache)


def contract_of(given: Any, table: Table) -> Contract:
    """The contract that a mapping or a JSON file holds; its rules are evaluated, so that one that cannot be is said.

    Raises:
        InputError: there is no such file.  SettingsError: it is no contract, or a rule of it is no expression.
    """
    contract = given if isinstance(given, Contract) else Contract.from_json(*document(given))
    if isinstance(table, DuckTable):
        rules.held(table, [(r.name, r.sql) for r in contract.rules if r.sql is not None])
        for name in {c for r in contract.rules for c in r.determines}:
            if name not in {c.name for c in table.columns} | set(contract.columns):
                table.column(name)
    return contract


def document(given: Any) -> tuple[Any, str]:
    """The JSON of a contract, and what errors call it."""
    if not isinstance(given, (str, os.PathLike)):
        return given, "the contract"
    path = Path(given)
    try:
        return json.loads(path.read_text("utf-8")), path.name
    except OSError as error:
        raise InputError(f"the contract {path.name} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(
            f"the contract {path.name} must be JSON, as assay schema infer writes it: {error}"
        ) from None


def pipeline_of(given: Any) -> Callable[[Any, Any], Any]:
    """A function (X, y), a scikit-learn estimator (which is then cross-validated), or what ``module:name`` names.

    Raises:
        InputError: the module cannot be imported or has no such name.  SettingsError: it is neither of the two.
    """
    from assay.probes.own_pipeline import cross_validated

    from .own_code import named

    made = named(given, "--pipeline") if isinstance(given, str) else given
    if isinstance(made, type):
        raise SettingsError(
            f"a pipeline must be a function or an estimator; {made.__name__} is a class: make one of it"
        )
    if hasattr(made, "fit") and hasattr(made, "predict"):
        return cross_validated(made)
    if callable(made):
        pipeline: Callable[[Any, Any], Any] = made
        return pipeline
    raise SettingsError(
        f"a pipeline must be a function (X, y) or a scikit-learn estimator; got a {type(made).__name__}"
    )
