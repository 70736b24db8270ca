"""Every measurement (``make bench``) or every long proof (``make prove``), one after another and to the end.

    python benchmarks/all.py bench|prove [--full] [--only WORD,...] [--list]

One that fails, or that cannot run here, does not keep the next from running; what became of each, and its minutes,
stands at the end. Exit code 1 where one failed. The plain commands take about 30 (bench) and 50 minutes (prove) on two
free cores; those of ``--full`` (or FULL=1) stand behind docs/benchmarks.md and take a night. ``--list`` prints them, to
be run singly.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLES = "the developer tables in ../shared/data"
WRK = "the load generator wrk"
HERE = {TABLES: (ROOT / "../shared/data").is_dir(), WRK: shutil.which("wrk") is not None}
RELEASE = "tests/releases/assay-0.1.0.assay"
STARTS = {"assay": ("-c", "import sys; from assay.cli.app import run; sys.exit(run())"), "pytest": ("-m", "pytest")}


@dataclass(frozen=True)
class Job:
    """One command: a script of benchmarks/, or the words of assay or pytest. ``full`` replaces ``plain``; None: only
    where all is asked for."""

    what: str
    plain: str | None = ""
    full: str | None = None
    needs: str = ""

    def words(self, full: bool) -> list[str] | None:
        """What the interpreter is given."""
        more = self.full if full and self.full is not None else self.plain
        if more is None:
            return None
        start = STARTS.get(self.what, (f"benchmarks/{self.what}.py",))
        return [*start, *more.split()]

    def shown(self, full: bool) -> str:
        words = self.words(full)
        if words is None:
            return self.what
        return " ".join((self.what, *words[2:]) if self.what in STARTS else words)


BENCH = (
    Job("check", "--repeats 1", ""),
    Job("facts", "--rows 1000000", ""),
    Job("graph"),
    Job("learners", "--only german,wine --budget 20 --seeds 2", "", TABLES),
    Job("scale", "--rows 100000 1000000 --no-wide", ""),
    Job("truths", "", "", TABLES),
    Job("dirty_cells", "", "", TABLES),
    Job("near_duplicates", "", "", TABLES),
    Job("label_errors", "--sets digits,wine --rates 0,0.08 --kinds uniform --seeds 1", ""),
    Job("labelling", "--sets digits,breast_cancer --seeds 2", ""),
    Job("audit_peers/build", "pandera", ""),
    Job("audit_peers/run", "--peers assay pandera --parts weight clean", ""),
    Job("holes", "", "", TABLES),
    Job("fit_targets", "", "", TABLES),
    Job("coverage", None, "", TABLES),
    Job("forecast", None, "", TABLES),
    Job("honest_scores", None, "", TABLES),
    Job("lime_against_shapley", None, ""),
    Job("bundle", f"{RELEASE} --imports"),
    Job("registry_speed"),
    Job("batch_predict", "--rows 500000", ""),
    Job("c_export", "--tables"),
    Job("compress", "--rows 3000 --rounds 5", "--wide", TABLES),
    Job("sql_export"),
    Job("serving/install", RELEASE),
    Job("serving/run", f"{RELEASE} --rounds 3 --durable", f"{RELEASE} --durable --peers out/serving", WRK),
    Job("serving/swap", "", "", WRK),
    Job("serving/batching", "--rounds 2 --seconds 1", "", WRK),
    Job("serving/guard_cost"),
    Job("serving/log_cost"),
    Job("serving/hostile"),
    Job("serving/clients"),
)
PROVE = (
    Job("assay", "prove -q -o out/proof.md --seeds 1 --tables wine,digits", "prove -o docs/proof.md"),
    Job("nulls", "--part a --replicates 40 --rows 3000", "--part a"),
    Job("nulls", "--part b --replicates 10", "--part b"),
    Job("nulls", "--part c --replicates 3", "--part c"),
    Job("nulls", "--part d --replicates 2", "--part d"),
    Job("power", "--seeds 10", ""),
    Job("registry_kills", "--kills 200"),
    Job("serving/log_kills", "--kills 200"),
    Job("serving/service_kills", "--kills 20"),
    Job("pytest", "-n 2 -m slow"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("bench", "prove"))
    parser.add_argument("--full", action="store_true", default=os.environ.get("FULL", "0") not in ("", "0"))
    parser.add_argument("--only", default="", help="those whose command holds one of these words")
    parser.add_argument("--list", action="store_true", help="print the commands, run none")
    asked = parser.parse_args()
    named = [word for word in asked.only.split(",") if word]
    jobs = [j for j in (BENCH if asked.which == "bench" else PROVE)
            if not named or any(word in j.shown(asked.full) for word in named)]  # fmt: skip
    if asked.list:
        print(*(j.shown(asked.full) for j in jobs if j.words(asked.full)), sep="\n")
        return 0
    said = []
    for job in jobs:
        start = time.monotonic()
        became = done(job, asked.full)
        said.append((became, (time.monotonic() - start) / 60, job.shown(asked.full)))
    print("\n# what became of each")
    for became, minutes, shown in said:
        print(f"{minutes:6.1f} min  {became:40}  {shown}")
    print(f"{sum(minutes for _, minutes, _ in said):6.1f} min")
    return int(any(became.startswith("FAILED") for became, _, _ in said))


def done(job: Job, full: bool) -> str:
    """Run it; what became of it."""
    words = job.words(full)
    if words is None:
        return "left out: takes long; --full runs it"
    if job.needs and not HERE[job.needs]:
        return f"skipped: needs {job.needs}"
    print(f"\n# {job.shown(full)}", flush=True)
    (ROOT / "out").mkdir(exist_ok=True)
    code = subprocess.run([sys.executable, *words], cwd=ROOT).returncode
    return "done" if code == 0 else f"FAILED with exit code {code}"  # broken, or a bound is missed


if __name__ == "__main__":
    raise SystemExit(main())
