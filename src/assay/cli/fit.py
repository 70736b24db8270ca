"""``assay fit``: audit, repair, fit, prove, and write one file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from assay.core.errors import SettingsError, did_you_mean

from .options import (
    FIT,
    OUT,
    ROLES,
    AskedAt,
    Group,
    Known,
    Look,
    NoCache,
    Protected,
    Quiet,
    RoleWords,
    Seed,
    Sources,
    Split,
    Target,
    Time,
    Unknown,
    constrained_by,
    flag,
    listed,
    roles_from,
    settings_from_flags,
    source_of,
)
from .promises import Co2, CoverageBy, Forecast, MaxLatency, MaxSize, foretell, promised

SHIPS = ("judged", "refit")
STOPPED = "interrupted:"  # how a fit that Ctrl-C ended early begins that limit in its dossier


def fit(
    tables: Sources = None,
    target: Target = None,
    time: Time = None,
    group: Group = None,
    protected: Protected = None,
    role: RoleWords = None,
    split: Split = None,
    look: Look = None,
    asked_at: AskedAt = None,
    known: Known = None,
    unknown: Unknown = None,
    keep: Annotated[
        list[str] | None, flag("Keep columns that are protected, or suspected of a leak.", ROLES, metavar="COLUMN,...")
    ] = None,
    without: Annotated[
        list[str] | None, flag("Columns that the model must not use.", ROLES, metavar="COLUMN,...")
    ] = None,
    personal: Annotated[
        list[str] | None, flag("Columns with data on persons: logs leave them out.", ROLES, metavar="COLUMN,...")
    ] = None,
    increasing: Annotated[
        list[str] | None, flag("The prediction never falls as these grow.", ROLES, metavar="COLUMN,...")
    ] = None,
    decreasing: Annotated[
        list[str] | None, flag("The prediction never rises as these grow.", ROLES, metavar="COLUMN,...")
    ] = None,
    interactions: Annotated[
        str | None, flag("What may act together: 'a, b; c, d', or additive.", ROLES, metavar="GROUPS")
    ] = None,
    predict: Annotated[
        str | None, flag("mean, median, quantile:0.9, count or ordinal.", FIT, "--predict", metavar="WHAT")
    ] = None,
    budget: Annotated[float | None, flag("CPU seconds, audit and race.  (default: 60)", FIT, metavar="SECONDS")] = None,
    coverage_by: CoverageBy = None,
    max_latency: MaxLatency = None,
    max_size: MaxSize = None,
    co2: Co2 = None,
    forecast: Forecast = False,
    ship: Annotated[
        str | None, flag("judged: the model that was scored; refit: on all rows.", FIT, metavar="WHICH")
    ] = None,
    unsafe_fixes: Annotated[
        bool, flag("Apply proven repairs that change what is recorded.", FIT, "--unsafe-fixes")
    ] = False,
    runs: Annotated[
        str | None, flag("Add a line on this fit to a ledger, which assay runs compares.", OUT, metavar="FILE")
    ] = None,
    resume: Annotated[bool, flag("Go on where a fit into the same file was killed.", FIT, "--resume")] = False,
    output_file: Annotated[
        Path | None, flag("Where the model goes; .assay.", OUT, "--output-file", "-o", metavar="FILE")
    ] = None,
    name: Annotated[
        str | None, flag("What the model is called.  (default: the table's name)", OUT, metavar="NAME")
    ] = None,
    version: Annotated[str | None, flag("Its version, such as 1.2.0.  (default: 0.1.0)", OUT, metavar="X.Y.Z")] = None,
    report: Annotated[
        Path | None, flag("Write the dossier too; .html, .json, .md or .txt.", OUT, metavar="FILE")
    ] = None,
    seed: Seed = None,
    no_cache: NoCache = False,
    quiet: Quiet = False,
) -> int:
    """Audit, repair, fit and prove a model; write it, its evidence and its pages to one file."""
    from .output import form_of, note, ready, save, show
    from .progress import Progress

    if output_file is None and not forecast:
        raise SettingsError("fit must know where the model goes: -o model.assay")
    if ship is not None and ship not in SHIPS:
        raise SettingsError(f"--ship must be judged or refit; got {ship!r}{did_you_mean(ship, SHIPS)}")
    from assay.bundle.layout import named, versioned

    for word, checked in ((name, named), (version, versioned)):
        if word is not None:
            checked(word)
    form = form_of(None, report)
    ready(output_file, (".assay",))
    ready(report)
    settings = settings_from_flags(seed=seed, budget=budget, split=split)
    settings = constrained_by(
        settings, without=without, increasing=increasing, decreasing=decreasing, interactions=interactions
    )
    settings = promised(settings, coverage_by, max_latency=max_latency, max_size=max_size, co2=co2)
    if runs is not None:
        ready(Path(runs))
        settings = replace(settings, runs=runs)
    source = source_of(tables)
    if forecast:
        return foretell(source, settings, quiet, not no_cache, target, time=time, group=group,
                        protected=listed(protected), roles=roles_from(role), asked_at=asked_at, known=listed(known),
                        unknown=listed(unknown))  # fmt: skip
    assert output_file is not None
    from assay.api import fit as make
    from assay.bundle.write import renamed
    from assay.fit.keeping import clear

    part = output_file.with_name(f"{output_file.name}.part")
    if not resume:
        clear(part)

    with Progress(quiet) as progress:
        model = make(
            source,
            target=target,
            time=time,
            group=group,
            protected=listed(protected),
            roles=roles_from(role),
            asked_at=asked_at,
            known=listed(known),
            unknown=listed(unknown),
            look=look,
            keep=listed(keep),
            personal=listed(personal),
            ship=ship,
            unsafe=unsafe_fixes,
            predict=predict,
            settings=settings,
            progress=progress,
            cache=not no_cache,
            resume=part,
        )
        if name is not None or version is not None:
            model = renamed(model, name=name, version=version)
        model.save(output_file)
    if report is not None:
        save(model.dossier, report, form)
    if not quiet:
        show(model.dossier, "text")
    if any(said.startswith(STOPPED) for said in model.dossier["model"]["limits"]):
        note(f"stopped early: the best model so far is in {output_file}; --resume tries the rest")
        return 2
    written = f"{output_file} is written" + (f", and {report}" if report else "")
    note(written, quiet)
    return 0
