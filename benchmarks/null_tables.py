"""Real tables with the target permuted, and tables without faults: findings of whole reports.

scikit-learn's packaged tables always run; those of the developer data folder where it is present.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from assay.core.finding import Finding
from assay.core.settings import Settings
from assay.stats.shares import share_interval
from assay.tables import open_table
from assay.testing import clean_subject

DATA = Path(__file__).resolve().parents[1] / "../shared/data"
MOST_ROWS = 5_000
PACKAGED = ("iris", "wine", "breast_cancer", "diabetes", "digits")
# file, target, and the order that the rows stand in, where they do
FILES = {
    "adult": ("adult.csv.gz", "income", None),
    "german": ("german_credit.csv", "risk", None),
    "titanic": ("titanic.csv", "survived", None),
    "telco": ("telco_churn.csv.gz", "Churn", None),
    "bank": ("bank_marketing.csv.gz", "y", "@row"),
    "compas": ("compas.csv.gz", "two_year_recid", None),
    "bike": ("bike_hour.csv.gz", "cnt", "@row"),
}
SCOPES = ("association", "order", "leak")
PERMUTATIONS, MOST_SHARE = 20, 0.01
CLEAN_ROWS, CLEAN_SEEDS, MOST_FINDINGS = 2_000, 10, 0.3
CLEAN_NEEDS = ((), ("order",), ("comparison",), ("predictions",))

Run = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]], str], list[Any]]


def packaged(name: str) -> pa.Table:
    """A table of scikit-learn's, the target last and named ``target``."""
    from sklearn import datasets

    made = getattr(datasets, f"load_{name}")()
    y = made.target
    words = y if name == "diabetes" else np.array([str(t) for t in made.target_names])[y]
    columns = {str(c): made.data[:, i] for i, c in enumerate(made.feature_names)}
    return pa.table(columns | {"target": words})


@cache
def base(name: str) -> tuple[pa.Table, str, str | None]:
    """Rows (at most 5,000, in their order), target and order of a base."""
    if name in PACKAGED:
        return packaged(name), "target", None
    file, target, order = FILES[name]
    arrow = open_table(DATA / file).arrow()
    kept = np.sort(np.random.default_rng(0).permutation(arrow.num_rows)[:MOST_ROWS])
    return arrow.take(pa.array(kept)), target, order


def bases() -> list[str]:
    return [*PACKAGED, *(name for name, (file, _, _) in FILES.items() if (DATA / file).is_file())]


def permuted(name: str, seed: int) -> tuple[str, ...]:
    """Codes of association, order and leak that are found though the target was permuted, decided with all others."""
    arrow, target, order = base(name)
    at = np.random.default_rng([7, seed]).permutation(arrow.num_rows)
    mixed = arrow.set_column(arrow.schema.get_field_index(target), target, arrow[target].take(pa.array(at)))
    settings = Settings(seed=seed)
    subject = open_subject(
        mixed, target=target, roles={"order": order} if order else None, settings=settings, name=name
    )
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
        arrow = base(name)[0]
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
        subject = open_subject(arrow, target="target", settings=settings, name=base_name)
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
    """Whether the base has what the finding counts, counted here anew: constant columns, and equal rows. A share of
    equal rows is held against the materiality with no regard to how likely a split is to part them."""
    if finding.code == "D09":
        most = [int(np.unique(arrow[c].to_numpy(), return_counts=True)[1].max()) for c in finding.columns]
        return min(most) >= 0.99 * arrow.num_rows
    if finding.code in ("D07", "K04") and finding.claim.basis == "exact":
        rows = [str(row) for row in arrow.to_pylist()]
        counts = Counter(rows)
        return sum(k for k in counts.values() if k > 1) > finding.claim.effect.materiality * len(rows)
    return False


def part_d(run: Run, most: int) -> bool:
    """Findings a report where nothing is planted."""
    seeds = min(CLEAN_SEEDS, most)
    jobs = [("generated", needs, s) for needs in CLEAN_NEEDS for s in range(seeds)]
    jobs += [(name, (), s) for name in PACKAGED for s in range(min(3, most))]
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
