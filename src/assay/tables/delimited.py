"""Delimited text and JSON lines, landed once as Parquet.

Text is landed as text first, so that no late value can break or vanish; then counted; then each column is cast whose
values all allow it. Missing here are empty fields and, in columns that are numbers otherwise, NA, NaN and null (noted).
A column of numbers with other words in it ('?', blanks) stays text, and the fact ``parses`` tells.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay.core.errors import InputError

from .bytes import Text, as_text, plain
from .cache import Folder, landed
from .dialect import Dialect, sniff
from .duck_table import DuckTable
from .engines import duck
from .names import unique_names

BATCH = 50
_SCHEME = "1"  # part of the key: raise it when landing changes
_MISSING = "('na', 'nan', 'null')"
_TOO_MANY_BAD = 0.5


def open_text(paths: Sequence[Path], label: str, *, cache: bool) -> DuckTable:
    """CSV, TSV and their kin; delimiter, encoding and header are detected."""
    keep = Folder()
    texts = [as_text(p, keep.path, i) for i, p in enumerate(paths)]
    dialects = [sniff(t.path) for t in texts]
    for path, dialect in zip(paths, dialects, strict=True):
        if dialect is None:
            raise InputError(f"{path.name} is empty")
    said = [n for t in texts for n in t.notes]

    def make(out: Path) -> None:
        _land_text(texts, [d for d in dialects if d is not None], [p.name for p in paths], label, said, keep.path, out)

    return _open_landed(_key("text", [t.digest for t in texts]), make, label, cache)


def open_json(paths: Sequence[Path], label: str, *, cache: bool) -> DuckTable:
    """JSON lines, or one array of objects; nested values are kept as text."""
    keep = Folder()
    texts = [as_text(plain(p, keep.path, i), keep.path, i) for i, p in enumerate(paths)]

    def make(out: Path) -> None:
        _land_json([t.path for t in texts], label, [n for t in texts for n in t.notes], out)

    return _open_landed(_key("json", [t.digest for t in texts]), make, label, cache)


def _key(form: str, digests: Sequence[str]) -> str:
    import duckdb

    text = "\x00".join([_SCHEME, form, duckdb.__version__, *digests])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _open_landed(key: str, make: Any, label: str, cache: bool) -> DuckTable:
    import pyarrow.parquet as pq

    from .files import parquet

    path, keep = landed(key, make, cache=cache)
    meta = json.loads((pq.read_schema(path).metadata or {}).get(b"assay", b"{}"))
    return parquet([path], label, tuple(meta.get("notes", ())), keep, census=meta.get("census"))


def _land_text(
    texts: Sequence[Text],
    dialects: Sequence[Dialect],
    files: Sequence[str],
    label: str,
    said: list[str],
    work: Path,
    out: Path,
) -> None:
    con = duck.connect()
    source, told = raw_rows(con, texts, dialects, files, work)
    notes = [*said, *told]
    names = [r[0] for r in duck.rows(con, f"DESCRIBE SELECT * FROM {source}")]
    if duck.rows(con, f"SELECT count(*) FROM {source}")[0][0] == 0:
        raise InputError(f"{label} has column names and no rows")
    picked: list[str] = []
    for at in range(0, len(names), BATCH):
        some, told = casts(con, source, names[at : at + BATCH])
        picked += some
        notes += told
    _write(con, f"SELECT {', '.join(picked)} FROM {source}", out, {"notes": notes})


def raw_rows(
    con: Any, texts: Sequence[Text], dialects: Sequence[Dialect], files: Sequence[str], work: Path
) -> tuple[str, list[str]]:
    """Every field as it is written, as SQL to select from, in source order; and notes on lines left out."""
    notes: list[str] = []
    raws = []
    for i, (text, dialect, file) in enumerate(zip(texts, dialects, files, strict=True)):
        names, renamed = unique_names(dialect.names)
        notes += [n for n in renamed if n not in notes]
        if not dialect.header:
            notes.append(f"{file} has no line of column names: called column_1, column_2 and so on")
        raw = work / f"raw-{i}.parquet"
        notes += _copy_raw(con, text.path, dialect, names, file, raw)
        raws.append(duck.literal(str(raw)))
    return f"read_parquet([{', '.join(raws)}], union_by_name={'true' if len(raws) > 1 else 'false'})", notes


def csv_of(paths: Sequence[Path], dialect: Dialect, names: Sequence[str]) -> str:
    """SQL to select from: all fields as text. Lines with too many or too few are left out, and told in ``bad``."""
    listed = ", ".join(f"{duck.literal(n)}: 'VARCHAR'" for n in names)
    options = (
        f"delim={duck.literal(dialect.delimiter)}, header={'true' if dialect.header else 'false'}, "
        f"quote='\"', escape='\"', columns={{{listed}}}, auto_detect=false, nullstr='', ignore_errors=true, "
        "max_line_size=16000000, buffer_size=32000000, store_rejects=true, rejects_limit=0, "
        "rejects_table='bad', rejects_scan='bad_scans'"
    )
    if dialect.newline:
        options += f", new_line={duck.literal(dialect.newline.encode('unicode_escape').decode())}"
    files = [duck.literal(str(p)) for p in paths]
    return f"read_csv({files[0] if len(files) == 1 else '[' + ', '.join(files) + ']'}, {options})"


def rejected(con: Any, file: str, kept: int, width: int) -> list[str]:
    """A note on the lines that the last scan left out.

    Raises:
        InputError: they are more than half.
    """
    bad, first = duck.rows(con, "SELECT count(DISTINCT (file_id, line)), min(line) FROM bad")[0]
    if not bad:
        return []
    if bad > _TOO_MANY_BAD * (kept + bad):
        raise InputError(
            f"{file} must have the same number of fields in every line, but {bad:,} of {kept + bad:,} lines differ "
            f"from the {width} of the first (line {first} is one); check the delimiter and the quotes"
        )
    return [
        f"{file}: {bad:,} of {kept + bad:,} lines left out, their fields do not fit the columns (first: line {first})"
    ]


def _copy_raw(con: Any, path: Path, dialect: Dialect, names: list[str], file: str, out: Path) -> list[str]:
    """All fields as text into Parquet; lines with too many or too few fields are left out and counted."""
    con.execute("DROP TABLE IF EXISTS bad; DROP TABLE IF EXISTS bad_scans")
    sql = f"SELECT * FROM {csv_of([path], dialect, names)}"
    try:
        con.execute(f"COPY ({sql}) TO {duck.literal(str(out))} (FORMAT parquet)")
    except Exception as error:
        raise InputError(f"{file} must be delimited text, but {_reason(error)}") from None
    kept = duck.rows(con, f"SELECT count(*) FROM read_parquet({duck.literal(str(out))})")[0][0]
    return rejected(con, file, kept, len(names))


def casts(con: Any, source: str, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """For each text column the SQL of its landed form, and notes."""
    parts = []
    for name in names:
        q = duck.quote(name)
        number = duck.number_of_text(q)
        told = f"lower({duck.trimmed(q)}) IN {_MISSING}"
        whole = f"NOT contains({q}, '.') AND NOT contains(lower({q}), 'e') AND isfinite({number})"
        parts.append(
            f"count({q}), count(*) FILTER ({told}), count({number}), count(*) FILTER ({whole}), "
            f"count(try_cast({duck.trimmed(q)} AS BIGINT)) FILTER ({whole}), "
            f"count(*) FILTER (regexp_matches({q}, '^\\s*[+-]?0[0-9]')), "
            f"count(*) FILTER (lower({q}) IN ('true', 'false'))"
        )
    row = duck.rows(con, f"SELECT {', '.join(parts)} FROM {source}")[0]
    picked, notes = [], []
    for i, name in enumerate(names):
        n, told, numeric, whole, fits, zeros, boolean = row[7 * i : 7 * i + 7]
        q, values = duck.quote(name), n - told
        cast = q
        if values > 0 and numeric == values:
            if zeros:
                notes.append(f"column {name!r} has numbers with leading zeros: kept as text")
            elif whole == values and fits == values:
                cast = f"try_cast({duck.trimmed(q)} AS BIGINT)"
            elif whole == values:
                notes.append(
                    f"column {name!r} has whole numbers beyond 64 bits: kept as text, so that no digit is lost"
                )
            else:
                cast = duck.number_of_text(q)
        elif n > 0 and boolean == n:
            cast = f"try_cast({q} AS BOOLEAN)"
        if cast != q and told:
            notes.append(f"column {name!r}: {told:,} NA, NaN or null read as missing")
        picked.append(f"{cast} AS {q}")
    return picked, notes


def _land_json(paths: Sequence[Path], label: str, said: list[str], out: Path) -> None:
    con = duck.connect()
    listed = ", ".join(duck.literal(str(p)) for p in paths)
    options = "format='auto', sample_size=-1, maximum_depth=1, union_by_name=true, maximum_object_size=67108864"
    source = f"read_json([{listed}], {options})"
    try:
        described = duck.rows(con, f"DESCRIBE SELECT * FROM {source}")
        if [r[0] for r in described] == ["json"]:
            raise InputError(f"{label} must hold JSON objects, one a line; it holds other values")
        names, notes = unique_names([r[0] for r in described])
        picked: list[str] = []
        census: dict[str, dict[str, int]] = {}
        for new, row in zip(names, described, strict=True):
            q = duck.quote(row[0])
            if row[1] == "JSON":
                sql = f"SELECT json_type({q}), count(*) FROM {source} WHERE {q} IS NOT NULL GROUP BY 1 ORDER BY 1"
                cast, types, note = _json_column(new, q, dict(duck.rows(con, sql)))
                census |= {new: types} if len(types) > 1 else {}
                notes += [note] if note else []
                picked.append(f"{cast} AS {duck.quote(new)}")
            else:
                picked.append(f"{q} AS {duck.quote(new)}")
        if duck.rows(con, f"SELECT count(*) FROM {source}")[0][0] == 0:
            raise InputError(f"{label} has no rows")
        _write(con, f"SELECT {', '.join(picked)} FROM {source}", out, {"notes": [*said, *notes], "census": census})
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{label} must be JSON, one object a line, but {_reason(error)}") from None


_JSON_TYPES = {"UBIGINT": "integer", "BIGINT": "integer", "DOUBLE": "number", "VARCHAR": "text", "BOOLEAN": "boolean"}


def _json_column(name: str, q: str, kinds: dict[str, int]) -> tuple[str, dict[str, int], str | None]:
    """How a column of JSON values is landed: its SQL, its types where they are mixed, and a note."""
    text = f"json_extract_string({q}, '$')"
    types: dict[str, int] = {}
    for kind, rows in kinds.items():
        if kind != "NULL":
            called = _JSON_TYPES.get(kind, "nested")
            types[called] = types.get(called, 0) + int(rows)
    if "nested" in types:
        return text, {}, f"column {name!r} is nested: read as text"
    if set(types) == {"integer"}:
        return f"try_cast({text} AS BIGINT)", {}, None
    if types and set(types) <= {"integer", "number"}:
        return f"try_cast({text} AS DOUBLE)", {}, None
    if set(types) == {"boolean"}:
        return f"try_cast({text} AS BOOLEAN)", {}, None
    if len(types) > 1:
        shown = ", ".join(f"{k} {v}" for k, v in types.items())
        return text, types, f"column {name!r} holds mixed types ({shown}): read as text"
    return text, {}, None


def _write(con: Any, sql: str, out: Path, meta: dict[str, Any]) -> None:
    told = duck.literal(json.dumps(meta, ensure_ascii=True))
    con.execute(
        f"COPY ({sql}) TO {duck.literal(str(out))} (FORMAT parquet, COMPRESSION zstd, KV_METADATA {{assay: {told}}})"
    )
    con.close()


def _reason(error: BaseException) -> str:
    from .files import reason

    return reason(error)
