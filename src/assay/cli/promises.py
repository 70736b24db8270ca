"""Options of ``fit`` about what is promised of the model and what it may cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from assay.core.errors import SettingsError
from assay.core.settings import Settings

from .options import FIT, flag

COST = "What it may cost"
CoverageBy = Annotated[
    str | None, flag("Sets keep their coverage in each group of it.", FIT, "--coverage-by", metavar="COLUMN")
]
MaxLatency = Annotated[float | None, flag("Most time for one row.", COST, "--max-latency", metavar="MICROSECONDS")]
MaxSize = Annotated[
    float | None, flag("Most room in the file; 0: no limit.  (default: 5)", COST, "--max-size", metavar="MB")
]
Co2 = Annotated[float | None, flag("CO2 of your electricity, per kWh.", COST, "--co2", metavar="GRAMS")]
Forecast = Annotated[bool, flag("Say what all rows would cost and score, and stop.", COST, "--forecast")]


def promised(settings: Settings, coverage_by: str | None, **numbers: float | None) -> Settings:
    """The settings with these flags on top: ``max_latency``, ``max_size`` and ``co2``.

    Raises:
        SettingsError: a number that is not above 0 (``max_size``: below 0).
    """
    given: dict[str, Any] = {name: value for name, value in numbers.items() if value is not None}
    for name, value in given.items():
        if not (value >= 0 if name == "max_size" else value > 0):
            said = name.replace("_", "-")
            raise SettingsError(f"--{said} must be {'0 or more' if name == 'max_size' else 'above 0'}; got {value:g}")
    return replace(settings, coverage_by=coverage_by or settings.coverage_by, **given)


def foretell(source: Any, settings: Settings, quiet: bool, cache: bool, target: str | None, **said: Any) -> int:
    """Print what one fit on all rows would take and score, measured on parts of them."""
    import typer

    from assay.api import word
    from assay.audit.opening import open_subject
    from assay.fit.forecast import forecast
    from assay.report.dossier import table_lines
    from assay.report.economy import forecast_rows

    from .progress import Progress

    with Progress(quiet) as progress:
        subject = open_subject(source, target=target, roles=word(**said), settings=settings, cache=cache)
        made = forecast(subject, settings, progress)
    seen = ", ".join(f"{rows:,} rows: {seconds:.3g} s, {loss:.4g}" for rows, seconds, loss in made.points)
    rows = [row[:3] + row[4:] for row in forecast_rows({"forecast": made.to_doc()})]
    typer.echo(f"{made.model} on {made.rows:,} training rows of one fold")
    typer.echo("\n".join(str(said) for said in table_lines("one training", rows, 80)))
    typer.echo(f"measured (CPU seconds, loss): {seen}")
    return 0
