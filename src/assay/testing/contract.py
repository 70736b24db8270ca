"""The contract of a challenge, as a public test: ``check_challenge(module)`` raises at the first broken clause.

Other people's challenges run it in their own test suite, exactly as assay's own do::

    from assay.testing import check_challenge
    def test_contract():
        check_challenge(my_package.my_challenge)

Clauses (DESIGN section 4): page, declaration, silent, finds, grows, remedies, repeats, untouched, orderless, bounded,
degenerate. ``CLAUSES`` maps each name to a function, for parametrised tests.
"""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa

from assay.audit.needs import missing
from assay.audit.opening import settle
from assay.audit.pages import HEADINGS
from assay.audit.ranking import finding
from assay.audit.runner import Run, Runner
from assay.audit.verdict import Decision, decide
from assay.core.challenge import Challenge, Need
from assay.core.settings import Settings
from assay.core.subject import Planted, Subject
from assay.core.table import SampleSpec
from assay.tables import guess_roles, open_table
from assay.tables.recipe import apply

from .clean import clean_subject, clean_table


@dataclass(frozen=True)
class Judged:
    run: Run
    decision: Decision

    @property
    def effect(self) -> float:
        """The largest effect among the claims, in the challenge's unit; 0 where nothing was claimed."""
        return max((c.effect.value for c in self.run.claims), default=0.0)


def judge(module: ModuleType, subject: Subject, settings: Settings | None = None) -> Judged:
    """Measure one challenge and decide it alone at 0.05."""
    settings = settings or Settings()
    challenge: Challenge = module.CHALLENGE
    why = missing(subject, challenge.needs)
    run = Run(challenge, not_applicable=why) if why else Runner(subject, settings).one(module)
    return Judged(run, decide({challenge.code: run}, settings.level)[challenge.code])


@lru_cache(maxsize=64)
def ground(n: int, seed: int, needs: tuple[Need, ...]) -> Subject:
    """A clean subject that clauses share: nobody changes it (``untouched``), and its facts are counted once."""
    return clean_subject(n, seed, needs)


def planted(module: ModuleType, seed: int, dose: float | None = None, n: int | None = None) -> Planted:
    """The challenge's plant in a clean table of the promised size."""
    challenge: Challenge = module.CHALLENGE
    subject = ground(n or challenge.promise.n, seed, challenge.needs)
    rng = subject.rng(challenge.code, "plant")
    made: Planted = module.plant(subject, challenge.promise.dose if dose is None else dose, rng)
    return made


def page(module: ModuleType) -> None:
    """The docstring has every heading, in order."""
    lines = [line.strip() for line in (module.__doc__ or "").splitlines()]
    at = [lines.index(h) if h in lines else -1 for h in HEADINGS]
    assert min(at) >= 0, f"{module.__name__}: the page lacks {[h for h, i in zip(HEADINGS, at, strict=True) if i < 0]}"
    assert at == sorted(at), f"{module.__name__}: headings stand in the order {', '.join(HEADINGS)}"


def declaration(module: ModuleType) -> None:
    """Code, name and thresholds are well-formed; the file is named as the fault."""
    challenge: Challenge = module.CHALLENGE
    assert re.fullmatch(r"[A-Z]\d\d", challenge.code), f"a code is a letter and two digits; got {challenge.code}"
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", challenge.name), f"a name is words and hyphens; got {challenge.name}"
    assert module.__name__.rpartition(".")[2] == challenge.name.replace("-", "_"), "the file is named as the fault"
    assert len(challenge.materiality) <= 3, "three thresholds at most"
    assert all(t.reason for t in challenge.materiality), "every threshold has its reason"
    assert callable(getattr(module, "plant", None)), f"{challenge.code} must plant its own fault"


def silent(module: ModuleType, seeds: int = 10) -> None:
    """Clean tables give no finding: at most one in ten seeds (a level of 0.05 allows that)."""
    needs = module.CHALLENGE.needs
    lacking = missing(clean_subject(2000, 0, needs), needs)
    assert lacking is None, f"{module.CHALLENGE.code} is never asked on the clean ground: {lacking}"
    found = [s for s in range(seeds) if verdict_of(module, ground(2000, s, needs)) == "found"]
    assert len(found) <= max(1, seeds // 10), f"{module.CHALLENGE.code} claims on clean tables, seeds {found}"


def finds(module: ModuleType, seeds: int = 5) -> None:
    """The plant is found at the promised dose: at least nine times in ten."""
    missed = [s for s in range(seeds) if verdict_of(module, planted(module, s).subject) != "found"]
    assert len(missed) <= seeds // 10, f"{module.CHALLENGE.code} misses its plant, seeds {missed}"


def grows(module: ModuleType, seed: int = 0) -> None:
    """The measured effect does not shrink as the dose grows from none to the promise."""
    dose = module.CHALLENGE.promise.dose
    sizes = [judge(module, planted(module, seed, d).subject).effect for d in (dose / 4, dose / 2, dose)]
    slack = 0.05 * abs(sizes[-1])
    assert sizes[0] <= sizes[1] + slack and sizes[1] <= sizes[2] + slack, f"effects by dose: {sizes}"
    assert sizes[-1] > sizes[0] or sizes[0] == sizes[-1] == 1.0, f"effects by dose: {sizes}"


def remedies(module: ModuleType, seed: int = 0) -> None:
    """Where the remedy has ops, applying them removes the finding."""
    if not hasattr(module, "remedy"):
        return
    subject = planted(module, seed).subject
    made = judge(module, subject)
    whole = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    ops = []
    for claim, interval in made.decision.stands:
        fix = finding(module, claim, interval, subject, Settings()).remedy
        ops += list(fix.ops) if fix else []
    if not ops:
        return
    mended = subject.with_table(subject.table.derive(apply(ops, whole).arrow))
    assert verdict_of(module, mended) != "found", f"{module.CHALLENGE.code}: its remedy does not remove its finding"


def repeats(module: ModuleType, seed: int = 0) -> None:
    """Same seed, same bytes."""
    first, second = (fingerprint(judge(module, planted(module, seed).subject)) for _ in range(2))
    assert first == second, f"{module.CHALLENGE.code} gives other claims on the same table and seed"


def untouched(module: ModuleType, seed: int = 0) -> None:
    """Neither measure nor plant changes what it was given."""
    subject = clean_subject(1000, seed, module.CHALLENGE.needs)
    before = subject.table.arrow()
    module.plant(subject, module.CHALLENGE.promise.dose, subject.rng("test", "untouched"))
    judge(module, subject)
    assert subject.table.arrow().equals(before), f"{module.CHALLENGE.code} changes its input"


def orderless(module: ModuleType, seed: int = 0) -> None:
    """Order of rows and columns does not matter."""
    subject = planted(module, seed, n=min(2000, module.CHALLENGE.promise.n)).subject
    rows = subject.table.arrow()
    rng = np.random.default_rng(seed)
    shuffled = rows.select([rows.column_names[i] for i in rng.permutation(rows.num_columns)])
    shuffled = shuffled.take(pa.array(rng.permutation(rows.num_rows)))
    other = replace(subject, table=subject.table.derive(shuffled))
    a, b = fingerprint(judge(module, subject)), fingerprint(judge(module, other))
    assert a == b, f"{module.CHALLENGE.code} depends on the order of rows or columns"


def bounded(module: ModuleType) -> None:
    """Ten times the rows costs at most 64 bytes a row more than the same sample did."""
    peaks = []
    for n in (4_000, 40_000):
        subject = clean_subject(n, 0, module.CHALLENGE.needs)
        tracemalloc.start()
        judge(module, subject, Settings(sample_rows=2_000))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    extra = peaks[1] - peaks[0]
    per_row = 2_000 if subject_in_memory(module) else 64
    assert extra <= per_row * 36_000 + 20e6, f"{module.CHALLENGE.code}: {extra / 36_000:.0f} bytes a row more"


def subject_in_memory(module: ModuleType) -> bool:
    """Comparisons and predictions are held in memory by whoever made them, not by the challenge."""
    return bool({"comparison", "predictions", "sets"} & set(module.CHALLENGE.needs))


def degenerate(module: ModuleType) -> None:
    """No rows, one row, one column, all null, one class, 500 columns: a verdict and never a traceback."""
    for name, subject in degenerate_subjects().items():
        made = judge(module, subject)
        assert made.run.error is None, f"{module.CHALLENGE.code} on {name}: {made.run.error}"


@cache
def degenerate_subjects() -> Mapping[str, Subject]:
    return {name: bare_subject(table) for name, table in degenerate_tables().items()}


def degenerate_tables() -> Mapping[str, pa.Table]:
    clean = clean_table(60)
    wide = {f"c{i:03}": np.random.default_rng(i).normal(size=60) for i in range(499)}
    return {
        "no rows": clean.slice(0, 0),
        "one row": clean.slice(0, 1),
        "two rows": clean.slice(0, 2),
        "one column": clean.select(["outcome"]),
        "all null": pa.table({n: pa.nulls(60, t.type) for n, t in zip(clean.column_names, clean.columns, strict=True)}),
        "null features": clean.select(["outcome"]).append_column("empty", pa.nulls(60, pa.float64())),
        "500 columns": pa.table(wide | {"outcome": clean.column("outcome")}),
    }


def bare_subject(table: pa.Table) -> Subject:
    """A subject whose target may be missing or constant: roles are set by hand, since guessing would refuse them."""
    opened = open_table(table, name="degenerate")
    from assay.core.errors import AssayError
    from assay.core.subject import Role, Roles

    try:
        roles = guess_roles(opened, {"target": "outcome"})
    except AssayError:
        roles = Roles(Role(("outcome",)), "binary", ("no", "yes"), "yes")
    return settle(opened, roles, 0)


def verdict_of(module: ModuleType, subject: Subject) -> str:
    made = judge(module, subject)
    assert made.run.error is None, f"{module.CHALLENGE.code}: {made.run.error}"
    return made.decision.verdict


def fingerprint(made: Judged) -> list[Any]:
    """Claims as comparable values, in an order of their own."""
    return sorted(
        (
            c.about.columns,
            c.about.slice or "",
            c.about.comparison or "",
            c.effect.value,
            c.p if c.p is not None else -1,
            c.says,
        )
        for c in made.run.claims
    )


CLAUSES: dict[str, Callable[..., None]] = {
    f.__name__: f
    for f in (page, declaration, silent, finds, grows, remedies, repeats, untouched, orderless, bounded, degenerate)
}


def check_challenge(module: ModuleType) -> None:
    """Run every clause of the contract on a challenge module.

    Raises:
        AssertionError: the first clause that does not hold, in one sentence.
    """
    for clause in CLAUSES.values():
        clause(module)
