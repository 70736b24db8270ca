"""Repairs as data: ops of a closed vocabulary, remedies, recipes and the proofs they must bring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from .errors import SettingsError
from .rows import Rows

OpName = Literal[
    "cast", "map_values", "null_if", "null_outside", "scale", "indicator",
    "parse_date", "clock_to_minutes", "drop_column", "rename", "fold_rare", "clip", "look_up", "combine",
]  # fmt: skip
OP_NAMES: tuple[str, ...] = get_args(OpName)
Where = Literal["cells", "columns", "rows", "split", "training", "output"]
Safety = Literal["safe", "unsafe"]
ProofKind = Literal["gain", "honesty", "fidelity"]
State = Literal["kept", "rejected", "unproven", "recorded"]
SCHEMA = "assay-recipe-1"
ADDS = ("rename", "indicator", "combine")  # ops that make a column of their own, called as their "name" says
WAYS = ("difference", "ratio", "less_mean")  # how two columns are combined


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
    look_up          mapping: {text: text}                  columns are (determinant, dependent): the dependent is what
                                                            the mapping has for the determinant; others and null stay
    combine          how, name, mapping                     new number column of columns (a, b): "difference" a - b,
                                                            "ratio" a / b, "less_mean" b less the number that the
                                                            mapping has for a; null where either is, or not finite

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


def means_of(op: Op) -> dict[str, float]:
    """The numbers of a ``combine`` by "less_mean"; below the smallest normal double zero, which graphs cannot read.

    Raises:
        SettingsError: it has none.
    """
    if not op.args["mapping"]:
        raise SettingsError(f"combine less_mean needs the mean of one group at least; {op.columns[0]} has none")
    means = {str(text): float(mean) for text, mean in op.args["mapping"].items()}
    return {text: mean if abs(mean) > 2.3e-308 else 0.0 for text, mean in means.items()}


def combinable(how: str, one: str, kind: str, two: str, other: str) -> None:
    """Whether columns of these kinds can be combined so, in every lowering alike.

    Raises:
        SettingsError: they cannot; one sentence.
    """
    if how not in WAYS:
        raise SettingsError(f"two columns are combined by {', '.join(WAYS)}; got {how!r}")
    if how == "difference" and kind == other == "date":
        return
    for column, own in ((one, kind), (two, other)):
        if own in ("date", "clock"):
            raise SettingsError(f"combine {how} needs numbers; {column} is of kind {own}")


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
    """Remedies in order, as data. ``ops()`` is what is replayed on every row at prediction.

    ``applied``: the numbers of the steps that are replayed; None: those whose proof is kept.
    """

    steps: tuple[tuple[str, Remedy, Proof], ...] = ()
    schema: str = SCHEMA
    applied: frozenset[int] | None = None

    def replays(self, step: int) -> bool:
        return self.steps[step][2].state == "kept" if self.applied is None else step in self.applied

    def ops(self) -> tuple[Op, ...]:
        return tuple(op for i, (_, remedy, _) in enumerate(self.steps) if self.replays(i) for op in remedy.ops)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "steps": [
                {
                    "code": code, "says": r.says, "where": r.where, "safety": r.safety, "options": dict(r.options),
                    "ops": [op.to_json() for op in r.ops], "applied": self.replays(i),
                    "proof": {"kind": p.kind, "state": p.state, "unit": p.unit, "before": p.before, "after": p.after,
                              "gain": p.gain, "interval": p.interval, "n": p.n, "why": p.why},
                }
                for i, (code, r, p) in enumerate(self.steps)
            ],
        }  # fmt: skip

    @staticmethod
    def from_json(doc: Any, source: str = "the recipe") -> Recipe:
        """Read what ``to_json`` wrote.

        Raises:
            SettingsError: another schema, or a step that cannot be read; one sentence.
        """
        if not isinstance(doc, Mapping) or doc.get("schema") != SCHEMA:
            got = doc.get("schema") if isinstance(doc, Mapping) else type(doc).__name__
            raise SettingsError(f"{source} must be a recipe of schema {SCHEMA}; got {got!r}")
        steps: list[tuple[str, Remedy, Proof]] = []
        applied = set()
        try:
            for i, step in enumerate(doc["steps"]):
                proof = dict(step["proof"])
                if proof.get("interval") is not None:
                    proof["interval"] = tuple(proof["interval"])
                ops = tuple(Op.from_json(op) for op in step["ops"])
                if not all(isinstance(c, str) for op in ops for c in op.columns):
                    raise TypeError("columns are named by text")
                remedy = Remedy(step["where"], step["safety"], proof["kind"], step["says"], ops, None, step["options"])
                steps.append((step["code"], remedy, Proof(**proof)))
                if step["applied"]:
                    applied.add(i)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            told = f"{type(error).__name__} {error}"
            raise SettingsError(f"{source} is damaged: step {len(steps) + 1} cannot be read ({told})") from None
        return Recipe(tuple(steps), SCHEMA, frozenset(applied))
