"""A reader written from docs/bundle.md alone: standard library, onnxruntime, and cryptography to verify; no assay."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib

import numpy as np
import onnxruntime
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from assay.bundle import signing
from tests.bundle.conftest import Case


def entries(data: bytes) -> dict[str, bytes]:
    """Local headers one after another from byte 0, then the central directory, then 22 bytes of end record."""
    mark, _, _, _, count, length, start, comment = struct.unpack("<4s4H2IH", data[-22:])
    assert mark == b"PK\x05\x06" and comment == 0 and start + length == len(data) - 22
    found, at = {}, 0
    for _ in range(count):
        mark, version, flags, method, time, date, crc, packed, size, name_size, extra = struct.unpack(
            "<4s5H3I2H", data[at : at + 30]
        )
        assert (mark, version, time, date, extra) == (b"PK\x03\x04", 20, 0, 0x21, 0) and method in (0, 8)
        name = data[at + 30 : at + 30 + name_size]
        assert flags == (0 if name.isascii() else 0x0800)
        body = data[at + 30 + name_size :][:packed]
        found[name.decode()] = body if method == 0 else zlib.decompress(body, -15)
        assert len(found[name.decode()]) == size and zlib.crc32(found[name.decode()]) == crc
        at += 30 + name_size + packed
    assert at == start and list(found) == ["manifest.json", *sorted(set(found) - {"manifest.json"}, key=str.encode)]
    for name in found:
        fields = struct.unpack("<4s6H3I5H2I", data[at : at + 46])
        assert fields[:3] == (b"PK\x01\x02", 0x0314, 20) and fields[11:15] == (0, 0, 0, 0) and fields[15] == 0x81A40000
        assert data[at + 46 : at + 46 + fields[10]].decode() == name
        at += 46 + fields[10]
    assert at == start + length
    return found


def checked(files: dict[str, bytes]) -> dict[str, bytes]:
    manifest = json.loads(files["manifest.json"])
    assert manifest["format"] == "assay-bundle-1"
    assert set(manifest["files"]) == set(files) - {"manifest.json", "signature.json"}
    for path, entry in manifest["files"].items():
        assert (len(files[path]), hashlib.sha256(files[path]).hexdigest()) == (entry["size"], entry["sha256"])
    return files


def predicted(files: dict[str, bytes]) -> tuple[np.ndarray, np.ndarray]:
    """(what the graph gives for the golden rows, what is expected)."""
    own = json.loads(files["schema.json"])["x-assay"]
    rows = [json.loads(line) for line in files["examples/inputs.jsonl"].splitlines()]
    feed = {}
    for column, said in own["columns"].items():
        values = [row[column] for row in rows]
        if said["kind"] in ("text", "category", "mixed"):
            feed[said["input"]] = np.array([["\ue000" if v is None else v] for v in values], object)
        else:
            feed[said["input"]] = np.array([[np.nan if v is None else float(v)] for v in values])
    main = "value" if own["task"] == "regression" else "probabilities"
    expected = [json.loads(line)[main] for line in files["examples/expected.jsonl"].splitlines()]
    session = onnxruntime.InferenceSession(files["model/model.onnx"])
    return session.run([main], feed)[0], np.array(expected)


def verified(files: dict[str, bytes], public: bytes) -> None:
    doc = json.loads(files["signature.json"])
    key = serialization.load_pem_public_key(public)
    envelope = doc["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"])
    signed = b"DSSEv1 28 application/vnd.in-toto+json %d " % len(payload) + payload
    key.verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed, ec.ECDSA(hashes.SHA256()))
    assert doc["verificationMaterial"]["publicKey"]["hint"] == hashlib.sha256(public).hexdigest()
    told = json.loads(payload)
    paths = sorted(set(files) - {"signature.json"}, key=lambda path: path.split("/"))
    digests = [hashlib.sha256(files[path]) for path in paths]
    assert [(r["name"], r["digest"]) for r in told["predicate"]["resources"]] == [
        (path, digest.hexdigest()) for path, digest in zip(paths, digests, strict=True)
    ]
    root = hashlib.sha256(b"".join(d.digest() for d in digests)).hexdigest()
    assert told["subject"][0]["digest"]["sha256"] == root


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_stranger_reads_checks_predicts_and_verifies(task):
    private, public = signing.new_key()
    data = signing.sign(Case(task, "tree").build().to_bytes(), private)
    files = checked(entries(data))
    got, want = predicted(files)
    assert len(want) > 10 and np.all(np.abs(got - want) <= 1e-5 * np.maximum(1.0, np.abs(want)))
    verified(files, public)
    files["schema.json"] += b" "
    with pytest.raises(AssertionError):
        checked(files)
    with pytest.raises(AssertionError):
        verified(files, public)
