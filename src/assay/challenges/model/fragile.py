"""The model does worse with a broken cell than without the column.

What it is
    A cell goes missing, or a number comes with a little noise, and the model answers worse than if it had never had the
    column.

Why it matters
    In use, cells are missing that were there in training, and instruments are replaced. A model may lose what a column
    told it. It must not lose more than that: where a hole is read as an extreme value, every such row is answered
    worse than without the model.

How it is measured
    On judged rows, for the 12 columns that move the answers most (swapped between rows; no outcome is looked at): the
    column goes missing, where the model takes that; a number gets noise of a tenth of its spread, inside its range,
    while values of one cell in twenty or more (zeros, codes) stay.
    A model that uses a column loses with it: that is nature. So what is compared is the better, on the choose rows, of
    the usual answer and of a small boosted model that was trained with a fifth of its cells gone and gets the same
    rows; of a noisy column it gets nothing. The effect is the smaller of two losses, as a share of what the usual
    answer loses: what the model loses more than on whole rows, and what it loses more than that comparison. Both are
    tested, by Fieller's t over rows, time blocks or groups, and the larger p counts (intersection-union test). A column
    is measured on the rows that have its cell, so the effect is that of a broken cell.
    Where no column stands out, a tenth of all cells goes missing, with the curve over other shares beside it.
    Units that slip (x 1000, x 0.001, x 10, Fahrenheit for Celsius, a decimal point lost) are numbers beside the
    finding and no claim: a wrong value inside the range deceives every model that uses the column, and what lies
    outside it is for the schema to refuse. Both shares are given.

Example
    >>> import numpy as np
    >>> from assay.stats.ratios import ratio_above
    >>> broken, without = np.tile([0.9, 0.2, 0.8], 100), np.tile([0.5, 0.4, 0.5], 100)
    >>> bool(ratio_above(broken - without, np.full(300, 0.5), 0.05) < 1e-6)
    True

Remedy
    Safe: mask a tenth of the cells in training, so that the model learns what to do without them. Recorded only: no
    trial is made, since the race does not mask.

Known false alarms
    A column that never comes without its cells: then holes are not to be feared. Where the comparison uses other
    columns than the model, it may do better for that reason.

Sources
    Ribeiro et al., "Beyond accuracy: behavioral testing of NLP models with CheckList", ACL (2020); Josse et al., "On
    the consistency of supervised learning with missing values" (2019); Berger, Technometrics 24 (1982) for
    intersection-union tests; perturbation tests of Giskard and Deepchecks ask whether answers move, not whether more is
    lost than the column was worth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.subject import BUILD, JUDGE, Planted, Predictions, Subject, Through
from assay.core.table import F64, I64, Sample, SampleSpec
from assay.learn.encoded import EncodedModel
from assay.learn.target import labels as read_labels
from assay.probes.asked import Reliance, answers, apart, blanked, swapped
from assay.probes.broken_cells import Bench, broken, slip_table
from assay.probes.judged import Judged
from assay.probes.with_holes import masks
from assay.stats.ratios import ratio_above, ratio_interval

CHALLENGE = Challenge(
    code="M14",
    name="fragile",
    title="the model does worse with a broken cell than without the column",
    stage="model",
    needs=("target", "predictions", "model", "feature"),
    category="costs",
    scope="model",
    promise=Dose(0.8, 3_000, "rows without a cell answered, for four fifths, as if the rarest answer were certain"),
    materiality=(
        Threshold(
            "cell",
            0.05,
            "share of naive loss",
            "with one cell in ten broken this is half a percent of what knowing nothing loses",
        ),
        Threshold(
            "all",
            0.005,
            "share of naive loss",
            "half a percent of what knowing nothing loses; a repair that brings less is not kept",
        ),
    ),
    proof="gain",
    safety="safe",
    refits=True,
)
MOST_COLUMNS, MOST_ROWS, WORK, FEWEST = 12, 2_000, 20_000, 30
SHARES, CLAIMED = (0.05, 0.1, 0.2, 0.3), 0.1
TOLD = 0.01
MASK = 0.1
ALL = "a tenth of all cells missing"


def measure(
    subject: Subject, judged: Judged, reliance: Reliance, with_holes: EncodedModel | None, options: Options
) -> Iterator[Claim]:
    assert subject.model is not None
    columns = reliance.leading[:MOST_COLUMNS]
    most = int(np.clip(WORK // max(1, 2 * len(columns) + len(SHARES)), FEWEST, MOST_ROWS))
    index = judged.judge[:most]  # sorted by hash, so the first are a random draw
    choose = np.flatnonzero((judged.fold != JUDGE) & (judged.fold != BUILD))[:most]
    if not columns or not judged.enough(index) or len(choose) < FEWEST or len(judged.build) < FEWEST:
        return
    rows = judged.rows.take(index)
    own = judged.quadratic(answers(subject.model, rows), index)
    bench = Bench(subject.model, judged, with_holes, index, choose, rows, own)
    rest = len(subject.features) - len(columns)
    slips = slip_table(bench, reliance, subject.rng("M14", "slips"))
    told, used = False, {c for c, moved in zip(reliance.columns, reliance.moved, strict=True) if moved > 0}
    for column in columns:
        for kind, made in broken(bench, column, column in used, subject.rng("M14", f"noise {column}")):
            more = {"columns_not_looked_at": rest, "slips": slips.get(column, {})}
            for one in column_claim(bench, column, kind, made, options["cell"], more):
                told |= kind == "missing" and (one.p or 0.0) <= TOLD
                yield one
    if not told:  # else the holes of that column speak in all cells too: one cause, one finding
        yield from all_claim(bench, subject.features, options["all"], subject.rng("M14", "holes"))


def column_claim(
    bench: Bench, column: str, kind: str, rows: Sample, most: float, more: dict[str, Any]
) -> Iterator[Claim]:
    there = ~bench.rows.null(column)
    if kind == "noise":
        there &= rows.numbers(column) != bench.rows.numbers(column)
    at = np.flatnonzero(there)
    if not bench.judged.enough(bench.index[at]):
        return
    try:
        lost = bench.judged.quadratic(answers(bench.model, rows), bench.index)
    except InputError:  # the model does not take a hole here, and says so: it answers nothing wrong
        return
    gone = blanked(bench.rows, {column: None})
    chosen = blanked(bench.judged.rows.take(bench.choose), {column: None})
    name, without = bench.against(gone, chosen)
    what = f"without {column}" if kind == "missing" else f"with noise of a tenth of its spread in {column}"
    yield claim(bench, at, lost, name, without, most, what, About((column,), comparison=kind), {"kind": kind, **more})


def all_claim(bench: Bench, features: tuple[str, ...], most: float, rng: np.random.Generator) -> Iterator[Claim]:
    """A tenth of all cells gone, with the curve over other shares."""
    columns = tuple(sorted(c for c in features if c in bench.rows.names))
    chosen = bench.judged.rows.take(bench.choose)
    curve: dict[str, list[float]] = {"model": [float(bench.own.mean())], "plain": []}
    if bench.plain is not None:
        curve["plain"].append(bench.mean(bench.index, bench.plain.predict_rows(bench.rows)))
    made = None
    for share in SHARES:
        holed = blanked(bench.rows, masks(columns, bench.rows.n, share, rng))
        other = blanked(chosen, masks(columns, chosen.n, share, rng))
        try:
            lost = bench.judged.quadratic(answers(bench.model, holed), bench.index)
        except InputError:
            return
        curve["model"].append(float(lost.mean()))
        if bench.plain is not None:
            curve["plain"].append(bench.mean(bench.index, bench.plain.predict_rows(holed)))
        if share == CLAIMED:
            made = (lost, *bench.against(holed, other))
    assert made is not None
    lost, name, without = made
    everyone = np.arange(len(bench.index))
    chart = {
        "kind": "line", "title": "Loss by share of cells missing", "x": [0.0, *SHARES], "y": curve["model"],
        "x_title": "share of cells missing", "y_title": "loss per row",
    }  # fmt: skip
    told = {"kind": "all", "curve": curve, "shares": [0.0, *SHARES], "chart": chart}
    yield claim(bench, everyone, lost, name, without, most, f"with {ALL}", About(comparison=ALL), told)


def claim(
    bench: Bench, at: I64, lost: F64, name: str, without: F64, most: float, what: str, about: About,
    evidence: dict[str, Any],
) -> Claim:  # fmt: skip
    judged, index = bench.judged, bench.index[at]
    usual = judged.quadratic(bench.usual[index], index)
    whole = judged.by_unit(index, usual)
    pairs = [judged.by_unit(index, (lost - other)[at]) for other in (bench.own, without)]
    mean = max(float(usual.mean()), 1e-12)
    sizes = [float((lost - other)[at].mean()) / mean for other in (bench.own, without)]

    def bound(alpha: float) -> tuple[float, float]:
        """Of the smaller one: it is at least the lesser lower end and at most the lesser upper end."""
        ends = [ratio_interval(pair, whole, alpha) for pair in pairs]
        return min(lo for lo, _ in ends), min(hi for _, hi in ends)

    losses = {"whole rows": float(bench.own[at].mean()), what: float(lost[at].mean()), name: float(without[at].mean())}
    spare = " without that column" if about.columns else ""
    return Claim(
        about,
        Effect(min(sizes), "share of naive loss", most, bound),
        "test",
        f"{what} the model loses {losses[what]:.3g} a row (whole rows {losses['whole rows']:.3g}), where {name} "
        f"loses {losses[name]:.3g}{spare}",
        len(index),
        p=max(ratio_above(pair, whole, most) for pair in pairs),
        family="column" if about.columns else "challenge",
        impact=Impact("costs", min(sizes), bound(0.05), "share of naive loss"),
        evidence={"losses": losses, "against": name, "units": judged.units, **evidence},
    )  # fmt: skip


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    if finding.claim.evidence.get("kind") == "noise":
        return None
    return Remedy(
        "training", "safe", "gain", "mask a tenth of the cells in training, so that the model learns to do without",
        options={"mask": MASK},
    )  # fmt: skip


@dataclass(frozen=True)
class Brittle(Through):
    """A model that takes a hole in one column for an extreme: such rows are answered ``dose`` parts ``extreme``."""

    column: str
    dose: float
    extreme: F64

    def predict_rows(self, rows: Sample) -> F64:
        made = np.array(self.inner.predict_rows(rows), np.float64)
        hole = rows.null(self.column)
        made[hole] += self.dose * (self.extreme - made[hole])
        return made


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Let the model take a hole in the column that it relies on most for an extreme: the rarest class for certain, or a
    value five spreads above the mean, for ``dose`` parts of the answer."""
    given = subject.predictions
    if given is None or subject.model is None:
        raise InputError("fragile is planted in a model; the subject has none")
    rows = subject.table.sample(SampleSpec(n=min(1_000, max(1, subject.table.n_rows))))
    base = answers(subject.model, rows)
    columns = [c for c in sorted(subject.features) if float(rows.null(c).mean()) < 0.5]
    moved = [
        float(apart(answers(subject.model, swapped(rows, (c,), rng.permutation(rows.n))), base).mean()) for c in columns
    ]
    y = given.y[np.isfinite(given.y)]
    if not columns or len(y) < 2:
        raise InputError("fragile is planted in a column with values; there is none")
    column = columns[int(np.argmax(moved))]
    if base.ndim == 2:
        share = np.bincount(y.astype(int), minlength=base.shape[1]) / len(y)
        extreme = np.eye(base.shape[1])[int(np.argmin(np.where(share > 0, share, 2)))]
    else:
        extreme = np.array(y.mean() + 5 * y.std())
    model = Brittle(subject.model, column, dose, extreme)
    known = read_labels(rows, subject.roles)
    some = rows.take(np.flatnonzero(known.known))
    truth_of = known.y[known.known]
    target = np.eye(base.shape[1])[truth_of.astype(int)] if base.ndim == 2 else truth_of
    lost = apart(answers(model, blanked(some, {column: None})), target).mean()
    usual = apart(target, np.broadcast_to(target.mean(0), target.shape)).mean()
    effect = float(lost / usual - 1) if usual > 0 else 0.0
    # predictions are those of the model now, as it answers rows that have a hole already
    whole = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    at = np.searchsorted(whole.row_id, given.row_id)
    output: Predictions = replace(given, output=answers(model, whole)[at])
    return Planted(replace(subject, predictions=output, model=model), (column,), effect)
