"""Code of the user's own, imported only because the user named it: ``module:name``, from the working directory."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
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
    try:
        with aside():
            made = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
            raise InputError(f"{flag}: there is no module {error.name} here or among what is installed") from None
        raise InputError(f"{flag}: {module} needs the module {error.name}, which is not installed") from None
    except SystemExit as error:
        raise InputError(f"{flag}: {module} ended the program with code {error.code} while it was imported") from None
    except (KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:
        raise InputError(f"{flag}: {module} cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(made, name):
        known = [n for n in vars(made) if not n.startswith("_")]
        raise InputError(f"{flag}: {module} has no {name}{did_you_mean(name, known)}")
    return getattr(made, name)
