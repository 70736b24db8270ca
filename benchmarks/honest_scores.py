"""The honest score beside the naive one, on three tables where a shuffled split flatters.

    python benchmarks/honest_scores.py [--budget 60] [--data ../shared/data]

wine_quality: 1,177 rows are exact copies, so a shuffled split asks for what was learned by heart. elec2: half-hours in
order, so a shuffled split asks for the hour between two known ones. diabetes_130: patients come again, so a shuffled
split asks for people that were seen. Printed is what a fit's dossier says: the headline is the split that the roles
demand, and the shuffled score stands beside it and is never the headline (else this ends with 1).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import assay

TABLES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("wine_quality.csv.gz", "copies fall together", {"target": "quality"}),
    ("elec2.csv.gz", "forward in time", {"target": "class", "time": "@row"}),
    ("diabetes_130.csv.gz", "by patient", {"target": "readmitted", "group": "patient_nbr",
                                           "roles": {"id": "encounter_id"}}),
)  # fmt: skip


def between(score: dict[str, Any] | None) -> str:
    if score is None:
        return "no time was left"
    ends = score["interval"]
    return f"{score['value']:.3f}" + (f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else "")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=float, default=60.0)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    asked = parser.parse_args(arguments)
    print("| table | split | measure | headline | shuffled | class shares | rows judged | CPU s |")
    print("|-|-|-|-|-|-|-|-|")
    fine = True
    for file, split, call in TABLES:
        if not (asked.data / file).exists():
            print(f"{file} is not in {asked.data}: left out", file=sys.stderr)
            continue
        model = assay.fit(asked.data / file, settings=assay.Settings(budget=asked.budget), **call).dossier["model"]
        scores = model["scores"]
        headline = next(s for s in scores if s["headline"])
        shuffled = next((s for s in scores if s["label"] == "shuffled rows"), None)
        naive = next(s for s in scores if s["label"].startswith("the class shares"))
        fine &= headline["label"] != "shuffled rows" and shuffled is not None and not shuffled["headline"]
        took = model["budget"]["cpu_seconds"]
        print(
            f"| {file.split('.')[0]} | {split}: {headline['label']} | {headline['metric']} | {between(headline)} | "
            f"{between(shuffled)} | {naive['value']:.3f} | {model['rows']['judge']:,} | {took:.0f} |",
            flush=True,
        )
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
