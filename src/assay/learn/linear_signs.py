"""Linear models whose weights may have one sign only: the same penalised losses, minimised inside bounds.

L-BFGS-B (Byrd, Lu, Nocedal and Zhu, SIAM Journal on Scientific Computing 16 (1995) 1190) on the loss of two classes,
of a mean or of a count. The losses are convex, so the bounded minimum is the best model of that shape.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.core.table import F64

from .forms import Link

Bounds = Sequence[tuple[float | None, float | None]]
MOST_STEPS = 500


def bounded_weights(
    D: F64, y: F64, link: Link, strength: float, bounds: Bounds, weight: F64 | None = None
) -> tuple[F64, float]:
    """Weights (terms,) inside ``bounds``, and the intercept.

    Args:
        D: (n, terms) design. y: (n,) 0 and 1 (sigmoid), values (identity) or counts (exp).
        strength: inverse of the ridge penalty, as C of a logistic regression; ``weight`` (n,) how much a row counts.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    n, p = D.shape
    w = np.ones(n) if weight is None else weight
    start = float(np.average(y, weights=w))
    spread = (float(y.std()) or 1.0) if link == "identity" else 1.0
    target = (y - start) / spread if link == "identity" else y
    ridge = 1.0 / strength
    first = {"identity": 0.0, "sigmoid": float(np.log(start / (1 - start))) if 0 < start < 1 else 0.0,
             "exp": float(np.log(max(start, 1e-7)))}[link]  # fmt: skip

    def loss(beta: F64) -> tuple[float, F64]:
        z = D @ beta[1:] + beta[0]
        if link == "identity":
            value, slope = 0.5 * (z - target) ** 2, z - target
        elif link == "sigmoid":
            value, slope = np.logaddexp(0.0, z) - target * z, expit(z) - target
        else:
            rate = np.exp(np.clip(z, -50.0, 50.0))
            value, slope = rate - target * z, rate - target
        gradient = np.concatenate(([(w * slope).sum()], D.T @ (w * slope) + ridge * beta[1:]))
        return float((w * value).sum() + 0.5 * ridge * beta[1:] @ beta[1:]) / n, gradient / n

    begin = np.concatenate(([first], np.zeros(p)))
    found = minimize(
        loss, begin, jac=True, method="L-BFGS-B", bounds=[(None, None), *bounds], options={"maxiter": MOST_STEPS}
    ).x
    weights = np.asarray(found[1:] * spread, np.float64)
    return weights, float(found[0] * spread + (start if link == "identity" else 0.0))
