"""Two .assay files side by side: data, columns, scores, findings, thresholds, repairs, cost and answers.

Only what the files say is compared. Where the intervals of two scores overlap, it says so; answers are compared on the
golden rows of the first, which are made up and so stand for no share of real rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from assay.core.errors import InputError
from assay.report.compare import differs
from assay.report.numbers import amount, count, decimals, listed, plural, short, span

from . import golden
from .feed import feed_from
from .layout import RECIPE
from .model import Model
from .schema import Input
from .variants import held, names


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: what it is about, each side's word, and where it needs one, a sentence."""

    part: str
    what: str
    a: str
    b: str
    says: str = ""


class Side:
    """One model with its documents, each parsed once."""

    def __init__(self, m: Model) -> None:
        dossier = m.dossier
        self.m = m
        self.lineage: dict[str, Any] = m.lineage
        self.run: Mapping[str, Any] = self.lineage.get("run") or {}
        self.model: Mapping[str, Any] = dossier.get("model") or {}
        self.report: Mapping[str, Any] = dossier.get("report") or {}


LINEAGE_SAYS = {
    "data": "table", "data_digest": "digest of the table", "rows": "rows", "rows_fitted": "rows fitted", "seed": "seed",
}  # fmt: skip
PARTS = (
    "identity",
    "data",
    "columns",
    "target",
    "scores",
    "findings",
    "thresholds",
    "repairs",
    "cost",
    "answers",
    "variants",
)


def diff(a: Model, b: Model) -> tuple[Change, ...]:
    """Every difference of ``b`` to ``a``, in the order of ``PARTS``; empty where both files say the same."""
    steps = (_identity, _data, _columns, _target, _scores, _findings, _thresholds, _repairs, _cost, _answers, _variants)
    sides = Side(a), Side(b)
    return tuple(change for step in steps for change in step(*sides))


def to_doc(a: Model, b: Model, changes: tuple[Change, ...]) -> dict[str, Any]:
    """The JSON form."""
    sides = {side: {"name": m.name, "version": m.version, "digest": m.digest} for side, m in (("a", a), ("b", b))}
    return {**sides, "same_file": a.digest == b.digest, "same_content": a.content == b.content,
            "changes": [asdict(c) for c in changes]}  # fmt: skip


def _pairs(part: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Change]:
    for what in dict.fromkeys([*a, *b]):
        if a.get(what) != b.get(what):
            yield Change(part, what, _word(a.get(what)), _word(b.get(what)))


def _word(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, (list, tuple)):
        return listed(value) or "-"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return count(value) if isinstance(value, int) else short(value, 6)


def _identity(a: Side, b: Side) -> Iterator[Change]:
    yield from _pairs("identity", *({"name": s.m.name, "version": s.m.version} for s in (a, b)))
    if a.m.digest in b.m.manifest.get("parents", []):
        yield Change("identity", "descent", "-", "-", "the second comes from the first: it names it as a parent")


def _data(a: Side, b: Side) -> Iterator[Change]:
    def told(s: Side) -> dict[str, Any]:
        kept = {says: s.lineage.get(k) for k, says in LINEAGE_SAYS.items()}
        parts = {f"rows to {k}": n for k, n in (s.model.get("rows") or {}).items()}
        packages = {f"version of {k}": v for k, v in (s.lineage.get("versions") or {}).items()}
        return {**kept, **parts, "commit": s.run.get("commit"), "budget": s.run.get("budget"), **packages}

    yield from _pairs("data", told(a), told(b))


def _columns(a: Side, b: Side) -> Iterator[Change]:
    ours, theirs = ({i.column: i for i in s.m._schema.inputs} for s in (a, b))
    out = [s.model.get("left_out") or {} for s in (a, b)]
    for column in dict.fromkeys([*ours, *theirs]):
        left, right = ours.get(column), theirs.get(column)
        if left is None or right is None:
            why = out[1 if right is None else 0].get(column, "")
            yield Change("columns", column, left.kind if left else "-", right.kind if right else "-", why)
            continue
        yield from _column(column, left, right)


def _column(column: str, a: Input, b: Input) -> Iterator[Change]:
    if a.kind != b.kind:
        yield Change("columns", column, a.kind, b.kind, "another kind: callers must send other values")
    if (a.lo, a.hi) != (b.lo, b.hi):
        yield Change("columns", f"{column}, range", *(_range(i) for i in (a, b)))
    if a.personal != b.personal:
        yield Change("columns", f"{column}, personal", *("yes" if i.personal else "no" for i in (a, b)))
    fresh, gone = (list(dict.fromkeys(x for x in p.categories if x not in q.categories)) for p, q in ((b, a), (a, b)))
    if fresh or gone:
        yield Change("columns", f"{column}, categories", f"{len(a.categories)}", f"{len(b.categories)}",
                     "; ".join(f"{w} {listed(v)}" for w, v in (("new:", fresh), ("gone:", gone)) if v))  # fmt: skip
    elif a.categories != b.categories:
        yield Change("columns", f"{column}, categories", "-", "-", "in another order")


def _range(i: Input) -> str:
    if i.lo is None or i.hi is None:
        return "-"
    if i.kind == "date":
        return " to ".join(str(np.datetime64(int(v), "s")) for v in (i.lo, i.hi))
    return f"{i.lo:.9g} to {i.hi:.9g}"


def _target(a: Side, b: Side) -> Iterator[Change]:
    yield from _pairs("target", *(
        {"target": s.m.target, "task": s.m.task, "classes": list(s.m.classes), "predicts": s.m._schema.predicts}
        for s in (a, b)
    ))  # fmt: skip


def _scores(a: Side, b: Side) -> Iterator[Change]:
    def told(s: Side) -> dict[tuple[str, str], Mapping[str, Any]]:
        return {(one.get("metric", ""), one.get("label", "")): one for one in s.model.get("scores") or ()}

    ours, theirs = told(a), told(b)
    for metric, label in dict.fromkeys([*ours, *theirs]):
        left, right = ours.get((metric, label)), theirs.get((metric, label))
        if left == right:
            continue
        says = ""
        if left and right and left.get("interval") and right.get("interval"):
            (lo, hi), (low, high) = left["interval"], right["interval"]
            says = "" if hi < low or high < lo else "the intervals overlap: these rows cannot tell which is better"
            if a.run.get("tested") != b.run.get("tested"):
                says = (says + "; " if says else "") + "judged on different rows"
        yield Change("scores", f"{metric} {label}".strip(), _score(left, metric), _score(right, metric), says)
    coverage = [s.model.get("coverage") or {} for s in (a, b)]
    yield from _pairs("scores", *({"nominal coverage of sets": c.get("nominal")} for c in coverage))


def _score(score: Mapping[str, Any] | None, metric: str) -> str:
    if score is None or score.get("value") is None:
        return "-"
    within = span(score.get("interval"), metric)
    return decimals(score["value"], metric) + (f" ({within})" if within else "")


def _findings(a: Side, b: Side) -> Iterator[Change]:
    def told(s: Side) -> dict[str, Mapping[str, Any]]:
        found = [*(s.report.get("findings") or ()), *(s.model.get("findings") or ())]
        return {f["fingerprint"]: f for f in found if "fingerprint" in f}

    def verdicts(s: Side) -> dict[str, str]:
        return {v["code"]: v["verdict"] for d in (s.report, s.model) for v in d.get("verdicts") or ()}

    ours, theirs = told(a), told(b)
    for key in dict.fromkeys([*ours, *theirs]):
        left, right = ours.get(key), theirs.get(key)
        if left and right and not differs(left, right):
            continue
        one = right or left
        assert one is not None
        about = ", ".join(one.get("columns") or ())
        what = f"{one['code']} {one['name']}{f' ({about})' if about else ''}"
        yield Change("findings", what, _finding(left), _finding(right))
    before, now = verdicts(a), verdicts(b)
    changed = [c for c in dict.fromkeys([*before, *now]) if before.get(c) != now.get(c)]
    for code in changed:
        yield Change("findings", f"verdict of {code}", _word(before.get(code)), _word(now.get(code)))


def _finding(f: Mapping[str, Any] | None) -> str:
    if f is None:
        return "-"
    size = amount(f.get("effect"), str(f.get("unit") or ""))
    return f"{f['severity']}, {size}" if size else str(f["severity"])


def _thresholds(a: Side, b: Side) -> Iterator[Change]:
    def told(s: Side) -> dict[str, Any]:
        m, costs = s.m, s.m._schema.costs
        out: dict[str, Any] = {"threshold": m.threshold, "actions": list(m.actions), "coverage": m._schema.coverage}
        if costs is not None:
            for action, row in costs.by_action():
                paid = zip(m.classes, row, strict=True)
                out[f"costs of {action}"] = ", ".join(f"{c} {short(v)}" for c, v in paid)
        by_class = dict(m._schema.q).get(m._schema.coverage, ())
        return out | {"quantiles of the sets": ", ".join(short(v, 4) for v in by_class)}

    yield from _pairs("thresholds", told(a), told(b))


def _repairs(a: Side, b: Side) -> Iterator[Change]:
    def told(s: Side) -> dict[str, str]:
        steps = [step for step in s.m._doc(RECIPE).get("steps") or () if step.get("applied", True)]
        return {_step(step): str((step.get("proof") or {}).get("state") or "applied") for step in steps}

    yield from _pairs("repairs", told(a), told(b))


def _step(step: Mapping[str, Any]) -> str:
    return f"{step.get('code', '')} {step.get('says') or ''}".strip()


def _cost(a: Side, b: Side) -> Iterator[Change]:
    def told(s: Side) -> dict[str, Any]:
        took = s.run.get("latency")
        return {
            "bytes": s.m.size,
            "bytes of the graph": len(s.m._graph),
            "model": s.run.get("model"),
            "µs for one row": None if took is None else short(took),
            "CPU seconds of the fit": s.run.get("cpu_seconds"),
        }

    yield from _pairs("cost", told(a), told(b))


def _answers(first: Side, second: Side) -> Iterator[Change]:
    a, b = first.m, second.m
    if (a.task, a.classes) != (b.task, b.classes):
        yield Change("answers", "golden rows", "-", "-", "other classes: the answers cannot be compared")
        return
    rows, _ = golden.read(a._files, a._session.main)
    try:
        outputs = [m._output(feed_from(rows, m._schema, "null")[0]) for m in (a, b)]
    except InputError:
        yield Change("answers", "golden rows", "-", "-", "the second needs columns that the first does not have")
        return
    gap = np.abs(outputs[0] - outputs[1]).max(axis=1)
    if not gap.any():
        return
    flips = int((a._labels(outputs[0]) != b._labels(outputs[1])).sum()) if a.classes else 0
    says = f"differ by up to {short(float(gap.max()))}, {short(float(gap.mean()))} on average"
    if a.classes:
        says = f"probabilities {says}; {plural(flips, 'prediction')} of {len(rows)} changed"
    yield Change("answers", f"{len(rows)} golden rows", "-", "-", says)


def _variants(a: Side, b: Side) -> Iterator[Change]:
    def told(s: Side) -> dict[str, str]:
        out = {}
        for name in names(s.m):
            graph, record = held(s.m, name)
            worst = float(record.get("worst_change", np.nan)) / float(record.get("unit_size", 1.0))
            out[name] = f"{count(len(graph))} bytes, answers within {short(worst, 2)} of the graph's"
        return out

    yield from _pairs("variants", told(a), told(b))
