"""A class is called something else from a date on, or at a site.

What it is
    The meaning of a label changed: what was X is called Y from some day on, or at one place; or two names were
    swapped. The rows stayed what they were.

Why it matters
    Half of the labels then contradict the other half. A model learns the date, or the mean of two conventions, and no
    score within one of them shows it.

How it is measured
    Only for classes, and where an order or a site is named. A model learns from honest features under one convention
    (the first quarter of the rows in time, and the last, looking back; or all other sites) and answers for the other
    rows. For every pair of classes two readings are tried: X is called Y, and X and Y are swapped. On one half of the
    rows the reading, and the moment from which on it holds, are chosen by the loss they save. On the other half, beyond
    that moment, the reading must save at least a fifth of the log-loss of the model as it is (Fieller, Hall). So that a
    mere change of class shares cannot pass for a new name, both are first corrected to the class shares found there,
    and a class that the model never saw is given its share in every row. The effect is the share of rows whose name
    would change, material above one in a hundred; of a change seen from both ends of time, the shorter stretch is
    called renamed. At most the six most frequent classes.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> x, day = rng.normal(size=2000), np.arange(2000)
    >>> y = np.where(x + rng.normal(0, 0.3, 2000) > 0, np.where(day < 1200, "spam", "junk"), "ham")
    >>> assay.check(pa.table({"x": x, "day": day, "y": y}), target="y", time="day")["L07"].verdict
    'found'

Remedy
    Write the old name for the new one from that moment on, or at that site. It is recorded and not replayed: only
    whoever keeps the labels knows which name is meant to last.

Known false alarms
    A relation that truly turned round (see concept-shift) reads as a swap of two names.

Sources
    Webb, Hyde, Cao, Nguyen and Petitjean, "Characterizing concept drift", Data Mining and Knowledge Discovery 30
    (2016); Saerens, Latinne and Decaestecker, Neural Computation 14 (2002), for class shares; Fieller, JRSS B 16 (1954)
    175.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
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
from assay.core.table import I64, Sample, SampleSpec
from assay.learn.target import Labels
from assay.probes.halves import Halves
from assay.probes.order import moments, said
from assay.probes.other_names import FEWEST, LEAST, TRIES, Bench, Tried, change, tried
from assay.probes.sides import tellers

CHALLENGE = Challenge(
    code="L07",
    name="redefined-labels",
    title="the meaning of a class changed at a date or a site",
    stage="data",
    needs=("target", "classes", "feature"),
    category="voids",
    scope="order",
    promise=Dose(0.5, 4_000, "in the later half of the rows two classes have each other's name"),
    materiality=(
        Threshold("saved", 0.2, "share of loss", "a fifth of the loss: more than a better learner would save"),
        Threshold("rows", 0.01, "share of rows", "below, the score moves by less than a point at most"),
    ),
    proof="honesty",
    safety="unsafe",
    refits=True,
)  # fmt: skip
MOST_ROWS, MOST_SITES = 12_000, 8
QUARTER, SLIGHT = 0.25, 0.01


def measure(
    subject: Subject, rows: Sample, labels: Labels, halves: Halves, honest: tuple[str, ...], options: Options
) -> Iterator[Claim]:
    roles = subject.roles
    if roles.order is None and roles.site is None:
        raise NotApplicable("no time order (--time) and no site (--role site=COLUMN)")
    out = {*roles.named("order"), *roles.named("site"), *tellers(subject, rows)}
    features = [c for c in honest if c not in out]
    part = np.full(rows.n, -1)
    part[halves.a], part[halves.b] = 0, 1
    index = np.flatnonzero(labels.known)[:MOST_ROWS]
    if len(index) < FEWEST or not features:
        return
    bench = Bench(subject, rows, labels, tuple(features), part)
    if roles.order is not None:
        yield from in_time(bench, index, options)
    if roles.site is not None:
        yield from by_site(bench, index, options)


def in_time(bench: Bench, index: I64, options: Options) -> Iterator[Claim]:
    """From a moment on, or up to one: models of the first and of the last quarter."""
    when = moments(bench.subject, bench.rows)
    index = index[np.isfinite(when[index])]
    index = index[np.lexsort((bench.rows.row_id[index], when[index]))]
    quarter = int(len(index) * QUARTER)
    if quarter < FEWEST // 2:
        return
    order = bench.subject.roles.named("order")[0]
    found: list[Claim] = []
    for late in (True, False):
        line = index if late else index[::-1]
        train, rest = line[:quarter], line[quarter:]
        p = bench.outputs(train, rest, f"late {late}")
        start = change(bench, p, rest)
        if start is None:
            continue
        sure = min(start + len(rest) // TRIES, max(start, len(rest) - 4 * LEAST))  # the cut is only known to a step
        made = tried(bench, p[sure:], rest[sure:], True)
        if made is None:
            continue
        where = said(bench.rows, order, float(when[rest[start]]))
        found.append(
            claim(bench, made, rest[start:], len(index), f"{'from' if late else 'up to'} {order} {where}", (order,),
                  options, {"late": late, "moment": where})
        )  # fmt: skip
    if found:
        yield one_of(found)


def one_of(found: list[Claim]) -> Claim:
    """One change looks like two, forward and back: where both are sure the shorter stretch is claimed, else the surer
    one; it pays for the choice."""
    chance = {id(c): 1.0 if c.p is None else c.p for c in found}
    sure = [c for c in found if chance[id(c)] <= SLIGHT]
    best = (
        min(sure, key=lambda c: c.effect.value) if sure else min(found, key=lambda c: (chance[id(c)], -c.effect.value))
    )

    def bound(alpha: float) -> tuple[float, float]:
        own = [c.effect.interval(alpha / len(found)) for c in found]
        return own[found.index(best)][0], max(hi for _, hi in own)

    p = min(1.0, len(found) * chance[id(best)])
    return replace(best, p=p, effect=replace(best.effect, bound=bound))


def by_site(bench: Bench, index: I64, options: Options) -> Iterator[Claim]:
    """Each of the largest sites, by a model of all others."""
    column = bench.subject.roles.named("site")[0]
    codes, names = bench.rows.codes(column)
    counts = np.bincount(codes[index][codes[index] >= 0], minlength=len(names))
    large = [int(i) for i in np.argsort(-counts, kind="stable")[:MOST_SITES] if counts[i] >= 2 * LEAST]
    for i in sorted(large, key=lambda i: names[i]):
        own, others = index[codes[index] == i], index[codes[index] != i]
        if len(others) < FEWEST:
            continue
        made = tried(bench, bench.outputs(others, own, f"site {names[i]}"), own, False)
        if made is not None:
            yield claim(bench, made, own, len(index), f"at {column} {names[i]}", (column,), options, {"site": names[i]})


def claim(
    bench: Bench, made: Tried, at: I64, n: int, where: str, columns: Sequence[str], options: Options,
    more: dict[str, Any],
) -> Claim:  # fmt: skip
    """``at``: the rows for which the reading holds, of ``n`` looked at."""
    target, classes = bench.subject.roles.named("target")[0], bench.labels.classes
    old, new = classes[made.reading.old], classes[made.reading.new]
    touched = [made.reading.new, *([made.reading.old] if made.reading.swap else [])]
    k = int(np.isin(bench.labels.y[at], touched).sum())
    what = f"{old} and {new} have each other's name" if made.reading.swap else f"{old} is called {new}"
    says = f"{target}: {where}, {what}: read so, a model of the other rows errs {100 * made.saved:.0f} % less there"
    return Claim(
        About((target, *(c for c in columns if c != "@row")), slice=where),
        Effect(
            k / n if made.saved > options["saved"] else 0.0,
            "share of rows",
            options["rows"],
            partial(made.bound, k, n, options["saved"]),
        ),
        "test",
        says,
        n,
        p=made.p(k, n, options),
        family="slice",
        impact=Impact("voids", why_unmeasured="needs a refit with the labels of one convention"),
        evidence={"old": old, "new": new, "swap": made.reading.swap, "rows": k, "loss_saved": made.saved, **more},
    )


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    made, target = finding.claim.evidence, subject.roles.named("target")[0]
    mapping = {made["new"]: made["old"]} | ({made["old"]: made["new"]} if made["swap"] else {})
    says = f"write {' and '.join(f'{b} for {a}' for a, b in mapping.items())} in {target}, {finding.claim.about.slice}"
    options = {"column": target, "mapping": mapping, "where": finding.claim.about.slice}
    return Remedy("training", "unsafe", "honesty", says, options=options)


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Swap the names of the two most frequent classes in the last share ``dose`` of the rows in time.

    Where the subject has no order, the first date column becomes it, else the order of rows.
    """
    import pyarrow as pa

    arrow, target = subject.table.arrow(), subject.roles.named("target")[0]
    dates = sorted(c.name for c in subject.table.columns if c.kind == "date")
    order = subject.roles.order or Role((dates[0] if dates else "@row",), "guess", "planted")
    timed = replace(subject, roles=replace(subject.roles, order=order))
    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    when = moments(timed, rows)
    line = rows.position[np.lexsort((rows.row_id, when))][: int(np.isfinite(when).sum())]
    at = np.sort(line[len(line) - round(dose * len(line)) :])
    y = np.array(arrow[target].to_pylist(), dtype=object)
    names, counts = np.unique([str(v) for v in y if v is not None], return_counts=True)
    if len(names) < 2:
        raise InputError("names are swapped in a target with at least two classes; this one has fewer")
    two = names[np.argsort(-counts, kind="stable")[:2]]
    a, b = (next(v for v in y if str(v) == name) for name in two)
    y[at] = [b if v == a else a if v == b else v for v in y[at]]
    column = pa.array(y.tolist(), type=arrow[target].type)
    table = subject.table.derive(arrow.set_column(arrow.schema.get_field_index(target), target, column))
    share = float(np.sort(counts)[-2:].sum() / counts.sum())
    return Planted(timed.with_table(table), (target,), dose * share, Rows.at(at))
