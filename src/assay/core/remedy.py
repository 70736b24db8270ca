"""Repairs as data: ops of a closed vocabulary, remedies, recipes and the proofs they must bring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from .errors import SettingsError
from .rows import Rows

OpName = Literal[
    "cast", "map_values", "null_if", "null_outside", "scale", "indicator",
    "parse_date", "clock_to_minutes", "drop_column", "rename", "fold_rare", "clip",
]  # fmt: skip
OP_NAMES: tuple[str, ...] = get_args(OpName)
Where = Literal["cells", "columns", "rows", "split", "training", "output"]
Safety = Literal["safe", "unsafe"]
ProofKind = Literal["gain", "honesty", "fidelity"]
State = Literal["kept", "rejected", "unproven", "recorded"]


@dataclass(frozen=True, slots=True)
class Op:
    """One step on cells or columns. Arguments by name:

    cast             to: "number" | "text"                 text that does not read as a number becomes null
    map_values       mapping: {text: text or null}          other values stay
    null_if          values: [text or number, ...]          these become null (text compared trimmed and casefolded)
    null_outside     lo, hi (either may be null)            numbers outside become null
    scale            by, lo, hi                             numbers inside [lo, hi] are multiplied
    indicator        name                                   new bool column: was null
    parse_date       format ("iso", "dmy", "mdy")           text to date (epoch seconds); unreadable becomes null
    clock_to_minutes -                                      HHMM number to minutes since midnight
    drop_column      -
    rename           name
    fold_rare        keep: [text, ...], other: text         values not kept become other; null stays
    clip             lo, hi                                 numbers are clipped

    What text reads as a number or date, and how a number reads as text, is said once in ``core.patterns``, for both
    lowerings. An op that needs numbers reads a text column as numbers first.
    """

    name: OpName
    columns: tuple[str, ...]
    args: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "columns": list(self.columns), "args": dict(self.args)}

    @staticmethod
    def from_json(doc: Mapping[str, Any]) -> Op:
        if doc["name"] not in OP_NAMES:
            raise SettingsError(f"a recipe step must be one of {', '.join(OP_NAMES)}; got {doc['name']!r}")
        return Op(doc["name"], tuple(doc["columns"]), dict(doc.get("args", {})))


@dataclass(frozen=True, slots=True)
class Remedy:
    """A repair: where it acts, whether it changes a recorded meaning, and which proof it must bring.

    ``says`` is one plain sentence in the imperative ("drop year: it has one value").
    Remedies on rows, split, training and output carry ``options`` instead of ops; they are recorded, not replayed.
    """

    where: Where
    safety: Safety
    proof: ProofKind
    says: str
    ops: tuple[Op, ...] = ()
    rows: Rows | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proof:
    """What the trial of a remedy showed. ``gain`` > 0 is better, in ``unit``, paired, on rows that chose nothing."""

    kind: ProofKind
    state: State
    unit: str = ""
    before: float | None = None
    after: float | None = None
    gain: float | None = None
    interval: tuple[float, float] | None = None
    n: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Remedies in order, as data. ``ops()`` is what is replayed on every row at prediction."""

    steps: tuple[tuple[str, Remedy, Proof], ...] = ()
    schema: str = "assay-recipe-1"

    def ops(self) -> tuple[Op, ...]:
        return tuple(op for _, remedy, proof in self.steps if proof.state == "kept" for op in remedy.ops)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "steps": [
                {
                    "code": code, "says": r.says, "where": r.where, "safety": r.safety, "options": dict(r.options),
                    "ops": [op.to_json() for op in r.ops],
                    "proof": {"kind": p.kind, "state": p.state, "unit": p.unit, "before": p.before, "after": p.after,
                              "gain": p.gain, "interval": p.interval, "n": p.n, "why": p.why},
                }
                for code, r, p in self.steps
            ],
        }  # fmt: skip
