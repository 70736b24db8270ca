"""The target is not what happened: it is capped, recorded for some only, or its time is not yet over.

What it is
    Values beyond a limit are written as the limit; the outcome is recorded in some circumstances and reads the same in
    all others (tips are known for cards, and are zero for cash); or the latest rows have not had the time for their
    outcome to happen, so that they are all of one class.

Why it matters
    The model learns how the target was recorded and not what it is about, and the score praises it for that.

How it is measured
    *Edge* (numbers of at least 20 values): rows at the largest (or the smallest, if it is not zero) value, over all
    rows; the effect is their share, and they must be at least three times as many as those at any other value of that
    half of the table (conditional binomial test), with the next value near by: one far off is a stand-in for missing.
    *Level* (numbers): a value of a category column, or its hole, all of whose rows hold one and the same target, over
    all rows, where chance would not: q^n, with q the share of that target among the other rows, times the levels
    looked at, is below one in a thousand. Columns suspected of knowing the answer are left out, and so are those whose
    levels fix different targets, for these are the target in other words.
    *Window* (classes, with a time order): all rows from one moment on (or up to one) are of one class. The moment is
    searched on one half of the rows; on the other, that class must be more frequent beyond it than before. The run must
    be three times as long as any of that class before, since neighbours in time are alike. All are material above one
    row in a hundred.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> price = np.minimum(np.random.default_rng(0).normal(20, 8, 1000), 30)
    >>> assay.check(pa.table({"x": price - 3, "price": price}), target="price")["L05"].verdict
    'found'

Remedy
    Leave out the rows whose outcome is not known, and say so; above a cap, a model of a quantile or of the chance to
    exceed it. Nothing brings back what was not recorded.

Known false alarms
    A natural ceiling (full marks in an examination), a level that decides the outcome by rule (a closed shop sells
    nothing): the rows are then right, and still leave nothing to learn. A table sorted by class, in no order of time.

Sources
    Tobin, "Estimation of relationships for limited dependent variables", Econometrica 26 (1958); Little and Rubin,
    "Statistical Analysis with Missing Data" (2002); Larson, Mattu, Kirchner and Angwin (2016) and Barenstein,
    "ProPublica's COMPAS data revisited" (2019), for the two-year window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError, NotApplicable
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.rows import Rows
from assay.core.subject import Planted, Role, Subject
from assay.core.table import F64, I64, Ask, Facts, Sample, SampleSpec
from assay.core.words import listed, percent, text_of
from assay.learn.target import Labels
from assay.probes.fixed_levels import FEWEST, SCALE, SLIGHT, Fixed, exactly, fixed_levels
from assay.probes.halves import Halves
from assay.probes.order import moments, said
from assay.probes.suspects import Suspicion
from assay.stats.shares import share_above, share_interval

CHALLENGE = Challenge(
    code="L05",
    name="censored-target",
    title="the target is capped, recorded for some only, or not yet known",
    stage="data",
    needs=("target",),
    category="voids",
    scope="marginal",
    promise=Dose(0.1, 2_000, "one row in ten has an outcome that is not yet known, or lies beyond the cap"),
    materiality=(
        Threshold("rows", 0.01, "share of rows", "below, the score moves by less than a point at most"),
        Threshold("spike", 3.0, "times the next", "heaped round values are seldom three times as many as one another"),
    ),
    proof="gain",
    safety="unsafe",
)
TOP, NEAR, LONGER = 101, 0.1, 3


def asks(subject: Subject) -> Iterable[Ask]:
    if subject.roles.task == "regression":
        target = subject.roles.named("target")
        yield from (Ask("range", target), Ask("top", target, args=(TOP,)), Ask("distinct", target))
        yield from (Ask("holes", target), Ask("quantiles", target, args=(0.5,)))


def measure(
    subject: Subject,
    facts: Facts,
    rows: Sample,
    labels: Labels,
    halves: Halves,
    suspects: Mapping[str, Suspicion],
    options: Options,
) -> Iterator[Claim]:
    if labels.task == "regression":
        yield from edges(subject, facts, rows, options)
        plain = tuple(c for c in subject.features if c not in suspects)
        yield from levels(subject, rows, labels, plain, options["rows"])
    elif subject.roles.order is None:
        raise NotApplicable("classes without a time order (--time) cannot show an open window")
    else:
        yield from windows(subject, rows, labels, halves, options["rows"])


def edges(subject: Subject, facts: Facts, rows: Sample, options: Options) -> Iterator[Claim]:
    """Spikes at the largest and the smallest value."""
    target = subject.roles.named("target")
    span, top = facts[Ask("range", target)], facts[Ask("top", target, args=(TOP,))]
    n = subject.table.n_rows - facts[Ask("holes", target)].n
    middle = facts[Ask("quantiles", target, args=(0.5,))]
    numbers = {v: int(k) for v, k in top if isinstance(v, (int, float)) and np.isfinite(v)}
    if span is None or not numbers or middle is None or facts[Ask("distinct", target)].n < SCALE:
        return
    value = rows.numbers(target[0])
    value = value[np.isfinite(value)]
    for end, sign in ((span.hi, 1.0), (span.lo, -1.0)):
        k = numbers.get(end, 0)
        inside = value[value * sign < end * sign]
        if (sign < 0 and end == 0) or not len(inside):
            continue
        far = float(np.abs(end - inside).min()) > NEAR * float(np.ptp(inside))
        same = [j for v, j in numbers.items() if v != end and (v - middle[0]) * sign >= 0]
        beside = max([*same, min(numbers.values()) if len(top) == TOP else 1])
        word = "largest" if sign > 0 else "smallest"
        says = f"{k:,} of {n:,} rows ({percent(k / n)}) hold the {word} {target[0]}, {text_of(end)}, against {beside:,}"
        says += f" at the most frequent value {'above' if sign > 0 else 'below'} the median: it looks cut off there"
        spike = options["spike"]
        p = max(share_above(k, n, options["rows"]), share_above(k, k + beside, spike / (1 + spike)))
        size = k / n if not far and k > spike * beside else 0.0
        yield Claim(
            About(target, slice=f"the {word} value"),
            Effect(size, "share of rows", options["rows"], partial(interval, size, k, n)), "test", says, n,
            p=1.0 if size == 0.0 else p, family="slice", impact=unmeasured(),
            evidence={"kind": "edge", "value": float(end), "side": word, "rows": k, "beside": beside, "far": far},
        )  # fmt: skip


def interval(size: float, k: int, n: int, alpha: float) -> tuple[float, float]:
    return share_interval(k, n, alpha) if size else (0.0, 0.0)


def unmeasured() -> Impact:
    return Impact("voids", why_unmeasured="needs the outcomes that were not recorded")


def levels(
    subject: Subject, rows: Sample, labels: Labels, honest: tuple[str, ...], limit: float
) -> Iterator[Claim]:  # fmt: skip
    """The column whose levels fix one target for the most rows."""
    target, n = subject.roles.named("target")[0], subject.table.n_rows
    seen = {name: fixed_levels(rows, labels, name) for name in honest if name in rows.names}
    looked = sum(count for _, count in seen.values())
    best = Fixed("", 0.0, {}, 0.0)
    for name, (fixed, _) in seen.items():
        if fixed and len({value for _, value in fixed}) == 1:
            best = max(best, exactly(subject.table, rows, target, name, fixed, looked), key=lambda f: f.rows)
    says = f"no level of a column fixes {target}"
    if best.levels:
        shown = listed([f"{level} ({k:,} rows)" for level, k in best.levels.items()], 2)
        says = (
            f"{target} is {text_of(best.value)} in every row with {best.column} {shown}, and in {percent(best.other)}"
        )
        says += " of the others: it looks recorded for those only"
    yield Claim(
        About((target, best.column) if best.levels else (target,), slice="level"),
        Effect(best.rows / n if n else 0.0, "share of rows", limit), "exact", says, n, family="slice",
        evidence={"kind": "level", "column": best.column, "levels": dict(list(best.levels.items())[:20]),
                  "value": best.value, "share_elsewhere": best.other},
        impact=unmeasured(),
    )  # fmt: skip


def windows(subject: Subject, rows: Sample, labels: Labels, halves: Halves, limit: float) -> Iterator[Claim]:
    """One class from a moment on, or up to one."""
    when = moments(subject, rows)
    y = labels.y
    for late in (True, False):
        line = when if late else -when
        found = run(line, y, halves.a)
        whole = run(line, y, np.sort(np.concatenate((halves.a, halves.b))))
        if found is None or whole is None:
            continue
        yield window(subject, rows, labels, line, late, found, whole, halves, limit)


@dataclass(frozen=True)
class Run:
    """The class of all rows from ``start`` on, how many these are, and the longest run of that class before."""

    label: int
    start: float
    size: int
    before: int


def run(line: F64, y: F64, index: I64) -> Run | None:
    """The run at the end of the line; None where the last moment holds several classes, or all rows are of one."""
    at = index[np.isfinite(line[index])]
    at = at[np.argsort(line[at], kind="stable")]
    if len(at) < FEWEST:
        return None
    label = y[at[-1]]
    strange = np.flatnonzero(y[at] != label)
    if not len(strange):
        return None
    last = line[at[strange[-1]]]
    after = at[line[at] > last]
    if not len(after):
        return None
    gaps = np.diff(np.concatenate(([-1], strange))) - 1
    return Run(int(label), float(line[after[0]]), len(after), int(gaps.max()))


def window(
    subject: Subject, rows: Sample, labels: Labels, line: F64, late: bool, found: Run, whole: Run, halves: Halves,
    limit: float,
) -> Claim:  # fmt: skip
    own = halves.b[np.isfinite(line[halves.b])]
    beyond, is_it = line[own] >= found.start, labels.y[own] == found.label
    k, n, k0, n0 = (int(v) for v in (is_it[beyond].sum(), beyond.sum(), is_it[~beyond].sum(), (~beyond).sum()))
    usual = share_interval(k0, n0, SLIGHT)[1] if n0 else 1.0
    total = int(np.isfinite(line[labels.known]).sum())
    long = whole.label == found.label and whole.size >= max(FEWEST, LONGER * whole.before)
    size = whole.size / total if long else 0.0
    p = max(share_above(k, n, usual), share_above(whole.size, total, limit)) if long and n else 1.0
    order, target = subject.roles.named("order")[0], subject.roles.named("target")[0]
    exact = rows.n == subject.table.n_rows
    what = f"all {whole.size:,} rows" if exact else f"all rows seen ({percent(size)})"
    where = f"from {order} {said(rows, order, whole.start)} on" if late else \
        f"up to {order} {said(rows, order, -whole.start)}"  # fmt: skip
    rest = (int((labels.y[labels.known] == whole.label).sum()) - whole.size) / max(1, total - whole.size)
    says = (
        f"{target} is {labels.classes[whole.label]} in {what} {where}, and in {percent(max(rest, 0.0))} of the others: "
    )
    says += "the outcome looks not yet known there" if late else "the outcome looks not recorded there"
    at = np.flatnonzero(labels.known & np.isfinite(line))
    at = at[line[at] >= whole.start]
    return Claim(
        About((target, *((order,) if order != "@row" else ())), Rows.at(rows.position[at]) if size else None,
              slice="from a moment on" if late else "up to a moment"),
        Effect(size, "share of rows", limit, partial(interval, size, whole.size, total)), "test", says, total, p=p,
        family="slice", impact=unmeasured(),
        evidence={"kind": "window", "class": labels.classes[whole.label], "late": late, "rows": whole.size,
                  "from": said(rows, order, whole.start if late else -whole.start), "longest_before": whole.before},
    )  # fmt: skip


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    evidence, target = finding.claim.evidence, subject.roles.named("target")[0]
    if evidence["kind"] == "edge":
        says = (
            f"treat {target} {text_of(evidence['value'])} as a limit and no value: predict a quantile, or the chance "
        )
        return Remedy("training", "unsafe", "gain", says + "to reach it", options={"censored_at": evidence["value"]})
    if evidence["kind"] == "level":
        names = listed(list(evidence["levels"]), 2)
        says = f"learn {target} from the rows where it is recorded: leave out {evidence['column']} {names}"
        options: dict[str, Any] = {"leave_out": {evidence["column"]: list(evidence["levels"])}}
        return Remedy("rows", "unsafe", "gain", says, options=options)
    order = subject.roles.named("order")[0]
    side = "from" if evidence["late"] else "up to"
    says = f"leave out the rows {side} {order} {evidence['from']}, until their outcome is known"
    return Remedy("rows", "unsafe", "gain", says, rows=finding.claim.about.rows,
                  options={"leave_out": {order: {side: evidence["from"]}}})  # fmt: skip


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Cap a share ``dose`` of a number target; of classes, write one over the last ``dose`` of the rows in time.

    Where the subject has no order, the first date column becomes it, else the order of rows.
    """
    import pyarrow as pa

    arrow, target = subject.table.arrow(), subject.roles.named("target")[0]
    place = arrow.schema.get_field_index(target)
    if subject.roles.task == "regression":
        value = np.array(arrow[target].cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
        known = np.sort(value[np.isfinite(value)])
        if len(known) < SCALE:
            raise InputError("a cap is planted in a target with at least 20 values; this one has fewer")
        cap = known[len(known) - max(1, round(dose * len(known)))]
        at = np.flatnonzero(value >= cap)
        value[at] = cap
        table = subject.table.derive(arrow.set_column(place, target, pa.array(value, from_pandas=True)))
        return Planted(subject.with_table(table), (target,), len(at) / len(known), Rows.at(at))
    dates = sorted(c.name for c in subject.table.columns if c.kind == "date")
    order = subject.roles.order or Role((dates[0] if dates else "@row",), "guess", "planted")
    timed = replace(subject, roles=replace(subject.roles, order=order))
    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    when = moments(timed, rows)
    line = rows.position[np.lexsort((rows.row_id, when))][: int(np.isfinite(when).sum())]
    at = np.sort(line[len(line) - round(dose * len(line)) :])
    y = np.array(arrow[target].to_pylist(), dtype=object)
    known_y = [v for v in y if v is not None]
    if not known_y:
        raise InputError("an open window is planted in a target with values; this one has none")
    y[at] = known_y[int(rng.integers(len(known_y)))]
    table = subject.table.derive(arrow.set_column(place, target, pa.array(y.tolist(), type=arrow[target].type)))
    return Planted(timed.with_table(table), (target,), len(at) / max(1, len(line)), Rows.at(at))
