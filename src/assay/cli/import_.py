"""``assay import``: take over an ONNX file of another maker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.core.errors import SettingsError

from .options import FIT, OUT, ROLES, Quiet, Target, flag, listed


def import_(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An .onnx file.")],
    rows: Annotated[
        str | None, flag("Rows as it takes them: it is checked on them, and described by them.", FIT, metavar="TABLE")
    ] = None,
    target: Target = None,
    classes: Annotated[
        list[str] | None, flag("Names of its classes, in the order of its output.", ROLES, metavar="CLASS,...")
    ] = None,
    personal: Annotated[
        list[str] | None, flag("Columns with data on persons: logs leave them out.", ROLES, metavar="COLUMN,...")
    ] = None,
    name: Annotated[str | None, flag("What it is called.  (default: the file's name)", OUT, metavar="NAME")] = None,
    version: Annotated[str, flag("Its version.  (default: 0.1.0)", OUT, metavar="X.Y.Z")] = "0.1.0",
    output_file: Annotated[
        Path | None, flag("Where the model goes; .assay.", OUT, "--output-file", "-o", metavar="FILE")
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Take over an ONNX file as a model of assay: checked on rows, with a dossier that says what is not known."""
    from .output import note, ready

    if rows is None:
        raise SettingsError("import needs rows that the model takes: --rows sample.csv")
    if output_file is None:
        raise SettingsError("import must know where the model goes: -o model.assay")
    if model.suffix.lower() != ".onnx":
        raise SettingsError(
            f"import takes an .onnx file; got {model.name}: export the model to ONNX, or take over a live object of "
            "scikit-learn, LightGBM or XGBoost with assay.import_model(model, rows) in Python"
        )
    ready(output_file, (".assay",))
    from assay.bundle.importing.onnx_file import import_onnx

    made = import_onnx(model, rows, target=target, classes=listed(classes), name=name, version=version)
    from assay.bundle.personal import flagged

    made = flagged(made, listed(personal))
    made.save(output_file)
    what = "values" if made.task == "regression" else ", ".join(made.classes)
    worst, n = made.parity["max"], made.parity["rows"]
    note(f"{output_file} is written: {what}, from {len(made.columns)} columns; it differs from {model.name} by at most "
         f"{worst:.2g} on {n:,} rows. It was not audited: no score of it is known.", quiet)  # fmt: skip
    return 0
