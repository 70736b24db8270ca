"""The probabilities do not mean what they say.

What it is
    Of the cases that the model calls 80 % likely, more or fewer than 80 % come true.

Why it matters
    Costs, thresholds and queues are set by these numbers. A model that is surer than it may be makes every decision
    built on it wrong by the same factor, while its ranking, and so its AUC, looks as good as ever.

How it is measured
    By what mending it gains, never by a binned calibration error, which can be small by luck of the bins and large by
    noise. The judged rows are cut in two halves (of units: rows, groups or time blocks); a map fitted on one half is
    scored on the other, both ways. Maps for two classes: *Platt* (a slope and an offset on the log-odds) and
    *isotonic*, its steps drawn towards the base rate by one row's weight so that no step says never; for more:
    *temperature* (one slope), and *temperature with offsets*, one for each class. The effect is the log-loss that
    mending saves, as a share of the log-loss of the usual answer, with a Fieller t interval. Cross-fitting makes the
    gain slightly too small, never too large. The chart shows the observed share with its 95 % Clopper-Pearson band in
    ten equal groups of rows.

Example
    >>> import numpy as np
    >>> from assay.challenges.model.miscalibrated import platt
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.uniform(0.05, 0.95, 4000)
    >>> y = (rng.random(4000) < truth).astype(float)
    >>> sure = 1 / (1 + (1 / truth - 1) ** 2)  # the log-odds doubled
    >>> slope, offset = platt(np.column_stack((1 - sure, sure)), y)
    >>> round(float(slope), 1)
    0.5

Remedy
    Safe: Platt's map (for more than two classes one temperature), fitted on all judged rows. Its proof is the gain that
    is printed: that was made by maps that had not seen the rows they were scored on.

Known false alarms
    Where judged rows come from a later time with another base rate, the finding is right about these rows, but a map
    fitted earlier will not mend it: S02 and S03 look at that.

Sources
    Platt, "Probabilistic outputs for support vector machines" (1999); Zadrozny and Elkan, "Transforming classifier
    scores into accurate multiclass probability estimates", KDD (2002); Alexandari, Kundaje and Shrikumar, "Maximum
    likelihood with bias-corrected calibration is hard-to-beat at label shift adaptation", ICML (2020);
    Brocker and Smith, "Increasing the reliability of reliability diagrams", Weather and Forecasting 22 (2007).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact, Json
from assay.core.errors import InputError
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.subject import JUDGE, Planted, Subject
from assay.core.table import F64
from assay.learn.calibration import fit_calibration
from assay.learn.replay import calibrate
from assay.probes.judged import FLOOR, Judged
from assay.stats.ratios import ratio_above, ratio_interval
from assay.stats.shares import share_interval

CHALLENGE = Challenge(
    code="M07",
    name="miscalibrated",
    title="the probabilities do not mean what they say",
    stage="model",
    needs=("target", "classes", "predictions"),
    category="costs",
    scope="model",
    promise=Dose(1.0, 5_000, "log-odds doubled"),
    materiality=(
        Threshold(
            "gain",
            0.005,
            "share of naive loss",
            "half a percent of what knowing nothing loses; a repair that brings less is not kept",
        ),
    ),
    proof="gain",
    safety="safe",
)
FEWEST = 100  # fewer rows in both halves together cannot carry a map of two numbers
BANDS = 10
Map = Callable[[F64], F64]


def measure(subject: Subject, judged: Judged, options: Options) -> Iterator[Claim]:
    fresh = judged.judge
    if len(fresh) < FEWEST or judged.classes < 2:
        return
    p, y, unit = judged.output[fresh], judged.y[fresh], judged.unit_of(fresh)
    count = int(unit.max()) + 1
    half = (subject.rng("M07", "halves").permutation(count) % 2 == 0)[unit]
    raw = judged.log()[fresh]
    for name, fit in MAPS[judged.classes == 2].items():
        mended = np.empty_like(p)
        for side in (half, ~half):
            mended[side] = fit(p[~side], y[~side])(p[side])
        after = -np.log(np.clip(mended[np.arange(len(y)), y.astype(int)], FLOOR, 1.0))
        yield claim(name, raw, after, judged, options["gain"], reliability(p, y))


def claim(name: str, raw: F64, after: F64, judged: Judged, most: float, chart: Json) -> Claim:
    fresh = judged.judge
    usual = judged.log(judged.usual())[fresh]
    more, whole = judged.by_unit(fresh, raw - after), judged.by_unit(fresh, usual)
    gain = float((raw - after).mean()) / max(float(usual.mean()), 1e-12)

    def bound(alpha: float) -> tuple[float, float]:
        return ratio_interval(more, whole, alpha)

    return Claim(
        About(comparison=f"as it is against {name}"),
        Effect(gain, "share of naive loss", most, bound),
        "test",
        f"the probabilities are off: mending them ({name}) takes log-loss from {raw.mean():.3g} to {after.mean():.3g}",
        len(raw),
        p=ratio_above(more, whole, most),
        family="challenge",
        impact=Impact("costs", gain, bound(0.05), "share of naive loss"),
        evidence={"chart": chart, "units": judged.units, "log_loss": float(raw.mean()), "mended": float(after.mean())},
    )


def by_platt(p: F64, y: F64) -> Map:
    fitted = platt(p, y)
    return lambda q: mend(q, fitted)


def by_temperature(p: F64, y: F64) -> Map:
    fitted = fit_calibration(p, y, "multiclass")
    return lambda q: calibrate(fitted, q)


def platt(p: F64, y: F64) -> F64:
    """(slope, offset of class 1, offset of class 2 ...) that maximise the likelihood; (1, 0 ...) changes nothing."""
    from scipy.optimize import minimize

    logs = np.log(np.clip(p, FLOOR, 1.0))
    k, rows = p.shape[1], np.arange(len(y))
    hot = np.eye(k)[y.astype(int)]

    def loss(w: F64) -> tuple[float, F64]:
        z = w[0] * logs
        z[:, 1:] += w[1:]
        z -= z.max(1, keepdims=True)
        q = np.exp(z)
        q /= q.sum(1, keepdims=True)
        lean = (w[1:] ** 2).sum() * 1e-3  # an absent class would push its offset to minus infinity
        rest = (q - hot) / len(y)
        slope = np.concatenate(([(rest * logs).sum()], rest[:, 1:].sum(0) + 2e-3 * w[1:] / len(y)))
        return float(-np.log(np.maximum(q[rows, y.astype(int)], 1e-300)).mean() + lean / len(y)), slope

    start = np.concatenate(([1.0], np.zeros(k - 1)))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, 20.0), *[(-20.0, 20.0)] * (k - 1)])
    return np.asarray(found.x, np.float64)


def mend(p: F64, w: F64) -> F64:
    z = w[0] * np.log(np.clip(p, FLOOR, 1.0))
    z[:, 1:] += w[1:]
    q = np.exp(z - z.max(1, keepdims=True))
    return np.asarray(q / q.sum(1, keepdims=True), np.float64)


def by_steps(p: F64, y: F64) -> Map:
    """Isotonic steps, each drawn towards the base rate by the weight of one row."""
    from sklearn.isotonic import isotonic_regression

    ends, at, size = np.unique(p[:, 1], return_inverse=True, return_counts=True)
    hits = np.bincount(at.ravel(), y, len(ends))
    level = isotonic_regression(hits / size, sample_weight=size.astype(float))
    step = np.concatenate(([0], np.cumsum(np.diff(level) > 0)))
    value = (np.bincount(step, hits) + y.mean()) / (np.bincount(step, size) + 1)

    def apply(q: F64) -> F64:
        near = np.clip(np.searchsorted(ends, q[:, 1]), 0, len(ends) - 1)
        one = value[step[near]]
        return np.column_stack((1 - one, one))

    return apply


MAPS: dict[bool, dict[str, Callable[[F64, F64], Map]]] = {
    True: {"Platt": by_platt, "isotonic": by_steps},
    False: {"temperature": by_temperature, "temperature with offsets": by_platt},
}


def reliability(p: F64, y: F64) -> Json:
    """Said and observed shares of the last class (of the likeliest one where there are more than two), with bands."""
    said = p[:, 1] if p.shape[1] == 2 else p.max(1)
    true = y if p.shape[1] == 2 else (p.argmax(1) == y).astype(float)
    parts = [part for part in np.array_split(np.argsort(said, kind="stable"), BANDS) if len(part) >= 5]
    hits, size = np.array([true[i].sum() for i in parts]), np.array([len(i) for i in parts])
    lo, hi = share_interval(hits, size, 0.05)
    return {
        "kind": "line", "title": "Said and observed", "x": [float(said[i].mean()) for i in parts],
        "y": (hits / size).tolist(), "lo": np.asarray(lo).tolist(), "hi": np.asarray(hi).tolist(),
        "x_title": "probability said", "y_title": "share observed",
    }  # fmt: skip


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    given = subject.predictions
    if given is None:
        return None
    fresh = np.flatnonzero((given.part == JUDGE) & np.isfinite(given.y))
    fresh = fresh[np.argsort(given.row_id[fresh], kind="stable")]
    fitted = fit_calibration(
        given.output[fresh], given.y[fresh], "binary" if given.output.shape[1] == 2 else "multiclass"
    )
    if fitted.kind == "none":
        return None
    says = f"mend the probabilities ({fitted.kind}: logits times {fitted.a:.3g}, plus {fitted.b:.3g})"
    return Remedy(
        "output", "safe", "gain", says,
        options={"calibration": fitted.kind, "a": fitted.a, "b": fitted.b},
    )  # fmt: skip


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Multiply the log-odds by 1 + ``dose``: surer than it may be, with the same ranking."""
    given = subject.predictions
    if given is None or given.output.ndim != 2:
        raise InputError("miscalibration is planted in class probabilities; the subject has none")
    output = mend(given.output, np.concatenate(([1.0 + dose], np.zeros(given.output.shape[1] - 1))))
    known = np.flatnonzero(np.isfinite(given.y))
    y = given.y[known].astype(int)
    before, after = (-np.log(np.clip(o[known, y], FLOOR, 1.0)).mean() for o in (given.output, output))
    share = np.bincount(y, minlength=output.shape[1]) / max(1, len(y))
    usual = float(-(share[share > 0] * np.log(share[share > 0])).sum())
    effect = float(after - before) / usual if usual > 0 else 0.0
    return Planted(replace(subject, predictions=replace(given, output=output)), (), effect)
