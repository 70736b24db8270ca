"""What chance makes of columns that carry nothing, and whether the order of columns stays when rows are drawn anew.

Companion fits: a small booster learns from the same rows with shuffled copies of the columns beside them (the shadows
of Boruta; Kursa & Rudnicki 2010), each time on other rows, five in eight of the units. A column, or a group of columns
that carry the same thing, is above chance where its mean contribution in those fits exceeds that of every shadow of
every fit: with S shadows an irrelevant column does so with probability of about 1 / (S + 1), and S is at least 60.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.table import F64, I64
from assay.learn.boosting import Boosted
from assay.learn.budget import BINS, LEAVES, SMALL_BINS, SMALL_LEAVES, work
from assay.learn.learners import F32, Data, quick

FITS, SHADOWS = 5, 60
ROWS, ASKED, ROUNDS = 5_000, 200, 50
WORK = 8_000_000  # cells of all fits together, once a class: fewer rows where there are many features
STEPS = 100_000_000  # of a fit (``learn.budget``), about .3 s: where it would take more, trees of 7 leaves on 63 bins
FEWEST = 50
SHARE = 0.632  # of the units that each companion learns from


@dataclass(frozen=True)
class Floor:
    """``above`` (groups,) whether a group of columns contributes more than chance; ``share`` (groups,) its mean
    contribution in units of the largest shadow's. ``agreement`` is the mean Spearman correlation of the groups' order
    between fits, ``same_first`` the share of pairs of fits with the same first group, ``top_three`` how many of the
    first three they have in common, as a share; ``shadows`` how many there were."""

    above: F64
    share: F64
    agreement: float | None
    same_first: float | None
    top_three: float | None
    fits: int
    shadows: int
    rows: int


def shadow_floor(
    data: Data, asked: F32, owner: I64, groups: int, unit: I64, seed: int, *, fits: int = FITS
) -> Floor | None:
    """Fit the companions.

    Args:
        data: encoded training rows.
        asked: (m, features) rows whose contributions are taken.
        owner: (features,) the group of columns that a feature belongs to, 0 to ``groups`` - 1.
        unit: (rows,) rows of ``data`` that move together.

    Returns:
        None where there are fewer than 50 rows or one class.
    """
    if len(data.y) < FEWEST or len(np.unique(data.y)) < 2 or not groups or len(asked) < 2:
        return None
    rng = np.random.Generator(np.random.PCG64([seed, 17]))
    asked = asked[:ASKED]
    features = data.X.shape[1]
    a_fit = -(-SHADOWS // fits)
    wide = features + int(np.ceil(a_fit * features / groups))
    trees = data.outputs if data.outputs > 2 else 1
    rows = int(np.clip(WORK // (fits * wide * trees), 500, ROWS))
    large = work(rows, wide, trees * ROUNDS, LEAVES, BINS) > STEPS
    most = work(rows, wide, trees * ROUNDS, SMALL_LEAVES, SMALL_BINS) * 1.01 if large else np.inf
    own, shadow = np.zeros((fits, groups)), []
    for k in range(fits):
        index = drawn(unit, rows, rng)
        X, y = data.X[index], data.y[index]
        if len(np.unique(y)) < 2:
            return None
        chosen = rng.permutation(np.resize(rng.permutation(groups), a_fit))
        copies, ask, of, sets = [X], [asked], [owner], list(data.categorical)
        at = features
        for s, g in enumerate(chosen):
            columns = np.flatnonzero(owner == g)
            # a permutation of the same cells, a group's together: ties and spread are those of the column itself
            copies.append(X[rng.permutation(len(X))][:, columns])
            ask.append(asked[rng.permutation(len(asked))][:, columns])
            of.append(np.full(len(columns), groups + s))
            sets += [at + i for i, c in enumerate(columns) if c in data.categorical]
            at += len(columns)
        owners = np.concatenate(of)
        made = quick(np.hstack(copies), y, data.task, sets, ROUNDS, seed + k, outputs=data.outputs, most_work=most)
        if not isinstance(made, Boosted):
            return None
        size = sizes(made, np.hstack(ask), owners, groups + a_fit)
        own[k] = size[:groups]
        shadow += size[groups:].tolist()
    top = max(max(shadow), 1e-15)
    mean = own.mean(0)
    return Floor(
        (mean > top).astype(float), mean / top, *agreement(own), fits, len(shadow), rows,
    )  # fmt: skip


def drawn(unit: I64, most: int, rng: np.random.Generator) -> I64:
    """About five in eight of the rows and at most ``most``, whole units at a time, without replacement.

    As many different rows as a bootstrap has, but none twice: a column that tells rows apart would tell the answers of
    the second copies, and look like more than chance.
    """
    many = int(unit.max(initial=-1)) + 1
    taken = np.zeros(many, bool)
    taken[rng.permutation(many)[: max(1, round(SHARE * many))]] = True
    index = np.flatnonzero(taken[unit])
    return np.sort(rng.choice(index, most, replace=False)) if len(index) > most else index


def sizes(made: Boosted, X: F32, owner: I64, groups: int) -> F64:
    """(groups,) mean absolute sum of contributions, over rows and classes, on the raw score."""
    given = made.contributions(X).reshape(len(X), -1, X.shape[1] + 1)[:, :, :-1]
    place = np.zeros((X.shape[1], groups))
    place[np.arange(X.shape[1]), owner] = 1.0
    return np.asarray(np.abs(given @ place).mean((0, 1)))


def agreement(own: F64) -> tuple[float | None, float | None, float | None]:
    """How far the fits (fits, groups) agree on the order of groups."""
    fits, groups = own.shape
    if groups < 2 or fits < 2:
        return None, None, None
    order = np.argsort(-own, axis=1, kind="stable")
    rank = np.argsort(order, axis=1).astype(float)
    pairs = [(a, b) for a in range(fits) for b in range(a)]
    rho = [_correlation(rank[a], rank[b]) for a, b in pairs]
    top = min(3, groups)
    common = [len(np.intersect1d(order[a, :top], order[b, :top])) / top for a, b in pairs]
    first = [order[a, 0] == order[b, 0] for a, b in pairs]
    return float(np.mean(rho)), float(np.mean(first)), float(np.mean(common))


def _correlation(a: F64, b: F64) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))


def owners(
    columns: Sequence[str], groups: Sequence[Sequence[str]], of: Sequence[str]
) -> tuple[list[tuple[str, ...]], I64]:
    """Columns in groups (those that stand alone as groups of one), and the group of each feature by its column."""
    inside = {c for g in groups for c in g}
    every = [tuple(g) for g in groups] + [(c,) for c in columns if c not in inside]
    place = {c: k for k, g in enumerate(every) for c in g}
    return every, np.array([place[c] for c in of], np.int64)
