"""The file: same content, same bytes; and whatever assay did not write is refused in one sentence."""

from __future__ import annotations

import errno
import io
import json
import os
import struct
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.bundle import archive
from assay.bundle.archive import MANIFEST, from_json, pack, unpack, write_file
from assay.bundle.model import Model
from assay.core.errors import BundleError, InputError, OutputError

FILES = {"b.json": b"{}\n", "model/a.bin": bytes(range(256)) * 20, "zero": b""}


def zipped(entries, manifest_of=None, mode=0o100644):
    """A zip as an attacker would make it; ``manifest_of`` are the files that the manifest lists."""
    good = unpack(pack(manifest_of if manifest_of is not None else dict(entries), {}))[0]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, data in [(MANIFEST, archive.to_json(good)), *entries]:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, (0o100644 if name == MANIFEST else mode) << 16
            z.writestr(info, data)
    return out.getvalue()


def refused(data, match):
    with pytest.raises(BundleError, match=match) as caught:
        unpack(data)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_round_trip_and_same_bytes():
    data = pack(FILES, {"name": "n"})
    assert data == pack(dict(reversed(FILES.items())), {"name": "n"})
    manifest, files = unpack(data)
    assert files == FILES and manifest["name"] == "n"
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        assert z.testzip() is None
        assert z.namelist() == [MANIFEST, "b.json", "model/a.bin", "zero"]
        assert {i.date_time for i in z.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "C:/x", "a\\x", "a//b", "./x", "a/."])
def test_unsafe_names(name):
    refused(zipped([(name, b"1")], {}), "unsafe name")


def test_another_order():
    unpack(zipped([("a", b"1"), ("b", b"2")]))
    refused(zipped([("b", b"2"), ("a", b"1")]), "not in the order")


def test_symlink():
    refused(zipped([("link", b"/etc/passwd")], mode=0o120777), "link or special")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_names():
    refused(zipped([("x", b"1"), ("x", b"2")], {"x": b"1"}), "twice")


def test_unlisted_missing_and_changed():
    refused(zipped([("x", b"1"), ("y", b"2")], {"x": b"1"}), "does not list")
    refused(zipped([("x", b"1")], {"x": b"1", "y": b"2"}), "lacks 'y'")
    refused(zipped([("x", b"1")], {"x": b"2"}), "changed or damaged")


def test_bombs():
    huge = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = huge.compress(b"\0" * (1 << 20)) + huge.flush()
    data = pack({"x": b"y" * len(packed)}, {})
    assert unpack(data)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name in (MANIFEST, "x"):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr, info.compress_type = 3, 0o100644 << 16, zipfile.ZIP_DEFLATED
            z.writestr(info, b"\0" * (1 << 20))
    refused(out.getvalue(), "unpacks to more")
    assert len(pack({"x": b"\0" * (1 << 20)}, {})) > 1 << 20, "what would look like a bomb is stored"
    assert unpack(pack({"x": b"\0" * (1 << 20)}, {}))[1]["x"] == b"\0" * (1 << 20)


def test_a_size_that_lies(monkeypatch):
    data = bytearray(pack({"x": b"ab" * 500}, {}))
    at = data.rfind(b"PK\x01\x02")
    size = struct.unpack_from("<I", data, at + 24)[0]
    for place in (at + 24, data.rfind(b"PK\x03\x04") + 22):
        struct.pack_into("<I", data, place, size - 1)
    refused(bytes(data), "not as long")
    monkeypatch.setattr(archive, "MAX_BYTES", 100)
    refused(pack({"x": b"ab" * 500}, {}), "unpacks to more")


def test_truncated_and_trailing():
    data = pack(FILES, {})
    for cut in range(0, len(data), 97):
        with pytest.raises(BundleError):
            unpack(data[:cut])
    refused(data + b"x", "cut off, or has bytes")
    refused(data + data, "bytes|contents|contradicts|changed")
    refused(b"junk" + data, "not an .assay file")
    with pytest.raises(BundleError):
        unpack(b"")


def test_zip_comment_and_other_dates():
    out = io.BytesIO(pack(FILES, {}))
    with zipfile.ZipFile(out, "a") as z:
        z.comment = b"hello"
    refused(out.getvalue(), "cut off, or has bytes")
    again = io.BytesIO()
    with zipfile.ZipFile(again, "w") as z:
        z.writestr(MANIFEST, b"{}")
    refused(again.getvalue(), "link or special|changed or packed anew")


@pytest.mark.parametrize("bad", [b"{", b"\xff", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 100_000, b"1" * 5000 + b"x"])
def test_bad_json(bad):
    with pytest.raises(BundleError):
        from_json(bad, "x.json")


def test_deep_json():
    deep = b"[" * 65 + b"]" * 65
    with pytest.raises(BundleError, match="deep"):
        from_json(deep, "x.json")
    assert from_json(b'{"text": "' + b"[" * 100 + b'"}', "x.json") == {"text": "[" * 100}
    assert from_json(json.dumps({"a": [1] * 5000, "b": '\\"['}).encode(), "x.json")["b"] == '\\"['


def test_other_versions_and_no_manifest():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        info = zipfile.ZipInfo(MANIFEST, (1980, 1, 1, 0, 0, 0))
        info.create_system, info.external_attr = 3, 0o100644 << 16
        z.writestr(info, b'{"format": "assay-bundle-9", "files": {}}')
    refused(out.getvalue(), "assay-bundle-9")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_any_changed_byte_is_found(data):
    good = pack(FILES, {})
    at = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good)
    bad[at] ^= data.draw(st.integers(1, 255))
    try:
        got = unpack(bytes(bad))
    except BundleError:
        return
    # padding bits at the end of a deflated stream carry nothing; everything else must be noticed
    assert got == unpack(good), f"byte {at} was changed and not noticed"


def test_write_leaves_the_old_or_the_new(tmp_path, monkeypatch):
    path = tmp_path / "m.assay"
    write_file(path, b"old")
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask

    def full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive.os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        write_file(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["m.assay"] and path.read_bytes() == b"old"
    with pytest.raises(OutputError):
        write_file(tmp_path / "no" / "m.assay", b"new")


def test_model_refuses_other_files(tmp_path, model):
    with pytest.raises(InputError, match="cannot be read"):
        Model.load(tmp_path / "none.assay")
    with pytest.raises(InputError, match="folder"):
        Model.load(tmp_path)
    manifest, files = unpack(model.to_bytes())
    about = {k: v for k, v in manifest.items() if k not in ("format", "files")}
    for gone in ("model/model.onnx", "schema.json", "examples/inputs.jsonl", "examples/expected.jsonl"):
        with pytest.raises(BundleError, match="lacks"):
            Model.load(pack({k: v for k, v in files.items() if k != gone}, about))
    for name in ("schema.json", "examples/inputs.jsonl", "examples/expected.jsonl"):
        for bad in (b"{}", b"[]", b"null", b'{"x-assay": {"format": 3}}', b'{"rows": [], "expected": []}'):
            with pytest.raises(BundleError):
                Model.load(pack(files | {name: bad}, about))
