"""The error tree. Every message is one sentence: what was expected, what came, what to do.

AssayError
    InputError        the table, file or value handed in cannot be used            exit 2
        RoleError     a role names a column that is missing or unfit               exit 2
    SettingsError     a setting, flag or code is unknown or malformed              exit 2
    OutputError       the output cannot be written; nothing half-written stays     exit 2
    BundleError       an .assay file is damaged, hostile or of another version     exit 2
    MissingExtra      an optional package is needed: the install command is named  exit 2
    FindingsError     findings stand at the level that the caller asked to raise   exit 1
    ChallengeError    a challenge broke its contract; the others still ran         exit 3
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AssayError(Exception):
    """Root of all errors that assay raises on purpose."""

    exit_code = 2

    def __init__(self, message: object = "") -> None:
        super().__init__(" ".join(str(message).split()))  # a column's name may hold line breaks; a sentence may not


class InputError(AssayError):
    """The table, file or value handed in cannot be used."""


class RoleError(InputError):
    """A role names a column that is missing or unfit."""


class SettingsError(AssayError):
    """A setting, flag or code is unknown or malformed."""


class OutputError(AssayError):
    """The output cannot be written."""


class BundleError(AssayError):
    """An .assay file is damaged, hostile or of another version."""


class MissingExtra(AssayError):
    """An optional package is needed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package {package}, which is not installed: pip install 'assay[{extra}]'")


class FindingsError(AssayError):
    """Findings stand at the level that the caller asked to raise for."""

    exit_code = 1


class ChallengeError(AssayError):
    """A challenge broke its contract."""

    exit_code = 3


class NotApplicable(Exception):
    """A challenge or probe cannot be asked of this subject; the message says why. Nobody made an error."""


def is_interrupt(error: BaseException) -> bool:
    """Whether it is Ctrl-C, which comes as an error of its own where DuckDB was at work."""
    return isinstance(error, KeyboardInterrupt) or str(error) in ("Query interrupted", "INTERRUPT Error: Interrupted!")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``" - did you mean X?"`` for the nearest known name, or an empty string."""
    pool = {k.casefold(): k for k in known}
    near = difflib.get_close_matches(name.casefold(), pool, n=1, cutoff=0.6)
    return f" - did you mean {pool[near[0]]}?" if near else ""
