"""Signatures in the layout of the OpenSSF model-signing specification (OMS), with ECDSA keys on the curve P-256.

``signature.json`` is a Sigstore bundle whose DSSE envelope holds an in-toto statement: the SHA-256 of every other file,
manifest.json among them, and of all those digests together. The third-party tool ``model_signing verify key`` takes an
unpacked .assay file with it, and a folder that it signed verifies here once packed (a test holds both).

Sources: github.com/sigstore/model-transparency, docs/model_signing_format.md; github.com/secure-systems-lab/dsse,
protocol.md; in-toto Statement v1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.core.errors import BundleError, InputError, MissingExtra

from .archive import contents, from_json, seal, to_json, unpack
from .layout import SIGNATURE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
CURVE = "secp256r1"
WRONG_KEY = "a key must be an ECDSA key on the curve P-256, in PEM; this one is {}; assay sign --new-key DIR makes one"


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that holds: the key (SHA-256 of its public PEM), the name that was signed, and how many files."""

    key: str
    name: str
    files: int


def new_key(password: bytes | None = None) -> tuple[bytes, bytes]:
    """(private, public) PEM of a new P-256 key; the private one is encrypted where a password is given."""
    _needed()
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    locked = form.BestAvailableEncryption(password) if password else form.NoEncryption()
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, locked)
    return private, public_pem(key.public_key())


def public_pem(key: EllipticCurvePublicKey) -> bytes:
    """The one PEM form of a public key, whose SHA-256 names the key in a signature."""
    from cryptography.hazmat.primitives import serialization as form

    return key.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)


def key_name(pem: bytes) -> str:
    """What a signature calls the key: SHA-256 of its public PEM.

    Raises:
        InputError: no PEM of a P-256 public key. MissingExtra: cryptography is not installed.
    """
    _needed()
    return hashlib.sha256(public_pem(public_key(pem))).hexdigest()


def sign(data: bytes, private_pem: bytes, password: bytes | None = None) -> bytes:
    """The same file with ``signature.json`` in it; one that was there before is replaced, nothing else changes.

    Raises:
        BundleError: the file is damaged. InputError: no P-256 key, or another password.
    """
    _needed()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    key = private_key(private_pem, password)
    manifest, _ = unpack(data)
    entries = contents(data)
    entries.pop(SIGNATURE, None)
    payload = to_json(statement(str(manifest["name"]), entries))
    try:  # RFC 6979: same file and key, same bytes
        made = key.sign(_encoded(payload), ec.ECDSA(SHA256(), deterministic_signing=True))
    except UnsupportedAlgorithm:
        made = key.sign(_encoded(payload), ec.ECDSA(SHA256()))
    hint = hashlib.sha256(public_pem(key.public_key())).hexdigest()
    signature = {
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": hint}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD,
            "signatures": [{"sig": base64.b64encode(made).decode(), "keyid": ""}],
        },
    }
    return seal(entries | {SIGNATURE: to_json(signature)})


def statement(name: str, entries: Mapping[str, bytes]) -> dict[str, Any]:
    """The in-toto statement about these files, in the order of their paths part by part."""
    digests = {path: hashlib.sha256(entries[path]) for path in sorted(entries, key=lambda p: p.split("/"))}
    root = hashlib.sha256(b"".join(d.digest() for d in digests.values())).hexdigest()
    resources = [{"name": p, "algorithm": "sha256", "digest": d.hexdigest()} for p, d in digests.items()]
    how = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": [SIGNATURE]}
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": root}}],
        "predicateType": PREDICATE,
        "predicate": {"serialization": how, "resources": resources},
    }


def signed_by(data: bytes, public_pems: Iterable[bytes]) -> Signed | None:
    """Who of these keys signed the file; None where it has no signature.

    Raises:
        BundleError: the file is damaged, or its signature does not hold, or is of none of these keys.
        InputError: what was given as a key is none. MissingExtra: cryptography is not installed.
    """
    _needed()
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    keys = {key_name(pem): public_key(pem) for pem in public_pems}
    entries = contents(data)
    raw = entries.pop(SIGNATURE, None)
    if raw is None:
        return None
    hint, payload, made = _read(raw)
    for name, key in keys.items():
        if hint not in (None, name):
            continue
        try:
            key.verify(made, _encoded(payload), ec.ECDSA(SHA256()))
        except InvalidSignature:
            continue
        signed = _covered(payload, entries)
        return Signed(name, signed, len(entries))
    if hint in keys:
        raise BundleError("the signature of the .assay file is false: it was not made by the key that it names")
    raise BundleError(
        f"the .assay file is signed by another key ({(hint or 'unnamed')[:16]}) than those that were given"
    )


def signer_of(data: bytes) -> str | None:
    """The key that a signature names, without any check that it made it; None where there is no signature."""
    raw = contents(data).get(SIGNATURE)
    return None if raw is None else _read(raw)[0] or "unnamed"


def private_key(pem: bytes, password: bytes | None = None) -> EllipticCurvePrivateKey:
    """
    Raises:
        InputError: no PEM of a P-256 private key, or not its password.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password or None)
    except TypeError:
        raise InputError(
            "the private key is encrypted and needs its password" if not password else "the private key has no password"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        said = "unreadable, or of another password" if password else "unreadable"
        raise InputError(WRONG_KEY.format(said)) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != CURVE:
        raise InputError(WRONG_KEY.format(_kind(key)))
    return key


def public_key(pem: bytes) -> EllipticCurvePublicKey:
    """
    Raises:
        InputError: no PEM of a P-256 public key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if b"PRIVATE KEY" in pem:
        raise InputError(
            "a signature is verified with the public key; this is the private one, which nobody else needs"
        )
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise InputError(WRONG_KEY.format("unreadable")) from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != CURVE:
        raise InputError(WRONG_KEY.format(_kind(key)))
    return key


def _needed() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise MissingExtra("cryptography", "serve", "signing and verifying a signature") from None


def _kind(key: Any) -> str:
    curve = getattr(getattr(key, "curve", None), "name", "")
    name = type(key).__name__.removesuffix("PrivateKey").removesuffix("PublicKey")
    return f"on the curve {curve}" if curve else name


def _encoded(payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding of type and payload."""
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)


def _read(raw: bytes) -> tuple[str | None, bytes, bytes]:
    """(key that is named, payload, signature) of a Sigstore bundle."""
    doc = from_json(raw, SIGNATURE)
    try:
        envelope, hint = doc["dsseEnvelope"], doc["verificationMaterial"]["publicKey"].get("hint")
        (only,) = envelope["signatures"]
        payload, made = (base64.b64decode(text, validate=True) for text in (envelope["payload"], only["sig"]))
        if envelope["payloadType"] != PAYLOAD or not (hint is None or isinstance(hint, str)):
            raise ValueError("another type")
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        raise BundleError(
            "'signature.json' in the .assay file is no signature by a key in the layout of OpenSSF model signing"
        ) from None
    return hint, payload, made


def _covered(payload: bytes, entries: Mapping[str, bytes]) -> str:
    """Check that a statement speaks of exactly these files as they are, and give the name that it signs."""
    doc = from_json(payload, SIGNATURE)
    try:
        (subject,) = doc["subject"]
        root, name, predicate = subject["digest"]["sha256"], subject["name"], doc["predicate"]
        told = [(r["name"], r["algorithm"], r["digest"]) for r in predicate["resources"]]
        if not all(isinstance(path, str) for path, _, _ in told):
            raise TypeError("paths are text")
        kind = (doc["_type"], doc["predicateType"], predicate["serialization"]["method"])
        joined = b"".join(bytes.fromhex(digest) for _, _, digest in told)
    except (KeyError, TypeError, ValueError):
        raise BundleError("the signed statement in the .assay file is incomplete") from None
    if kind != (STATEMENT, PREDICATE, "files") or {a for _, a, _ in told} - {"sha256"}:
        raise BundleError("the signed statement in the .assay file is of another kind than whole files by SHA-256")
    if hashlib.sha256(joined).hexdigest() != root or len({path for path, _, _ in told}) != len(told):
        raise BundleError("the signed statement in the .assay file contradicts itself")
    signed = {path: digest for path, _, digest in told}
    for path in sorted(set(entries) - set(signed)):
        raise BundleError(f"the .assay file holds {path!r}, which was not there when it was signed")
    for path in sorted(set(signed) - set(entries)):
        raise BundleError(f"the .assay file lacks {str(path)[:80]!r}, which was there when it was signed")
    for path, data in entries.items():
        if hashlib.sha256(data).hexdigest() != signed[path]:
            raise BundleError(f"{path!r} is not the file that was signed: it was changed since")
    return str(name)
