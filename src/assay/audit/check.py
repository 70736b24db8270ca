"""The audit of one subject: run the catalogue, decide jointly, rank, try remedies, and hand a Report over."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from types import ModuleType
from typing import Any

from assay.core.errors import NotApplicable
from assay.core.finding import Finding, Outcome
from assay.core.remedy import Proof, Recipe
from assay.core.result import Cost, Score, SubjectInfo, Trial
from assay.core.settings import Settings
from assay.core.subject import Subject
from assay.core.table import Ask
from assay.core.versions import versions
from assay.report.document import Report

from .catalogue import expand, in_force
from .gallery import cards, gallery_asks
from .needs import missing
from .pages import drawer
from .ranking import findings
from .runner import Progress, Run, Runner
from .trial import trial
from .verdict import Decision, decide

REFITS = 5  # a report spends at most so many model fits on trials of remedies
LIBRARIES = ("assay", "duckdb", "lightgbm", "numpy", "pyarrow", "scikit-learn")


def check(
    subject: Subject,
    settings: Settings | None = None,
    progress: Progress | None = None,
    *,
    trials: bool = True,
    labels: Any = None,
) -> Report:
    """Measure every challenge that the settings select and return the report.

    Selecting narrows what is run and shown, never the error control: challenges not run count as tests without
    evidence. ``labels`` are the user's own row labels (a pandas index), by position. Seeded by ``subject.seed``.
    """
    return Audit(subject, settings or Settings(), progress).report(trials=trials, labels=labels)


class Audit:
    """One audit under way. ``runner`` keeps facts and probes, so that fit need not make them again."""

    def __init__(self, subject: Subject, settings: Settings, progress: Progress | None = None) -> None:
        self.subject, self.settings, self.progress = subject, settings, progress
        self.runner = Runner(subject, settings)
        self.start = (time.perf_counter(), time.process_time())
        self.modules: Mapping[str, ModuleType] = in_force(settings)
        self.unsafe = False
        self.refits = REFITS
        self.recipe = Recipe()
        self.proofs: list[tuple[Finding, Proof]] = []

    def report(self, *, trials: bool = True, labels: Any = None) -> Report:
        wanted = expand(self.settings.select, self.modules) or set(self.modules)
        self.runner.facts.declare(gallery_asks(self.subject))
        runs = self.runner.run({c: m for c, m in self.modules.items() if c in wanted}, self.progress)
        decisions = decide(runs, self.settings.level, self.unrun(wanted))
        ignored = self.ignored()
        stands = [f for f in findings(decisions, self.modules, self.subject, self.settings) if f.code not in ignored]
        tried: list[Trial] = []
        if trials and stands:
            self.say("trying remedies", 0.92)
            self.recipe, self.proofs = trial(
                self.subject, stands, dict(self.modules), self.runner.give, self.refits, self.unsafe
            )
            by_finding = {id(f): proof for f, proof in self.proofs}
            stands = [replace(f, proof=by_finding.get(id(f))) for f in stands]
            tried = [Trial(f.code, f.remedy, proof) for f, proof in self.proofs if f.remedy is not None]
        scores = self.scores()
        return Report(
            info=self.info(),
            question=self.settings.question,
            settings=self.settings,
            findings=tuple(stands),
            outcomes=tuple(self.outcome(code, runs, decisions, ignored) for code in self.modules),
            scores=scores,
            trials=tuple(tried),
            gallery=cards(self.subject, self.runner.facts, stands),
            cost=self.cost(decisions),
            labels=labels,
            pages={f.code: drawer(self.modules[f.code]) for f in stands},
        )

    def say(self, what: str, share: float) -> None:
        if self.progress:
            self.progress(what, share)

    def unrun(self, wanted: set[str]) -> int:
        """Challenges that apply but were not run: they stay in the family, as tests without evidence."""
        return sum(
            1 for code, m in self.modules.items() if code not in wanted and not missing(self.subject, m.CHALLENGE.needs)
        )

    def ignored(self) -> dict[str, str]:
        today = date.today().isoformat()
        return {
            code: rule.reason
            for rule in self.settings.ignore
            if rule.until is None or rule.until >= today
            for code in expand((rule.code,), self.modules)
        }

    def outcome(
        self, code: str, runs: Mapping[str, Run], decisions: Mapping[str, Decision], ignored: Mapping[str, str]
    ) -> Outcome:
        challenge = self.modules[code].CHALLENGE
        head = (code, challenge.name, challenge.title, challenge.stage)
        if code not in decisions:
            return Outcome(*head, "skipped", "not selected")
        made, run = decisions[code], runs[code]
        if code in ignored and made.verdict == "found":
            return Outcome(*head, "ignored", ignored[code], len(run.claims), made.tests, None, run.seconds)
        return Outcome(*head, made.verdict, made.reason, len(run.claims), made.tests, made.n_needed, run.seconds)

    def scores(self) -> tuple[Score, ...]:
        if self.subject.roles.target is None or ("scores" not in self.runner.made and self.settings.select):
            return ()
        try:
            return tuple(self.runner.give("scores"))
        except NotApplicable:
            return ()

    def info(self) -> SubjectInfo:
        table, roles = self.subject.table, self.subject.roles
        shown: dict[str, Any] = {}
        for name in ("target", "order", "group", "id", "protected", "weight", "split", "site"):
            role = getattr(roles, name)
            if role is not None:
                shown[name] = {"columns": list(role.columns), "source": role.source, "why": role.why}
        if roles.asked_at:
            shown["asked_at"] = {"columns": [roles.asked_at], "source": "user", "why": ""}
        target = roles.target.column if roles.target else None
        counts: dict[str, int] = {}
        unknown = 0
        if target is not None:
            unknown = self.runner.facts[Ask("holes", (target,))].n
            if roles.classes:
                top = self.runner.facts[Ask("top", (target,), args=(64,))]
                counts = {as_text(value): int(n) for value, n in top}
        return SubjectInfo(
            table.name, table.n_rows, len(table.columns), table.digest, shown, target, roles.task, roles.positive,
            counts, unknown, (*table.notes, self.subject.partition.says, *self.taken(), *self.looked()),
        )  # fmt: skip

    def looked(self) -> tuple[str, ...]:
        """How often the test that this report is on was looked at."""
        look = self.subject.evidence.get("looks")
        return () if look is None else (f"this is {look.says}",)

    def taken(self) -> tuple[str, ...]:
        """What is taken of a model that does not say which rows it was trained on."""
        model, given = self.subject.model, self.subject.predictions
        if model is None or given is None or model.trained_on is not None:
            return ()
        if self.subject.roles.split is not None:
            return ("the model counts as trained on what the split column calls train",)
        return ("the model counts as trained on other rows than these: name a split column where it saw some of them",)

    def cost(self, decisions: Mapping[str, Decision]) -> Cost:
        wall, cpu = time.perf_counter() - self.start[0], time.process_time() - self.start[1]
        scale = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6
        tests = sum(d.tests for d in decisions.values())
        return Cost(wall, cpu, peak, tests, dict.fromkeys(LIBRARIES, "not installed") | versions(LIBRARIES))


def as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def standing_leaks(stands: Sequence[Finding], suspects: Collection[str]) -> dict[str, str]:
    """Columns that fit leaves out: exact or test findings of K01-K03, and those still under ASK, with the reason.

    Of columns that make the target only together, the ones under suspicion go: without them the others say nothing.
    """
    out: dict[str, str] = {}
    for found in stands:
        if found.code in ("K01", "K02", "K03") and (found.claim.basis != "heuristic" or found.claim.ask):
            for column in [c for c in found.columns if c in suspects] or found.columns:
                out.setdefault(column, f"{found.code} {found.message}")
    return out
