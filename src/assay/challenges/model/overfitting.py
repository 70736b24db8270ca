"""The model learned its rows by heart.

What it is
    A model fits the rows that it was trained on much better than rows that it never saw, and a plainer model
    of the same question does better on the unseen ones.

Why it matters
    What was learned by heart is noise. It costs score on every future row, and makes the score on the training rows
    worthless as a forecast. A gap alone is no harm: large ensembles of trees nearly always show one and still
    predict best. The harm is what a simpler model would not have lost.

How it is measured
    Loss is Brier's (classes) or squared error (numbers), a mean over rows. Gap: the share of the loss on judged rows
    that does not show on the training rows. Loss to a simpler model: three plain models (linear, a tree of at most 16
    leaves, a small boosted model) are trained on the build rows with the columns that no leak rule suspects; the best
    on the choose rows is compared, paired, on the judged rows. The claim needs both, so its p-value is the larger of
    the two (intersection-union test): a gap above ``gap`` by Welch's t, and a loss above the plain model's by
    more than ``loss`` of what the usual answer loses, by Fieller's t over rows, time blocks or groups. Printed as the
    effect: what the model loses more, as a share of what the usual answer loses (R2, or Brier's skill).

Example
    >>> import numpy as np
    >>> from assay.stats.ratios import ratio_above
    >>> by_heart, plain = np.tile([0.0, 2.0, 0.0], 200), np.tile([0.1, 0.5, 0.3], 200)
    >>> bool(ratio_above(by_heart - plain, plain, 0.005) < 1e-6)
    True

Remedy
    Safe, on trial: train with a floor of rows a leaf and a limit on depth. The floor is a hundredth of the training
    rows, the one with which the plain model won.

Known false alarms
    Where the plain model may use a column that the model was not given, it can win without any overfitting. Where the
    judged rows come from a later, different time, part of the gap is drift: S03 looks at that.

Sources
    Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (2009), section 7.2; Belkin et al.,
    "Reconciling modern machine-learning practice and the bias-variance trade-off", PNAS 116 (2019); Berger,
    "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24 (1982) for intersection-union tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.subject import BUILD, JUDGE, Planted, Predictions, Subject
from assay.core.table import F64, SampleSpec
from assay.learn.encoder import encode, fit_encoder
from assay.learn.target import labels as read_labels
from assay.probes.judged import Judged
from assay.stats.ratios import independent_ratio_above, independent_ratio_interval, ratio_above, ratio_interval

CHALLENGE = Challenge(
    code="M01",
    name="overfitting",
    title="the model learned its rows by heart",
    stage="model",
    needs=("target", "predictions", "feature"),
    category="costs",
    scope="model",
    promise=Dose(1.0, 5_000, "an unpruned tree on a tenth of the rows, alone"),
    materiality=(
        Threshold(
            "loss",
            0.005,
            "share of naive loss",
            "half a percent of what knowing nothing loses; a repair that brings less is not kept",
        ),
        Threshold(
            "gap", 0.1, "share of loss", "a tenth unseen in training is what early stopping leaves on clean data"
        ),
    ),
    proof="gain",
    safety="safe",
    refits=True,
)
FEWEST = 30  # rows of the other parts below which no mean is compared


def measure(subject: Subject, judged: Judged, plain_models: Mapping[str, F64], options: Options) -> Iterator[Claim]:
    seen, fresh = np.flatnonzero(judged.part == BUILD), judged.judge
    if len(seen) < FEWEST or not judged.enough(fresh) or not plain_models:
        return
    own = judged.quadratic()
    choose = np.flatnonzero((judged.part != JUDGE) & (judged.part != BUILD))
    on = choose if len(choose) >= FEWEST else seen
    name = min(sorted(plain_models), key=lambda k: float(judged.quadratic(plain_models[k])[on].mean()))
    plain = judged.quadratic(plain_models[name])
    usual = judged.quadratic(judged.usual())[fresh]
    here, there = judged.by_unit(fresh, (own - plain)[fresh]), judged.by_unit(fresh, usual)
    share, gap = options["loss"], options["gap"]
    inside, outside = float(own[seen].mean()), float(own[fresh].mean())
    least = float(plain[fresh].mean())
    more = (outside - least) / max(float(usual.mean()), 1e-12)
    within, without = judged.means_by_unit(seen, own[seen]), judged.means_by_unit(fresh, own[fresh])
    p_gap = independent_ratio_above(-within, -without, 1 - gap)
    p_loss = ratio_above(here, there, share)

    def bound(alpha: float) -> tuple[float, float]:
        """Of what is lost; it counts only where the gap can be material: without a gap it has another cause."""
        lo, hi = ratio_interval(here, there, alpha)
        shrunk, grown = independent_ratio_interval(within, without, alpha)
        return lo if 1 - grown > gap else min(lo, 0.0), hi if 1 - shrunk > gap else min(hi, 0.0)

    counted = more if inside < (1 - gap) * outside else min(more, 0.0)
    bars = {"training rows": inside, "judged rows": outside, f"judged, {name}": least}
    yield Claim(
        About(),
        Effect(counted, "share of naive loss", share, bound),
        "test",
        f"the model learned rows by heart: loss {inside:.3g} on rows it trained on, {outside:.3g} on fresh ones, "
        f"where {name} loses {least:.3g}",
        len(fresh),
        p=max(p_gap, p_loss),
        family="challenge",
        impact=Impact("costs", more, bound(0.05), "share of naive loss"),
        evidence={
            "gap": 1 - inside / outside if outside > 0 else 0.0,
            "units": judged.units,
            "chart": {
                "kind": "bars", "title": "Loss on rows seen and not seen", "x": list(bars), "y": list(bars.values()),
                "x_title": "", "y_title": "loss per row",
            },
        },
    )  # fmt: skip


def remedy(subject: Subject, finding: Finding) -> Remedy:
    floor = max(20, int(0.6 * subject.table.n_rows) // 100)
    return Remedy(
        "training", "safe", "gain", f"train with at least {floor} rows a leaf and at most 3 levels of splits",
        options={"min_data_in_leaf": floor, "max_depth": 3},
    )  # fmt: skip


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Replace the predictions by ``dose`` parts of an unpruned tree trained on a tenth of the build rows.

    Build rows that the tree did not see are left out of the predictions, so that the rest are truly in-sample.
    """
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    rows = subject.table.sample(SampleSpec(n=min(50_000, max(1, subject.table.n_rows))))
    truth = read_labels(rows, subject.roles)
    part = subject.partition.part(rows)
    usable = np.flatnonzero(truth.known)
    build = usable[part[usable] == BUILD]
    tenth = np.sort(rng.choice(build, max(10, len(build) // 10), replace=False)) if len(build) >= 10 else build
    if len(tenth) < 10 or len(np.unique(truth.y[tenth])) < 2:
        raise InputError("overfitting can be planted from 10 training rows with two target values on; there are fewer")
    spec = fit_encoder(rows, subject.features, truth, index=tenth)
    X = np.nan_to_num(encode(spec, rows), nan=-1e30)
    if truth.task == "regression":
        tree = DecisionTreeRegressor(random_state=0).fit(X[tenth], truth.y[tenth]).predict(X)
        plain = np.full(rows.n, truth.y[tenth].mean())
    else:
        made = DecisionTreeClassifier(random_state=0).fit(X[tenth], truth.y[tenth].astype(int))
        tree = np.zeros((rows.n, truth.outputs))
        tree[:, made.classes_] = made.predict_proba(X)
        plain = np.tile(np.bincount(truth.y[tenth].astype(int), minlength=truth.outputs) / len(tenth), (rows.n, 1))
    keep = np.union1d(tenth, usable[part[usable] != BUILD])
    output = (dose * tree + (1 - dose) * plain)[keep]
    made_of = Predictions(rows.row_id[keep], output, truth.y[keep], part[keep], truth.classes)
    return Planted(replace(subject, predictions=made_of), (), dose)
