"""TLS and mutual TLS: what uvicorn is given, checked before the server starts."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assay.core.errors import SettingsError


def tls_options(
    cert: Path | None, key: Path | None, client_ca: Path | None = None, password: str | None = None
) -> dict[str, Any]:
    """Options for ``uvicorn.Config``: TLS 1.2 or later, and a client certificate by ``client_ca`` where it is given.

    Raises:
        SettingsError: one of the two files is missing, does not read, does not fit the other, or has expired.
    """
    if cert is None and key is None and client_ca is None:
        return {}
    if cert is None or key is None:
        raise SettingsError("TLS needs both --tls-cert and --tls-key; --client-ca needs them too")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    for path in (cert, key, *((client_ca,) if client_ca else ())):
        if not path.is_file():
            raise SettingsError(f"there is no file {path}; --tls-cert, --tls-key and --client-ca name PEM files")
    _fresh(cert)
    try:
        context.load_cert_chain(cert, key, password=password or "")
    except (ssl.SSLError, OSError, ValueError):
        raise SettingsError(
            f"{cert} and {key} must be a PEM certificate and its unencrypted private key; they do not fit each other, "
            "or one does not read"
        ) from None
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except (ssl.SSLError, OSError):
            raise SettingsError(f"{client_ca} must hold the PEM certificate of who signs your clients") from None
        context.verify_mode = ssl.CERT_REQUIRED
    return {"ssl_certfile": str(cert), "ssl_context_factory": lambda config, default: context}


def _fresh(cert: Path) -> None:
    from cryptography import x509

    try:
        read = x509.load_pem_x509_certificate(cert.read_bytes())
    except ValueError:
        raise SettingsError(f"{cert} holds no PEM certificate") from None
    now = datetime.now(UTC)
    if not read.not_valid_before_utc <= now <= read.not_valid_after_utc:
        raise SettingsError(
            f"the certificate {cert} is valid from {read.not_valid_before_utc:%Y-%m-%d} to "
            f"{read.not_valid_after_utc:%Y-%m-%d} only; renew it"
        )
