"""Power of every plant at the dose its page states, and false alarms on clean tables: 50 seeds each.

    python benchmarks/power.py [--seeds 50] [--select K]

Prints a Markdown table. Every challenge is decided alone at 0.05, on ``assay.testing.clean_table``.
"""

from __future__ import annotations

import argparse
import time

from assay.audit.catalogue import catalogue, expand
from assay.testing import clean_subject, judge, planted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--select", default="")
    args = parser.parse_args()
    wanted = expand((args.select,)) if args.select else set(catalogue())
    print("| code | dose | rows | power | silent on clean | CPU s each |\n|---|---|---|---|---|---|", flush=True)
    worst = 1.0
    for code, module in catalogue().items():
        if code not in wanted:
            continue
        c = module.CHALLENGE
        start = time.process_time()
        found = [judge(module, planted(module, s).subject).decision.verdict for s in range(args.seeds)]
        spent = (time.process_time() - start) / args.seeds
        clean = [judge(module, clean_subject(c.promise.n, s, c.needs)).decision.verdict for s in range(args.seeds)]
        power = found.count("found") / args.seeds
        worst = min(worst, power)
        silent = 1 - clean.count("found") / args.seeds
        print(
            f"| {code} {c.name} | {c.promise.dose:g} | {c.promise.n:,} | {power:.0%} | {silent:.0%} | {spent:.2f} |",
            flush=True,
        )
    print(f"\nlowest power {worst:.0%} (promised: at least 90 %)")


if __name__ == "__main__":
    main()
