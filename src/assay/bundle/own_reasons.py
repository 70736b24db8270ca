"""Explanations of a model of any maker: permutation Shapley over the columns of the user's own table.

The background are 16 rows of that table, drawn by hash: real rows, since they stay where they are. Nothing is asked of
the model but answers, so the contributions are those of the function that it is, whatever it is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from assay.audit.answers import FittedTo
from assay.audit.opening import open_subject
from assay.core.subject import Model, Subject
from assay.core.table import F64, I64, Mask, Sample, SampleSpec
from assay.learn.target import labels
from assay.probes.asked import answers
from assay.probes.same_thing import same_thing
from assay.stats.shapley import PAIRS, attribute

from .own_model import open_model
from .reasons import explanation
from .shapley import Explanation

BACKGROUND = 16
ALIKE_ROWS = 2_000


def explain_own(
    given: Any,
    source: Any,
    *,
    target: str | None = None,
    pick: Callable[[int], Sequence[int]] | None = None,
    n: int = 3,
    pairs: int = PAIRS,
) -> tuple[list[int], list[dict[str, Any]], Explanation]:
    """Explain rows of a table by what a model answers.

    Args:
        given: what ``own_model.open_model`` takes. ``target``: its column, where the table holds it.
        pick: number of rows -> positions of those that are wanted; by default the first five.

    Returns:
        Positions, scored rows as mappings (prediction, p_<class>), and the explanation of these rows.

    Raises:
        InputError, BundleError, SettingsError: the model or the table cannot be read, or they do not fit together.
    """
    subject = open_subject(source, target=target, cache=False)
    model: Model = open_model(given, subject)
    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    classes: tuple[str, ...] = ()
    if subject.roles.target is not None:
        truth = labels(rows, subject.roles)
        model, classes = FittedTo(model, truth.task, truth.classes), truth.classes
    wanted = list(pick(rows.n) if pick else range(min(5, rows.n)))
    at = np.argsort(rows.position, kind="stable")[wanted]
    back = np.setdiff1d(np.arange(rows.n), at)[:BACKGROUND]  # sorted by hash, so the first are a random draw
    back = back if len(back) else at[:BACKGROUND]
    columns = tuple(c for c in getattr(model, "columns", None) or of(model, subject) if c in rows.names)
    made = explain_rows(model, rows, at, back, columns, classes, n, pairs)
    output = answers(model, rows.take(at))
    return wanted, [scored(o, classes or model.classes) for o in output], made


def of(model: Model, subject: Subject) -> tuple[str, ...]:
    """The columns that a model is given, as far as it says so."""
    inner = getattr(model, "inner", None) or getattr(model, "model", None)
    return tuple(getattr(inner, "columns", None) or subject.features)


def explain_rows(
    model: Model,
    rows: Sample,
    at: I64,
    back: I64,
    columns: tuple[str, ...],
    classes: tuple[str, ...],
    n: int,
    pairs: int,
) -> Explanation:
    """The rows ``at`` of a sample against its rows ``back``."""
    import pyarrow as pa

    pool = rows.take(np.concatenate((at, back)))

    def ask(row: I64, base: I64, mask: Mask) -> F64:
        cells = np.where(mask, row[:, None], len(at) + base[:, None])
        mixed = {c: pool.arrow[c].take(pa.array(cells[:, j])) for j, c in enumerate(columns)}
        return wide(answers(model, pool.take(row).replace(mixed)))

    own = wide(answers(model, pool))
    full, start = own[: len(at)], own[len(at) :]
    many = full.shape[1] > 2
    chosen = full.argmax(1) if many else np.full(len(at), full.shape[1] - 1)
    groups = tuple(same_thing(rows.take(np.arange(min(rows.n, ALIKE_ROWS))), columns))
    place = {c: j for j, c in enumerate(columns)}
    made = attribute(
        ask, len(at), len(back), len(columns), chosen, start=start, full=full, pairs=pairs,
        groups=[[place[c] for c in g] for g in groups],
    )  # fmt: skip
    names = classes or model.classes
    label = tuple(names[k] if k < len(names) else f"class {k}" for k in chosen) if full.shape[1] > 1 else ()
    texts = [[said(v) for v in pool.arrow[c].slice(0, len(at)).to_pylist()] for c in columns]
    values = np.empty((len(at), len(columns)), object)
    for j, c in enumerate(columns):
        values[:, j] = pool.arrow[c].slice(0, len(at)).to_pylist()
    shown = [[texts[j][r] for j in range(len(columns))] for r in range(len(at))]
    return explanation(columns, made, label, values, shown, groups, n, "sample")


def wide(output: F64) -> F64:
    return output if output.ndim == 2 else output[:, None]


def said(value: Any) -> str:
    """A cell in words."""
    if value is None or value != value:
        return "missing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def scored(output: Any, classes: Sequence[str]) -> dict[str, Any]:
    """One answer as ``predict`` writes it."""
    if np.ndim(output) == 0:
        return {"prediction": float(output)}
    names = [classes[k] if k < len(classes) else f"class {k}" for k in range(len(output))]
    shares = {f"p_{c}": float(p) for c, p in zip(names, output, strict=True)}
    return {"prediction": names[int(np.argmax(output))], **shares}
