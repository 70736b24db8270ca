"""``assay serve``: a model behind HTTP."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from assay.core.errors import SettingsError

from .options import flag, listed

DEFAULT_LOG = ".assay/log"
SERVED, TRIAL, LETS_IN, TAKES, KEEPS = (
    "What is served",
    "Trial and failure",
    "Who may ask",
    "What a request may take",
    "Logs",
)

Source = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="An .assay file, a folder with one, or name@alias of the registry: then a promotion takes over at once.",
    ),
]
Name = Annotated[str, flag("What the model is called in /v2/models/.", SERVED, "--model-name", metavar="NAME")]
Registry = Annotated[str, flag("Where name@alias is looked up.", SERVED, "--registry", metavar="FOLDER|URL")]
Host = Annotated[str, flag("Address to listen on.  (default: 127.0.0.1)", SERVED, "--host")]
Port = Annotated[int, flag("Port to listen on; 0 for any.  (default: 8080)", SERVED, "--port")]
GrpcPort = Annotated[
    int | None, flag("Port of gRPC, which is off without it; KServe's is 8081.", SERVED, "--grpc-port", metavar="N")
]
Workers = Annotated[int, flag("Processes that share the port.  (default: 1)", SERVED, "--workers")]
Trusted = Annotated[
    list[str] | None,
    flag("Start only with a model that this key has signed.", SERVED, "--require-signature", metavar="PEM"),
]
Variant = Annotated[
    str, flag("Answer from this variant in its file, as assay compress makes it.", SERVED, "--variant", metavar="NAME")
]
Drain = Annotated[float, flag("Seconds for open requests after SIGTERM.  (default: 20)", SERVED, "--drain")]
Shadow = Annotated[
    str | None, flag("A model that answers unseen what the live one answers.", TRIAL, "--shadow", metavar="MODEL")
]
Canary = Annotated[
    str | None, flag("Share of requests that the shadow model answers: 5%.", TRIAL, "--canary", metavar="SHARE")
]
Fallback = Annotated[
    str,
    flag("Who answers when the model fails: refuse, previous or naive.  (default: refuse)", TRIAL, "--fallback"),
]
Unknown = Annotated[
    str, flag("Columns that the model does not know: ignore or refuse.  (default: ignore)", TRIAL, "--unknown")
]
BatchWait = Annotated[
    str,
    flag(
        "Longest that a request waits to share a run of the model; 0 joins what is there at once, off nothing."
        "  (default: 2ms)",
        SERVED,
        "--batch-wait",
        metavar="TIME",
    ),
]
Keys = Annotated[str | None, flag("Keys file, as assay keys writes it.", LETS_IN, "--keys", metavar="FILE")]
Jwks = Annotated[str | None, flag("Public keys that sign JSON web tokens.", LETS_IN, "--jwks", metavar="FILE")]
Issuer = Annotated[str, flag("Who must have made a token.", LETS_IN, "--issuer", metavar="ISS")]
Audience = Annotated[str, flag("For whom a token must be made.", LETS_IN, "--audience", metavar="AUD")]
Cert = Annotated[str | None, flag("Certificate for TLS.", LETS_IN, "--tls-cert", metavar="PEM")]
Private = Annotated[str | None, flag("Its private key.", LETS_IN, "--tls-key", metavar="PEM")]
Clients = Annotated[str | None, flag("Who signs the certificates of clients.", LETS_IN, "--client-ca", metavar="PEM")]
Usage = Annotated[str | None, flag("Where budgets and rates of keys are counted.", LETS_IN, "--usage", metavar="FILE")]
Body = Annotated[str, flag("Largest body.  (default: 4MB)", TAKES, "--max-body", metavar="SIZE")]
Inflated = Annotated[str, flag("Largest body once unpacked.  (default: 16MB)", TAKES, "--max-inflated", metavar="SIZE")]
Rows = Annotated[int, flag("Most rows.  (default: 10000)", TAKES, "--max-rows", metavar="N")]
Seconds = Annotated[float, flag("Seconds for a body to arrive.  (default: 10)", TAKES, "--read-timeout")]
Connections = Annotated[
    int, flag("Most open connections of a worker.  (default: 1000)", TAKES, "--max-connections", metavar="N")
]
Log = Annotated[
    list[str] | None,
    flag(
        "Folder for every prediction; also for /label. With --log durable too, answers wait for it.",
        KEEPS,
        "--log",
        metavar="FOLDER",
    ),
]
Durable = Annotated[bool, flag("The same as --log durable.", KEEPS, "--durable")]
Without = Annotated[
    list[str] | None, flag("Columns that the log leaves out.", KEEPS, "--log-without", metavar="COLUMN,...")
]
Hashed = Annotated[
    list[str] | None, flag("Columns that the log keeps as keyed hashes.", KEEPS, "--log-hashed", metavar="COLUMN,...")
]
OwnId = Annotated[
    str, flag("A column that holds your own id of a row, for /label.", KEEPS, "--log-id", metavar="COLUMN")
]
Megabytes = Annotated[float, flag("Most MB of a worker's log.  (default: 1024)", KEEPS, "--log-mb", metavar="MB")]
Days = Annotated[float, flag("Days that the log keeps.  (default: 90)", KEEPS, "--log-days", metavar="DAYS")]
Audit = Annotated[str | None, flag("Folder for who asked what, hash-chained.", KEEPS, "--audit", metavar="FOLDER")]
Requests = Annotated[bool, flag("A JSON line for every request, with its trace id.", KEEPS, "--log-requests")]
Spans = Annotated[
    str, flag("A collector that gets an OpenTelemetry span of every request: http://host:4318.", KEEPS, "--traces",
              metavar="URL")
]  # fmt: skip
Ratio = Annotated[
    float, flag("Share of requests that begin a trace.  (default: 1)", KEEPS, "--trace-ratio", metavar="SHARE")
]


def serve(
    model: Source,
    model_name: Name = "",
    registry: Registry = "",
    host: Host = "127.0.0.1",
    port: Port = 8080,
    grpc_port: GrpcPort = None,
    workers: Workers = 1,
    require_signature: Trusted = None,
    variant: Variant = "",
    drain: Drain = 20.0,
    batch_wait: BatchWait = "2ms",
    shadow: Shadow = None,
    canary: Canary = None,
    fallback: Fallback = "refuse",
    unknown: Unknown = "ignore",
    keys: Keys = None,
    jwks: Jwks = None,
    issuer: Issuer = "",
    audience: Audience = "",
    tls_cert: Cert = None,
    tls_key: Private = None,
    client_ca: Clients = None,
    usage: Usage = None,
    max_body: Body = "4MB",
    max_inflated: Inflated = "16MB",
    max_rows: Rows = 10_000,
    read_timeout: Seconds = 10.0,
    max_connections: Connections = 1_000,
    log: Log = None,
    durable: Durable = False,
    log_without: Without = None,
    log_hashed: Hashed = None,
    log_id: OwnId = "",
    log_mb: Megabytes = 1024.0,
    log_days: Days = 90.0,
    audit: Audit = None,
    log_requests: Requests = False,
    traces: Spans = "",
    trace_ratio: Ratio = 1.0,
) -> int:
    """Serve a model: /predict, /explain, the Open Inference Protocol v2, metrics, a page for people."""
    from assay.serve.fleet import serve as start
    from assay.serve.limits import Limits
    from assay.serve.setup import Setup, bytes_from, share_from

    os.environ.setdefault("OMP_NUM_THREADS", "1")
    durable = durable or "durable" in (log or ())
    kept = [place for place in log or () if place != "durable"] or ([DEFAULT_LOG] if durable else [])
    if not kept and (log_without or log_hashed or log_id):
        raise SettingsError("--log-without, --log-hashed and --log-id are about the log: give --log FOLDER too")
    if fallback == "previous" and "@" not in model:
        raise SettingsError("--fallback previous needs name@alias of the registry: a file has no version before it")
    limits = Limits(
        body=bytes_from(max_body, "--max-body"), inflated=bytes_from(max_inflated, "--max-inflated"), rows=max_rows,
        seconds=read_timeout, connections=max_connections,
    )  # fmt: skip
    setup = Setup(
        model, name=model_name, registry=registry, variant=variant, shadow=shadow or "",
        canary=share_from(canary) if canary else 0.0, fallback=fallback, unknown=unknown, batch_wait=batch_wait,
        host=host, port=port, workers=workers, drain=drain,
        trusted=tuple(require_signature or ()), keys=keys or "", jwks=jwks or "", issuer=issuer, audience=audience,
        usage=usage or "", tls_cert=tls_cert or "", tls_key=tls_key or "", client_ca=client_ca or "",
        log=kept[-1] if kept else "", durable=durable, audit=audit or "",
        log_without=listed(log_without), log_hashed=listed(log_hashed), log_id=log_id, log_mb=log_mb, log_days=log_days,
        log_requests=log_requests, traces=traces, trace_ratio=trace_ratio, limits=limits, grpc_port=grpc_port,
    )  # fmt: skip
    return start(setup, lambda line: typer.echo(line))
