"""How often a reading of meaning was right: findings of basis heuristic, judged by hand on tables not used to write it.

``assay/data/precision.csv`` holds the counts, one row a code; ``benchmarks/precision.py`` makes it from the judgements
in ``benchmarks/precision_judged.csv``. Findings that are unclear count as wrong.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

ENOUGH = 10  # with fewer findings judged the interval would span more than half of all shares


@dataclass(frozen=True, slots=True)
class Precision:
    """``right`` of ``judged`` findings that are readings of meaning, in all of ``tables`` tables looked at."""

    code: str
    right: int
    judged: int
    tables: int
    date: str
    note: str = ""

    @property
    def measured(self) -> bool:
        return self.judged >= ENOUGH

    @property
    def interval(self) -> tuple[float, float]:
        """Clopper-Pearson, 95 %."""
        from assay.stats.shares import share_interval

        return share_interval(self.right, self.judged, 0.05)

    def says(self) -> str:
        """One line, without the word *precision* before it."""
        if not self.measured:
            return f"unmeasured ({self.judged} findings judged on {self.tables} tables; {ENOUGH} are needed)"
        low, high = self.interval
        on = f"on {self.tables} tables not used to write it"
        return f"{self.right} of {self.judged} judged right {on} ({100 * low:.0f}-{100 * high:.0f} %)"

    def to_json(self) -> dict[str, object]:
        interval = list(self.interval) if self.measured else None
        return {
            "right": self.right, "judged": self.judged, "tables": self.tables, "measured": self.measured,
            "interval": interval, "date": self.date, "note": self.note,
        }  # fmt: skip


@cache
def precisions() -> Mapping[str, Precision]:
    """Code -> counts, for every challenge of the catalogue that reads meaning."""
    text = files("assay").joinpath("data/precision.csv").read_text("utf-8")
    return {
        row["code"]: Precision(
            row["code"], int(row["right"]), int(row["judged"]), int(row["tables"]), row["date"], row["note"]
        )
        for row in csv.DictReader(text.splitlines())
    }


def precision_of(code: str) -> Precision | None:
    """The counts of a code; None for a challenge that counts or tests only, and for other people's challenges."""
    return precisions().get(code)
