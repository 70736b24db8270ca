"""Shares, means of shares and differences of shares: intervals and minimum-effect tests from counts.

``share``       Clopper & Pearson (1934), Biometrika 26:404: exact.
``balanced``    mean of K independent shares; ``difference`` of two. Both are *melded* from the one-sided
                Clopper-Pearson confidence distributions (Fay, Proschan & Brittain 2015, Biometrics 71:146): at m = 0
                the test of a difference is Fisher's exact test, elsewhere the level was never seen above nominal.
                Newcombe's and MOVER limits are a little shorter but lose their level in the far tails that
                multiplicity control asks for (their lower end does not fall to the end of the range as alpha -> 0).

All functions broadcast over arrays of counts and return floats for plain numbers.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from assay.stats.meld import mean_quantile, mean_tail, melded_quantile, melded_tail

F64 = NDArray[np.float64]
Arrays = NDArray[Any]


@overload
def share_interval(k: float, n: float, alpha: float) -> tuple[float, float]: ...
@overload
def share_interval(k: Arrays, n: Arrays | float, alpha: float) -> tuple[F64, F64]: ...
def share_interval(k: Arrays | float, n: Arrays | float, alpha: float) -> tuple[Any, Any]:
    """Clopper-Pearson interval of a share, coverage at least 1 - alpha at every n and share.

    Args:
        k, n: successes and trials, whole numbers, any shapes that broadcast. n = 0 gives (0, 1).

    Source: Clopper & Pearson (1934), Biometrika 26:404.
    """
    from scipy.special import betaincinv

    hits, trials = _counts(k, n)
    with np.errstate(invalid="ignore"):
        lo = np.where(hits > 0, betaincinv(np.maximum(hits, 1), trials - hits + 1, alpha / 2), 0.0)
        hi = np.where(hits < trials, betaincinv(hits + 1, np.maximum(trials - hits, 1), 1 - alpha / 2), 1.0)
    return _plain(lo), _plain(hi)


@overload
def share_above(k: float, n: float, m: float) -> float: ...
@overload
def share_above(k: Arrays, n: Arrays | float, m: Arrays | float) -> F64: ...
def share_above(k: Arrays | float, n: Arrays | float, m: Arrays | float) -> Any:
    """Exact binomial p-value against H0: share <= m, that is P(X >= k) at share m.

    Source: Clopper & Pearson (1934), the test that their interval inverts.
    """
    from scipy.special import betainc

    hits, trials = _counts(k, n)
    at = np.clip(np.asarray(m, np.float64), 0.0, 1.0)
    return _plain(np.where(hits > 0, betainc(np.maximum(hits, 1), trials - hits + 1, at), 1.0))


def balanced_interval(k: Arrays, n: Arrays, alpha: float) -> tuple[float, float]:
    """Interval of the unweighted mean of K independent shares (balanced accuracy: K classes).

    Args:
        k, n: successes and trials of each share, shape (K,). A share with n = 0 is known only to lie in [0, 1].

    Source: Fay, Proschan & Brittain (2015), melded from Clopper-Pearson.
    """
    hits, trials = _counts(np.atleast_1d(k), np.atleast_1d(n))
    lo = mean_quantile(hits, trials - hits + 1, alpha / 2)
    return lo, 1.0 - mean_quantile(trials - hits, hits + 1, alpha / 2)


def balanced_above(k: Arrays, n: Arrays, m: float) -> float:
    """p-value against H0: mean of the K shares <= m. Arguments as ``balanced_interval``."""
    hits, trials = _counts(np.atleast_1d(k), np.atleast_1d(n))
    return mean_tail(hits, trials - hits + 1, float(m))


@overload
def difference_interval(k1: float, n1: float, k2: float, n2: float, alpha: float) -> tuple[float, float]: ...
@overload
def difference_interval(
    k1: Arrays, n1: Arrays | float, k2: Arrays, n2: Arrays | float, alpha: float
) -> tuple[F64, F64]: ...
def difference_interval(
    k1: Arrays | float, n1: Arrays | float, k2: Arrays | float, n2: Arrays | float, alpha: float
) -> tuple[Any, Any]:
    """Interval of share 1 minus share 2, independent samples; n = 0 means that a share is unknown.

    Source: Fay, Proschan & Brittain (2015), Biometrics 71:146, melded from Clopper-Pearson.
    """
    a, na, b, nb = np.broadcast_arrays(*_counts(k1, n1), *_counts(k2, n2))
    lo = melded_quantile(a, na - a + 1, b + 1, nb - b, alpha / 2)
    hi = -melded_quantile(b, nb - b + 1, a + 1, na - a, alpha / 2)
    return _plain(lo), _plain(hi)


@overload
def difference_above(k1: float, n1: float, k2: float, n2: float, m: float) -> float: ...
@overload
def difference_above(k1: Arrays, n1: Arrays | float, k2: Arrays, n2: Arrays | float, m: Arrays | float) -> F64: ...
def difference_above(
    k1: Arrays | float, n1: Arrays | float, k2: Arrays | float, n2: Arrays | float, m: Arrays | float
) -> Any:
    """p-value against H0: share 1 - share 2 <= m. At m = 0 this is Fisher's exact test, one-sided.

    Source: Fay, Proschan & Brittain (2015), Biometrics 71:146.
    """
    a, na, b, nb, at = np.broadcast_arrays(*_counts(k1, n1), *_counts(k2, n2), np.asarray(m, np.float64))
    return _plain(melded_tail(a, na - a + 1, b + 1, nb - b, at))


def _counts(k: Arrays | float, n: Arrays | float) -> tuple[F64, F64]:
    hits, trials = np.broadcast_arrays(np.asarray(k, np.float64), np.asarray(n, np.float64))
    if np.any(hits < 0) or np.any(hits > trials):
        raise ValueError("counts must satisfy 0 <= k <= n")
    return hits, trials


def _plain(value: Arrays) -> Any:
    return float(value) if np.ndim(value) == 0 else value
