"""``assay bench``: how many requests a second a service takes, and where it saturates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import FIT, OUT, Quiet, flag

Target = Annotated[
    str, typer.Argument(metavar="MODEL|URL", help="An .assay file, or the address of a running service.")
]
Rps = Annotated[
    float | None, flag("Requests a second to offer; without it the rate is raised to saturation.", FIT, "--rps")
]
Seconds = Annotated[float, flag("How long each rate is offered.  (default: 3)", FIT, "--seconds")]
Connections = Annotated[int, flag("Connections.  (default: 8)", FIT, "--connections")]
RowsEach = Annotated[int, flag("Rows in a request.  (default: 1)", FIT, "--rows")]
Workers = Annotated[int, flag("Workers of the service that is started.  (default: 1)", FIT, "--workers")]
Key = Annotated[str, flag("Key for a running service; or in $ASSAY_KEY.", FIT, "--key", metavar="KEY")]
Body = Annotated[Path | None, flag("JSON body for a running service.", FIT, "--body", metavar="FILE")]
Json = Annotated[str, flag("text or json.  (default: text)", OUT, "--output-format", metavar="FORMAT")]


def bench(
    target: Target,
    rps: Rps = None,
    seconds: Seconds = 3.0,
    connections: Connections = 8,
    rows: RowsEach = 1,
    workers: Workers = 1,
    key: Key = "",
    body: Body = None,
    output_format: Json = "text",
    quiet: Quiet = False,
) -> int:
    """Offer requests at a steady rate, and print latency, failures and processor time; by default to saturation."""
    import os

    from assay.serve.bench import Load, measured, saturated

    from .output import note

    load = Load(seconds=seconds, connections=connections, rows=rows)
    with measured(target, load, workers=workers, key=key or os.environ.get("ASSAY_KEY", ""), body=body) as service:
        steps = [service.offer(rps)] if rps is not None else saturated(service, lambda said: note(said, quiet))
    if output_format == "json":
        import json

        typer.echo(json.dumps({"target": target, "steps": [s.doc() for s in steps]}))
        return 0
    typer.echo(f"{'offered/s':>10} {'answered/s':>10} {'failed':>7} {'p50 ms':>8} {'p99 ms':>8} {'CPU us':>8}")
    for step in steps:
        typer.echo(step.line())
    if rps is None:
        best = max((s for s in steps if not s.saturated), key=lambda s: s.answered, default=steps[0])
        typer.echo(f"saturates above {best.answered:,.0f} requests a second ({best.answered * rows:,.0f} rows)")
    return 0
