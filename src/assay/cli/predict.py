"""``assay predict``: score rows with a model, also more than memory holds."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from assay.core.errors import AssayError, SettingsError

from .options import FIT, OUT, Bundle, Look, Quiet, Rows, flag, listed

DATABASE = "Databases"
Reasons = Annotated[
    int, typer.Option(metavar="N", min=0, max=10, help="The N columns that moved each prediction most.")
]
Coverage = Annotated[float | None, flag("Coverage of the prediction sets, such as .9.", FIT, metavar="SHARE")]
Variant = Annotated[str | None, flag("Answer from this variant, as compress makes it.", FIT, metavar="NAME")]
Interval = Annotated[bool, flag("Venn-Abers interval of the probability: p_low, p_high.", FIT, "--interval")]
With = Annotated[
    list[str] | None, flag("Columns of the table that are written too, such as an id.", OUT, "--with",
                           metavar="COLUMN,...")
]  # fmt: skip
Out = Annotated[
    str | None,
    flag(
        "Where the rows go; .parquet, .arrow, .csv, .tsv, .json or .jsonl, or a database. Without: CSV on standard "
        "output.",
        OUT,
        "--output-file",
        "-o",
        metavar="FILE",
    ),
]
Resume = Annotated[bool, flag("Go on where an interrupted run of the same stopped.", OUT, "--resume")]
Size = Annotated[int | None, flag("Rows in memory at once.  (default: 50000)", OUT, "--batch-rows", metavar="N")]
Query = Annotated[str | None, flag("The rows of a database, in SQL.", DATABASE, "--query", metavar="SELECT")]
From = Annotated[str | None, flag("Or the table of a database.", DATABASE, "--from", metavar="NAME")]
Into = Annotated[str | None, flag("The table that is made in a database.", DATABASE, "--into", metavar="NAME")]
Append = Annotated[bool, flag("Add to a table that is there.", DATABASE, "--append")]


def predict(
    model: Bundle,
    table: Rows,
    reasons: Reasons = 0,
    variant: Variant = None,
    coverage: Coverage = None,
    interval: Interval = False,
    look: Look = None,
    with_: With = None,
    output_file: Out = None,
    resume: Resume = False,
    batch_rows: Size = None,
    query: Query = None,
    from_: From = None,
    into: Into = None,
    append: Append = False,
    quiet: Quiet = False,
) -> int:
    """Predict rows: label, probabilities, prediction set, and reasons on request."""
    from assay.core.addresses import is_database, shown

    from .output import note, ready
    from .progress import Progress

    checked(coverage)
    if batch_rows is not None and batch_rows < 1:
        raise SettingsError(f"--batch-rows must be at least 1; got {batch_rows}")
    to_database = output_file is not None and is_database(output_file)
    if (into or append) and not to_database:
        raise SettingsError(
            "--into and --append are for databases: -o postgresql://..., sqlite:///FILE, duckdb:///FILE"
        )
    if (query or from_) and not is_database(table):
        raise SettingsError("--query and --from are for databases: name one in place of the file")
    if resume and output_file is None:
        raise SettingsError("--resume needs -o: without, nothing is kept beside")
    from assay.bundle.batch import Scores, Source, Target, score
    from assay.tables.outputs import SUFFIXES

    if not to_database and output_file is not None:
        ready(Path(output_file), SUFFIXES)
    from assay.api import load
    from assay.tables.looks import looking

    with tempfile.TemporaryDirectory() as folder, looking(look, "predict") as under, Progress(quiet) as progress:
        target = Target(output_file or str(Path(folder) / "rows.csv"), into, append)
        target.check()
        try:
            rows, notes = score(
                load(model, variant=variant), Source(table, query, from_, cache=resume), target,
                Scores(reasons, coverage, interval, listed(with_), to_database),
                resume=resume, size=batch_rows, told=progress,
            )  # fmt: skip
        except KeyboardInterrupt:
            if output_file is None or not target.work().exists():
                raise
            raise AssayError("stopped; the rows done so far are kept: the same with --resume goes on") from None
        if output_file is None:
            with Path(target.place).open(encoding="utf-8") as lines:
                sys.stdout.writelines(lines)
    for said in notes:
        note(said, quiet)
    for taken in under.taken.values() if under else ():
        note(f"this is {taken.says}", quiet)
    if output_file is not None:
        where = f"{into} of {shown(output_file)}" if to_database else output_file
        note(f"{rows:,} rows predicted; {where} is written", quiet)
    return 0


def checked(coverage: float | None) -> None:
    if coverage is not None and not 0 < coverage < 1:
        raise SettingsError(f"--coverage must lie between 0 and 1, such as .9; got {coverage:g}")
