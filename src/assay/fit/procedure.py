"""From a subject and a recipe to a fitted model: race, choose, calibrate, judge once, ship."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from assay.core import stopping
from assay.core.costs import Costs
from assay.core.errors import SettingsError
from assay.core.remedy import Recipe
from assay.core.result import Score
from assay.core.settings import Settings
from assay.core.subject import Subject
from assay.core.table import F64, I64
from assay.learn.calibration import earns_its_keep, fit_calibration
from assay.learn.conformal import fit_conformal
from assay.learn.families import can
from assay.learn.forms import Assembly, Calibration, Member
from assay.learn.learners import MOST_ROUNDS, train
from assay.learn.replay import calibrate

from . import judging
from .bands import try_bands
from .bounds import Bound, bounds
from .clock import Budget, Progress, cpu_seconds
from .constrained import admitted, constrained, must_stand_alone
from .coverage import realised
from .deciding import costs_for, decide
from .derived import with_derived
from .fitted import CalibrationRecord, Fitted
from .footprints import Measure
from .forecast import Forecast, ahead, came, fold_of
from .keeping import Keeping, keeper_for
from .lineup import Lineup, choose_lineup, train_runner
from .making import making
from .material import Material, prepare
from .measures import Judged
from .portfolio import LARGE, Plan, make_plan, portfolio
from .race import Race
from .sets import sets_by
from .shipping import Shipping, limits_of
from .tuning import tune
from .whose import whose

MORE_ROUNDS = 1.1  # the final model sees more rows than a fold did, so it bears a little more boosting
LEAST_SHUFFLED = 0.08  # of the budget: the naive score stands beside the honest one even where little is left
COPIED = 0.01  # share of repeated rows from which a shuffled split is shown beside: it would score memory
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
    measure: Measure | None = None,
    resume: Path | None = None,
    spent: float = 0.0,
) -> Fitted:
    """Fit the question of ``subject``: see DESIGN section 7.

    Args:
        recipe: replayed on every row first; its ops are part of the model.
        settings: ``budget`` in CPU seconds and ``seed``.
        features: columns that may be used; by default all but target, ids, weight and split.
        left_out: columns that must not be used, with the reason (standing leaks).
        ship: "judged" or "refit"; by default judged from 20,000 rows on, unless rows are
            ordered in time, and always where the user's own split column
            holds rows back.
        resume: a folder where finished folds are kept; what a killed fit of the same question left there is used.
        spent: CPU seconds of the budget that are gone already (the audit's).
        progress: called with (what is done and the time left, share done).
        measure: what a model costs to ship (``bundle.footprint``); without it no limit of size or latency is kept.

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
    budget = Budget(settings.budget, progress, spent)
    budget.say("reading rows", 0.0)

    def laid_out(recipe: Recipe) -> Material:
        made = prepare(subject, recipe, settings.seed, features=features, left_out=left_out)
        return constrained(made, subject, settings.constraints, recipe)

    recipe, material = with_derived(recipe, laid_out, settings.budget)
    procedure = _Procedure(material, recipe, budget, ship, settings, measure)
    procedure.costs = costs_for(subject.evidence.get("costs"), material.labels)
    if resume is not None:
        procedure.keeper = keeper_for(resume, material, recipe, settings)
        if procedure.keeper.says:
            procedure.notes.append(procedure.keeper.says)
    return procedure.run()


class _Procedure:
    def __init__(
        self, material: Material, recipe: Recipe, budget: Budget, ship: str | None, settings: Settings,
        measure: Measure | None,
    ) -> None:  # fmt: skip
        self.m, self.recipe, self.budget = material, recipe, budget
        self.forecast: Forecast | None = None
        self.shipping = Shipping(material, recipe, budget, limits_of(settings), measure)
        self.sets = sets_by(material, settings.coverage_by)
        self.task, self.y = material.labels.task, material.y
        large = material.rows_known >= LARGE and material.roles.order is None  # the latest rows say most of the next
        own = material.roles.parted == "column"
        if own and ship == "refit":
            raise SettingsError("a refit would learn from the rows that the split column holds back: --ship judged")
        judged = ship == "judged" or own or (ship is None and large)
        self.ship: Literal["judged", "refit"] = "judged" if judged else "refit"
        self.notes = list(material.notes)
        self.interrupted = False
        self.keeper: Keeping | None = None
        self.costs: Costs | None = None

    def run(self) -> Fitted:
        race, plan = self._race()
        costs = self.shipping.measure_race(race)
        alone = self.interrupted or must_stand_alone(self.m)
        lineup = choose_lineup(race, self.m, self.budget, self.notes, alone=alone, fits=costs.fits)
        m, y, task = self.m, self.y, self.task
        covered, crossed = self._crossed(race, lineup)
        calibration, calibrated = self._calibration(covered, crossed, lineup)
        dev = np.concatenate((m.build[covered], m.choose))
        output_dev = calibrate(calibration, np.concatenate((crossed[covered], lineup.choose)))
        seconds = plan.seconds if plan.rows else plan.seconds * len(m.dev) / max(1, len(m.build))
        band = try_bands(m, lineup.choose, crossed, race.folds[-1], plan.rows, seconds, self.budget, self.notes)
        self.sets = sets = self.sets.with_band(band)
        used, method = sets.rows(dev)
        self.budget.say("training the model to be judged", 0.7)
        start = cpu_seconds()
        judged, output_judge, said_judge = self._train(lineup, m.dev, plan, calibration, m.judge)
        record = making(race, lineup, m, plan, self.budget, calibration, took := cpu_seconds() - start)
        said = sets.band.choose if sets.band else None
        conformal = sets.fit(output_dev[used], dev[used], judged.conformal.band, said)
        judged = replace(judged, conformal=conformal, steps=sets.steps(output_dev[used], dev[used]))
        self.notes += ([] if band is None else [band.says]) + sets.says(conformal, dev[used])
        output_judge = calibrate(calibration, output_judge)
        dependent = m.roles.group is not None or m.copied >= COPIED  # copies fall into one part together
        order, keys = m.order(), m.relatives if dependent else None
        block = judging.blocks_of(order, keys, m.judge)
        headline = shuffled = naive = decision = None
        also: tuple[Score, ...] = ()
        bounded: tuple[Bound, ...] = ()
        if len(m.judge):
            label, timed = whose(m), order is not None
            seen = Judged(output_judge, y[m.judge], m.labels.aim, m.weights(m.judge), block, m.alpha)
            headline = judging.headline(seen, label, timed=timed)
            if m.look is not None and m.look.number > 1:
                charged = f"between: 95 % for whichever of {m.look.number} looks is kept"
                headline = replace(headline, note="; ".join(filter(None, (headline.note, charged))))
            naive = judging.naive(y[m.dev], seen, m.labels.outputs, m.weights(m.dev))
            also, bounded = judging.others(seen), bounds(seen)
            decision = None if self.costs is None else decide(seen, self.costs, m.labels.classes)
            if m.roles.parted in ("time", "group", "site") or m.copied >= COPIED:
                shuffled = self._shuffled(race, lineup, plan)
        coverage = realised(
            sets.of(conformal, output_judge, m.judge, said_judge), output_judge, y[m.judge], task, m.labels.classes,
            coverage=conformal.coverage, method=method, n=int(np.count_nonzero(used)),
            unit=block if order is not None or keys is None else keys[m.judge],
            groups=sets.groups(m.judge), crossed=bool(sets.column),
        )  # fmt: skip
        rows = np.concatenate((dev, m.judge))
        output = np.concatenate((output_dev, output_judge))
        if sets.band is not None and said is not None and said_judge is not None:
            sets.band.errors[m.judge] = np.abs(y[m.judge] - output_judge)  # what a refit learns widths from
            # of build rows no fresh band was made
            said = np.concatenate((np.full((len(covered), 2), np.nan), said, said_judge))
        shipped = judged
        if self.ship == "refit":
            shipped = self._refit(lineup, plan, judged, rows, output, said)
        mixed = float(m.losses(crossed[covered], m.build[covered]).mean()) if len(covered) else float("nan")
        points = self.shipping.table(race, costs, lineup, shipped, mixed, took, self.notes)
        weights = {r.config.name: w for r, w in zip(lineup.runners, lineup.weights, strict=True)}
        candidates = race.results(weights)
        self.notes.append(lineup.says)
        late = sum(c.state == "unfinished" for c in candidates)
        if late and not self.interrupted:
            self.notes.append(
                f"the budget of {self.budget.seconds:g} CPU seconds let {len(candidates) - late} of {len(candidates)} "
                "candidates finish: more time may find a better model (--budget)"
            )
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
            predictions=sets.predictions(rows, output, judged.conformal, said),
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
            bounds=bounded,
            pareto=points,
            forecast=self.forecast,
            decision=decision,
            notes=tuple(self.notes),
        )

    def _race(self) -> tuple[Race, Plan]:
        m = self.m
        self.budget.say("measuring what a fit costs", 0.02)
        _, data = m.encoded(m.build)
        plan = make_plan(data, self.budget.left, m.threads, m.seed)
        plan = plan if self.keeper is None else self.keeper.plan(plan)
        del data
        if plan.rows:
            self.notes.append(f"each model learned from {plan.rows:,} rows: more would not fit the budget")
        race = Race(m, plan, self.budget, self.keeper)
        if not race.folds:
            race.folds = [(m.build, m.build)]
            self.notes.append(
                "too few different rows for folds: candidates were compared on the rows they learned from"
            )
        configs = [c for c in portfolio(len(m.build), plan.rate) if can(c.family, m.labels.aim)]
        configs, said = admitted(configs, m) if m.constraints.shapes else (configs, [])
        self.notes += said
        self.forecast = ahead(m, configs, race, plan, self.budget)
        try:
            for i, config in enumerate(configs):
                self.budget.say(f"racing {config.name}", 0.05 + 0.4 * i / len(configs))
                race.run(config)
            tune(race, self.budget, self.notes)
        except KeyboardInterrupt:
            if not race.finished():
                raise
            self.interrupted = True
            stopping.taken()
            self.notes.append("interrupted: the best candidate so far was finished, the others had no turn")
        if race.best() is None:
            why = "; ".join(f"{r.config.name}: {r.why}" for r in race.runners)
            raise SettingsError(f"no candidate could be trained ({why})")
        self.forecast = came(self.forecast, race, fold_of(race, m))
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
        tried = fit_calibration(crossed[covered], y[m.build[covered]], task, m.weights(m.build[covered]))
        keep, (gain, error) = earns_its_keep(
            tried, lineup.choose, y[m.choose], task, m.units(m.choose), m.weights(m.choose)
        )
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
        both = np.concatenate((m.build[covered], m.choose))
        kept = fit_calibration(output, y[both], task, m.weights(both))
        return kept, CalibrationRecord(kept.kind, True, float(gain), float(error), len(output), f"kept: {shown}")

    def _train(
        self, lineup: Lineup, index: I64, plan: Plan, calibration: Calibration, on: I64
    ) -> tuple[Assembly, F64, F64 | None]:
        """Train the members on the rows ``index``; the assembly, what it predicts on the rows ``on``, their band."""
        m = self.m
        spec, data = m.encoded(index, plan.rows)
        models = [train_runner(r, m, data, MORE_ROUNDS) for r in lineup.runners]
        members = tuple(
            Member(r.config.name, r.config.family, w, model.form(), model)
            for r, w, model in zip(lineup.runners, lineup.weights, models, strict=True)
        )
        X = m.encode(spec, on)
        if len(on):
            output = np.sum([w * t.predict(X) for w, t in zip(lineup.weights, models, strict=True)], axis=0)
        else:
            output = np.empty((0,) if self.task == "regression" else (0, m.labels.outputs))
        form, said = self.sets.trained(data, index, X, output)
        spec = self.sets.spec(m.graph_columns(spec, self.recipe))
        conformal = replace(fit_conformal(output[:0], self.y[:0], self.task), band=form)
        return (
            Assembly(
                self.task, m.labels.classes, spec, members, calibration, conformal, said=m.labels.said, costs=self.costs
            ),
            output,
            said,
        )

    def _refit(
        self, lineup: Lineup, plan: Plan, judged: Assembly, rows: I64, output: F64, said: F64 | None
    ) -> Assembly:
        """The same recipe on all rows, with prediction sets from predictions that no row had a part in."""
        self.budget.say("refitting on all rows", 0.85)
        index = np.arange(self.m.sample.n)
        if len(index) == len(self.m.dev):
            return judged
        refit, _, _ = self._train(lineup, index, plan, judged.calibration, index[:0])
        if said is not None:
            fresh = np.isfinite(said[:, 0])
            rows, output, said = rows[fresh], output[fresh], said[fresh]
        conformal = self.sets.fit(output, rows, refit.conformal.band, said)
        return replace(refit, conformal=conformal, steps=self.sets.steps(output, rows))

    def _shuffled(self, race: Race, lineup: Lineup, plan: Plan) -> Score | None:
        """What a split that ignores time, groups and copies would have promised, to anybody who tuned on such a split.

        What predicts, and the best booster of the race, learn from as many rows as the judged model, dealt at random,
        and boosters stop on rows dealt at random too: stopping on honest rows would hide how far they can memorise
        neighbours. The better of the two is shown, as who tuned on such a split would have taken it.
        """
        m = self.m
        spare = max(self.budget.left - race.evidence(lineup.runners), LEAST_SHUFFLED * self.budget.seconds)
        if self.budget.left <= 0 or self.interrupted:
            self.budget.bound = True
            self.notes.append("no time was left for the shuffled score")
            return None
        self.budget.say("scoring a shuffled split for comparison", 0.8)
        boosters = [r for r in race.runners if r.rounds] or [lineup.runners[0]]
        booster = min(boosters, key=lambda r: (-r.done, float(np.nanmean(r.loss))))
        dealt = np.random.Generator(np.random.PCG64(m.seed)).permutation(m.sample.n)
        test, rest = np.sort(dealt[: len(m.judge)]), dealt[len(m.judge) :]
        stop, index = np.sort(rest[: len(rest) // 6]), np.sort(rest[len(rest) // 6 :])
        if len(np.unique(self.y[index])) < 2 or not len(stop):
            return None
        spec, data = m.encoded(index, plan.rows, free=True)
        valid = (m.encode(spec, stop), self.y[stop])
        X = m.encode(spec, test)
        made: dict[object, F64] = {}
        end = cpu_seconds() + spare
        runners = list(dict.fromkeys([booster, *lineup.runners]))
        for k, runner in enumerate(runners):
            config, left = runner.config, (end - cpu_seconds()) / (len(runners) - k)
            if k and runner.seconds / max(1, runner.done) > left:
                continue
            if config.family == "lightgbm":
                most = int(np.clip(0.7 * left / plan.a_round, 1, MOST_ROUNDS))
                config = replace(config, params={**config.params, "rounds": most})
            made[runner] = train(config, data, seed=m.seed, threads=m.threads, valid=valid).predict(X)
        tried = [(booster.config.name, made[booster])]
        if all(r in made for r in lineup.runners):
            mixed = np.sum([w * made[r] for r, w in zip(lineup.runners, lineup.weights, strict=True)], axis=0)
            tried.append((" + ".join(r.config.name for r in lineup.runners), mixed))
        name, output = min(tried, key=lambda pair: float(m.losses(pair[1], test).mean()))
        seen = Judged(output, self.y[test], m.labels.aim, m.weights(test))
        score = judging.headline(seen, "shuffled rows", first=False)
        return replace(score, note=f"{name}, trained and stopped on rows dealt at random")
