"""From claims to verdicts: the two-level rule over the whole catalogue (DESIGN section 5).

Level one: Benjamini-Yekutieli over every challenge that made a test, whatever is shown. Level two: the same inside each
selected challenge at q times the selected share (Benjamini & Bogomolov 2014, JRSS-B 76:297, section 3), with
intervals at the same level (false coverage rate; Benjamini & Yekutieli 2005, JASA 100:71).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.claim import Claim
from assay.core.finding import Verdict
from assay.stats.multiplicity import selected

from .runner import Run

NEAR = 0.10  # an estimate within a tenth of the materiality needs more rows than it is honest to name


@dataclass(frozen=True, slots=True)
class Decision:
    """What stands of one challenge: claims with intervals, the verdict, its reason, and the n that would decide."""

    stands: tuple[tuple[Claim, tuple[float, float] | None], ...]
    verdict: Verdict
    reason: str
    tests: int
    n_needed: int | None = None


def decide(runs: Mapping[str, Run], level: float, unrun: int = 0) -> dict[str, Decision]:
    """Decide every run that yielded claims, jointly: p-values one-sided against effect <= materiality.

    ``unrun`` challenges apply but were not selected; they count as tests without evidence, so that selecting what
    to look at never buys significance.
    """
    tested = {code: [c for c in run.claims if c.basis == "test"] for code, run in runs.items()}
    families = [code for code, claims in tested.items() if claims]
    p_values = [np.array([one_p(c) for c in tested[code]]) for code in families]
    padded = [*p_values, *(np.ones(1) for _ in range(unrun))]
    rejected: dict[str, np.ndarray] = {}
    inner: dict[str, float] = {}
    if families:
        masks, levels = selected(padded, level)
        rejected = dict(zip(families, masks, strict=False))
        inner = dict(zip(families, levels, strict=False))
    return {
        code: one(run, tested[code], rejected.get(code), inner.get(code, level), level) for code, run in runs.items()
    }


def one_p(claim: Claim) -> float:
    """The claim's p-value; an e-value e becomes 1/e (Vovk & Wang 2021, Ann. Stat. 49:1736)."""
    if claim.p is not None:
        return min(1.0, max(0.0, claim.p))
    return min(1.0, 1.0 / claim.e) if claim.e else 1.0


def one(run: Run, tests: Sequence[Claim], mask: np.ndarray | None, inner: float, level: float) -> Decision:
    if run.error is not None:
        return Decision((), "error", run.error, 0)
    if run.not_applicable is not None:
        return Decision((), "not-applicable", run.not_applicable, 0)
    stands: list[tuple[Claim, tuple[float, float] | None]] = []
    if mask is not None and mask.any():
        alpha = inner * float(mask.sum()) / len(tests)
        stands += [(c, c.effect.interval(alpha)) for c, hit in zip(tests, mask, strict=True) if hit]
    plain = [c for c in run.claims if c.basis != "test"]
    stands += [(c, None) for c in plain if c.effect.value > c.effect.materiality]
    count = len(tests)
    if stands:
        return Decision(tuple(stands), "found", f"{len(stands)} of {len(run.claims)} looked at", count)
    if not run.claims:
        return Decision((), "not-applicable", "nothing in this table to look at", 0)
    if not tests and all(c.basis == "heuristic" for c in plain):
        return Decision((), "no-sign", f"no sign in {len(plain)} looked at", count)
    open_units = undecided(tests, level)
    if not open_units:
        return Decision((), "clear", f"{len(run.claims)} looked at, all below what matters", count)
    needed = [n_that_decides(c, level / max(1, len(tests))) for c in open_units]
    n = None if any(x is None for x in needed) else max(x for x in needed if x is not None)
    about = open_units[0].about
    where = ", ".join(about.columns) or about.comparison or about.slice or ""
    reason = f"{len(open_units)} of {len(tests)} could be above or below what matters" + (
        f" ({where})" if where else ""
    )
    if n is not None:  # rows of a class or of later blocks may be few in a long table
        reason += f", on {max(zip(needed, open_units, strict=True), key=lambda pair: pair[0] or 0)[1].n:,} rows"
    return Decision((), "undecided", reason, count, n)


def undecided(tests: Sequence[Claim], level: float) -> list[Claim]:
    """Tests whose simultaneous upper bound is not below materiality (Bonferroni inside the challenge)."""
    alpha = 2 * level / max(1, len(tests))
    return [c for c in tests if not c.effect.interval(min(alpha, 1.0))[1] <= c.effect.materiality]


def n_that_decides(claim: Claim, alpha: float) -> int | None:
    """The n at which the point estimate would be decided, by square-root scaling of the interval's wider half.

    The wider half, since exact intervals are lopsided in small samples: the promise should hold, not just be near.
    """
    effect = claim.effect
    gap = abs(effect.value - effect.materiality)
    if gap <= NEAR * abs(effect.materiality) or not math.isfinite(gap) or claim.n <= 0:
        return None
    lo, hi = effect.interval(min(2 * alpha, 1.0))
    half = max(hi - effect.value, effect.value - lo)
    if not math.isfinite(half):
        return None
    return max(claim.n + 1, math.ceil(claim.n * (half / gap) ** 2))
