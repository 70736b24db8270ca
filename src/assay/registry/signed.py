"""Events that somebody signed with a key of their own: ECDSA on the curve P-256 over SHA-256.

What is signed is the whole event but its signature (what was decided about which digest, name, version and alias, when,
by whom and why, the key, and the number in the chain) after the hash of the event before it, in the pre-authentication
encoding of DSSE (github.com/secure-systems-lab/dsse, protocol.md). So a signature holds for one decision at one place
of one chain.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from assay.core.errors import InputError

from .events import Event

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

TYPE = "application/vnd.assay.registry-event+json"
KEY, SIGNATURE = "key", "signature"
SHORT = 8  # characters by which people are told of a key


def payload(event: Event) -> bytes:
    """The bytes that are signed."""
    bare = replace(event, more={k: v for k, v in event.more.items() if k != SIGNATURE})
    body = event.previous.encode() + bare.canonical()
    return b"DSSEv1 %d %b %d %b" % (len(TYPE), TYPE.encode(), len(body), body)


class Signer:
    """A private key that is ready to sign; ``key`` names it, as signatures do (SHA-256 of its public PEM)."""

    def __init__(self, pem: bytes, password: bytes | None = None) -> None:
        """
        Raises:
            InputError: no PEM of a P-256 private key, or not its password. MissingExtra: no cryptography.
        """
        from assay.bundle import signing

        if b"PRIVATE KEY" not in pem:
            raise InputError(
                "a decision is signed with a private key; this is none (assay sign --new-key makes a pair)"
            )
        signing._needed()
        self._key = signing.private_key(pem, password)
        self.key = signing.key_name(signing.public_pem(self._key.public_key()))

    def sign(self, event: Event) -> str:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.hashes import SHA256

        try:  # RFC 6979: same event and key, same bytes
            made = self._key.sign(payload(event), ec.ECDSA(SHA256(), deterministic_signing=True))
        except UnsupportedAlgorithm:
            made = self._key.sign(payload(event), ec.ECDSA(SHA256()))
        return base64.b64encode(made).decode()


def signed(event: Event, signer: Signer) -> Event:
    """The event with its key and signature."""
    named = replace(event, more={**event.more, KEY: signer.key})
    return replace(named, more={**named.more, SIGNATURE: signer.sign(named)})


@lru_cache(maxsize=256)
def _read(pem: str) -> tuple[str, EllipticCurvePublicKey]:
    """The name and the key of a public PEM: to read one takes longer than to verify a signature."""
    from assay.bundle.signing import key_name, public_key

    return key_name(pem.encode()), public_key(pem.encode())


def holds(event: Event, pem: str) -> bool:
    """Whether the key of this public PEM signed the event as it is.

    Raises:
        MissingExtra: no cryptography.
    """
    said: Any = event.more.get(SIGNATURE)
    try:
        name, key = _read(pem)
        if not isinstance(said, str) or name != event.more.get(KEY):
            return False
        made = base64.b64decode(said, validate=True)
    except (InputError, ValueError, binascii.Error):
        return False
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        key.verify(made, payload(event), ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
