"""API keys: made once, shown once, kept as a digest.

A key is ``assay_<id>_<secret>``; the id (8 characters) finds its entry, the secret is 256 random bits. The file keeps
the SHA-256 of the whole key. A slow hash (scrypt, argon2) slows down guessing of words that people think of; nobody
guesses 256 random bits, and a slow hash would cost every request milliseconds. Digests are compared in constant time.

The file is JSON, mode 0600, written beside and renamed, and read again when it has changed: a revoked key is refused
within a second, in every worker, without a restart.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from assay.core.errors import InputError, SettingsError, did_you_mean

SCOPES = ("predict", "explain", "metrics", "label", "log", "admin")
NOBODY = hashlib.sha256(os.urandom(32)).digest()
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of the file. ``sha256`` is of the key, or of a client certificate (``certificate``) in DER form.

    ``budget`` is rows in all, ``rate`` rows a second (a request without rows counts as one), ``burst`` how many rows
    may come at once (by default a second's, at least 1). None means no limit.
    """

    id: str
    name: str
    sha256: str
    scopes: tuple[str, ...] = ("predict",)
    created: str = ""
    expires: str | None = None
    budget: int | None = None
    rate: float | None = None
    burst: float | None = None
    revoked: str | None = None
    certificate: bool = False

    def ended(self, now: float) -> str | None:
        """Why this key no longer counts, or None."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and now >= moment(self.expires) else None


def make(
    name: str,
    scopes: Sequence[str] = ("predict",),
    *,
    expires: str | None = None,
    budget: int | None = None,
    rate: float | None = None,
    burst: float | None = None,
    certificate: bytes | None = None,
    now: float | None = None,
) -> tuple[str, Key]:
    """A new key and its entry; the key itself is kept nowhere. With ``certificate`` (PEM or DER) there is none.

    Raises:
        SettingsError: an unknown scope, a date that does not read, a limit that is not above 0.
    """
    if not name or len(name) > 80 or not name.isprintable():
        raise SettingsError("a key needs a name of 1 to 80 printable characters, such as the service that will use it")
    if not scopes:
        raise SettingsError(f"a key needs at least one scope of {', '.join(SCOPES)}")
    for scope in scopes:
        if scope not in SCOPES:
            raise SettingsError(f"a scope is one of {', '.join(SCOPES)}; got {scope!r}{did_you_mean(scope, SCOPES)}")
    for what, value in (("budget", budget), ("rate", rate), ("burst", burst)):
        if value is not None and not 0 < value < 1e15:
            raise SettingsError(f"--{what} must be a number above 0; got {value:g}")
    if expires is not None:
        moment(expires)
    own = "".join(secrets.choice(ALPHABET) for _ in range(8))
    token = f"assay_{own}_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(token.encode()).hexdigest() if certificate is None else fingerprint(certificate)
    made = written(time.time() if now is None else now)
    key = Key(
        own, name, digest, tuple(dict.fromkeys(scopes)), made, expires, budget, rate, burst,
        certificate=certificate is not None,
    )  # fmt: skip
    return ("" if certificate is not None else token), key


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a certificate's DER form, as TLS shows it.

    Raises:
        InputError: it is no certificate.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        pem = certificate.lstrip().startswith(b"-----")
        read = x509.load_pem_x509_certificate(certificate) if pem else x509.load_der_x509_certificate(certificate)
    except ValueError:
        raise InputError("the file holds no X.509 certificate; a PEM or DER file of the client was expected") from None
    return hashlib.sha256(read.public_bytes(Encoding.DER)).hexdigest()


def temporary(scopes: Sequence[str] = ("predict", "explain", "metrics", "label")) -> tuple[str, Key]:
    """A key for the life of one server, kept in no file: the one-time token on loopback."""
    token, key = make("one-time", scopes)
    return token, key


def written(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 date or moment; without a time it is the start of that day in UTC.

    Raises:
        SettingsError: it does not read.
    """
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise SettingsError(f"a date such as 2027-01-31 or 2027-01-31T12:00:00Z was expected; got {text!r}") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
