"""JSON web tokens: the attacks that are documented for them (RFC 8725, CVE lists), each refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from assay.core.errors import InputError
from assay.serve.guard import Guard
from assay.serve.http import Refused, Request
from assay.serve.jwt import Tokens, read_jwks

NOW = 1_800_000_000.0
ED, ED2 = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
EC = ec.generate_private_key(ec.SECP256R1())
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
CLAIMS = {"iss": "https://login.test", "aud": "late", "sub": "alice", "exp": NOW + 600, "scope": "predict openid"}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def raw(key) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def okp(key, kid="ed", **more):
    return {"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": b64(raw(key)), **more}


def p256(key, kid="ec", **more):
    n = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "kid": kid, "x": b64(n.x.to_bytes(32)), "y": b64(n.y.to_bytes(32)), **more}


def sign_ed(data: bytes, key=ED) -> bytes:
    return key.sign(data)


def sign_ec(data: bytes) -> bytes:
    r, s = decode_dss_signature(EC.sign(data, ec.ECDSA(SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def token(header=None, claims=None, sign=sign_ed) -> str:
    head = {"alg": "EdDSA", "kid": "ed", "typ": "JWT"} if header is None else header
    said = head if isinstance(head, bytes) else json.dumps(head).encode()
    body = claims if isinstance(claims, bytes) else json.dumps(CLAIMS if claims is None else claims).encode()
    signed = f"{b64(said)}.{b64(body)}"
    return f"{signed}.{b64(sign(signed.encode()))}"


@pytest.fixture(scope="module")
def jwks(tmp_path_factory):
    path = tmp_path_factory.mktemp("jwks") / "jwks.json"
    path.write_text(json.dumps({"keys": [okp(ED), p256(EC)]}))
    return path


@pytest.fixture
def tokens(jwks):
    return Tokens(jwks, "https://login.test", "late")


def test_a_good_token_of_each_kind(tokens):
    for good in (
        token(),
        token({"alg": "ES256", "kid": "ec"}, sign=sign_ec),
        token({"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"}),
    ):
        caller = tokens.caller(good, NOW)
        assert caller.scopes == {"predict"} and caller.name == "jwt:alice" and caller.how == "jwt"
        assert tokens.caller(good, NOW) == caller  # remembered


def test_no_algorithm_and_shared_secrets(tokens):
    for alg in (
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        None,
        "HS256",
        "HS512",
        "RS256",
        "PS256",
        "ES384",
        "ES512",
        "EdDSA ",
    ):
        for sign in (lambda data: b"", sign_ed, lambda data: hmac.digest(raw(ED), data, hashlib.sha256)):
            made = token({"alg": alg, "kid": "ed"}, sign=sign)
            assert tokens.caller(made, NOW) is None, alg
    assert tokens.caller(token({"kid": "ed"}), NOW) is None
    assert tokens.caller(token({"alg": ["EdDSA"], "kid": "ed"}), NOW) is None


def test_a_public_key_is_no_shared_secret(tokens):
    """CVE-2015-9235: a verifier that lets the token choose HS256 takes the public key as its secret."""
    for secret in (
        raw(ED),
        ED.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        EC.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    ):
        for kid in ("ed", "ec"):
            made = token({"alg": "HS256", "kid": kid}, sign=lambda d, s=secret: hmac.digest(s, d, hashlib.sha256))
            assert tokens.caller(made, NOW) is None


def test_the_algorithm_of_another_key(tokens):
    assert tokens.caller(token({"alg": "ES256", "kid": "ed"}), NOW) is None
    assert tokens.caller(token({"alg": "EdDSA", "kid": "ec"}, sign=sign_ec), NOW) is None
    assert tokens.caller(token({"alg": "ES256", "kid": "ec"}), NOW) is None


@pytest.mark.parametrize("kid", ["other", "", "../../dev/null", "ed' OR '1'='1", "ed\0", 1, ["ed"], {"a": 1}, None])
def test_a_key_that_is_not_ours(tokens, kid):
    assert tokens.caller(token({"alg": "EdDSA", "kid": kid}), NOW) is None
    assert tokens.caller(token({"alg": "EdDSA", "kid": "ed"}, sign=lambda d: sign_ed(d, ED2)), NOW) is None
    assert tokens.caller(token({"alg": "EdDSA"}), NOW) is None  # two keys, and the token names none


@pytest.mark.parametrize("name", ["jwk", "jku", "x5c", "x5u", "x5t", "crit", "b64", "zip", "enc"])
def test_a_token_cannot_bring_its_own_key_or_conditions(tokens, name):
    value = {"jwk": okp(ED2), "crit": ["exp"], "b64": False}.get(name, "https://evil.test/jwks.json")
    for sign in (sign_ed, lambda data: sign_ed(data, ED2)):
        assert tokens.caller(token({"alg": "EdDSA", "kid": "ed", name: value}, sign=sign), NOW) is None


def test_psychic_signatures(tokens):
    """CVE-2022-21449: r = s = 0 verifies anything where nobody looks."""
    head = {"alg": "ES256", "kid": "ec"}
    for r, s in ((0, 0), (0, 1), (1, 0), (1, 1), (ORDER, ORDER), (ORDER, 1), (1, ORDER), (2**256 - 1, 2**256 - 1)):
        assert tokens.caller(token(head, sign=lambda d, r=r, s=s: r.to_bytes(32) + s.to_bytes(32)), NOW) is None


def test_signatures_of_another_form(tokens):
    good = token({"alg": "ES256", "kid": "ec"}, sign=sign_ec)
    for made in (
        token({"alg": "ES256", "kid": "ec"}, sign=lambda d: EC.sign(d, ec.ECDSA(SHA256()))),
        token({"alg": "ES256", "kid": "ec"}, sign=lambda d: sign_ec(d) + b"\0"),
        token({"alg": "ES256", "kid": "ec"}, sign=lambda d: sign_ec(d)[:63]),
        token(sign=lambda d: sign_ed(d) + b"\0"),
        token(sign=lambda d: sign_ed(d)[:-1]),
        token(sign=lambda d: b""),
        good.rpartition(".")[0] + ".",
        good.rpartition(".")[0],
    ):
        assert tokens.caller(made, NOW) is None


def test_any_changed_character(tokens):
    good = token()
    for k in range(0, len(good), 3):
        other = "A" if good[k] != "A" else "B"
        assert tokens.caller(good[:k] + other + good[k + 1 :], NOW) is None, k


def test_other_spellings_of_a_token(tokens):
    good = token()
    head, body, signature = good.split(".")
    last = signature[:-1] + chr(ord(signature[-1]) + 1)  # the same bytes where a decoder is loose about the last bits
    for made in (
        f"{head}.{body}.{last}",
        f"{head}=.{body}.{signature}",
        f"{head}.{body}.{signature}==",
        good + ".",
        "." + good,
        good + ".x",
        f"{head}.{body}.{signature}\n",
        f" {good}",
        good.replace(".", ".\n"),
        "..",
        "a.b.c",
        "",
        "." * 10_000,
        "é.é.é",
        good + "A" * 9000,
        f"{head}.{signature}",
        f"{head}..{signature}",
    ):
        assert tokens.caller(made, NOW) is None, made[:80]


@pytest.mark.parametrize(
    "change",
    [
        {"exp": NOW - 31},
        {"exp": None},
        {"exp": str(NOW + 600)},
        {"exp": True},
        {"exp": 1e300},
        {"exp": [NOW + 600]},
        {"nbf": NOW + 31},
        {"nbf": "0"},
        {"iat": NOW + 31},
        {"iat": None},
        {"iss": "https://login.test/"},
        {"iss": None},
        {"iss": "https://evil.test"},
        {"iss": ["https://login.test"]},
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": []},
        {"aud": None},
        {"aud": "lat"},
        {"aud": {"late": 1}},
        {"sub": ""},
        {"sub": 7},
        {"sub": None},
        {"sub": "a\nb"},
        {"sub": "a" * 300},
    ],
)
def test_claims_that_do_not_hold(tokens, change):
    claims = {k: v for k, v in (CLAIMS | change).items() if v is not None or k == "iat"}
    assert tokens.caller(token(claims=claims), NOW) is None


def test_leeway_and_lists(tokens):
    for change in ({"exp": NOW - 29}, {"nbf": NOW + 29}, {"aud": ["x", "late"]}, {"iat": NOW}):
        assert tokens.caller(token(claims=CLAIMS | change), NOW) is not None, change


def test_a_remembered_token_still_ends(tokens):
    good = token()
    assert tokens.caller(good, NOW) is not None
    assert tokens.caller(good, NOW + 700) is None


def test_claims_that_are_no_object_or_say_things_twice(tokens):
    twice = b'{"iss":"https://login.test","aud":"late","sub":"bob","sub":"alice","exp":1800000600}'
    for claims in (twice, b"[]", b"null", b"1", b'"a"', b"", b"{", b"\xff\xfe", b'{"exp":NaN}', b"[" * 5000):
        assert tokens.caller(token(claims=claims), NOW) is None, claims[:40]
    for head in (b'{"alg":"none","alg":"EdDSA","kid":"ed"}', b"[]", b"{}", b"null"):
        assert tokens.caller(token(head), NOW) is None


@pytest.mark.parametrize("typ", ["JWE", "dpop+jwt", "id", 7, None, "logout+jwt"])
def test_tokens_of_another_kind(tokens, typ):
    assert tokens.caller(token({"alg": "EdDSA", "kid": "ed", "typ": typ}), NOW) is None


def test_five_parts_are_an_encrypted_token(tokens):
    assert (
        tokens.caller(".".join([b64(b'{"alg":"dir","enc":"A256GCM"}'), "", b64(b"x"), b64(b"y"), b64(b"z")]), NOW)
        is None
    )


def test_scopes_are_only_those_that_there_are(tokens):
    for claims, found in (
        ({"scope": "admin2 PREDICT predict,label"}, set()),
        ({"scope": ["predict"]}, {"predict"}),
        ({"scope": {"predict": 1}}, set()),
        ({"scope": "label metrics"}, {"label", "metrics"}),
    ):
        assert tokens.caller(token(claims=CLAIMS | claims), NOW).scopes == found


def test_keys_change_without_a_restart(tmp_path):
    path, said = tmp_path / "jwks.json", []
    path.write_text(json.dumps({"keys": [okp(ED)]}))
    tokens = Tokens(path, "https://login.test", "late", warn=said.append)
    assert tokens.caller(token(), NOW) is not None
    path.write_text(json.dumps({"keys": [okp(ED2, "ed")], "rotated": True}))
    tokens._file.looked = -10.0
    assert tokens.caller(token(), NOW) is None  # the signature was remembered, its key is gone
    assert tokens.caller(token(sign=lambda d: sign_ed(d, ED2)), NOW) is not None
    path.write_text("{}")
    tokens._file.looked = -10.0
    assert tokens.caller(token(sign=lambda d: sign_ed(d, ED2)), NOW) is None and "mended" in said[0]


def test_files_of_keys_that_are_refused(tmp_path):
    path = tmp_path / "jwks.json"
    n = rsa.generate_private_key(65537, 2048).public_key().public_numbers()
    good = okp(ED)
    for doc in (
        {},
        [],
        {"keys": []},
        {"keys": [1]},
        {"keys": [good | {"d": "x"}]},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]},
        {"keys": [{"kty": "RSA", "n": b64(n.n.to_bytes(256)), "e": "AQAB"}]},
        {"keys": [good | {"crv": "X25519"}]},
        {"keys": [good | {"alg": "ES256"}]},
        {"keys": [good, good]},
        {"keys": [good, {**p256(EC), "kid": None}]},
        {"keys": [good | {"x": "AAAA"}]},
        {"keys": [p256(EC) | {"x": b64(bytes(32))}]},
        {"keys": [p256(EC, crv="P-384")]},
        {"keys": [good | {"use": "enc"}]},
        {"keys": [good | {"kid": 7}]},
        {"keys": [good | {"x": None}]},
    ):
        path.write_text(json.dumps(doc))
        with pytest.raises(InputError):
            read_jwks(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_jwks(tmp_path / "none.json")


def test_a_token_through_the_guard(jwks):
    guard = Guard(tokens=Tokens(jwks, "https://login.test", "late", rate=1.0))
    ask = Request("POST", "/predict", "", {b"authorization": f"Bearer {token()}".encode()})
    assert guard.admit(ask, NOW).id == "alice"
    with pytest.raises(Refused) as fast:
        guard.admit(ask, NOW)
    assert fast.value.status == 429
    with pytest.raises(Refused) as explain:
        guard.admit(Request("POST", "/explain", "", ask.headers), NOW)
    assert explain.value.status == 403
    with pytest.raises(Refused) as key:
        guard.admit(Request("POST", "/predict", "", {b"x-api-key": token().encode()}), NOW)
    assert key.value.status == 401
