"""Where a row comes from can be told from its features, and moves the label.

What it is
    Rows come from several sites, devices or annotators. The features carry a mark of where they come from (a unit, a
    default, a habit of leaving things out), and the label is not spread evenly over the places.

Why it matters
    A model then learns the place in place of the matter. It scores well where all places are mixed, and fails at a new
    one.

How it is measured
    Two questions for each site against the rest, on the shared sample. *Told*: a small booster, in two folds that
    keep equal rows together, names the site of rows that it never saw; tables of joint total variation d cannot be
    told apart better than an AUC of 1/2 + d - d^2/2, so that an AUC proves a difference of at least
    d = 1 - sqrt(2 - 2 AUC). *Moved*: the label's own difference, in the same unit: total variation of the class
    shares, or the largest gap between the distribution functions of a number. The effect is the smaller of the two,
    and both must exceed a tenth: the p-value is the larger, times the number of sites. One finding names all sites for
    which that is below .01. Sites with fewer than 30 rows are left to the rest.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> site = np.repeat(["a", "b"], 500)
    >>> ill = rng.random(1000) < np.where(site == "a", 0.2, 0.7)
    >>> x = rng.normal(size=1000) + 2 * (site == "a")
    >>> table = pa.table({"x": x, "site": site, "y": np.where(ill, "ill", "well")})
    >>> assay.check(table, target="y", roles={"site": "site"})["S06"].verdict
    'found'

Remedy
    Split by site: train at some places and test at the others, so that the score is that of a new place. Then look for
    the columns that give the place away.

Known false alarms
    Places that see other cases by right (a ward for the gravely ill): the mark is then real, and still will not travel.

Sources
    Zech et al., "Variable generalization performance of a deep learning model to detect pneumonia in chest
    radiographs", PLOS Medicine 15 (2018); Leek et al., "Tackling the widespread and critical impact of batch effects",
    Nature Reviews Genetics 11 (2010); Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR (2017).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.rows import Rows
from assay.core.subject import Planted, Subject
from assay.core.table import F64, I64, Mask, Sample
from assay.core.words import listed
from assay.learn.encoded import encoded
from assay.learn.encoder import encode
from assay.learn.learners import quick
from assay.learn.splits import together
from assay.learn.target import Labels
from assay.probes.forward import rounds
from assay.probes.halves import parts_of
from assay.stats.auc import auc, auc_above, auc_interval
from assay.stats.distances import ks, ks_above, ks_interval, tv, tv_or_bin_above, tv_or_bin_interval

CHALLENGE = Challenge(
    code="S06",
    name="batch-effects",
    title="where a row comes from shows in its features and moves the label",
    stage="data",
    needs=("target", "site", "feature"),
    category="inflates",
    scope="association",
    promise=Dose(0.5, 2_000, "half of one site's rows carry its mark, and as many its class"),
    materiality=(
        Threshold("both", 0.1, "share of rows", "a tenth of a site's rows would have to change, in features and in "
                  "label, for the site not to matter"),
    ),
    proof="honesty",
    safety="safe",
)  # fmt: skip
MOST_SITES, LEAST, MOST_ROWS, FOLDS, SLIGHT = 20, 30, 12_000, 2, 0.01
Bound = Callable[[float], tuple[float, float]]


@dataclass(frozen=True)
class Mark:
    """One site against the rest: how far it is told from features, how far its label is moved."""

    site: str
    area: float
    told: float
    moved: float
    p: float
    bound: Bound

    @property
    def size(self) -> float:
        return min(self.told, self.moved)


def measure(
    subject: Subject, rows: Sample, labels: Labels, honest: tuple[str, ...], options: Options
) -> Iterator[Claim]:
    column = subject.roles.named("site")[0]
    codes, names = rows.codes(column)
    index = np.flatnonzero(labels.known & (codes >= 0))[:MOST_ROWS]
    counts = np.bincount(codes[index], minlength=len(names))
    sites = [i for i in range(len(names)) if LEAST <= counts[i] <= len(index) - LEAST]
    features = tuple(c for c in honest if c != column and c in rows.names)
    if not features or not sites or len(sites) > MOST_SITES:
        return
    own = np.searchsorted(sites, codes[index])
    own = np.where(np.isin(codes[index], sites), own, len(sites))
    output = told_apart(subject, rows, index, own.astype(np.float64), features, len(sites) + 1)
    limit = options["both"]
    marks = [mark(subject, names[s], own == i, output[:, i], labels, index, limit) for i, s in enumerate(sites)]
    yield claim(column, marks, len(index), limit)


def told_apart(
    subject: Subject, rows: Sample, index: I64, own: F64, features: tuple[str, ...], sites: int
) -> F64:  # fmt: skip
    """Probability of each site for every row, by a model that never saw it."""
    y = np.full(rows.n, np.nan)
    y[index] = own
    made = Labels("multiclass", y, tuple(map(str, range(sites))), np.isfinite(y))
    fold = parts_of(together(rows)[index], FOLDS, salt=6)
    output = np.zeros((len(index), sites))
    for k in range(FOLDS):
        train, test = index[fold != k], index[fold == k]
        if not len(train) or not len(test):
            continue
        spec, data = encoded(rows, features, made, train)
        if not spec.features:
            continue
        seed = int(subject.rng("S06", f"fold {k}").integers(2**31))
        turns = max(10, rounds(len(spec.features)) * 2 // max(2, sites))
        model = quick(data.X, data.y, "multiclass", spec.categorical, turns, seed, outputs=sites)
        output[fold == k] = model.predict(encode(spec, rows.take(test)))
    return output


def mark(subject: Subject, site: str, here: Mask, score: F64, labels: Labels, index: I64, limit: float) -> Mark:
    truth, y = here.astype(np.float64), labels.y[index]

    def rng() -> np.random.Generator:
        return subject.rng("S06", f"label {site}")  # anew for test and interval: the same halves for both

    if labels.task == "regression":
        a, b = y[here], y[~here]
        moved, p_moved = ks(a, b), ks_above(a, b, limit, rng())
    else:
        ha, hb = (np.bincount(y[m].astype(np.int64), minlength=len(labels.classes)) for m in (here, ~here))
        used = (ha + hb) > 0
        ha, hb = ha[used], hb[used]
        moved, p_moved = tv(ha, hb), tv_or_bin_above(ha, hb, limit, rng())

    def bound(alpha: float) -> tuple[float, float]:
        known = auc_interval(truth, score, alpha)
        lab = (
            ks_interval(a, b, alpha, rng()) if labels.task == "regression" else tv_or_bin_interval(ha, hb, alpha, rng())
        )
        return min(proved(known[0]), lab[0]), min(proved(known[1]), lab[1])

    area = auc(truth, score)
    p_told = auc_above(truth, score, 0.5 + limit - limit**2 / 2)
    return Mark(site, area, proved(area), moved, max(p_told, p_moved), bound)


def proved(area: float) -> float:
    """The least total variation of two tables that can be told apart with this AUC."""
    return float(1 - np.sqrt(1 - min(1.0, max(0.0, 2 * area - 1))))


def claim(column: str, marks: list[Mark], n: int, limit: float) -> Claim:
    count = len(marks)
    sure = sorted((m for m in marks if count * m.p <= SLIGHT), key=lambda m: (-m.size, m.site))
    first = sure[0] if sure else min(marks, key=lambda m: (m.p, -m.size, m.site))

    def bound(alpha: float) -> tuple[float, float]:
        return first.bound(alpha / count)[0], max(m.bound(alpha / count)[1] for m in marks)

    says = f"{column} {first.site} is told from the rest by its features (AUC {first.area:.2f}), and "
    says += f"{100 * first.moved:.0f} % of its labels would have to change to be like theirs"
    if len(sure) > 1:
        says += f"; so for {listed([m.site for m in sure[1:]], 3)}"
    shown = marks[:40]
    return Claim(
        About((column,)), Effect(first.size, "share of rows", limit, bound), "test", says, n,
        p=min(1.0, count * max((m.p for m in sure), default=first.p)), family="challenge",
        impact=Impact("inflates", why_unmeasured="needs a split by site"),
        evidence={
            "sites": {m.site: {"auc": m.area, "told": m.told, "label_moved": m.moved} for m in shown},
            "chart": {"kind": "bars", "title": f"How well the features name the {column}", "x": [m.site for m in shown],
                      "y": [m.area for m in shown], "x_title": column, "y_title": "AUC against the rest"},
        },
    )  # fmt: skip


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    column = subject.roles.named("site")[0]
    says = f"split by {column}: train at some places and test at the others"
    return Remedy("split", "safe", "honesty", says, options={"split": "group", "group": column})


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """In a share ``dose`` of one site's rows write a mark of their own, and in as many of them, drawn apart, the rarest
    class (or the largest value).

    The mark is a number that no other row has in one number column. Written into the same rows as the class it would
    tell the outcome itself: then it is a leak, and no longer what this challenge is about.
    """
    import pyarrow as pa

    arrow = subject.table.arrow()
    column, target = subject.roles.named("site")[0], subject.roles.named("target")[0]
    site = np.array([str(v) for v in arrow[column].to_pylist()])
    names = np.unique(site[site != "None"])
    numbers = [c for c in subject.features if subject.table.column(c).kind == "number"]
    if len(names) < 2 or not numbers:
        raise InputError("a batch effect is planted where there are two sites and a number column; here are fewer")
    chosen = names[int(rng.integers(len(names)))]
    members = np.flatnonzero(site == chosen)
    at = np.sort(rng.permutation(members)[: round(dose * len(members))])
    name = numbers[int(rng.integers(len(numbers)))]
    values = np.array(arrow[name].cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
    values[at] = np.nanmax(values) + 1.5
    of_class = rng.permutation(members)[: len(at)]
    y = np.array(arrow[target].to_pylist(), dtype=object)
    if subject.roles.task == "regression":
        value = max(v for v in y if v is not None)
        before = 0.0
    else:
        classes, seen = np.unique([str(v) for v in y if v is not None], return_counts=True)
        value = next(v for v in y if str(v) == classes[int(np.argmin(seen))])
        before = float(seen.min() / seen.sum())
    y[of_class] = value
    arrow = arrow.set_column(arrow.schema.get_field_index(name), name, pa.array(values, from_pandas=True))
    arrow = arrow.set_column(
        arrow.schema.get_field_index(target), target, pa.array(y.tolist(), type=arrow[target].type)
    )
    share = len(at) / max(1, len(members))
    made = replace(subject, table=subject.table.derive(arrow))
    return Planted(made, (column,), share * (1 - before), Rows.at(np.union1d(at, of_class)))
