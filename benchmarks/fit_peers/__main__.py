"""Systems that fit a table, side by side at the same CPU budget.

    python -m benchmarks.fit_peers prepare            # tables, outer splits, an environment a system
    python -m benchmarks.fit_peers run [--systems ...] [--tasks ...] [--seeds 0 1 2] [--budget 60]
    python -m benchmarks.fit_peers report [--systems ...] [--seeds ...] [--picture docs/fit_peers.svg]

From the repository's root. What was measured is kept in SCRATCH/results.jsonl, so that a run goes on where it stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .build import build
from .run import ENVIRONMENT, prepare, run
from .tasks import TASKS

SYSTEMS = ("lightgbm", "histgb", "catboost", "flaml", "autogluon", "mljar", "ebm", "assay", "autogluon-good")


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("what", choices=["prepare", "run", "report"])
    ask.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=SYSTEMS)
    ask.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    ask.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    ask.add_argument("--budget", type=float, default=60.0, help="CPU seconds a fit; stopped at three times that")
    ask.add_argument("--scratch", type=Path, default=Path("/tmp/fit_peers"), help="environments, tables and results")
    ask.add_argument("--picture", type=Path, help="write the critical differences as SVG")
    said = ask.parse_args()
    said.scratch.mkdir(parents=True, exist_ok=True)
    scratch, tasks = said.scratch.resolve(), [TASKS[name] for name in said.tasks]
    if said.what == "prepare":
        for task in tasks:
            prepare(scratch, task, said.seeds)
        for system in said.systems:
            build(ENVIRONMENT.get(system, system), scratch)
    elif said.what == "run":
        run(scratch, said.systems, tasks, said.seeds, said.budget)
    else:
        from .report import report

        print(report(scratch, said.systems, said.tasks, said.budget, said.seeds, said.picture))


if __name__ == "__main__":
    main()
