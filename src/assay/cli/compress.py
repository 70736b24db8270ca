"""``assay compress``: a smaller version of a network inside its own file, with the record of what it costs."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.core.errors import SettingsError

from .options import FIT, OUT, Bundle, Quiet, flag
from .output import WIDTH


def compress(
    model: Bundle,
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="Rows that did not train it; with their targets, losses too.")
    ],
    int8: Annotated[bool, flag("Weights of 8 bits.", FIT, "--int8")] = False,
    prune: Annotated[
        str | None,
        flag("Take out this share of the hidden units; most: as many as --within allows.", FIT, metavar="SHARE"),
    ] = None,
    within: Annotated[
        float | None,
        flag("The most that an answer may change: a probability, or spreads of the values.", FIT, metavar="CHANGE"),
    ] = None,
    output_file: Annotated[
        Path | None, flag("Where the model goes; .assay.", OUT, "--output-file", "-o", metavar="FILE")
    ] = None,
    output_format: Annotated[str, flag("text or json.", OUT, metavar="FORMAT")] = "text",
    quiet: Quiet = False,
) -> int:
    """Put a smaller variant of a network into its file, refused where it strays too far. Sign it again after."""
    from .output import note, ready

    if output_format not in ("text", "json"):
        raise SettingsError(f"--output-format must be text or json; got {output_format!r}")
    if output_file is None:
        raise SettingsError("compress must know where the model goes: -o model.assay")
    ready(output_file, (".assay",))
    from assay.api import load
    from assay.bundle.variants import held, make
    from assay.tables import open_table

    loaded = load(model)
    rows, truth = open_table(table, cache=False), None
    if loaded.target in [c.name for c in rows.columns]:
        truth = rows.arrow([str(loaded.target)])[0].to_pylist()
    made = make(loaded, rows, truth, int8=int8, prune=share(prune), within=within)
    name = "-".join(word for word, on in (("pruned", prune is not None), ("int8", int8)) if on)
    record = held(made, name)[1]
    made.save(output_file)
    if output_format == "json":
        typer.echo(json.dumps({k: v for k, v in record.items() if k != "golden"}, indent=1))
    elif not quiet:
        typer.echo("\n".join(lines(record)))
    note(
        f"{output_file} is written, unsigned, with the variant {name}: assay serve {output_file} --variant {name}",
        quiet,
    )
    return 0


def share(word: str | None) -> float | str | None:
    """``.3`` or ``30%`` as 0.3; other words as they are."""
    if word is None:
        return None
    try:
        return float(word.rstrip("%")) / (100.0 if word.endswith("%") else 1.0)
    except ValueError:
        return word


def lines(record: dict[str, Any]) -> list[str]:
    """The record for people: what, before, after."""
    rows = [("", "before", "after"), ("bytes of the graph", *(f"{v:,}" for v in record["bytes"]))]
    rows += [("hidden units", *(str(v) for v in pair)) for pair in record.get("units", ())]
    for key, says in (
        ("microseconds_one_row", "µs of one row"), ("microseconds_1000_rows", "µs of 1,000 rows"),
        ("accuracy", "accuracy"), ("log_loss", "log-loss"), ("calibration_gap", "calibration gap"),
        ("coverage", "coverage of the sets"), ("mean_squared_error", "mean squared error"),
    ):  # fmt: skip
        if key in record:
            rows.append((says, *(f"{v:,.1f}" if "microseconds" in key else f"{v:.4g}" for v in record[key])))
    out = [f"{a:<22}{b:>12}{c:>12}" for a, b, c in rows]
    size = record["unit_size"]
    changed = f", {record['labels_changed']:.2%} of the labels changed" if "labels_changed" in record else ""
    said = (
        f"on {record['rows']:,} rows: answers moved by up to {record['worst_change'] / size:.2g}, "
        f"{record['mean_change'] / size:.2g} on average ({record['unit']}){changed}"
    )
    return [*out, *textwrap.wrap(said, WIDTH)]
