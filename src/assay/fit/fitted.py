"""What a fit hands over: the model in neutral form, and everything that was measured on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from assay.core.making import Making
from assay.core.remedy import Recipe
from assay.core.result import Score
from assay.core.subject import Predictions, Task
from assay.learn.forms import Assembly

from .deciding import Decision
from .footprints import Point

if TYPE_CHECKING:
    from .bounds import Bound
    from .forecast import Forecast

State = Literal["won", "beaten", "unfinished", "failed"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One runner of the race. ``loss`` is the mean over the folds done (by the aim: log-loss, squared error …);
    ``gap`` and ``gap_error`` are its paired distance to the best on the same rows, and the standard error of that.

    ``unfinished`` means that the clock cut it off, which says nothing about its quality.
    """

    name: str
    family: str
    readable: bool
    folds_done: int
    folds: int
    loss: float
    gap: float
    gap_error: float
    cpu_seconds: float
    state: State
    why: str = ""
    weight: float = 0.0  # share in the ensemble that was judged
    left_at: tuple[float, float] | None = None  # gap to the leader, and its standard error, when it left the race early


@dataclass(frozen=True, slots=True)
class CalibrationRecord:
    """``gain`` and ``error``: paired log-loss gain of the map on rows that did not fit it, and its standard error."""

    kind: str
    kept: bool
    gain: float
    error: float
    n: int
    says: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """Realised coverage on the judge rows: ``hits`` of ``n``, with a Clopper-Pearson (Beta) 95 % interval; where rows
    depend on each other (``units`` says so) the wider of it and of a t interval over groups, copies or blocks."""

    of: str
    hits: int
    n: int
    interval: tuple[float, float]
    units: str = "rows"


@dataclass(frozen=True, slots=True)
class ConformalRecord:
    """``realised`` has one entry per class, then one over all rows, then groups. ``size``: mean set size or width."""

    coverage: float
    n: int
    method: str
    realised: tuple[Coverage, ...]
    size: float


@dataclass(frozen=True)
class Fitted:
    """The result of ``fit``.

    ``assembly`` is what is shipped; ``judged`` is what ``headline``, ``conformal`` and ``predictions`` are about
    (trained on build + choose). They are the same object where ``shipped`` is "judged".
    """

    assembly: Assembly
    judged: Assembly
    recipe: Recipe
    features: tuple[str, ...]
    left_out: Mapping[str, str]
    task: Task
    classes: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    headline: Score | None
    shuffled: Score | None
    naive: Score | None
    also: tuple[Score, ...]
    calibration: CalibrationRecord
    conformal: ConformalRecord
    predictions: Predictions
    shipped: Literal["judged", "refit"]
    label: str
    rows: int
    rows_known: int
    folds: int
    cpu_seconds: float
    budget: float
    finished: bool
    reproducible: bool
    seed: int
    split_says: str
    making: Making
    bounds: tuple[Bound, ...] = ()
    pareto: tuple[Point, ...] = ()
    forecast: Forecast | None = None
    decision: Decision | None = None  # what the costs of the question make of the probabilities
    notes: tuple[str, ...] = field(default=())

    @property
    def scores(self) -> tuple[Score, ...]:
        """The bars of the honesty chart: headline first, then shuffled and naive, then other measures."""
        first = tuple(s for s in (self.headline, self.shuffled, self.naive) if s is not None)
        return first + self.also

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the race: more candidates would have had a turn."""
        return any(said.startswith("interrupted:") for said in self.notes)

    @property
    def winners(self) -> tuple[Candidate, ...]:
        return tuple(c for c in self.candidates if c.state == "won")
