"""The rows to be predicted are not like the rows that were learned from.

What it is
    Two tables that should be one population, and are not: training and test, reference and current, one site and the
    rest, earlier and later. Some columns, alone or together, are distributed otherwise.

Why it matters
    A model is good where it has seen rows, and the score on one table says little about the other. Where the shift is
    large, trees answer with whatever stands at the edge.

How it is measured
    For each named pair of tables, on hash samples of both. *Margins*: for numbers the largest gap between the two
    distribution functions (a hole counts as below all values), for categories the total variation over the 50 most
    frequent levels, the rest and null. Each is tested against a tenth, both samples paying for their error: where
    the two differ is searched on one half and claimed on the other. One finding for a pair: all columns whose p,
    times the number of columns, is below .01, under one joint p; the effect is that of the column that moved most.
    *Witness*: a small booster learns on one half of the rows to tell the tables apart by the columns that the
    margins do not name, and is judged by its AUC on the other half. Tables of joint total variation d cannot be
    told apart better than 1/2 + d - d^2/2, so that an AUC proves a difference of d = 1 - sqrt(2 - 2 AUC) of the
    rows or more: .595 proves a tenth, and is what the AUC is tested against. The order column is left out, and so
    are the names of groups (each site has its own patients). Where the tables lie one after the other in time, so
    are columns that tell the time: values that do not overlap, and between the two halves of the order also what
    stands in long runs along it (month, batch) or runs with it (a counter, a running total), and keys by their names
    (poll_id, patient): who comes later has another one.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> a, b = ({"x": rng.normal(m, 1, 500), "y": ["a", "b"] * 250} for m in (0, 1))
    >>> assay.check(pa.table(a), test=pa.table(b), target="y")["S02"].verdict
    'found'

Remedy
    None that is general: find out why, or learn from rows that are like those to come.

Known false alarms
    A test set that was shifted on purpose; a pair that lies a season apart and will come round again. Rows that are
    not independent (many of one patient) make intervals too short.

Sources
    Shimodaira, "Improving predictive inference under covariate shift by weighting the log-likelihood function",
    Journal of Statistical Planning and Inference 90 (2000); Lopez-Paz and Oquab, "Revisiting classifier two-sample
    tests", ICLR (2017); Rabanser, Guennemann and Lipton, "Failing loudly", NeurIPS (2019); Massart, Annals of
    Probability 18 (1990).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError
from assay.core.rows import Rows
from assay.core.subject import Comparison, Planted, Subject
from assay.core.table import F64, NUMERIC, Sample
from assay.core.words import listed
from assay.learn.learners import quick
from assay.probes.sides import Sides, pair_for_plant, with_second
from assay.stats.auc import auc, auc_above, auc_interval
from assay.stats.distances import ks, ks_above, ks_interval, tv, tv_above, tv_interval

CHALLENGE = Challenge(
    code="S02",
    name="covariate-shift",
    title="the rows to be predicted are unlike those learned from",
    stage="data",
    needs=("comparison",),
    category="voids",
    scope="comparison",
    promise=Dose(0.4, 1_000, "two rows in five of one column moved into its upper tenth"),
    materiality=(
        Threshold("differs", 0.1, "share of rows", "a tenth of the rows would have to change for the two to agree"),
    ),
)
LEVELS, SLIGHT, FEWEST, WITNESS_ROWS, ROUNDS = 50, 0.01, 100, 20_000, 50
Bound = Callable[[float], tuple[float, float]]


@dataclass(frozen=True)
class Margin:
    """One column of a pair: size of the difference, p against the materiality, and its interval."""

    name: str
    size: float
    p: float
    bound: Bound


def measure(subject: Subject, sides: Sides, options: Options) -> Iterator[Claim]:
    for side in sides:
        pair, a, b = side.pair, side.a, side.b
        margins = [margin(subject, pair, a, b, name, options["differs"]) for name in shared(subject, a, b)]
        tells = ordered(subject, a, b)
        clock = [m for m in margins if m.name in side.clock or (tells and in_turn(a, b, m.name))]
        margins = [m for m in margins if m not in clock]
        if not margins:
            continue
        made, named = margin_claim(pair, margins, clock, a, b, options["differs"])
        yield made
        rest = [m.name for m in margins if m.name not in named and varies(a, b, m.name)]
        if rest and min(a.n, b.n) >= FEWEST:
            yield witness_claim(subject, pair, a, b, rest, options["differs"])


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Move a share ``dose`` of one number column of the second table into the column's upper tenth.

    Where the subject has no pair yet, its table is cut into two halves at random.
    """
    import pyarrow as pa

    table = subject.table
    pair = pair_for_plant(subject, rng)
    out = {*subject.roles.named("order"), *subject.roles.named("site"), *subject.roles.named("group")}
    numbers = [c for c in subject.features if table.column(c).kind == "number" and c not in out]
    if not numbers or pair.b.n_rows < 10:
        raise InputError("a covariate shift is planted in a number column of at least ten rows; the table has none")
    arrow, n = pair.b.arrow(), pair.b.n_rows
    by_name = {c: np.array(arrow[c].cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64) for c in numbers}
    tops = {c: np.sort(v[np.isfinite(v)])[-max(1, int(np.isfinite(v).sum()) // 10) :] for c, v in by_name.items()}
    below = {c: float((by_name[c] < top[0]).mean()) if len(top) else 0.0 for c, top in tops.items()}
    numbers = [c for c in numbers if below[c] > 0.5]
    if not numbers:
        raise InputError("a covariate shift is planted in a number column with an upper tenth; the table has none")
    name = numbers[int(rng.integers(len(numbers)))]
    values, high = by_name[name], tops[name]
    at = np.sort(rng.permutation(n)[: round(dose * n)])
    values[at] = rng.choice(high, len(at))
    column = pa.array(values, pa.float64(), from_pandas=True)
    moved = pair.b.derive(arrow.set_column(arrow.schema.get_field_index(name), name, column))
    return Planted(with_second(subject, pair, moved), (name,), below[name] * len(at) / n, Rows.at(at))


def shared(subject: Subject, a: Sample, b: Sample) -> list[str]:
    """Features that both tables have, without those that define the pair or the order."""
    roles = subject.roles
    out = {c for role in ("order", "site", "split", "id", "group", "target", "weight") for c in roles.named(role)}
    return sorted((set(a.names) & set(b.names) & set(subject.features)) - out)


def ordered(subject: Subject, a: Sample, b: Sample) -> bool:
    """The two tables lie one after the other along the order column."""
    order = subject.roles.named("order")
    return bool(order) and order[0] in a.names and order[0] in b.names and in_turn(a, b, order[0])


def in_turn(a: Sample, b: Sample, name: str) -> bool:
    """All numbers of one table stand before all of the other; categories share one level at most."""
    if numeric(a, name) and numeric(b, name):
        x, y = (s.numbers(name)[np.isfinite(s.numbers(name))] for s in (a, b))
        return (
            len(x) > 0
            and len(y) > 0
            and min(x.min(), y.min()) < max(x.max(), y.max())
            and bool(x.max() <= y.min() or y.max() <= x.min())
        )
    first, second = set(a.codes(name)[1]), set(b.codes(name)[1])
    return min(len(first), len(second)) > 1 and len(first & second) <= 1


def margin(subject: Subject, pair: Comparison, a: Sample, b: Sample, name: str, limit: float) -> Margin:
    def rng() -> np.random.Generator:
        return subject.rng("S02", f"{pair.name} {name}")  # anew for test and interval: the same halves for both

    if numeric(a, name) and numeric(b, name):
        x, y = (np.where(np.isnan(s.numbers(name)), -np.inf, s.numbers(name)) for s in (a, b))
        return Margin(name, ks(x, y), ks_above(x, y, limit, rng()), lambda alpha: ks_interval(x, y, alpha, rng()))
    ca, cb, size = common_codes(a, b, name)
    both = np.bincount(np.concatenate((ca, cb)), minlength=size)
    rank = np.argsort(np.argsort(-both[:-1], kind="stable"), kind="stable")
    fold = np.append(np.minimum(rank, LEVELS), LEVELS + 1)  # frequent levels, the rest, null
    ha, hb = (np.bincount(fold[c], minlength=LEVELS + 2) for c in (ca, cb))
    used = (ha + hb) > 0
    ha, hb = ha[used], hb[used]
    return Margin(name, tv(ha, hb), tv_above(ha, hb, limit, rng()), lambda alpha: tv_interval(ha, hb, alpha, rng()))


def varies(a: Sample, b: Sample, name: str) -> bool:
    """More than one value in the two tables, null being one: what never changes tells nothing apart."""
    if numeric(a, name) and numeric(b, name):
        return len(np.unique(np.concatenate([s.numbers(name) for s in (a, b)]))) > 1
    return len(np.unique(np.concatenate(common_codes(a, b, name)[:2]))) > 1


def numeric(rows: Sample, name: str) -> bool:
    """A number, or text that reads as numbers for the most part: 1 and 1.0 are the same."""
    if next(c.kind for c in rows.columns if c.name == name) in NUMERIC:
        return True
    filled = int((~rows.null(name)).sum())
    return filled > 0 and int(np.isfinite(rows.numbers(name)).sum()) > filled / 2


def common_codes(a: Sample, b: Sample, name: str) -> tuple[Any, Any, int]:
    """Codes of both samples over all levels of the two, null last; and the number of codes."""
    (ca, la), (cb, lb) = a.codes(name), b.codes(name)
    levels = sorted({*la, *lb})
    place = {v: i for i, v in enumerate(levels)}
    maps = [np.array([*(place[v] for v in known), len(levels)], np.int64) for known in (la, lb)]
    return maps[0][ca], maps[1][cb], len(levels) + 1


def margin_claim(
    pair: Comparison, margins: list[Margin], clock: list[Margin], a: Sample, b: Sample, limit: float
) -> tuple[Claim, tuple[str, ...]]:
    """One joint claim for the pair, and the columns that it names."""
    k = len(margins)
    sure = sorted((m for m in margins if k * m.p <= SLIGHT), key=lambda m: (-m.size, m.name))
    first = sure[0] if sure else min(margins, key=lambda m: (m.p, -m.size, m.name))
    p = min(1.0, k * max((m.p for m in sure), default=first.p))
    names = tuple(m.name for m in sure) or (first.name,)

    def bound(alpha: float) -> tuple[float, float]:
        return first.bound(alpha / k)[0], max(m.bound(alpha / k)[1] for m in margins)

    says = f"{pair.name}: {listed(names)} {'is' if len(names) == 1 else 'are'} distributed otherwise"
    says += f" ({first.name} differs in {100 * first.size:.0f} % of rows)"
    shown = sorted(margins, key=lambda m: (-m.size, m.name))[:40]
    evidence = {
        "kind": "margins", "columns": k, "tell_the_time": [m.name for m in clock],
        "chart": {"kind": "bars", "title": f"Difference by column, {pair.name}", "x": [m.name for m in shown],
                  "y": [m.size for m in shown], "x_title": "column", "y_title": "share of rows"},
    }  # fmt: skip
    made = Claim(
        About(names, comparison=pair.name), Effect(first.size, "share of rows", limit, bound), "test", says,
        min(a.n, b.n), p=p, family="challenge", evidence=evidence,
        impact=Impact(pair.harm, why_unmeasured="needs outcomes of both tables"),
    )  # fmt: skip
    return made, names if sure else ()


def witness_claim(subject: Subject, pair: Comparison, a: Sample, b: Sample, names: list[str], limit: float) -> Claim:
    """A booster that tells the tables apart by what is left, learned on one half and judged on the other."""
    rng = subject.rng("S02", f"{pair.name} witness")
    few = [s.take(np.sort(rng.permutation(s.n)[:WITNESS_ROWS])) for s in (a, b)]
    columns, sets = [], []
    for i, name in enumerate(names):
        if all(numeric(s, name) for s in few):
            value = np.concatenate([s.numbers(name) for s in few])
            middle = np.nanmedian(value) if np.isfinite(value).any() else 0.0
            columns.append(np.clip(value - middle, -1e30, 1e30))
        else:
            ca, cb, _ = common_codes(few[0], few[1], name)
            columns.append(np.concatenate((ca, cb)).astype(np.float64))
            sets.append(i)
    X = np.stack(columns, axis=1).astype(np.float32)
    y: F64 = np.repeat([0.0, 1.0], [few[0].n, few[1].n])
    first = rng.permutation(len(y)) % 2 == 0
    score = quick(X[first], y[first], "binary", sets, ROUNDS, int(rng.integers(2**31))).predict(X[~first])[:, 1]
    truth = y[~first]
    area, verb = auc(truth, score), "tells" if len(names) == 1 else "together tell"

    def bound(alpha: float) -> tuple[float, float]:
        lo, hi = auc_interval(truth, score, alpha)
        return proved(lo), proved(hi)

    return Claim(
        About(tuple(names), comparison=pair.name),
        Effect(proved(area), "share of rows", limit, bound),
        "test",
        f"{pair.name}: {listed(names)} {verb} the two apart (AUC {area:.2f})",
        len(truth),
        p=auc_above(truth, score, 0.5 + limit - limit**2 / 2),
        family="challenge",
        impact=Impact(pair.harm, why_unmeasured="needs outcomes of both tables"),
        evidence={"kind": "witness", "columns": len(names), "auc": area},
    )


def proved(area: float) -> float:
    """The least total variation of two tables that can be told apart with this AUC."""
    return float(1 - np.sqrt(1 - min(1.0, max(0.0, 2 * area - 1))))
