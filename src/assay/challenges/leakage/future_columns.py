"""Columns that are known only after the outcome.

What it is
    A column that is written once the outcome is there, or because of it: a date of the event, the length of a call
    that is to be predicted, a reason code that only one class has, a measurement taken afterwards.

Why it matters
    When the question is asked the column is empty, or not yet what it will be. A model that leans on it has a fine
    score in every test, since tests are made of finished cases, and fails on the first open one.

How it is measured
    No statistic sees the clock of a column, so several signs are read, and what is claimed depends on which:
    exact - its holes are those of a proven leak (K01, K03) or of the target itself, over all rows (equal fingerprints
    of the null mask), in at least 20 rows and not in half of all columns; or the user says so (``--unknown``).
    test - it is filled at least nine times as often in one class as in the rest: with fill shares f1 and f0, f1 / (f1
    + f0) > 0.9, by an exact binomial test given how many rows are filled, times the classes it was chosen from.
    heuristic, worded ASK - two of: empty in 20 rows or more and only where the outcome is unknown; dated after the
    moment of the question (``--asked-at``, else the order column) in a tenth of the rows or more; too good alone. The
    last counts by itself: a lower bound of the lone AUC above 0.75 (R2 0.8), at least three times the information (d'
    squared) of the next column, which must itself tell something, and a wider gap than any further down the list.
    A column under ASK is left out of the honest score and of ``fit`` until ``--known`` or ``--unknown`` settles it;
    the score is given both ways.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=900)
    >>> y = x + rng.normal(size=900) > 0.5
    >>> closed = np.where(y, rng.integers(1, 90, 900), -1)
    >>> table = pa.table({"x": x, "days to close": pa.array(closed, mask=closed < 0), "y": np.where(y, "yes", "no")})
    >>> assay.check(table, target="y")["K02"].verdict
    'found'

Remedy
    Leave the column out, or keep it if it is known in time (``--known COLUMN``). The score with and without is shown.

Known false alarms
    One strong honest column among weak ones; a follow-up question that is put only to one group which happens to be
    the class; columns of a second file joined to part of the rows, where the target came from that file too.

Sources
    Kaufman, Rosset, Perlich and Stitelman, "Leakage in data mining", ACM TKDD 6 (2012), article 15; Green and Swets,
    Signal Detection Theory (1966), for d'; Clopper and Pearson (1934).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.finding import Finding
from assay.core.remedy import Op, Remedy
from assay.core.subject import Planted, Subject
from assay.core.table import Ask, Sample, SampleSpec
from assay.learn.target import Labels
from assay.learn.target import labels as labels_of
from assay.probes.out_of_fold import OutOfFold, folds
from assay.probes.signs import TIMES, Signs, information
from assay.probes.suspects import Suspicion

CHALLENGE = Challenge(
    code="K02",
    name="future-columns",
    title="known only after the outcome",
    stage="data",
    needs=("target", "feature"),
    category="voids",
    scope="leak",
    promise=Dose(0.98, 2000, "filled in all rows of one class and in one of fifty of the others"),
    materiality=(
        Threshold(
            "filled", 0.9, "f1 / (f1 + f0)", "filled nine times as often in one class: fewer honest forms do that"
        ),
        Threshold("signs", 1.0, "signs", "one sign alone has honest explanations, two of different kinds hardly"),
        Threshold("times", TIMES, "times the next column", "strong honest columns lead by a factor of two in practice"),
    ),
    proof="honesty",
    safety="unsafe",
)
PLANTED = "planted later"


def asks(subject: Subject) -> Iterable[Ask]:
    for name in (*subject.features, *subject.roles.named("target")):
        yield Ask("holes", (name,))


def measure(
    subject: Subject,
    rows: Sample,
    labels: Labels,
    signs: Mapping[str, Signs],
    suspects: Mapping[str, Suspicion],
    out_of_fold: OutOfFold,
    options: Options,
) -> Iterator[Claim]:
    settled = {*subject.roles.known, subject.roles.asked_at}
    both = both_ways(subject, rows, labels, suspects, out_of_fold)
    when = f" when {subject.roles.asked_at} is" if subject.roles.asked_at else " when the question is asked"
    for name, s in signs.items():
        if name in settled:
            continue
        own = suspects.get(name)
        mine = own if own is not None and own.by == "K02" else None
        says = f"{name}: {'; '.join(mine.reasons)}" if mine else f"{name} shows no sign of being written afterwards"
        if mine is not None and mine.ask:
            says += f". ASK: is it known{when}?"
            says += (
                f" {both['metric']} with such columns {both['with']:.3f}, without {both['without']:.3f}" if both else ""
            )
        if own is None or mine is not None:  # K01 and K03 speak for their own columns
            yield claim(name, s, mine, labels.task, says, options, both if mine and mine.ask else {})


def claim(
    name: str, s: Signs, own: Suspicion | None, task: str, says: str, options: Options, both: Mapping[str, object]
) -> Claim:
    lone = s.lone.skill if s.lone is not None else None
    n = s.holes.rows
    evidence = {
        "holes": s.holes.n, "only_where_outcome_unknown": s.only_unknown, "later": round(s.later, 6),
        "dated_after": s.anchor if s.dated_after else "", "alone": lone, "next": s.next_skill or None,
        "score": dict(both),
        "reasons": list(own.reasons) if own else [],
    }  # fmt: skip
    if s.filled is not None and s.filled.share + s.filled.rest > 0:
        evidence["chart"] = chart(s)
    metric = "R2" if task == "regression" else "AUC"
    impact = Impact("voids", lone, None, f"{metric} of this column alone") if own else None
    about = About((name,))
    if own is not None and own.strength == "exact":
        effect = Effect(1.0, "share of its holes that are the leak's" if own.partner else "your word", 0.0)
        return Claim(about, effect, "exact", says, n, ask=own.ask, impact=impact, evidence=evidence)
    if s.filled is not None and (own is None or own.strength == "test"):
        m = options["filled"]
        effect = Effect(s.filled.purity, "purity of filled rows", m, s.filled.interval)
        total = s.filled.total
        return Claim(
            about,
            effect,
            "test",
            says,
            total,
            p=s.filled.above(m),
            ask=own is not None,
            impact=impact,
            evidence=evidence,
        )
    if own is not None and s.too_good and lone is not None:
        factor = information(lone, task) / max(information(s.next_skill, task), 1e-9)
        effect = Effect(factor, "times the next column", options["times"])
    else:
        effect = Effect(float(s.only_unknown) + float(s.dated_after and own is not None), "signs", options["signs"])
    return Claim(about, effect, "heuristic", says, n, ask=own is not None, impact=impact, evidence=evidence)


def both_ways(
    subject: Subject, rows: Sample, labels: Labels, suspects: Mapping[str, Suspicion], out_of_fold: OutOfFold
) -> Mapping[str, object]:
    """The out-of-fold score with and without the columns under ASK; one refit on one fold."""
    asked = tuple(c for c, s in suspects.items() if s.ask)
    if not asked or out_of_fold.state != "done":
        return {}
    every = folds(subject, rows, labels, tuple(sorted((*out_of_fold.features, *asked))), only=1)
    return {"with": every.score, "without": out_of_fold.score, "metric": every.metric, "columns": list(asked)}


def chart(s: Signs) -> Mapping[str, object]:
    assert s.filled is not None
    return {
        "kind": "bars", "title": f"share of rows where {s.column} is filled", "x": [s.filled.label, "the others"],
        "y": [round(s.filled.share, 6), round(s.filled.rest, 6)], "x_title": "target", "y_title": "share filled",
    }  # fmt: skip


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    columns = finding.columns
    ask = f" (if it is known in time: --known {columns[0]})" if finding.claim.ask else ""
    says = f"keep {columns[0]} out of the model: it is known only afterwards{ask}"
    return Remedy("columns", "unsafe", "honesty", says, (Op("drop_column", columns),))


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Add a number that is filled in all rows of one class, and in so many others that f1 / (f1 + f0) is ``dose``."""
    import pyarrow as pa

    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    truth = labels_of(rows, subject.roles)
    if truth.task == "regression":
        happened = truth.y > np.median(truth.y[truth.known])
    else:
        happened = truth.y == len(truth.classes) - 1
    others = min(1.0, (1 - dose) / dose) if dose > 0 else 1.0
    filled = truth.known & (happened | (rng.random(rows.n) < others))
    made = pa.array(np.round(rng.gamma(2.0, 20.0, rows.n), 1), mask=~filled)
    arrow = subject.table.arrow().append_column(PLANTED, made.take(pa.array(np.argsort(rows.position))))
    return Planted(subject.with_table(subject.table.derive(arrow)), (PLANTED,), 1 / (1 + others))
