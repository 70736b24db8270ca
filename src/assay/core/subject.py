"""What is audited: a table with its roles, and perhaps comparisons, a model, predictions and evidence from above."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from .aim import Aim
from .claim import ImpactKind
from .rows import Rows
from .table import F64, U64, Sample, Table

Task = Literal["binary", "multiclass", "regression"]
ComparisonKind = Literal["reference", "test", "split", "time", "site"]
SplitKind = Literal["column", "time", "group", "site", "random"]
SPLITS: tuple[SplitKind, ...] = ("column", "time", "group", "site", "random")
BUILD, CHOOSE, JUDGE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Role:
    columns: tuple[str, ...]
    source: Literal["user", "guess"] = "user"
    why: str = ""

    @property
    def column(self) -> str:
        return self.columns[0]


@dataclass(frozen=True, slots=True)
class Roles:
    """Which column plays which part. ``order`` is a column or ``"@row"``. ``positive`` is the class that is scored."""

    target: Role | None = None
    task: Task | None = None
    classes: tuple[str, ...] = ()  # as text, sorted; empty for regression
    positive: str | None = None
    order: Role | None = None
    group: Role | None = None
    id: Role | None = None
    protected: Role | None = None
    weight: Role | None = None
    split: Role | None = None
    site: Role | None = None
    asked_at: str | None = None
    known: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    aim: Aim | None = None  # what is predicted, where the user said so
    split_by: SplitKind | None = None  # what separates rows that judge from rows that teach, where the user said so

    @property
    def parted(self) -> SplitKind:
        """What separates the rows that judge from those that teach: what was said, else the first that there is of
        split column, order and group, else chance. Sites only where they are asked for."""
        if self.split_by is not None:
            return self.split_by
        by: tuple[tuple[SplitKind, Role | None], ...] = (
            ("column", self.split), ("time", self.order), ("group", self.group),
        )  # fmt: skip
        return next((kind for kind, role in by if role is not None), "random")

    @property
    def folded(self) -> SplitKind:
        """What folds inside the rows that teach go by. A split column says nothing of these: the next role does."""
        if self.parted != "column":
            return self.parted
        return replace(self, split=None, split_by=None).parted

    def named(self, role: str) -> tuple[str, ...]:
        """Columns of a role, empty where it is not set."""
        found: Role | None = getattr(self, role)
        return () if found is None else found.columns

    def features(self, table: Table) -> tuple[str, ...]:
        """Columns that may feed a model: all but target, ids, weight and split, sorted by name."""
        out = {c for role in ("target", "id", "weight", "split") for c in self.named(role)}
        return tuple(sorted(c.name for c in table.columns if c.name not in out))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A named pair of tables, in order: a is the reference (train), b the other (test, later, another site).

    ``kind`` says where the pair comes from: a second file, the split column, the two halves of the order, a site and
    the rest. Rows of one table stand on both sides of the last two by their nature, so that equal rows are no overlap.
    """

    name: str
    a: Table
    b: Table
    a_is_exact: bool = False
    kind: ComparisonKind = "reference"

    @property
    def harm(self) -> ImpactKind:
        """What a difference does. Between two tables it voids what the first one promised; along the order of one
        table it costs score, and a split in time (K06) says how much."""
        return "costs" if self.kind == "time" else "voids"


@dataclass(frozen=True, slots=True)
class Predictions:
    """By row_id. ``output`` is (n, classes) probabilities, or (n,) values for regression; ``sets`` is (n, classes)
    booleans, or (n, 2) interval ends. ``y`` is the class index or the value; ``part`` is build, choose or judge."""

    row_id: U64
    output: F64
    y: F64
    part: NDArray[np.int8]
    classes: tuple[str, ...] = ()
    sets: NDArray[Any] | None = None
    coverage: float | None = None
    group: NDArray[Any] | None = None


class Model(Protocol):
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def trained_on(self) -> str | None:
        """Digest of the table that it was trained on."""
        ...

    @property
    def refitted(self) -> bool:
        """True where it was trained on all of that table's rows, the judge rows too."""
        ...

    @property
    def size(self) -> float | None:
        """Bytes of its file or graph, where they are known."""
        ...

    def predict_rows(self, rows: Sample) -> F64: ...


@dataclass(frozen=True)
class Through:
    """A model that answers through another one: what wraps a model changes ``predict_rows`` alone."""

    inner: Model

    @property
    def classes(self) -> tuple[str, ...]:
        return self.inner.classes

    @property
    def trained_on(self) -> str | None:
        return self.inner.trained_on

    @property
    def refitted(self) -> bool:
        return self.inner.refitted

    @property
    def size(self) -> float | None:
        return self.inner.size

    def predict_rows(self, rows: Sample) -> F64:
        return self.inner.predict_rows(rows)


class Partition(Protocol):
    """row -> BUILD, CHOOSE or JUDGE. Exact duplicates and members of one group always fall together."""

    @property
    def says(self) -> str: ...
    def part(self, sample: Sample) -> NDArray[np.int8]: ...


@dataclass(frozen=True)
class Subject:
    """What is audited. ``evidence`` holds what some challenges need besides the table, by name:

    trusted     a Table that holds the same things as they should be (D18)
    population  column -> value -> share, as it is where the rows come from (S01)
    contract    what a team promised about its columns, as ``assay schema infer`` writes it (D06, O04)
    images      measurements of a set of images, row by row of the table (D16)
    making      how the model was made: what was tried, and a way to do it again (M03, M11)
    looks       the look at a locked test that this is, with its number (core.making.Look)
    costs       what every action costs for every class, a core.costs.Costs (M16)

    ``pipeline`` is the user's own: (X, y) -> a prediction for every row, or (score, chance); see K07.
    """

    table: Table
    roles: Roles
    partition: Partition
    seed: int = 0
    comparisons: tuple[Comparison, ...] = ()
    model: Model | None = None
    predictions: Predictions | None = None
    pipeline: Callable[[Any, Any], Any] | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def features(self) -> tuple[str, ...]:
        return self.roles.features(self.table)

    def rng(self, code: str, purpose: str) -> np.random.Generator:
        """A generator of its own for each (seed, code, purpose, table): never shared, so order of calls is free."""
        key = f"{self.seed}\x00{code}\x00{purpose}\x00{self.table.digest}".encode()
        state = int.from_bytes(hashlib.blake2b(key, digest_size=16).digest(), "big")
        return np.random.Generator(np.random.PCG64(state))

    def with_table(self, table: Table) -> Subject:
        return replace(self, table=table)


@dataclass(frozen=True, slots=True)
class Planted:
    """A subject with a fault put in: exactly where, and how large the effect truly is (in the challenge's unit)."""

    subject: Subject
    columns: tuple[str, ...]
    true_effect: float
    rows: Rows | None = None
