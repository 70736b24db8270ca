"""What a test set still promises after it was looked at.

Each look answers, and what is tried next may depend on the answers. If an answer decides one thing only, whether the
try is kept or dropped, then by the k-th look at most 2^(j - 1) different models could have been looked at j-th,
whatever the answers: at most 2^k - 1 models in all, none of which depends on the test rows. An interval of level
alpha / (2^k - 1) for each of them covers all at once (Boole), the ones that were truly looked at and the best of
these included. This is the counting argument of the Ladder (Blum and Hardt, "The Ladder: a reliable leaderboard for
machine learning competitions", ICML 2015, section 3) with one bit an answer, and the description length of Dwork et
al., "Generalization in adaptive data analysis and holdout reuse", NeurIPS 2015, section 3.

Whoever reads more out of a report than better or worse learns more than a bit, and is not covered.
"""

from __future__ import annotations

from statistics import NormalDist


def level(alpha: float, looks: int) -> float:
    """The two-sided level that an interval of the ``looks``-th look is made at, so that all of them hold at ``alpha``.

    No look at all, and the first one, leave it as it is.

    >>> [round(level(0.05, k), 5) for k in (0, 1, 2, 5)]
    [0.05, 0.05, 0.01667, 0.00161]
    """
    return alpha / (2.0 ** max(1, looks) - 1.0)


def used_up(alpha: float, looks: int) -> float:
    """The share of a test's rows that its looks are worth: without it, one look at the rest would be as sure.

    An interval's width goes with the quantile of its level and with one over the root of the rows.

    >>> [round(used_up(0.05, k), 2) for k in (1, 2, 3, 4, 10)]
    [0.0, 0.33, 0.47, 0.55, 0.77]
    """
    once, now = (NormalDist().inv_cdf(1 - level(alpha, k) / 2) for k in (1, looks))
    return 1.0 - (once / now) ** 2
