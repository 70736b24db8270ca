"""What a model must keep to, whatever it would cost: directions, columns left out, and what may act together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from .errors import SettingsError, did_you_mean

ADDITIVE = "additive"


@dataclass(frozen=True, slots=True)
class Constraints:
    """What the user rules out. Columns are those of the table as it came.

    ``interactions`` are groups of columns that may act together, or ("additive",): each column alone. A column in no
    group acts alone.
    """

    increasing: tuple[str, ...] = ()  # the prediction never falls as these columns grow
    decreasing: tuple[str, ...] = ()  # the prediction never rises as these columns grow
    without: tuple[str, ...] = ()  # columns that the model must not use, nor anything made of them
    interactions: tuple[str, ...] = ()  # groups that may act together: "a, b" and "c, d"; or "additive"

    @property
    def monotone(self) -> dict[str, int]:
        """Column -> 1 where the prediction may only rise with it, -1 where it may only fall."""
        return {**dict.fromkeys(self.increasing, 1), **dict.fromkeys(self.decreasing, -1)}

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Columns that may act together; empty where none are named or each is to act alone."""
        return () if self.interactions == (ADDITIVE,) else tuple(columns_of(group) for group in self.interactions)

    @property
    def shapes(self) -> bool:
        """Whether they say something on how a model may use its columns, and not only on which."""
        return bool(self.increasing or self.decreasing or self.interactions)

    @property
    def named(self) -> dict[str, str]:
        """Every column that is named -> the option that names it."""
        said = {"--interactions": [c for group in self.groups for c in group]}
        said |= {f"--{name}": list(getattr(self, name)) for name in ("without", "decreasing", "increasing")}
        return {c: option for option, columns in said.items() for c in columns}


def columns_of(group: str) -> tuple[str, ...]:
    return tuple(c.strip() for c in group.split(",") if c.strip())


def read_constraints(value: Any, source: str = "settings") -> Constraints:
    """Read a mapping with the fields of ``Constraints``; a text may hold several columns (",") or groups (";").

    Raises:
        SettingsError: an unknown key, a value that is no text, or one column both ways.
    """
    if isinstance(value, Constraints):
        return checked(value, source)
    if not isinstance(value, Mapping):
        raise SettingsError(f"{source}: [constraints] must be a table; got {value!r}")
    known = [f.name for f in fields(Constraints)]
    made: dict[str, tuple[str, ...]] = {}
    for key, given in value.items():
        if key not in known:
            raise SettingsError(f"{source}: unknown key {key!r} in [constraints]{did_you_mean(key, known)}")
        made[key] = _groups(given, source) if key == "interactions" else _columns(key, given, source)
    return checked(Constraints(**made), source)


def checked(given: Constraints, source: str) -> Constraints:
    """The constraints, where they do not contradict each other.

    Raises:
        SettingsError: a column that must rise and fall, or be used in a way and not at all.
    """
    if both := sorted(set(given.increasing) & set(given.decreasing)):
        raise SettingsError(f"{source}: {both[0]!r} is named as increasing and as decreasing; it can be one of them")
    used = {*given.increasing, *given.decreasing, *(c for group in given.groups for c in group)}
    if both := sorted(used & set(given.without)):
        raise SettingsError(f"{source}: {both[0]!r} is both to be used in a certain way and to be left out")
    return given


def _texts(key: str, given: Any, source: str) -> list[str]:
    items = [given] if isinstance(given, str) else given
    if not isinstance(items, Sequence) or not all(isinstance(item, str) for item in items):
        raise SettingsError(f"{source}: {key} must name columns as text; got {given!r}")
    return list(items)


def _columns(key: str, given: Any, source: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(c for item in _texts(key, given, source) for c in columns_of(item)))


def _groups(given: Any, source: str) -> tuple[str, ...]:
    """Groups apart at ";": "a, b; c, d". A list of lists is taken too."""
    if not isinstance(given, str) and all(isinstance(item, (list, tuple)) for item in given):
        given = [",".join(_texts("interactions", item, source)) for item in given]
    parts = [",".join(columns_of(part)) for item in _texts("interactions", given, source) for part in item.split(";")]
    groups = tuple(dict.fromkeys(part for part in parts if part))
    if ADDITIVE in groups and len(groups) > 1:
        raise SettingsError(
            f"{source}: interactions are {ADDITIVE} (each column alone), or groups of columns; not both"
        )
    return groups
