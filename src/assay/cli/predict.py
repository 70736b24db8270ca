"""``assay predict``: score rows with a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.core.errors import SettingsError

from .options import FIT, OUT, Bundle, Look, Quiet, Rows, flag

Reasons = Annotated[
    int, typer.Option(metavar="N", min=0, max=10, help="The N columns that moved each prediction most.")
]
Coverage = Annotated[float | None, flag("Coverage of the prediction sets, such as .9.", FIT, metavar="SHARE")]
Interval = Annotated[bool, flag("Venn-Abers interval of the probability: p_low, p_high.", FIT, "--interval")]
Out = Annotated[
    Path | None,
    flag(
        "Where the rows go; .parquet, .csv, .tsv, .json or .jsonl. Without: CSV on standard output.",
        OUT,
        "--output-file",
        "-o",
        metavar="FILE",
    ),
]


def predict(
    model: Bundle,
    table: Rows,
    reasons: Reasons = 0,
    coverage: Coverage = None,
    interval: Interval = False,
    look: Look = None,
    output_file: Out = None,
    quiet: Quiet = False,
) -> int:
    """Predict rows: label, probabilities, prediction set, and reasons on request."""
    from .output import TABLES, note, print_table, ready, write_table
    from .progress import Progress

    checked(coverage)
    ready(output_file, tuple(TABLES))
    from assay.api import load
    from assay.tables.looks import looking

    with looking(look, "predict") as under, Progress(quiet) as progress:
        progress("predicting", 0.1)
        scored = load(model).score_table(table, reasons=reasons, coverage=coverage, interval=interval)
    for taken in under.taken.values() if under else ():
        note(f"this is {taken.says}", quiet)
    if output_file is None:
        print_table(scored)
    else:
        write_table(scored, output_file)
        note(f"{scored.num_rows:,} rows predicted; {output_file} is written", quiet)
    return 0


def checked(coverage: float | None) -> None:
    if coverage is not None and not 0 < coverage < 1:
        raise SettingsError(f"--coverage must lie between 0 and 1, such as .9; got {coverage:g}")
