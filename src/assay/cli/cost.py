"""``assay cost``: what a model takes to be served, measured here, and what that costs at prices of one's own."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.core.errors import SettingsError

from .options import FIT, OUT, Quiet, flag

Model = Annotated[
    str | None, typer.Argument(metavar="MODEL", help="An .assay file, or name@alias.", show_default=False)
]
PLACES = {"cloud": "cloud", "on_premise": "on-premise"}
EMPTY = "EMPTY"


def cost(
    model: Model = None,
    rps: Annotated[float | None, flag("Requests a second, of one row each, to each model.", FIT, "--rps")] = None,
    prices: Annotated[
        Path | None, flag("Your prices; --prices-example prints a file to fill in.", FIT, metavar="TOML")
    ] = None,
    prices_example: Annotated[bool, flag("Print a file of prices to fill in.", OUT, "--prices-example")] = False,
    output_format: Annotated[str, flag("text or json.  (default: text)", OUT, metavar="FORMAT")] = "text",
    quiet: Quiet = False,
) -> int:
    """Measure CPU and memory of serving a model here; machines and money follow at your own prices."""
    from assay.serve.prices import EXAMPLE, Prices, read_prices, report

    if prices_example:
        typer.echo(EXAMPLE, nl=False)
        return 0
    if output_format not in ("text", "json"):
        raise SettingsError(f"--output-format must be text or json; got {output_format!r}")
    if model is None or rps is None:
        raise SettingsError("a model and its load are needed: assay cost MODEL --rps 200 --prices prices.toml")
    if not 0 < rps <= 1e9:
        raise SettingsError(f"--rps must be a number of requests a second above 0; got {rps:g}")
    said = read_prices(prices) if prices is not None else Prices()
    from assay.registry import read_bundle
    from assay.serve.measure import measure

    from .progress import Progress

    with Progress(quiet) as progress:
        measured = measure(read_bundle(model), progress)
    doc = report(measured, rps, said)
    typer.echo(json.dumps(doc, indent=1, ensure_ascii=False) if output_format == "json" else text(doc))
    return 0


def text(doc: Mapping[str, Any]) -> str:
    """The report at 80 columns."""
    m, p = doc["measured"], doc["prices"]
    lines = [
        f"measured on {m['machine'][:68]}",
        f"  CPU of one request        {span(m['request'], 'us')}",
        f"    of it the handler       {span(m['handler'], 'us')}",
        *(f"  {title:<26}{span(figure, 'us')}" for title, figure in several(m)),
        f"  memory of a process       {m['own']:.0f} MB, and {m['shared']:.0f} MB that all share",
        f"  one more model in it      {m['further']:.1f} MB",
        f"  one processor answers     {span(doc['most_per_processor'], 'requests/s')} at {p['utilisation']:.0%} busy",
        "",
        f"{doc['rps']:g} requests/s to each model, {p['utilisation']:.0%} busy at most, at least {p['at_least']} "
        f"machine{'s' if p['at_least'] > 1 else ''}",
    ]
    names = [name for name in PLACES if p[name] is not None]
    head = f"{'models':<7}{'processes':<16}{'processors':<22}{'MB':>7}"
    lines += [
        head + "".join(f"{PLACES[n] + ' machines':>14}"[:14] if len(names) == 1 else f"{PLACES[n]:>12}" for n in names)
    ]
    for fleet in doc["fleets"]:
        how = "many in one" if fleet["together"] else "one each"
        row = f"{fleet['models']:<7}{how:<16}{span(fleet['processors'], ''):<22}{fleet['memory']:>7,.0f}"
        lines.append(row + "".join(f"{counted(fleet['machines'].get(n)):>12}" for n in names))
    if not names:
        lines += ["", *fold("no prices were given: assay cost --prices-example > prices.toml, fill it in, and name it "
                            "with --prices")]  # fmt: skip
    for name in names:
        lines += ["", *priced(doc, name)]
    lines += ["", *fold(NOTES)]
    return "\n".join(lines)


NOTES = (
    "In brackets: at least 95 % over repeated blocks. Measured with key, checks, metrics and prediction log on, rows "
    "of the typical kind, models asked in turn. 'many in one': a process that holds so many copies of this model; "
    "assay serve itself holds one. 50 with a process each: the CPU measured for 10."
)


def several(measured: Mapping[str, Any]) -> list[tuple[str, Mapping[str, float]]]:
    """What was measured of more models than one, with its title."""
    return [
        (f"  {n} models, {words}", measured[how][n])
        for how, words in (("apart", "one each"), ("together", "many in one")) for n in measured[how]
    ]  # fmt: skip


def priced(doc: Mapping[str, Any], name: str) -> list[str]:
    """What one place costs, or what is EMPTY."""
    currency = doc["prices"]["currency"] or "currency EMPTY"
    title = f"{PLACES[name]}{': ' + doc['prices'][name]['machine'] if doc['prices'][name]['machine'] else ''}"
    if name in doc["empty"]:
        return fold(f"{title}: {EMPTY}: {', '.join(doc['empty'][name])}")
    out = [f"{title}, {doc['hour_of_a_machine'][name]:.4g} {currency} for an hour of one machine",
           f"{'models':<7}{'processes':<16}{'a million predictions':<32}{'a model and month':>18}"]  # fmt: skip
    for fleet in doc["fleets"]:
        how = "many in one" if fleet["together"] else "one each"
        money, month = fleet["per_million"][name], fleet["per_model_month"][name]
        out.append(f"{fleet['models']:<7}{how:<16}{span(money, currency):<32}{month:>18,.2f}")
    return out


def span(figure: Mapping[str, float], unit: str) -> str:
    """Value and interval, as in ``61.3 (58 to 66) us``; one number where they are the same."""
    value, low, high = (short(figure[k]) for k in ("value", "low", "high"))
    between = "" if low == high else f" ({low} to {high})"
    return f"{value}{between} {unit}".rstrip()


def short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def counted(machines: tuple[int, int, int] | None) -> str:
    if machines is None:
        return EMPTY
    low, value, high = machines
    return f"{value}" if low == high else f"{value} ({low}-{high})"


def fold(sentence: str) -> list[str]:
    return textwrap.wrap(sentence, 80, break_on_hyphens=False)
