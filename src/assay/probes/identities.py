"""Formulas that make one column of others: sums, products, and differences of clocks, searched on rows handed in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from assay.core.table import F64

Form = Literal["sum", "product", "clock"]
DAY = 1440.0
MOST_OFFSETS = 32
NICE = np.array([
    1.0, 2.0, 0.5, 10.0, 100.0, 1000.0, 60.0, 3600.0, 86400.0, 1440.0,
    0.1, 0.01, 0.001, 1 / 60, 1 / 3600, 1 / 86400, 1 / 1440,
])  # fmt: skip
UNITS = {1.0: "in seconds", 60.0: "in minutes", 3600.0: "in hours", 86400.0: "in days"}
POWERS = np.array([1.0, 2.0, 0.5, 3.0])
TRIM_ROUNDS = 4
PAIRS_KEPT = 6
MOST_PARTS = 4
NO_NEWS = 0.9
FEWEST = 5  # rows that a third part must explain
TINY = 1e-6  # of the spread: floating error of a sum, no more


@dataclass(frozen=True, slots=True)
class Formula:
    """``whole`` = f(parts) + one of ``offsets``, within ``width`` / 2.

    sum: weights @ parts;  product: scale * prod(parts ** weights);  clock: (first - second) * scale, whole days apart.
    """

    form: Form
    parts: tuple[str, ...]
    weights: tuple[float, ...]
    scale: float = 1.0
    width: float = 0.0
    offsets: tuple[float, ...] = ()
    modulus: float = 0.0

    def value(self, x: Sequence[F64]) -> F64:
        """The formula without offset; x holds the parts in order."""
        with np.errstate(all="ignore"):
            if self.form == "product":
                out = np.full(len(x[0]), self.scale)
                for part, power in zip(x, self.weights, strict=True):
                    out = out * np.power(part, power)
                return out
            total = np.zeros(len(x[0]))
            for part, weight in zip(x, self.weights, strict=True):
                total = total + part * weight
            return total * self.scale

    def residual(self, whole: F64, x: Sequence[F64]) -> F64:
        """whole - f(parts), for clocks within half a day of zero; NaN where anything is missing."""
        gap = whole - self.value(x)
        if self.modulus:
            gap = np.mod(gap + self.modulus / 2, self.modulus) - self.modulus / 2
        return gap

    def holds(self, whole: F64, x: Sequence[F64]) -> F64:
        """1 where the formula gives the whole, 0 where not, NaN where a value is missing."""
        gap = self.residual(whole, x)
        at = np.sort(np.array(self.offsets))
        near = np.clip(np.searchsorted(at, gap), 1, len(at) - 1) if len(at) > 1 else np.zeros(len(gap), int)
        dist = np.minimum(np.abs(gap - at[near]), np.abs(gap - at[near - 1])) if len(at) > 1 else np.abs(gap - at[0])
        missing = ~np.isfinite(whole) | np.any([~np.isfinite(p) for p in x], axis=0)
        return np.where(missing, np.nan, np.where(np.isfinite(gap), dist <= self.width / 2 * 1.0001, False))

    def says(self) -> str:
        """In words: ``casual + registered``, ``a * b``, ``arr_time - sched_arr_time in minutes, modulo a day``."""
        if self.form == "product":
            up = [_power(p, w) for p, w in zip(self.parts, self.weights, strict=True) if w > 0]
            down = [_power(p, -w) for p, w in zip(self.parts, self.weights, strict=True) if w < 0]
            text = " * ".join(up) or "1"
            text = " / ".join([text, *down])
            return text if self.scale == 1 else f"{self.scale:.9g} * {text}"
        text = ""
        for part, weight in sorted(zip(self.parts, self.weights, strict=True), key=lambda p: p[1] < 0):
            size = "" if abs(weight) == 1 else f"{abs(weight):.9g} * "
            text += f" {'-' if weight < 0 else '+'} {size}{part}"
        text = text.removeprefix(" + ").strip()
        if self.form == "clock":
            return f"{text} {self.unit()}"
        return text if self.scale == 1 else f"({text}) * {self.scale:.9g}"

    def unit(self) -> str:
        """``in minutes, modulo a day`` for clocks; the unit of the difference of two dates."""
        seconds = 60.0 if self.modulus else 1.0
        name = UNITS.get(round(seconds / self.scale, 6), f"in units of {seconds / self.scale:.9g} seconds")
        return f"{name}, modulo a day" if self.modulus else name


def _power(part: str, power: float) -> str:
    return part if power == 1 else f"{part}^{power:.9g}"


def grain(t: F64, widest: float = 0.05) -> float:
    """The step of the grid that the values lie on (1, 0.01 ...), at most ``widest`` of their spread; a millionth of it
    where there is no grid."""
    spread = float(np.std(t)) or 1.0
    for step in (1.0, 0.1, 0.01, 0.001):
        if step <= widest * spread and np.all(np.abs(t / step - np.round(t / step)) < 1e-6 * np.maximum(1, np.abs(t))):
            return step
    return TINY * spread


def coverage(gap: F64, width: float, most: int) -> tuple[float, tuple[float, ...]]:
    """Share of rows whose gap is one of the ``most`` commonest values, and these values (each in three rows)."""
    gap = gap[np.isfinite(gap)]
    if not len(gap):
        return 0.0, ()
    middle = float(np.median(gap))
    keys, counts = np.unique(np.round((gap - middle) / width), return_counts=True)
    top = np.lexsort((keys, -counts))[:most]
    top = top[(counts[top] >= 3) | (np.arange(len(top)) == 0)]
    own = [float(np.median(gap[np.round((gap - middle) / width) == keys[i]])) for i in top]
    return float(counts[top].sum() / len(gap)), tuple(own)


def settle(formula: Formula, whole: F64, x: Sequence[F64], share: float) -> tuple[float, Formula] | None:
    """Width and offsets of a formula on the search rows, as few as reach ``share``; None where it is no news.

    It is no news where the whole alone, or one part alone, already lies on as few values in nine rows of ten: then the
    offsets say it, not the parts. A third part must at least halve the rows that fail without it.
    """
    finite = np.isfinite(whole) & np.all([np.isfinite(p) for p in x], axis=0)
    if finite.sum() < 30:
        return None
    whole, x = whole[finite], [p[finite] for p in x]
    width = grain(whole, 0.25 if formula.form == "clock" else 0.05)
    gap = formula.residual(whole, x)
    for most in (1, MOST_OFFSETS) if formula.form == "sum" else (1,):
        got, offsets = coverage(gap, width, most)
        if got >= share or most == MOST_OFFSETS or formula.form != "sum":
            break
    without = max(coverage(g, width, most)[0] for g in _shorter(formula, whole, x))
    if not offsets or coverage(whole, width, most)[0] >= NO_NEWS:
        return None
    if without >= (NO_NEWS if len(x) <= 2 else 1 - 2 * (1 - got) - 1e-9) or (
        len(x) > 2 and (got - without) * len(gap) < FEWEST
    ):
        return None
    return got, replace(formula, width=max(width, TINY * float(np.std(whole))), offsets=offsets)


def _shorter(formula: Formula, whole: F64, x: Sequence[F64]) -> Iterator[F64]:
    for i in range(len(x)):
        weights = tuple(0.0 if j == i else w for j, w in enumerate(formula.weights))
        yield replace(formula, weights=weights).residual(whole, x)


def clock_pairs(names: Sequence[str], whole: F64, x: Sequence[F64], modulus: float) -> Iterator[Formula]:
    """first - second, in minutes modulo a day (clocks) or in seconds (dates), scaled to the whole, for all pairs."""
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            if i == j:
                continue
            gap = x[i] - x[j]
            if modulus:
                gap = np.mod(gap + modulus / 2, modulus) - modulus / 2
            known = np.isfinite(gap) & np.isfinite(whole) & (np.abs(gap) > 0)
            if known.sum() < 30:
                continue
            slope = float(np.median(whole[known] / gap[known]))
            scale = _nice(slope, NICE) if slope > 0 else None
            if scale is not None:
                yield Formula("clock", (a, b), (1.0, -1.0), scale, modulus=modulus * scale)


def _nice(value: float, steps: F64) -> float | None:
    """The round number within a tenth of the value, with its sign; None where there is none."""
    if not np.isfinite(value) or value == 0:
        return None
    near = steps[np.argmin(np.abs(np.log(steps / abs(value))))]
    return float(np.sign(value) * near) if abs(abs(value) / near - 1) <= 0.1 else None


def sums(names: Sequence[str], whole: F64, X: F64) -> Iterator[Formula]:
    """Weighted sums of two to four columns: pairs by R2 and by plain sums and differences, then one column more."""
    pairs = best_pairs(whole, X, PAIRS_KEPT) + plain_pairs(whole, X, PAIRS_KEPT)
    seen: set[tuple[int, ...]] = set()
    for pair in pairs:
        chosen = list(pair)
        while True:
            key = tuple(sorted(chosen))
            if key not in seen:
                seen.add(key)
                yield from _fits(names, whole, X, key)
            if len(chosen) >= min(MOST_PARTS, X.shape[1]):
                break
            chosen.append(_next_part(whole, X, chosen))


def _fits(names: Sequence[str], whole: F64, X: F64, key: tuple[int, ...]) -> Iterator[Formula]:
    weights, _ = trimmed(whole, X[:, key])
    parts = tuple(names[i] for i in key)
    if np.all(np.isfinite(weights)) and np.all(weights != 0):
        # a whole that stands inside one of the parts (tip in total) biases least squares: plain signs are tried too
        yield Formula("sum", parts, tuple(float(w) for w in np.sign(weights)))
        round_ones = [_nice(float(w), NICE) for w in weights]
        if all(w is not None for w in round_ones):
            yield Formula("sum", parts, tuple(float(w) for w in round_ones if w is not None))
        yield Formula("sum", parts, tuple(float(w) for w in weights))


def trimmed(whole: F64, X: F64) -> tuple[F64, float]:
    """Least squares with an intercept, refitted on the half of the rows with the smallest residuals (Rousseeuw)."""
    finite = np.isfinite(whole) & np.all(np.isfinite(X), axis=1)
    whole, X = whole[finite], X[finite]
    if len(whole) < 10 * (X.shape[1] + 1):
        return np.full(X.shape[1], np.nan), np.nan
    middle, spread = X.mean(0), X.std(0)
    if np.any(spread == 0):
        return np.full(X.shape[1], np.nan), np.nan
    Z = np.column_stack((np.ones(len(X)), (X - middle) / spread))
    keep = np.arange(len(whole))
    for _ in range(TRIM_ROUNDS):
        w = np.linalg.lstsq(Z[keep], whole[keep], rcond=1e-10)[0]
        gap = np.abs(whole - Z @ w)
        keep = np.argsort(gap, kind="stable")[: max(len(gap) // 2, 10 * Z.shape[1])]
        if np.any(Z[keep, 1:].std(0) == 0):
            break
    return w[1:] / spread, float(w[0] - (w[1:] * middle / spread).sum())


def best_pairs(whole: F64, X: F64, most: int) -> list[tuple[int, int]]:
    """The pairs with the largest R2 over the rows where both are present: all pairs at once, from masked sums."""
    p = X.shape[1]
    if p < 2:
        return []
    present = np.isfinite(X) & np.isfinite(whole)[:, None]
    t = np.where(np.isfinite(whole), whole, 0.0)
    t = (t - t.mean()) / (t.std() or 1.0)
    with np.errstate(all="ignore"):
        filled = np.maximum(present.sum(axis=0), 1)  # a column may hold nothing where the whole does
        middle = np.where(present, X, 0.0).sum(axis=0) / filled
        spread = np.sqrt((np.where(present, X - middle, 0.0) ** 2).sum(axis=0) / filled)
    Z = np.where(present, (X - middle) / np.where(spread > 0, spread, 1.0), 0.0)
    M = present.astype(np.float64)
    n = M.T @ M
    with np.errstate(all="ignore"):
        mean_t, mean_x = (M * t[:, None]).T @ M / n, Z.T @ M / n  # mean_x[i, j]: mean of column i where j is present
        c_tt = (M * t[:, None] ** 2).T @ M / n - mean_t**2
        c_xt = (Z * t[:, None]).T @ M / n - mean_x * mean_t
        c_xx = (Z**2).T @ M / n - mean_x**2
        c_xy = Z.T @ Z / n - mean_x * mean_x.T
        c_yt, c_yy = c_xt.T, c_xx.T
        det = c_xx * c_yy - c_xy**2
        r2 = (c_xt**2 * c_yy - 2 * c_xt * c_yt * c_xy + c_yt**2 * c_xx) / (det * c_tt)
    bad = ~np.isfinite(r2) | (det <= 1e-10) | (n < 30) | np.tri(p, dtype=bool)
    r2[bad] = -1.0
    order = np.argsort(-r2, axis=None, kind="stable")[:most]
    return [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, r2.shape), strict=True) if r2[i, j] >= 0]


def plain_pairs(whole: F64, X: F64, most: int, rows: int = 400) -> list[tuple[int, int]]:
    """Pairs whose plain sum or difference lies a constant away from the whole most often."""
    p = X.shape[1]
    if p < 2:
        return []
    x, t = X[:rows], whole[:rows]
    i, j = np.triu_indices(p, 1)
    scores = np.zeros(len(i))
    for start in range(0, len(i), 2000):
        a, b = x[:, i[start : start + 2000]], x[:, j[start : start + 2000]]
        for made in (a + b, a - b, b - a):
            gap = t[:, None] - made
            with np.errstate(all="ignore"):
                near = np.abs(gap - np.nanquantile(gap, 0.5, axis=0, method="lower")) < 1e-9 * (1 + np.abs(t))[:, None]
            there = np.isfinite(gap).sum(0)
            share = np.where(there >= 30, near.sum(0) / np.maximum(there, 1), 0.0)
            scores[start : start + 2000] = np.maximum(scores[start : start + 2000], share)
    order = np.argsort(-scores, kind="stable")[:most]
    return [(int(i[o]), int(j[o])) for o in order if scores[o] > 0.2]


def _next_part(whole: F64, X: F64, chosen: Sequence[int]) -> int:
    """The column that goes best with what the chosen ones leave (orthogonal matching pursuit; Pati et al. 1993)."""
    weights, base = trimmed(whole, X[:, list(chosen)])
    left = whole - X[:, list(chosen)] @ np.nan_to_num(weights) - np.nan_to_num(base)
    best, at = -1.0, next(i for i in range(X.shape[1]) if i not in chosen)
    for i in range(X.shape[1]):
        known = np.isfinite(left) & np.isfinite(X[:, i])
        if i in chosen or known.sum() < 30 or np.ptp(X[known, i]) == 0 or np.ptp(left[known]) == 0:
            continue
        r = abs(float(np.corrcoef(X[known, i], left[known])[0, 1]))
        if r > best:
            best, at = r, i
    return at


def products(names: Sequence[str], whole: F64, X: F64) -> Iterator[Formula]:
    """Products and ratios of two columns: log-linear pairs with round powers, over the rows where all is positive."""
    usable = [i for i in range(X.shape[1]) if (X[np.isfinite(X[:, i]), i] > 0).mean() > 0.5]
    if len(usable) < 2 or not (whole[np.isfinite(whole)] > 0).mean() > 0.5:
        return
    with np.errstate(all="ignore"):
        logs, t = np.log(X[:, usable]), np.log(whole)
    logs, t = np.where(np.isfinite(logs), logs, np.nan), np.where(np.isfinite(t), t, np.nan)
    for i, j in best_pairs(t, logs, PAIRS_KEPT):
        weights, _ = trimmed(t, logs[:, [i, j]])
        powers = [_nice(float(w), POWERS) for w in weights]
        if any(w is None for w in powers):
            continue
        made = Formula(
            "product", (names[usable[i]], names[usable[j]]), tuple(float(w) for w in powers if w is not None)
        )
        with np.errstate(all="ignore"):
            ratio = whole / made.value([X[:, usable[i]], X[:, usable[j]]])
        ratio = ratio[np.isfinite(ratio)]
        scale = float(np.median(ratio)) if len(ratio) else 1.0
        near = float(np.round(scale, 3))
        yield replace(made, scale=near if near and abs(scale / near - 1) < 1e-3 else scale)
