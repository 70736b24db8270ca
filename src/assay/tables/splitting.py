"""A table cut in three files, once and for all: train, valid and a locked test, with a card that says how.

The folder is a source like any other. Opened plainly it is train and valid, and valid judges; opened for a stated
reason (``looks.looking``) the test is part of it and judges, and the look is counted.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import InputError, OutputError
from assay.core.subject import Partition, Roles
from assay.core.table import NUMERIC, Mask, SampleSpec

from . import looks
from .duck_table import DuckTable
from .files import open_paths
from .originals import originals
from .rewrite import rewrite

NAMES = ("train", "valid", "test")  # of the parts BUILD, CHOOSE and JUDGE
SUFFIXES = (".parquet", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".csv.gz", ".tsv.gz", ".csv.zst")
BIG = 1_000_000  # rows from which text becomes Parquet
READ_ONLY = 0o444
KEPT_ROLES = ("target", "positive", "order", "group", "id", "protected", "weight", "site", "asked_at", "known",
              "unknown")  # fmt: skip


def write_split(
    table: DuckTable, roles: Roles, partition: Partition, folder: Path, *, paths: Sequence[Path] | None, seed: int
) -> dict[str, Any]:
    """Write the three files, the card and an empty ledger into ``folder``, which must not be there yet.

    ``paths``: the files behind the table, whose cells are then copied as they are written. Returns the card.

    Raises:
        OutputError: the folder is there already, or cannot be written.  InputError: no row would be left for a part.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        held = looks.card_of(folder) is not None
        why = f"holds a split with {len(looks.read(folder))} looks at its test" if held else "is there already"
        raise OutputError(f"{folder} {why}; a split is never written over another: name a new folder with -o")
    part = parts(table, partition)
    count = np.bincount(part, minlength=3)
    for name, n in zip(NAMES, count, strict=True):
        if n == 0:
            raise InputError(f"no row of {table.name} would be left for {name}: too few rows, groups or times")
    suffix = suffix_of(paths, table.n_rows)
    own = originals(paths) if paths and not (table.n_rows >= BIG and suffix == ".parquet") else None
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        beside.mkdir(parents=True)
        files: dict[str, dict[str, Any]] = {}
        for code, name in enumerate(NAMES):
            file = beside / f"{name}{suffix}"
            rewrite(table, [], file, original=own, drop=part != code, delimiter=own.delimiter if own else ",")
            files[name] = {"name": file.name, "rows": int(count[code]), "sha256": looks.sha256(file)}
            files[name] |= told(table, roles, part == code)
        card = card_from(table, roles, partition, seed, files)
        (beside / looks.CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", "utf-8")
        (beside / looks.LEDGER).touch()
        for name in (files["test"]["name"], looks.CARD):
            (beside / name).chmod(READ_ONLY)
        if folder.exists():
            folder.rmdir()
        beside.rename(folder)
    except OSError as error:
        raise OutputError(
            f"{folder} could not be written ({error.strerror or error}); nothing was left behind"
        ) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return card


def parts(table: DuckTable, partition: Partition) -> NDArray[np.int8]:
    """(rows,) BUILD, CHOOSE or JUDGE in source order."""
    rows = table.sample(SampleSpec(n=max(1, table.n_rows), columns=(table.columns[0].name,)))
    out = np.empty(table.n_rows, np.int8)
    out[rows.position] = partition.part(rows)
    return out


def suffix_of(paths: Sequence[Path] | None, rows: int) -> str:
    """The suffix of the source where it is one file of a form that can be written; Parquet for all else."""
    if paths is None or len(paths) != 1:
        return ".parquet"
    suffixes = [s.lower() for s in paths[0].suffixes]
    last = "".join(suffixes[-2:]) if suffixes and suffixes[-1] in (".gz", ".zst") else "".join(suffixes[-1:])
    text = last != ".parquet"
    return last if last in SUFFIXES and not (text and rows >= BIG) else ".parquet"


def told(table: DuckTable, roles: Roles, here: Mask) -> dict[str, Any]:
    """What the card says of the target in one part: rows of every class, or the mean of numbers."""
    if roles.target is None:
        return {}
    name = roles.target.column
    if roles.task == "regression" or (roles.task is None and table.column(name).kind in NUMERIC):
        values = table.numbers(name)[here]
        known = values[np.isfinite(values)]
        return {"mean": float(known.mean()) if len(known) else None}
    codes, names = table.codes(name)
    count = np.bincount(codes[here & (codes >= 0)], minlength=len(names))
    share = count / max(1, count.sum())
    by = zip(names, count, share, strict=True)
    return {"classes": {n: {"rows": int(c), "share": round(float(s), 4)} for n, c, s in by}}


def card_from(
    table: DuckTable, roles: Roles, partition: Partition, seed: int, files: Mapping[str, Any]
) -> dict[str, Any]:
    from importlib.metadata import version

    names = {c.name for c in table.columns}
    column = next(n for n in ("split", "assay_split", *(f"assay_split_{i}" for i in range(1000))) if n not in names)
    kept: dict[str, Any] = {}
    for role in KEPT_ROLES:
        said = getattr(roles, role)
        if role == "order" and roles.named("order") == ("@row",) and roles.parted != "time":
            continue  # rows of three files no longer stand in the order that they stood in
        columns = list(said) if isinstance(said, tuple) else [said] if isinstance(said, str) else None
        if columns is None and said is not None and (said.source == "user" or role in ("target", "order", "group")):
            columns = list(said.columns)
        if columns:
            kept[role] = columns
    return {
        "kind": looks.KIND,
        "assay": version("assay"),
        "by": roles.parted,
        "method": partition.says,
        "seed": seed,
        "data": {
            "name": table.name, "digest": table.digest, "rows": table.n_rows,
            "columns": [c.name for c in table.columns],
        },
        "roles": kept,
        "column": column,
        "left_out": list(roles.named("split")),
        "files": dict(files),
    }  # fmt: skip


def words_of(source: Any) -> dict[str, Any]:
    """What the card of a split folder says of roles, as ``guess_roles`` reads it; empty for any other source."""
    card = looks.card_of(Path(source)) if isinstance(source, (str, os.PathLike)) and source != "-" else None
    if card is None:
        return {}
    gone = set(card["left_out"])
    return {role: tuple(columns) for role, columns in card["roles"].items() if not gone & set(columns)} | {
        "split": card["column"]
    }


def open_split(folder: Path, *, name: str | None, cache: bool) -> DuckTable:
    """The table of a split folder, with a column that says which file a row is of; the test only inside ``looking``.

    Raises:
        InputError: a file is missing or its rows are not those that were written.
    """
    import pyarrow as pa

    card = looks.card_of(folder)
    assert card is not None
    opened = NAMES if looks.now() is not None else NAMES[:2]
    files = [card["files"][part] for part in opened]
    label = name or folder.resolve().name
    table = open_paths([folder / f["name"] for f in files], name=label, cache=cache, sheet=None)
    rows = [int(f["rows"]) for f in files]
    if table.n_rows != sum(rows):
        raise InputError(f"{label} must hold the {sum(rows):,} rows of its card; its files hold {table.n_rows:,}")
    said = pa.array(np.repeat(np.array(opened, object), rows), pa.string())
    notes = [] if len(opened) == 3 else [_closed(folder)]
    return table.with_column(card["column"], said, without=card["left_out"], notes=notes)


def _closed(folder: Path) -> str:
    taken = len(looks.read(folder))
    return f"the locked test was not opened ({taken} {'look' if taken == 1 else 'looks'} so far): valid judges"
