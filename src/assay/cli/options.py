"""Options that several verbs share, and what they mean for settings and roles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.core.constraints import read_constraints
from assay.core.errors import SettingsError, did_you_mean
from assay.core.finding import SEVERITIES
from assay.core.settings import Ignore, Settings, read_settings
from assay.core.subject import SPLITS

ROLES, FIT, SHOWN, OUT = "What the columns are", "What is done", "What is shown", "Output"
ALIASES = {"time": "order"}
ROLE_NAMES = ("target", "order", "group", "id", "protected", "weight", "split", "site", "asked_at", "known", "unknown")


def flag(help: str, panel: str, *flags: str, metavar: str | None = None) -> Any:
    """An option: its help, the panel it stands in, its spellings (by default the parameter's name)."""
    return typer.Option(*flags, help=help, rich_help_panel=panel, metavar=metavar, show_default=False)


Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TABLE",
        help="CSV, TSV, JSON lines, Parquet, Arrow or Excel, .gz or .zst too; a glob; - for standard input; a folder "
        "of images, idx or npz.",
        show_default=False,
    ),
]
Bundle = Annotated[
    str, typer.Argument(metavar="MODEL", help="An .assay file, or a model of the registry: name@champion.")
]
Rows = Annotated[str, typer.Argument(metavar="TABLE", help="The rows to predict; - for standard input.")]
Target = Annotated[str | None, flag("What is predicted.", ROLES, "--target", metavar="COLUMN")]
Time = Annotated[str | None, flag("The order of rows: a column, or @row.", ROLES, "--time", metavar="COLUMN")]
Group = Annotated[str | None, flag("Whose rows belong together.", ROLES, "--group", metavar="COLUMN")]
Protected = Annotated[
    list[str] | None, flag("Who must not be treated worse; may be repeated.", ROLES, "--protected", metavar="COLUMN")
]
RoleWords = Annotated[
    list[str] | None, flag("Any other role: id, weight, split, site ...", ROLES, "--role", metavar="ROLE=COLUMN")
]
AskedAt = Annotated[
    str | None, flag("The moment at which the question is asked.", ROLES, "--asked-at", metavar="COLUMN")
]
Known = Annotated[list[str] | None, flag("Columns that are known by then.", ROLES, "--known", metavar="COLUMN,...")]
Unknown = Annotated[list[str] | None, flag("Columns that are not.", ROLES, "--unknown", metavar="COLUMN,...")]
Split = Annotated[
    str | None,
    flag("What separates the rows that judge: time, group, site, column or random.", ROLES, "--split", metavar="BY"),
]
Look = Annotated[str | None, flag("Why a locked test is opened: the look is counted.", FIT, "--look", metavar="REASON")]
Seed = Annotated[int | None, flag("Same seed, same bytes.  (default: 0)", FIT, "--seed")]
NoCache = Annotated[bool, flag("Keep no landed copy of a text file.", FIT, "--no-cache")]
Quiet = Annotated[bool, flag("No progress and no notes.", OUT, "--quiet", "-q")]


def roles_from(words: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
    """Read ``ROLE=COLUMN`` words.

    Raises:
        SettingsError: no ``=``, or an unknown role; the nearest is named.
    """
    out: dict[str, tuple[str, ...]] = {}
    for word in words or ():
        role, equals, column = word.partition("=")
        name = ALIASES.get(role.strip(), role.strip().replace("-", "_"))
        if not equals or not column:
            raise SettingsError(f"--role must be ROLE=COLUMN; got {word!r}")
        if name not in ROLE_NAMES:
            near = did_you_mean(name, (*ROLE_NAMES, *ALIASES))
            raise SettingsError(f"--role must name one of {', '.join(ROLE_NAMES)}; got {role!r}{near}")
        out[name] = (*out.get(name, ()), column)
    return out


def listed(values: Sequence[str] | None) -> tuple[str, ...]:
    """Values of an option that may be repeated and may hold commas."""
    return tuple(v.strip() for value in values or () for v in value.split(",") if v.strip())


def settings_from_flags(
    *,
    seed: int | None = None,
    budget: float | None = None,
    select: Sequence[str] = (),
    extend_select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    fail_on: str | None = None,
    split: str | None = None,
) -> Settings:
    """The settings of this folder with the flags on top.

    Raises:
        SettingsError: an unknown code, level or number; the nearest is named.
    """
    settings = read_settings(Path.cwd())
    changes: dict[str, Any] = {}
    if seed is not None:
        changes["seed"] = seed
    if budget is not None:
        if budget <= 0:
            raise SettingsError(f"--budget must be a number of CPU seconds above 0; got {budget:g}")
        changes["budget"] = budget
    if split is not None:
        if split not in SPLITS:
            raise SettingsError(
                f"--split must be one of {', '.join(SPLITS)}; got {split!r}{did_you_mean(split, SPLITS)}"
            )
        changes["split"] = split
    if fail_on is not None:
        levels = (*SEVERITIES, "never")
        if fail_on not in levels:
            near = did_you_mean(fail_on, levels)
            raise SettingsError(f"--fail-on must be one of {', '.join(levels)}; got {fail_on!r}{near}")
        changes["fail_on"] = fail_on
    chosen = (*(select or settings.select), *extend_select)
    if chosen or ignore:
        from assay.audit.catalogue import catalogue, expand

        expand((*chosen, *ignore), catalogue(settings.checks))
        changes["select"] = tuple(chosen)
        changes["ignore"] = (*settings.ignore, *(Ignore(code, "--ignore on the command line") for code in ignore))
    return replace(settings, **changes)


def constrained_by(settings: Settings, **said: str | Sequence[str] | None) -> Settings:
    """The settings with the constraints of the command line in place of those of the file, each by itself.

    Raises:
        SettingsError: they contradict each other.
    """
    given = {name: value for name, value in said.items() if value}
    if not given:
        return settings
    made = read_constraints(asdict(settings.constraints) | given, "--" + next(iter(given)))
    return replace(settings, constraints=made)


def source_of(sources: Sequence[str] | None) -> str | list[str]:
    """One path, or several as the shell spread them.

    Raises:
        SettingsError: none.
    """
    if not sources:
        raise SettingsError("a table is needed: name a file, a glob, or - for standard input")
    return sources[0] if len(sources) == 1 else list(sources)
