"""Null numbers that cannot be gamed: how often a report claims what is not there.

    python benchmarks/nulls.py [--part a|b|c|d] [--replicates N] [--select CODE] [--jobs 1|2]

a  boundary nulls: the true effect is exactly the materiality in force; rejected in at most 5 % of tables
b  mixed tables: half the units above materiality and half exactly at it; mean share of false discoveries
c  real tables with the target permuted: association, order and leak findings
d  clean tables: findings a report

Prints Markdown tables; progress goes to standard error. ``--replicates`` is the most for any line. A level is two
numbers: how often the claim's own p is at most .05, and how often the claim stands in a report of its challenge alone.
"""

from __future__ import annotations

import argparse
import inspect
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np

from assay.audit.catalogue import catalogue
from assay.core.settings import Settings
from assay.stats.shares import share_interval
from assay.testing import judge
from null_asked import ASKED_CASES
from null_boundary import DATA_CASES, SIZES
from null_mixed import MIXES, Mix
from null_models import MODEL_CASES
from null_more import CASES as MORE_CASES
from null_more import UNCOVERED
from null_searches import SEARCH_CASES
from null_tables import part_c, part_d

LEVEL, FAR = 0.05, 0.005
CASES = (*DATA_CASES, *MODEL_CASES, *ASKED_CASES, *SEARCH_CASES, *MORE_CASES)
CHUNK = 25


@dataclass(frozen=True)
class Level:
    """Of ``tables`` with the effect at its boundary: how often was the claim made, had p <= .05 or .005, and stood."""

    code: str
    what: str
    n: int
    tables: int
    looked: int
    low: int
    far: int
    stood: int
    effect: float
    materiality: float
    seconds: float

    def least(self, k: int) -> float:
        """One-sided 99 % Clopper-Pearson bound of the level from below."""
        return float(share_interval(k, self.tables, 0.02)[0])

    @property
    def tail(self) -> bool:
        """Whether the level holds at .005 too: what many claims at once are decided by."""
        return self.least(self.far) <= FAR

    @property
    def holds(self) -> bool:
        return max(self.least(self.low), self.least(self.stood)) <= LEVEL


def boundary(index: int, n: int, seeds: Sequence[int]) -> tuple[float, list[list[tuple[float, float, float, bool]]]]:
    """(effect, materiality, p, stands) of every null claim, by null and seed; nothing where no claim was made."""
    case = CASES[index]
    start = time.process_time()
    module = catalogue()[case.code]
    out: list[list[tuple[float, float, float, bool]]] = [[] for _ in case.nulls]
    for seed in seeds:
        made = judge(module, case.make(n, seed), case.settings)
        assert made.run.error is None, f"{case.code} at n = {n}, seed {seed}: {made.run.error}"
        standing = {id(claim) for claim, _ in made.decision.stands}
        for row, null in zip(out, case.nulls.values(), strict=True):
            own = [c for c in made.run.claims if c.basis == "test" and null(c)]
            assert len(own) <= 1, f"{case.code}: a null must pick one claim, got {len(own)}"
            row += [(c.effect.value, c.effect.materiality, 1.0 if c.p is None else c.p, id(c) in standing) for c in own]
    return time.process_time() - start, out


def levels(index: int, n: int, chunks: Sequence[tuple[float, Any]], tables: int) -> Iterator[Level]:
    case = CASES[index]
    for i, what in enumerate(case.nulls):
        made = np.array([one for _, chunk in chunks for one in chunk[i]], np.float64).reshape(-1, 4)
        mean, m = (float(made[:, j].mean()) if len(made) else float("nan") for j in (0, 1))
        low, far, stood = (int(hit.sum()) for hit in (made[:, 2] <= LEVEL, made[:, 2] <= FAR, made[:, 3]))
        yield Level(case.code, what, n, tables, len(made), low, far, stood, mean, m, sum(s for s, _ in chunks))


def wanted(select: str) -> list[int]:
    return [i for i, case in enumerate(CASES) if case.code.startswith(select)]


def part_a(run: Run, select: str, most: int, sizes: Sequence[int] = SIZES) -> list[Level]:
    """Every boundary null at every size."""
    out = []
    print(heading("code", "at the boundary", "rows", "tables", "claims", "mean effect", "materiality", "p <= .05",
                  "at least", "stands", "at least", "level holds", "p <= .005", "at least", "tail holds",
                  "CPU s"), flush=True)  # fmt: skip
    for index in wanted(select):
        for n, count in zip(SIZES, CASES[index].replicates, strict=True):
            count = min(count, most)
            if n not in sizes or not count:
                continue
            jobs = [(index, n, range(s, min(s + CHUNK, count))) for s in range(0, count, CHUNK)]
            chunks = run(boundary, jobs, f"{CASES[index].code} {next(iter(CASES[index].nulls))}, {n:,} rows")
            for level in levels(index, n, chunks, count):
                out.append(level)
                print(line(level), flush=True)
    print(f"\nClaims that are tests, but no boundary null: {', '.join(sorted(unproven())) or 'none'}.", flush=True)
    for code, why in sorted(UNCOVERED.items()):
        print(f"{code}: {why}.", flush=True)
    return out


def heading(*words: str) -> str:
    return f"| {' | '.join(words)} |\n|{'---|' * len(words)}"


def line(v: Level) -> str:
    shares = " | ".join(f"{k / v.tables:.3f} | {v.least(k):.3f}" for k in (v.low, v.stood))
    start = f"{v.code} | {v.what} | {v.n:,} | {v.tables:,} | {v.looked:,} | {v.effect:.4g} | {v.materiality:g}"
    tail = f"{v.far / v.tables:.4f} | {v.least(v.far):.4f} | {'yes' if v.tail else '**NO**'}"
    return f"| {start} | {shares} | {'yes' if v.holds else '**NO**'} | {tail} | {v.seconds:.0f} |"


def unproven() -> set[str]:
    """Challenges that yield claims of basis test and have no boundary null."""
    tests = {code for code, module in catalogue().items() if '"test"' in inspect.getsource(module)}
    return tests - {case.code for case in CASES}


def mixed(index: int, n: int, seeds: Sequence[int]) -> list[tuple[int, int]]:
    """(discoveries, false ones) by seed."""
    mix = MIXES[index]
    module = catalogue()[mix.code]
    out = []
    for seed in seeds:
        made = judge(module, mix.make(n, seed), Settings())
        assert made.run.error is None, f"{mix.code}: {made.run.error}"
        named = mix.found([c for c, _ in made.decision.stands if c.basis == "test"])
        out.append((len(named), sum(name in mix.false for name in named)))
    return out


@dataclass(frozen=True)
class Mixed:
    code: str
    what: str
    n: int
    tables: int
    found: float
    proportion: float
    error: float

    @property
    def holds(self) -> bool:
        return self.proportion <= LEVEL + 2 * self.error


def summary(mix: Mix, n: int, made: Sequence[tuple[int, int]]) -> Mixed:
    """From (discoveries, false ones) by table to their mean share, with its Monte-Carlo standard error."""
    counts = np.array(made, np.float64)
    share = counts[:, 1] / np.maximum(counts[:, 0], 1)
    error = float(share.std(ddof=1) / np.sqrt(len(share))) if len(share) > 1 else 0.0
    found = float((counts[:, 0] - counts[:, 1]).mean() / len(mix.true))
    return Mixed(mix.code, mix.what, n, len(share), found, float(share.mean()), error)


def part_b(run: Run, select: str, most: int) -> list[Mixed]:
    """Half the units above materiality, half exactly at it."""
    print(heading("code", "units", "rows", "tables", "true ones found", "mean share of false discoveries",
                  "standard error", "holds"), flush=True)  # fmt: skip
    out = []
    for index, mix in enumerate(MIXES):
        if not mix.code.startswith(select):
            continue
        for n, count in mix.tables.items():
            count = min(count, most)
            jobs = [(index, n, range(s, min(s + 10, count))) for s in range(0, count, 10)]
            chunks = run(mixed, jobs, f"{mix.code} {mix.what}, {n:,} rows")
            v = summary(mix, n, [one for chunk in chunks for one in chunk])
            out.append(v)
            word = "yes" if v.holds else "**NO**"
            start = f"{v.code} | {v.what} | {n:,} | {v.tables} | {v.found:.0%}"
            print(f"| {start} | {v.proportion:.4f} | {v.error:.4f} | {word} |", flush=True)
    return out


Run = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]], str], list[Any]]


def pooled(pool: ProcessPoolExecutor) -> Run:
    def run(work: Callable[..., Any], jobs: Sequence[tuple[Any, ...]], says: str) -> list[Any]:
        out = []
        for done, got in enumerate(pool.map(work, *zip(*jobs, strict=True)), 1):
            out.append(got)
            print(f"\r{says}: {done} of {len(jobs)} parts   ", end="", file=sys.stderr, flush=True)
        print("\r" + " " * 100 + "\r", end="", file=sys.stderr, flush=True)
        return out

    return run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=tuple("abcd"), help="one part only")
    parser.add_argument("--replicates", type=int, default=1000, help="at most so many tables a line")
    parser.add_argument("--rows", type=int, choices=SIZES, help="part a: one size only")
    parser.add_argument("--select", default="", help="a code or the letters it begins with (parts a and b)")
    parser.add_argument("--jobs", type=int, choices=(1, 2), default=2, help="processes")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    held = True
    with ProcessPoolExecutor(args.jobs, mp_context=get_context("spawn")) as pool:
        run = pooled(pool)
        parts: dict[str, Callable[[], bool]] = {
            "a": lambda: all(
                v.holds for v in part_a(run, args.select, args.replicates, (args.rows,) if args.rows else SIZES)
            ),
            "b": lambda: all(v.holds for v in part_b(run, args.select, args.replicates)),
            "c": lambda: part_c(run, args.replicates),
            "d": lambda: part_d(run, args.replicates),
        }
        for name in args.part or "abcd":
            print(f"\n## Part {name}\n", flush=True)
            held = parts[name]() and held
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
