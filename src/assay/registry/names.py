"""What models, versions and aliases may be called, and how one of them is referred to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from assay.core.errors import InputError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,62}")
DIGEST = re.compile(r"[0-9a-f]{6,64}")
_PART = r"(?:0|[1-9][0-9]*)"
_WORD = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
SEMVER = re.compile(
    rf"({_PART})\.({_PART})\.({_PART})(?:-({_WORD}(?:\.{_WORD})*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?", re.ASCII
)  # the grammar of semver.org 2.0.0
MOST = 100  # characters of a version


@dataclass(frozen=True, slots=True)
class Reference:
    """``name@alias``, ``name@1.2.0`` or ``name@sha256:ab12cd``: exactly one of the three is set."""

    name: str
    alias: str = ""
    version: str = ""
    digest: str = ""  # at least its first six characters


def read_reference(text: str) -> Reference:
    """Read a reference.

    Raises:
        InputError: it is none.
    """
    name, at, what = text.partition("@")
    if not at or not NAME.fullmatch(name):
        raise InputError(f"a model of the registry is named name@alias, name@1.2.0 or name@sha256:ab12cd; got {text!r}")
    if what.startswith("sha256:"):
        digest = what.removeprefix("sha256:").lower()
        if not DIGEST.fullmatch(digest):
            raise InputError(f"a digest has 6 to 64 of the characters 0-9 and a-f; got {what!r}")
        return Reference(name, digest=digest)
    if ALIAS.fullmatch(what):
        return Reference(name, alias=what)
    return Reference(name, version=checked_version(what))


def looks_like_one(text: str) -> bool:
    """Whether a text can only be meant as a reference: ``late@champion``, and no path."""
    name, at, what = text.partition("@")
    return bool(at and what and NAME.fullmatch(name)) and not re.search(r"[/\\]|\.assay$", what)


def checked_name(name: str) -> str:
    """
    Raises:
        InputError: the name of a model has other characters than it may.
    """
    if not NAME.fullmatch(name):
        raise InputError(f"a model's name has letters, digits, dots, - and _, at most 100; got {name!r}")
    return name


def checked_alias(alias: str) -> str:
    """
    Raises:
        InputError: an alias has other characters than it may.
    """
    if not ALIAS.fullmatch(alias):
        raise InputError(f"an alias is a word of small letters, digits, - and _, such as champion; got {alias!r}")
    return alias


def checked_version(version: str) -> str:
    """
    Raises:
        InputError: not a semantic version.
    """
    if len(version) > MOST or not SEMVER.fullmatch(version):
        raise InputError(f"a version has three numbers, such as 1.2.0 (semver.org); got {version!r}")
    return version


def checked_digest(digest: str) -> str:
    """
    Raises:
        InputError: not a whole SHA-256.
    """
    if len(digest) != 64 or not DIGEST.fullmatch(digest):
        raise InputError(f"a digest has 64 of the characters 0-9 and a-f; got {digest!r}")
    return digest


def order(version: str) -> tuple[tuple[int, ...], int, tuple[tuple[int, int, str], ...], str]:
    """Sort key: precedence as semver.org has it, build words last so that the order is total."""
    found = SEMVER.fullmatch(version)
    if found is None:
        return (0, 0, 0), 0, (), version
    words = found[4].split(".") if found[4] else []
    keys = tuple((0, int(w), "") if w.isdigit() else (1, 0, w) for w in words)
    return tuple(map(int, found.group(1, 2, 3))), 0 if words else 1, keys, found[5] or ""


def following(version: str) -> str:
    """The next patch number: 1.2.0 -> 1.2.1, and 1.2.0-rc.1 -> 1.2.0."""
    (major, minor, patch), released, _, _ = order(version)
    return f"{major}.{minor}.{patch + released}"
