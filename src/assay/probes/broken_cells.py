"""A model on rows with broken cells, held against models that do without the column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from assay.core.errors import InputError
from assay.core.subject import Model
from assay.core.table import F64, I64, Sample
from assay.learn.encoded import EncodedModel

from .asked import Reliance, answers, blanked
from .judged import Judged
from .with_holes import SLIPS, noisy, range_of, slipped, with_numbers

SLIPPED, SLIP_ROWS = 3, 200


@dataclass(frozen=True)
class Bench:
    """The model, the rows that it is asked about, and what it is held against."""

    model: Model
    judged: Judged
    plain: EncodedModel | None
    index: I64  # judged rows
    choose: I64
    rows: Sample
    own: F64  # losses on whole rows

    @property
    def usual(self) -> F64:
        return self.judged.usual()

    def against(self, broken: Sample, chosen: Sample) -> tuple[str, F64]:
        """(name, losses on the judged rows) of the better one on the choose rows, which are broken alike."""
        usual = self.usual
        known = {"the usual answer": (usual[self.choose], usual[self.index])}
        if self.plain is not None and self.plain_loss(chosen) < self.mean(self.choose, known["the usual answer"][0]):
            return "a plain model trained with holes", self.judged.quadratic(
                self.plain.predict_rows(broken), self.index
            )
        return "the usual answer", self.judged.quadratic(usual[self.index], self.index)

    def plain_loss(self, chosen: Sample) -> float:
        assert self.plain is not None
        return self.mean(self.choose, self.plain.predict_rows(chosen))

    def mean(self, index: I64, output: F64) -> float:
        return float(self.judged.quadratic(output, index).mean())


def broken(bench: Bench, column: str, used: bool, rng: np.random.Generator) -> Iterator[tuple[str, Sample]]:
    """The judged rows with the column gone, and with noise in it where it is a number that the model uses at all."""
    yield "missing", blanked(bench.rows, {column: None})
    if not used or next(c.kind for c in bench.rows.columns if c.name == column) != "number":
        return
    known = range_of(bench.judged.rows.numbers(column)[bench.judged.build])
    if known is not None and known.spread > 0:
        yield "noise", with_numbers(bench.rows, column, noisy(bench.rows.numbers(column), known, rng))


def slip_table(bench: Bench, reliance: Reliance, rng: np.random.Generator) -> dict[str, dict[str, dict[str, float]]]:
    """By column and slip: what a slipped row loses more, as a share of naive loss, and the share that a range tells."""
    kinds = {c.name: c.kind for c in bench.rows.columns}
    few = bench.index[:SLIP_ROWS]
    rows = bench.judged.rows.take(few)
    usual = max(bench.mean(few, bench.usual[few]), 1e-12)
    out: dict[str, dict[str, dict[str, float]]] = {}
    for column in [c for c in reliance.leading if kinds[c] == "number"][:SLIPPED]:
        known = range_of(bench.judged.rows.numbers(column)[bench.judged.build])
        x = rows.numbers(column)
        if known is None:
            continue
        for kind in SLIPS:
            made = slipped(x, kind)
            fine = np.isfinite(x) & (made != x)
            if not fine.any():
                continue
            try:
                lost = bench.judged.quadratic(answers(bench.model, with_numbers(rows, column, made)), few)
            except InputError:
                continue
            outside = (made[fine] < known.low) | (made[fine] > known.high)
            out.setdefault(column, {})[kind] = {
                "loses_more": float((lost - bench.own[: len(few)])[fine].mean()) / usual,
                "out_of_range": float(outside.mean()),
            }
    return out
