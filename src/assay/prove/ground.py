"""The ground that a fault is planted in: a real table as a Subject, with what the challenge needs.

A table without a time, group, id, site or text column is *lent* one that has nothing to do with its rows; the pair of
tables is its rows in two random halves; predictions are those of a linear model, from which the outcome is then drawn,
so that they are right; the pipeline is a plain honest one; the trusted table is the table itself, and the population
its own shares. So the only fault of its kind is the planted one, unless the table itself has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.audit.needs import missing
from assay.audit.opening import open_subject
from assay.core.challenge import Need
from assay.core.costs import even_costs
from assay.core.subject import BUILD, CHOOSE, Comparison, Predictions, Subject
from assay.core.table import SampleSpec
from assay.learn.conformal import DEFAULT
from assay.learn.encoded import EncodedModel, encoded
from assay.learn.learners import Config, train
from assay.learn.target import labels
from assay.testing import clean_table
from assay.testing.clean import honest_making

from .bases import Place, rows_of

if TYPE_CHECKING:
    import pyarrow as pa

NOT_LENT: frozenset[Need] = frozenset({"images"})
COLUMNS: dict[Need, tuple[str, str]] = {  # need -> column of the clean table that is lent, and its role
    "order": ("when", "order"), "group": ("owner", "group"), "id": ("key", "id"), "site": ("place", "site"),
    "text": ("remark", ""), "units": ("place", "site"),
}  # fmt: skip
MOST_LEVELS, MARGINS = 20, 3
FEWEST = 20  # rows to fit or to judge a model on


@lru_cache(maxsize=6)
def ground(place: Place, rows: int, needs: tuple[Need, ...], mixed: tuple[str, int] | None = None) -> Subject:
    """The table as a subject that serves ``needs`` as far as it can. ``mixed`` = (scope, seed) permutes the target,
    or the order of the rows where the scope is order."""
    arrow = rows_of(place, rows)
    roles = dict(place.roles)
    made = opened(place, arrow, roles)
    wanted = {*needs, "id"} if "trusted" in needs else set(needs)  # a trusted table is matched by a key
    lacking = [need for need in COLUMNS if need in wanted and missing(made, (need,))] if place.lent else []
    if lacking:
        arrow = lend(arrow, lacking, roles)
    if mixed is not None:
        arrow = permuted(place, arrow, roles, *mixed)
    if lacking or mixed is not None:
        made = opened(place, arrow, roles)
    return served(made, needs, place.lent)


def opened(place: Place, arrow: pa.Table, roles: dict[str, tuple[str, ...]]) -> Subject:
    subject = open_subject(arrow, target=place.target, roles=roles, name=place.name)
    return replace(subject, comparisons=()) if place.lent else subject


def lend(arrow: pa.Table, needs: Sequence[Need], roles: dict[str, tuple[str, ...]]) -> pa.Table:
    """Add a column for each need, drawn without regard to the rows, and name its role."""
    import pyarrow as pa

    from_clean = clean_table(arrow.num_rows, 0, needs)
    shuffled = np.random.default_rng([2, arrow.num_rows]).permutation(arrow.num_rows)
    for need in needs:
        column, role = COLUMNS[need]
        name = next(n for n in (column, f"{column}_lent", f"{column}_lent_2") if n not in arrow.column_names)
        arrow = arrow.append_column(name, from_clean[column].take(pa.array(shuffled)))
        if role:
            roles[role] = (name,)
    return arrow


def permuted(
    place: Place, arrow: pa.Table, roles: dict[str, tuple[str, ...]], scope: str, seed: int
) -> pa.Table:  # fmt: skip
    """The target without its rows, or the rows without their order."""
    import pyarrow as pa

    at = pa.array(np.random.default_rng([7, seed]).permutation(arrow.num_rows))
    name = roles["order"][0] if scope == "order" and "order" in roles else place.target
    if name == "@row":
        return arrow.take(at)
    if name is None:
        return arrow
    return arrow.set_column(arrow.schema.get_field_index(name), name, arrow[name].take(at))


def served(subject: Subject, needs: Sequence[Need], lent: bool) -> Subject:
    """What is no column: a pair of tables, predictions, and evidence beside the table."""
    evidence: dict[str, Any] = dict(subject.evidence)
    if "comparison" in needs and not subject.comparisons:
        subject = replace(subject, comparisons=halves(subject))
    if {"predictions", "sets", "model", "making", "search"} & set(needs) and subject.predictions is None:
        subject = with_predictions(subject)
    if lent and "trusted" in needs:
        evidence["trusted"] = subject.table
    if lent and "population" in needs and (margins := shares(subject)):
        evidence["population"] = margins
    if lent and "costs" in needs and "costs" not in evidence and len(subject.roles.classes) > 1:
        evidence["costs"] = even_costs(subject.roles)
    if {"making", "search"} & set(needs) and subject.predictions is not None:
        evidence["making"] = honest_making(subject.predictions)
    if lent and "pipeline" in needs:
        subject = replace(subject, pipeline=partial(plain_pipeline, many=subject.roles.task == "multiclass"))
    return replace(subject, evidence=evidence)


def plain_pipeline(X: Any, y: Any, many: bool = False) -> Any:
    """An honest pipeline for any table: in each of two folds, rows are scored by the sum of their numbers, each turned
    the way in which it goes with the target (with each class, where there are ``many``) on the other fold."""
    import pyarrow as pa

    table = X if isinstance(X, pa.Table) else pa.Table.from_pandas(X, preserve_index=False)
    plain = [c for c in table.columns if pa.types.is_floating(c.type) or pa.types.is_integer(c.type)]
    values, at = np.unique(y, return_inverse=True)
    wanted = np.eye(len(values))[at] if many else at[:, None].astype(np.float64)
    numbers = np.zeros((len(at), max(1, len(plain))))
    for i, column in enumerate(plain):
        own = np.array(column.to_numpy(), np.float64)
        fine = np.isfinite(own)
        numbers[:, i] = np.where(fine, own, own[fine].mean() if fine.any() else 0.0)
    made, fold = np.zeros(wanted.shape), np.arange(len(at)) % 2
    for k in (0, 1):
        other = numbers[fold != k]
        spread = np.where(other.std(0) > 0, other.std(0), np.inf)
        near = (other - other.mean(0)).T @ (wanted[fold != k] - wanted[fold != k].mean(0))
        made[fold == k] = ((numbers[fold == k] - other.mean(0)) / spread) @ np.sign(near) / numbers.shape[1]
    if not many:
        return made[:, 0]
    likely = np.exp(made - made.max(axis=1, keepdims=True))
    return likely / likely.sum(axis=1, keepdims=True)


def halves(subject: Subject) -> tuple[Comparison, ...]:
    """The rows dealt at random to two tables."""
    import pyarrow as pa

    arrow = subject.table.arrow()
    line = subject.rng("prove", "halves").permutation(arrow.num_rows)
    if len(line) < 2:
        return ()
    a, b = (subject.table.derive(arrow.take(pa.array(np.sort(half)))) for half in np.array_split(line, 2))
    return (Comparison("one half against the other", a, b),)


def with_predictions(subject: Subject) -> Subject:
    """The subject with a model, predictions that are right by construction, and the outcome that makes them so.

    A regularised linear model is fitted to the build rows; then every known outcome is drawn anew from what the model
    says (classes by its probabilities, numbers with residuals of the choose rows). Sets hold the truth in nine rows
    of ten, whatever the row. Features and their dependence stay those of the real table.
    """
    import pyarrow as pa

    if missing(subject, ("target", "feature")):
        return subject
    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    truth = labels(rows, subject.roles)
    part = subject.partition.part(rows)
    known = np.flatnonzero(truth.known)
    build, choose = known[part[known] == BUILD], known[part[known] == CHOOSE]
    order = subject.roles.order.column if subject.roles.order else None
    if min(len(build), len(choose)) < FEWEST or len(np.unique(truth.y[build])) < 2:
        return subject
    spec, data = encoded(rows, subject.features, truth, build, order=order)
    if not spec.features:
        return subject
    model = EncodedModel(spec, train(Config("linear", "linear"), data, seed=0), truth.classes)
    output = model.predict_rows(rows)[known]
    rng = subject.rng("prove", "outcome")
    held = rng.random(len(known)) < DEFAULT
    if truth.task == "regression":
        residual = truth.y[choose] - output[np.searchsorted(known, choose)]
        y = output + rng.choice(residual, len(known))
        wide = 3 * np.abs(y - output) + 1e-9
        low = np.where(held, output - wide, y + wide)
        sets = np.column_stack((low, low + 2 * wide))
        words: Any = pa.array(placed(y, known, rows.n), mask=~truth.known)
    else:
        output = output / output.sum(axis=1, keepdims=True)
        y = (rng.random((len(known), 1)) > np.cumsum(output, axis=1)).sum(axis=1).clip(max=output.shape[1] - 1)
        sets = np.ones(output.shape, bool)
        sets[np.flatnonzero(~held), y[~held]] = False
        names = np.array(truth.classes, object)
        words = pa.array(names[placed(y, known, rows.n).astype(int)], mask=~truth.known)
    name = subject.roles.named("target")[0]
    arrow = subject.table.arrow()
    column = as_stored(words.take(pa.array(np.argsort(rows.position))), arrow[name].type)
    table = subject.table.derive(arrow.set_column(arrow.schema.get_field_index(name), name, column))
    made = replace(subject, table=table)
    drawn = table.sample(SampleSpec(n=max(1, table.n_rows)))
    place = np.empty(rows.n, np.int64)  # row ids follow the content, so rows are matched by their position
    place[drawn.position] = np.arange(rows.n)
    at = place[rows.position[known]]
    line = np.argsort(at)
    ids, parts = drawn.row_id[at[line]], made.partition.part(drawn)[at[line]]
    said = Predictions(ids, output[line], np.asarray(y, np.float64)[line], parts, truth.classes, sets=sets[line],
                       coverage=DEFAULT)  # fmt: skip
    return replace(made, predictions=said, model=model)


def placed(y: Any, known: Any, n: int) -> Any:
    out = np.zeros(n)
    out[known] = y
    return out


def as_stored(words: Any, kind: Any) -> Any:
    """As the column was stored; numbers that were whole may no longer be, then they stay floats."""
    import pyarrow as pa

    try:
        return words.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return words


def shares(subject: Subject) -> dict[str, dict[str, float]]:
    """The table's own shares of the values of up to three category columns."""
    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    out: dict[str, dict[str, float]] = {}
    for name in subject.features:
        if subject.table.column(name).kind not in ("category", "bool", "text") or len(out) == MARGINS:
            continue
        codes, levels = rows.codes(name)
        counts = np.bincount(codes[codes >= 0], minlength=len(levels))
        if 2 <= len(levels) <= MOST_LEVELS:
            out[name] = {v: float(k / counts.sum()) for v, k in zip(levels, counts, strict=True)}
    return out
