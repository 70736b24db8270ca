"""One trial: plant, measure, and say whether what was planted is what was found."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import lru_cache
from types import ModuleType
from typing import Any

from assay.audit.catalogue import catalogue
from assay.audit.needs import missing
from assay.audit.runner import Run, Runner
from assay.audit.verdict import decide
from assay.core.challenge import Need
from assay.core.claim import Claim
from assay.core.errors import AssayError, NotApplicable
from assay.core.settings import Settings
from assay.core.subject import Planted
from assay.testing import Judged, clean_subject

from .bases import Place
from .ground import ground
from .mending import mend
from .plan import GENERATED, Setup, Unit, amount

Record = dict[str, Any]
CLEAN_ROWS = 2_000
ANYWHERE = ("order", "model")


def measure(unit: Unit, setup: Setup) -> Record:
    """Make one trial. Never raises on a table's or a challenge's fault: that is what the record says."""
    module = catalogue()[unit.code]
    start = time.process_time()
    record: Record = {
        "key": unit.key, "code": unit.code, "table": unit.place.name,
        "kind": unit.kind, "multiple": unit.multiple, "seed": unit.seed,
    }  # fmt: skip
    record |= trial(unit, setup, module)
    return record | {"seconds": round(time.process_time() - start, 3)}


def trial(unit: Unit, setup: Setup, module: ModuleType) -> Record:
    challenge = module.CHALLENGE
    try:
        runner = runner_of(unit.place, *asked(unit, setup), challenge.needs if unit.place.lent else lendable(challenge))
        subject = runner.subject
        why = missing(subject, challenge.needs)
        if why:
            return {"state": "not-applicable", "why": why, "n": subject.table.n_rows}
        if unit.kind != "plant":
            made = judged(module, runner)
            return {"n": subject.table.n_rows} | outcome(made, None)
    except (AssayError, NotApplicable) as error:
        return {"state": "not-applicable", "why": str(error), "n": 0}
    subject = replace(subject, seed=unit.seed)
    head: Record = {"n": subject.table.n_rows, "dose": amount(challenge, unit.multiple)}
    try:
        planted: Planted = module.plant(subject, head["dose"], subject.rng(unit.code, "plant"))
    except (AssayError, NotApplicable) as error:
        return head | {"state": "not-applicable", "why": str(error)}
    except Exception as error:
        return head | {"state": "error", "why": f"the plant raised {type(error).__name__}: {error}"}
    made = judged(module, Runner(planted.subject, Settings(seed=unit.seed)))
    out = head | outcome(made, planted)
    if setup.mend and unit.multiple == 1.0 and unit.seed == 0 and out.get("found"):

        def speaks(claim: Claim, planted: Planted) -> bool:
            return names(claim, planted, challenge.scope)

        out["remedy"] = mend(module, subject, planted, made, speaks)
    return out


def asked(unit: Unit, setup: Setup) -> tuple[int, tuple[str, int] | None]:
    """Rows of the table and what is permuted. A challenge that promises for more rows gets so many where there are."""
    challenge = catalogue()[unit.code].CHALLENGE
    if unit.kind == "clean":
        return CLEAN_ROWS, ("clean", unit.seed)
    rows = challenge.promise.n if unit.place == GENERATED else max(setup.rows, challenge.promise.n)
    return rows, (challenge.scope, unit.seed) if unit.kind == "mixed" else None


def lendable(challenge: Any) -> tuple[Need, ...]:
    """On the user's own table only what is no column is lent: a pair of halves, and a plain model's predictions."""
    return tuple(need for need in challenge.needs if need in ("comparison", "predictions", "sets"))


@lru_cache(maxsize=4)
def runner_of(place: Place, rows: int, mixed: tuple[str, int] | None, needs: tuple[Need, ...]) -> Runner:
    """A runner over the ground, shared by all challenges that ask for the same, and so are its probes."""
    if place == GENERATED:
        return Runner(clean_subject(rows, mixed[1] if mixed else 0, needs), Settings())
    relevant: tuple[Need, ...] = tuple(
        sorted(n for n in needs if n in ("order", "group", "id", "site", "text", "comparison", "predictions", "sets",
                                         "trusted", "population", "pipeline"))
    )  # fmt: skip
    return Runner(ground(place, rows, relevant, mixed), Settings())


def judged(module: ModuleType, runner: Runner) -> Judged:
    """Measure one challenge and decide it alone at 0.05."""
    challenge = module.CHALLENGE
    why = missing(runner.subject, challenge.needs)
    run = Run(challenge, not_applicable=why) if why else runner.one(module)
    return Judged(run, decide({challenge.code: run}, runner.settings.level)[challenge.code])


def outcome(made: Judged, planted: Planted | None) -> Record:
    """The verdict, and whether a claim that stands names what was planted (or names no column at all)."""
    decision = made.decision
    if made.run.error is not None:
        return {"state": "error", "why": made.run.error}
    if made.run.not_applicable is not None:
        return {"state": "not-applicable", "why": decision.reason}
    stands = [claim for claim, _ in decision.stands]
    scope = made.run.challenge.scope
    own = [c for c in made.run.claims if names(c, planted, scope)]
    out: Record = {
        "state": decision.verdict if made.run.claims else "silent", "why": decision.reason,
        "found": any(names(c, planted, scope) for c in stands),
        "effect": max((c.effect.value for c in own), default=None),
        "basis": sorted({c.basis for c in stands}),
    }  # fmt: skip
    if planted is None:
        return out | {"says": [c.says[:200] for c in stands[:3]]}
    return out | {"true_effect": float(planted.true_effect), "columns": list(planted.columns[:6]),
                  "stands": len(stands)}  # fmt: skip


def names(claim: Claim, planted: Planted | None, scope: str) -> bool:
    """A claim speaks of the plant where they share a column, where either names none, or where it names roles only.

    What moves in time shows in any column that tells the time, and a model's fault in any: there every claim does.
    """
    if planted is None or not planted.columns or not claim.about.columns or scope in ANYWHERE:
        return True
    roles = planted.subject.roles
    played = {c for role in ("target", "order", "group", "id", "site", "split") for c in roles.named(role)}
    return bool(set(planted.columns) & set(claim.about.columns)) or set(claim.about.columns) <= played
