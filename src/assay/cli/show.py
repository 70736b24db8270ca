"""``assay show``: the dossier of a model."""

from __future__ import annotations

from .check import Format, Path_
from .options import Bundle, Quiet


def show(model: Bundle, output_format: Format = None, output_file: Path_ = None, quiet: Quiet = False) -> int:
    """Show what a model is, how good it is, and what was found and repaired on the way."""
    from .output import form_of, note, ready, save
    from .output import show as put

    form = form_of(output_format, output_file)
    ready(output_file)
    from assay.api import load

    dossier = load(model).dossier
    if output_file is None:
        put(dossier, form)
    else:
        save(dossier, output_file, form)
        note(f"{output_file} is written", quiet)
    return 0
