"""Code of the user's own, loaded only because the user named it: ``module:name``, or files that the settings list."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from assay.core.errors import InputError, SettingsError, did_you_mean
from assay.probes.own_pipeline import aside


def named(word: str, flag: str) -> Any:
    """The object that ``module:name`` names. What the module prints goes to standard error.

    Raises:
        SettingsError: not of that form.  InputError: no such module or name, or the module fails.
    """
    module, colon, name = word.partition(":")
    if module.endswith(".py") or "/" in module or "\\" in module:
        better = ".".join(part for part in re.split(r"[/\\]", module.removesuffix(".py")) if part not in ("", "."))
        raise SettingsError(f"{flag} names a module, not a file: {better}:{name or 'NAME'}")
    if not colon or not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", module) or not name.isidentifier():
        raise SettingsError(f"{flag} must be MODULE:NAME, as in my_code:pipeline; got {word!r}")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    made = run(lambda: importlib.import_module(module), f"{flag}: {module}", module)
    if not hasattr(made, name):
        known = [n for n in vars(made) if not n.startswith("_")]
        raise InputError(f"{flag}: {module} has no {name}{did_you_mean(name, known)}")
    return getattr(made, name)


@cache
def file_module(path: Path, written: int, called: str) -> ModuleType:
    """One file as a module; anew where it was written anew (``written``: its time, in nanoseconds).

    Raises:
        InputError: no Python file, or it fails while it is loaded.
    """
    spec = importlib.util.spec_from_file_location(f"assay_checks.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"checks: {called} is not a Python file")
    made, loader = importlib.util.module_from_spec(spec), spec.loader
    run(lambda: loader.exec_module(made), f"checks: {called}")
    return made


def run(load: Callable[[], Any], what: str, module: str = "") -> Any:
    """Load code of the user's own: whatever goes wrong in it is one sentence that begins with ``what``."""
    try:
        with aside():
            return load()
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise InputError(f"{what}: there is no module {error.name} here or among what is installed") from None
        raise InputError(f"{what} needs the module {error.name}, which is not installed") from None
    except SystemExit as error:
        raise InputError(f"{what} ended the program with code {error.code} while it was loaded") from None
    except (KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:
        raise InputError(f"{what} cannot be loaded: {type(error).__name__}: {error}") from error
