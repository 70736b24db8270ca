"""The catalogue: every challenge file and every package's entry point, found by discovery, never listed by hand."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType, ModuleType

import assay.challenges
import assay.probes
from assay.core.challenge import Challenge, Probe
from assay.core.errors import ChallengeError, SettingsError, did_you_mean
from assay.core.settings import Settings

from .own_code import file_module

FAMILY_ORDER = "DLKSMFPRTOG"


def catalogue(checks: tuple[str, ...] = ()) -> Mapping[str, ModuleType]:
    """Return code -> module, in the catalogue's order. ``checks`` are patterns of the team's own files, if any.

    Raises:
        ChallengeError: two modules claim one code, or a module lacks ``CHALLENGE`` or ``measure``.
        InputError: a file of the team's own cannot be loaded.
    """
    if not checks:
        return packaged()
    return by_code([*packaged().values(), *own_checks(checks)])


@cache
def packaged() -> Mapping[str, ModuleType]:
    """The challenges of this package and of other packages' entry points."""
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(assay.challenges.__path__, "assay.challenges.")
        if not found.ispkg
    ]
    return by_code([*modules, *(point.load() for point in entry_points(group="assay.challenges"))])


def by_code(modules: Iterable[ModuleType]) -> Mapping[str, ModuleType]:
    found_by_code: dict[str, ModuleType] = {}
    for module in modules:
        challenge = getattr(module, "CHALLENGE", None)
        if not isinstance(challenge, Challenge) or not callable(getattr(module, "measure", None)):
            raise ChallengeError(f"{module.__name__} must define CHALLENGE and measure to be a challenge")
        if challenge.code in found_by_code:
            other = found_by_code[challenge.code].__name__
            raise ChallengeError(f"code {challenge.code} is used by both {other} and {module.__name__}")
        found_by_code[challenge.code] = module
    order = sorted(found_by_code, key=lambda code: (FAMILY_ORDER.find(code[0]) % 99, code))
    return MappingProxyType({code: found_by_code[code] for code in order})


def own_checks(patterns: tuple[str, ...]) -> list[ModuleType]:
    """The team's own files, loaded from where the settings lie. They are code: name only files that you trust.

    Raises:
        SettingsError: a pattern finds no file. InputError: a file fails while it is loaded.
    """
    modules = []
    for pattern in patterns:
        files = [p for p in sorted(Path().glob(pattern)) if p.suffix == ".py" and not p.name.startswith("_")]
        if not files:
            raise SettingsError(f"checks: no file matches {pattern}")
        modules += [file_module(path.resolve(), path.stat().st_mtime_ns, str(path)) for path in files]
    return modules


@cache
def probes() -> Mapping[str, Probe]:
    """Return probe name -> probe, for every file under ``assay.probes``."""
    found: dict[str, Probe] = {}
    for info in pkgutil.iter_modules(assay.probes.__path__, "assay.probes."):
        for value in vars(importlib.import_module(info.name)).values():
            made = getattr(value, "__assay_probe__", None)
            if isinstance(made, Probe):
                found[made.name] = made
    return MappingProxyType(found)


def resolve(code_or_name: str, known: Mapping[str, ModuleType] | None = None) -> str:
    """Return the code for a code or a name, in any case; ``known`` is the catalogue in force.

    Raises:
        SettingsError: neither a code nor a name of the catalogue; the nearest is named.
    """
    known = catalogue() if known is None else known
    names = {module.CHALLENGE.name: code for code, module in known.items()}
    wanted = code_or_name.strip()
    if wanted.upper() in known:
        return wanted.upper()
    if wanted.casefold() in names:
        return names[wanted.casefold()]
    raise SettingsError(
        f"a challenge is named by its code or name; got {code_or_name!r}"
        + did_you_mean(wanted, [*known, *names])
        + " (assay rule --all lists them)"
    )


def expand(patterns: tuple[str, ...], known: Mapping[str, ModuleType] | None = None) -> set[str]:
    """Return the codes that the patterns select: a code, a name, or the first letters of codes (``K``, ``D0``)."""
    known = catalogue() if known is None else known
    out: set[str] = set()
    for pattern in patterns:
        by_prefix = {code for code in known if code.startswith(pattern.strip().upper())}
        out |= by_prefix if by_prefix and len(pattern.strip()) < 3 else {resolve(pattern, known)}
    return out


def in_force(settings: Settings) -> Mapping[str, ModuleType]:
    """The catalogue with the team's own checks; thresholds, severities and ignores must name what is in it.

    Raises:
        SettingsError: an unknown code, threshold or date; the nearest is named.
    """
    known = catalogue(settings.checks)
    for code in (*settings.thresholds, *settings.severity):
        if code not in known:
            raise SettingsError(f"settings name the challenge {code!r}, which there is not{did_you_mean(code, known)}")
    for code, changed in settings.thresholds.items():
        names = [t.name for t in known[code].CHALLENGE.materiality]
        for name in changed:
            if name not in names:
                has = f"its thresholds: {', '.join(names)}" if names else "it has none"
                raise SettingsError(f"{code} has no threshold {name!r}{did_you_mean(name, names)} ({has})")
    expand(tuple(rule.code for rule in settings.ignore), known)
    return known
