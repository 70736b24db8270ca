"""The model in C: one .c and one .h file, C99, no runtime, no heap, no global state.

Written from the graph inside the .assay file, node by node, so that the exported model is the shipped one: features
are rounded to float32 where the graph rounds them, texts are looked up in the same tables, and the golden rows stand
in the file to be replayed on the device (compile with -D<NAME>_CHECK).
"""

from __future__ import annotations

import re

from assay.bundle.model import Model
from assay.core.errors import SettingsError

from .c_steps import Body
from .c_text import check_part, header, struct_names
from .program import read_program

MOST_SOURCE = 256 << 20  # bytes of C that a compiler is asked to take


def files(model: Model, name: str | None = None, variant: str | None = None) -> dict[str, bytes]:
    """``<name>.h`` and ``<name>.c``; the name is a C identifier, by default the model's. ``variant`` takes its graph.

    Raises:
        SettingsError: the name is no C identifier, or the model holds what C cannot say.
    """
    name = _named(model, name)
    program = read_program(model, variant)
    fields = struct_names(program)
    body = Body(program, model, name, fields)
    source = body.source(check_part(model, name, fields, variant))
    if len(source) > MOST_SOURCE:
        raise SettingsError(
            f"the model makes {len(source) >> 20} MB of C, more than a compiler takes ({MOST_SOURCE >> 20})"
        )
    return {f"{name}.h": header(model, name, program, fields).encode(), f"{name}.c": source.encode()}


def _named(model: Model, name: str | None) -> str:
    if name is not None:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,40}", name):
            raise SettingsError(f"a name for C must be letters, digits and underscores, a letter first; got {name!r}")
        return name
    plain = re.sub(r"[^a-z0-9]+", "_", str(model.manifest.get("name") or "model").lower()).strip("_")[:40]
    return plain if re.match(r"[a-z]", plain) else f"model_{plain}".rstrip("_")
