"""Near duplicates of dedupe_early_childhood: pairwise precision, recall and F1 of clusters against the entities.

    python benchmarks/near_duplicates.py [--peer PYTHON]

Rows of one entity (`True Id`) are known for all pairs; neither that column nor `Id` is shown to anybody. Three ways,
none with labels: the clusters of D08; splink (Fellegi and Sunter on DuckDB, weights by EM, the comparisons of names,
addresses, zip and phone that its guide has); and a plain threshold: rapidfuzz' token_sort_ratio of name and address at
80 or more among records of one phone. ``--peer``: interpreter of an environment with splink, rapidfuzz and pandas.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "../shared/data/dedupe_early_childhood.csv.gz"
HIDDEN = ("True Id", "Id")


def pairs(labels: list[Any]) -> int:
    return sum(k * (k - 1) // 2 for k in Counter(labels).values())


def scored(cluster: list[Any], truth: list[Any]) -> tuple[float, float, float]:
    """Pairwise precision, recall and F1."""
    both = pairs(list(zip(cluster, truth, strict=True)))
    p, r = both / max(1, pairs(cluster)), both / max(1, pairs(truth))
    return p, r, 2 * p * r / max(1e-12, p + r)


def read() -> tuple[dict[str, list[str | None]], list[str]]:
    """The columns that are shown, and the truth, in the order of the file."""
    import csv
    import gzip
    import io

    with gzip.open(DATA, "rb") as source:
        rows = list(csv.reader(io.TextIOWrapper(source, "utf-8", errors="replace", newline="")))
    head, body = rows[0], rows[1:]
    columns = {name: [row[k].strip() or None for row in body] for k, name in enumerate(head)}
    truth = [str(v) for v in columns["True Id"]]
    return {name: values for name, values in columns.items() if name not in HIDDEN}, truth


def ours(columns: dict[str, list[str | None]]) -> list[Any]:
    import numpy as np
    import pyarrow as pa

    from assay.audit.opening import open_subject
    from assay.audit.runner import Runner
    from assay.core.settings import Settings

    runner = Runner(open_subject(pa.table({c: pa.array(v, pa.string()) for c, v in columns.items()})), Settings())
    linked, rows = runner.give("linkage"), runner.give("rows")
    out = np.zeros(rows.n, np.int64)
    out[rows.position] = linked.cluster
    return [int(v) for v in out]


def plain(columns: dict[str, list[str | None]]) -> list[Any]:
    from rapidfuzz import fuzz

    phones: dict[str, list[int]] = {}
    for i, phone in enumerate(columns["Phone"]):
        phones.setdefault(phone or f"none {i}", []).append(i)
    text = [f"{a or ''} {b or ''}".lower() for a, b in zip(columns["Site name"], columns["Address"], strict=True)]
    parent = list(range(len(text)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for members in phones.values():
        for k, i in enumerate(members):
            for j in members[k + 1 :]:
                if fuzz.token_sort_ratio(text[i], text[j]) >= 80:
                    parent[root(i)] = root(j)
    return [root(i) for i in range(len(text))]


def splink(columns: dict[str, list[str | None]]) -> list[Any]:
    import pandas as pd
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    names = {"Site name": "name", "Address": "address", "Zip": "zip", "Phone": "phone"}
    frame = pd.DataFrame({new: columns[old] for old, new in names.items()})
    for name in ("name", "address"):
        frame[name] = frame[name].str.lower().str.replace(r"[^a-z0-9]+", " ", regex=True).str.strip()
    frame.insert(0, "unique_id", range(len(frame)))
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            cl.JaroWinklerAtThresholds("name", [0.9, 0.7]).configure(term_frequency_adjustments=True),
            cl.JaroWinklerAtThresholds("address", [0.9, 0.7]).configure(term_frequency_adjustments=True),
            cl.ExactMatch("zip").configure(term_frequency_adjustments=True),
            cl.ExactMatch("phone").configure(term_frequency_adjustments=True),
        ],
        blocking_rules_to_generate_predictions=[block_on("phone"), block_on("address"), block_on("name")],
    )
    linker = linked(Linker, DuckDBAPI, frame, settings)
    linker.training.estimate_probability_two_random_records_match([block_on("phone", "address")], recall=0.5)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6)
    for rule in (block_on("phone"), block_on("address")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    links = linker.inference.predict(threshold_match_probability=0.5)
    found = linker.clustering.cluster_pairwise_predictions_at_threshold(links, threshold_match_probability=0.9)
    made = found.as_pandas_dataframe().sort_values("unique_id")
    return [str(v) for v in made["cluster_id"]]


def linked(linker: Any, api: Any, frame: Any, settings: Any) -> Any:
    """Version 4 takes a frame and the engine; version 5 a frame registered with the engine."""
    engine = api()
    try:
        return linker(frame, settings, engine)
    except (TypeError, AttributeError):
        return linker(engine.register(frame), settings)


WAYS = {"assay D08": ours, "splink": splink, "rapidfuzz >= 80, one phone": plain}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="interpreter with splink, rapidfuzz and pandas")
    parser.add_argument("--run", choices=list(WAYS), help="run one way and print its clusters as JSON")
    asked = parser.parse_args()
    if not DATA.is_file():
        parser.error(f"the table is not there: {DATA.name} in ../shared/data")
    columns, truth = read()
    if asked.run:
        print("\n" + json.dumps(WAYS[asked.run](columns)))
        return
    print(f"{len(truth):,} records, {len(set(truth)):,} entities, {pairs(truth):,} pairs")
    print(f"{'':28} precision recall    F1  clusters  wall s")
    for way in WAYS:
        python = sys.executable if way == "assay D08" else asked.peer
        if python is None:
            print(f"{way:28} not run: --peer is not given")
            continue
        start = time.perf_counter()
        made = subprocess.run([python, __file__, "--run", way], capture_output=True, text=True, check=False)
        if made.returncode:
            print(f"{way:28} failed: {made.stderr.strip().splitlines()[-1]}")
            continue
        cluster = json.loads(made.stdout.strip().splitlines()[-1])
        p, r, f1 = scored(cluster, truth)
        took = time.perf_counter() - start
        print(f"{way:28} {p:9.3f} {r:6.3f} {f1:5.3f} {len(set(cluster)):9,} {took:6.1f}")


if __name__ == "__main__":
    main()
