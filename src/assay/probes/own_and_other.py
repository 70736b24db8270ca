"""Models of both sides of a pair, learned from rows that are alike, on the same rows that neither saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from assay.core.subject import Roles, Subject
from assay.core.table import F64, I64, U64, Sample
from assay.learn.encoded import encoded
from assay.learn.encoder import encode
from assay.learn.learners import Config
from assay.learn.learners import train as train_one
from assay.learn.scoring import loss
from assay.learn.target import Labels
from assay.learn.target import labels as labels_of
from assay.stats.priors import rematched

from .forward import rounds
from .halves import parts_of
from .order import moments
from .out_of_fold import keys
from .sides import Side

MOST_ROWS, FEWEST, FOLDS, BLOCKS = 12_000, 100, 2, 20
FEWEST_OF_CLASS, MOST_CLASSES, LEAF = 20, 10, 20
ONE = 0.5  # rows of one moment that share their outcome more than half of the way to always are one observation
EVEN = 1e-9  # added to weights, all of which may be nought
SMOOTH = 0.01  # of each class is added to every answer, so that no single row can carry a ratio of losses


@dataclass(frozen=True)
class Compared:
    """Weighted losses by row, or by block of time, of a model of the other side, of one of the own side and of a
    constant answer. ``rows`` is what the rows are worth, ``trained_on`` what those are worth that a model learned from.
    """

    other: F64
    own: F64
    plain: F64
    rows: int
    trained_on: int


def compare(subject: Subject, side: Side, features: Sequence[str]) -> Compared | None:
    """Both models on the rows of both sides; None where fewer than 100 rows are alike, or classes are not shared."""
    rng = subject.rng("S04", side.name)
    both = joined(subject, side, features, rng)
    if both is None:
        return None
    rows, labels, second = both
    order = subject.roles.named("order")[0] if side.kind == "time" else None
    unit = units(subject, rows, labels.y, order)
    bench = Bench(rows, labels, tuple(features), order, unit)
    weight = bench.alike(second, rng)
    fold = parts_of(unit, FOLDS, salt=7)
    own, other, plain = (np.full(rows.n, np.nan) for _ in range(3))
    trained = 0.0
    for k in range(FOLDS):
        sides = [np.flatnonzero((second == s) & (fold != k)) for s in (False, True)]
        worth = min(worth_of(weight[at]) for at in sides)
        if worth < FEWEST / FOLDS:
            return None
        learned = [thinned(at, weight, worth, rng) for at in sides]
        test = np.flatnonzero(fold == k)
        seed = int(rng.integers(2**31))
        made = [bench.outputs(at, test, weight, seed) for at in learned]
        for s in (0, 1):
            here = second[test] == bool(s)
            own[test[here]] = bench.losses(made[s][here], test[here], learned[s], weight)
            other[test[here]] = bench.losses(made[1 - s][here], test[here], learned[s], weight)
            constant = bench.constant(int(here.sum()), learned[s], weight)
            plain[test[here]] = bench.losses(constant, test[here], learned[s], weight)
        trained += worth / FOLDS
    if min(worth_of(weight[second]), worth_of(weight[~second])) < FEWEST:
        return None
    own, other, plain = own * weight, other * weight, plain * weight
    if side.kind == "time":
        own, other, plain = by_block(rows, moments(subject, rows), second, weight, own, other, plain)
    return Compared(other, own, plain, round(worth_of(weight)), round(trained))


def units(subject: Subject, rows: Sample, y: F64, order: str | None) -> U64:
    """Keys of rows that tell each other's outcome, and so share a fold: of one group, else of one moment where its rows
    tell the same outcome (the results of a visit), else equal."""
    if subject.roles.group is not None:
        return keys(subject, rows)
    if order is None or order == "@row":
        return rows.content
    when = moments(subject, rows)
    if repeated(when, y, rows.row_id) <= ONE:
        return rows.content
    return np.where(np.isfinite(when), np.ascontiguousarray(when, np.float64).view(np.uint64), rows.content)


def repeated(when: F64, y: F64, at_random: U64) -> float:
    """How much more often than any two rows (0) two rows of one moment have the same outcome (1: always)."""
    line = np.lexsort((at_random, when))
    same = when[line][1:] == when[line][:-1]
    counts = np.unique(y, return_counts=True)[1].astype(np.float64)
    chance = float((counts * (counts - 1)).sum()) / max(1.0, len(y) * (len(y) - 1.0))
    if not same.any() or chance == 1.0:
        return 0.0
    return float(((y[line][1:] == y[line][:-1])[same].mean() - chance) / (1 - chance))


def by_block(rows: Sample, when: F64, second: np.ndarray, weight: F64, *values: F64) -> list[F64]:
    """Sums over blocks along the order, twenty a side at most, of equal worth and not of equal length; the rows of one
    moment share a block."""
    out: list[list[np.ndarray]] = []
    for here in (~second, second):
        line = np.flatnonzero(here)
        line = line[np.lexsort((rows.row_id[line], when[line]))]
        moment = np.unique(when[line], return_inverse=True)[1].ravel()
        passed = np.cumsum(np.bincount(moment, weights=weight[line]))
        block = np.minimum((BLOCKS * passed / passed[-1]).astype(np.int64), BLOCKS - 1)
        block = np.unique(block, return_inverse=True)[1].ravel()[moment]
        out.append([np.bincount(block, weights=v[line]) for v in values])
    return [np.concatenate(pair) for pair in zip(*out, strict=True)]


def worth_of(weight: F64) -> float:
    """How many even rows so weighted ones are worth (Kish)."""
    total = float((weight**2).sum())
    return float(weight.sum()) ** 2 / total if total > 0 else 0.0


def thinned(at: I64, weight: F64, worth: float, rng: np.random.Generator) -> I64:
    """A random draw of the rows that is worth so many."""
    share = worth / worth_of(weight[at])
    return np.sort(rng.permutation(at)[: max(2, round(share * len(at)))])


def joined(
    subject: Subject, side: Side, features: Sequence[str], rng: np.random.Generator
) -> tuple[Sample, Labels, np.ndarray] | None:
    """Equally many rows of both sides with a known target, as one sample; which are of the second side."""
    picked = []
    roles, target = shared_classes(subject.roles, side), subject.roles.named("target")[0]
    if roles is None:
        return None
    order = [c for c in subject.roles.named("order") if c != "@row" and c in side.a.names and c in side.b.names]
    group = [c for c in subject.roles.named("group") if c in side.a.names and c in side.b.names]
    names = tuple(dict.fromkeys((*sorted(features), target, *order, *group)))
    for rows in (side.a, side.b):
        known = np.flatnonzero(labels_of(rows, roles).known)
        picked.append(rows.take(np.sort(rng.permutation(known)[: MOST_ROWS // (1 if len(roles.classes) <= 3 else 2)])))
    n = min(p.n for p in picked)
    if n < FEWEST:
        return None
    picked = [p.take(np.sort(rng.permutation(p.n)[:n])) for p in picked]
    rows = stacked(picked[0], picked[1], names)
    return rows, labels_of(rows, roles), np.arange(rows.n) >= n


def shared_classes(roles: Roles, side: Side) -> Roles | None:
    """The roles with the ten most frequent classes that both sides have; None with fewer than two of them."""
    if roles.task == "regression":
        return roles
    column = roles.named("target")[0]
    seen = []
    for rows in (side.a, side.b):
        codes, levels = rows.codes(column)
        counts = np.bincount(codes[codes >= 0], minlength=len(levels))
        seen.append({v: int(k) for v, k in zip(levels, counts, strict=True) if k >= FEWEST_OF_CLASS})
    both = [c for c in roles.classes if c in seen[0] and c in seen[1]]
    both = sorted(sorted(both, key=lambda c: (-min(seen[0][c], seen[1][c]), c))[:MOST_CLASSES])
    if len(both) < 2:
        return None
    return roles if len(both) == len(roles.classes) else replace(roles, task="multiclass", classes=tuple(both))


def stacked(a: Sample, b: Sample, names: Sequence[str]) -> Sample:
    """Rows of both samples in one, less columns that are stored otherwise in the two."""
    import pyarrow as pa

    from assay.tables.sample import ArrowSample

    first, second = a.arrow.select(list(names)), b.arrow.select(list(names))
    try:
        arrow = pa.concat_tables([first, second], promote_options="permissive")
    except pa.ArrowInvalid:
        arrow = pa.concat_tables([t.cast(pa.schema([(n, pa.string()) for n in names])) for t in (first, second)])
    kinds = {c.name: c for c in a.columns}
    return ArrowSample(
        arrow, tuple(kinds[n] for n in names), np.concatenate((a.row_id, b.row_id)),
        np.concatenate((a.content, b.content)), np.concatenate((a.position, b.position)),
        np.concatenate((a.weight, b.weight)),
    )  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """The quick booster on weighted rows of the joint sample. With an ``order`` absolute dates are no feature."""

    rows: Sample
    labels: Labels
    features: tuple[str, ...]
    order: str | None
    unit: U64

    def alike(self, second: np.ndarray, rng: np.random.Generator) -> F64:
        """Overlap weights: with them the features are distributed alike on both sides."""
        fold = parts_of(self.unit, FOLDS, salt=8)
        known = np.ones(self.rows.n, bool)
        belongs = replace(self, labels=Labels("binary", second.astype(np.float64), ("first", "second"), known))
        chance = np.full(self.rows.n, 0.5)
        for k in range(FOLDS):
            train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
            if len(test) and len(train) >= FEWEST:
                chance[test] = belongs.outputs(train, test, known * 1.0, int(rng.integers(2**31)))[:, 1]
        return np.where(second, 1 - chance, chance)

    def outputs(self, train: I64, test: I64, weight: F64, seed: int) -> F64:
        spec, data = encoded(self.rows, self.features, self.labels, train, order=self.order)
        y, k = data.y, data.outputs
        if not spec.features or len(np.unique(y)) < 2:
            return np.full(len(test), y.mean()) if k == 1 else np.tile(np.bincount(y.astype(int), minlength=k) / len(y),
                                                                       (len(test), 1))  # fmt: skip
        data = replace(data, weight=weight[train] / weight[train].mean())
        config = Config("quick", "lightgbm", {"learning_rate": 0.1, "min_data_in_leaf": LEAF})
        model = train_one(config, data, seed=seed, rounds=max(10, rounds(len(spec.features)) * 2 // max(2, k)))
        return np.asarray(model.predict(encode(spec, self.rows.take(test))))

    def constant(self, n: int, like: I64, weight: F64) -> F64:
        """(n,) the mean target of the rows ``like``, or (n, k) even shares, which ``losses`` corrects to theirs."""
        k = len(self.labels.classes)
        if self.labels.task == "regression":
            return np.full(n, float(np.average(self.labels.y[like], weights=weight[like] + EVEN)))
        return np.full((n, k), 1.0 / k)

    def losses(self, made: F64, at: I64, like: I64, weight: F64) -> F64:
        """Loss of each row by a model's outputs, their class shares corrected to those of the rows ``like``."""
        y = self.labels.y
        if self.labels.task == "regression":
            return loss(made, y[at], "regression")
        k = len(self.labels.classes)
        wanted = np.bincount(y[like].astype(int), weights=weight[like], minlength=k) + 1.0
        wanted = wanted / wanted.sum()
        smooth = (1 - SMOOTH) * made + SMOOTH * wanted
        return loss(rematched(smooth, wanted, weight[at] + EVEN), y[at], self.labels.task)
