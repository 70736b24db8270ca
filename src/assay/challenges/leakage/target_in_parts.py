"""Two or more columns that together make the target.

What it is
    A sum, difference, product or ratio of columns, or the difference of two clock times or dates, that is the target,
    or a column that is known to be the target in other words. No single column need look suspicious.

Why it matters
    Trees and linear models find the formula, and the score is near perfect; whoever looked for leaks one column at a
    time saw nothing. At least one of the parts is known only when the outcome is.

How it is measured
    On one half of the sample formulas are searched for every whole: the target (where it is a number), its proven
    copies
    (K01), and columns under suspicion (K02). All pairs at once by least squares from masked cross sums; plain sums and
    differences of all pairs; up to four parts by matching pursuit; trimmed fits, weights tried as found, as plain
    signs and as round numbers; products and ratios on the logarithms; differences of dates, and of clock times modulo
    a day. A formula fits a row if its residual is zero, or one of at most 32 fixed offsets (surcharges), to half a
    unit in the last place of the whole. A formula is no news if one part alone, or the whole itself, lies on as few
    values in nine rows of ten. The other half of the sample counts the rows in which the formula holds: the claim is
    an exact test that these are more than 99 %. For classes, the best difference, sum, ratio or product of two
    columns must part the classes in more than 99 % of rows (mean over classes), where neither does so in 95 % alone.
    A formula for a column that is only suspected is worded ASK.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> casual, registered = rng.poisson(40, 3000), rng.poisson(90, 3000)
    >>> table = pa.table({"casual": casual, "registered": registered, "x": rng.normal(size=3000),
    ...                   "count": casual + registered})
    >>> finding = assay.check(table, target="count")["K03"].findings[0]
    >>> finding.columns
    ('casual', 'registered')

Remedy
    Leave out the part that is known afterwards: the one with a sign of its own (empty only where the outcome is
    unknown), else the one that contains the target (total, where total - fare is the tip), else all parts.

Known false alarms
    A target that is defined by a formula of inputs that are all known in time (a premium, a score, a body mass
    index): then no model is needed. Say so with ``--known``.

Sources
    Rousseeuw, "Least median of squares regression", JASA 79 (1984) 871; Pati, Rezaiifar and Krishnaprasad,
    "Orthogonal matching pursuit" (1993); Clopper and Pearson (1934); Kaufman et al., ACM TKDD 6 (2012), article 15.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.finding import Finding
from assay.core.remedy import Op, Remedy
from assay.core.subject import Planted, Subject
from assay.core.table import SampleSpec
from assay.core.words import listed
from assay.learn.target import labels as labels_of
from assay.probes.parts import SHARE, Made
from assay.probes.signs import PROVEN, Signs
from assay.probes.suspects import Suspicion, free_of, later_parts

CHALLENGE = Challenge(
    code="K03",
    name="target-in-parts",
    title="columns that together make the target",
    stage="data",
    needs=("target", "feature"),
    category="voids",
    scope="leak",
    promise=Dose(1.0, 3000, "two columns whose difference parts the classes, or is the target"),
    materiality=(
        Threshold("holds", SHARE, "share of rows", "chance fails more often; a definition fails by typing errors only"),
    ),
    proof="honesty",
    safety="unsafe",
)  # fmt: skip
PLANTED = ("planted part 1", "planted part 2")


def measure(
    subject: Subject,
    parts: tuple[Made, ...],
    signs: Mapping[str, Signs],
    suspects: Mapping[str, Suspicion],
    options: Options,
) -> Iterator[Claim]:
    m, free = options["holds"], free_of(subject)
    target = subject.roles.named("target")[0]
    for made in parts:
        out = later_parts(made, signs, free)
        if not out or made.whole in free or not (made.proven or made.whole in suspects) or not made.n:
            continue
        p = made.above(m)
        if not made.proven and all(c in suspects and suspects[c].strength != "heuristic" for c in out):
            continue  # K02 says it already, and on better grounds
        stands = made.proven or p <= PROVEN
        whole = made.whole or target
        what = "tells" if made.cut else "is"
        comma = "," if made.formula.modulus else ""
        offsets = f" up to {len(made.formula.offsets)} fixed offsets" if len(made.formula.offsets) > 1 else ""
        says = f"{made.formula.says()}{comma} {what} {whole}{offsets} in {made.share:.2%} of rows"
        if made.whole and made.proven:
            says += f", which is {target} in other words"
        if not made.proven:
            says += f". ASK: is {listed(out)} known in time?"
        value = made.share if stands else min(made.share, m)
        yield Claim(
            About(tuple(sorted(made.formula.parts))),
            Effect(value, "share of rows", m, made.interval if made.proven else None),
            "test" if made.proven else "heuristic",
            says,
            made.n,
            p=p if made.proven else None,
            family="pair",
            ask=not made.proven,
            impact=Impact("voids", made.share, None, "share of rows where the parts give the answer"),
            evidence={
                "formula": made.formula.says(), "whole": whole, "leaves_out": list(out), "p": p,
                "offsets": [round(o, 9) for o in made.formula.offsets],
                "right": made.right.tolist(), "of": made.of.tolist(),
            },
        )  # fmt: skip


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    out = tuple(finding.claim.evidence["leaves_out"])
    says = f"keep {listed(out)} out of the model: {finding.claim.evidence['formula']} gives the answer away"
    return Remedy("columns", "unsafe", "honesty", says, (Op("drop_column", out),))


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Add two columns whose difference is the target (or its class number and a rest) in a share ``dose`` of rows."""
    import pyarrow as pa

    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    truth = labels_of(rows, subject.roles)
    y = np.where(truth.known, truth.y, 0.0)
    wrong = rng.random(rows.n) >= dose
    y[wrong] = rng.permutation(y)[wrong]
    spread = float(np.std(y)) or 1.0
    second = np.round(rng.normal(0.0, 3 * spread, rows.n), 3)
    first = y + second if truth.task == "regression" else np.round(y + rng.uniform(0, 0.8, rows.n) + second, 3)
    arrow, back = subject.table.arrow(), pa.array(np.argsort(rows.position))
    for name, made in zip(PLANTED, (first, second), strict=True):
        arrow = arrow.append_column(name, pa.array(made).take(back))
    share = dose + (1 - dose) / max(1, len(truth.classes))
    return Planted(subject.with_table(subject.table.derive(arrow)), PLANTED, share)
