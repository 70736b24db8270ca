"""assay: measure every well-known way machine learning fails on your own table, repair, prove, and ship one file.

>>> import assay
>>> "check" in assay.__all__
True
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.api import check, fit, fix, load
    from assay.bundle.estimators import AssayClassifier, AssayRegressor
    from assay.bundle.importing.live import import_model
    from assay.bundle.model import Model
    from assay.core.errors import (
        AssayError,
        BundleError,
        InputError,
        MissingExtra,
        OutputError,
        RoleError,
        SettingsError,
    )
    from assay.core.settings import Ignore, Question, Settings
    from assay.learn.splits import HonestSplit
    from assay.report.document import Report

__version__ = "0.1.0"

# From 1.29 on onnxruntime tells its maker what it runs, unless this is set before it is loaded (its docs/Privacy.md).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

HOMES = {
    "AssayClassifier": "assay.bundle.estimators",
    "AssayError": "assay.core.errors",
    "AssayRegressor": "assay.bundle.estimators",
    "BundleError": "assay.core.errors",
    "HonestSplit": "assay.learn.splits",
    "Ignore": "assay.core.settings",
    "InputError": "assay.core.errors",
    "MissingExtra": "assay.core.errors",
    "Model": "assay.bundle.model",
    "OutputError": "assay.core.errors",
    "Question": "assay.core.settings",
    "Report": "assay.report.document",
    "RoleError": "assay.core.errors",
    "Settings": "assay.core.settings",
    "SettingsError": "assay.core.errors",
    "check": "assay.api",
    "fit": "assay.api",
    "fix": "assay.api",
    "import_model": "assay.bundle.importing.live",
    "load": "assay.api",
}

__all__ = [
    "AssayClassifier",
    "AssayError",
    "AssayRegressor",
    "BundleError",
    "HonestSplit",
    "Ignore",
    "InputError",
    "MissingExtra",
    "Model",
    "OutputError",
    "Question",
    "Report",
    "RoleError",
    "Settings",
    "SettingsError",
    "check",
    "fit",
    "fix",
    "import_model",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'assay' has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


class Package(ModuleType):
    """The verb ``assay.fit`` and the room ``assay.fit`` share a name: importing the room must not hide the verb."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = Package
