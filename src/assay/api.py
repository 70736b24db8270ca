"""The public verbs from Python: check, fix, fit, load. Each is one way through the house, from source to result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.audit.check import Audit, standing_leaks
from assay.audit.fixed import Fixed, fix_doc
from assay.audit.opening import open_subject, with_model
from assay.audit.repair import carry_out, plan
from assay.audit.runner import Progress
from assay.audit.scored import read_predictions
from assay.core.constraints import Constraints, read_constraints
from assay.core.errors import InputError, RoleError
from assay.core.settings import Settings, settings_from
from assay.core.subject import Subject
from assay.report.next_steps import python_steps
from assay.tables.looks import looking

if TYPE_CHECKING:
    from assay.bundle.model import Model
    from assay.report.document import Report

MODEL_CODES = ("M",)
FIT_REFITS = 30  # a fit that skips a safe repair for want of a trial would waste the audit


def check(
    source: Any,
    y: Any = None,
    *,
    target: str | None = None,
    time: str | None = None,
    group: str | Sequence[str] | None = None,
    protected: str | Sequence[str] | None = None,
    roles: Mapping[str, str | Sequence[str]] | None = None,
    asked_at: str | None = None,
    known: Sequence[str] = (),
    unknown: Sequence[str] = (),
    split: str | None = None,
    look: str | None = None,
    reference: Any = None,
    test: Any = None,
    model: Any = None,
    predictions: Any = None,
    trusted: Any = None,
    population: Any = None,
    contract: Any = None,
    pipeline: Any = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
    cache: bool = True,
) -> Report:
    """Audit a table: every challenge gets a verdict, every finding its interval and its fix.

    Args:
        source: path or glob (CSV, TSV, JSON lines, Parquet, Arrow, .gz, .zst, .xlsx), pandas, polars or Arrow table,
            dict of arrays, numpy array, or DuckDB relation.
        y: the target as an array, where it is not a column of ``source``.
        target, time, group, protected, roles: columns by role; what is not named is guessed, and shown.
        asked_at: column of the moment at which the question is asked; ``known`` and ``unknown`` settle what is
            known by then.
        split: what separates the rows that judge: time, group, site, column or random; by default the roles decide.
        look: why a locked test that ``assay split`` wrote is opened; it is counted.
        reference, test: a second table to compare with.
        model: what is audited beside the data: an .assay or .onnx file, a loaded model, a fitted estimator, or a
            function from a frame of rows to one prediction a row. See ``assay.bundle.own_model``.
        predictions: what any other tool predicted, as a table with columns ``p_<class>`` (``prediction`` for a number).
        trusted: a table that holds the same things, by id, as they should be.
        population: where the rows come from: a table, or column -> value -> share.
        contract: what was promised about the columns: a file as ``assay schema infer`` writes it, or its mapping.
        pipeline: the user's own way from a table to a score, selection and scaling included; see K07.

    Raises:
        AssayError: bad input, role or setting, in one sentence.
    """
    settings = with_split(settings or Settings(), split)
    source, target = with_target(source, y, target)
    with looking(look, "check"):
        subject = open_subject(
            source,
            target=target,
            roles=word(time, group, protected, roles, asked_at, known, unknown),
            settings=settings,
            reference=reference,
            test=test,
            trusted=trusted,
            population=population,
            contract=contract,
            pipeline=pipeline,
            cache=cache,
        )
    subject = attach(subject, model, predictions, settings, cache)
    report = Audit(subject, settings, progress).report(labels=row_labels(source))
    if isinstance(source, (str, Path)) or not hasattr(source, "__len__") or isinstance(source, (list, tuple)):
        return report
    said = {"target": target, "time": time, "group": group, "protected": protected, "roles": roles,
            "asked_at": asked_at, "known": known, "unknown": unknown, "split": split}  # fmt: skip
    return replace(report, next_commands=tuple(python_steps(report.to_json(), said)))


def fix(
    source: Any,
    y: Any = None,
    *,
    target: str | None = None,
    time: str | None = None,
    group: str | Sequence[str] | None = None,
    protected: str | Sequence[str] | None = None,
    roles: Mapping[str, str | Sequence[str]] | None = None,
    asked_at: str | None = None,
    known: Sequence[str] = (),
    unknown: Sequence[str] = (),
    unsafe: bool = False,
    proven: bool = False,
    settings: Settings | None = None,
    progress: Progress | None = None,
    cache: bool = True,
) -> Fixed:
    """Repair a table in memory: safe repairs are applied, every one brings its proof; the source is never changed.

    Args:
        unsafe: also repairs that drop or rewrite what is recorded. A repair whose trial failed is never applied.
        proven: only repairs whose proof is kept.

    Other arguments as ``check``. Returns the repaired table (``.arrow``, ``.to_pandas()``), what was done (``.doc``,
    printed by ``print``) and the recipe (``.save_recipe(path)``), which ``assay fix --recipe`` replays.

    Raises:
        AssayError: bad input, role or setting, in one sentence.
    """
    from tempfile import TemporaryDirectory

    import pyarrow.parquet as pq

    settings = settings or Settings()
    source, target = with_target(source, y, target)
    said = word(time, group, protected, roles, asked_at, known, unknown)
    subject = open_subject(source, target=target, roles=said, settings=settings, cache=cache)
    made = plan(subject, settings, unsafe=unsafe, proven=proven, progress=progress)
    with TemporaryDirectory() as folder:
        out = Path(folder) / "fixed.parquet"
        done, recipe = carry_out(made, None, out)
        arrow = pq.read_table(out) if out.exists() else subject.table.arrow()
    return Fixed(fix_doc(made, done), recipe, arrow)


def fit(
    source: Any,
    y: Any = None,
    *,
    target: str | None = None,
    time: str | None = None,
    group: str | Sequence[str] | None = None,
    protected: str | Sequence[str] | None = None,
    roles: Mapping[str, str | Sequence[str]] | None = None,
    asked_at: str | None = None,
    known: Sequence[str] = (),
    unknown: Sequence[str] = (),
    split: str | None = None,
    look: str | None = None,
    keep: Sequence[str] = (),
    personal: Sequence[str] = (),
    ship: str | None = None,
    unsafe: bool = False,
    predict: str | None = None,
    constraints: Constraints | Mapping[str, Any] | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
    cache: bool = True,
    resume: str | Path | None = None,
) -> Model:
    """Audit, repair, fit, prove and bundle: returns a Model that predicts from the very graph it is saved as.

    Leaves out columns with a standing leak finding (K01-K03), those still under ASK, and the protected columns that
    were named; ``keep`` overrides. ``constraints``: increasing, decreasing, without and interactions, as
    ``core.constraints.Constraints`` has them. ``unsafe`` applies remedies that change what is recorded, where their
    proof holds. ``predict`` is what is predicted: mean, median, quantile:0.9, count, or ordinal
    (``Question.predict`` of the settings). ``personal`` names columns that hold data on persons: the model card says
    so, and logs of the service leave them out. ``resume`` names a folder where the race is kept until the fit is done:
    what a killed fit of the same question left there is used. Other arguments as ``check``.

    Raises:
        AssayError: bad input, no target, or nothing left to learn from, in one sentence.
    """
    settings = with_split(settings or Settings(), split)
    if predict is not None:
        settings = replace(settings, question=replace(settings.question, predict=predict))
    if constraints is not None:
        settings = replace(settings, constraints=read_constraints(constraints, "constraints"))
    if personal:
        settings = replace(settings, personal=tuple(personal))
    source, target = with_target(source, y, target)
    with looking(look, "fit"):
        subject = open_subject(
            source,
            target=target,
            roles=word(time, group, protected, roles, asked_at, known, unknown),
            settings=settings,
            cache=cache,
        )
    if subject.roles.target is None:
        raise RoleError("fit needs to know what to predict: name the target (--target COLUMN)")
    if not subject.features:
        raise InputError(f"fit needs columns to learn from; {subject.table.name} has none but the target and the ids")
    return fit_subject(subject, settings, keep=keep, ship=ship, unsafe=unsafe, progress=progress, resume=resume)


def fit_subject(
    subject: Subject,
    settings: Settings,
    *,
    keep: Sequence[str] = (),
    ship: str | None = None,
    unsafe: bool = False,
    progress: Progress | None = None,
    resume: str | Path | None = None,
) -> Model:
    """The second half of ``fit``, from a subject that is already open."""
    from assay.bundle.footprint import footprint
    from assay.bundle.make import make
    from assay.bundle.native import NativeModel
    from assay.bundle.personal import flagged, known
    from assay.bundle.runs import append
    from assay.fit import fit as race
    from assay.fit.constrained import ruled_out, spared
    from assay.fit.keeping import clear
    from assay.fit.resources import Meter
    from assay.fit.understanding import understand

    known(settings.personal, [c.name for c in subject.table.columns], subject.table.name)
    meter = Meter()
    out = ruled_out(subject.table, subject.roles, settings.constraints, keep)
    audit = Audit(subject, replace(settings, select=()), part(progress, 0.0, 0.25))
    audit.unsafe, audit.refits = unsafe, FIT_REFITS
    report = audit.report()
    suspects = audit.runner.give("suspects")
    leaks = {c: why for c, why in standing_leaks(report.findings, suspects).items() if c not in keep}
    fitted = race(subject, spared(audit.recipe, leaks | out), settings, left_out=leaks | out, ship=ship,
                  progress=part(progress, 0.25, 0.9), measure=footprint,
                  resume=None if resume is None else Path(resume), spent=meter.cpu)  # fmt: skip
    of_table = replace(report, outcomes=tuple(o for o in report.outcomes if o.stage != "model"))
    model = NativeModel(fitted.judged, tuple(fitted.recipe.ops()), subject.table.digest)
    seen = {**subject.evidence, "making": fitted.making}
    judged = replace(subject, predictions=fitted.predictions, model=model, evidence=seen)
    on_model = Audit(judged, replace(settings, select=MODEL_CODES), part(progress, 0.9, 0.95))
    evidence = on_model.report(trials=False)
    understood = understand(judged, fitted, on_model.runner.give, audit.runner.give)
    made = make(subject, fitted, of_table, evidence, settings, meter.read(settings.watts, settings.co2), understood)
    made = flagged(made, [c for c in settings.personal if c in made.columns])
    if settings.runs:
        append(Path(settings.runs), made.lineage["run"] | {"size": made.size})
    if resume is not None and not fitted.interrupted:
        clear(Path(resume))
    return made


def load(path: Any, *, variant: str | None = None) -> Model:
    """Load an .assay file, check its digests and replay its golden rows: a path, its bytes, or a name of the registry
    (``name@champion``, ``name@1.2.0``, ``name@sha256:ab12cd``; ``assay.registry.open_registry`` says which registry).

    ``variant`` answers from one of the smaller graphs in the file, such as pruned (``assay compress``).

    Raises:
        BundleError: damaged, hostile, or of another version. InputError: no such file or version. SettingsError: no
            such variant.
    """
    from assay.bundle.model import Model
    from assay.registry import read_bundle

    data = read_bundle(path)
    if variant is None:
        return Model.load(data)
    from assay.bundle.variants import Variant

    return Variant(data, variant)


def attach(subject: Subject, model: Any, predictions: Any, settings: Settings, cache: bool = True) -> Subject:
    """The subject with what ``check`` takes as ``model`` and as ``predictions``, each where it is given."""
    if model is not None:
        from assay.bundle.own_model import open_model
        from assay.registry.places import named_bundle

        subject = with_model(subject, open_model(named_bundle(model), subject), settings)
    if predictions is not None:
        subject = replace(subject, predictions=read_predictions(predictions, subject, settings, cache))
    return subject


def part(progress: Progress | None, start: float, end: float) -> Progress | None:
    """A progress callback for one stretch of the whole."""
    if progress is None:
        return None
    return lambda what, share: progress(what, start + (end - start) * share)


def word(time: Any, group: Any, protected: Any, roles: Any, asked_at: Any, known: Any, unknown: Any) -> dict[str, Any]:
    """What the user said of roles, as one mapping."""
    said = dict(roles or {})
    named = {"order": time, "group": group, "protected": protected, "asked_at": asked_at}
    said |= {role: columns for role, columns in named.items() if columns}
    said |= {role: tuple(columns) for role, columns in (("known", known), ("unknown", unknown)) if columns}
    return said


def with_target(source: Any, y: Any, target: str | None) -> tuple[Any, str | None]:
    """``check(X, y)``: the target becomes a column of the table."""
    if y is None:
        return source, target
    import pyarrow as pa

    from assay.tables import open_table

    table = open_table(source, cache=False).arrow()
    name = target or str(getattr(y, "name", None) or "target")
    values = y if isinstance(y, (pa.Array, pa.ChunkedArray)) else pa.array(y)
    if len(values) != table.num_rows:
        raise InputError(f"X and y must have the same rows; X has {table.num_rows:,}, y has {len(values):,}")
    if name in table.column_names:
        raise InputError(f"y is called {name!r}, which is a column of X too; name it with target=")
    return table.append_column(name, values), name


def with_split(settings: Settings, split: str | None) -> Settings:
    """The settings with what was said of the split."""
    return settings if split is None else settings_from({"split": split}, settings, "split=")


def row_labels(source: Any) -> Any:
    """The user's own row labels: a pandas index that is not the default one."""
    index = getattr(source, "index", None)
    if index is None or callable(index) or type(index).__name__ == "RangeIndex":
        return None
    return index
