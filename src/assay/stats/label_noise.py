"""Labels as draws from what models say, seen through a noise matrix: which of them are wrong, and how many.

A row's true class z has the probabilities p(z) of a log-linear pool of models, p proportional to
exp(sum_m w_m log p_m + b) (Genest & Zidek 1986, Statistical Science 1:114); the recorded label is y with probability
T[z, y] (Dawid & Skene 1979, JRSS C 28:20; as a layer on a classifier, Patrini et al., CVPR 2017). Pool and matrix are
fitted together by EM on predictions that never saw the row. Doubt that follows the features goes into p, and a label
that p leaves open is no error; only disagreement that stays however sure the models are goes into T. Rows of T are
drawn towards one common rate by the weight of ``PRIOR`` rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

PRIOR = 10.0  # rows: a class with fewer has no noise matrix of its own
LEAN = 0.3  # on the squared weights: predictions that are right about every row must not be sharpened without end
ROUNDS, STEPS, INNER = 40, 15, 5
STILL = 5e-3  # nats over all rows: EM stops below this
TINY = 1e-12


@dataclass(frozen=True)
class Noise:
    """``clean`` (n, K): probabilities of the true class. ``wrong`` (n,): posterior that the recorded label is wrong.

    ``matrix[z, y]``: probability of the label y where the class is z. ``rate``: share of labels that it makes wrong.
    ``likelihood``: log-likelihood of the labels, without the priors.
    """

    weights: F64
    offsets: F64
    matrix: F64
    clean: F64
    wrong: F64
    likelihood: float
    rate: float

    def would_be(self, matrix: F64 | None = None) -> F64:
        """(n, K) the posterior that the label is wrong, for every label that the row might have carried (with another
        noise matrix, where one is given)."""
        matrix = self.matrix if matrix is None else matrix
        kept = self.clean * np.diag(matrix)
        return np.asarray(1.0 - kept / np.maximum(self.clean @ matrix, TINY))

    def checkable(self, rate: float, level: float) -> int:
        """Rows in which some label would be doubted above ``level``, were this share of all labels wrong evenly."""
        return int((self.would_be(flat(self.clean.shape[1], rate)).max(1) > level).sum())

    def by_chance(self, level: float) -> float:
        """Rows that the pool's own doubt would put above ``level`` were every label right where it is."""
        honest = self.clean * np.diag(self.matrix)
        return float(honest[self.would_be() > level].sum())


def fit_noise(logs: F64, y: I64, most: float | None = None, start: Noise | None = None, *, even: bool = False) -> Noise:
    """Fit pool and noise matrix.

    Args:
        logs: (models, n, K) log-probabilities, each row's from models that never saw it.
        y: (n,) recorded labels, 0 .. K - 1.
        most: the share of wrong labels may not exceed this (a null hypothesis); None leaves it free.
        start: begin from here instead of one weight for all and 3 % of wrong labels.
        even: one rate, in favour of no class. Where columns cannot tell two classes, a matrix of their own would take
            the one for a misspelling of the other.
    """
    models, n, k = logs.shape
    rate = 0.03 if most is None else most
    matrix = flat(k, rate) if start is None else start.matrix
    weights = np.full(models, 1.0 / models) if start is None else start.weights
    offsets = np.zeros(k) if start is None else start.offsets
    rows, last = np.arange(n), -np.inf
    if most is not None:
        share = np.bincount(y, minlength=k) / max(n, 1)
        matrix = held(matrix, share, most)
    for _ in range(ROUNDS):
        weights, offsets = pooled(logs, y, matrix, weights, offsets)
        clean = softmax(np.tensordot(weights, logs, 1) + offsets)
        for _ in range(INNER):
            joint = clean * matrix[:, y].T
            seen = np.maximum(joint.sum(1), TINY)
            joint /= seen[:, None]
            likelihood = float(np.log(seen).sum())
            counts = np.stack([np.bincount(y, joint[:, z], k) for z in range(k)])
            size, off = counts.sum(1), counts - np.diag(np.diag(counts))
            rate = float(off.sum()) / n
            matrix = flat(k, rate) if even else (off + PRIOR * rate / (k - 1)) / (size + PRIOR)[:, None]
            np.fill_diagonal(matrix, 0.0)
            matrix += np.diag(1.0 - matrix.sum(1))
            if most is not None:
                matrix = held(matrix, size / n, most)
        if abs(likelihood - last) < STILL:
            break
        last = likelihood
    joint = clean * matrix[:, y].T
    seen = np.maximum(joint.sum(1), TINY)
    rate = float((clean.mean(0) * (1.0 - np.diag(matrix))).sum())
    return Noise(
        weights, offsets, matrix, clean, 1.0 - joint[rows, y] / seen, float(np.log(seen).sum()), rate
    )  # fmt: skip


def noise_above(logs: F64, y: I64, free: Noise, most: float, *, even: bool = False) -> tuple[float, Noise]:
    """p-value of the likelihood ratio against H0: at most a share ``most`` of the labels is wrong.

    The rate is one number with its null value at the boundary, so twice the log ratio is half a chi-square with one
    degree of freedom (Self & Liang 1987, JASA 82:605). Returns the free fit too, improved where the null's is better.
    """
    from scipy.special import ndtr

    cold, warm = (fit_noise(logs, y, most, start, even=even) for start in (None, free))
    tied = max(cold, warm, key=lambda made: made.likelihood)
    if tied.likelihood > free.likelihood:
        free = fit_noise(logs, y, None, tied, even=even)
    ratio = max(0.0, 2.0 * (free.likelihood - tied.likelihood))
    return (float(ndtr(-np.sqrt(ratio))) if free.rate > most else 1.0), free


def flat(k: int, rate: float) -> F64:
    """The noise matrix of labels that are wrong at one rate, in favour of no class."""
    matrix = np.full((k, k), rate / max(1, k - 1))
    np.fill_diagonal(matrix, 1.0 - rate)
    return matrix


def held(matrix: F64, share: F64, most: float) -> F64:
    """The same pattern of errors, made rarer so that at most a share ``most`` of all labels is wrong."""
    total = float((share * (1.0 - np.diag(matrix))).sum())
    if total <= most:
        return matrix
    out = matrix * (most / total)
    np.fill_diagonal(out, 0.0)
    return np.asarray(out + np.diag(1.0 - out.sum(1)))


def softmax(z: F64) -> F64:
    e = np.exp(z - z.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def pooled(logs: F64, y: I64, matrix: F64, weights: F64, offsets: F64) -> tuple[F64, F64]:
    """A few steps uphill in weights and offsets, for the noise matrix as it is."""
    from scipy.optimize import minimize

    models, _, k = logs.shape
    through = matrix[:, y].T

    def loss(x: F64) -> tuple[float, F64]:
        w, b = x[:models], np.concatenate(([0.0], x[models:]))
        p = softmax(np.tensordot(w, logs, 1) + b)
        joint = p * through
        seen = np.maximum(joint.sum(1), TINY)
        rest = p - joint / seen[:, None]
        down = np.tensordot(logs, rest, ((1, 2), (0, 1))) + LEAN * w
        value = -np.log(seen).sum() + LEAN * (w**2).sum() / 2 + 0.05 * (b**2).sum()
        return float(value), np.concatenate((down, rest.sum(0)[1:] + 0.1 * b[1:]))

    start = np.concatenate((weights, offsets[1:] - offsets[0]))
    bounds = [(0.0, 20.0)] * models + [(-5.0, 5.0)] * (k - 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": STEPS}).x
    return np.asarray(found[:models]), np.concatenate(([0.0], found[models:]))
