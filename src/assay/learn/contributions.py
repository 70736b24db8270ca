"""What each column contributed to each answer of a trained model: exact where its library or its form tells.

boosters      their libraries' own tree Shapley values (Lundberg et al. 2020), path-dependent: the background is what
              the trees counted in training. XGBoost and CatBoost round to float32 on the way: what that leaves is dealt
              to the columns in proportion, and is refused where it is more than 1e-4 of the raw score
linear model  weight times (value - mean over the background rows): Shapley values for independent columns
all others    permutation Shapley over columns (``stats.shapley``) against 16 of the background rows

Contributions are made on the raw score of each member (log-odds, or the value) and add up to it; ``Moved.gap`` is by
how much they miss, and more than 1e-9 of the raw score is an error. Members stand on different scales and a calibration
follows: so each row's contributions are stretched to what they do to the answer itself (the rescale rule; Shrikumar,
Greenside & Kundaje 2017), where they add up to answer less base answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.table import F64, I64, Mask
from assay.stats.shapley import attribute

from .boosting import Boosted
from .forms import Assembly, Linear, Link, Member
from .learners import F32
from .replay import apply_link, calibrate, design

BACKGROUND, PAIRS = 16, 16
ADDS, ROUNDING = 1e-9, 1e-4
STILL = 1e-12  # a raw score that moved less did not move


@dataclass(frozen=True)
class Moved:
    """``moved`` (n, columns): how far each column moved the answer (probability of the class ``pick``, or value) from
    ``base`` (n,); ``how`` says for each member how it is known, ``gap`` how far raw scores were missed, at most."""

    columns: tuple[str, ...]
    moved: F64
    base: F64
    pick: I64
    how: Mapping[str, str]
    gap: float


def contributions(assembly: Assembly, X: F32, background: F32, sources: Mapping[str, str] | None = None) -> Moved:
    """Contributions of columns to the answers for the encoded rows X (n, features).

    Args:
        background: encoded rows that stand for what is usual.
        sources: column of a feature -> the raw column that it is made of, where they differ (recipe).

    Raises:
        ArithmeticError: contributions of a member miss its raw score by more than 1e-9 of it.
    """
    made = dict(sources or {})
    of = [made.get(f.column, f.column) for f in assembly.spec.features]
    columns = tuple(sorted(set(of)))
    place = np.zeros((len(of), len(columns)))
    place[np.arange(len(of)), [columns.index(c) for c in of]] = 1.0
    total = sum(m.weight for m in assembly.members)
    parts, how, gap = [], {}, 0.0
    for m in assembly.members:
        said, base, raw, way = of_member(m, assembly, X, background, place)
        size = max(1.0, float(np.abs(raw).max(initial=0.0)))
        missed = float(np.abs(said.sum(1) + base - raw).max(initial=0.0)) / size
        if missed > ADDS:
            raise ArithmeticError(f"the contributions to {m.name} miss its raw score by {missed:.2g} of it")
        how[m.name], gap = way, max(gap, missed)
        parts.append((m.weight / total, said, base, raw, m.form.link))
    first = _wide(assembly, sum(w * _linked(base[None], link) for w, _, base, _, link in parts))
    mean = _wide(assembly, sum(w * _linked(raw, link) for w, _, _, raw, link in parts))
    final, start = calibrate(assembly.calibration, mean), calibrate(assembly.calibration, first)
    many = assembly.task == "multiclass"
    pick = final.argmax(1) if many else np.full(len(X), 0 if final.ndim == 1 else 1)
    end, begin = _picked(final, pick), _picked(np.broadcast_to(start, final.shape), pick)
    moved = np.zeros((len(X), len(columns)))
    for w, said, base, raw, link in parts:
        moved += w * _stretched(said, base, raw, link, pick if many else np.zeros(len(X), np.int64), many)
    before = _picked(mean, pick) - _picked(np.broadcast_to(first, mean.shape), pick)
    return Moved(columns, moved * _ratio(end - begin, before, 1.0)[:, None], begin, pick, how, gap)


def of_member(m: Member, assembly: Assembly, X: F32, background: F32, place: F64) -> tuple[F64, F64, F64, str]:
    """(n, columns, outputs) contributions, (outputs,) base, (n, outputs) raw scores, and how they are known."""
    native: Any = m.native
    own = LIBRARIES.get(type(native).__name__)
    if own is not None and len(X):
        given, raw, library = own(native, X)
        base, raw = given[:, -1].mean(0), raw.reshape(len(X), -1)
        said = np.einsum("nfk,fc->nck", given[:, :-1], place)
        if library == "LightGBM":
            return said, base, raw, "exact: LightGBM's own"
        return dealt(said, raw - base, float(np.abs(raw).max())), base, raw, f"exact but for rounding: {library}'s own"
    if isinstance(m.form, Linear):
        D, usual = design(m.form.terms, X), design(m.form.terms, background).mean(0)
        raw = D @ m.form.weights + m.form.intercept
        by_term = (D - usual)[:, :, None] * m.form.weights[None]
        rank = place[[t.feature for t in m.form.terms]]
        return (
            np.einsum("ntk,tc->nck", by_term, rank),
            usual @ m.form.weights + m.form.intercept,
            raw,
            "exact: its terms",
        )
    return _drawn(m, assembly, X, background, place)


def _lightgbm(native: Boosted, X: F32) -> tuple[F64, F64, str]:
    given = native.contributions(X).reshape(len(X), -1, X.shape[1] + 1).transpose(0, 2, 1)
    raw = native.native.predict(X, num_iteration=native.rounds, raw_score=True, num_threads=1)
    return given, np.asarray(raw, np.float64), "LightGBM"


def _xgboost(native: Any, X: F32) -> tuple[F64, F64, str]:
    import xgboost

    rows = xgboost.DMatrix(X, feature_types=list(native.types), enable_categorical=True, nthread=1)
    some = {"iteration_range": (0, native.rounds)}
    given = np.asarray(native.native.predict(rows, pred_contribs=True, **some), np.float64)
    raw = np.asarray(native.native.predict(rows, output_margin=True, **some), np.float64)
    return given.reshape(len(X), -1, X.shape[1] + 1).transpose(0, 2, 1), raw, "XGBoost"


def _catboost(native: Any, X: F32) -> tuple[F64, F64, str]:
    from catboost import Pool

    given = np.asarray(native.native.get_feature_importance(Pool(X), type="ShapValues", thread_count=1), np.float64)
    raw = np.asarray(native.native.predict(X, prediction_type="RawFormulaVal", thread_count=1), np.float64)
    return given.reshape(len(X), -1, X.shape[1] + 1).transpose(0, 2, 1), raw, "CatBoost"


LIBRARIES: Mapping[str, Callable[[Any, F32], tuple[F64, F64, str]]] = {
    "Boosted": _lightgbm, "XGBoosted": _xgboost, "CatBoosted": _catboost,
}  # fmt: skip


def dealt(said: F64, rise: F64, size: float) -> F64:
    """Contributions (n, columns, outputs) that miss ``rise`` (n, outputs) by float32 rounding, made to add up.

    Raises:
        ArithmeticError: they miss it by more than 1e-4 of ``size``, that of the raw score: that is no rounding.
    """
    left = rise - said.sum(1)
    if float(np.abs(left).max(initial=0.0)) > ROUNDING * max(1.0, size):
        raise ArithmeticError(f"a library's contributions miss its raw score by {np.abs(left).max():.2g}")
    weight = np.abs(said)
    whole = weight.sum(1, keepdims=True)
    share = np.where(whole > 0, weight / np.where(whole > 0, whole, 1.0), 1.0 / said.shape[1])
    return np.asarray(said + share * left[:, None])


def _drawn(m: Member, assembly: Assembly, X: F32, background: F32, place: F64) -> tuple[F64, F64, F64, str]:
    """Permutation Shapley on the member's own scale, all outputs from the same questions."""
    Z = background[np.linspace(0, len(background) - 1, min(BACKGROUND, len(background))).astype(int)]
    links: Link = m.form.link

    def answer(rows: F32) -> F64:
        return raw_of(m, assembly, rows, links)

    own: Mask = place.astype(bool)

    def ask(row: I64, back: I64, mask: Mask) -> F64:
        return answer(np.where(mask @ own.T, X[row], Z[back]).astype(np.float32))

    start, full = answer(Z), answer(X)
    outputs = full.shape[1]
    said = np.empty((len(X), place.shape[1], outputs))
    for k in range(outputs):
        pick = np.full(len(X), k)
        made = attribute(ask, len(X), len(Z), place.shape[1], pick, start=start, full=full, pairs=PAIRS)
        said[:, :, k] = made.moved
    return said, start.mean(0), full, "drawn: 16 pairs of orders of the columns"


def raw_of(m: Member, assembly: Assembly, X: F32, link: Link) -> F64:
    """(n, outputs) raw scores of a member from what it predicts."""
    native: Any = m.native
    if native is None:
        from .replay import replay_form

        made = replay_form(m.form, X)
        made = made if made.ndim == 2 else made[:, None]
    else:
        made = np.asarray(native.predict(X), np.float64)
        made = made[:, None] if made.ndim == 1 else made
        made = made[:, 1:] if assembly.task == "binary" else made
    if link in ("sigmoid", "softmax"):
        p = np.clip(made, 1e-12, 1 - 1e-12)
        return np.asarray(np.log(p / (1 - p)) if link == "sigmoid" else np.log(p))
    return np.asarray(np.log(np.maximum(made, 1e-300)) if link == "exp" else made)


def _linked(raw: F64, link: Link) -> F64:
    return np.asarray(np.exp(raw) if link == "exp" else apply_link(raw, link))


def _wide(assembly: Assembly, mean: Any) -> F64:
    if assembly.task == "binary":
        return np.column_stack((1.0 - mean[:, 0], mean[:, 0]))
    return np.asarray(mean if assembly.task == "multiclass" else mean[:, 0])


def _picked(output: NDArray[Any], pick: I64) -> F64:
    return np.asarray(output if output.ndim == 1 else output[np.arange(len(output)), pick], np.float64)


def _stretched(said: F64, base: F64, raw: F64, link: Link, pick: I64, many: bool) -> F64:
    """(n, columns): contributions to the raw score as parts of what the link makes of it."""
    at = np.arange(len(raw))
    answer, start = _linked(raw, link), np.broadcast_to(_linked(base[None], link), raw.shape)
    if many and link == "softmax":  # what speaks for a class is what lifts it above the mean of all
        said = said - said.mean(2, keepdims=True)
        raw, base = raw - raw.mean(1, keepdims=True), base - base.mean()
    one = said[at, :, pick]
    rise = raw[at, pick] - np.broadcast_to(base, raw.shape)[at, pick]
    p = answer[at, pick]
    slope = {"identity": np.ones(len(p)), "exp": p}.get(link, p * (1 - p))
    return np.asarray(one * _ratio(p - start[at, pick], rise, slope)[:, None])


def _ratio(over: F64, under: F64, still: Any) -> F64:
    """over / under, and ``still`` where nothing moved or (between classes) the two went different ways."""
    moves = np.abs(under) > STILL
    ratio = np.where(moves, over / np.where(moves, under, 1.0), still)
    return np.asarray(np.where(ratio < 0, still, ratio))


def columns_of(ops: Sequence[Any]) -> dict[str, str]:
    """Columns that a recipe made -> the one raw column that they are made of."""
    made: dict[str, str] = {}
    for op in ops:
        name = op.args.get("name")
        if name is not None and len(op.columns) == 1:
            made[str(name)] = made.get(op.columns[0], op.columns[0])
    return made
