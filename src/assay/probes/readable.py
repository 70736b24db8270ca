"""Whether a model can be read, from its answers alone; and what it goes by: reliance, floor, stability, additivity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.core.subject import Model
from assay.core.table import F64, I64, Sample

from .asked import Reliance, answers, loss, swapped
from .collinear import joined, pairwise, ranks
from .judged import Judged

ROWS, HALVINGS = 500, 3
PARITY = 1e-4  # two answers are one up to here, as a file must agree with the model that it was made from
FEWEST = 30
LEAST = 1e-3  # of a probability: in float32 the log-odds of less are no longer known to a thousandth
EXACT = 0.99  # of the mixtures that must add up: the rest is rounding
FEW, LEAVES = 16, 64  # different answers; leaves that may tell them, since a tree learned anew has other splits
SAME = 1e-6
ALIKE = 0.8  # rank correlation from which columns are swapped together
FLIPS, FLOOR = 200, 0.95
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Additive:
    """``exact``: answers are sums over columns, on the scale of log-odds, of probabilities, of values or of their logs.
    ``together``: share of what moves answers, on that scale, that is no sum over two halves of the columns."""

    exact: bool
    together: float


def additive(model: Model, judged: Judged, features: Sequence[str], rng: np.random.Generator) -> Additive:
    """Mix the cells of pairs of judged rows by three random halvings of the columns, and ask whether answers add up."""
    rows = judged.rows.take(judged.judge[:ROWS])
    columns = [c for c in sorted(features) if c in rows.names]
    if rows.n < FEWEST or not columns:
        return Additive(False, 0.0)
    at = np.roll(np.arange(rows.n), 1)
    base = answers(model, rows)
    parts: list[list[F64]] = [[], [], [], []]
    for _ in range(HALVINGS if len(columns) > 1 else 0):
        cut = rng.permutation(len(columns))[: int(rng.integers(1, len(columns)))]
        one = [columns[j] for j in sorted(cut.tolist())]
        two = [c for c in columns if c not in one]
        mixed = (answers(model, swapped(rows, one, at)), answers(model, swapped(rows, two, at)))
        for part, made in zip(parts, (base, base[at], *mixed), strict=True):
            part.append(made)
    if not parts[0]:
        return Additive(True, 0.0)  # one column: a curve
    return best([scale_up(np.concatenate(part)) for part in parts])


def scale_up(output: F64) -> dict[str, F64]:
    """Answers on every scale on which models add up, (n, k); NaN where float32 leaves too little of a probability."""
    if output.ndim == 1:
        logs = np.log(np.where(output > 0, output, np.nan)) if (output > 0).all() else np.full(len(output), np.nan)
        return {"values": output[:, None], "logs": logs[:, None]}
    fine = np.where(output >= LEAST, output, np.nan)
    return {"values": output, "log-odds": np.log(fine[:, 1:]) - np.log(fine[:, :1])}


def best(parts: Sequence[dict[str, F64]]) -> Additive:
    """The scale on which least is left over."""
    found = []
    for name in parts[0]:
        a, b, mixed, other = (part[name] for part in parts)
        left, apart = mixed + other - a - b, a - b
        fine = np.isfinite(left)
        if fine.sum() < FEWEST:
            continue
        # four answers, each off by at most the parity limit; log-odds move four times as fast as a probability, or more
        size = float(np.std(a[fine])) if name == "values" and a.shape[1] == 1 else 1.0
        limit = 4 * PARITY * size * (4 if name == "log-odds" else 1)
        spread = float((apart[fine] ** 2).mean())
        share = float((left[fine] ** 2).mean()) / 2 / spread if spread > 0 else 0.0
        found.append(Additive(bool((np.abs(left[fine]) <= limit).mean() >= EXACT), min(1.0, share)))
    return min(found, key=lambda f: (not f.exact, f.together)) if found else Additive(False, 0.0)


def few_answers(judged: Judged) -> bool:
    """Whether the model gives at most 16 different answers, which a tree learned on one half of the rows repeats on the
    other."""
    from sklearn.tree import DecisionTreeRegressor

    output = judged.output.reshape(len(judged.y), -1)
    if not len(output) or len(np.unique(np.round(output[:2_000], 9), axis=0)) > FEW:
        return False
    half = len(output) // 2
    if half < FEWEST:
        return False
    values, code = np.unique(np.round(output, 9), axis=0, return_inverse=True)
    if len(values) > FEW:
        return False
    X = matrix(judged.rows, judged.rows.names, output[:, -1])
    tree = DecisionTreeRegressor(max_leaf_nodes=LEAVES, random_state=0).fit(X[:half], output[:half])
    said = tree.predict(X[half:]).reshape(-1, output.shape[1])
    return bool((np.abs(said - values[code.ravel()[half:]]).max(1) <= SAME).mean() >= EXACT)


def matrix(rows: Sample, columns: Sequence[str], by: F64 | None = None) -> F64:
    """(n, columns) numbers; categories by rank of the mean of ``by`` over the first half of their rows; null is far."""
    kinds = {c.name: c.kind for c in rows.columns}
    out = np.empty((rows.n, len(columns)))
    half = rows.n // 2
    for j, name in enumerate(columns):
        if kinds[name] in ("number", "date", "clock", "bool"):
            out[:, j] = rows.numbers(name)
            continue
        codes, levels = rows.codes(name)
        if by is not None:
            seen = codes[:half] >= 0
            count = np.bincount(codes[:half][seen], minlength=len(levels))
            mean = np.bincount(codes[:half][seen], by[:half][seen], len(levels)) / np.maximum(count, 1)
            out[:, j] = np.append(mean, np.nan)[codes]
        else:
            out[:, j] = np.where(codes < 0, np.nan, codes) if len(levels) == 2 else np.nan
    return np.clip(np.nan_to_num(out, nan=-1e30), -1e30, 1e30) if by is not None else out


def grounds(model: Model, judged: Judged, reliance: Reliance, rng: np.random.Generator) -> dict[str, Any]:
    """What the model goes by, as JSON: loss added when columns are swapped between rows, as a share of what the usual
    answer loses; the floor that chance reaches; whether the halves agree on the first; the share that is no sum."""
    index = reliance.index
    if len(index) < FEWEST or not reliance.columns:
        return {}
    own = loss(judged, index, reliance.base)
    groups, lost = together(model, judged, reliance, own, rng)
    usual = max(float(judged.quadratic(judged.usual())[index].mean()), 1e-12)
    unit = judged.unit_of(index)
    signs = rng.choice((-1.0, 1.0), (FLIPS, int(unit.max(initial=-1)) + 1))[:, unit]
    # a column of noise costs as often as it helps: about its mean, a row's difference may have either sign
    noise = signs @ (lost - lost.mean(0)) / len(index)
    size = np.maximum(noise.std(0), 1e-15)
    floor = float(np.quantile((noise / size).max(1), FLOOR)) * size / usual
    mean = lost.mean(0) / usual
    order = np.argsort(-mean, kind="stable")
    names = [" + ".join(groups[j]) for j in order]
    half = unit % 2 == 0
    tops = [int(np.argmax(lost[part].mean(0))) for part in (half, ~half) if part.any()]
    mixed = additive(model, judged, reliance.columns, rng)
    return {
        "relies_on": dict(zip(names[:SHOWN], mean[order[:SHOWN]].tolist(), strict=True)),
        "floor": dict(zip(names[:SHOWN], floor[order[:SHOWN]].tolist(), strict=True)),
        "above_floor": int((mean > floor).sum()), "looked_at": len(groups),
        "first_in_halves": [" + ".join(groups[j]) for j in tops], "stable": len(set(tops)) == 1,
        "no_sum": mixed.together, "rows_asked": len(index),
        "chart": {
            "kind": "bars", "title": "What the model goes by", "x": names[:SHOWN], "y": mean[order[:SHOWN]].tolist(),
            "x_title": "", "y_title": "loss added, share of naive",
        },
    }  # fmt: skip


def together(
    model: Model, judged: Judged, reliance: Reliance, own: F64, rng: np.random.Generator
) -> tuple[list[tuple[str, ...]], F64]:
    """Groups of columns that correlate, and (rows, groups) losses that swapping them together adds."""
    rows = judged.rows.take(reliance.index)
    near: list[I64] = joined(pairwise(ranks(matrix(rows, reliance.columns))), ALIKE)
    grouped = {int(j) for group in near for j in group}
    groups: list[tuple[str, ...]] = [(c,) for j, c in enumerate(reliance.columns) if j not in grouped]
    lost = [reliance.lost[:, [j for j in range(len(reliance.columns)) if j not in grouped]]]
    for group in near:
        columns = tuple(reliance.columns[int(j)] for j in group)
        made = answers(model, swapped(rows, columns, rng.permutation(rows.n)))
        groups.append(columns)
        lost.append((loss(judged, reliance.index, made) - own)[:, None])
    return groups, np.hstack(lost)
