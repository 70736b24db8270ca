"""Signatures: what was signed is what is there, by the key that is asked for; and the OpenSSF tool agrees."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from assay.bundle import signing
from assay.bundle.archive import MANIFEST, SIGNATURE, contents, pack, seal, to_json, unpack
from assay.bundle.model import Model
from assay.core.errors import BundleError, InputError, MissingExtra

PRIVATE, PUBLIC = signing.new_key()
PLAIN = pack({"a.json": b"{}\n", "dossier.json": b"{}", "dossier/model_card.md": b"# m\n"}, {"name": "late"})
SIGNED = signing.sign(PLAIN, PRIVATE)


def pems(key):
    pkcs8 = (form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    return key.private_bytes(*pkcs8), key.public_key().public_bytes(*pkcs8[:1], form.PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def with_statement(monkeypatch):
    """The file with a statement that its owner signed, changed before it was signed."""

    def made(change):
        doc = signing.statement("late", contents(PLAIN))
        change(doc)
        monkeypatch.setattr(signing, "statement", lambda *given: doc)
        return signing.sign(PLAIN, PRIVATE)

    return made


def test_sign_and_verify():
    assert signing.signed_by(PLAIN, [PUBLIC]) is None and signing.signer_of(PLAIN) is None
    other = signing.new_key()[1]
    held = signing.signed_by(SIGNED, [other, PUBLIC])
    assert (held.name, held.files, held.key) == ("late", 4, signing.signer_of(SIGNED))
    assert {k: v for k, v in contents(SIGNED).items() if k != SIGNATURE} == contents(PLAIN)
    assert unpack(SIGNED) == unpack(PLAIN), "a signature changes nothing else"
    assert signing.sign(SIGNED, PRIVATE) == SIGNED, "signing again is the same file"


def test_a_signed_model_predicts(model):
    signed = signing.sign(model.to_bytes(), PRIVATE)
    again = Model.load(signed)
    assert again.golden_difference == 0.0 and again.manifest == model.manifest and again.digest != model.digest


def test_a_load_that_trusts_only_some_keys(model, tmp_path):
    signed = signing.sign(model.to_bytes(), PRIVATE)
    (tmp_path / "m.assay").write_bytes(signed)
    stranger = signing.new_key()[1]
    for source in (signed, tmp_path / "m.assay"):
        assert Model.load(source, trusted=[stranger, PUBLIC]).digest == Model.load(source).digest
        with pytest.raises(BundleError, match="another key"):
            Model.load(source, trusted=[stranger])
    with pytest.raises(BundleError, match="not signed"):
        Model.load(model.to_bytes(), trusted=[PUBLIC])


def test_wrong_keys():
    other, other_public = signing.new_key()
    with pytest.raises(BundleError, match="another key"):
        signing.signed_by(SIGNED, [other_public])
    with pytest.raises(BundleError, match="another key"):
        signing.signed_by(SIGNED, [])
    doc = json.loads(contents(signing.sign(PLAIN, other))[SIGNATURE])
    doc["verificationMaterial"]["publicKey"]["hint"] = signing.signer_of(SIGNED)  # claims to be by the right key
    with pytest.raises(BundleError, match="false"):
        signing.signed_by(seal(contents(PLAIN) | {SIGNATURE: to_json(doc)}), [PUBLIC])
    doc["verificationMaterial"]["publicKey"] = {}
    with pytest.raises(BundleError, match=r"another key \(unnamed\)"):
        signing.signed_by(seal(contents(PLAIN) | {SIGNATURE: to_json(doc)}), [PUBLIC])
    assert signing.signed_by(seal(contents(PLAIN) | {SIGNATURE: to_json(doc)}), [PUBLIC, other_public])


@pytest.mark.parametrize("key", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP384R1())])
def test_other_kinds_of_keys_are_refused(key):
    private, public = pems(key)
    for refuse in (lambda: signing.sign(PLAIN, private), lambda: signing.signed_by(SIGNED, [public])):
        with pytest.raises(InputError, match=r"must be an ECDSA key on the curve P-256.*(Ed25519|secp384r1)"):
            refuse()


def test_unreadable_keys_and_passwords():
    locked, public = signing.new_key(b"geheim")
    assert b"ENCRYPTED" in locked
    assert signing.signed_by(signing.sign(PLAIN, locked, b"geheim"), [public])
    for pem, password, match in (
        (locked, None, "needs its password"), (locked, b"falsch", "another password"), (b"", None, "unreadable"),
        (PUBLIC, None, "unreadable"), (PRIVATE, b"geheim", "no password"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=match) as caught:
            signing.sign(PLAIN, pem, password)
        assert "geheim" not in str(caught.value) and "PRIVATE" not in str(caught.value)
    for pem, match in ((PRIVATE, "public key"), (b"x", "unreadable")):
        with pytest.raises(InputError, match=match):
            signing.signed_by(SIGNED, [pem])


def test_without_cryptography(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    for do in (signing.new_key, lambda: signing.sign(PLAIN, PRIVATE), lambda: signing.signed_by(SIGNED, [PUBLIC])):
        with pytest.raises(MissingExtra, match=r"pip install 'assay\[serve\]'"):
            do()
    assert signing.signer_of(SIGNED), "that there is a signature can be seen without it"


def test_whatever_changes_after_signing_is_found():
    """The manifest is signed too, so that even a file whose manifest was made to fit does not pass."""
    about = {"name": "late"}
    _, files = unpack(SIGNED)
    signature = {SIGNATURE: contents(SIGNED)[SIGNATURE]}
    for changed, match in (
        (files | {"a.json": b"[]\n"}, "not the file that was signed"),
        (files | {"b.json": b"[]\n"}, "'b.json', which was not there"),
        ({k: v for k, v in files.items() if k != "a.json"}, "lacks 'a.json'"),
    ):
        forged = seal(contents(pack(changed, about)) | signature)
        assert unpack(forged), "the manifest fits: only the signature can tell"
        with pytest.raises(BundleError, match=match):
            signing.signed_by(forged, [PUBLIC])
    renamed = seal(contents(pack(files, {"name": "other"})) | signature)
    with pytest.raises(BundleError, match=r"'manifest\.json' is not the file that was signed"):
        signing.signed_by(renamed, [PUBLIC])


@pytest.mark.parametrize("change, match", [
    (lambda d: d["predicate"]["resources"].pop(), "contradicts itself"),
    (lambda d: d["subject"][0]["digest"].update(sha256="0" * 64), "contradicts itself"),
    (lambda d: d["predicate"]["serialization"].update(method="shards"), "another kind"),
    (lambda d: d.update(predicateType="https://model_signing/Digests/v0.1"), "another kind"),
    (lambda d: d["predicate"]["resources"][0].update(algorithm="blake3"), "another kind"),
    (lambda d: d["predicate"]["resources"][0].update(digest="xyz"), "incomplete"),
    (lambda d: d["predicate"]["resources"][0].update(name=3), "incomplete"),
    (lambda d: d.pop("subject"), "incomplete"),
    (lambda d: d.update(predicate=[]), "incomplete"),
])  # fmt: skip
def test_statements_that_say_something_else(change, match, with_statement):
    with pytest.raises(BundleError, match=match):
        signing.signed_by(with_statement(change), [PUBLIC])


def test_a_statement_that_leaves_a_file_out(with_statement):
    entries = {k: v for k, v in contents(PLAIN).items() if k != "a.json"}
    part = signing.statement("late", entries)
    with pytest.raises(BundleError, match=r"'a\.json', which was not there"):
        signing.signed_by(with_statement(lambda d: (d.clear(), d.update(part))), [PUBLIC])


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"dsseEnvelope": 3, "verificationMaterial": {"publicKey": {}}}'])
def test_signatures_that_are_none(raw):
    with pytest.raises(BundleError, match=r"signature|valid JSON"):
        signing.signed_by(seal(contents(PLAIN) | {SIGNATURE: raw}), [PUBLIC])


def test_any_changed_byte_of_the_payload_is_found():
    doc = json.loads(contents(SIGNED)[SIGNATURE])
    payload = bytearray(base64.b64decode(doc["dsseEnvelope"]["payload"]))
    for at in range(0, len(payload), 53):
        bad = bytearray(payload)
        bad[at] ^= 1
        doc["dsseEnvelope"]["payload"] = base64.b64encode(bad).decode()
        with pytest.raises(BundleError, match="false"):
            signing.signed_by(seal(contents(PLAIN) | {SIGNATURE: to_json(doc)}), [PUBLIC])


@pytest.fixture(scope="module")
def tool(tmp_path_factory):
    """The OpenSSF tool in an environment of its own; it does not declare that it needs pyOpenSSL."""
    folder = tmp_path_factory.mktemp("openssf")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [folder / "bin" / "pip", "install", "-q", "model-signing==1.1.1", "pyOpenSSL"]
    if subprocess.run(install, capture_output=True).returncode:
        pytest.skip("model-signing could not be installed: no package registry is in reach")
    return lambda *words: subprocess.run([folder / "bin" / "model_signing", *map(str, words)], capture_output=True)


def unfolded(data: bytes, folder: Path) -> Path:
    for path, content in contents(data).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


@pytest.mark.slow
def test_the_openssf_tool_verifies_ours_and_we_verify_its(tool, tmp_path, model):
    (tmp_path / "key.pem").write_bytes(PRIVATE)
    (tmp_path / "pub.pem").write_bytes(PUBLIC)
    (tmp_path / "other.pem").write_bytes(signing.new_key()[1])
    ours = unfolded(signing.sign(model.to_bytes(), PRIVATE), tmp_path / "ours")
    asked = ("verify", "key", ours, "--signature", ours / SIGNATURE, "--public_key")
    assert tool(*asked, tmp_path / "pub.pem").returncode == 0
    assert tool(*asked, tmp_path / "other.pem").returncode != 0
    (ours / "schema.json").write_bytes(b"{}")
    assert tool(*asked, tmp_path / "pub.pem").returncode != 0

    theirs = unfolded(model.to_bytes(), tmp_path / "theirs")
    made = tool("sign", "key", theirs, "--private_key", tmp_path / "key.pem", "--signature", theirs / SIGNATURE)
    assert made.returncode == 0, made.stderr
    packed = seal({str(p.relative_to(theirs)): p.read_bytes() for p in theirs.rglob("*") if p.is_file()})
    assert signing.signed_by(packed, [PUBLIC]).files == len(contents(model.to_bytes()))
    assert Model.load(packed).golden_difference == 0.0
    assert MANIFEST in contents(packed)
