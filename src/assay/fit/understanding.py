"""What a model goes by, as plain data for its dossier: measured on judged rows, aggregates of 5 rows or more.

importance   mean absolute contribution of columns to the answer (``learn.contributions``), correlated ones as a group
floor        what shuffled copies reach, and how the order of columns holds on rows drawn anew (``floor``)
effects      how the answer changes along the strongest columns (``effects``)
readable     what a model that can be read would cost (``probes.readable``)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from assay.core.errors import AssayError, NotApplicable
from assay.core.subject import Subject
from assay.core.table import F64, I64
from assay.learn.contributions import Moved, columns_of, contributions
from assay.learn.encoded import encoded
from assay.learn.encoder import encode
from assay.learn.families import FAMILIES
from assay.learn.target import labels
from assay.probes.judged import Judged
from assay.probes.plain_models import LINEAR, TREE
from assay.probes.readable import price_of
from assay.probes.same_thing import same_thing, signs
from assay.stats.means import mean_interval
from assay.tables import recipe

from .effects import effect
from .fitted import Fitted
from .floor import Floor, owners, shadow_floor

ASKED, BACKGROUND, LEARNT = 500, 200, 8_000
CHARTS, SHOWN = 6, 30
FEWEST = 30
WORK = 60_000_000  # cells times nodes or so: fewer rows are asked of wide tables and many classes
Give = Callable[[str], Any]


def understand(subject: Subject, fitted: Fitted, give: Give, of_table: Give | None = None) -> dict[str, Any]:
    """The understanding of a fitted model.

    Args:
        subject: with the judged model and its predictions, as the model's challenges see it.
        give: probes of that subject, made already where a challenge asked for them; ``of_table`` those of its table.

    Returns:
        JSON; with ``why`` alone where nothing could be measured.
    """
    start = time.process_time()
    try:
        judged: Judged = give("judged")
    except (NotApplicable, AssayError) as error:
        return {"why": str(error)}
    fresh = judged.judge[: rows_asked(fitted)]
    if len(fresh) < FEWEST or subject.model is None:
        return {"why": f"only {len(fresh)} rows were judged; {FEWEST} are needed to say what a model goes by"}
    spec, ops = fitted.judged.spec, fitted.recipe.ops()
    sources = columns_of(ops)
    after = recipe.apply(ops, judged.rows)
    X = encode(spec, after, fresh)
    usual = encode(spec, after, judged.build[:BACKGROUND]) if len(judged.build) else X
    try:
        found = contributions(fitted.judged, X, usual, sources)
    except ArithmeticError as error:  # what does not add up is not shown
        return {"why": str(error)}
    raw = [c for c in found.columns if c in judged.rows.names]
    alike = same_thing(judged.rows.take(fresh), raw)
    groups, _ = owners(found.columns, alike, ())
    unit = judged.unit_of(fresh)
    entries, floor = ranked(judged, fresh, found, groups), None
    try:
        floor = _floor(subject, fitted, judged, after, fresh, groups, sources)
    except AssayError:
        floor = None
    if floor is not None:
        for entry, above, share in zip(entries, floor.above, floor.share, strict=True):
            entry |= {"above_chance": bool(above), "over_floor": float(share)}
    entries.sort(key=lambda e: -e["size"])
    shown = looked_at(fitted, found)
    return {
        "effects_of": fitted.classes[int(shown[0])] if fitted.classes else "",
        "unit": "of probability" if fitted.classes else "in the unit of the target",
        "answer": fitted.classes[-1] if len(fitted.classes) == 2 else "the predicted class" if fitted.classes else "",
        "usual": float(_answers(judged, fresh, found.pick).mean()),
        "rows": len(fresh), "units": judged.units, "how": dict(found.how), "gap": found.gap,
        "importance": entries[:SHOWN], "columns": len(found.columns), "others": rest(entries),
        "groups": [list(g) for g in alike],
        "group_signs": [signs(judged.rows.take(fresh), g) for g in alike],
        "stability": None if floor is None else {
            "agreement": floor.agreement, "same_first": floor.same_first, "top_three": floor.top_three,
            "fits": floor.fits, "shadows": floor.shadows, "rows": floor.rows,
        },
        "effects": _effects(subject, judged, fresh, found, entries, unit, fitted, shown),
        "readable": _readable(judged, fitted, give),
        "rules": _rules(of_table), "seconds": round(time.process_time() - start, 2),
    }  # fmt: skip


def rows_asked(fitted: Fitted) -> int:
    """Rows whose contributions are taken: 500, fewer where there are many features and classes."""
    wide = len(fitted.judged.spec.features) * max(1, len(fitted.classes))
    return int(np.clip(WORK // (max(1, wide) * 1_000), 100, ASKED))


def looked_at(fitted: Fitted, found: Moved) -> I64:
    """(n,) the output that effects are drawn for: one class for all rows, or a curve would be of none; of more than two
    classes the one that is answered most."""
    if len(fitted.classes) <= 2:
        return found.pick
    return np.full(len(found.pick), int(np.bincount(found.pick).argmax()))


def ranked(judged: Judged, fresh: I64, found: Moved, groups: Sequence[tuple[str, ...]]) -> list[dict[str, Any]]:
    """Mean absolute contribution of each group of columns, with a 95 % interval over units of rows."""
    place = {c: j for j, c in enumerate(found.columns)}
    out: list[dict[str, Any]] = []
    total = np.abs(found.moved).sum(1).mean()
    for group in groups:
        size = np.abs(found.moved[:, [place[c] for c in group]].sum(1))
        each = judged.means_by_unit(fresh, size)
        lo, hi = mean_interval(each, 0.05) if len(each) > 1 else (float("nan"), float("nan"))
        out.append({
            "columns": list(group), "size": float(size.mean()), "interval": [max(0.0, float(lo)), float(hi)],
            "share": float(size.mean() / total) if total > 0 else 0.0,
        })  # fmt: skip
    whole = sum(e["share"] for e in out)
    for e in out:
        e["share"] = e["share"] / whole if whole > 0 else 0.0
    return out


def rest(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    left = entries[SHOWN:]
    return {"groups": len(left), "share": float(sum(e["share"] for e in left))}


def _answers(judged: Judged, fresh: I64, pick: I64) -> F64:
    output = judged.output[fresh]
    return output if output.ndim == 1 else output[np.arange(len(output)), pick]


def _floor(
    subject: Subject, fitted: Fitted, judged: Judged, after: Any, fresh: I64, groups: Sequence[tuple[str, ...]],
    sources: Mapping[str, str],
) -> Floor | None:  # fmt: skip
    """Companion fits on build rows, encoded as training encodes them: no row's own label is in its features."""
    used = sorted({f.column for f in fitted.judged.spec.features})
    index = judged.build[:LEARNT]
    if len(index) < FEWEST:
        return None
    found = labels(after, subject.roles)
    index = index[found.known[index]]
    order = subject.roles.order.column if subject.roles.order else None
    spec, data = encoded(after, used, found, index, order=order)
    if not spec.features:
        return None
    place = {c: k for k, g in enumerate(groups) for c in g}
    owner = np.array([place[sources.get(f.column, f.column)] for f in spec.features], np.int64)
    return shadow_floor(data, encode(spec, after, fresh), owner, len(groups), judged.unit_of(index), subject.seed)


def _effects(
    subject: Subject, judged: Judged, fresh: I64, found: Moved, entries: Sequence[Mapping[str, Any]], unit: I64,
    fitted: Fitted, pick: I64,
) -> list[dict[str, Any]]:  # fmt: skip
    assert subject.model is not None
    rows = judged.rows.take(fresh)
    place = {c: j for j, c in enumerate(found.columns)}
    classes = fitted.classes
    target = subject.roles.target.column if subject.roles.target else "answer"
    of = f"probability of {classes[int(pick[0])]}" if classes else target
    out: list[dict[str, Any]] = []
    for entry in entries:
        if len(out) == CHARTS:
            break
        if entry.get("above_chance") is False:
            continue
        strongest = sorted(entry["columns"], key=lambda c: -float(np.abs(found.moved[:, place[c]]).mean()))
        for column in filter(rows.names.__contains__, strongest):  # one column stands for those that say the same
            made = effect(subject.model, rows, column, pick, unit, found.moved[:, place[column]], (of, "change"))
            if made is not None:
                out.append(made)
                break
    return out


def _readable(judged: Judged, fitted: Fitted, give: Give) -> dict[str, Any] | None:
    """Brier or squared error that readable models lose more than the judged one, as a share of what is lost by knowing
    nothing, paired on judged rows."""
    fresh = judged.judge
    own = judged.quadratic()[fresh]
    usual = judged.quadratic(judged.usual())[fresh]
    if all(FAMILIES[m.family].readable for m in fitted.judged.members):
        return {"shipped": True, "name": fitted.judged.members[0].name, "models": []}
    try:
        plain = give("plain_models")
    except AssayError:
        return None
    score = 1.0 - float(own.mean()) / max(float(usual.mean()), 1e-12)
    models = [
        {"name": k, "score": score - p["value"], **p}
        for k in (LINEAR, TREE)
        if k in plain
        for p in [price_of(judged, own, judged.quadratic(plain[k])[fresh], usual)]
    ]
    return {"shipped": False, "score": score, "models": sorted(models, key=lambda m: m["value"])}


def _rules(of_table: Give | None) -> list[dict[str, Any]]:
    """Rules that rows of the table keep, for whatever changes a row: orders (lower, upper), sums (whole, parts ...)."""
    if of_table is None:
        return []
    try:
        return [{"form": r.form, "columns": list(r.columns)} for r in of_table("row_rules")]
    except AssayError:
        return []
