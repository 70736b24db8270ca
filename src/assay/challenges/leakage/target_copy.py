"""A column that is the target in other words.

What it is
    One column from which the target can be read off: the answer as text beside the answer as a number, the
    measurement that the target is a threshold of, a flag that is set when the outcome is known.

Why it matters
    A model that sees it learns to read, not to predict. Every score is then near perfect and says nothing about rows
    whose outcome is still open, where the column is empty or does not exist.

How it is measured
    Each column alone, on two halves of the sample; equal rows share a half. On the first half values are mapped to
    classes (levels seen in at least three rows; cuts of a number by a tree of 32 leaves in which classes weigh the
    same). On the second half the effect is the mean over classes of the share of rows told rightly. The claim is a
    test that this exceeds 0.95, melded from exact Clopper-Pearson distributions. Rows where the column is empty are
    not told: what holes tell is K02. For a number as target, a row is told if the line through the medians of the
    first half comes within one hundredth of the target's spread (5th to 95th percentile); a value held by more than a
    twentieth of the rows is a class of its own.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=600)
    >>> y = x + rng.normal(size=600) > 0
    >>> table = pa.table({"x": x, "alive": np.where(y, "yes", "no"), "survived": y.astype(int)})
    >>> report = assay.check(table, target="survived")
    >>> report["K01"].verdict
    'found'

Remedy
    Leave the column out. The score that is lost was never there.

Known false alarms
    A law of nature or a rule of the house: one honest measurement that settles the class in more than 95 % of rows
    (the smell of a mushroom, a test result that defines the diagnosis). Say so with ``--known COLUMN``.

Sources
    Kaufman, Rosset, Perlich and Stitelman, "Leakage in data mining", ACM TKDD 6 (2012), article 15; Clopper and
    Pearson
    (1934); Fay, Proschan and Brittain, Biometrics 71 (2015) 146; Kapoor and Narayanan, Patterns 4 (2023) 100804.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.finding import Finding
from assay.core.remedy import Op, Remedy
from assay.core.subject import Planted, Subject
from assay.core.table import SampleSpec
from assay.learn.target import labels as labels_of
from assay.probes.alone import Lone
from assay.stats.shares import balanced_interval

CHALLENGE = Challenge(
    code="K01",
    name="target-copy",
    title="the target in other words",
    stage="data",
    needs=("target", "feature"),
    category="voids",
    scope="leak",
    promise=Dose(0.99, 2000, "a copy that is wrong in one row of a hundred"),
    materiality=(
        Threshold(
            "agreement", 0.95, "share of rows", "a copy disagrees with the target in fewer than one row of twenty"
        ),
    ),
    proof="honesty",
    safety="unsafe",
)
PLANTED = "planted copy"


def measure(subject: Subject, alone: Mapping[str, Lone], options: Options) -> Iterator[Claim]:
    m = options["agreement"]
    task, target = subject.roles.task, subject.roles.named("target")[0]
    metric = "R2" if task == "regression" else "AUC"
    settled = {*subject.roles.known, subject.roles.asked_at}
    for name, lone in alone.items():
        if name in settled or not len(lone.of):
            continue
        n = int(lone.of.sum())
        within = " to within a hundredth of its spread" if task == "regression" else ""
        alike = ", classes weighed alike" if task != "regression" and lone.agreement < 1 else ""
        yield Claim(
            About((name,)),
            Effect(lone.agreement, "share of rows told rightly", m, partial(balanced_interval, lone.right, lone.of)),
            "test",
            f"{name} is {target} in other words: alone it tells {lone.agreement:.1%} of rows rightly{within}{alike}, "
            f"{metric} {lone.skill:.3f}",
            n,
            p=lone.above(m),
            impact=Impact("voids", lone.skill, None, f"{metric} of this column alone"),
            evidence={"alone": round(lone.skill, 6), "right": lone.right.tolist(), "of": lone.of.tolist()},
        )


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    columns = finding.columns
    says = f"keep {columns[0]} out of the model: it is the answer"
    return Remedy("columns", "unsafe", "honesty", says, (Op("drop_column", columns),))


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Add a column that gives the target under other names in a share ``dose`` of rows, and another row's elsewhere."""
    import pyarrow as pa

    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    truth = labels_of(rows, subject.roles)
    y = truth.y.copy()
    wrong = rng.random(rows.n) >= dose
    y[wrong] = rng.permutation(y)[wrong]
    known = np.isfinite(y)
    if truth.task == "regression":
        made = pa.array(y * 1.8 + 32.0, mask=~known)
    else:
        words = np.array([f"outcome {chr(97 + i % 26)}{i // 26 or ''}" for i in rng.permutation(len(truth.classes))])
        made = pa.array(words[np.where(known, y, 0).astype(int)], mask=~known)
    arrow = subject.table.arrow().append_column(PLANTED, made.take(pa.array(np.argsort(rows.position))))
    share = dose + (1 - dose) / (1 if truth.task == "regression" else len(truth.classes))
    return Planted(subject.with_table(subject.table.derive(arrow)), (PLANTED,), min(1.0, share))
