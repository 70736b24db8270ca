"""Files: which reader a name calls for, and whole-file checks with one clear sentence each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assay.core.errors import InputError

from .duck_table import DuckTable
from .engines import duck
from .kinds import shape
from .memory import table_from_arrow
from .names import unique_names


def open_path(pattern: str, *, name: str | None, cache: bool, sheet: str | int | None) -> DuckTable:
    from .opening import expand

    return open_paths(expand(pattern), name=name, cache=cache, sheet=sheet)


def open_paths(paths: list[Path], *, name: str | None, cache: bool, sheet: str | int | None) -> DuckTable:
    for path in paths:
        if not path.exists():
            raise InputError(f"the file {path} does not exist")
        if path.is_dir():
            raise InputError(f"{path} is a directory; a file was expected (use a pattern such as {path}/*.parquet)")
        if path.stat().st_size == 0:
            raise InputError(f"{path.name} is empty")
    label = name or (paths[0].name if len(paths) == 1 else f"{paths[0].name} and {len(paths) - 1} more")
    endings = {_ending(p) for p in paths}
    if len(endings) > 1:
        raise InputError(f"files of one table must be of one format; got {', '.join(sorted(endings))}")
    ending = endings.pop()
    if ending in ("parquet", "pq"):
        return parquet(paths, label)
    if ending in ("arrow", "feather", "ipc"):
        return ipc(paths, label)
    from .csv import open_csv

    return open_csv(paths, label, cache=cache)


def _ending(path: Path) -> str:
    suffixes = [s.lstrip(".").lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in ("gz", "zst"):
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def parquet(paths: list[Path], label: str, notes: tuple[str, ...] = (), keep: object = None, **more: Any) -> DuckTable:
    """A table over Parquet files, scanned where they lie."""
    listed = ", ".join(duck.literal(str(p)) for p in paths)
    source = f"read_parquet([{listed}], union_by_name={'true' if len(paths) > 1 else 'false'})"
    con = duck.connect()
    try:
        described = duck.rows(con, f"DESCRIBE SELECT * FROM {source}")
    except Exception as error:
        raise InputError(f"{label} must be a whole Parquet file, but {_reason(error)}") from None
    names, renamed = unique_names([row[0] for row in described])
    shapes = [shape(new, row[1], row[0]) for new, row in zip(names, described, strict=True)]
    said = [*notes, *renamed, *(s.note for s in shapes if s.note)]
    try:
        return DuckTable(con, source, shapes, name=label, notes=said, keep=keep, **more)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{label} must be a whole Parquet file, but {_reason(error)}") from None


def ipc(paths: list[Path], label: str) -> DuckTable:
    """Arrow IPC files or streams, read into memory."""
    import pyarrow as pa

    tables = []
    for path in paths:
        try:
            with pa.memory_map(str(path)) as f:
                try:
                    tables.append(pa.ipc.open_file(f).read_all())
                except pa.ArrowInvalid:
                    f.seek(0)
                    tables.append(pa.ipc.open_stream(f).read_all())
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path.name} must be an Arrow IPC file, but {_reason(error)}") from None
    try:
        return table_from_arrow(pa.concat_tables(tables, promote_options="default"), name=label)
    except pa.ArrowException as error:
        raise InputError(f"the files of {label} must have the same columns, but {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:200]
