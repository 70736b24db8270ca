"""No secret in any log line: what looks like a key or a token is taken out, whatever it came in."""

from __future__ import annotations

import os
import re

# A key of ours, a JSON web token, the value of a header that carries one, a private key.
SECRET = re.compile(
    r"assay_[0-9A-Za-z]{8}_[0-9A-Za-z_-]{20,}"
    r"|eyJ[0-9A-Za-z_-]{8,}(?:\.[0-9A-Za-z_-]*){1,4}"
    r"|(?i:(?<=bearer )|(?<=basic )|(?<=x-api-key: ))[0-9A-Za-z+/_.~=-]{8,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)
HIDDEN = "[hidden]"
_drawn: list[str] = []
PLAIN = re.compile(rb"[0-9A-Za-z][0-9A-Za-z._:-]{0,63}")


def without_secrets(text: str) -> str:
    """The text with everything that looks like a secret replaced by ``[hidden]``."""
    return SECRET.sub(HIDDEN, text)


def request_id(given: bytes | None) -> str:
    """The caller's own id of a request where it is short and plain and holds no secret, else a new random one."""
    if given is not None and PLAIN.fullmatch(given):
        text = given.decode("ascii")
        if not SECRET.search(text):
            return text
    try:
        return _drawn.pop()
    except IndexError:
        _drawn.extend(os.urandom(12).hex() for _ in range(64))  # a call of the system for each would cost more
        return _drawn.pop()
