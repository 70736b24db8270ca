"""The race: candidates run fold by fold over the build rows and leave when they are clearly behind."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from assay.core.table import F64, I64
from assay.learn.calibration import paired
from assay.learn.families import FAMILIES
from assay.learn.forms import EncoderSpec
from assay.learn.learners import Config, Staged, TimeUp, Trained, foresee, train

from .clock import Budget, cpu_seconds
from .fitted import Candidate, State
from .material import Material
from .portfolio import FITS_BEYOND_FOLDS, SMALL, Plan
from .stages import Stages, crossed_rounds, stages

Z_DROP = 2.5  # racing at 2 to 2.5 paired standard errors never dropped the eventual winner (notes, section 6)
LEAST_TO_DROP = 50  # validation rows before a standard error is worth trusting
AFTER = 0.15  # of the budget: sizes, latencies, and the plain and flexible models that the winner is held against
QUESTIONS, ASKED_ROWS, MEMBERS = 300, 300, 3  # what the evidence and the explanations ask of a model, and of how many
MOST_ASKING = 0.25  # of the budget
CACHE_CELLS = 1e8  # float32 cells of prepared folds that are kept between candidates


@dataclass(eq=False)
class Runner:
    """A candidate while it runs. ``output`` holds out-of-fold predictions over the build rows, NaN where none yet."""

    config: Config
    output: F64
    loss: F64
    done: int = 0
    rounds: list[int] = field(default_factory=list)
    seconds: float = 0.0
    state: State = "unfinished"
    why: str = ""
    stages: dict[int, Stages] = field(default_factory=dict)  # by fold, until the race of the candidate is over
    left_at: tuple[float, float] | None = None
    took: list[float] = field(default_factory=list)  # CPU seconds of each fold that was done
    model: Trained | None = None  # of the first fold: what size and latency are measured on
    answers: float = 0.0  # CPU seconds for ``ASKED_ROWS`` rows
    proposed: bool = False  # by tuning: counts as a try, and is shown where it predicts

    @property
    def covered(self) -> I64:
        return np.flatnonzero(np.isfinite(self.loss))

    @property
    def mean_rounds(self) -> int:
        return round(float(np.mean(self.rounds))) if self.rounds else 0


class Keeper(Protocol):
    """Where finished folds are kept, and come from after a kill (``keeping``)."""

    def give(self, race: Race, runner: Runner, f: int) -> bool: ...
    def keep(self, race: Race, runner: Runner, f: int, seconds: float) -> None: ...


class Race:
    """Runs candidates over the same folds. ``material.build`` positions index every per-row array here."""

    def __init__(self, material: Material, plan: Plan, budget: Budget, keeper: Keeper | None = None) -> None:
        self.material, self.plan, self.budget, self.keeper = material, plan, budget, keeper
        self.folds = material.folds(material.build, plan.folds)
        self.place = np.full(material.sample.n, -1, dtype=np.int64)
        self.place[material.build] = np.arange(len(material.build))
        self.unit = material.units(material.build)
        self.runners: list[Runner] = []
        self._cache: dict[int, object] = {}
        self.spec: EncoderSpec | None = None  # of the first fold, whose models are kept
        self.barred: dict[str, str] = {}  # who cannot be chosen: too large or too slow to ship

    def run(self, config: Config, *, proposed: bool = False) -> Runner:
        """Run one candidate until it is done, beaten, out of time or broken."""
        m = self.material
        n, k = len(m.build), m.labels.outputs
        shape = (n,) if m.labels.task == "regression" else (n, k)
        runner = Runner(config, np.full(shape, np.nan), np.full(n, np.nan), proposed=proposed)
        self.runners.append(runner)
        first = all(r.done == 0 for r in self.runners[:-1])
        for f in range(len(self.folds)):
            kept = self.keeper is not None and self.keeper.give(self, runner, f)
            start = cpu_seconds()
            try:
                if not kept and not first and not self._affordable(runner):
                    self.budget.bound = True
                    stopped = f"the clock stopped it after {runner.done} of {len(self.folds)} folds"
                    ruled_out = "the clock ruled it out: its folds would not fit in what was left"
                    runner.why = stopped if runner.done else ruled_out
                    return runner
                if not kept:
                    self._fold(runner, f, None if first else self.budget.deadline(self.reserve()))
            except TimeUp:
                self.budget.bound = True
                runner.why = f"the clock stopped it in fold {f + 1} of {len(self.folds)}"
                return runner
            except (ValueError, np.linalg.LinAlgError, MemoryError) as error:
                runner.state, runner.why = "failed", f"{type(error).__name__}: {error}".splitlines()[0][:200]
                return runner
            finally:
                runner.seconds += cpu_seconds() - start
            runner.took.append(cpu_seconds() - start)
            runner.done += 1
            if self.keeper is not None and not kept:
                self.keeper.keep(self, runner, f, cpu_seconds() - start)
            if not FAMILIES[config.family].readable and self._beaten(runner):
                runner.state = "beaten"
                return runner
        self._settle(runner)
        runner.state = "beaten"  # until it proves to be the best: see ``results``
        return runner

    def reserve(self, one_fit: float = 0.0) -> float:
        """CPU seconds to keep back for what comes after the race: fits of the best so far, or of one that costs
        ``one_fit`` a fold and may become the best, and the evidence about the model."""
        best = self.best()
        near = sorted((r for r in self.runners if r.done), key=lambda r: float(np.nanmean(r.loss)))[:MEMBERS]
        after = self.evidence(near)
        if best is None or not best.done:
            return after + self.plan.seconds * FITS_BEYOND_FOLDS
        share = len(self.folds) / max(1, len(self.folds) - 1)
        return after + 1.3 * FITS_BEYOND_FOLDS * share * max(one_fit, best.seconds / best.done)

    def evidence(self, runners: Sequence[Runner]) -> float:
        """CPU seconds that the evidence about a model of these members will take: a share of the budget, and what the
        members are asked."""
        asking = QUESTIONS * sum(r.answers for r in runners)
        return float(AFTER * self.budget.seconds + min(asking, MOST_ASKING * self.budget.seconds))

    def best(self) -> Runner | None:
        """The lowest mean loss among those that finished every fold; else among those with most folds."""
        ran = [r for r in self.runners if r.done and r.config.name not in self.barred]
        if not ran:
            return None
        most = max(r.done for r in ran)
        return min((r for r in ran if r.done == most), key=lambda r: float(np.nanmean(r.loss)))

    def finished(self) -> list[Runner]:
        return [r for r in self.runners if r.done == len(self.folds) and r.config.name not in self.barred]

    def gap(self, runner: Runner, best: Runner) -> tuple[float, float]:
        """Mean loss beyond the best on the rows both predicted, and its standard error by units."""
        rows = np.flatnonzero(np.isfinite(runner.loss) & np.isfinite(best.loss))
        unit = np.unique(self.unit[rows], return_inverse=True)[1]
        return paired(runner.loss[rows], best.loss[rows], unit)

    def results(self, weights: dict[str, float]) -> tuple[Candidate, ...]:
        """The record of the race, in the order in which the candidates ran; of proposals those that predict."""
        best = self.best()
        out = []
        for r in self.runners:
            if r.proposed and r.config.name not in weights:
                continue
            gap, error = self.gap(r, best) if best is not None and r.done else (float("nan"), float("nan"))
            state: State = "won" if r.config.name in weights else r.state
            why = r.why
            if state == "beaten" and not why:
                why = f"behind by {gap:.3g} (standard error {error:.2g}) after {r.done} of {len(self.folds)} folds"
            loss = float(np.nanmean(r.loss)) if r.done else float("nan")
            out.append(
                Candidate(
                    r.config.name,
                    r.config.family,
                    FAMILIES[r.config.family].readable,
                    r.done,
                    len(self.folds),
                    loss,
                    gap,
                    error,
                    r.seconds,
                    state,
                    why,
                    weights.get(r.config.name, 0.0),
                    r.left_at,
                )
            )
        return tuple(out)

    def _affordable(self, runner: Runner) -> bool:
        """Whether the next fold fits before the reserve: by its own folds so far, else simply whether time is left.

        Families that cannot be stopped, or cost far more than the rest, begin only where all of their folds would fit.
        """
        if runner.done:
            expected = one_fit = runner.seconds / runner.done
        else:
            one_fit = foresee(runner.config, self._prepared(0)[0], seed=self.material.seed) or 0.0
            expected = len(self.folds) * one_fit
        return cpu_seconds() + expected < self.budget.deadline(self.reserve(one_fit))

    def _fold(self, runner: Runner, f: int, deadline: float | None) -> None:
        m = self.material
        data, X_valid, y_valid, rows = self._prepared(f)
        shift = time.process_time() - cpu_seconds()
        model = train(
            runner.config,
            data,
            seed=m.seed,
            threads=m.threads,
            valid=(X_valid, y_valid),
            deadline=None if deadline is None else deadline + shift,
        )
        start = cpu_seconds()
        output = model.predict(X_valid)
        runner.answers = (cpu_seconds() - start) * min(1.0, ASKED_ROWS / len(y_valid))
        runner.output[rows] = output
        runner.loss[rows] = m.losses(output, self.folds[f][1])
        if model.rounds:
            runner.rounds.append(model.rounds)
            if len(m.build) < SMALL and isinstance(model, Staged) and model.grown > 1:
                runner.stages[f] = stages(model, X_valid)
        if f == 0:
            runner.model = model

    def _settle(self, runner: Runner) -> None:
        """Score each fold at the rounds that the other folds stopped at: see ``stages``."""
        if len(runner.stages) < max(2, len(self.folds)):
            return
        for f, output in crossed_rounds(runner.stages, runner.rounds).items():
            rows = self.place[self.folds[f][1]]
            runner.output[rows] = output
            runner.loss[rows] = self.material.losses(output, self.folds[f][1])
        runner.stages.clear()

    def prepare(self) -> None:
        """Make the first fold's encoder, where no candidate had to."""
        if self.spec is None:
            self._prepared(0)

    def _prepared(self, f: int) -> tuple:  # type: ignore[type-arg]
        if f in self._cache:
            return self._cache[f]  # type: ignore[return-value]
        m = self.material
        inside, outside = self.folds[f]
        spec, data = m.encoded(inside, self.plan.rows)
        self.spec = spec if f == 0 else self.spec
        ready = (data, m.encode(spec, outside), m.y[outside], self.place[outside])
        if (data.X.size + ready[1].size) * len(self.folds) <= CACHE_CELLS:
            self._cache[f] = ready
        return ready

    def _beaten(self, runner: Runner) -> bool:
        best = self.best()
        if best is None or best is runner or len(runner.covered) < LEAST_TO_DROP:
            return False
        gap, error = self.gap(runner, best)
        if gap > Z_DROP * error:  # said now: a later leader would make the reason look weaker or stronger than it was
            runner.left_at = (gap, error)
            runner.why = (
                f"behind {best.config.name} by {gap:.3g} (standard error {error:.2g}) "
                f"after {runner.done} of {len(self.folds)} folds"
            )
            return True
        return False
