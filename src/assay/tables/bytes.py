"""The bytes of a file: its digest, what they are, and a plain UTF-8 copy where the reader needs one."""

from __future__ import annotations

import codecs
import hashlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from assay.core.errors import InputError

Form = Literal["parquet", "ipc", "excel", "json", "text"]
_CHUNK = 1 << 20
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True, slots=True)
class Text:
    """A text file as UTF-8: where it lies, the digest of its source bytes, and notes on how it was read."""

    path: Path
    digest: str
    notes: tuple[str, ...]


def stdin_copy(folder: Path) -> Path:
    """Standard input, kept in a private file so that it can be read more than once."""
    path = folder / "stdin"
    with path.open("wb") as out:
        while chunk := sys.stdin.buffer.read(_CHUNK):
            out.write(chunk)
    return path


def form_of(path: Path, ending: str) -> Form:
    """What a file holds: by its first bytes, then by its ending."""
    with opened(path) as source:
        head = bytes(source.read(4096))
    if head.startswith(b"PAR1") or ending in ("parquet", "pq"):
        return "parquet"
    if head.startswith(b"ARROW1") or ending in ("arrow", "feather", "ipc", "arrows"):
        return "ipc"
    if head.startswith(b"PK\x03\x04") or ending in ("xlsx", "xlsm"):
        return "excel"
    if ending in ("jsonl", "ndjson", "json") or (ending == "" and head.lstrip().startswith((b'{"', b"[{"))):
        return "json"
    return "text"


def compression(path: Path) -> str | None:
    with path.open("rb") as source:
        head = source.read(4)
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    return "zstd" if head == b"\x28\xb5\x2f\xfd" else None


def opened(path: Path) -> Any:
    """A binary reader that undoes .gz and .zst."""
    import pyarrow as pa

    return pa.input_stream(str(path), compression=compression(path))


def plain(path: Path, folder: Path, number: int) -> Path:
    """The file without its compression: itself, or a private copy."""
    if compression(path) is None:
        return path
    out = folder / f"plain-{number}-{path.stem}"
    try:
        with opened(path) as source, out.open("wb") as target:
            while chunk := source.read(_CHUNK):
                target.write(chunk)
    except OSError as error:
        raise InputError(f"{path.name} must be a whole compressed file, but {_first(error)}") from None
    return out


def as_text(path: Path, folder: Path, number: int) -> Text:
    """A text file as UTF-8 without mark; transcoded only where it must be.

    Raises:
        InputError: the bytes are not text.
    """
    digest = hashlib.blake2b(digest_size=16)
    try:
        with opened(path) as source:
            head = bytes(source.read(_CHUNK))
            encoding = next((name for bom, name in _BOMS if head.startswith(bom)), None)
            if encoding is None and b"\x00" in head:
                encoding = _utf16_without_mark(head)
                if encoding is None:
                    raise InputError(f"{path.name} must be text, but it holds binary data")
            fine = _is_utf8(head, source, digest) if encoding in (None, "utf-8-sig") else True
    except OSError as error:
        raise InputError(f"{path.name} must be a whole file, but {_first(error)}") from None
    notes: list[str] = []
    returns = ends_in_return(head)
    if encoding is None and fine and not returns and compression(path) is None:
        return Text(path, digest.hexdigest(), ())
    if not fine:
        encoding = "cp1252"
        notes.append(f"{path.name} is not UTF-8: read as Windows-1252 (Western European)")
    elif encoding not in (None, "utf-8-sig"):
        notes.append(f"{path.name} is {encoding}: read as such")
    out = folder / f"text-{number}"
    digest = hashlib.blake2b(digest_size=16)
    decoder: Any = codecs.getincrementaldecoder(encoding or "utf-8")(errors="replace")
    if returns:
        decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        notes.append(f"{path.name} ends its lines with a carriage return alone: read as line ends")
    with opened(path) as source, out.open("wb") as target:
        while chunk := bytes(source.read(_CHUNK)):
            digest.update(chunk)
            target.write(decoder.decode(chunk).encode("utf-8"))
        target.write(decoder.decode(b"", final=True).encode("utf-8"))
    return Text(out, digest.hexdigest(), tuple(notes))


def ends_in_return(head: bytes) -> bool:
    """The first line end outside quotes is a carriage return alone, as old Macintosh programs write it."""
    plain = next((part for part in head.split(b'"')[::2] if b"\r" in part or b"\n" in part), b"")
    first = plain.replace(b"\r\n", b"\n")
    return b"\r" in first and first.find(b"\r") < (first.find(b"\n") if b"\n" in first else len(first))


def _is_utf8(head: bytes, source: Any, digest: Any) -> bool:
    decoder, chunk, fine = codecs.getincrementaldecoder("utf-8")(), head, True
    while chunk:
        digest.update(chunk)
        if fine:
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                fine = False
        chunk = bytes(source.read(_CHUNK))
    if fine:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            fine = False
    return fine


def _utf16_without_mark(head: bytes) -> str | None:
    """UTF-16 of mostly Latin text has a zero in every second byte."""
    half = max(1, len(head) // 2)
    for start, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if head[start::2].count(0) > 0.7 * half and head[1 - start :: 2].count(0) < 0.05 * half:
            return name
    return None


def _first(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
