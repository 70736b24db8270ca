"""A class has too few rows to be learned, or to be tested.

What it is
    One or more classes of the target have so few rows that nothing sure can be said about how well they are told.

Why it matters
    A class of five rows is one row in a test of a fifth: its recall is then 0 or 1, and moves the average of all
    classes by as much as a class of thousands. A model that never names it loses nothing that a test could show.

How it is measured
    Exact counts of the classes. Suppose that every row of the class is tested once, as in cross-validation, and that
    four in five are told rightly: the effect is the half-width of the 95 % Clopper-Pearson interval of that recall, the
    best that the table can give. It is material above 0.15, where a recall of .8 reads as anything from about .6 to .9:
    that is at 31 rows and fewer. One claim names all such classes.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> y = ["a"] * 300 + ["b"] * 290 + ["c"] * 6
    >>> table = pa.table({"x": rng.normal(size=596), "y": y})
    >>> assay.check(table, target="y")["L04"].verdict
    'found'

Remedy
    Label more rows of these classes. Unsafe: merge them into the nearest class where classes are numbers, else into one
    class of their own, or leave them out and say that the model does not know them.

Known false alarms
    None in the count. Where classes are a scale of numbers, a model of the number itself need not tell the ends apart.

Sources
    Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika
    26 (1934); Beleites et al., "Sample size planning for classification models", Analytica Chimica Acta 760 (2013), for
    the test, not the training, as what asks for the most rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.rows import Rows
from assay.core.subject import Planted, Subject
from assay.core.table import Ask, Facts
from assay.core.words import listed, text_of
from assay.probes.labels import class_counts
from assay.stats.shares import share_interval

CHALLENGE = Challenge(
    code="L04",
    name="rare-classes",
    title="a class has too few rows to learn or to test",
    stage="data",
    needs=("target", "classes"),
    category="costs",
    scope="marginal",
    promise=Dose(0.25, 1_000, "a dozen rows: a recall of .8 reads as anything from .5 to .97"),
    materiality=(
        Threshold(
            "width", 0.15, "half-width of recall", "a recall of .8 that reads as .6 or as .9 cannot be acted upon"
        ),
    ),
    proof="honesty",
    safety="unsafe",
)
MOST, RECALL, LEVEL, SHOWN = 100, 0.8, 0.05, 5  # classes; a decent recall; two-sided level; classes named


def asks(subject: Subject) -> Iterable[Ask]:
    yield Ask("top", subject.roles.named("target"), args=(MOST,))


def measure(subject: Subject, facts: Facts, options: Options) -> Iterator[Claim]:
    target = subject.roles.named("target")
    counts = {str(text_of(value)): int(k) for value, k in facts[Ask("top", target, args=(MOST,))] if k > 0}
    if len(counts) < 2:
        return
    names = sorted(counts, key=lambda name: (counts[name], name))
    width = {name: half_width(counts[name]) for name in names}
    few = [name for name in names if width[name] > options["width"]] or names[:1]
    lo, hi = (float(v) for v in share_interval(RECALL * counts[few[0]], counts[few[0]], LEVEL))
    shown = listed([f"{name} ({counts[name]:,})" for name in few], SHOWN)
    says = f"{target[0]} has {len(few):,} of {len(counts):,} classes with too few rows to test: {shown}"
    says += f"; if four in five of {few[0]} were told, its recall would read {lo:.2f} to {hi:.2f}"
    listing = names[:40]
    yield Claim(
        About(target, slice=f"{target[0]} = {few[0]}"),
        Effect(width[few[0]], "half-width of recall", options["width"]),
        "exact",
        says,
        sum(counts.values()),
        impact=Impact("costs", why_unmeasured="too few rows to measure it on"),
        evidence={
            "classes": {name: counts[name] for name in few[:MOST]}, "of": len(counts), "merge": merged(few, names),
            "interval": [lo, hi],
            "chart": {"kind": "bars", "title": f"Rarest classes of {target[0]}",
                      "x": [name for name in listing if counts[name] >= 5],
                      "y": [counts[name] for name in listing if counts[name] >= 5],
                      "x_title": target[0], "y_title": "rows (5 or more)"},
        },
    )  # fmt: skip


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    merge: Mapping[str, str] = finding.claim.evidence["merge"]
    if not merge:
        return None
    pairs = listed([f"{a} into {b}" for a, b in sorted(merge.items())])
    says = f"label more rows of these classes; or merge {pairs}, and say that the model does not tell them apart"
    return Remedy("rows", "unsafe", "honesty", says, options={"merge": dict(merge)})


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Leave out rows of the rarest class until the half-width of its recall is ``dose``."""
    import pyarrow as pa

    target = subject.roles.named("target")[0]
    arrow = subject.table.arrow()
    words, levels, counts = class_counts(subject, "rare classes are")
    members = rng.permutation(np.flatnonzero(words == levels[int(np.argmin(counts))]))
    sizes = np.arange(1, len(members) + 1)
    left = max(1, int((half_width(sizes) >= dose).sum()))
    keep = np.setdiff1d(np.arange(len(words)), members[left:])
    table = subject.table.derive(arrow.take(pa.array(keep)))
    rare = np.searchsorted(keep, np.sort(members[:left]))
    return Planted(subject.with_table(table), (target,), float(half_width(left)), Rows.at(rare))


def half_width(n: Any) -> Any:
    """Half-width of the exact interval of a recall of four in five among n rows."""
    size = np.asarray(n, np.float64)
    lo, hi = share_interval(RECALL * size, size, LEVEL)
    width = (np.asarray(hi) - np.asarray(lo)) / 2
    return width if np.ndim(n) else float(width)


def merged(few: list[str], names: list[str]) -> dict[str, str]:
    """Where each rare class would go: numbers to the nearest class with enough rows, texts to one class of all."""
    enough = [name for name in names if name not in few]
    if not enough:
        return {}
    try:
        value = {name: float(name) for name in names}
    except ValueError:
        return dict.fromkeys(few, "other") if len(few) > 1 and "other" not in names else {}
    return {name: min(enough, key=lambda other: (abs(value[other] - value[name]), value[other])) for name in few}
