"""The zip behind an .assay file: one canonical form to write, and a reader that takes nothing else.

Entries lie one after another from byte 0 in the order manifest.json, then by name; dates are 1980-01-01, permissions
0644, no extra fields, no comments, and the end record ends the file. Same content, same bytes. The reader checks this
itself instead of trusting a lenient library: what it did not expect, it refuses, and it inflates under a limit.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import BundleError
from assay.core.writing import replacing

from .layout import FORMAT, MANIFEST, SIGNATURE, check_manifest, role_of

MAX_BYTES = 1 << 30  # inflated, all entries together
MAX_RATIO = 200
MAX_ENTRIES = 1_000
MAX_DEPTH = 64  # nesting of JSON
_LOCAL, _CENTRAL, _END = struct.Struct("<4s5H3I2H"), struct.Struct("<4s6H3I5H2I"), struct.Struct("<4s4H2IH")
_MODE, _DATE = 0o100644 << 16, (1 << 5) | 1  # 1980-01-01
_MADE_BY, _NEEDED, _UTF8 = 0x0314, 20, 0x800


def pack(files: Mapping[str, bytes], about: Mapping[str, Any], roles: Mapping[str, str] | None = None) -> bytes:
    """The bytes of an .assay file: ``files`` by path, and a manifest with ``about``, roles, sizes and SHA-256 digests.

    Args:
        about: name, version and parents among others; a name and a version stand in every manifest.
        roles: of files that ``layout.role_of`` does not know.

    Raises:
        BundleError: a manifest that no reader would take.
    """
    said = dict(roles or {})
    listed = {
        path: {
            "role": said.get(path) or role_of(path),
            "sha256": hashlib.sha256(files[path]).hexdigest(),
            "size": len(files[path]),
        }
        for path in sorted(files)
    }
    manifest = check_manifest(
        {"format": FORMAT, "name": "model", "version": "0.1.0", "parents": [], **about, "files": listed}
    )
    return seal({MANIFEST: to_json(manifest), **files})


def seal(entries: Mapping[str, bytes]) -> bytes:
    """The one zip of these entries: the manifest first, then by name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        for path in (MANIFEST, *sorted(set(entries) - {MANIFEST})):
            data = entries[path]
            entry = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, _MODE
            small = len(zlib.compress(data, 6))
            worth = small < len(data) and len(data) < 0.5 * MAX_RATIO * small
            entry.compress_type = zipfile.ZIP_DEFLATED if worth else zipfile.ZIP_STORED
            zipped.writestr(entry, data, compresslevel=6)
    return out.getvalue()


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Check an .assay file and give its manifest and the files that it lists.

    Raises:
        BundleError: anything that ``pack`` would not have written; one sentence says what.
    """
    files = contents(data)
    manifest = check_manifest(from_json(files.pop(MANIFEST), MANIFEST))
    files.pop(SIGNATURE, None)
    _verify(manifest["files"], files)
    return manifest, files


def contents(data: bytes) -> dict[str, bytes]:
    """Every entry of an .assay file, manifest and signature among them, before the manifest is believed.

    Raises:
        BundleError: the zip is not as ``seal`` writes it, or has no manifest.
    """
    files: dict[str, bytes] = {}
    total = 0
    for path, at, packed, size, method, check in _entries(data):
        total += size
        if total > MAX_BYTES or size > MAX_RATIO * max(packed, 1):
            raise BundleError(f"the .assay file unpacks to more than it may at {path!r}: it was not written by assay")
        files[path] = _inflate(data[at : at + packed], size, method, path)
        if zlib.crc32(files[path]) != check:
            raise BundleError(f"the entry {path!r} of the .assay file is damaged")
    if MANIFEST not in files:
        raise BundleError("the .assay file has no manifest.json: it was not written by assay")
    return files


def _entries(data: bytes) -> list[tuple[str, int, int, int, int, int]]:
    """(path, offset of the data, packed size, size, method, checksum) of each entry, in order."""
    if len(data) < _END.size or not data.startswith(b"PK\x03\x04"):
        raise BundleError("this is not an .assay file, or its beginning is cut off")
    mark, disk, first, here, count, length, start, comment = _END.unpack(data[-_END.size :])
    central_end = len(data) - _END.size
    if mark != b"PK\x05\x06" or comment or disk or first or here != count or start + length != central_end:
        raise BundleError("the .assay file is cut off, or has bytes after its end")
    if count > MAX_ENTRIES:
        raise BundleError(f"an .assay file has at most {MAX_ENTRIES} entries; this one has {count}")
    out: list[tuple[str, int, int, int, int, int]] = []
    at, offset = start, 0
    for _ in range(count):
        if at + _CENTRAL.size > central_end:
            raise BundleError("the list of contents of the .assay file is damaged")
        head = _CENTRAL.unpack(data[at : at + _CENTRAL.size])
        flags, method, clock, date, crc, packed, size, name_size, extra, remark, disk, inside, mode, place = head[3:]
        raw = data[at + _CENTRAL.size : at + _CENTRAL.size + name_size]
        path = _safe_path(raw, {e[0] for e in out})
        if mode != _MODE:
            raise BundleError(f"the .assay file holds {path!r} as a link or special file, which it may not")
        plain = head[:3] == (b"PK\x01\x02", _MADE_BY, _NEEDED) and (clock, date) == (0, _DATE) and place == offset
        plain = plain and method in (0, 8) and flags == (0 if raw.isascii() else _UTF8) and (method or packed == size)
        if not plain or extra or remark or disk or inside:
            raise BundleError(f"the entry {path!r} is not as assay writes it: the file was changed or packed anew")
        local = (b"PK\x03\x04", head[2], flags, method, clock, date, crc, packed, size, name_size, 0)
        if (
            data[offset : offset + _LOCAL.size] != _LOCAL.pack(*local)
            or data[offset + _LOCAL.size :][:name_size] != raw
        ):
            raise BundleError(f"the entry {path!r} contradicts the list of contents of the .assay file")
        begin = offset + _LOCAL.size + name_size
        offset, at = begin + packed, at + _CENTRAL.size + name_size
        if offset > start:
            raise BundleError(f"the entry {path!r} is longer than the .assay file")
        out.append((path, begin, packed, size, method, crc))
    if at != central_end or offset != start:
        raise BundleError("the .assay file has bytes that belong to no entry")
    names = [e[0] for e in out]
    if names != [*(n for n in names if n == MANIFEST), *sorted(n for n in names if n != MANIFEST)]:
        raise BundleError("the entries of the .assay file are not in the order in which assay writes them")
    return out


def _safe_path(raw: bytes, seen: set[str]) -> str:
    try:
        path = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BundleError("the .assay file has an entry whose name is not UTF-8") from None
    parts = path.split("/")
    if "\\" in path or "\x00" in path or ":" in path or any(p in ("", ".", "..") for p in parts):
        raise BundleError(f"the .assay file has an entry with an unsafe name, {path[:80]!r}")
    if path in seen:
        raise BundleError(f"the .assay file holds {path!r} twice")
    return path


def _inflate(packed: bytes, size: int, method: int, path: str) -> bytes:
    if method == 0:
        return packed
    engine = zlib.decompressobj(-15)
    try:
        out = engine.decompress(packed, size + 1)
    except zlib.error:
        raise BundleError(f"the entry {path!r} of the .assay file is damaged") from None
    if len(out) != size or not engine.eof or engine.unused_data:
        raise BundleError(f"the entry {path!r} of the .assay file is not as long as it says")
    return out


def _verify(listed: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    for path in sorted(set(files) - set(listed)):
        raise BundleError(f"the .assay file holds {path!r}, which its manifest does not list")
    for path in sorted(set(listed) - set(files)):
        raise BundleError(f"the .assay file lacks {path!r}, which its manifest lists")
    for path, data in files.items():
        entry = listed[path]
        if (entry.get("sha256"), entry.get("size")) != (hashlib.sha256(data).hexdigest(), len(data)):
            raise BundleError(f"{path!r} is not the file that the manifest describes: it was changed or damaged")


def to_json(doc: Any) -> bytes:
    """Canonical JSON: keys in their order, UTF-8, no NaN."""
    return (json.dumps(doc, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def from_json(data: bytes, path: str) -> Any:
    """Parse JSON from an untrusted file: UTF-8, no NaN, limited depth, no key twice.

    Raises:
        BundleError: it is none of that.
    """
    bare = np.frombuffer(re.sub(rb'"(?:[^"\\]|\\.)*"', b"", data, flags=re.DOTALL), np.uint8)
    opens, closes = (np.isin(bare, np.frombuffer(marks, np.uint8)) for marks in (b"[{", b"]}"))
    if len(bare) and int(np.cumsum(opens.astype(np.int64) - closes).max()) > MAX_DEPTH:
        raise BundleError(f"{path!r} in the .assay file is nested more than {MAX_DEPTH} deep")

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        doc = dict(items)
        if len(doc) != len(items):
            raise ValueError("a key stands twice")
        return doc

    def constant(name: str) -> Any:
        raise ValueError(f"{name} is not JSON")

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant)
    except (ValueError, RecursionError):
        raise BundleError(f"{path!r} in the .assay file is not valid JSON") from None


def to_lines(docs: Iterable[Any]) -> bytes:
    """JSON lines: one document a line."""
    lines = (json.dumps(doc, ensure_ascii=False, allow_nan=False) + "\n" for doc in docs)
    return "".join(lines).encode()


def from_lines(data: bytes, path: str) -> list[Any]:
    """Parse JSON lines from an untrusted file, as ``from_json`` does.

    Raises:
        BundleError: a line is not one JSON document.
    """
    lines = data.splitlines()
    docs = from_json(b"[" + b",".join(lines) + b"]", path)
    if not isinstance(docs, list) or len(docs) != len(lines):
        raise BundleError(f"{path!r} in the .assay file must hold one JSON document a line")
    return docs


def write_file(path: Path, data: bytes) -> None:
    """Write beside ``path`` and rename, so that there is the old file or the whole new one, never half.

    Raises:
        OutputError: the folder is missing or not writable, or the disk is full; nothing is left behind.
    """

    def fill(beside: Path) -> None:
        with beside.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())

    replacing(path, fill)
