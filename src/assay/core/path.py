"""Settings of the way to production: ``[run]``, what ``assay run`` makes of which table, and ``[watch]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from .errors import SettingsError, did_you_mean

STOPS = ("critical", "warning", "advice", "never")


@dataclass(frozen=True, slots=True)
class Run:
    """What ``assay run`` does, from the table to the registry. Paths begin at the folder of the settings.

    Only ``data`` and ``target`` are needed. What is not named is not done: no table is repaired for people, none is
    cut, nothing is signed. A key is a path; its password comes from $ASSAY_KEY_PASSWORD, never from here.
    """

    data: str = ""  # the table: a file, a glob, or a folder that assay split wrote
    target: str = ""  # the column that is predicted
    name: str = ""  # of the model; empty: that of the table
    version: str = ""  # of the model, such as 1.2.0; empty: 0.1.0, and the registry counts on from there
    output: str = ""  # the model; empty: NAME.assay
    report: str = ""  # the dossier as a page, .html, .md or .json; empty: none
    check: str = ""  # the report of the check; empty: none is kept
    fixed: str = ""  # the repaired table, for people; the model repairs what it is given itself; empty: none
    parts: str = ""  # a folder for train, valid and a locked test; the fit then learns without the test; empty: none
    stop_on: str = "never"  # severity of the check's findings from which the run stops
    unsafe: bool = False  # proven repairs that change what is recorded, too
    keep: tuple[str, ...] = ()  # columns that stay although they are protected or suspected of a leak
    key: str = ""  # private key that signs the model; empty: it is not signed
    public_key: str = ""  # public key that it must be signed with; assay status asks for it
    alias: str = "challenger"  # what the new version is called in the registry; champion is for people to say


@dataclass(frozen=True, slots=True)
class Watch:
    """What is agreed on for the time after: kept in the dossier of every model that is fitted under it."""

    alarm: str = ""  # who is told when something moves
    truth_after: float = 0.0  # days until the true outcome of a prediction is known; 0: not said
    review: str = ""  # the day (ISO) on which somebody looks again, whatever the alarms say


Table = TypeVar("Table", Run, Watch)


def read_table(kind: type[Table], value: Any, source: str) -> Table:
    """``[run]`` or ``[watch]`` from a mapping.

    Raises:
        SettingsError: an unknown key, or a value of the wrong type; the nearest key is named.
    """
    name = kind.__name__.lower()
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise SettingsError(f"{source}: [{name}] must be a table; got {value!r}")
    known = {f.name: f for f in fields(kind)}
    made: dict[str, Any] = {}
    for key, given in value.items():
        field = known.get(key.replace("-", "_"))
        if field is None:
            raise SettingsError(f"{source}: unknown key {key!r} in [{name}]{did_you_mean(key, known)}")
        usual = field.default
        if isinstance(usual, tuple) and isinstance(given, (str, list, tuple)):
            given = (given,) if isinstance(given, str) else tuple(map(str, given))
        if isinstance(usual, float) and isinstance(given, int) and not isinstance(given, bool):
            given = float(given)
        if type(given) is not type(usual):
            kinds = {"str": "text", "bool": "true or false", "float": "a number", "tuple": "a list of texts"}
            raise SettingsError(f"{source}: {key} in [{name}] must be {kinds[type(usual).__name__]}; got {given!r}")
        made[field.name] = given
    out = kind(**made)
    if isinstance(out, Run) and out.stop_on not in STOPS:
        raise SettingsError(
            f"{source}: stop_on in [run] must be {', '.join(STOPS[:-1])} or {STOPS[-1]}; got {out.stop_on!r}"
            f"{did_you_mean(out.stop_on, STOPS)}"
        )
    return out
