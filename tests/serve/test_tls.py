"""TLS and mutual TLS on a real socket, with certificates made here."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from assay.core.errors import InputError, SettingsError
from assay.serve.guard import Guard
from assay.serve.http import Refused, Request
from assay.serve.key_file import KeyRing
from assay.serve.keys import fingerprint, make
from assay.serve.tls import tls_options
from assay.serve.wire import CERTIFICATE

from .test_wire import serving

NOW = dt.datetime.now(dt.UTC)


class Authority:
    """Signs certificates and writes them as PEM files."""

    def __init__(self, folder, name: str) -> None:
        self.folder, self.key = folder, ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.pem = folder / f"{name}.pem"
        own = self.signed(self.name, self.key, ca=True)
        self.pem.write_bytes(own.public_bytes(Encoding.PEM))

    def signed(self, name, key, ca=False, days=1, start=-1):
        build = x509.CertificateBuilder(self.name, name, key.public_key(), x509.random_serial_number())
        build = build.not_valid_before(NOW + dt.timedelta(start)).not_valid_after(NOW + dt.timedelta(days))
        build = build.add_extension(x509.BasicConstraints(ca, None), True)
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return build.add_extension(x509.SubjectAlternativeName(names), False).sign(self.key, SHA256())

    def make(self, name: str, **more):
        key = ec.generate_private_key(ec.SECP256R1())
        cert = self.signed(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, **more)
        paths = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        paths[0].write_bytes(cert.public_bytes(Encoding.PEM))
        paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return paths


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"), "ours")


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("other"), "theirs")


@pytest.fixture(scope="module")
def server(ca):
    return ca.make("server")


async def app(scope, receive, send):
    """Says which certificate it saw."""
    said = (scope.get("extensions") or {}).get(CERTIFICATE, "none").encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]})
    await send({"type": "http.response.body", "body": said})


def get(port, ca, client=None, **limits) -> str:
    context = ssl.create_default_context(cafile=str(ca.pem))
    for name, value in limits.items():
        setattr(context, name, value)
    if client is not None:
        context.load_cert_chain(*client)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        secure.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        out = b""
        while part := secure.recv(65536):
            out += part
    if not out:
        raise ConnectionError("closed without an answer")
    return out.rpartition(b"\r\n")[2].decode()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_tls(ca, server):
    with serving(app, **tls_options(*server)) as port:
        assert get(port, ca) == "none"
        with pytest.raises((OSError, ssl.SSLError)):
            get(port, ca, minimum_version=ssl.TLSVersion.MINIMUM_SUPPORTED, maximum_version=ssl.TLSVersion.TLSv1_1)
        with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:  # no TLS at all
            plain.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                assert not plain.recv(100).startswith(b"HTTP")


def test_a_client_certificate_is_asked_for_and_handed_on(ca, other, server):
    client, foreign, old = ca.make("client"), other.make("client"), ca.make("old", start=-10, days=-5)
    with serving(app, **tls_options(*server, client_ca=ca.pem)) as port:
        assert get(port, ca, client) == fingerprint(client[0].read_bytes())
        for wrong in (None, foreign, old):
            with pytest.raises((OSError, ssl.SSLError)):
                get(port, ca, wrong)


def test_a_certificate_is_a_caller_where_it_has_an_entry(ca):
    client = ca.make("known")[0].read_bytes()
    token, key = make("known", ("predict",), certificate=client)
    assert token == "" and key.certificate
    guard = Guard(KeyRing(None, (key,)))
    ask = Request("POST", "/predict")
    assert guard.admit(ask, 0.0, fingerprint(client)).name == "known"
    for certificate in (None, "ab" * 32):
        with pytest.raises(Refused) as refused:
            guard.admit(ask, 0.0, certificate)
        assert refused.value.status == 401
    with pytest.raises(Refused):  # a wrong key is not made good by a certificate
        guard.admit(Request("POST", "/predict", "", {b"x-api-key": b"wrong"}), 0.0, fingerprint(client))
    with pytest.raises(Refused):  # nor can a header say what only TLS can
        guard.admit(Request("POST", "/predict", "", {b"x-client-certificate": fingerprint(client).encode()}), 0.0)
    with pytest.raises(InputError, match=r"X\.509"):
        make("x", certificate=b"nothing")


def test_files_that_do_not_do(ca, other, server, tmp_path):
    cert, key = server
    assert tls_options(None, None) == {}
    (tmp_path / "no.pem").write_text("no")
    for given, says in (
        ((cert, None), "both"),
        ((None, key), "both"),
        ((None, None, ca.pem), "both"),
        ((cert, tmp_path / "x"), "no file"),
        ((cert, other.make("y")[1]), "fit"),
        ((tmp_path / "no.pem", key), "PEM"),
        ((cert, key, tmp_path / "no.pem"), "PEM"),
        (ca.make("over", start=-10, days=-1), "valid from"),
        (ca.make("soon", start=1, days=2), "valid from"),
    ):
        with pytest.raises(SettingsError, match=says):
            tls_options(*given)
