"""Files: which reader their bytes call for, and whole-file checks with one clear sentence each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assay.core.errors import InputError, is_interrupt

from .bytes import Form, form_of, plain, stdin_copy
from .cache import Folder
from .duck_table import DuckTable
from .engines import duck
from .kinds import shape
from .looks import card_of, gate
from .memory import table_from_arrow
from .names import unique_names


def open_path(pattern: str, *, name: str | None, cache: bool, sheet: str | int | None) -> DuckTable:
    from .opening import expand

    if pattern == "-":
        keep = Folder()
        path = stdin_copy(keep.path)
        if path.stat().st_size == 0:
            raise InputError("standard input is empty")
        table = open_paths([path], name=name or "stdin", cache=cache, sheet=sheet)
        table.hold(keep)
        return table
    if card_of(Path(pattern)) is not None:
        from .splitting import open_split

        return open_split(Path(pattern), name=name, cache=cache)
    return open_paths(expand(pattern), name=name, cache=cache, sheet=sheet)


def looked_at(paths: list[Path], name: str | None) -> tuple[str, Form]:
    """What the files of one table are called together, and their form.

    Raises:
        InputError: one is missing, empty, a folder, a locked test without a reason, or of another form.
    """
    for path in paths:
        if not path.exists():
            raise InputError(f"the file {path} does not exist")
        if path.is_dir():
            raise InputError(f"{path} is a directory; a file was expected (use a pattern such as {path}/*.parquet)")
        try:
            with path.open("rb") as source:
                empty = not source.read(1)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from None
        if empty:
            raise InputError(f"{path.name} is empty")
        gate(path)
    label = name or (paths[0].name if len(paths) == 1 else f"{paths[0].name} and {len(paths) - 1} more")
    try:
        forms = {form_of(p, ending(p)) for p in paths}
    except OSError as error:
        raise InputError(f"{label} must be a whole file, but {reason(error)}") from None
    if len(forms) > 1:
        raise InputError(f"the files of one table must be of one format; got {', '.join(sorted(forms))}")
    return label, forms.pop()


def open_paths(paths: list[Path], *, name: str | None, cache: bool, sheet: str | int | None) -> DuckTable:
    """One table of one or more files of one format."""
    label, form = looked_at(paths, name)
    if form in ("parquet", "ipc", "excel"):
        keep = Folder()
        paths = [plain(p, keep.path, i) for i, p in enumerate(paths)]
        if form == "parquet":
            return parquet(paths, label, keep=keep)
        if form == "ipc":
            return ipc(paths, label)
        if len(paths) > 1:
            raise InputError("workbooks are read one at a time; name a single file")
        from .excel import open_excel

        return open_excel(paths[0], label, sheet)
    from .delimited import open_json, open_text

    return (open_json if form == "json" else open_text)(paths, label, cache=cache)


def ending(path: Path) -> str:
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
        names, renamed = unique_names([row[0] for row in described])
        shapes = [shape(new, row[1], row[0]) for new, row in zip(names, described, strict=True)]
        said = [*notes, *renamed, *(s.note for s in shapes if s.note)]
        census = more.pop("census", None) or {}
        return DuckTable(con, source, shapes, name=label, notes=said, census=census, keep=keep, **more)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{label} must be a whole Parquet file, but {reason(error)}") from None


def ipc(paths: list[Path], label: str) -> DuckTable:
    """Arrow IPC files or streams, mapped into memory."""
    import pyarrow as pa

    tables = []
    for path in paths:
        try:
            with pa.memory_map(str(path)) as f:  # pages that the system takes back, not memory
                try:
                    tables.append(pa.ipc.open_file(f).read_all())
                except pa.ArrowInvalid:
                    f.seek(0)
                    tables.append(pa.ipc.open_stream(f).read_all())
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path.name} must be a whole Arrow IPC file, but {reason(error)}") from None
    try:
        return table_from_arrow(pa.concat_tables(tables, promote_options="default"), name=label)
    except pa.ArrowException as error:
        raise InputError(f"the files of {label} must have the same columns, but {reason(error)}") from None


def reason(error: BaseException) -> str:
    """The first line of an engine's message, without its class and without paths.

    Raises:
        KeyboardInterrupt: that is what it was.
    """
    if is_interrupt(error):
        raise KeyboardInterrupt from None
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else type(error).__name__
    for head in ("Invalid Input Error: ", "Invalid Error: ", "IO Error: ", "Binder Error: ", "Conversion Error: "):
        text = text.removeprefix(head)
    return text[:200].rstrip(".")
