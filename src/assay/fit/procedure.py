"""From a subject and a recipe to a fitted model: race, choose, calibrate, judge once, ship."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from assay.core.errors import SettingsError
from assay.core.remedy import Recipe
from assay.core.result import Score
from assay.core.settings import Settings
from assay.core.subject import BUILD, CHOOSE, JUDGE, Predictions, Subject
from assay.core.table import F64, I64, Mask
from assay.learn.boosting import MOST_ROUNDS
from assay.learn.calibration import earns_its_keep, fit_calibration
from assay.learn.conformal import fit_conformal, prediction_sets
from assay.learn.forms import Assembly, Calibration, Member
from assay.learn.learners import train
from assay.learn.replay import calibrate

from . import judging
from .clock import Budget, Progress, cpu_seconds
from .fitted import CalibrationRecord, Fitted
from .lineup import Lineup, choose_lineup, train_runner
from .making import making
from .material import Material, prepare
from .portfolio import LARGE, Plan, make_plan, portfolio
from .race import Race

MORE_ROUNDS = 1.1  # the final model sees more rows than a fold did, so it bears a little more boosting
COPIED = 0.01  # share of repeated rows from which a shuffled split is shown beside: it would score memory
LEAST_OF_CLASS = 100  # choose rows of the rarest class from which choose alone makes the prediction sets
JUDGED_SAYS = "trained on build + choose: the very model that was judged"
REFIT_SAYS = "same recipe, not itself tested: refitted on all rows; score and coverage are those of the judged model"


def fit(
    subject: Subject,
    recipe: Recipe,
    settings: Settings,
    *,
    features: Sequence[str] | None = None,
    left_out: Mapping[str, str] | None = None,
    ship: str | None = None,
    progress: Progress | None = None,
) -> Fitted:
    """Fit the question of ``subject``: see DESIGN section 7.

    Args:
        recipe: replayed on every row first; its ops are part of the model.
        settings: ``budget`` in CPU seconds and ``seed``.
        features: columns that may be used; by default all but target, ids, weight and split.
        left_out: columns that must not be used, with the reason (standing leaks).
        ship: "judged" or "refit"; by default judged from 20,000 rows on, and always where the user's own split column
            holds rows back.
        progress: called with (what is done and the time left, share done).

    Returns:
        ``Fitted``. With the same seed and table the result is the same wherever ``reproducible`` is True, that is,
        where the clock changed nothing.

    Raises:
        InputError, RoleError, SettingsError: in one sentence. KeyboardInterrupt: before any candidate has finished;
        after that the best so far is finished and ``Fitted.finished`` is False.
    """
    if ship not in (None, "judged", "refit"):
        raise SettingsError(f"ship must be judged or refit; got {ship!r}")
    if not settings.budget > 0:
        raise SettingsError(f"the budget must be a positive number of CPU seconds; got {settings.budget}")
    budget = Budget(settings.budget, progress)
    budget.say("reading rows", 0.0)
    material = prepare(subject, recipe, settings.seed, features=features, left_out=left_out)
    return _Procedure(material, recipe, budget, ship).run()


class _Procedure:
    def __init__(self, material: Material, recipe: Recipe, budget: Budget, ship: str | None) -> None:
        self.m, self.recipe, self.budget = material, recipe, budget
        self.task, self.y = material.labels.task, material.y
        large = material.rows_known >= LARGE
        own = material.roles.parted == "column"
        if own and ship == "refit":
            raise SettingsError("a refit would learn from the rows that the split column holds back: --ship judged")
        judged = ship == "judged" or own or (ship is None and large)
        self.ship: Literal["judged", "refit"] = "judged" if judged else "refit"
        self.notes = list(material.notes)
        self.interrupted = False

    def run(self) -> Fitted:
        race, plan = self._race()
        lineup = choose_lineup(race, self.m, self.budget, self.notes, alone=self.interrupted)
        m, y, task = self.m, self.y, self.task
        covered, crossed = self._crossed(race, lineup)
        calibration, calibrated = self._calibration(covered, crossed, lineup)
        dev = np.concatenate((m.build[covered], m.choose))
        output_dev = calibrate(calibration, np.concatenate((crossed[covered], lineup.choose)))
        used, method = self._conformal_rows(dev)
        conformal = fit_conformal(output_dev[used], y[dev][used], task)
        self.budget.say("training the model to be judged", 0.7)
        start = cpu_seconds()
        judged, output_judge = self._train(lineup, m.dev, plan, calibration, m.judge)
        record = making(race, lineup, m, plan, self.budget, calibration, cpu_seconds() - start)
        judged = replace(judged, conformal=conformal)
        output_judge = calibrate(calibration, output_judge)
        order, keys = m.order(), m.relatives if m.roles.group is not None else None
        block = judging.blocks_of(order, keys, m.judge)
        headline = shuffled = naive = None
        also: tuple[Score, ...] = ()
        if len(m.judge):
            label, timed = _split_label(m), order is not None
            headline = judging.headline(output_judge, y[m.judge], task, label, block=block, timed=timed)
            naive = judging.naive(y[m.dev], y[m.judge], task, m.labels.outputs)
            also = judging.others(output_judge, y[m.judge], task, block)
            if m.roles.parted in ("time", "group", "site") or m.copied >= COPIED:
                shuffled = self._shuffled(race, lineup, plan)
        coverage = judging.realised(
            conformal, output_judge, y[m.judge], task, m.labels.classes, method, int(np.count_nonzero(used))
        )
        rows = np.concatenate((dev, m.judge))
        output = np.concatenate((output_dev, output_judge))
        shipped = judged
        if self.ship == "refit":
            shipped = self._refit(lineup, plan, judged, rows, output)
        weights = {r.config.name: w for r, w in zip(lineup.runners, lineup.weights, strict=True)}
        candidates = race.results(weights)
        self.notes.append(lineup.says)
        if not self.interrupted and not self.budget.bound and not plan.binding:
            self.notes.append(
                f"every candidate had its turn in {self.budget.spent:.0f} of {self.budget.seconds:.0f} CPU seconds; "
                "more time would change nothing"
            )
        self.budget.say("done", 1.0)
        return Fitted(
            assembly=shipped,
            judged=judged,
            recipe=self.recipe,
            features=tuple(sorted({f.column for f in shipped.spec.features})),
            left_out=m.left_out,
            task=task,
            classes=m.labels.classes,
            candidates=candidates,
            headline=headline,
            shuffled=shuffled,
            naive=naive,
            also=also,
            calibration=calibrated,
            conformal=coverage,
            predictions=self._predictions(rows, output, judged),
            shipped=self.ship,
            label=JUDGED_SAYS if self.ship == "judged" else REFIT_SAYS,
            rows=min(len(m.dev), plan.rows) if plan.rows else len(m.dev),
            rows_known=m.rows_known,
            folds=len(race.folds),
            cpu_seconds=self.budget.spent,
            budget=self.budget.seconds,
            finished=not self.interrupted and all(c.state != "unfinished" for c in candidates),
            reproducible=not (self.interrupted or self.budget.bound or plan.binding),
            seed=m.seed,
            split_says=m.split_says,
            making=record,
            notes=tuple(self.notes),
        )

    def _race(self) -> tuple[Race, Plan]:
        m = self.m
        self.budget.say("measuring what a fit costs", 0.02)
        _, data = m.encoded(m.build)
        plan = make_plan(data, self.budget.left, m.threads, m.seed)
        del data
        if plan.rows:
            self.notes.append(f"each model learned from {plan.rows:,} rows: more would not fit the budget")
        race = Race(m, plan, self.budget)
        if not race.folds:
            race.folds = [(m.build, m.build)]
            self.notes.append(
                "too few different rows for folds: candidates were compared on the rows they learned from"
            )
        configs = portfolio(len(m.build), plan.rate)
        try:
            for i, config in enumerate(configs):
                self.budget.say(f"racing {config.name}", 0.05 + 0.55 * i / len(configs))
                race.run(config)
        except KeyboardInterrupt:
            if not race.finished():
                raise
            self.interrupted = True
            self.notes.append("interrupted: the best candidate so far was finished, the others had no turn")
        if race.best() is None:
            why = "; ".join(f"{r.config.name}: {r.why}" for r in race.runners)
            raise SettingsError(f"no candidate could be trained ({why})")
        return race, plan

    def _crossed(self, race: Race, lineup: Lineup) -> tuple[I64, F64]:
        """Build rows with an out-of-fold prediction of every member, and the mix of these predictions."""
        covered = np.flatnonzero(np.all([np.isfinite(r.loss) for r in lineup.runners], axis=0))
        return covered, np.sum([w * r.output for r, w in zip(lineup.runners, lineup.weights, strict=True)], axis=0)

    def _calibration(self, covered: I64, crossed: F64, lineup: Lineup) -> tuple[Calibration, CalibrationRecord]:
        """Fitted on out-of-fold build rows, tested on choose; where kept, fitted again on both."""
        m, y, task = self.m, self.y, self.task
        nothing = Calibration("none")
        if task == "regression":
            return nothing, CalibrationRecord("none", False, 0.0, 0.0, 0, "values are not recalibrated")
        tried = fit_calibration(crossed[covered], y[m.build[covered]], task)
        keep, (gain, error) = earns_its_keep(tried, lineup.choose, y[m.choose], task, m.units(m.choose))
        shown = (
            f"log-loss {'worse' if gain < 0 else 'better'} by {abs(gain):.2g} (standard error {error:.2g})"
            f" on {len(m.choose):,} rows that did not fit it"
        )
        if not keep:
            record = CalibrationRecord(
                tried.kind, False, float(gain), float(error), len(m.choose), f"not kept: {shown}"
            )
            return nothing, record
        output = np.concatenate((crossed[covered], lineup.choose))
        kept = fit_calibration(output, y[np.concatenate((m.build[covered], m.choose))], task)
        return kept, CalibrationRecord(kept.kind, True, float(gain), float(error), len(output), f"kept: {shown}")

    def _conformal_rows(self, dev: I64) -> tuple[Mask, str]:
        """Choose rows alone where they suffice: they stopped no booster and come last; else all cross-fitted."""
        m = self.m
        on_choose = np.isin(dev, m.choose)
        y = self.y[m.choose]
        rarest = (
            len(y) if self.task == "regression" else int(np.bincount(y.astype(int), minlength=m.labels.outputs).min())
        )
        if rarest >= LEAST_OF_CLASS:
            return on_choose, "split conformal on the choose rows"
        return np.ones(len(dev), dtype=np.bool_), "cross-fitted over build and choose (CV+)"

    def _train(self, lineup: Lineup, index: I64, plan: Plan, calibration: Calibration, on: I64) -> tuple[Assembly, F64]:
        """Train the members on the rows ``index``; the assembly, and what it predicts on the rows ``on``."""
        m = self.m
        spec, data = m.encoded(index, plan.rows)
        models = [train_runner(r, m, data, MORE_ROUNDS) for r in lineup.runners]
        members = tuple(
            Member(r.config.name, r.config.family, w, model.form(), model.native)
            for r, w, model in zip(lineup.runners, lineup.weights, models, strict=True)
        )
        X = m.encode(spec, on)
        if len(on):
            output = np.sum([w * t.predict(X) for w, t in zip(lineup.weights, models, strict=True)], axis=0)
        else:
            output = np.empty((0,) if self.task == "regression" else (0, m.labels.outputs))
        spec = m.graph_columns(spec, self.recipe)
        conformal = fit_conformal(output[:0], self.y[:0], self.task)
        return Assembly(self.task, m.labels.classes, spec, members, calibration, conformal), output

    def _refit(self, lineup: Lineup, plan: Plan, judged: Assembly, rows: I64, output: F64) -> Assembly:
        """The same recipe on all rows, with prediction sets from predictions that no row had a part in."""
        self.budget.say("refitting on all rows", 0.85)
        index = np.arange(self.m.sample.n)
        if len(index) == len(self.m.dev):
            return judged
        refit, _ = self._train(lineup, index, plan, judged.calibration, index[:0])
        return replace(refit, conformal=fit_conformal(output, self.y[rows], self.task))

    def _shuffled(self, race: Race, lineup: Lineup, plan: Plan) -> Score | None:
        """What a split that ignores time and groups would have promised, to anybody who tuned on such a split.

        The best booster of the race learns from as many rows as the judged model, dealt at random, and stops on rows
        dealt at random too: stopping on honest rows would hide how far a booster can memorise neighbours.
        """
        m = self.m
        if self.budget.left <= 0 or self.interrupted:
            self.budget.bound = True
            self.notes.append("no time was left for the shuffled score")
            return None
        self.budget.say("scoring a shuffled split for comparison", 0.8)
        boosters = [r for r in race.runners if r.rounds] or [lineup.runners[0]]
        runner = min(boosters, key=lambda r: (-r.done, float(np.nanmean(r.loss))))
        dealt = np.random.Generator(np.random.PCG64(m.seed)).permutation(m.sample.n)
        test, rest = np.sort(dealt[: len(m.judge)]), dealt[len(m.judge) :]
        stop, index = np.sort(rest[: len(rest) // 6]), np.sort(rest[len(rest) // 6 :])
        if len(np.unique(self.y[index])) < 2 or not len(stop):
            return None
        spec, data = m.encoded(index, plan.rows, free=True)
        valid = (m.encode(spec, stop), self.y[stop])
        config = runner.config
        if config.family == "lightgbm":
            most = int(np.clip(0.7 * self.budget.left / plan.a_round, 1, MOST_ROUNDS))
            config = replace(config, params={**config.params, "rounds": most})
        model = train(config, data, seed=m.seed, threads=m.threads, valid=valid)
        output = model.predict(m.encode(spec, test))
        score = judging.headline(output, self.y[test], self.task, "shuffled rows", block=None, first=False)
        return replace(score, note=f"{runner.config.name}, trained and stopped on rows dealt at random")

    def _predictions(self, rows: I64, output: F64, judged: Assembly) -> Predictions:
        m = self.m
        part = np.full(m.sample.n, JUDGE, dtype=np.int8)
        part[m.build], part[m.choose] = BUILD, CHOOSE
        rank = np.argsort(rows, kind="stable")
        rows, output = rows[rank], output[rank]
        sets = prediction_sets(judged.conformal, output, self.task)
        return Predictions(
            m.sample.row_id[rows], output, self.y[rows], part[rows], m.labels.classes, sets, judged.conformal.coverage
        )


def _split_label(m: Material) -> str:
    """Whose score the headline is; where a role was overruled, what it is not."""
    if m.roles.parted == "random":
        mixed = [said for role, said in (("order", "time"), ("group", "groups")) if m.roles.named(role)]
        return f"random rows, {' and '.join(mixed)} ignored" if mixed else "rows held out"
    return {
        "column": "the user's own test rows",
        "time": "later rows",
        "group": "rows of other groups",
        "site": "rows of other sites",
    }[m.roles.parted]
