"""``assay explain``: why a model predicts what it predicts, row by row."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from assay.core.errors import InputError, SettingsError

from .options import FIT, OUT, Bundle, Rows, flag
from .predict import Coverage

SHOWN = 5


def explain(
    model: Bundle,
    table: Rows,
    row: Annotated[
        list[int] | None,
        flag(f"Row numbers from 0; may be repeated.  (default: the first {SHOWN})", FIT, "--row", metavar="N"),
    ] = None,
    reasons: Annotated[int, typer.Option(metavar="N", min=1, max=10, help="Reasons a row.")] = 3,
    coverage: Coverage = None,
    output_format: Annotated[str, flag("text or json.", OUT, metavar="FORMAT")] = "text",
) -> int:
    """Give the reasons of single predictions: which columns moved each one, and which way."""
    if output_format not in ("text", "json"):
        raise SettingsError(f"--output-format must be text or json; got {output_format!r}")
    from .predict import checked

    checked(coverage)
    from assay.api import load

    scored = load(model).score_table(table, reasons=reasons, coverage=coverage)
    wanted = list(dict.fromkeys(row)) if row else list(range(min(SHOWN, scored.num_rows)))
    if beyond := [n for n in wanted if not 0 <= n < scored.num_rows]:
        raise InputError(f"--row must lie between 0 and {scored.num_rows - 1:,}; got {beyond[0]}")
    rows = dict(zip(wanted, scored.take(wanted).to_pylist(), strict=True))
    if output_format == "json":
        typer.echo(json.dumps([{"row": n} | r for n, r in rows.items()], indent=2, ensure_ascii=False, default=str))
    else:
        typer.echo("\n".join([*(told(n, r) for n, r in rows.items()), unit(scored.column_names)]))
    return 0


def unit(names: list[str]) -> str:
    """What the signed number after a reason counts, from the names of the scored columns."""
    classes = [name[2:] for name in names if name.startswith("p_")]
    what = (
        f"the probability of {classes[1] if len(classes) == 2 else 'the predicted class'}" if classes else "the value"
    )
    return f"reason: how far it moved {what} from that of a typical row"


def told(number: int, row: dict[str, Any]) -> str:
    """One row as text: prediction and probabilities, then a line for each reason."""
    said = {name[2:]: value for name, value in row.items() if name.startswith("p_") and value is not None}
    shares = "  ".join(f"{name} {value:.3f}" for name, value in said.items())
    lines = [f"row {number}  {row['prediction']}" + (f"  ({shares})" if shares else "")]
    if row.get("set") is not None:
        held = row["set"]
        lines.append(f"  set      {', '.join(map(str, held)) if isinstance(held, list) else held}")
    given = [row[name] for name in row if name.startswith("reason_") and row[name]]
    return "\n".join([*lines, *(f"  reason   {reason}" for reason in given)])
