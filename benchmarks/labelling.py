"""What choosing rows to label saves: L06's choice against rows drawn at random, with one learner and one start.

    python benchmarks/labelling.py [--sets digits,adult] [--seeds 5] [--data ../shared/data]

Each run holds a third of the rows back to judge on, starts from 60 labels drawn at random, and buys ten batches of 50
(of 25 for breast_cancer). Prints the mean gain in accuracy over the ten steps and the labels that the choice needed to
reach what random rows reach at the end, with t intervals over seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from assay.audit.opening import open_subject
from assay.challenges.labels.labelling_cost import torn_and_apart
from assay.core.table import SampleSpec
from assay.learn.encoder import encode, fit_encoder
from assay.learn.learners import Data, quick
from assay.learn.linear import terms_of
from assay.learn.replay import design
from assay.learn.target import labels
from assay.stats.means import mean_interval

START, STEPS = 60, 10


def tables(wanted: set[str], data: Path) -> Iterator[tuple[str, Any, int]]:
    from sklearn import datasets

    for name, load, batch in (
        ("digits", datasets.load_digits, 50), ("breast_cancer", datasets.load_breast_cancer, 25),
    ):  # fmt: skip
        if name in wanted:
            made = load()
            columns = {f"x{i:02}": made.data[:, i] for i in range(made.data.shape[1])}
            yield name, pa.table(columns | {"y": [f"c{v}" for v in made.target]}), batch
    if "adult" in wanted and (data / "adult.csv.gz").is_file():
        import pandas as pd

        frame = pd.read_csv(data / "adult.csv.gz").sample(5000, random_state=0)
        frame["y"] = frame.pop("income").str.rstrip(".")
        yield "adult", pa.Table.from_pandas(frame.drop(columns=["split", "fnlwgt"]), preserve_index=False), 50


def race(table: Any, batch: int, seed: int) -> tuple[list[float], list[float]]:
    """Accuracy after every batch, chosen and at random."""
    subject = open_subject(table, target="y")
    rows = subject.table.sample(SampleSpec(n=subject.table.n_rows))
    truth = labels(rows, subject.roles)
    order = np.random.default_rng(seed).permutation(rows.n)
    test, pool = order[: rows.n // 3], order[rows.n // 3 :]
    out = []
    for chooses in (True, False):
        rng = np.random.default_rng([seed, 1])
        known, scores = pool[:START], []
        for _ in range(STEPS + 1):
            spec = fit_encoder(rows, subject.features, truth, index=known)
            X, y = encode(spec, rows, known), truth.y[known]
            model = quick(X, y, truth.task, spec.categorical, 50, seed, outputs=truth.outputs)
            scores.append(float((model.predict(encode(spec, rows, test)).argmax(1) == truth.y[test]).mean()))
            left = np.setdiff1d(pool, known)
            at = encode(spec, rows, left)
            if chooses:
                space = design(terms_of(Data(X, y, truth.task, truth.outputs, spec.categorical)), at).clip(-5, 5)
                new = left[torn_and_apart(model.predict(at), space, batch)]
            else:
                new = rng.permutation(left)[:batch]
            known = np.concatenate((known, new))
        out.append(scores)
    return out[0], out[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--sets", default="digits,breast_cancer,adult")
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    print("| data | seeds | labels | random at the end | chosen at the end | mean gain (95 %) | labels saved (95 %) |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name, table, batch in tables(set(args.sets.split(",")), args.data):
        runs = [race(table, batch, seed) for seed in range(args.seeds)]
        gain = [float(np.mean(np.array(a[1:]) - b[1:])) for a, b in runs]
        whole = START + STEPS * batch
        saved = []
        for a, b in runs:
            reached = [i for i, score in enumerate(a) if score >= b[-1]]
            saved.append(1 - (START + batch * reached[0]) / whole if reached else 0.0)
        ends = [f"{np.mean([arm[-1] for arm in arms]):.3f}" for arms in ([b for _, b in runs], [a for a, _ in runs])]
        cells = [name, str(args.seeds), f"{whole}", *ends, words(gain, "{:+.3f}"), words(saved, "{:.0%}")]
        print("| " + " | ".join(cells) + " |", flush=True)


def words(values: list[float], form: str) -> str:
    lo, hi = mean_interval(np.array(values), 0.05)
    return f"{form.format(np.mean(values))} ({form.format(lo)} to {form.format(hi)})"


if __name__ == "__main__":
    main()
