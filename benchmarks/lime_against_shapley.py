"""How much reasons depend on the seed: LIME against drawn Shapley values, on the same graph and rows.

    pip install --no-deps lime && python benchmarks/lime_against_shapley.py

The model is fitted on the demo table (two classes, 8 columns); 60 rows of another draw are explained with five seeds
each, LIME as it comes (5,000 points a row), Shapley with 32 pairs of orders against 16 usual rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import combinations

import numpy as np

import assay
from assay.bundle.background import background
from assay.bundle.feed import feed_from
from assay.bundle.model import Model
from assay.bundle.shapley import mixed
from assay.cli.demo_table import demo_table
from assay.core.settings import Settings
from assay.core.table import F64
from assay.stats import shapley

ROWS, SEEDS = 60, 5


def main() -> None:
    model = assay.fit(demo_table(), target="late", asked_at="dispatched", settings=Settings(budget=4))
    for name, explain in (("LIME", by_lime), ("Shapley", by_shapley)):
        start = time.process_time()
        made = explain(model)
        print(told(name, made, (time.process_time() - start) / ROWS / SEEDS))


def told(name: str, made: F64, seconds: float) -> str:
    """Mean over pairs of seeds: same first reason, reasons among both first three, signs that differ."""
    top = np.argsort(-np.abs(made), axis=2)
    pairs = list(combinations(range(SEEDS), 2))
    first = np.mean([(top[a, :, 0] == top[b, :, 0]).mean() for a, b in pairs])
    three = np.mean([len(np.intersect1d(top[a, r, :3], top[b, r, :3])) / 3 for a, b in pairs for r in range(ROWS)])
    flips = np.mean([(np.sign(made[a]) != np.sign(made[b])).mean() for a, b in pairs])
    return f"{name}: same first {first:.3f}, first three in common {three:.3f}, signs that differ {flips:.3f}, " \
           f"{1000 * seconds:.1f} CPU ms a row"  # fmt: skip


def by_shapley(model: Model) -> F64:
    """(seeds, rows, columns)."""
    schema = model._schema
    feed = feed_from(demo_table(3000, seed=5), schema)[0]
    base = background(schema)
    mix, d = mixed(feed, base), len(schema.inputs)
    start, full = model._output(base), model._output(feed)[:ROWS]
    drawn, made = shapley.orders, np.zeros((SEEDS, ROWS, d))
    for seed in range(SEEDS):
        shapley.orders = orders_of(seed)  # type: ignore[assignment]
        made[seed] = shapley.attribute(
            lambda r, b, m: model._output(mix(r, b, m)), ROWS, 16, d, np.ones(ROWS, np.int64),
            start=start, full=full, pairs=32,
        ).moved  # fmt: skip
    shapley.orders = drawn
    return made


def orders_of(seed: int) -> Callable[[int, int], np.ndarray]:
    def orders(columns: int, pairs: int) -> np.ndarray:
        rng = np.random.default_rng([columns, pairs, seed])
        half = np.stack([rng.permutation(columns) for _ in range(pairs)])
        return np.stack((half, half[:, ::-1]), axis=1)

    return orders


def by_lime(model: Model) -> F64:
    """(seeds, rows, columns)."""
    from lime.lime_tabular import LimeTabularExplainer

    inputs = model._schema.inputs
    feed = feed_from(demo_table(3000, seed=5), model._schema)[0]
    levels, columns = {}, []
    for j, i in enumerate(inputs):
        cells = feed[i.input][:, 0]
        if i.is_text:
            levels[j], cells = np.unique(cells.astype(str), return_inverse=True)
        columns.append(cells.astype(float))
    X = np.column_stack(columns)

    def predict(Z: F64) -> F64:
        made = {}
        for j, i in enumerate(inputs):
            cells = levels[j][Z[:, j].astype(int)].astype(object) if i.is_text else Z[:, j]
            made[i.input] = cells.reshape(-1, 1)
        return model._output(made)

    made = np.zeros((SEEDS, ROWS, len(inputs)))
    for seed in range(SEEDS):
        lime = LimeTabularExplainer(X, categorical_features=sorted(levels), random_state=seed)
        for r in range(ROWS):
            told = lime.explain_instance(X[r], predict, num_features=len(inputs), labels=(1,))
            for j, weight in told.as_map()[1]:
                made[seed, r, j] = weight
    return made


if __name__ == "__main__":
    main()
