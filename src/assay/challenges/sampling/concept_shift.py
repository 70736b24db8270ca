"""The same features mean another outcome there than here.

What it is
    Between two tables, or two parts of one, the relation of features and target differs: what a sensor's reading
    stands for has drifted, customers answer the same offer otherwise, a site grades by a rule of its own.

Why it matters
    No amount of rows from before helps, and re-weighting them does not either: the model has to be learned anew.

How it is measured
    For each named pair, on rows with a known target and honest features, without columns that tell the time. A
    model of the own side and one of the other are compared on the *same* rows, which neither saw. So that a
    shift of the features alone cannot pass for another relation, both learn from rows that are alike: a booster gives,
    out of fold, each row's chance e to lie on the second side; rows of the first weigh e, rows of the second 1 - e
    (overlap weights), with which the features are distributed alike on both sides; and the two models learn from rows
    that are worth equally many. Class shares are corrected (by Bayes' rule) before the losses are compared, so that a
    mere change of shares (label-shift) is no finding either, and classes that one side lacks are left out. The effect
    is the ratio of the losses less one (log-loss, or squared error), material above a tenth; and as a tenth of next to
    nothing is nothing, the excess must be above one hundredth of the loss of a constant answer too. Tested by row,
    between halves of the order by block of time (Fieller, Hall), with twice the standard error, since every row counts
    as judge and as teacher. Rows of one group, or of one moment where these share their outcome (the results of a
    visit), share a fold: else the own side's model has met the outcome that the other's has not. At most the eight
    largest pairs; nothing is said where fewer than 100 rows are alike.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(2, 1500))
    >>> a, b = (pa.table({"x": v, "y": s * v + rng.normal(0, 0.3, 1500)}) for v, s in zip(x, (1, -1)))
    >>> assay.check(a, test=b, target="y")["S04"].verdict
    'found'

Remedy
    Learn from rows of the second side, or from recent ones; where both are needed, let the model know the side.

Known false alarms
    A column that both sides need and only one has in full: what is missing there changes what the others mean. Labels
    that are noisier on one side.

Sources
    Moreno-Torres et al., "A unifying view on dataset shift in classification", Pattern Recognition 45 (2012); Cai,
    Namkoong and Yadlowsky, "Diagnosing model performance under distribution shift" (2023); Li, Morgan and Zaslavsky,
    "Balancing covariates via propensity score weighting", JASA 113 (2018), for overlap weights; Fieller, JRSS B 16
    (1954) 175.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.rows import Rows
from assay.core.subject import Planted, Subject
from assay.core.table import F64
from assay.core.words import percent
from assay.probes.own_and_other import Compared, compare
from assay.probes.sides import Side, Sides, pair_for_plant, with_second
from assay.stats.ratios import ratio_above, ratio_interval

CHALLENGE = Challenge(
    code="S04",
    name="concept-shift",
    title="the same features mean another outcome",
    stage="data",
    needs=("comparison", "target", "feature"),
    category="voids",
    scope="comparison",
    promise=Dose(0.6, 4_000, "in six of ten rows of the second side the outcome is turned round"),
    materiality=(
        Threshold("excess", 0.1, "relative loss", "a tenth more loss: several times what separates the best learners "
                  "from the defaults on most tables"),
    ),
    refits=True,
)  # fmt: skip
MOST_PAIRS = 8
TWICE = 2.0  # standard errors: a row judges and teaches; with 2 ** 0.5 the level at the boundary is .09 (null_more.py)
TOLD = 0.1  # of the loss of a constant answer: of a smaller loss a tenth more is nothing that anybody would see


def measure(subject: Subject, sides: Sides, honest: tuple[str, ...], options: Options) -> Iterator[Claim]:
    target = subject.roles.named("target")[0]
    large = sorted((s for s in sides if target in s.a.names and target in s.b.names), key=size)[:MOST_PAIRS]
    for side in sorted(large, key=lambda s: s.name):
        out = {*side.clock, *subject.roles.named("order"), *subject.roles.named("site"), *subject.roles.named("group")}
        features = [c for c in honest if c not in out and c in side.a.names and c in side.b.names]
        made = compare(subject, side, features) if features else None
        if made is not None:
            yield claim(side, made, options["excess"])


def size(side: Side) -> tuple[int, str]:
    return -min(side.a.n, side.b.n), side.name


def claim(side: Side, made: Compared, limit: float) -> Claim:
    a, b = compared(made)
    value = float(a.sum() / b.sum()) - 1 if b.sum() > 0 else 0.0
    if b is made.own:
        how = f"errs {value + 1:.2f} times as much as one of their own side"
    else:
        how = f"errs more than one of their own side, by {percent(value * TOLD)} of the loss of a constant answer"
    says = f"{side.name}: on the same rows, a model of the other side {how}"
    says += f" (worth {made.rows:,} rows with like features)"
    floor = TOLD * made.plain
    excess = spread_out(made.other - made.own, floor)
    p = max(ratio_above(*spread_out(made.other, made.own), 1 + limit), ratio_above(*excess, limit))
    return Claim(
        About((), comparison=side.name), Effect(value, "relative loss", limit, partial(bounds, made)), "test", says,
        made.rows, p=p, family="slice",
        impact=Impact(side.pair.harm, value, bounds(made, 0.05), "relative loss"),
        evidence={"rows": made.rows, "trained_on": made.trained_on, "units": len(made.own), "kind": side.kind},
    )  # fmt: skip


def compared(made: Compared) -> tuple[F64, F64]:
    """What is divided by what: the losses; or, where the own model's is next to nothing, the excess by a tenth of the
    loss of a constant answer, plus one."""
    floor = TOLD * made.plain
    if made.own.sum() >= floor.sum():
        return made.other, made.own
    return made.other - made.own + floor, floor


def bounds(made: Compared, alpha: float) -> tuple[float, float]:
    lo, hi = ratio_interval(*spread_out(*compared(made)), alpha)
    return lo - 1, hi - 1


def spread_out(a: F64, b: F64) -> tuple[F64, F64]:
    """The same means, with standard errors that count how often each row took part."""
    return a.mean() + TWICE * (a - a.mean()), b.mean() + TWICE * (b - b.mean())


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    says = f"learn from rows of the second side ({finding.claim.about.comparison}), or let the model know the side"
    return Remedy("training", "safe", "gain", says, options={"train_on": "second side"})


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Turn the outcome round in a share ``dose`` of the second table's rows: the next class, or the mirrored value.

    Where the subject has no pair yet, its table is cut into two halves at random.
    """
    import pyarrow as pa

    target = subject.roles.named("target")[0]
    pair = pair_for_plant(subject, rng)
    arrow = pair.b.arrow()
    if not arrow.num_rows:
        raise InputError("another relation is planted in the rows of a second table; it has none")
    at = np.sort(rng.permutation(arrow.num_rows)[: round(dose * arrow.num_rows)])
    y = np.array(arrow[target].to_pylist(), dtype=object)
    known = np.array([v is not None for v in y])
    at = at[known[at]]
    if subject.roles.task == "regression":
        y[at] = 2 * float(np.mean(y[known].astype(float))) - y[at].astype(float)
        column = pa.array(y.tolist(), pa.float64())
    else:
        names = sorted({v for v in y if v is not None}, key=str)
        after = dict(zip(names, [*names[1:], names[0]], strict=True)) if names else {}
        y[at] = [after[v] for v in y[at]]
        column = pa.array(y.tolist(), type=arrow[target].type)
    moved = pair.b.derive(arrow.set_column(arrow.schema.get_field_index(target), target, column))
    return Planted(with_second(subject, pair, moved), (target,), dose, Rows.at(at))
