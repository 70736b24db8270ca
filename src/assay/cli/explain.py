"""``assay explain``: why a model predicts what it predicts, row by row, and what would change it."""

from __future__ import annotations

import json
import textwrap
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.core.errors import InputError, SettingsError

from .options import FIT, OUT, Target, flag, listed
from .predict import Coverage

if TYPE_CHECKING:
    from assay.bundle.counterfactual import Counterfactual
    from assay.bundle.shapley import Explanation

SHOWN = 5
CHANGE = "What would change it"
ABOUT = "This is about the model, not about the world: it says what the model would answer, not what would happen."


def explain(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="An .assay file; with --model the table.", show_default=False)
    ],
    table: Annotated[
        str | None, typer.Argument(metavar="TABLE", help="The rows; - for standard input.", show_default=False)
    ] = None,
    own: Annotated[
        str | None, flag("A model of any maker: .onnx or module:attr.", FIT, "--model", metavar="FILE")
    ] = None,
    target: Target = None,
    row: Annotated[
        list[int] | None,
        flag(f"Row numbers from 0; may be repeated.  (default: the first {SHOWN})", FIT, "--row", metavar="N"),
    ] = None,
    reasons: Annotated[int, typer.Option(metavar="N", min=1, max=10, help="Reasons a row.")] = 3,
    against: Annotated[str, flag("usual rows, or one typical row.", FIT, metavar="WHAT")] = "usual",
    coverage: Coverage = None,
    change: Annotated[bool, flag("Also say what would change the answer.", CHANGE, "--change")] = False,
    to: Annotated[str | None, flag("The class that is wanted.", CHANGE, metavar="CLASS")] = None,
    at_least: Annotated[float | None, flag("The value or probability to reach.", CHANGE, metavar="NUMBER")] = None,
    at_most: Annotated[float | None, flag("The value not to exceed.", CHANGE, metavar="NUMBER")] = None,
    fixed: Annotated[list[str] | None, flag("Columns that cannot change.", CHANGE, metavar="COLUMN,...")] = None,
    only_up: Annotated[list[str] | None, flag("Columns that can only grow.", CHANGE, metavar="COLUMN,...")] = None,
    only_down: Annotated[list[str] | None, flag("Columns that can only fall.", CHANGE, metavar="COLUMN,...")] = None,
    output_format: Annotated[str, flag("text or json.", OUT, metavar="FORMAT")] = "text",
) -> int:
    """Give the reasons of single predictions: which columns moved each one, and which way."""
    if output_format not in ("text", "json"):
        raise SettingsError(f"--output-format must be text or json; got {output_format!r}")
    from .predict import checked

    checked(coverage)
    change = change or any(v is not None for v in (to, at_least, at_most, fixed, only_up, only_down))
    if own is not None or foreign(model):
        if change:
            raise SettingsError("--change searches the graph of an .assay file; a model of another maker has none")
        if (own is None) == (table is None):
            raise SettingsError("one model and one table are needed: assay explain --model theirs.onnx TABLE")
        from assay.bundle.own_reasons import explain_own

        made, source = (own, model) if own is not None else (model, table)
        assert made is not None and source is not None
        numbers, scored, told_all = explain_own(made, source, target=target, pick=partial(wanted_rows, row), n=reasons)
        found = [
            entry(n, r, told_all, k, reasons, target) for k, (n, r) in enumerate(zip(numbers, scored, strict=True))
        ]
        return printed(found, output_format)
    if table is None:
        raise SettingsError("a table is needed: assay explain model.assay TABLE")
    from assay.api import load
    from assay.tables import open_table

    loaded, whole = load(model), open_table(table, cache=False)
    wanted = wanted_rows(row, whole.n_rows)
    some = whole.derive(whole.arrow().take(wanted))
    scored = loaded.score_table(some, coverage=coverage).to_pylist()
    told_all = loaded.explain(some, n=reasons, against=against)  # type: ignore[arg-type]
    rows = [
        entry(n, r, told_all, k, reasons, loaded.target) for k, (n, r) in enumerate(zip(wanted, scored, strict=True))
    ]
    if change:
        found_all = loaded.counterfactual(
            some, to=to, at_least=at_least, at_most=at_most,
            fixed=listed(fixed), only_up=listed(only_up), only_down=listed(only_down),
        )  # fmt: skip
        for made_row, one in zip(rows, found_all, strict=True):
            made_row["change"] = changed(one)
    return printed(rows, output_format)


def wanted_rows(row: list[int] | None, n: int) -> list[int]:
    """Row numbers as asked for, or the first five.

    Raises:
        InputError: beyond the table.
    """
    wanted = list(dict.fromkeys(row)) if row else list(range(min(SHOWN, n)))
    if beyond := [k for k in wanted if not 0 <= k < n]:
        raise InputError(f"--row must lie between 0 and {n - 1:,}; got {beyond[0]}")
    return wanted


def entry(number: int, scored: dict[str, Any], e: Explanation, k: int, n: int, target: str | None) -> dict[str, Any]:
    """One row as JSON: what is predicted, a sentence, the reasons, and every contribution with its interval."""
    from assay.bundle.reasons import sentence

    lo, hi = e.interval()
    label = (f"{target} = {e.of[k]}" if target else e.of[k]) if e.of else target or "answer"
    contributions = [
        {"column": c, "value": None if e.values[k, j] is None else e.shown[k][j], "moved": float(e.contributions[k, j]),
         "interval": [float(lo[k, j]), float(hi[k, j])]}
        for j, c in enumerate(e.columns)
    ]  # fmt: skip
    reasons = {f"reason_{i + 1}": said for i, said in enumerate(e.reasons[k])}
    return {
        "row": number, **scored, **reasons, "sentence": sentence(e, k, label, n), "usual": float(e.baseline[k]),
        "exact": e.exact, "contributions": contributions,
    }  # fmt: skip


def changed(one: Counterfactual) -> dict[str, Any]:
    """What would change an answer, as JSON."""
    return {
        "wanted": one.wanted, "before": one.before, "why": one.why, "said": str(one).partition("\n")[2],
        "alternatives": [
            {"changes": [dict(zip(("column", "is", "would_be"), c, strict=True)) for c in a.changes],
             "output": a.output} for a in one.alternatives
        ],
    }  # fmt: skip


def printed(rows: list[dict[str, Any]], output_format: str) -> int:
    if output_format == "json":
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False, default=str))
        return 0
    lines = [told(r["row"], r) for r in rows]
    if rows:
        lines.append(unit(list(rows[0])))
    if any("change" in r for r in rows):
        lines += textwrap.wrap(ABOUT, 80)
    typer.echo("\n".join(lines))
    return 0


def foreign(model: str) -> bool:
    """Whether the first argument names a model that assay did not make."""
    from assay.registry.names import looks_like_one

    named = ":" in model and not Path(model).exists() and not model.endswith(".assay")
    return model.endswith(".onnx") or (named and not looks_like_one(model))  # late@sha256:ab12cd is of the registry


def unit(names: list[str]) -> str:
    """What the signed number after a reason counts, from the names of the scored columns."""
    classes = [name[2:] for name in names if name.startswith("p_")]
    what = (
        f"the probability of {classes[1] if len(classes) == 2 else 'the predicted class'}" if classes else "the value"
    )
    return f"reason: how far it moved {what} from that of usual rows"


def told(number: int, row: dict[str, Any]) -> str:
    """One row as text: prediction and probabilities, a sentence, then a line for each reason and change."""
    said = {name[2:]: value for name, value in row.items() if name.startswith("p_") and value is not None}
    shares = "  ".join(f"{name} {value:.3f}" for name, value in said.items())
    lines = [f"row {number}  {row['prediction']}" + (f"  ({shares})" if shares else "")]
    if row.get("sentence"):
        lines += textwrap.wrap(row["sentence"] + ".", 78, initial_indent="  ", subsequent_indent="  ")
    if row.get("set") is not None:
        held = row["set"]
        lines.append(f"  set      {', '.join(map(str, held)) if isinstance(held, list) else held}")
    given = [row[name] for name in row if name.startswith("reason_") and row[name]]
    lines += [f"  reason   {reason}" for reason in given]
    if change := row.get("change"):
        if change["why"]:
            lines += textwrap.wrap(change["why"], 78, initial_indent="  change   ", subsequent_indent=" " * 11)
        else:
            lines.append(f"  change   the model would answer {change['wanted']}")
        for said_line in change["said"].splitlines() if change["alternatives"] else ():
            lines += textwrap.wrap(said_line.strip(), 78, initial_indent=" " * 11, subsequent_indent=" " * 13)
    return "\n".join(lines)
