"""What the leak challenges say, in a full check, of real tables with known leaks and of tables without any.

    python benchmarks/leaks.py [--data ../shared/data] [--only bank,wine]

Targets and roles are those of the data README. Prints a Markdown table; a table that is absent is named and skipped.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import assay

TABLES: dict[str, tuple[str, dict[str, Any]]] = {
    "titanic.csv": ("survived", {}),
    "compas.csv.gz": ("two_year_recid", {"time": "compas_screening_date"}),
    "bank_marketing.csv.gz": ("y", {"time": "@row"}),
    "bike_hour.csv.gz": ("cnt", {"time": "dteday"}),
    "taxis.csv.gz": ("tip", {"time": "pickup"}),
    "elec2.csv.gz": ("class", {"time": "@row"}),
    "wine_quality.csv.gz": ("quality", {}),
    "nsl_kdd.csv.gz": ("attack", {}),
    "adult.csv.gz": ("income", {}),
    "german_credit.csv": ("risk", {}),
    "diamonds.csv.gz": ("price", {}),
    "breast_cancer_wisconsin.csv": ("class", {}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    print("| table | found | effect | columns |\n|---|---|---|---|", flush=True)
    for file, (target, roles) in TABLES.items():
        name = file.split(".")[0]
        if args.only and name not in args.only.split(","):
            continue
        if not (args.data / file).is_file():
            print(f"| {name} | the file is absent | | |")
            continue
        report = assay.check(str(args.data / file), target=target, **roles)
        found = [f for f in report.findings if f.code.startswith("K")]
        for f in found:
            ask = " (ASK)" if f.claim.ask else ""
            effect = f"{f.claim.effect.value:.3g} {f.claim.effect.unit}"
            shown = ", ".join(f.columns[:5]) + (f" and {len(f.columns) - 5} more" if len(f.columns) > 5 else "")
            print(f"| {name} | {f.code}{ask} | {effect} | {shown} |", flush=True)
        if not found:
            print(f"| {name} | nothing | | |", flush=True)


if __name__ == "__main__":
    main()
