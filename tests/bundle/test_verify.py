"""Verification says what each check found, and the exit code follows: 0 whole, 1 not by that key, 2 damaged."""

from __future__ import annotations

import json

import pytest

from assay.bundle import signing
from assay.bundle.archive import SIGNATURE, contents, pack, seal, to_lines, unpack
from assay.bundle.verify import ORDER, verify
from assay.cli.app import run
from assay.cli.sign import sign
from assay.cli.verify import verify as check
from assay.core.errors import AssayError

PRIVATE, PUBLIC = signing.new_key()
STRANGER = signing.new_key()[1]


@pytest.fixture(scope="module")
def plain(model):
    return model.to_bytes()


@pytest.fixture(scope="module")
def signed(plain):
    return signing.sign(plain, PRIVATE)


def results(data, *keys):
    found = verify(data, keys)
    assert tuple(c.name for c in found.checks) == ORDER
    return {c.name: c.result for c in found.checks}, found


def changed(data, **files):
    """The bundle with other files under a manifest that fits them: only the check of the content can tell."""
    manifest, there = unpack(data)
    about = {k: v for k, v in manifest.items() if k not in ("format", "files")}
    return pack({**there, **{k.replace("__", "/").replace("_", "."): v for k, v in files.items()}}, about)


def test_a_whole_file(plain, signed):
    got, found = results(plain)
    assert got.pop("signature") == "none" and set(got.values()) == {"ok"} and found.whole and found.trusted is None
    got, found = results(signed, STRANGER, PUBLIC)
    assert set(got.values()) == {"ok"} and found.trusted is True
    json.dumps(found.to_doc(), allow_nan=False)


def test_who_signed(plain, signed):
    for data in (plain, signed):
        got, found = results(data, STRANGER)
        assert got["signature"] == "failed" and found.trusted is False and found.whole and got["golden rows"] == "ok"
    got, found = results(signed)
    assert got["signature"] == "none" and found.trusted is None
    lie = json.loads(contents(signed)[SIGNATURE])
    lie["dsseEnvelope"]["signatures"][0]["sig"] = "MEUCIQ=="
    got, found = results(seal(contents(signed) | {SIGNATURE: json.dumps(lie).encode()}), PUBLIC)
    assert got["signature"] == "failed" and not found.whole
    got, found = results(seal(contents(signed) | {SIGNATURE: b"{}"}))
    assert got["signature"] == "failed" and not found.whole, "no signature at all is better than a broken one"


def test_each_check_can_fail(plain, model):
    from onnx import helper, load_model_from_string

    _, files = unpack(plain)
    graph = load_model_from_string(files["model/model.onnx"])
    graph.graph.node.append(helper.make_node("Scan", ["x"], ["y"]))
    lines = files["examples/expected.jsonl"].splitlines()
    row = json.loads(lines[0])
    wrong = to_lines([{"probabilities": [1.0 - p for p in row["probabilities"]]}, *map(json.loads, lines[1:])])
    record = model.parity | {"max": 0.5}
    bad_bytes = bytearray(plain)
    bad_bytes[len(plain) // 2] ^= 255
    for name, data in {
        "archive": bytes(bad_bytes),
        "digests": seal(contents(plain) | {"schema.json": b"{}"}),
        "schema": changed(plain, schema_json=b"{}"),
        "graph policy": changed(plain, model__model_onnx=graph.SerializeToString()),
        "golden rows": changed(plain, examples__expected_jsonl=wrong),
        "parity": changed(plain, parity_json=json.dumps(record).encode()),
    }.items():
        got, found = results(data)
        assert got[name] == "failed" and not found.whole, name
        after = ORDER[ORDER.index(name) + 1 :]
        assert all(got[k] == "not reached" for k in after), name
    got, _ = results(changed(plain, parity_json=b"{}"))
    assert got["parity"] == "failed"
    manifest, files = unpack(plain)
    about = {k: v for k, v in manifest.items() if k not in ("format", "files")}
    assert results(pack({k: v for k, v in files.items() if k != "parity.json"}, about))[0]["parity"] == "none"
    assert results(pack(files, about | {"schema": "0" * 64}))[0]["schema"] == "failed"
    assert results(changed(plain, lineage_json=b"{"))[0]["digests"] == "failed", "every document must be JSON"


def test_the_verbs(tmp_path, plain, signed, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASSAY_KEY_PASSWORD", raising=False)
    (tmp_path / "m.assay").write_bytes(plain)
    assert run(["sign", "--new-key", "keys"]) == 0
    private, public = tmp_path / "keys" / "assay.key.pem", tmp_path / "keys" / "assay.pub.pem"
    assert private.stat().st_mode & 0o777 == 0o600
    before = private.read_bytes()
    assert run(["verify", "m.assay"]) == 0
    assert run(["verify", "m.assay", "--key", str(public)]) == 1
    assert run(["sign", "m.assay", "--key", str(private), "-o", "s.assay"]) == 0
    assert (tmp_path / "m.assay").read_bytes() == plain
    assert run(["sign", "m.assay", "--key", str(private)]) == 0, "in place"
    assert (tmp_path / "m.assay").read_bytes() == (tmp_path / "s.assay").read_bytes()
    capsys.readouterr()
    assert run(["verify", "s.assay", "--key", str(public), "--output-format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["trusted"] is True and told["whole"] is True
    (tmp_path / "cut.assay").write_bytes(signed[:-9])
    assert run(["verify", "cut.assay", "--key", str(public)]) == 2
    for verb, words, match in (
        (check, {"model": "s.assay", "key": [private]}, "private"),
        (check, {"model": "s.assay", "key": [tmp_path / "none.pem"]}, "cannot be read"),
        (check, {"model": "none.assay"}, "cannot be read"),
        (check, {"model": "s.assay", "output_format": "html"}, "text or json"),
        (sign, {"model": "s.assay"}, "a key are needed"),
        (sign, {"model": "s.assay", "key": public}, "unreadable"),
        (sign, {"model": "s.assay", "key": private, "output_file": tmp_path / "x.zip"}, "must end in"),
        (sign, {"model": "s.assay", "new_key": tmp_path / "k"}, "only makes"),
        (sign, {"model": "cut.assay", "key": private}, "cut off"),
        (sign, {"new_key": tmp_path / "keys"}, "never overwritten"),
    ):
        with pytest.raises(AssayError, match=match):
            verb(**words)
    private.chmod(0o644)
    capsys.readouterr()
    assert sign(model="m.assay", key=private) == 0 and "others on this machine can read" in capsys.readouterr().err
    assert private.read_bytes() == before and "PRIVATE" not in capsys.readouterr().out


def test_an_encrypted_key_takes_its_password_from_the_environment(tmp_path, plain, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.assay").write_bytes(plain)
    monkeypatch.setenv("ASSAY_KEY_PASSWORD", "geheim")
    assert sign(new_key=tmp_path, quiet=True) == 0
    assert b"ENCRYPTED" in (tmp_path / "assay.key.pem").read_bytes()
    locked = {"model": "m.assay", "key": tmp_path / "assay.key.pem"}
    assert sign(**locked) == 0
    monkeypatch.setenv("ASSAY_KEY_PASSWORD", "falsch")
    with pytest.raises(AssayError, match="another password"):
        sign(**locked)
    monkeypatch.delenv("ASSAY_KEY_PASSWORD")
    with pytest.raises(AssayError, match="ASSAY_KEY_PASSWORD"):
        sign(**locked)
    told = capsys.readouterr()
    assert "geheim" not in told.err + told.out
