"""Which columns of a model hold data on persons, by the word of whoever makes it or takes it over.

The word stands in ``schema.json`` (``x-assay``, ``personal``: true at the column) and on the model card. The log of the
service leaves such a column out, its values in reasons too, unless it is told to keep a keyed hash. The graph and the
schema keep what they need of the column: ranges and categories that at least five rows stand behind.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

from assay.core.errors import SettingsError, did_you_mean

from .archive import from_json, to_json
from .layout import CARD, DOSSIER, OPENAPI, SBOM, SCHEMA
from .model import Model
from .write import finish

MADE = frozenset({CARD, DOSSIER, OPENAPI, SBOM})  # made again from the rest


def flagged(model: Model, columns: Iterable[str], on: bool = True) -> Model:
    """The same model with these columns flagged as personal, or no longer; unsigned. Itself where nothing changes.

    Raises:
        SettingsError: the model has no such column.
    """
    doc: dict[str, Any] = copy.deepcopy(from_json(model._files[SCHEMA], SCHEMA))
    own, changed = doc["x-assay"]["columns"], False
    for column in columns:
        if column not in own:
            raise SettingsError(f"the model has no column {column!r}{did_you_mean(column, own)}")
        changed |= bool(own[column].get("personal")) != on
        if on:
            own[column]["personal"] = True
        else:
            own[column].pop("personal", None)
    if not changed:
        return model
    said = {k: v for k, v in model.manifest.items() if k not in ("format", "files", "schema")}
    files = {path: data for path, data in model._files.items() if path not in MADE} | {SCHEMA: to_json(doc)}
    roles = {path: str(entry["role"]) for path, entry in model.manifest["files"].items()}
    return Model(finish(files, model.dossier, said, model.trained_on, roles))


def known(columns: Sequence[str], there: Sequence[str], what: str) -> None:
    """
    Raises:
        SettingsError: one of ``columns`` is none of those ``there``; the nearest is named.
    """
    for column in columns:
        if column not in there:
            raise SettingsError(f"personal names {column!r}, which {what} does not have{did_you_mean(column, there)}")
