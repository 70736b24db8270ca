"""Linear models of a quantile and of a count, on the same design as the other linear models.

A quantile is fitted by the pinball loss smoothed with a Gaussian kernel (Fernandes, Guerre and Horta, Journal of
Business & Economic Statistics 39 (2021) 338), with the bandwidth of He, Pan, Tan and Zhou (Journal of Econometrics 235
(2023) 367, section 4): smooth and convex, so a few dozen products with the design do, where the linear programme of the
exact loss takes minutes on 20,000 rows. The intercept is then moved so that the exact share of rows lies below.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.core.aim import Aim
from assay.core.table import F64

MOST_QUANTILE_ROWS = 50_000  # a slope is known to a hundredth of the spread from these; more cost in proportion
MOST_STEPS = 200
LEAST_WIDTH = 0.05  # of the spread of the target: the smallest bandwidth, after He et al.


def quantile_weights(
    D: F64,
    y: F64,
    level: float,
    strength: float,
    weight: F64 | None = None,
    bounds: Sequence[tuple[float | None, float | None]] | None = None,
) -> tuple[F64, float]:
    """Weights (terms,) and intercept of the ``level`` quantile of ``y`` (n,) given the design ``D`` (n, terms).

    ``strength`` is the inverse of the ridge penalty, as C of a logistic regression; ``weight`` (n,) says how much each
    row counts; ``bounds`` are ends of each weight.
    """
    from scipy.optimize import minimize
    from scipy.special import ndtr

    D, y = D[:MOST_QUANTILE_ROWS], y[:MOST_QUANTILE_ROWS]
    n, p = D.shape
    w = np.ones(n) if weight is None else weight[:MOST_QUANTILE_ROWS] / weight[:MOST_QUANTILE_ROWS].mean()
    start = float(Aim("quantile", level).constant(y, 1, w)[0])
    spread = float(y.std()) or 1.0
    target = (y - start) / spread
    width = max(((np.log(n + 1) + p) / n) ** 0.4, LEAST_WIDTH) if n else LEAST_WIDTH
    width = min(width, 1.0)
    ridge = 1.0 / (strength * max(n, 1))

    def loss(beta: F64) -> tuple[float, F64]:
        u = target - D @ beta[1:] - beta[0]
        z = u / width
        below = ndtr(-z)
        value = u * (level - below) + width * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
        slope = -(w * (level - below)) / n
        gradient = np.concatenate(([slope.sum()], D.T @ slope + ridge * beta[1:]))
        return float((w * value).sum() / n + 0.5 * ridge * beta[1:] @ beta[1:]), gradient

    found = minimize(
        loss,
        np.zeros(p + 1),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": MOST_STEPS},
        bounds=None if bounds is None else [(None, None), *bounds],
    ).x
    weights = found[1:] * spread
    shift = float(Aim("quantile", level).constant(y - D @ weights, 1, w)[0])
    return np.asarray(weights, np.float64), shift
