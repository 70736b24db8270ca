"""The model does much worse on a group, site or period that it has not met.

What it is
    On the rows of one site, one customer or one stretch of time that the model has not learned from, it saves far less
    of the loss than its score promises.

Why it matters
    A model is used where it has not been: the next hospital, the next customer, next month. An average over all judged
    rows is the score of the places that were there; the worst of them says what a new one may be like.

How it is measured
    Score is the share of the loss that the model saves: Brier's or squared error against that of the usual answer on
    the same rows (Brier's skill score, R2; nil is knowing nothing). Looked at are the levels of the site and group
    columns with at least 30 judged rows, ten of them outside the commonest class (numbers: 100), and, where the judged
    rows are later than those learned from, five periods of them.
    Where the model has learned from no row of a level or period, its own predictions show it: the effect is the score
    on the other judged rows less the score there (Welch's t on the linearised ratios, rows inside a level, stretches of
    time inside a period; and Hall's t for the skewed losses inside it, the larger p-value of the two).
    Where it has, as under a random split, its own predictions cannot: then a quick model of the honest columns that
    learned from no row of the level is compared, on the very same rows of it, with one of equal size that learned from
    some (up to 6,000 rows; levels are left out in at most five bundles). The effect is what is lost by not having met
    the level, Student's and Hall's t over its rows. Both effects are shares of the usual answer's loss there. The
    lower bound of the score that is printed holds for all levels at once (Bonferroni).
    K05 and K06 ask what a random split adds to the average score; this one, how bad the worst new place is.

Example
    >>> import numpy as np
    >>> from assay.challenges.model.poor_generalisation import linear
    >>> loss, usual = np.array([0.1, 0.3]), np.array([0.4, 0.4])
    >>> linear(loss, usual).round(3).tolist()
    [0.25, 0.75]

Remedy
    Advice only: rows from more places like it, columns that mean the same everywhere, and a split by site, group or
    time, so that the score is that of a new one.

Known false alarms
    A level that is merely harder (the same columns tell less there) is found where the model's own predictions are
    used: it is true that the score is lower there, whatever the cause. Where no new sites will ever come, leave out the
    role.

Sources
    Roberts et al., Ecography 40 (2017) 913; Wynants et al., "Untapped potential of multicenter studies", Diagnostic and
    Prognostic Research 3 (2019), for internal-external validation; Koh et al., "WILDS", ICML (2021), for worst-group
    scores; Murphy, "Skill scores based on the mean square error", Monthly Weather Review 116 (1988).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError, NotApplicable
from assay.core.subject import JUDGE, Planted, Subject
from assay.core.table import F64, I64, SampleSpec
from assay.probes.judged import Judged
from assay.probes.left_out import LeftOut, learned, told_levels
from assay.probes.order import moments
from assay.stats.ratios import ratio_above, ratio_interval
from assay.stats.welch import welch_above, welch_interval

CHALLENGE = Challenge(
    code="M06",
    name="poor-generalisation",
    title="the model does much worse where it has not been",
    stage="model",
    needs=("target", "predictions", "units", "feature"),
    category="costs",
    scope="model",
    promise=Dose(1.0, 10_000, "a site that the model never saw, with its answers shuffled"),
    materiality=(
        Threshold(
            "lost",
            0.1,
            "share of naive loss",
            "a tenth of what knowing nothing loses: places differ by less wherever they are alike in kind",
        ),
    ),
)
PERIODS = 5
LATER = 0.99  # of the rows learned from that come before all judged ones, where those are called later


@dataclass(frozen=True)
class Place:
    """A level or period: its judged rows, of which the model has learned none."""

    column: str
    name: str
    index: I64
    kind: str


def measure(subject: Subject, judged: Judged, left_out: Sequence[LeftOut], options: Options) -> Iterator[Claim]:
    places = list(new_places(subject, judged))
    count = len(places) + sum(len(made.levels) for made in left_out)
    if not count:
        raise NotApplicable("no group, site or period has enough judged rows to say how the model does there")
    for place in places:
        yield from own(place, judged, options["lost"], count)
    for made in left_out:
        yield from refitted(made, judged, options["lost"], count)


def new_places(subject: Subject, judged: Judged) -> Iterator[Place]:
    """Levels and periods that the model has not learned from, and that leave other judged rows to compare with."""
    fresh, seen = judged.judge, learned(judged)
    done: set[str] = set()
    for role in ("site", "group"):
        for column in subject.roles.named(role)[:1]:
            if column in done or column not in judged.rows.names:
                continue
            done.add(column)
            codes, _ = judged.rows.codes(column)
            met = np.unique(codes[seen])
            for name, at in told_levels(judged, column, fresh).items():
                rest = np.setdiff1d(fresh, fresh[at])
                if not np.isin(codes[fresh[at[0]]], met) and judged.enough(rest):
                    yield Place(column, name, fresh[at], role)
    when = judged.order
    timed = fresh[np.isfinite(when[fresh])]
    before = when[seen & np.isfinite(when)]
    if len(timed) and len(before) and when[timed].min() >= np.quantile(before, LATER):
        timed = timed[np.lexsort((judged.rows.row_id[timed], when[timed]))]
        column = subject.roles.named("order")[0]
        parts = np.array_split(timed, PERIODS)
        if all(judged.enough(part) for part in parts):
            for i, part in enumerate(parts):
                yield Place(column, f"period {i + 1} of {PERIODS}{since(judged, column, part[0])}", part, "order")


def since(judged: Judged, column: str, first: int) -> str:
    """The moment at which a period begins, in words; nothing for an order that is none of the columns."""
    kind = next((c.kind for c in judged.rows.columns if c.name == column), "")
    value = float(judged.order[first])
    if kind == "date":
        return f", from {str(np.datetime64(int(value * 1e6), 'us'))[:10]}"
    return f", {column} from {value:.6g}" if kind == "number" else ""


def spread(judged: Judged, place: str, index: I64) -> Callable[[F64], F64]:
    """How values of the rows ``index`` are summed into units: rows of one group are single rows within it."""
    if place == "group" and judged.units == "groups":
        return lambda values: values
    return lambda values: judged.by_unit(index, values)


def linear(loss: F64, usual: F64) -> F64:
    """(units,) values whose mean is mean(loss) / mean(usual) and whose spread is that of the ratio."""
    whole = float(usual.mean())
    ratio = float(loss.mean()) / whole
    return np.asarray(ratio + (loss - ratio * usual) / whole, np.float64)


def own(place: Place, judged: Judged, most: float, count: int) -> Iterator[Claim]:
    """The model's own predictions there, against those of the other judged rows."""
    rest = np.setdiff1d(judged.judge, place.index)
    if place.kind == "order":
        rest = rest[np.isfinite(judged.order[rest])]
    loss, usual = judged.quadratic(), judged.quadratic(judged.usual())
    inner, outer = spread(judged, place.kind, place.index), spread(judged, "rest", rest)
    a, b, c, d = inner(loss[place.index]), inner(usual[place.index]), outer(loss[rest]), outer(usual[rest])
    if min(len(a), len(c)) < 2 or b.sum() <= 0 or d.sum() <= 0:
        return
    here, there = linear(a, b), linear(c, d)
    elsewhere = float(c.sum() / d.sum())

    def bound(alpha: float) -> tuple[float, float]:
        return welch_interval(here, there, alpha)

    yield claim(
        place.column, place.name, a, b, float(a.sum() / b.sum()) - elsewhere, elsewhere, bound,
        max(welch_above(here, there, most), ratio_above(a, b, elsewhere + most)), most, count, len(place.index),
        "the model, which learned from none of its rows,", "on the other judged rows", judged,
    )  # fmt: skip


def refitted(made: LeftOut, judged: Judged, most: float, count: int) -> Iterator[Claim]:
    """A model that learned from no row of the level, against one that did, on the same rows."""
    apart, mixed = (judged.quadratic(output, made.index) for output in (made.apart, made.mixed))
    usual = judged.quadratic(judged.usual())[made.index]
    for name, at in made.levels.items():
        inner = spread(judged, made.role, made.index[at])
        a, b, c = inner(apart[at]), inner(usual[at]), inner(mixed[at])
        if len(a) < 2 or b.sum() <= 0:
            continue
        value, elsewhere = float((a - c).sum() / b.sum()), float(c.sum() / b.sum())

        def bound(alpha: float, more: F64 = a - c, whole: F64 = b) -> tuple[float, float]:
            return ratio_interval(more, whole, alpha)

        yield claim(
            made.column, name, a, b, value, elsewhere, bound, ratio_above(a - c, b, most), most, count, len(at),
            "a quick model that learned from none of its rows",
            f"once it learns from rows of {name} too", judged,
        )  # fmt: skip


def claim(
    column: str, name: str, loss: F64, usual: F64, value: float, elsewhere: float,
    bound: Callable[[float], tuple[float, float]], p: float, most: float, count: int, n: int,
    who: str, against: str, judged: Judged,
) -> Claim:  # fmt: skip
    here, metric = float(loss.sum() / usual.sum()), "Brier skill" if judged.classes else "R2"
    lowest = 1 - ratio_interval(loss, usual, min(1.0, 0.1 / count))[1]
    least = f"at least {lowest:.2f}" if np.isfinite(lowest) else "no lower bound"
    said = name if name.startswith("period") else f"{column} {name}"
    return Claim(
        About((column,), slice=said),
        Effect(value, "share of naive loss", most, bound),
        "test",
        f"{said}: {who} has {metric} {1 - here:.2f} ({least}), and {1 - elsewhere:.2f} {against} ({n:,} rows)",
        n,
        p=p,
        family="slice",
        impact=Impact("costs", value, bound(0.05), "share of naive loss"),
        evidence={
            "score": 1 - here, "lower_bound": lowest if np.isfinite(lowest) else None, "against": 1 - elsewhere,
            "units": judged.units,
        },
    )  # fmt: skip


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Make one site (else the largest group, else the last rows in order) new to the model, and shuffle the answers of
    a share ``dose`` of its rows among themselves."""
    given = subject.predictions
    if given is None:
        raise InputError("poor generalisation is planted in predictions; the subject has none")
    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    role = next((r for r in ("site", "group", "order") if subject.roles.named(r)), None)
    if role is None:
        raise InputError("poor generalisation is planted in a site, group or period; no such role is named")
    column = subject.roles.named(role)[0]
    if role == "order":
        when = moments(subject, rows)
        inside = when >= np.nanquantile(when, 0.96)
    else:
        codes, texts = rows.codes(column)
        count = np.bincount(codes[codes >= 0], minlength=len(texts))
        fit = np.where(count <= 0.5 * rows.n, count, 0)
        if not fit.max(initial=0):
            raise InputError(f"poor generalisation is planted in one of several {column}; there is one")
        inside = codes == int(fit.argmax())
    own_rows = np.flatnonzero(np.isin(given.row_id, rows.row_id[inside]))
    hit = own_rows[rng.random(len(own_rows)) < dose]
    output, part = given.output.copy(), given.part.copy()
    output[hit] = output[rng.permutation(hit)]
    part[own_rows] = JUDGE
    known = own_rows[np.isfinite(given.y[own_rows])]
    effect = 0.0
    if len(known):
        if output.ndim == 1:
            y = given.y[known]
            lost = (output[known] - y) ** 2 - (given.output[known] - y) ** 2
            usual = (y - np.nanmean(given.y)) ** 2
        else:
            hot = np.eye(output.shape[1])[given.y[known].astype(int)]
            lost = ((output[known] - hot) ** 2).sum(1) - ((given.output[known] - hot) ** 2).sum(1)
            usual = ((hot.mean(0) - hot) ** 2).sum(1)
        effect = float(lost.sum() / max(float(usual.sum()), 1e-12))
    return Planted(replace(subject, predictions=replace(given, output=output, part=part)), (column,), effect)
