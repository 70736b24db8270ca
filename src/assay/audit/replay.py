"""A saved recipe on another table, exactly as the graph replays it; and the way back from a repaired file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import InputError, SettingsError, did_you_mean
from assay.core.remedy import ADDS, Op, Recipe
from assay.core.table import Table
from assay.core.words import listed
from assay.tables import open_table
from assay.tables.originals import originals
from assay.tables.rewrite import Rewritten, finish, rewrite, texts

MOST_BYTES = 500_000_000
TEXT = "VARCHAR"


def read_recipe(path: Path) -> dict[str, Any]:
    """A recipe file as ``assay fix`` writes it.

    Raises:
        SettingsError: no such file, no JSON, another schema, or damaged; one sentence.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SettingsError(f"{path.name} is larger than a recipe can be")
        doc = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"the recipe {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise SettingsError(f"{path.name} must be a recipe in JSON, as assay fix writes it") from None
    Recipe.from_json(doc, path.name)
    return dict(doc)


def replay(doc: Mapping[str, Any], table: Table, paths: Sequence[Path] | None, out: Path | None) -> Rewritten:
    """Apply a recipe's ops to another table and write it (``out`` None: only count).

    Columns that were text where the recipe was made, and are numbers here, are read as text first, as the graph does.

    Raises:
        InputError: the table lacks columns that the recipe works on.
    """
    recipe = Recipe.from_json(doc)
    steps = [list(r.ops) for i, (_, r, _) in enumerate(recipe.steps) if recipe.replays(i)]
    fits(steps, table)
    was = {c["name"]: c for c in doc.get("made_for", {}).get("columns", [])}
    before = [
        Op("cast", (c.name,), {"to": "text"})
        for c in table.columns
        if was.get(c.name, {}).get("storage", "").startswith(TEXT) and not c.storage.startswith(TEXT)
        if any(c.name in op.columns for ops in steps for op in ops)
    ]
    own = originals(paths) if paths else None
    done = rewrite(table, [before, *steps], out, original=own, delimiter=own.delimiter if own else ",")  # type: ignore[arg-type]
    done.changes.pop(0)
    return done


def fits(steps: Sequence[Sequence[Op]], table: Table) -> None:
    made = {str(op.args["name"]) for ops in steps for op in ops if op.name in ADDS}
    wanted = dict.fromkeys(c for ops in steps for op in ops for c in op.columns if c not in made)
    names = [c.name for c in table.columns]
    lacking = [c for c in wanted if c not in names]
    if lacking:
        near = did_you_mean(lacking[0], names)
        raise InputError(
            f"the recipe works on {listed([repr(c) for c in lacking])}, which {table.name} does not have{near}; it was "
            "made for a table of another schema"
        )


def undo(doc: Mapping[str, Any], fixed: Path, out: Path) -> list[str]:
    """Put every changed cell of a repaired file back and write it; returns what cannot be brought back, in sentences.

    Raises:
        SettingsError: the recipe holds no way back. InputError: the file is not the one that the recipe made.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    way = doc.get("undo")
    if not isinstance(way, Mapping):
        raise SettingsError("this recipe holds no way back: it was not written by assay fix")
    if not way["complete"]:
        raise SettingsError("too many cells were changed to keep them in the recipe; the old file is the way back")
    table = open_table(str(fixed), cache=False)
    if table.n_rows != way["rows"]:
        raise InputError(f"{fixed.name} has {table.n_rows:,} rows, and this recipe made a file of {way['rows']:,}")
    own = originals([fixed])
    arrow = table.arrow() if own is None else next(own.stream([c.name for c in table.columns], max(1, table.n_rows)))
    renamed, storages = way["renamed"], {c["name"]: c["storage"] for c in doc["made_for"]["columns"]}
    columns: dict[str, Any] = {}
    for name in arrow.column_names:
        if name in way["added"]:
            continue
        column = arrow[name].combine_chunks()
        cells = way["cells"].get(name, [])
        if cells:
            values = np.array(texts(column).to_pylist(), dtype=object)
            for cell in cells:
                values[np.array(cell["rows"], np.int64)] = cell["was"]
            column = pa.array(values.tolist(), pa.string())
            if own is None or not own.text:
                column = stored_as(column, storages.get(renamed.get(name, name), TEXT))
        columns[renamed.get(name, name)] = column
    order = [c for c in storages if c in columns]
    restored = pa.table({c: columns[c] for c in order})
    beside = out.with_name(out.name + ".parquet")
    try:
        pq.write_table(restored, beside)
        finish(beside, out, own.delimiter if own else ",")
    finally:
        beside.unlink(missing_ok=True)
    told = []
    if way["columns_dropped"]:
        told.append(f"columns that were dropped are gone: {listed(way['columns_dropped'])}")
    if way["rows_dropped"]:
        told.append(f"{way['rows_dropped']:,} rows that were dropped are gone")
    return told


def stored_as(column: Any, storage: str) -> Any:
    """Text back to the type that the column had."""
    import pyarrow as pa

    kinds = {"BIGINT": pa.int64(), "DOUBLE": pa.float64(), "BOOLEAN": pa.bool_(), "TIMESTAMP": pa.timestamp("us")}
    kind = kinds.get(storage)
    return column if kind is None else column.cast(kind)
