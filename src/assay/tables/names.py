"""Column names: never empty, never twice the same."""

from __future__ import annotations

from collections.abc import Sequence


def unique_names(names: Sequence[object]) -> tuple[list[str], list[str]]:
    """Names made unique (compared without case, as the engine does), and a note for each that was changed."""
    taken: set[str] = set()
    wanted = {str(n).casefold() for n in names}
    out, notes = [], []
    for i, raw in enumerate(names):
        name = "" if raw is None else str(raw).encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
        new = name if name.strip() else f"column_{i + 1}"
        stem, k = new, 2
        while new.casefold() in taken or (new != name and new.casefold() in wanted):
            new, k = f"{stem}_{k}", k + 1
        if new != name:
            notes.append(
                f"column {i + 1} had {'no name' if not name.strip() else f'the name {name!r} again'}: called {new!r}"
            )
        taken.add(new.casefold())
        out.append(new)
    return out, notes
