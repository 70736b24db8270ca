"""Columns made of two others, on trial: differences, ratios, and how far a number is from the mean of its group.

Proposed on build rows alone: of the numbers that tell most of the target (at most ten) every pair, of dates every
difference, of categories with the numbers every distance to the group's mean. A candidate is proposed where what a
quick model left over, out of fold, differs between its twentieths (F test, Bonferroni over all candidates), the
strongest first, at most 30; of those that go together (rank correlation .9) the first. They are then tried one on top
of the other on the choose rows, in that order, and the first that fails ends it, so that no correction is due (a fixed
sequence: Maurer, Hothorn and Lehmacher 1995). Kept is what gains: the 95 % interval of the paired gain lies above zero,
and the gain is half a percent of the loss at least, which is what a change of seed may bring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from assay.core.remedy import Op, Proof, Recipe, Remedy
from assay.core.table import F64, I64, Mask
from assay.core.words import listed, percent
from assay.learn.calibration import paired
from assay.learn.encoded import encoded
from assay.learn.encoder import encode
from assay.learn.learners import quick
from assay.learn.scoring import holdout
from assay.stats.auc import midranks
from assay.tables.recipe import apply

from .material import Material

MOST_NUMBERS, MOST_GROUPS, MOST_DATES, MOST_PROPOSED, MOST_TRIED = 10, 6, 3, 30, 4
FEWEST_BUILD, FEWEST_CHOOSE, FEWEST_VALUES = 300, 100, 10
MOST_ROWS, ROUNDS, BINS = 10_000, 60, 20
OF_A_GROUP, MOST_LEVELS = 10, 1_000  # rows that a mean is taken of; levels of a category
SLIGHT, ALIKE, SAME = 0.01, 0.9, 0.99
MARGIN, Z = 0.005, 1.959963984540054
CODE = "derived"
LEAST_BUDGET = 10.0  # CPU seconds below which nothing is tried: a fit that short has no time for it


@dataclass(frozen=True)
class Candidate:
    op: Op
    values: F64  # of all rows of the material's sample
    strength: float = 0.0

    @property
    def name(self) -> str:
        return str(self.op.args["name"])


@dataclass(frozen=True)
class Derived:
    """Steps for the recipe, all of them kept, and what is said of the trial; nothing where nothing was proposed."""

    steps: tuple[tuple[str, Remedy, Proof], ...] = ()
    says: str = ""

    def added_to(self, recipe: Recipe) -> Recipe:
        applied = recipe.applied
        if applied is not None:
            applied |= {len(recipe.steps) + k for k in range(len(self.steps))}
        return replace(recipe, steps=(*recipe.steps, *self.steps), applied=applied)


def with_derived(recipe: Recipe, laid_out: Callable[[Recipe], Material], seconds: float) -> tuple[Recipe, Material]:
    """The recipe with what a trial kept, and the rows as it lays them out; no trial where there is no time for one."""
    material = laid_out(recipe)
    trial = derived(material) if seconds >= LEAST_BUDGET else Derived()
    if trial.steps:
        recipe = trial.added_to(recipe)
        material = laid_out(recipe)
    return recipe, replace(material, notes=(*material.notes, trial.says)) if trial.says else material


def derived(m: Material) -> Derived:
    """Propose, try and keep; see above. Columns under a constraint on directions are left as they are."""
    build = m.build[:MOST_ROWS]  # rows stand in the order of their hash, so the first are a random sample
    few = len(build) < FEWEST_BUILD or len(m.choose) < FEWEST_CHOOSE
    if few or m.constraints.interactions or m.labels.aim.kind not in ("class", "ordinal", "mean"):
        return Derived()
    rows, left = residuals(m, build)
    if len(rows) < FEWEST_BUILD // 2:
        return Derived()
    proposed = propose(m, build, rows, left)
    return tried(m, proposed) if proposed else Derived()


def residuals(m: Material, build: I64) -> tuple[I64, F64]:
    """Build rows that a fold judged, and (rows, outputs) what the quick model of the other folds left over there."""
    k = m.labels.outputs
    at, left = [], []
    for number, fold in enumerate(m.folds(build, 2)):
        inside, outside = fold
        if len(np.unique(m.y[inside])) < 2 or not len(outside):
            continue
        spec, data = encoded(m.sample, m.features, m.labels, inside, order=m.order_column, key=m.keys)
        if not spec.features:
            continue
        model = quick(data.X, data.y, m.labels.task, data.categorical, ROUNDS, m.seed + number,
                      outputs=None if m.labels.task == "regression" else k)  # fmt: skip
        output = model.predict(encode(spec, m.sample, outside))
        truth = m.y[outside] if output.ndim == 1 else np.eye(k)[m.y[outside].astype(np.int64)]
        at.append(outside)
        left.append((truth - output).reshape(len(outside), -1))
    if not at:
        return np.empty(0, np.int64), np.empty((0, 1))
    return np.concatenate(at), np.concatenate(left)


def propose(m: Material, build: I64, rows: I64, left: F64) -> list[Candidate]:
    """The candidates that tell what is left over, the strongest first, none that goes with one before it."""
    from scipy.special import fdtrc

    if left.shape[1] == 2:
        left = left[:, 1:]
    candidates = list(possible(m, build))
    found = []
    for c in candidates:
        bins = twentieths(c.values[rows])
        strength, df, rest = max((f_of(bins, left[:, j]) for j in range(left.shape[1])), key=lambda made: made[0])
        p = float(fdtrc(df, rest, strength)) if df > 0 and rest > 0 else 1.0
        if p * len(candidates) * left.shape[1] < SLIGHT:
            found.append(replace(c, strength=strength))
    found = sorted(found, key=lambda c: (-c.strength, c.name))[:MOST_PROPOSED]
    kept: list[Candidate] = []
    for c in found:
        if all(rank_correlation(c.values[rows], other.values[rows]) < ALIKE for other in kept):
            kept.append(c)
    return kept


def possible(m: Material, build: I64) -> Iterator[Candidate]:
    kinds = {c.name: c.kind for c in m.sample.columns}
    free = [c for c in m.features if c not in m.constraints.monotone]
    numbers = {c: m.sample.numbers(c) for c in free if kinds[c] == "number"}
    numbers = {c: x for c, x in numbers.items() if len(np.unique(x[build][np.isfinite(x[build])])) >= FEWEST_VALUES}
    truth = m.y[build][:, None]
    if m.labels.outputs > 2:
        truth = np.eye(m.labels.outputs)[m.y[build].astype(np.int64)]

    def tells(bins: I64) -> float:
        return max(f_of(bins, truth[:, j])[0] for j in range(truth.shape[1]))

    telling = sorted(numbers, key=lambda c: (-tells(twentieths(numbers[c][build])), c))[:MOST_NUMBERS]
    for a, b in combinations(sorted(telling), 2):
        yield from made(m, build, a, b, "difference", f"{a} - {b}", (numbers[a], numbers[b]))
        for over, under in ((a, b), (b, a)):
            known = numbers[under][build]
            known = known[np.isfinite(known)]
            if (known > 0).all() or (known < 0).all():  # across zero a ratio leaps from one end to the other
                yield from made(m, build, over, under, "ratio", f"{over} / {under}", (numbers[a], numbers[b]))
    dates = [c for c in free if kinds[c] == "date"][:MOST_DATES]
    for a, b in combinations(dates, 2):
        yield from made(m, build, a, b, "difference", f"{a} - {b}", ())
    groups = [c for c in free if kinds[c] in ("category", "mixed") and 2 <= len(m.sample.codes(c)[1]) <= MOST_LEVELS]
    groups = sorted(groups, key=lambda c: (-tells(m.sample.codes(c)[0][build].astype(np.int64) + 1), c))
    for group in groups[:MOST_GROUPS]:
        for b in telling:
            means = means_by(m, build, group, numbers[b])
            if len(means) >= 2:
                name = f"{b} less its mean by {group}"
                yield from made(m, build, group, b, "less_mean", name, (numbers[b],), means)


def made(
    m: Material, build: I64, a: str, b: str, how: str, name: str, parents: Sequence[F64],
    means: dict[str, float] | None = None,
) -> Iterator[Candidate]:  # fmt: skip
    """The candidate, where it is not one of its parents again, nor a column that is there."""
    if name in m.sample.names or name in m.raw.names:
        return
    op = Op("combine", (a, b), {"how": how, "name": name} | ({} if means is None else {"mapping": means}))
    values = apply((op,), m.sample).numbers(name)
    if np.isfinite(values[build]).sum() < FEWEST_BUILD // 2:
        return
    if all(rank_correlation(values[build], x[build]) < SAME for x in parents):
        yield Candidate(op, values)


def means_by(m: Material, build: I64, group: str, x: F64) -> dict[str, float]:
    """Level -> mean of the number over the build rows of that level, where ten or more have both."""
    codes, levels = m.sample.codes(group)
    own, value = codes[build], x[build]
    known = (own >= 0) & np.isfinite(value)
    count = np.bincount(own[known], minlength=len(levels))
    total = np.bincount(own[known], weights=value[known], minlength=len(levels))
    return {levels[i]: float(total[i] / count[i]) for i in np.flatnonzero(count >= OF_A_GROUP)}


def tried(m: Material, proposed: Sequence[Candidate]) -> Derived:
    """One on top of the other on the choose rows, until one fails."""
    seed = m.seed + 17
    before, score, metric = holdout(m.sample, m.labels, m.features, m.roles, m.build, m.choose, seed)
    unit, base = m.units(m.choose), float(before.mean())
    steps: list[tuple[str, Remedy, Proof]] = []
    ops: list[Op] = []
    failed = ""
    for c in proposed[:MOST_TRIED]:
        rows = apply((*ops, c.op), m.sample)
        names = (*m.features, *(str(op.args["name"]) for op in ops), c.name)
        after, now, _ = holdout(rows, m.labels, names, m.roles, m.build, m.choose, seed)
        gain, error = paired(before, after, unit)
        said = f"{metric} {score:.3f} -> {now:.3f} on {len(after):,} rows that chose nothing else"
        if gain <= Z * error or gain < MARGIN * base:
            won = percent(gain / base) if gain > 0 else "nothing"
            failed = f"; not kept: {c.name}, which gains {won} (standard error {percent(error / base)} of the loss)"
            break
        proof = Proof("gain", "kept", "loss", float(before.mean()), float(after.mean()), gain,
                      (gain - Z * error, gain + Z * error), len(after), said)  # fmt: skip
        steps.append((CODE, Remedy("columns", "safe", "gain", f"add {c.name}: {says_of(c.op)}", (c.op,)), proof))
        ops.append(c.op)
        before, score = after, now
    says = f"combinations of columns on trial: {len(proposed)} proposed"
    if steps:
        kept = listed([str(op.args["name"]) for op in ops])
        says += f"; kept: {kept} ({percent((base - float(before.mean())) / base)} off the loss of a quick model)"
    return Derived(tuple(steps), says + failed)


def says_of(op: Op) -> str:
    a, b = op.columns
    return {"difference": f"{a} less {b}", "ratio": f"{a} divided by {b}"}.get(
        str(op.args["how"]), f"how far {b} is from the mean of its {a}"
    )


def twentieths(x: F64) -> I64:
    """Bins of equal size, numbered from 1; 0 where there is no value."""
    known: Mask = np.isfinite(x)
    if not known.any():
        return np.zeros(len(x), np.int64)
    edges = np.unique(np.quantile(x[known], np.linspace(0, 1, BINS + 1)[1:-1], method="lower"))
    return np.where(known, np.searchsorted(edges, np.where(known, x, 0.0), side="left") + 1, 0)


def f_of(bins: I64, y: F64) -> tuple[float, float, float]:
    """Fisher's F of ``y`` between bins, with its two degrees of freedom."""
    count = np.bincount(bins).astype(np.float64)
    total = np.bincount(bins, weights=y)
    there = count > 0
    between = float((total[there] ** 2 / count[there]).sum() - y.sum() ** 2 / len(y))
    df, rest = float(there.sum() - 1), float(len(y) - there.sum())
    within = float(((y - y.mean()) ** 2).sum()) - between
    if df <= 0 or rest <= 0 or within <= 0:
        return 0.0, df, rest
    return between / df / (within / rest), df, rest


def rank_correlation(a: F64, b: F64) -> float:
    """Spearman's, without its sign, over the rows that have both; 0 where there are fewer than 30."""
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 30:
        return 0.0
    x, y = midranks(a[both]), midranks(b[both])
    spread = float(x.std() * y.std())
    return abs(float(((x - x.mean()) * (y - y.mean())).mean())) / spread if spread > 0 else 1.0
