"""JSON web tokens (RFC 7519) from a JWKS file (RFC 7517), checked the way RFC 8725 asks.

The key decides the algorithm, never the token: an Ed25519 key means EdDSA, a P-256 key ES256; ``none``, HS* and RS*
are no algorithms here. A token may not bring its own key (``jwk``, ``jku``, ``x5c``, ``x5u``), nor conditions that are
not understood (``crit``, ``b64``). Issuer and audience are those of the settings, exp is a must. A small verifier of
our own, since the usual packages add a dependency to what ``cryptography`` already does.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.errors import InputError

from .guard import Caller
from .keys import SCOPES
from .watched import Watched

MOST = 8192  # characters of a token
REMEMBERED = 1024  # tokens whose signature need not be checked again
PART = re.compile(r"[A-Za-z0-9_-]+")
FOREIGN = ("jwk", "jku", "x5c", "x5u", "x5t", "x5t#S256", "crit", "b64", "zip", "enc", "cty")
TYPES = ("JWT", "AT+JWT", "APPLICATION/AT+JWT", "APPLICATION/JWT")


@dataclass(frozen=True, slots=True)
class Verifying:
    """A public key and the one algorithm that it stands for."""

    kid: str | None
    algorithm: str
    verify: Callable[[bytes, bytes], bool]


class Tokens:
    """Tokens of one issuer for one audience.

    Scopes come from the claim ``scope`` (words) or ``scp`` (list or words); those that assay does not know are passed
    over. ``rate`` and ``burst`` limit each subject.

    Raises:
        InputError: the JWKS file is missing, malformed, or holds a private or an unfit key.
    """

    def __init__(
        self,
        jwks: Path,
        issuer: str,
        audience: str,
        leeway: float = 30.0,
        rate: float | None = None,
        burst: float | None = None,
        warn: Callable[[str], object] = lambda sentence: None,
    ) -> None:
        self.path, self.issuer, self.audience, self.leeway = jwks, issuer, audience, leeway
        self.rate, self.burst, self.warn = rate, burst, warn
        self._file = Watched(jwks)
        self._keys = read_jwks(jwks)
        self._known: dict[bytes, Mapping[str, Any]] = {}

    def caller(self, token: str, now: float) -> Caller | None:
        """Who the token says the caller is, or None where it does not hold."""
        claims = self._claims(token)
        if claims is None or not self._holds(claims, now):
            return None
        said = claims.get("scope", claims.get("scp", ""))
        words = said.split() if isinstance(said, str) else said if isinstance(said, list) else []
        subject = claims["sub"]
        return Caller(
            f"jwt:{subject}", frozenset(w for w in words if w in SCOPES), "jwt", subject, None, self.rate, self.burst
        )

    def _claims(self, token: str) -> Mapping[str, Any] | None:
        self._again()
        name = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        if (known := self._known.get(name)) is not None:
            return known
        claims = verified(token, self._keys)
        if claims is not None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[name] = claims
        return claims

    def _holds(self, claims: Mapping[str, Any], now: float) -> bool:
        ends, begins, made = claims.get("exp"), claims.get("nbf", 0), claims.get("iat", 0)
        times = (ends, begins, made)
        if any(isinstance(t, bool) or not isinstance(t, (int, float)) or not -1e12 < t < 1e12 for t in times):
            return False
        audience = claims.get("aud")
        for_us = self.audience in audience if isinstance(audience, list) else audience == self.audience
        subject = claims.get("sub")
        return (
            float(ends or 0) + self.leeway > now
            and begins - self.leeway <= now
            and made - self.leeway <= now
            and claims.get("iss") == self.issuer
            and for_us
            and isinstance(subject, str)
            and 0 < len(subject) <= 255
            and subject.isprintable()
        )

    def _again(self) -> None:
        if not self._file.changed():
            return
        self._known.clear()
        try:
            self._keys = read_jwks(self.path)
        except InputError as error:
            self.warn(f"{error}; no token is let in until it is mended")
            self._keys = ()


def verified(token: str, keys: tuple[Verifying, ...]) -> Mapping[str, Any] | None:
    """The claims of a token whose signature is by one of ``keys``; None where anything at all is amiss."""
    if len(token) > MOST:
        return None
    parts = token.split(".")
    if len(parts) != 3:
        return None
    decoded = [part_of(p) for p in parts]
    if any(d is None for d in decoded):
        return None
    header, claims = (object_of(d) for d in decoded[:2])
    if header is None or claims is None or any(name in header for name in FOREIGN):
        return None
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.upper() not in TYPES:
        return None
    kid = header.get("kid")
    fit = [k for k in keys if k.kid == kid] if kid is not None else list(keys) if len(keys) == 1 else []
    if len(fit) != 1 or header.get("alg") != fit[0].algorithm:
        return None
    signed = f"{parts[0]}.{parts[1]}".encode("ascii")
    signature = decoded[2]
    return claims if signature is not None and fit[0].verify(signature, signed) else None


def part_of(text: str) -> bytes | None:
    """Base64url without padding, in its one canonical spelling."""
    if not PART.fullmatch(text):
        return None
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    return data if urlsafe_b64encode(data).rstrip(b"=").decode() == text else None


def object_of(data: bytes | None) -> dict[str, Any] | None:
    """A JSON object in which no name stands twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        out = dict(pairs)
        if len(out) != len(pairs):
            raise ValueError("a name twice")
        return out

    def refuse(word: str) -> Any:
        raise ValueError(word)

    try:
        doc = json.loads((data or b"").decode("utf-8"), object_pairs_hook=once, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    return doc if isinstance(doc, dict) else None


def read_jwks(path: Path) -> tuple[Verifying, ...]:
    """The public keys of a JWKS file: Ed25519 (OKP) and P-256 (EC).

    Raises:
        InputError: it is missing, malformed, holds another kind of key, a private one, or a ``kid`` twice.
    """
    try:
        doc = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"the JWKS file {path} cannot be read ({error.strerror})") from None
    except ValueError:
        doc = None
    entries = doc.get("keys") if isinstance(doc, dict) else None
    if not isinstance(entries, list) or not entries or not all(isinstance(e, dict) for e in entries):
        raise InputError(f'{path} is no JWKS file: {{"keys": [...]}} with at least one public key was expected')
    keys = tuple(key_of(e, path) for e in entries if e.get("use", "sig") == "sig")
    kids = [k.kid for k in keys]
    if not keys or len(set(kids)) != len(kids) or (len(keys) > 1 and None in kids):
        raise InputError(f"{path} must name each of its signing keys by a kid of its own")
    return keys


def key_of(entry: Mapping[str, Any], path: Path) -> Verifying:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    kid = entry.get("kid")
    if "d" in entry or "k" in entry:
        raise InputError(f"{path} holds a private or a shared key; only public keys belong on a server")
    kind, wanted = (entry.get("kty"), entry.get("crv")), {"OKP": "EdDSA", "EC": "ES256"}
    algorithm = wanted.get(str(entry.get("kty")), "")
    if kind not in (("OKP", "Ed25519"), ("EC", "P-256")) or entry.get("alg", algorithm) != algorithm:
        raise InputError(f"{path}: keys must be Ed25519 (for EdDSA) or P-256 (for ES256); got {kind[0]} {kind[1]}")
    x, y = (part_of(entry[n]) if isinstance(entry.get(n), str) else None for n in ("x", "y"))
    try:
        if kind[0] == "OKP":
            public = ed25519.Ed25519PublicKey.from_public_bytes(x or b"")

            def verify(signature: bytes, signed: bytes) -> bool:
                try:
                    public.verify(signature, signed)
                except InvalidSignature:
                    return False
                return True

        else:
            if x is None or y is None or len(x) != 32 or len(y) != 32:
                raise ValueError("coordinates")
            curve = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + x + y)

            def verify(signature: bytes, signed: bytes) -> bool:
                if len(signature) != 64:
                    return False
                r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
                try:
                    curve.verify(encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))
                except InvalidSignature:
                    return False
                return True

    except ValueError:
        raise InputError(f"{path}: a key is not a point of its curve") from None
    if kid is not None and not isinstance(kid, str):
        raise InputError(f"{path}: a kid must be text")
    return Verifying(kid, algorithm, verify)
