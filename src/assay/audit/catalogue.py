"""The catalogue: every challenge file and every package's entry point, found by discovery, never listed by hand."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType, ModuleType

import assay.challenges
import assay.probes
from assay.core.challenge import Challenge, Probe
from assay.core.errors import ChallengeError, SettingsError, did_you_mean

FAMILY_ORDER = "DLKSMFPRTOG"


@cache
def catalogue() -> Mapping[str, ModuleType]:
    """Return code -> module, in the catalogue's order.

    Raises:
        ChallengeError: two modules claim one code, or a module lacks ``CHALLENGE`` or ``measure``.
    """
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(assay.challenges.__path__, "assay.challenges.")
        if not found.ispkg
    ]
    modules += [point.load() for point in entry_points(group="assay.challenges")]
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


def resolve(code_or_name: str) -> str:
    """Return the code for a code or a name, in any case.

    Raises:
        SettingsError: neither a code nor a name of the catalogue; the nearest is named.
    """
    names = {module.CHALLENGE.name: code for code, module in catalogue().items()}
    wanted = code_or_name.strip()
    if wanted.upper() in catalogue():
        return wanted.upper()
    if wanted.casefold() in names:
        return names[wanted.casefold()]
    raise SettingsError(
        f"a challenge is named by its code or name; got {code_or_name!r}"
        + did_you_mean(wanted, [*catalogue(), *names])
        + " (assay rule --all lists them)"
    )


def expand(patterns: tuple[str, ...]) -> set[str]:
    """Return the codes that the patterns select: a code, a name, or the first letters of codes (``K``, ``D0``)."""
    out: set[str] = set()
    for pattern in patterns:
        by_prefix = {code for code in catalogue() if code.startswith(pattern.strip().upper())}
        out |= by_prefix if by_prefix and len(pattern.strip()) < 3 else {resolve(pattern)}
    return out
