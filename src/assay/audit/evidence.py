"""What some challenges need besides the table: a trusted table, a population, a contract, a pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assay.core.errors import SettingsError
from assay.core.population import Margin
from assay.core.table import Table
from assay.tables import open_table

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


def contract_of(given: Any, table: Table) -> Any:
    """The contract as a mapping."""
    if isinstance(given, dict):
        return given
    raise SettingsError("a contract must be a mapping, as assay schema infer writes it")


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
