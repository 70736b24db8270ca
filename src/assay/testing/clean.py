"""Tables without faults, and subjects over them with whatever a challenge needs: the ground that plants are put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from assay.audit.opening import settle
from assay.core.costs import even_costs
from assay.core.making import Making
from assay.core.subject import JUDGE, Comparison, Predictions, Subject
from assay.core.table import F64, Sample, SampleSpec
from assay.learn.scoring import own_and_usual
from assay.learn.target import labels
from assay.tables import guess_roles, open_table

START = np.datetime64("2024-01-01T00:00:00")
COLOURS = {"amber": 0.4, "blue": 0.3, "green": 0.2, "red": 0.1}
PLACES = {"east": 0.25, "north": 0.25, "south": 0.25, "west": 0.25}
WORDS = (
    "the parcel arrived late and box was open but all parts were there so we kept it thank you for help please call "
    "before next visit because door code changed last week our old number does not work any more"
)


def clean_table(n: int, seed: int = 0, needs: Sequence[str] = ()) -> pa.Table:
    """A table without faults: numbers, categories, a date in order, and a target that they explain in part.

    ``needs`` add what they name: ``group`` an owner of one row each (an owner of several rows would stand on both sides
    of a random split, which is the fault that K05 counts); ``id`` a key; ``text`` a free remark; ``regression``
    makes the target a number.
    """
    rng = np.random.default_rng(seed)
    height, width, dose = rng.normal(50, 9, n), rng.gamma(3.0, 2.0, n), rng.uniform(0, 10, n)
    colour = rng.choice(np.array(list(COLOURS)), n, p=list(COLOURS.values()))
    place = rng.choice(np.array(list(PLACES)), n)
    logit = 0.08 * (height - 50) - 0.25 * (width - 6) + 0.8 * (colour == "red") - 0.3
    yes = rng.random(n) < 1 / (1 + np.exp(-logit))
    when = START + np.sort(rng.integers(0, 365 * 86400, n)).astype("timedelta64[s]")
    columns: dict[str, Any] = {
        "height": np.round(height, 4), "width": np.round(width, 4), "dose": np.round(dose, 4),
        "colour": colour, "place": place, "when": when.astype("datetime64[us]"),
        "outcome": np.where(yes, "yes", "no"),
    }  # fmt: skip
    more = np.random.default_rng([seed, 1])
    if "regression" in needs:
        columns["outcome"] = np.round(20 + 4 * logit + more.normal(0, 3, n), 4)
    if "group" in needs:
        columns["owner"] = [f"owner {k}" for k in more.permutation(n)]
    if {"id", "trusted"} & set(needs):  # what is trusted is joined by a key
        columns["key"] = [f"A{k:07}" for k in more.permutation(10 * n + 1)[:n]]
    if "text" in needs:
        words = WORDS.split()
        lengths = more.integers(6, 25, n)
        picked = more.integers(0, len(words), int(lengths.sum()))
        columns["remark"] = [
            " ".join(words[k] for k in part) for part in np.split(picked, np.cumsum(lengths)[:-1])
        ][:n]  # fmt: skip
    return pa.table(columns)


def clean_subject(n: int = 3000, seed: int = 0, needs: Sequence[str] = ()) -> Subject:
    """A subject over ``clean_table`` with the roles, comparison, predictions or evidence that the needs name."""
    if "images" in needs:
        from .clean_images import clean_image_subject

        return clean_image_subject(n, seed)
    table = open_table(clean_table(n, seed, needs), name=f"clean-{seed}")
    word = {"target": "outcome"}
    for need, column in (("order", "when"), ("group", "owner"), ("id", "key"), ("site", "place")):
        if need in needs or (need == "id" and "trusted" in needs):
            word[need] = column
    if "units" in needs and not {"order", "group", "site"} & set(word):
        word["site"] = "place"
    roles = guess_roles(table, word)
    subject = settle(table, roles, seed)
    if "comparison" in needs:
        other = open_table(clean_table(n, seed + 100_000, needs), name=f"other-{seed}")
        subject = replace(subject, comparisons=(Comparison("reference against current", table, other),))
    if {"predictions", "sets", "model", "making", "search"} & set(needs) and n:
        subject = replace(subject, predictions=honest_predictions(subject), model=HonestModel())
    evidence: dict[str, Any] = {}
    if "trusted" in needs:
        evidence["trusted"] = table
    if "population" in needs:
        evidence["population"] = {"colour": dict(COLOURS), "place": dict(PLACES)}
    if {"making", "search"} & set(needs) and subject.predictions is not None:
        evidence["making"] = honest_making(subject.predictions)
    if "costs" in needs:
        evidence["costs"] = even_costs(subject.roles)
    if "pipeline" in needs:
        subject = replace(subject, pipeline=honest_pipeline)
    return replace(subject, evidence=evidence)


def honest_pipeline(X: Any, y: Any) -> Any:
    """Two folds; on the other one the nearest number to the target is chosen, and how it goes with it."""
    import pyarrow as pa

    table = X if isinstance(X, pa.Table) else pa.Table.from_pandas(X, preserve_index=False)
    numbers = np.column_stack([c.to_numpy() for c in table.columns if pa.types.is_floating(c.type)])
    wanted = np.unique(y, return_inverse=True)[1].astype(np.float64)
    made = np.empty(len(y))
    fold = np.arange(len(y)) % 2
    for k in (0, 1):
        own, other = numbers[fold == k], numbers[fold != k]
        near = (other - other.mean(0)).T @ (wanted[fold != k] - wanted[fold != k].mean()) / other.std(0)
        best = int(np.argmax(np.abs(near)))
        made[fold == k] = own[:, best] * np.sign(near[best])
    return made


def honest_making(given: Predictions) -> Making:
    """Three tries that predict alike, so that choosing brought no luck, and a run that gives the same again."""
    judged = given.part == JUDGE
    rest = np.flatnonzero(~judged & np.isfinite(given.y))
    y, output = given.y[rest], given.output[rest]
    own, usual = own_and_usual(output, y)
    loss = np.stack([own, 1.001 * own, 1.002 * own])
    same = given.output[judged]
    names = ("first", "second", "third")
    return Making(names, loss, np.arange(len(y)), usual, given.row_id[judged], lambda _: same)


class HonestModel:
    """Knows the truth of ``clean_table``; a missing number counts as the usual one, an unknown colour as none.

    Large for what it does, so that its size is asked about; but no small model does as well.
    """

    size: float | None = 10_000_000
    classes = ("no", "yes")
    trained_on: str | None = None
    refitted = False

    def predict_rows(self, rows: Sample) -> F64:
        colour, levels = rows.codes("colour")
        red = np.array([*levels, ""])[colour] == "red"
        height, width = (np.nan_to_num(rows.numbers(c), nan=usual) for c, usual in (("height", 50), ("width", 6)))
        p = 1 / (1 + np.exp(-(0.08 * (height - 50) - 0.25 * (width - 6) + 0.8 * red - 0.3)))
        return np.stack([1 - p, p], axis=1)


def honest_predictions(subject: Subject) -> Predictions:
    """What a model that knows the truth of ``clean_table`` says: calibrated, not overfitted, with 90 % sets."""
    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    truth = labels(rows, subject.roles)
    output = HonestModel().predict_rows(rows)
    own = output[np.arange(rows.n), truth.y.astype(int)]
    part = subject.partition.part(rows)
    q = np.array([np.quantile(1 - own[(truth.y == k) & (part != JUDGE)], 0.9) for k in (0, 1)])
    return Predictions(
        rows.row_id, output, truth.y, part, subject.roles.classes, sets=output >= 1 - q, coverage=0.9
    )  # fmt: skip
