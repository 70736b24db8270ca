"""Slices in which the model errs more than it expects itself to.

What it is
    In some slice of the rows (a category, a range of a number, or two of these together) the model loses more than its
    own probabilities say, and more than on other rows of which it says the same.

Why it matters
    Hard slices are no fault: a model that says "60 %" there is honest. Where it says "90 %" and is right in 70 %, it is
    believed where it must not be, and an average over all rows hides it.

How it is measured
    Loss is Brier's or squared error. The judged rows (at most 20,000) are cut into two random halves, of time blocks
    or groups where rows have them. On the first, every category, range of a number and hole, and all pairs of these
    over the 20 most telling columns, are looked at in one table of sums; the five slices whose excess stands out most
    are kept, of which no two share more than half of their rows. A slice of two columns must stand out more, by as much
    as the best of so many tries does by chance. On the other half each is claimed: its mean loss above that expected by
    the model's own probabilities, and above that of the rows outside it of which the model says the same (tenths of the
    probability or value said, or of the width of its interval), both as a share of what the usual answer loses. The
    smaller of the two counts, so that probabilities that are off everywhere (M07) are no weak slice; for numbers there
    is the second alone. Student's and Hall's t over rows, blocks or groups; the larger p-value of the two.
    Each level of a protected column (numbers: each quarter) is always claimed, on all judged rows, since nothing chose
    it. Columns of order and group are left to M06; by a column that knows the answer (K01 to K03) nothing is cut, since
    it would cut by the outcome.

Example
    >>> import numpy as np
    >>> from assay.challenges.model.weak_slices import excess
    >>> said = np.array([[0.2, 0.8]] * 10)
    >>> right_in_eight = np.array([1.0] * 8 + [0.0] * 2)
    >>> bool(abs(excess(said, right_in_eight).mean()) < 1e-12)
    True

Remedy
    Advice only: more rows of the slice, a column that tells what is different there, or no answer in it.

Known false alarms
    A slice that the search half happened to miss is not looked at. Excess that is spread thinly over all rows is M07's.
    Where a column names the very thing that changed between training and judging, S03 says the same of the data.

Sources
    Sagadeeva and Boehm, "SliceLine", SIGMOD (2021); Chung et al., "Slice Finder", ICDE (2019), for what is looked for,
    neither of which sets the loss against the model's own; Cox, "A note on data-splitting", Biometrika 62 (1975);
    Berger, Technometrics 24 (1982) for intersection-union tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError
from assay.core.subject import Planted, Subject
from assay.core.table import F64, I64, Mask, SampleSpec
from assay.probes.judged import Judged
from assay.probes.slices import MOST_LEVELS, Slice, cut, levels, search
from assay.stats.ratios import ratio_above, ratio_interval

CHALLENGE = Challenge(
    code="M09",
    name="weak-slices",
    title="slices in which the model errs more than it expects",
    stage="model",
    needs=("target", "predictions", "feature"),
    category="costs",
    scope="model",
    promise=Dose(1.0, 20_000, "the answers of one slice shuffled within it"),
    materiality=(
        Threshold(
            "excess",
            0.05,
            "share of naive loss",
            "with even classes, 80 % said where 77.5 % are right: less is seldom worth a remedy of its own",
        ),
    ),
)
MOST_ROWS = 20_000
SAYINGS = 10  # groups of rows of which the model says the same
QUARTERS, MOST_PROTECTED = 4, 20  # ranges of a protected number; levels of a protected column
FEWEST_BESIDE = 10  # rows of a saying outside the slice below which they are no yardstick


def measure(subject: Subject, judged: Judged, honest: Sequence[str], options: Options) -> Iterator[Claim]:
    fresh = judged.judge[:MOST_ROWS]  # sorted by row_id, so the first are a random draw
    if not judged.enough(fresh):
        return
    unit = judged.unit_of(fresh)
    half = (subject.rng("M09", "halves").permutation(int(unit.max()) + 1) % 2 == 0)[unit]
    seen = Seen.of(judged, fresh)
    rows = judged.rows.take(fresh)
    everywhere = np.ones(len(fresh), bool)
    protected = [c for c in subject.roles.named("protected") if c in rows.names]
    for column in protected:
        for found in levels(cut(rows, column, QUARTERS, MOST_PROTECTED, everywhere)):
            yield from claim(found, seen, everywhere, judged, fresh, options["excess"], False)
    skip = {c for role in ("order", "group", "target", "id", "weight", "split") for c in subject.roles.named(role)}
    columns = ({*honest, *protected} - skip) & set(rows.names)
    for found in search(rows, sorted(columns), seen.searched(half), half, protected):
        yield from claim(found, seen, ~half, judged, fresh, options["excess"], True)


def excess(output: F64, y: F64) -> F64:
    """(n,) Brier loss less what the probabilities themselves expect of it; its mean is nil where they are right."""
    own = output[np.arange(len(y)), y.astype(int)]
    return np.asarray(2 * ((output**2).sum(1) - own), np.float64)


@dataclass(frozen=True)
class Seen:
    """Judged rows as the search and the claims see them. ``over`` (n,): loss above the model's own expectation, for
    numbers above the mean of rows of which it says the same; ``saying``: which rows those are; ``usual``: mean loss of
    the usual answer."""

    loss: F64
    over: F64
    saying: I64
    usual: float
    owns: bool  # whether the model expects its own loss

    @classmethod
    def of(cls, judged: Judged, fresh: I64) -> Seen:
        loss, usual = judged.quadratic()[fresh], float(judged.quadratic(judged.usual())[fresh].mean())
        if judged.classes:
            p = judged.output[fresh]
            said = p[:, 1] if judged.classes == 2 else (p**2).sum(1)
            over = excess(p, judged.y[fresh])
            return cls(loss, over, groups_of(said), usual, True)
        widths = None if judged.sets is None else (judged.sets[:, 1] - judged.sets[:, 0])[fresh].astype(np.float64)
        vary = widths is not None and np.isfinite(widths).all() and np.ptp(widths) > 1e-9 * np.abs(widths).max()
        saying = groups_of(widths if vary and widths is not None else judged.output[fresh])
        size = np.bincount(saying)
        return cls(loss, loss - (np.bincount(saying, loss) / np.maximum(size, 1))[saying], saying, usual, False)

    def searched(self, on: Mask) -> F64:
        """(n,) what the search looks at: ``over``, less the mean of rows of the same saying where that is above nil."""
        size = np.bincount(self.saying[on], minlength=int(self.saying.max()) + 1)
        mean = np.bincount(self.saying[on], self.over[on], len(size)) / np.maximum(size, 1)
        return np.asarray(self.over - np.maximum(mean, 0.0)[self.saying], np.float64)


def groups_of(said: F64) -> I64:
    """Tenths of the rows by what is said, equal sayings together."""
    edges = np.unique(np.quantile(said, np.linspace(0, 1, SAYINGS + 1)[1:-1]))
    return np.searchsorted(edges, said, side="right")


def claim(
    found: Slice, seen: Seen, on: Mask, judged: Judged, fresh: I64, most: float, searched: bool
) -> Iterator[Claim]:
    """The slice on the rows ``on``, where it has enough of them."""
    index = np.flatnonzero(on)
    inside = found.inside[index]
    if not judged.enough(fresh[index[inside]]) or inside.all() or seen.usual <= 0:
        return
    beside = against_same(seen, index, inside)
    if beside is None:
        return
    of, n, usual = fresh[index], int(inside.sum()), seen.usual
    parts = [beside]
    if seen.owns:
        parts.append(np.where(inside, seen.over[index], 0.0))
    size = judged.by_unit(of, np.where(inside, usual, 0.0))
    sums = [judged.by_unit(of, part) for part in parts]
    if judged.units == "rows":  # rows outside count for their share of the comparison alone
        own = inside if len(parts) == 2 else None
        sums = [sums[0], *([sums[1][own]] if own is not None else [])]
        sizes = [size, *([size[own]] if own is not None else [])]
    else:
        sizes = [size] * len(sums)
    value = min(float(part.sum()) / (usual * n) for part in parts)

    def bound(alpha: float) -> tuple[float, float]:
        ends = [ratio_interval(a, b, alpha) for a, b in zip(sums, sizes, strict=True)]
        return min(e[0] for e in ends), min(e[1] for e in ends)

    mine, yard = float(seen.loss[index][inside].mean()), float((seen.loss[index][inside]).mean() - beside.sum() / n)
    rows_say = f"{n:,} judged rows" + (" that did not choose it" if searched else "")
    expected = f", and its own probabilities expect {mine - float(parts[1].sum()) / n:.3g}" if seen.owns else ""
    yield Claim(
        About(found.columns, slice=found.name),
        Effect(value, "share of naive loss", most, bound),
        "test",
        f"where {found.name}, the model loses {mine:.3g} a row; on other rows of which it says the same it loses "
        f"{yard:.3g}{expected} ({rows_say})",
        n,
        p=max(ratio_above(a, b, most) for a, b in zip(sums, sizes, strict=True)),
        family="slice",
        impact=Impact("costs", value, bound(0.05), "share of naive loss"),
        evidence={"loss": mine, "elsewhere": yard, "units": judged.units, "searched": searched},
    )


def against_same(seen: Seen, index: I64, inside: Mask) -> F64 | None:
    """(n,) values whose sum is the excess of the slice's rows above rows outside it of which the model says the same.

    Values of a row outside are its own part in that comparison, so that their spread is the error of both sides.
    Excess of ``over`` for classes (the model's own expectation varies within a tenth), of the loss for numbers.
    """
    saying, value = seen.saying[index], seen.over[index] if seen.owns else seen.loss[index]
    k = int(saying.max()) + 1
    within, beyond = np.bincount(saying[inside], minlength=k), np.bincount(saying[~inside], minlength=k)
    thin = beyond < FEWEST_BESIDE
    if (~thin & (within > 0)).sum() == 0:
        return None
    if thin[within > 0].any():  # the nearest saying with rows outside lends them
        full = np.flatnonzero(~thin)
        saying = full[np.abs(np.arange(k)[:, None] - full[None, :]).argmin(1)][saying]
        within, beyond = np.bincount(saying[inside], minlength=k), np.bincount(saying[~inside], minlength=k)
    mean = np.bincount(saying[~inside], value[~inside], k) / np.maximum(beyond, 1)
    weight = within / np.maximum(beyond, 1)
    return np.where(inside, value - mean[saying], -(value - mean[saying]) * weight[saying])


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Shuffle the answers of a share ``dose`` of one slice's rows within it: as sure as elsewhere, and no better than
    chance. The slice is the commonest level of a column, or its upper third, of at most half of the rows."""
    given = subject.predictions
    if given is None:
        raise InputError("weak slices are planted in predictions; the subject has none")
    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    skip = {c for role in ("order", "group") for c in subject.roles.named(role)}
    everywhere = np.ones(rows.n, bool)
    made: tuple[str, Mask] | None = None
    kinds = {c.name: c.kind for c in rows.columns}
    for column in sorted(set(subject.features) - skip):
        if kinds[column] == "text":
            continue
        parts = cut(rows, column, 3, MOST_LEVELS, everywhere)
        shares = [float((parts.code == a).mean()) if a == b else 0.0 for a, b, _ in parts.ranges]
        fit = [s if s <= 0.5 else 0.0 for s in shares]
        if fit and max(fit) >= 0.2:
            made = column, parts.code == parts.ranges[int(np.argmax(fit))][0]
            break
    if made is None:
        raise InputError("weak slices are planted in a level that a fifth to a half of the rows have; there is none")
    column, inside = made
    ids = rows.row_id[inside]
    own = np.flatnonzero(np.isin(given.row_id, ids))
    hit = own[rng.random(len(own)) < dose]
    output = given.output.copy()
    output[hit] = output[rng.permutation(hit)]
    planted = replace(subject, predictions=replace(given, output=output))
    known = own[np.isfinite(given.y[own])]
    if output.ndim == 1:
        lost = ((output - given.y) ** 2 - (given.output - given.y) ** 2)[known]
        usual = float(np.nanvar(given.y))
    else:
        lost = excess(output[known], given.y[known]) - excess(given.output[known], given.y[known])
        share = (
            np.bincount(given.y[np.isfinite(given.y)].astype(int), minlength=output.shape[1])
            / np.isfinite(given.y).sum()
        )
        usual = float(1 - (share**2).sum())
    effect = float(lost.mean()) / usual if len(known) and usual > 0 else 0.0
    return Planted(planted, (column,), effect)
