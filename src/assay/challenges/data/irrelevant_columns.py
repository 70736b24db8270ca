"""Most columns have nothing to say about the target.

What it is
    A table in which most columns are noise for the question that is asked. One or two are no fault: learners leave
    them aside. The fault is that they are the most.

Why it matters
    With every column that says nothing, the chance grows that one of them fits the training rows by accident and is
    taken for a column that says something. Weights spread, more rows are needed, and each column must be collected.

How it is measured
    Columns with no sign of relevance are searched on one half of the rows: neither does the column alone tell the
    target (chi-square over eighths or levels, more than a shuffled copy of it would in one case of a hundred), nor does
    shuffling it make a small booster worse on rows apart (for up to 100 columns). The other half decides, for all of
    them at once: a booster of all columns must explain less than a tenth more than a booster without them, and a
    booster of them alone less than a tenth of that too. Both are tests of equivalence (non-inferiority): what is
    claimed is that the columns say little, never that nothing was seen. The claim is that more than half of the
    columns are such.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> columns = {f"c{i}": rng.normal(size=1500) for i in range(12)}
    >>> table = pa.table(columns | {"y": np.where(columns["c0"] + columns["c1"] > 0, "a", "b")})
    >>> assay.check(table, target="y")["D12"].verdict
    'found'

Remedy
    Unsafe: drop them on trial; the trial says what that gains or costs.

Known false alarms
    Columns that matter only for another question, or only in rare rows; a rare class that one of them settles. Where
    nothing explains the target, nothing is claimed here: then it is the table that is unrelated.

Sources
    Kursa and Rudnicki, "Feature selection with the Boruta package", Journal of Statistical Software 36 (2010), for
    shadows; Breiman, Machine Learning 45 (2001), for the loss after shuffling; Schuirmann, Journal of
    Pharmacokinetics and Biopharmaceutics 15 (1987), for tests of equivalence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import NotApplicable
from assay.core.finding import Finding
from assay.core.remedy import Op, Remedy
from assay.core.subject import Planted, Subject
from assay.core.table import F64, I64, Sample
from assay.core.words import listed, percent
from assay.learn.encoded import encoded
from assay.learn.encoder import encode
from assay.learn.forms import EncoderSpec
from assay.learn.learners import Config, Data, Predictor, quick, train
from assay.learn.scoring import loss
from assay.learn.target import Labels
from assay.probes.halves import parts_of
from assay.probes.out_of_fold import keys
from assay.stats.means import mean_above

CHALLENGE = Challenge(
    code="D12",
    name="irrelevant-columns",
    title="most columns have nothing to say",
    stage="data",
    needs=("target", "feature"),
    category="costs",
    scope="association",
    promise=Dose(0.9, 3000, "nine columns of ten are noise"),
    materiality=(
        Threshold("columns", 0.5, "share of columns", "a learner that picks one blindly then picks noise rather"),
        Threshold("little", 0.1, "share of what the others explain", "half of the columns should add more than that"),
    ),
    proof="gain",
    safety="unsafe",
    refits=True,
)  # fmt: skip
MOST_ROWS = 12_000
FEWEST_ROWS, FEWEST_COLUMNS = 200, 8
ROUNDS, DOUBT = 40, 0.02
# trees of six leaves: on few rows larger ones fit noise, and then nothing can be told of any column
SMALL = Config("small", "lightgbm", {"learning_rate": 0.1, "num_leaves": 6, "min_data_in_leaf": 20})
BINS, SIGN = 8, 0.01
MOST_SHUFFLED, MOST_SHUFFLED_ROWS = (
    100,
    1_500,
)  # columns that are shuffled one by one in the search, and on how many rows
PLANTED = "planted noise"


@dataclass(frozen=True)
class Bench:
    """Encoded rows: (n, features) with the columns that each feature comes from; ``part`` 0 and 1 search, 2 claims."""

    X: np.ndarray
    y: F64
    labels: Labels
    spec: EncoderSpec
    columns: tuple[str, ...]
    of: I64  # the column of each feature
    part: I64
    seed: int

    def model(self, rows: I64, columns: Sequence[int] | None) -> Predictor:
        X, categorical = self.X[rows], self.spec.categorical
        if columns is not None:
            use = np.flatnonzero(np.isin(self.of, columns))
            X, categorical = X[:, use], tuple(int(np.flatnonzero(use == c)[0]) for c in categorical if c in use)
        task, y = self.labels.task, self.y[rows]
        k = 1 if task == "regression" else len(self.labels.classes)
        if not X.shape[1] or bool(np.all(y == y[0])):
            return quick(X, y, task, outputs=k)
        data = Data(np.ascontiguousarray(X, np.float32), y, task, k, categorical)
        return train(SMALL, data, seed=self.seed, rounds=ROUNDS)

    def loss(self, model: Predictor, X: np.ndarray, train: I64, rows: I64) -> F64:
        """Loss a row; classes with a little of the prior mixed in, so that one sure error cannot outweigh all rows."""
        output = model.predict(X)
        if self.labels.task != "regression":
            output = (1 - DOUBT) * output + DOUBT * self.shares(train)
        return loss(output, self.y[rows], self.labels.task)

    def gain(self, train: I64, rows: I64, columns: Sequence[int] | None) -> F64:
        """What a booster of these columns (None: all) explains, a row: loss of the prior less its loss."""
        if columns is not None and not len(columns):
            return np.zeros(len(rows))
        use = slice(None) if columns is None else np.flatnonzero(np.isin(self.of, columns))
        model = self.model(train, columns)
        return self.prior(train, rows) - self.loss(model, self.X[rows][:, use], train, rows)

    def prior(self, train: I64, rows: I64) -> F64:
        """Loss of the class shares, or the mean, of the training rows."""
        if self.labels.task == "regression":
            return np.asarray((self.y[rows] - self.y[train].mean()) ** 2, np.float64)
        return np.asarray(-np.log(self.shares(train)[self.y[rows].astype(int)]), np.float64)

    def shares(self, train: I64) -> F64:
        k = len(self.labels.classes)
        return np.asarray((np.bincount(self.y[train].astype(int), minlength=k) + 1) / (len(train) + k), np.float64)


def measure(
    subject: Subject, rows: Sample, labels: Labels, honest: tuple[str, ...], options: Options
) -> Iterator[Claim]:
    bench = prepared(subject, rows, labels, honest)
    search, claim = np.flatnonzero(bench.part < 2), np.flatnonzero(bench.part == 2)
    heard = speaking(bench, search, subject.rng("D12", "shuffle"))
    gained = bench.gain(search, claim, sorted(heard))
    if mean_above(gained, 0.0) > SIGN:
        raise NotApplicable("no column says anything about the target that a small model could find")
    silent = [k for k in range(len(bench.columns)) if k not in heard]
    share, m = len(silent) / len(bench.columns), options["columns"]
    p, cost, own = 1.0, np.nan, np.nan
    if share > m:
        p, cost, own = little(bench, silent, search, claim, gained, options["little"])
    names = [bench.columns[k] for k in silent]
    n = len(claim)
    says = (
        f"{len(names)} of {len(bench.columns)} columns say hardly anything about {subject.roles.named('target')[0]}: "
        f"what the others explain grows by {percent(max(0.0, cost))} with them: {listed(names, 3)}"
        if share > m
        else f"{len(names)} of {len(bench.columns)} columns show no sign of relevance"
    )

    def bound(alpha: float) -> tuple[float, float]:
        return (share if p <= alpha / 2 else 0.0, max(share, m if share <= m else share))

    yield Claim(
        About(tuple(names)) if share > m else About(), Effect(share, "share of columns", m, bound), "test", says, n,
        p=p, impact=Impact("costs", why_unmeasured="the remedy's trial measures what dropping them gains"),
        evidence={"silent": names, "of": len(bench.columns), "cost": none(cost), "alone": none(own)},
    )  # fmt: skip


def none(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None


def prepared(subject: Subject, rows: Sample, labels: Labels, honest: Sequence[str]) -> Bench:
    known = np.flatnonzero(labels.known)[:MOST_ROWS]
    if len(known) < FEWEST_ROWS or len(np.unique(labels.y[known])) < 2:
        raise NotApplicable(f"fewer than {FEWEST_ROWS} rows with a known target, or one class")
    rows, labels = rows.take(known), labels.take(known)
    half = parts_of(keys(subject, rows), 2, salt=5)
    part = np.where(half == 1, 2, parts_of(keys(subject, rows), 2, salt=6))
    fit = np.flatnonzero(part == 0)
    if min(np.bincount(part, minlength=3)) < FEWEST_ROWS // 8:
        raise NotApplicable("too few rows, or groups, to search on one half and claim on the other")
    order = subject.roles.order.column if subject.roles.order else None
    spec, data = encoded(rows, honest, labels, fit, order=order)
    columns = tuple(sorted({f.column for f in spec.features}))
    if len(columns) < FEWEST_COLUMNS:
        raise NotApplicable(f"fewer than {FEWEST_COLUMNS} columns that can feed a learner")
    X = np.array(encode(spec, rows))
    X[fit] = data.X
    of = np.array([columns.index(f.column) for f in spec.features])
    seed = int(subject.rng("D12", "fit").integers(2**31))
    return Bench(X, labels.y, labels, spec, columns, of, part, seed)


def speaking(bench: Bench, search: I64, rng: np.random.Generator) -> set[int]:
    """Columns with a sign of relevance on the search rows: alone, or in what shuffling them costs a booster."""
    out = set()
    y = classes_of(bench.y[search], bench.labels)
    for j, k in enumerate(bench.of):
        if j in bench.spec.categorical:
            codes = np.nan_to_num(bench.X[search, j], nan=-1.0).astype(int) + 1
        else:
            codes = binned(bench.X[search, j])
        if tells(codes, y) <= SIGN:
            out.add(int(k))
    if len(bench.columns) > MOST_SHUFFLED:
        return out
    fit = np.flatnonzero(bench.part == 0)
    whole = bench.model(fit, None)
    apart = np.flatnonzero(bench.part == 1)[:MOST_SHUFFLED_ROWS]
    before = bench.loss(whole, bench.X[apart], fit, apart)
    for k in range(len(bench.columns)):
        if k not in out:
            moved = shuffled(bench, apart, [k], rng)
            change = bench.loss(whole, moved, fit, apart) - before
            if change.any() and mean_above(change, 0.0) <= SIGN:
                out.add(k)
    return out


def classes_of(y: F64, labels: Labels) -> I64:
    """Classes as they are; a number by its eighths."""
    return binned(y) if labels.task == "regression" else y.astype(np.int64)


def binned(x: np.ndarray) -> I64:
    """Eighths of the finite values, 0 for missing. A value that is an edge has a bin of its own: in a column that is
    zero in most rows, what is above zero is then told from it."""
    fine = np.isfinite(x)
    if not fine.any():
        return np.zeros(len(x), np.int64)
    edges = np.unique(np.quantile(x[fine], np.linspace(0, 1, BINS + 1)[1:-1]))
    place = np.searchsorted(edges, x, side="left") + np.searchsorted(edges, x, side="right")
    return np.where(fine, place + 1, 0).astype(np.int64)


def tells(codes: I64, y: I64) -> float:
    """p of the chi-square test of independence (Pearson 1900)."""
    from scipy.special import chdtrc

    levels, classes = int(codes.max(initial=0)) + 1, int(y.max(initial=0)) + 1
    seen = np.bincount(codes * classes + y, minlength=levels * classes).reshape(levels, classes).astype(np.float64)
    seen = seen[seen.sum(1) > 0][:, seen.sum(0) > 0]
    if min(seen.shape) < 2:
        return 1.0
    expected = seen.sum(1, keepdims=True) * seen.sum(0) / seen.sum()
    return float(chdtrc((seen.shape[0] - 1) * (seen.shape[1] - 1), ((seen - expected) ** 2 / expected).sum()))


def shuffled(bench: Bench, rows: I64, columns: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """The rows with all features of these columns taken from other rows, the same ones for all."""
    X = bench.X[rows]
    use = np.isin(bench.of, columns)
    X[:, use] = X[rng.permutation(len(rows))][:, use]
    return X


def little(
    bench: Bench, silent: Sequence[int], search: I64, claim: I64, gained: F64, share: float
) -> tuple[float, float, float]:
    """p against H0 that the silent columns matter, and two shares of what the others explain: what all explain beyond
    them, and what the silent ones explain alone.

    The larger of two p-values, since both have to be refuted.
    """
    more = bench.gain(search, claim, None) - gained
    own = bench.gain(search, claim, silent)
    p = max(mean_above(share * gained - part, 0.0) for part in (more, own))
    total = float(gained.mean())
    return p, float(more.mean()) / total, float(own.mean()) / total


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    kept = {c for r in ("order", "group", "protected", "site") for c in subject.roles.named(r)}
    columns = tuple(c for c in finding.columns if c not in kept and c != subject.roles.asked_at)
    if not columns:
        return None
    says = f"drop {len(columns)} columns that say hardly anything"
    return Remedy("columns", "unsafe", "gain", says, (Op("drop_column", columns),))


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Add columns of noise until they are a share ``dose`` of all features: half numbers, half words."""
    import pyarrow as pa

    arrow, n = subject.table.arrow(), subject.table.n_rows
    have = len(subject.features)
    many = min(400, round(dose * have / max(1e-9, 1 - dose)))
    names = []
    for k in range(many):
        names.append(f"{PLANTED} {k}")
        made = rng.normal(size=n) if k % 2 == 0 else rng.choice(np.array(["a", "b", "c", "d"]), n)
        arrow = arrow.append_column(names[-1], pa.array(made))
    share = many / max(1, have + many)
    return Planted(subject.with_table(subject.table.derive(arrow)), tuple(names), share)
