"""What ``assay serve`` was told, as plain values: it travels to worker processes as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from assay.bundle.layout import NAME
from assay.core.errors import SettingsError, did_you_mean

from .fallback import POLICIES
from .keys import Key
from .limits import Limits


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that a worker needs to be the same as its neighbours. Paths are text; empty means none."""

    model: str
    name: str = ""
    registry: str = ""
    variant: str = ""  # of the live model's graph; empty: the graph itself
    shadow: str = ""
    canary: float = 0.0
    fallback: str = "refuse"
    unknown: str = "ignore"
    batch_wait: str = "2ms"
    host: str = "127.0.0.1"
    port: int = 8080
    grpc_port: int | None = None  # None: no gRPC
    workers: int = 1
    trusted: tuple[str, ...] = ()  # PEM files of public keys, one of which must have signed the model
    keys: str = ""
    one_time: Key | None = None  # holds the hash of the token, never the token
    jwks: str = ""
    issuer: str = ""
    audience: str = ""
    usage: str = ""  # file of budgets and rates that the workers share
    tls_cert: str = ""
    tls_key: str = ""
    client_ca: str = ""
    log: str = ""
    durable: bool = False
    log_without: tuple[str, ...] = ()  # columns that the log leaves out
    log_hashed: tuple[str, ...] = ()  # columns of which the log keeps a keyed hash
    log_id: str = ""  # a column that holds the caller's own id of a row
    log_mb: float = 1024.0  # of each worker's file
    log_days: float = 90.0
    audit: str = ""
    log_requests: bool = False
    traces: str = ""  # address of a collector
    trace_ratio: float = 1.0
    drain: float = 20.0
    poll: float = 0.2
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.fallback not in POLICIES:
            near = did_you_mean(self.fallback, POLICIES)
            raise SettingsError(f"--fallback must be refuse, previous or naive; got {self.fallback!r}{near}")
        if self.unknown not in ("ignore", "refuse"):
            raise SettingsError(f"--unknown must be ignore or refuse; got {self.unknown!r}")
        wait_from(self.batch_wait)
        if self.traces:
            from .tracing import address_of

            address_of(self.traces)
        if not 0 <= self.trace_ratio <= 1:
            raise SettingsError(f"--trace-ratio must lie between 0 and 1; got {self.trace_ratio:g}")
        if not 0 <= self.port <= 65535:
            raise SettingsError(f"--port must lie between 0 and 65535; got {self.port}")
        if self.grpc_port is not None:
            if not 0 <= self.grpc_port <= 65535:
                raise SettingsError(f"--grpc-port must lie between 0 and 65535; got {self.grpc_port}")
            if self.grpc_port == self.port != 0:
                raise SettingsError(f"--grpc-port and --port must be two ports; both are {self.port}")
        if not 1 <= self.workers <= 256:
            raise SettingsError(f"--workers must lie between 1 and 256; got {self.workers}")
        if self.canary and not self.shadow:
            raise SettingsError("--canary needs the model on trial: name it with --shadow")
        if self.durable and not self.log:
            raise SettingsError("--durable needs a place to write to: give --log FOLDER")
        if self.jwks and not (self.issuer and self.audience):
            raise SettingsError("--jwks needs --issuer and --audience: a token for somebody else must not count here")
        self._measures()

    def _measures(self) -> None:
        """No number may switch a limit off, or empty the log: 0, negative ones and NaN are refused."""
        for flag, given, least in (
            ("--drain", self.drain, 0.0), ("--read-timeout", self.limits.seconds, 0.001),
            ("--max-rows", self.limits.rows, 1), ("--max-connections", self.limits.connections, 1),
            ("--log-days", self.log_days, 0.01), ("--log-mb", self.log_mb, 0.1),
        ):  # fmt: skip
            if not (least <= given < 1e9):
                raise SettingsError(f"{flag} must be a number from {least:g} up; got {given:g}")
        if self.name and not NAME.fullmatch(self.name):
            raise SettingsError(
                "--model-name stands in addresses: letters, digits, '.', '_' and '-', beginning with no mark; "
                f"got {self.name!r}"
            )

    @property
    def watches(self) -> bool:
        """Whether an alias of the registry may come to mean another model."""
        return any("@" in source for source in (self.model, self.shadow))

    def doc(self) -> dict[str, Any]:
        return asdict(self)


def from_doc(doc: Mapping[str, Any]) -> Setup:
    """Read back what ``Setup.doc`` wrote."""
    known = dict(doc)
    limits, key = Limits(**known.pop("limits")), known.pop("one_time")
    for name in ("trusted", "log_without", "log_hashed"):
        known[name] = tuple(known[name])
    made = Setup(**known, limits=limits)
    return made if key is None else replace(made, one_time=Key(**(key | {"scopes": tuple(key["scopes"])})))


def share_from(text: str) -> float:
    """``5%`` or ``0.05`` as 0.05.

    Raises:
        SettingsError: neither, or not between 0 and 1.

    >>> share_from("5%"), share_from("0.2")
    (0.05, 0.2)
    """
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(%?)\s*", text)
    value = float(found[1]) / (100 if found[2] else 1) if found else -1.0
    if not 0 < value < 1:
        raise SettingsError(f"--canary must be a share such as 5% or 0.05; got {text!r}")
    return value


def wait_from(text: str) -> float | None:
    """``2ms``, ``0.002s`` or ``0`` as seconds; ``off`` as None.

    Raises:
        SettingsError: none of these, or above a second.

    >>> wait_from("2ms"), wait_from("0"), wait_from("off")
    (0.002, 0.0, None)
    """
    if text == "off":
        return None
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(us|ms|s)\s*|0", text)
    value = float(found[1] or 0) * {"us": 1e-6, "ms": 1e-3, "s": 1.0, None: 0.0}[found[2]] if found else -1.0
    if not 0 <= value <= 1:
        raise SettingsError(f"--batch-wait must be a time such as 2ms, or 0, or off; got {text!r}")
    return value


def bytes_from(text: str, flag: str) -> int:
    """``4MB``, ``512 KiB`` or ``1000000`` as bytes; units are powers of 1,024.

    Raises:
        SettingsError: none of these.

    >>> bytes_from("4MB", "--max-body")
    4194304
    """
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmg]?)i?b?\s*", text.lower())
    if not found or float(found[1]) <= 0:
        raise SettingsError(f"{flag} must be a size such as 4MB; got {text!r}")
    return int(float(found[1]) * {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}[found[2]])
