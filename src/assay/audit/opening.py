"""A source and the user's word become a Subject: table, roles, partition, comparisons, predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.aim import Aim, read_aim
from assay.core.costs import costs_of
from assay.core.errors import InputError, SettingsError
from assay.core.images import FILE
from assay.core.settings import Settings
from assay.core.subject import BUILD, JUDGE, Comparison, Model, Predictions, Roles, Subject
from assay.core.table import I32, NUMERIC, Mask, Sample, SampleSpec, Table
from assay.learn.target import in_order, labels
from assay.tables import guess_roles, looks, make_partition, open_table, rules
from assay.tables.duck_table import DuckTable
from assay.tables.images import Progress, is_images, open_images
from assay.tables.part import halves
from assay.tables.partition_column import parts_said
from assay.tables.splitting import words_of

from . import evidence
from .answers import FittedTo

MOST_SITES = 20  # more pairs than these are groups, not sites
LEAST_OF_SITE = LEAST_OF_HALF = 30  # below this no difference could be told from chance


def open_subject(
    source: Any,
    *,
    target: str | None = None,
    roles: Mapping[str, str | Sequence[str]] | None = None,
    settings: Settings | None = None,
    reference: Any = None,
    test: Any = None,
    trusted: Any = None,
    population: Any = None,
    contract: Any = None,
    pipeline: Any = None,
    name: str | None = None,
    cache: bool = True,
    progress: Progress | None = None,
) -> Subject:
    """Open a table (or a set of images) and settle its roles: the user's word first, guesses for the rest, both shown.

    ``trusted``, ``population``, ``contract`` and ``pipeline`` are what ``audit.evidence`` reads.

    Raises:
        InputError: the source cannot be read, or a second table shares no column with it.
        RoleError: a role names a column that is missing or unfit.
    """
    settings = settings or Settings()
    cut = words_of(source)
    word: dict[str, str | Sequence[str]] = cut | dict(settings.roles) | dict(roles or {})
    if cut:
        word["split"] = cut["split"]
        if settings.split not in ("", "column"):
            raise SettingsError(f"{source} is split already, test apart; --split {settings.split} would mix it again")
    seen = None
    if is_images(source):
        table, seen = open_images(source, name=name, progress=progress)
        word.setdefault("id", FILE)
    else:
        table = open_table(source, name=name, cache=cache)
    if settings.question.asked_at and "asked_at" not in word:
        word["asked_at"] = settings.question.asked_at
    if target is not None:
        word["target"] = target
    aim = read_aim(settings.question.predict)
    if settings.rules:
        rules.held(table, [(rule.name, rule.sql) for rule in settings.rules])
    settled = with_aim(guess_roles(table, word | task_of(aim)), aim)
    if settings.split:
        settled = replace(settled, split_by=settings.split)
    subject = settle(table, settled, settings.seed)
    pairs = comparisons(subject.table, settled, reference, test, cache)
    given = evidence.read(subject.table, trusted=trusted, population=population, contract=contract, cache=cache)
    if (costs := costs_of(settings.question, settled)) is not None:
        given["costs"] = costs
    if seen is not None:
        given["images"] = seen
    if (under := looks.now()) is not None and under.taken:
        given["looks"] = max(under.taken.values(), key=lambda look: look.number)
    subject = replace(subject, comparisons=pairs, evidence={**subject.evidence, **given})
    if pipeline is not None:
        subject = replace(subject, pipeline=evidence.pipeline_of(pipeline))
    return subject


def task_of(aim: Aim | None) -> dict[str, str]:
    """The task that the user's word on what is predicted implies, as a role."""
    if aim is None:
        return {}
    return {"task": "regression"} if aim.values else {"task": "multiclass"}


def with_aim(roles: Roles, aim: Aim | None) -> Roles:
    """Roles that say what is predicted; the classes of an ordinal target in their order.

    Raises:
        InputError: the order of the classes is not known.
    """
    if aim is None or roles.target is None:
        return roles
    if aim.kind != "ordinal":
        return replace(roles, aim=aim)
    return replace(roles, aim=aim, classes=in_order(roles.classes, aim, roles.target.column))


def meant(subject: Subject, aim: Aim | None) -> Subject:
    """The subject of a model that says what it predicts, so that it is judged by that; the settings come first.

    Raises:
        InputError: the target is read as classes where the model predicts values, or the other way.
    """
    roles = subject.roles
    if aim is None or roles.aim is not None:
        return subject
    if aim.values != (roles.task == "regression"):
        read = "a number" if roles.task == "regression" else "classes"
        raise InputError(
            f"the model predicts {aim.says} ({aim.word}), but the target is read as {read}: "
            f'say so in the settings, [question] predict = "{aim.word}"'
        )
    return replace(subject, roles=with_aim(roles, aim))


def with_model(subject: Subject, model: Model, settings: Settings) -> Subject:
    """The subject with a model, and what it predicts of a sample of the rows where the target is named.

    Raises:
        InputError: its predictions do not fit the target.
    """
    if subject.roles.target is None:
        return replace(subject, model=model)
    subject = meant(subject, getattr(model, "aim", None))
    rows = subject.table.sample(SampleSpec(n=settings.sample_rows))
    truth = labels(rows, subject.roles)
    keep = np.flatnonzero(truth.known)
    rows, truth = rows.take(keep), truth.take(keep)
    fitted = FittedTo(model, truth.task, truth.classes)
    part = seen(subject, model, rows)
    output = fitted.predict_rows(rows)
    given = Predictions(row_id=rows.row_id, output=output, y=truth.y, part=part, classes=truth.classes)
    return replace(subject, model=fitted, predictions=given)


def seen(subject: Subject, model: Model, rows: Sample) -> NDArray[np.int8]:
    """BUILD, CHOOSE or JUDGE for each row: what the model made of it. Its own training table is known by the digest.

    A model that was refitted on all rows has seen them all: none is left to judge it on. A model that does not say
    what it was trained on has seen what the split column calls train, or else nothing: rows that it has seen in truth
    make it look better, never worse.
    """
    if model.trained_on == subject.table.digest:
        return np.full(rows.n, BUILD, np.int8) if model.refitted else subject.partition.part(rows)
    if model.trained_on is None and subject.roles.split is not None:
        column = subject.roles.split.column
        codes, names = rows.codes(column)
        said = parts_said(column, names) or {}
        fresh = np.array([*(said.get(name, BUILD) != BUILD for name in names), True])[codes]
        return np.where(fresh, JUDGE, BUILD).astype(np.int8)
    return np.full(rows.n, JUDGE, np.int8)


def settle(table: Table, roles: Roles, seed: int) -> Subject:
    """A subject of a table whose roles are settled: what makes two rows equal is their features alone."""
    ids = roles.named("id") or table.ids
    out = {*ids, *(c for role in ("target", "weight", "split") for c in roles.named(role))}
    table = table.with_ids(sorted(out & {c.name for c in table.columns}))
    return Subject(table, roles, make_partition(table, roles, seed), seed)


def comparisons(table: Table, roles: Roles, reference: Any, test: Any, cache: bool) -> tuple[Comparison, ...]:
    """Named pairs, in order: reference file, test file, split column, time halves, each site against the rest."""
    pairs = []
    if reference is not None:
        other = open_table(reference, cache=cache)
        shared(table, other)
        pairs.append(Comparison(f"{other.name} against {table.name}", other, table, kind="reference"))
    if test is not None:
        other = open_table(test, cache=cache)
        shared(table, other)
        pairs.append(Comparison(f"{table.name} against {other.name}", table, other, kind="test"))
    if isinstance(table, DuckTable):
        if roles.split is not None:
            pairs += by_split(table, roles.split.column)
        if roles.order is not None:
            pairs += by_time(table, roles.order.column)
        if roles.site is not None:
            pairs += by_site(table, roles.site.column)
    return tuple(pairs)


def by_time(table: DuckTable, column: str) -> list[Comparison]:
    """The rows before the median moment against the rest; cut when it is first needed."""
    if table.n_rows < 2 * LEAST_OF_HALF:
        return []

    @cache
    def cut() -> tuple[Mask, Mask]:
        made = halves(moments(table, column))
        none = np.zeros(table.n_rows, bool)
        return made or (none, none)

    a = table.part(f"first half of {table.name}", lambda: cut()[0])
    b = table.part(f"second half of {table.name}", lambda: cut()[1])
    name = f"first half against second half of {'the rows' if column == '@row' else column}"
    return [Comparison(name, a, b, kind="time")]


def moments(table: DuckTable, column: str) -> Any:
    """The order of every row, as ``learn.splits.order_values`` has it for a sample."""
    if column == "@row":
        return np.arange(table.n_rows, dtype=np.float64)
    if table.column(column).kind in NUMERIC:
        return table.floats(column)
    codes, _ = table.codes(column)
    return np.where(codes < 0, np.nan, codes)


def by_site(table: DuckTable, column: str) -> list[Comparison]:
    """Each site against the rest, in the order of their names; sites with fewer than 30 rows are left to the rest. Two
    sites make one pair, which would else be said twice."""
    codes, names = table.codes(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    large = [i for i, k in enumerate(counts) if k >= LEAST_OF_SITE and names[i]]
    if (counts > 0).sum() + bool((codes < 0).any()) < 2 or len(large) > MOST_SITES:
        return []
    others = int((counts > 0).sum()) + bool((codes < 0).any())
    rest = "the rest" if others > 2 or len(large) < 2 else names[large[0]]
    return [
        Comparison(
            f"{column} {names[i]} against {rest}",
            table.part(f"rest of {table.name}", partial(differs, codes, i), [column]),
            table.part(f"{table.name}, {column} {names[i]}", partial(equals, codes, i), [column]),
            kind="site",
        )
        for i in (large if rest == "the rest" else large[1:])
    ]


def equals(codes: I32, i: int) -> Mask:
    return np.asarray(codes == i)


def differs(codes: I32, i: int) -> Mask:
    return np.asarray(codes != i)


def shared(a: Table, b: Table) -> None:
    if not {c.name for c in a.columns} & {c.name for c in b.columns}:
        raise InputError(f"{a.name} and {b.name} must share columns to be compared; they share none")


def by_split(table: DuckTable, column: str) -> list[Comparison]:
    """The rows that the split column calls train against those that it calls test."""
    codes, names = table.codes(column)
    said = parts_said(column, names) or {}
    later = np.array([*(said.get(name, BUILD) != BUILD for name in names), False])[codes]
    if not later.any() or later.all():
        return []
    a = table.part(f"{table.name}, train", lambda: ~later, [column])
    b = table.part(f"{table.name}, test", lambda: later, [column])
    return [Comparison(f"{column}: train against test", a, b, kind="split")]
