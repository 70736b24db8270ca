"""Deny by default: a request is let in by a key, a token or a certificate that says so, or not at all.

One table says which scope a route needs. What is not in it needs a caller that is known, so that nobody learns which
routes there are; only liveness answers to everybody.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from assay.core.errors import SettingsError

from .http import Refused, Request, nothing_at
from .key_file import KeyRing
from .keys import Key
from .usage import Usage

OPEN = frozenset((("GET", "/healthz"), ("GET", "/livez"), ("GET", "/v2/health/live")))
ANY = ""  # every caller that is known
READS = frozenset(("/", "/schema", "/openapi.json", "/healthz", "/livez", "/v2", "/v2/health/live", "/v2/health/ready"))
BY_PATH = {"/predict": "predict", "/explain": "explain", "/metrics": "metrics", "/label": "label", "/log": "log"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the name in logs, what it may do, how it was known (key, token, certificate, open), and its limits."""

    name: str
    scopes: frozenset[str]
    how: str
    id: str = ""
    budget: int | None = None
    rate: float | None = None
    burst: float | None = None


class Reads(Protocol):
    """What turns a JSON web token into a caller (``jwt.Tokens``)."""

    def caller(self, token: str, now: float) -> Caller | None: ...


def scope_of(method: str, path: str) -> str:
    """The scope that a route needs; the empty one is held by every known caller.

    What only reads needs none, whatever the method (the service says which one it takes); a path that is not in the
    table needs ``admin`` as soon as it may change something.
    """
    if path in BY_PATH:
        return BY_PATH[path]
    if path.startswith("/v2/models/"):
        return "predict" if path.endswith("/infer") else ANY
    if path in READS:
        return ANY
    return "admin" if path.startswith("/admin") or method not in ("GET", "HEAD") else ANY


EVERYBODY = Caller("anyone", frozenset(), "open")


class Guard:
    """Lets callers in. Without keys, tokens and certificates nobody is let in."""

    def __init__(
        self,
        keys: KeyRing | None = None,
        tokens: Reads | None = None,
        usage: Usage | None = None,
        scope_of: Callable[[str, str], str] = scope_of,
        open: frozenset[tuple[str, str]] = OPEN,
    ) -> None:
        self.keys, self.tokens, self.usage, self.scope_of = keys, tokens, usage or Usage(), scope_of
        self._callers: dict[str, tuple[Key, Caller]] = {}
        self.open = open | {("HEAD", path) for method, path in open if method == "GET"}

    def admit(self, head: Request, now: float, certificate: str | None = None) -> Caller:
        """The caller of a request, from its method, path and headers; ``certificate`` is what TLS has verified.

        Takes one row from the caller's rate, none from its budget (``spend``).

        Raises:
            Refused: 401 nobody is known, 403 the scope is missing, 404 such a path is not there, 429 too fast.
        """
        if (head.method, head.path) in self.open:
            return EVERYBODY
        caller = self._known(head, now, certificate)
        scope = self.scope_of(head.method, head.path)
        if scope and scope not in caller.scopes:
            if scope == "admin" and not head.path.startswith("/admin"):
                raise nothing_at(head.path)
            has = ", ".join(sorted(caller.scopes)) or "none"
            raise Refused(403, f"this needs the scope {scope}; the caller has {has}")
        if caller.rate is not None:
            self._take(caller, 0, 1, now)
        return caller

    def still(self, caller: Caller, now: float) -> bool:
        """Whether a caller who was admitted by an API key may do the same again; takes one row from its rate.

        Raises:
            Refused: 429 too fast.
        """
        key, known = self._callers.get(caller.id, (None, None))
        if known is not caller or key is None or self.keys is None or not self.keys.holds(key):
            return False
        if key.ended(now) is not None:
            return False
        if caller.rate is not None:
            self._take(caller, 0, 1, now)
        return True

    def spend(self, caller: Caller, rows: int, now: float) -> None:
        """Take the rows of a request from the caller's budget and rate, before they are predicted.

        Raises:
            Refused: 429, and nothing is taken.
        """
        if caller.budget is not None or caller.rate is not None:
            self._take(caller, rows, rows - 1, now)

    def _take(self, caller: Caller, rows: int, tokens: int, now: float) -> None:
        who = caller.how + ":" + caller.id
        wait = self.usage.spend(who, rows, tokens, now, caller.budget, caller.rate, caller.burst)
        if wait is None:
            return
        if wait != float("inf"):
            again = ((b"retry-after", b"%d" % (wait + 1)),)
            raise Refused(429, f"too fast: this caller may ask for {caller.rate:g} rows a second", headers=again)
        raise Refused(429, "the budget of rows of this caller is spent, or they are more than its rate lets in at once")

    def _known(self, head: Request, now: float, certificate: str | None) -> Caller:
        said = head.headers.get(b"authorization")
        plain = head.headers.get(b"x-api-key")
        if said is not None and plain is not None:
            raise unknown(head, "send one of authorization and x-api-key, not both")
        if plain is not None:
            return self._by_key(head, plain.decode("latin-1"), now)
        if said is not None:
            how, _, value = said.decode("latin-1").partition(" ")
            value = value.strip()
            if how.lower() == "bearer":
                if value.count(".") >= 2 and self.tokens is not None:
                    caller = self.tokens.caller(value, now)
                    if caller is None:
                        raise unknown(head, "the token is not valid here")
                    return caller
                return self._by_key(head, value, now)
            if how.lower() == "basic":
                return self._by_basic(head, value, now)
            raise unknown(head, "the authorization must be Bearer KEY, or Basic with the key as password")
        if certificate is not None and self.keys is not None:
            key = self.keys.of_certificate(certificate)
            if key is not None and key.ended(now) is None:
                return self._caller(key, "certificate")
            raise unknown(head, "this client certificate has no entry among the keys")
        raise unknown(head, "a key is needed: authorization: Bearer KEY, or x-api-key: KEY")

    def _by_key(self, head: Request, token: str, now: float) -> Caller:
        key = self.keys.find(token) if self.keys is not None else None
        if key is None:
            raise unknown(head, "the key is not known here")
        if (why := key.ended(now)) is not None:
            raise unknown(head, f"the key is {why}")
        return self._caller(key, "key")

    def _caller(self, key: Key, how: str) -> Caller:
        known = self._callers.get(key.id)
        if known is None or known[0] is not key:
            known = self._callers[key.id] = (key, caller_of(key, how))
        return known[1]

    def _by_basic(self, head: Request, value: str, now: float) -> Caller:
        """A browser sends a password by itself, to other people's pages' requests too: those are refused."""
        site = head.headers.get(b"sec-fetch-site", b"none")
        origin = head.headers.get(b"origin")
        own = head.headers.get(b"host", b"")
        if head.method not in ("GET", "HEAD") and (
            site not in (b"none", b"same-origin") or (origin is not None and origin.partition(b"://")[2] != own)
        ):
            raise Refused(403, "a page of another site may not use this browser's key")
        try:
            _, _, token = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, ValueError):
            raise unknown(
                head, "the authorization must be Basic with any name and the key as password, in base64"
            ) from None
        return self._by_key(head, token, now)


def caller_of(key: Key, how: str) -> Caller:
    return Caller(key.name, frozenset(key.scopes), how, key.id, key.budget, key.rate, key.burst)


def unknown(head: Request, reason: str) -> Refused:
    """Nobody is let in: 401, and a browser asks its user for the key."""
    page = head.method == "GET" and b"text/html" in head.headers.get(b"accept", b"")
    ask = b'Basic realm="assay", charset="UTF-8"' if page else b'Bearer realm="assay"'
    return Refused(401, reason, headers=((b"www-authenticate", ask),))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``. A name other than localhost is not looked up: it counts as not."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def safe_to_bind(host: str, has_keys: bool, tls: bool) -> str | None:
    """Whether a server may listen on ``host``; a sentence to print where it may and something should be known.

    Raises:
        SettingsError: others could reach it and nobody would be asked for a key.
    """
    if is_loopback(host):
        return None
    if not has_keys:
        raise SettingsError(
            f"--host {host} can be reached by others, and there is no --keys, --jwks or --client-ca: make a key with "
            "assay keys new NAME, or stay on 127.0.0.1"
        )
    if not tls:
        return (
            f"others can reach {host} and keys travel in clear text: give --tls-cert and --tls-key, or keep it behind "
            "a proxy that speaks TLS"
        )
    return None
