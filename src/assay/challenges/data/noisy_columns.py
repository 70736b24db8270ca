"""Columns that measure with much noise, by their own repeats.

What it is
    Two columns that measure one thing twice (twin sensors, two raters, a test and its repeat) and differ by chance, or
    rows that repeat a measurement of the same thing and give another number.

Why it matters
    Noise in a feature pulls every relation towards nothing: of a variance with a share s of noise only 1 - s can be
    told apart, and slopes shrink by as much. No model gets back what the sensor did not see; averaging repeats does.

How it is measured
    *Twins*: two numbers are taken for twins if their names are equal up to a mark of repetition (``_1``, ``.2``, a
    letter, ``rep``, ``repeat``, ``again``, ``retest``), their means and spreads are alike, they correlate by more than
    one half, and their difference tells nothing: it correlates with no other number and with the target in no way that
    chance would not explain. Then what both show is signal (their covariance), and the rest of a column's variance is
    noise. *Repeats*: rows of one group or id that agree in all else but numbers, thirty such sets at least; what
    varies within a set is noise, if at least half of the variance lies between sets, for otherwise the sets are not
    repeats of anything.
    Of repeats in a group or id that the user named, the claim is a test that the share of noise exceeds a tenth, with
    an interval from the spread of the sets' own contributions. That two columns are twins is read off their names and
    numbers and stays a reading, "look like", whatever the numbers say: it is made where the same test passes at one in
    a hundred. Names that differ in a year (re74, re75) say when, not again; and a series is no twin of its own past.
    The other half of the finding, the cost, is how much closer the mean of the twins correlates with the target.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> heat = rng.normal(20, 4, 800)
    >>> columns = {f"temp_{k}": heat + rng.normal(0, 2.5, 800) for k in (1, 2)}
    >>> table = pa.table(columns | {"y": np.where(heat + rng.normal(0, 3, 800) > 20, "hot", "cold")})
    >>> assay.check(table, target="y")["D19"].verdict
    'found'

Remedy
    Average the repeats, or measure again: no recorded value is wrong, so there is nothing to drop or to rewrite.

Known false alarms
    Twins by name that measure at two moments or places, where the difference is real but has no bearing on any other
    column here. Twins whose errors go together (one power supply) look better than they are. Repeats of things that
    differ by orders of magnitude (incomes, not their logarithms): a few sets make the variance, and of a hundred sets
    of log-normal numbers with exactly a tenth of noise one table in six is called noisier.

Sources
    Spearman, "The proof and measurement of association between two things", American Journal of Psychology 15 (1904),
    for attenuation; Fuller, "Measurement Error Models" (1987); Bollen and Ting, Psychological Methods 5 (2000), for
    tetrads that vanish; Shrout and Fleiss, Psychological Bulletin 86 (1979), for repeats within sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import NotApplicable
from assay.core.subject import Planted, Subject
from assay.core.table import F64, I64, NUMERIC, Sample
from assay.core.words import percent
from assay.learn.target import labels as labels_of
from assay.stats.correlations import correlation, correlation_above
from assay.stats.ratios import ratio_above, ratio_interval

CHALLENGE = Challenge(
    code="D19",
    name="noisy-columns",
    title="columns that measure with much noise",
    stage="data",
    needs=("two-rows", "feature"),
    category="costs",
    scope="association",
    promise=Dose(0.3, 1000, "three tenths of the variance of a repeated column are noise"),
    materiality=(
        Threshold("noise", 0.1, "share of variance", "slopes shrink by a tenth, which shows in any report"),
        Threshold("alike", 0.5, "correlation", "below, less than half is shared and nothing says that it is one thing"),
    ),
)
FEWEST_ROWS, FEWEST_SETS = 100, 30
MOST_ROWS, MOST_TWINS = 20_000, 30
# p, over all columns asked, and correlation from which the difference of two columns tells something
TELLS, SLIGHT = 0.001, 0.05
SURE, LAGGED = 0.01, 0.9  # p from which noise between twins is no chance; rows that repeat the row before
UNIT = "share of variance"
MEANS, SPREADS = 0.5, 2.0  # twins: means within half a spread, spreads within a factor of two
MARK = re.compile(
    r"^(?P<stem>.*?[^\W\d_].*?)[\W_]*(?:(?:rep|repeat|again|retest|dup|copy|bis|measure|sensor|rater)?[\W_]*(?<!\d)[1-9]|(?<=[\W_])[a-d]|"
    r"(?:rep|repeat|again|retest|dup|copy|bis))$",
    re.IGNORECASE,
)
PLANTED = "repeat"


@dataclass(frozen=True, slots=True)
class Noise:
    """Contributions (n,), one a row or a set, whose mean over the mean of ``scale`` (n,) is the share of noise."""

    part: F64
    scale: F64

    @property
    def share(self) -> float:
        return float(self.part.mean() / self.scale.mean())

    def above(self, m: float) -> float:
        return ratio_above(*self.with_unmet(m), m)

    def bound(self, alpha: float) -> tuple[float, float]:
        """Fieller's interval of a ratio of means, kept within 0 and 1."""
        low = ratio_interval(*self.with_unmet(self.share), alpha)[0]
        return max(0.0, low), min(1.0, ratio_interval(self.part, self.scale, alpha)[1])

    def with_unmet(self, m: float) -> tuple[F64, F64]:
        """The set that speaks most against a share above m counts twice: the few sets that lie far out make most of a
        variance, and the chance that the next lies farther than all of these is one in n + 1."""
        at = np.append(np.arange(len(self.part)), np.argmin(self.part - m * self.scale))
        return self.part[at], self.scale[at]


def measure(subject: Subject, rows: Sample, options: Options) -> Iterator[Claim]:
    small = rows.take(np.arange(min(rows.n, MOST_ROWS)))
    kinds = {c.name: c.kind for c in small.columns}
    names = [c for c in subject.features if kinds.get(c) == "number" and c not in subject.roles.named("order")]
    names = [c for c in names if np.isfinite(small.numbers(c)).sum() >= FEWEST_ROWS]
    made = [*twins(subject, small, names, options), *repeats(subject, small, names, options)]
    if not made:
        raise NotApplicable("no twin columns and no repeated measurements that could show the noise")
    yield from made


def twins(subject: Subject, rows: Sample, names: Sequence[str], options: Options) -> Iterator[Claim]:
    m = options["noise"]
    for a, b in pairs(names)[:MOST_TWINS]:
        x, y = rows.numbers(a), rows.numbers(b)
        fine = np.isfinite(x) & np.isfinite(y)
        if not like(x[fine], y[fine], options["alike"]) or telling(subject, rows, names, a, b) or lagged(rows, x, y):
            continue
        x, y = x[fine] - x[fine].mean(), y[fine] - y[fine].mean()
        cost = gain(subject, rows, a, b)
        for name, own in ((a, x), (b, y)):
            noise = Noise(own**2 - x * y, own**2)
            share = min(1.0, max(0.0, noise.share))
            says = f"{a} and {b} look like twins; {percent(share)} of the variance of {name} is noise{cost}"
            yield reading(name, noise, m, says, int(fine.sum()), [a, b])


def claim(name: str, noise: Noise, m: float, says: str, n: int, evidence: dict[str, object]) -> Claim:
    effect = Effect(min(1.0, max(0.0, noise.share)), UNIT, m, noise.bound)
    impact = Impact("costs", why_unmeasured="what the noise costs a model is known only once it is averaged out")
    return Claim(About((name,)), effect, "test", says, n, p=noise.above(m), impact=impact, evidence=evidence)


def reading(name: str, noise: Noise, m: float, says: str, n: int, pair: list[str]) -> Claim:
    """Of twins by name: at most what is immaterial, where chance may have done the rest."""
    share = min(1.0, max(0.0, noise.share))
    effect = Effect(share if noise.above(m) <= SURE else min(m, share), UNIT, m, noise.bound)
    impact = Impact("costs", why_unmeasured="what the noise costs a model is known only once it is averaged out")
    evidence = {"kind": "twins", "twins": pair, "share": share}
    return Claim(About((name,)), effect, "heuristic", says, n, impact=impact, evidence=evidence)


def lagged(rows: Sample, x: F64, y: F64) -> bool:
    """One of the two is the other of the row before: a series and its past, which differ by more than chance."""
    line = np.argsort(rows.position, kind="stable")
    next_to = np.diff(rows.position[line]) == 1
    for old, new in ((x, y), (y, x)):
        known = next_to & np.isfinite(old[line][:-1]) & np.isfinite(new[line][1:])
        if known.sum() >= FEWEST_SETS and (old[line][:-1] == new[line][1:])[known].mean() > LAGGED:
            return True
    return False


def pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of names that are equal up to a mark of repetition, one of them perhaps without the mark."""
    stems: dict[str, list[str]] = {}
    for name in sorted(names):
        stems.setdefault(stem(name), []).append(name)
    return [pair for own in stems.values() if 2 <= len(own) <= 4 for pair in combinations(own, 2)]


def stem(name: str) -> str:
    found = MARK.match(name.strip())
    return re.sub(r"[\W_]+", " ", found["stem"] if found else name).strip().casefold()


def like(x: F64, y: F64, least: float) -> bool:
    """Alike in mean, spread and course."""
    if len(x) < FEWEST_ROWS:
        return False
    sx, sy = float(np.std(x)), float(np.std(y))
    if not (0 < sx < np.inf and 0 < sy < np.inf) or not 1 / SPREADS <= sx / sy <= SPREADS:
        return False
    if abs(float(x.mean() - y.mean())) > MEANS * max(sx, sy) or np.array_equal(x, y):
        return False
    return correlation_above(x, y, least) <= 0.05


def telling(subject: Subject, rows: Sample, names: Sequence[str], a: str, b: str) -> bool:
    """Whether the difference of the two tells anything about another number or the target: noise would not."""
    gap = rows.numbers(a) - rows.numbers(b)
    others = [rows.numbers(c) for c in names if c not in (a, b) and stem(c) != stem(a)]
    if subject.roles.target is not None:
        truth = labels_of(rows, subject.roles)
        y = np.where(truth.known, truth.y, np.nan)
        ks = range(len(truth.classes)) if truth.task != "regression" else ()
        others += [np.where(np.isfinite(y), (y == k).astype(float), np.nan) for k in ks] or [y]
    for v in others:
        r = correlation(gap, v)
        if abs(r) > SLIGHT and 2 * len(others) * correlation_above(gap, v if r > 0 else -v, 0.0) <= TELLS:
            return True
    return False


def gain(subject: Subject, rows: Sample, a: str, b: str) -> str:
    """How much closer the mean of the two goes with a target of two classes or numbers, as words."""
    if subject.roles.target is None or subject.roles.task == "multiclass":
        return ""
    truth = labels_of(rows, subject.roles)
    y = np.where(truth.known, truth.y, np.nan)
    x = [rows.numbers(a), rows.numbers(b)]
    one, both = max(abs(correlation(v, y)) for v in x), abs(correlation((x[0] + x[1]) / 2, y))
    if both <= one:
        return ""
    target = subject.roles.named("target")[0]
    return f"; their mean goes with {target} by {both:.3f}, the better one by {one:.3f}"


def repeats(subject: Subject, rows: Sample, names: Sequence[str], options: Options) -> Iterator[Claim]:
    """Rows of one group (or repeated id) that agree in everything but numbers."""
    m = options["noise"]
    by = [r.columns[0] for r in (subject.roles.group, subject.roles.id) if r is not None and r.source == "user"]
    if not by or not names:
        return
    unit = sets(subject, rows, by[0], names)
    size = np.bincount(unit, minlength=1)
    if (size >= 2).sum() < FEWEST_SETS:
        return
    for name in names:
        x = rows.numbers(name)
        noise = within(x, unit)
        if noise is None or noise.share <= 0 or noise.bound(0.1)[1] > 1 - options["alike"]:
            continue
        says = (
            f"{name} varies between rows of one {by[0]} that agree in all else: "
            f"{percent(noise.share)} of its variance looks like noise"
        )
        yield claim(name, noise, m, says, len(noise.part), {"kind": "repeats", "by": by[0], "sets": len(noise.part)})


def sets(subject: Subject, rows: Sample, by: str, names: Sequence[str]) -> I64:
    """The set of each row: equal in the group and in all columns that are no measured numbers."""
    codes, _ = rows.codes(by)
    unit = np.where(codes < 0, len(codes) + np.arange(len(codes)), codes).astype(np.int64)
    skip = {*names, by, *subject.roles.named("id"), *subject.roles.named("split")}
    for column in rows.columns:
        if column.name not in skip:
            numeric = column.kind in NUMERIC
            own = rows.numbers(column.name) if numeric else rows.codes(column.name)[0]
            code = np.unique(own, return_inverse=True)[1].ravel()
            unit = np.unique(unit * (int(code.max(initial=0)) + 1) + code, return_inverse=True)[1].ravel()
    return np.unique(unit, return_inverse=True)[1].ravel()


def within(x: F64, unit: I64) -> Noise | None:
    """Each set's variance within, beside the variance of all its rows about the mean of all sets' rows."""
    fine = np.isfinite(x)
    x, unit = x[fine], np.unique(unit[fine], return_inverse=True)[1].ravel()
    size = np.bincount(unit)
    many = size[unit] >= 2
    x, unit = x[many], np.unique(unit[many], return_inverse=True)[1].ravel()
    size = np.bincount(unit)
    if len(size) < FEWEST_SETS or not np.std(x) > 0 or not np.isfinite(np.std(x)):
        return None
    middle = np.bincount(unit, x) / size
    inside = np.bincount(unit, (x - middle[unit]) ** 2) / (size - 1)
    between = (middle - x.mean()) ** 2 * len(size) / (len(size) - 1)  # the mean of all was fitted to these sets
    return Noise(inside, inside + between - inside / size)


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Measure the number with the most values again, with so much noise that it is a share ``dose`` of the variance."""
    import pyarrow as pa

    arrow, n = subject.table.arrow(), subject.table.n_rows
    kinds = {c.name: c.kind for c in subject.table.columns}
    names = sorted(c for c in subject.features if kinds[c] == "number")
    if not names:
        return Planted(subject, (), 0.0)
    origin = max(names, key=lambda c: len(arrow[c].unique()))
    x = np.asarray(arrow[origin].to_numpy(zero_copy_only=False), np.float64)
    spread = float(np.nanstd(x)) if n else 0.0
    made = x + rng.normal(0.0, 1.0, n) * spread * np.sqrt(dose / max(1e-9, 1 - dose))
    name = f"{origin} {PLANTED}"
    table = arrow.append_column(name, pa.array(made, from_pandas=True))
    return Planted(subject.with_table(subject.table.derive(table)), (name,), dose)
