"""The levels of columns as one nested SELECT; each level carries only what later ones need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.core.errors import SettingsError

if TYPE_CHECKING:
    from .sql_steps import Lane, Writer


def query(w: Writer, table: str) -> str:
    """The SELECT over all levels.

    Raises:
        SettingsError: a level has more columns than the engine takes.
    """
    results = _results(w)
    needed = set().union(*(lane.uses for _, lane in results))
    levels: list[tuple[str, str]] = []
    for k, own in reversed(list(enumerate(w.columns))):
        mine = [(name, lane) for name, lane in own if name in needed]
        names = {name for name, _ in mine}
        carried = sorted(needed - names, key=lambda v: int(v[1:]))
        if len(carried) + len(mine) > w.d.most_columns:
            raise SettingsError(
                f"this model cannot be exported to {w.d.name}: a step of it has {len(carried) + len(mine):,} columns, "
                f"more than the engine's {w.d.most_columns:,}"
            )
        made = [*carried, *(f"{lane.sql} AS {name}" for name, lane in mine)]
        levels.append((f"SELECT {_listed(['assay_row', *made])}", "".join(f"\n{j}" for j in w.tables.get(k, []))))
        needed = (needed - names).union(*(lane.uses for _, lane in mine))
    inner = f"SELECT assay_row FROM {table} AS assay_row"
    for head, joins in reversed(levels):
        inner = f"{head}\nFROM (\n{inner}{w.d.fence}\n) AS level{joins}"
    whole = ", ".join([w.d.spread.format("assay_row"), *(f"\n  {lane.sql} AS {name}" for name, lane in results)])
    return f"{_head(w, table)}SELECT {whole}\nFROM (\n{inner}{w.d.fence}\n) AS level\n"


def _listed(items: list[str]) -> str:
    return ",\n  ".join(items)


def _head(w: Writer, table: str) -> str:
    def plain(said: object) -> str:
        return "".join(c if c.isprintable() else "?" for c in str(said))

    m = w.model
    name, target = plain(m.manifest.get("name", "model")), plain(m.target or "the target")
    return (
        f"-- {name}: predicts {target} for the rows of {plain(table)}\n"
        f"-- made by assay for {w.d.name} from the .assay file with SHA-256 {m.digest}\n"
        f"-- columns that the table must have: {plain(', '.join(m.columns))}\n"
        "-- text columns as text, dates as DATE or TIMESTAMP, times of day as HHMM; NULL is missing\n"
    )


def _results(w: Writer) -> list[tuple[str, Lane]]:
    """Name and expression of each column of the result."""
    out = w.program.outputs

    def quoted(name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    if w.model.task == "regression":
        low, high = w.lanes(out["set"])
        return [("prediction", w.lanes(out["value"])[0]), ("set_low", low), ("set_high", high)]
    index = w.lanes(out["label"])[0]
    results = [("prediction", index)]
    results += [
        (quoted(f"p_{c}"), lane) for c, lane in zip(w.model.classes, w.lanes(out["probabilities"]), strict=True)
    ]
    for c, lane in zip(w.model.classes, w.lanes(out["set"]), strict=True):
        results.append((quoted(f"set_{c}"), w.made(f"coalesce({lane.sql}, FALSE)", lane)))
    return results
