"""Most rows have no label, and more labels would pay.

What it is
    A table of which a part is labelled, with a model that still learns from every new label; and the rows from which it
    would learn most.

Why it matters
    Labels are bought one by one. Rows drawn at random are mostly rows that the model already tells; those it is torn
    about, and that differ from each other, teach more for the same money. At some point the next label buys nothing.

How it is measured
    The labelled rows are cut in five parts; each is predicted by models that learned from a quarter, a half and all of
    the others, two draws of each part, and calibrated (equal rows, and rows of one group, stay together). The effect
    is what the last doubling of the labels saved, as a share of the loss of knowing nothing, with a Fieller t interval
    over rows. What the next doubling would save is put at that gain times the rate at which gains shrink. Rows to
    label next: those with the smallest margin between the two likeliest classes, and among them one after the other
    the row farthest from all chosen before, so that no two ask the same question. Where the costs of errors are
    stated, the evidence holds what a label saves in them: stop when a label costs more. Nothing is said where fewer
    than a fifth of the rows have no label: all of them together would move the learning curve by less than a third of
    a doubling.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(4000, 3))
    >>> y = np.where(x @ [2.0, -2.0, 1.0] > 0, "a", "b").astype(object)
    >>> y[300:] = None
    >>> table = pa.table({"u": x[:, 0], "v": x[:, 1], "w": x[:, 2], "y": pa.array(y.tolist())})
    >>> assay.check(table, target="y")["L06"].verdict
    'found'

Remedy
    Advice only: label the named rows first, fit again, and ask again. Keep a part of the labelled rows drawn at random,
    to judge by: rows that were chosen for being hard say nothing of the usual case.

Known false alarms
    Rows without a label because the outcome never came to be (a cancelled flight) cannot be labelled at any price.

Sources
    Settles, "Active learning literature survey" (2009), for margin sampling; Sener and Savarese, "Active learning for
    convolutional neural networks: a core-set approach", ICLR (2018), for the farthest-first choice; Viering and Loog,
    "The shape of learning curves: a review", IEEE TPAMI 45 (2023).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError, NotApplicable
from assay.core.facts import Holes
from assay.core.rows import Rows
from assay.core.settings import Settings
from assay.core.subject import Planted, Subject, Task
from assay.core.table import F64, I64, Ask, Facts, Sample, SampleSpec
from assay.core.words import percent
from assay.learn import target as targets
from assay.learn.calibration import fit_calibration
from assay.learn.encoded import encoded
from assay.learn.encoder import encode
from assay.learn.learners import quick
from assay.learn.linear import terms_of
from assay.learn.replay import calibrate, design
from assay.learn.scoring import loss
from assay.learn.target import Labels
from assay.probes.forward import Bench, rounds
from assay.probes.halves import parts_of
from assay.probes.out_of_fold import keys
from assay.probes.settled import settled
from assay.stats.ratios import ratio_above, ratio_interval

CHALLENGE = Challenge(
    code="L06",
    name="labelling-cost",
    title="most rows have no label, and labels still pay",
    stage="data",
    needs=("target", "classes", "feature", "two-rows"),
    category="tidy",
    scope="association",
    promise=Dose(0.9, 3_000, "nine labels in ten are taken away"),
    materiality=(
        Threshold("gain", 0.01, "share of naive loss", "less than one percent for twice the labels pays for nothing"),
        Threshold("unlabelled", 0.2, "share of rows", "fewer would move the curve by less than a third of a doubling"),
    ),
)
FOLDS, FEWEST, MOST_ROWS, MOST_CELLS = 5, 100, 6_000, 600_000
BATCH, POOL, CANDIDATES = 50, 10, 20_000  # rows named; times as many to choose among; unlabelled rows looked at
SIZES = (4, 2, 1)  # parts of the labels that the curve is learned from
DRAWS = 2  # of each part: which rows it holds moves the loss by as much as their number does


def asks(subject: Subject) -> Iterable[Ask]:
    yield Ask("holes", subject.roles.named("target"))


def measure(
    subject: Subject, facts: Facts, rows: Sample, labels: Labels, honest: tuple[str, ...], settings: Settings,
    options: Options,
) -> Iterator[Claim]:  # fmt: skip
    target = subject.roles.named("target")
    holes: Holes = facts[Ask("holes", target)]
    if holes.n == 0:
        raise NotApplicable("every row has a label")
    if holes.n < options["unlabelled"] * holes.rows:
        raise NotApplicable(f"only {percent(holes.n / holes.rows)} of the rows have no label")
    known, open_rows = np.flatnonzero(labels.known), np.flatnonzero(~labels.known & rows.null(target[0]))
    if len(known) < FEWEST or len(np.unique(labels.y[known])) < 2 or not honest or not len(open_rows):
        raise NotApplicable(f"fewer than {FEWEST} labelled rows to learn the curve from")
    most = max(FEWEST, min(MOST_ROWS, MOST_CELLS // len(honest)))
    index = known[:most]
    curve = learned(subject, rows, labels, honest, index)
    y = labels.y[index].astype(np.int64)
    curve = [[honestly(p, labels.y[index], labels.task) for p in draws] for draws in curve]
    losses = [np.mean([loss(p, labels.y[index], labels.task) for p in draws], axis=0) for draws in curve]
    share = np.bincount(y, minlength=labels.outputs) / len(y)
    naive = -np.log(np.maximum(share[y], 1e-12))
    saved, scale = losses[1] - losses[2], float(naive.mean())
    earlier, last = float((losses[0] - losses[1]).mean()) / scale, float(saved.mean()) / scale
    ahead = last * float(np.clip(last / earlier, 0.0, 1.0)) if earlier > 0 and last > 0 else 0.0
    size, least = int(len(index) * (1 - 1 / FOLDS)), options["gain"]
    chosen = next_rows(subject, rows, labels, honest, index, open_rows[:CANDIDATES])
    says = f"{holes.n:,} of {holes.rows:,} rows have no label, and labels still pay: going from {size // 2:,} to "
    says += f"{size:,} saved {percent(last)} of the loss, twice as many may save {percent(ahead)} more"
    says += f"; {len(chosen)} rows are named that teach most, if they could be labelled"

    def bound(alpha: float) -> tuple[float, float]:
        return ratio_interval(saved, naive, alpha)

    yield Claim(
        About(target, Rows.at(rows.position[chosen], rows.row_id[chosen])),
        Effect(last, "share of naive loss", least, bound),
        "test",
        says,
        len(index),
        p=ratio_above(saved, naive, least),
        family="challenge",
        impact=Impact("tidy", ahead, None, "share of naive loss that twice the labels may save"),
        evidence={
            "unlabelled": holes.n, "labelled": holes.rows - holes.n, "sizes": [size // s for s in SIZES],
            "loss": [float(part.mean()) for part in losses], "naive_loss": scale, "next_doubling": ahead,
            "loss_a_label": ahead * scale / max(1, size), "costs": costs(curve, y, size, settings),
            "next": [int(p) for p in rows.position[chosen]],
            "chart": {"kind": "line", "title": "Loss by labelled rows", "x": [size // s for s in SIZES],
                      "y": [float(part.mean()) for part in losses], "x_title": "labelled rows", "y_title": "log-loss"},
        },
    )  # fmt: skip


def learned(subject: Subject, rows: Sample, labels: Labels, features: tuple[str, ...], index: I64) -> list[list[F64]]:
    """Out-of-fold probabilities of the rows ``index`` by models of a quarter, a half and all of the other labels: for
    each size one array a draw."""
    fold = parts_of(keys(subject, rows)[index], FOLDS, salt=9)
    order = subject.roles.order.column if subject.roles.order else ""
    bench = Bench(rows, labels, features, order, int(subject.rng("L06", "curve").integers(2**31)))
    wanted = [(part, draw) for part in SIZES for draw in range(min(part, DRAWS))]
    jobs = []
    for part, draw in wanted:
        for k in range(FOLDS):
            others = index[fold != k]  # sorted by row_id, so any stretch is a random draw
            size = max(2, len(others) // part)
            jobs.append((others[draw * size : (draw + 1) * size], index[fold == k]))
    made = bench.many(jobs)
    out: dict[int, list[F64]] = {part: [] for part in SIZES}
    for i, (part, _) in enumerate(wanted):
        output = bench.empty(len(index))
        for k in range(FOLDS):
            output[fold == k] = made[i * FOLDS + k]
        out[part].append(output)
    return [out[part] for part in SIZES]


def honestly(output: F64, y: F64, task: Task) -> F64:
    """Calibrated, else the shares of the classes: growing less sure of what cannot be known is no gain."""
    fitted = fit_calibration(output, y, task)
    if fitted.kind == "none":
        return np.tile(np.bincount(y.astype(int), minlength=output.shape[1]) / len(y), (len(y), 1))
    return calibrate(fitted, output)


def next_rows(
    subject: Subject, rows: Sample, labels: Labels, features: tuple[str, ...], known: I64, open_rows: I64
) -> I64:
    """Positions in ``rows`` of the unlabelled rows to label first."""
    order = subject.roles.order.column if subject.roles.order else ""
    spec, data = encoded(rows, features, labels, known, order=order)
    if not spec.features:
        return open_rows[:BATCH]
    seed = int(subject.rng("L06", "next").integers(2**31))
    model = quick(
        data.X, data.y, labels.task, spec.categorical, rounds(len(spec.features)), seed, outputs=labels.outputs
    )
    at = encode(spec, rows, open_rows)
    space = design(terms_of(data), at).clip(-5, 5)
    return np.sort(open_rows[torn_and_apart(model.predict(at), space, BATCH)])


def torn_and_apart(output: F64, space: F64, k: int) -> I64:
    """``k`` rows with a small margin between the two likeliest classes, each far from those chosen before.

    Args:
        output: (n, classes) probabilities. space: (n, d) scaled features. k: how many to choose.
    """
    two = -np.partition(-output, 1, axis=1)[:, :2]
    margin = two[:, 0] - two[:, 1]
    pool = np.argsort(margin, kind="stable")[: POOL * k]
    if len(pool) <= k:
        return np.asarray(pool, np.int64)
    near = space[pool]
    chosen = [0]
    gap = ((near - near[0]) ** 2).sum(1)
    doubt = 1.0 - margin[pool]
    while len(chosen) < k:
        best = int(np.argmax(gap * doubt))
        if gap[best] <= 0:  # all that is left repeats a chosen row
            break
        chosen.append(best)
        gap = np.minimum(gap, ((near - near[best]) ** 2).sum(1))
    return np.asarray(pool[chosen], np.int64)


def costs(curve: list[list[F64]], y: I64, size: int, settings: Settings) -> dict[str, Any] | None:
    """Where both costs of errors are stated: the cost of a thousand decisions by labels, and what one label saves."""
    alarm, miss = settings.question.cost_false_alarm, settings.question.cost_miss
    if alarm is None or miss is None or alarm + miss <= 0 or curve[0][0].shape[1] != 2:
        return None
    cut = alarm / (alarm + miss)
    spent = [
        1000 * float(np.mean([np.where(p[:, 1] > cut, alarm * (y == 0), miss * (y == 1)).mean() for p in draws]))
        for draws in curve
    ]
    return {"a_thousand_decisions": spent, "a_label_saves": max(0.0, spent[1] - spent[2]) / max(1, size // 2)}


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Let the columns settle the class, as a linear model ranks rows, then take away a share ``dose`` of the labels.

    Where the columns say little, more labels say little more, and do not pay.
    """
    import pyarrow as pa

    target = subject.roles.named("target")[0]
    arrow, n = subject.table.arrow(), subject.table.n_rows
    rows = subject.table.sample(SampleSpec(n=max(1, n)))
    truth = targets.labels(rows, subject.roles)
    at = np.flatnonzero(truth.known)
    if len(np.unique(truth.y[at])) < 2:
        raise InputError("labels are taken away from a target with at least two classes; this one has fewer")
    example = np.full(truth.outputs, -1)
    seen, first = np.unique(truth.y[at].astype(int), return_index=True)
    example[seen] = rows.position[at[first]]
    source = np.full(n, -1)
    source[rows.position[at]] = example[settled(subject, rows, truth, at).astype(int)]
    hidden = np.sort(rng.permutation(n)[: round(dose * n)])
    source[hidden] = -1
    column = arrow[target].take(pa.array(source, mask=source < 0))
    table = arrow.set_column(arrow.column_names.index(target), target, column)
    return Planted(subject.with_table(subject.table.derive(table)), (target,), len(hidden) / n, Rows.at(hidden))
