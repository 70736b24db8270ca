"""The rows that a fit works on: recipe applied, target read, parts and folds laid out, features chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from assay.core.constraints import Constraints
from assay.core.errors import InputError, RoleError
from assay.core.making import Look
from assay.core.remedy import ADDS, Recipe
from assay.core.subject import BUILD, CHOOSE, JUDGE, Roles, Subject
from assay.core.table import F64, I64, U64, Sample, SampleSpec
from assay.learn import encoder
from assay.learn.calibration import row_losses
from assay.learn.encoded import encoded
from assay.learn.forms import EncoderSpec
from assay.learn.learners import F32, Data
from assay.learn.limits import limits_of
from assay.learn.splits import Fold, cv_folds, level_keys, order_values, unit_keys
from assay.learn.target import Labels, labels
from assay.stats.looks import level

from .allowed import GUESSED, WEIGHTED, check_values, infinite, thin_classes, weights_of
from .measures import ALPHA

FREE = Constraints()
MOST_ROWS = 1_000_000  # rows in memory; a larger table is sampled by hash, which is said
FEWEST_ROWS = 4
TIME_UNITS = 60  # stretches of time, each long against the memory of most streams
THREADS_FROM = 10_000  # below this a second thread costs more than it brings


@dataclass(frozen=True)
class Material:
    """Positions refer to ``sample``, which holds only rows with a known target, sorted by row_id.

    ``raw`` are the same rows before the recipe: what splits go by, and what the graph takes as input.
    """

    raw: Sample
    sample: Sample
    roles: Roles
    labels: Labels
    build: I64
    choose: I64
    judge: I64
    features: tuple[str, ...]
    left_out: Mapping[str, str]
    rows_known: int
    split_says: str
    seed: int
    notes: tuple[str, ...] = ()
    weight: F64 | None = None  # (n,) how much a row counts, with mean one; None where all count the same
    constraints: Constraints = FREE
    look: Look | None = None  # where the judge rows are a locked test

    @property
    def y(self) -> F64:
        return self.labels.y

    def losses(self, output: F64, index: I64) -> F64:
        """(len(index),) the loss of each row times its weight: their mean is the weighted mean loss."""
        lost = row_losses(output, self.y[index], self.labels.aim)
        return lost if self.weight is None else lost * self.weight[index]

    def weights(self, index: I64) -> F64 | None:
        return None if self.weight is None else self.weight[index]

    @property
    def dev(self) -> I64:
        return np.sort(np.concatenate((self.build, self.choose)))

    @property
    def threads(self) -> int:
        return 2 if len(self.build) >= THREADS_FROM else 1

    @property
    def order_column(self) -> str | None:
        return None if self.roles.order is None else self.roles.order.column

    @cached_property
    def keys(self) -> U64:
        return unit_keys(self.raw, self.roles)

    @cached_property
    def relatives(self) -> U64:
        """(n,) keys that dependent rows share, whatever the split goes by: the group's, else those of copies."""
        return self.keys if self.roles.group is None else level_keys(self.raw, self.roles.group.column)

    @property
    def alpha(self) -> float:
        """The level of intervals on the judge rows: what earlier looks at a locked test leave of it."""
        return level(ALPHA, 0 if self.look is None else self.look.number)

    @property
    def copied(self) -> float:
        """The share of rows that repeat another one, and that a shuffled split would put on both sides."""
        return 1.0 - len(np.unique(self.keys)) / len(self.keys) if self.roles.folded in ("random", "site") else 0.0

    def order(self) -> F64 | None:
        return order_values(self.raw, self.roles)

    def units(self, index: I64) -> I64:
        """(len(index),) numbers of units whose losses may be called independent: stretches of time, groups, or rows."""
        order = self.order()
        if order is None:
            return np.asarray(np.unique(self.relatives[index], return_inverse=True)[1])
        rank = np.empty(len(index), dtype=np.int64)
        rank[np.argsort(np.nan_to_num(order[index], nan=-np.inf), kind="stable")] = np.arange(len(index))
        return rank * min(TIME_UNITS, len(index)) // max(1, len(index))

    def folds(self, index: I64, k: int) -> list[Fold]:
        y = None if self.labels.task == "regression" and len(index) < 50 else self.y
        made = cv_folds(self.raw, self.roles, index, k, y=y, seed=self.seed)
        return made if all(len(inside) >= FEWEST_ROWS for inside, _ in made) else []

    def encoded(self, index: I64, cap: int = 0, *, free: bool = False) -> tuple[EncoderSpec, Data]:
        """An encoder fitted on the rows ``index``, and these rows as training data (at most ``cap`` of them).

        ``free``: rows are taken as independent, as a shuffled split would have it.
        """
        if cap and len(index) > cap:
            index = index[:cap]  # rows stand in the order of their hash, so the first are a random sample
        key = None if free else self.keys
        spec, data = encoded(self.sample, self.features, self.labels, index, order=self.order_column, key=key,
                             weight=self.weight)  # fmt: skip
        if not spec.features:
            raise InputError("no column is left to learn from: every feature has one value or is free text")
        limits = limits_of(self.constraints, spec)
        return spec, replace(data, columns=tuple(f.column for f in spec.features), limits=limits)

    def encode(self, spec: EncoderSpec, index: I64) -> F32:
        return encoder.encode(spec, self.sample, index)

    def graph_columns(self, spec: EncoderSpec, recipe: Recipe) -> EncoderSpec:
        """The spec with the raw columns that its features come from, back through renames and indicators."""
        needed = {f.column for f in spec.features}
        for op in reversed(recipe.ops()):
            if op.name in ADDS and op.args.get("name") in needed:
                needed |= set(op.columns)
            elif op.name == "look_up" and op.columns[1] in needed:
                needed.add(op.columns[0])
        kinds = {c.name: c.kind for c in self.raw.columns}
        return encoder.with_raw_columns(spec, [(c, kinds[c]) for c in sorted(needed) if c in kinds])


def prepare(
    subject: Subject,
    recipe: Recipe,
    seed: int,
    *,
    features: Sequence[str] | None,
    left_out: Mapping[str, str] | None,
) -> Material:
    """Lay out the rows.

    Raises:
        RoleError: no target, or a feature that is not a column.
        InputError: too few rows with a known target, one class only, or no usable column.
    """
    from assay.tables.recipe import apply

    roles = subject.roles
    if roles.target is None:
        raise RoleError("fit needs to know what to predict: name the target (--target COLUMN)")
    notes = []
    raw = subject.table.sample(SampleSpec(n=max(1, min(subject.table.n_rows, MOST_ROWS))))
    if raw.n < subject.table.n_rows:
        notes.append(f"{raw.n:,} of {subject.table.n_rows:,} rows were used, drawn by hash")
    sample: Sample = apply(recipe.ops(), raw)
    target = roles.target.column
    if any(target in op.columns for op in recipe.ops()):
        roles = replace(roles, classes=())  # the recipe rewrote the labels
    found = labels(sample, roles)
    known = np.flatnonzero(found.known)
    if len(known) < raw.n:
        notes.append(f"{raw.n - len(known):,} rows have no known {target!r} (empty or infinite) and took no part")
    check_values(found, target)
    if len(known) < FEWEST_ROWS:
        raise InputError(f"fit needs at least {FEWEST_ROWS} rows with a known {target!r}; the table has {len(known)}")
    weight = None
    if roles.weight is not None and roles.weight.source == "guess":
        notes.append(GUESSED.format(roles.weight.column))
    elif roles.weight is not None:
        weight = weights_of(raw, roles.weight.column, known)
        if not (counted := weight > 0).all():
            notes.append(f"{int((~counted).sum()):,} rows have the weight 0 and took no part")
        known, weight = known[counted], weight[counted]
        notes.append(WEIGHTED.format(roles.weight.column))
    raw, sample, found = raw.take(known), sample.take(known), found.take(known)
    if len(np.unique(found.y)) < 2:
        raise InputError(f"the target {target!r} has one value only: there is nothing to learn (one class)")
    part = subject.partition.part(raw)
    build, choose, judge = (np.flatnonzero(part == p) for p in (BUILD, CHOOSE, JUDGE))
    if len(build) < 2 or len(np.unique(found.y[build])) < 2:
        if roles.parted == "column":
            raise InputError(f"what the split column calls train holds one value of {target!r}; name another split")
        build, choose, judge = np.arange(len(known)), np.empty(0, np.int64), np.empty(0, np.int64)
        notes.append("too few rows to set any aside: nothing was chosen or judged on fresh rows")
    wanted, out = _features(subject, roles, sample, recipe, features, left_out)
    dev = np.sort(np.concatenate((build, choose)))
    order = roles.order.column if roles.order else None
    unfit = encoder.left_out(sample, wanted, index=dev, order=order)
    kept = tuple(c for c in wanted if c not in unfit)
    if not kept:
        raise InputError("no column is left to learn from: " + "; ".join(f"{c}: {w}" for c, w in (out | unfit).items()))
    notes += [said for said in (infinite(sample, kept), thin_classes(found)) if said]
    return Material(
        raw, sample, roles, found, build, choose, judge, kept, out | unfit, len(known), subject.partition.says,
        seed, tuple(notes), None if weight is None else weight / weight.mean(),
        look=subject.evidence.get("looks"),
    )  # fmt: skip


def _features(
    subject: Subject,
    roles: Roles,
    sample: Sample,
    recipe: Recipe,
    features: Sequence[str] | None,
    left_out: Mapping[str, str] | None,
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Wanted columns after the recipe, and those not wanted with the reason."""
    out = dict(left_out or {})
    allowed = set(subject.features if features is None else features) - set(out)
    for name in set(features or ()) - {c.name for c in subject.table.columns}:
        raise RoleError(f"a feature must be a column of the table; {name!r} is not one")
    for name in subject.features:
        if features is not None and name not in features:
            out.setdefault(name, "not among the features that were asked for")
    for op in recipe.ops():
        if op.name in ADDS and set(op.columns) <= allowed:
            allowed.add(str(op.args["name"]))
    strange: Literal["group", "site"]
    for strange in ("group", "site"):
        if roles.folded == strange:
            for name in allowed & set(roles.named(strange)):
                out[name] = f"the {strange} column: fresh rows come from other {strange}s"
            allowed -= set(roles.named(strange))
    present = set(sample.names)
    for name in sorted(allowed - present):
        out.setdefault(name, "dropped by the recipe")
    return tuple(sorted(allowed & present)), out
