"""What `fit` can predict, in figures: smoothed quantiles against the exact programme, words against TF-IDF, weighted
intervals, and the level of the word screen. ``python benchmarks/fit_targets.py [shared/data]``; about a minute of CPU.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.aim import Aim
from assay.core.subject import Role, Roles
from assay.core.table import SampleSpec
from assay.fit.measures import Judged, measured
from assay.learn.encoded import encoded
from assay.learn.encoder import encode
from assay.learn.learners import Config, train
from assay.learn.linear_values import quantile_weights
from assay.learn.prose import chance_of, found_in
from assay.learn.target import labels
from assay.stats.auc import auc
from assay.tables import open_table


def quantiles() -> None:
    from sklearn.linear_model import QuantileRegressor

    print(
        "| rows x terms, quantile | pinball, smoothed | pinball, exact | CPU s, smoothed | CPU s, exact |\n|-|-|-|-|-|"
    )
    rng = np.random.default_rng(0)
    for n, p in ((1_000, 10), (4_000, 10), (4_000, 40)):
        D = rng.normal(size=(2 * n, p))
        y = D @ rng.normal(size=p) + np.exp(0.5 * D[:, 0]) * rng.standard_t(3, size=2 * n)
        for level in (0.5, 0.9):
            start = time.process_time()
            weights, shift = quantile_weights(D[:n], y[:n], level, 1.0)
            ours = time.process_time() - start
            start = time.process_time()
            exact = QuantileRegressor(quantile=level, alpha=0).fit(D[:n], y[:n])
            theirs = time.process_time() - start
            lost = [
                Aim("quantile", level).losses(made, y[n:]).mean()
                for made in (D[n:] @ weights + shift, exact.predict(D[n:]))
            ]
            print(f"| {n:,} x {p}, {level} | {lost[0]:.4f} | {lost[1]:.4f} | {ours:.3f} | {theirs:.2f} |", flush=True)


def words(folder: Path) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    table = open_table(folder / "sms_spam.csv.gz", cache=False)
    rows = table.sample(SampleSpec(n=table.n_rows))
    found = labels(rows, Roles(target=Role(("label",))))
    texts = np.array([t or "" for t in rows.arrow["text"].to_pylist()], object)
    fold = np.arange(rows.n) % 5
    told: dict[str, list[tuple[float, float, int]]] = {"words in the graph": [], "TF-IDF, all words": []}
    for k in range(5):
        train_on, on = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        y = found.y[on]
        spec, data = encoded(rows, ["text"], found, train_on)
        p = train(Config("linear", "linear"), data, seed=0).predict(encode(spec, rows, on))
        told["words in the graph"].append((auc(y, p[:, 1]), loss(p, y), len(spec.features)))
        made = TfidfVectorizer(ngram_range=(1, 2)).fit(texts[train_on])
        peer: Any = LogisticRegression(C=10.0, max_iter=500).fit(made.transform(texts[train_on]), found.y[train_on])
        p = peer.predict_proba(made.transform(texts[on]))
        told["TF-IDF, all words"].append((auc(y, p[:, 1]), loss(p, y), len(made.vocabulary_)))
    print("\n| sms_spam, 5 folds, linear model | AUC | log-loss | words kept |\n|-|-|-|-|")
    for name, each in told.items():
        mean = np.mean(each, axis=0)
        print(f"| {name} | {mean[0]:.4f} | {mean[1]:.4f} | {mean[2]:,.0f} |", flush=True)


def loss(p: Any, y: Any) -> float:
    return float(Aim("class").losses(p, y).mean())


def screen() -> None:
    """Words that say nothing: how many are kept a column, where at most one is expected."""
    kept = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        vocabulary = np.array([f"w{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(300)])
        texts = [" ".join(vocabulary[rng.integers(0, 300, 12)]) for _ in range(400)]
        found = found_in(texts, np.arange(400, dtype=np.uint64))
        chance = chance_of(found, (rng.random(400) < 0.3).astype(float), 2)
        kept.append(int((chance <= 1 / len(chance)).sum()))
    print(f"\nwords kept of a column that says nothing, 200 draws: mean {np.mean(kept):.2f}, most {max(kept)}")


def intervals() -> None:
    rng = np.random.default_rng(2)

    def draw(n: int, aim: Aim) -> Judged:
        s, w = rng.normal(size=n), rng.gamma(0.7, 1.0, n) + 0.05
        if aim.kind == "count":
            return Judged(np.exp(s), rng.poisson(np.exp(s)).astype(float), aim, w)
        if aim.values:
            return Judged(s, s + rng.normal(size=n), aim, w)
        p = 1 / (1 + np.exp(-s))
        return Judged(np.column_stack((1 - p, p)), (rng.random(n) < p).astype(float), aim, w)

    print("\n| weighted measure | 95 % interval holds, n = 250 | n = 1,000 |\n|-|-|-|")
    kinds = ((Aim("class"), ("AUC", "log-loss", "accuracy", "average precision")), (Aim("mean"), ("R2",)),
             (Aim("quantile", 0.9), ("D2 (pinball, 0.9)",)), (Aim("count"), ("D2 (Poisson)",)))  # fmt: skip
    for aim, metrics in kinds:
        for metric in metrics:
            truth = measured(draw(400_000, aim), metric)[0] if metric != "average precision" else population(draw, aim)
            shares = []
            for n in (250, 1_000):
                held = [measured(draw(n, aim), metric)[1] for _ in range(400)]
                shares.append(np.mean([i is not None and i[0] <= truth <= i[1] for i in held]))
            print(f"| {metric} | {shares[0]:.3f} | {shares[1]:.3f} |", flush=True)


def population(draw: Any, aim: Aim) -> float:
    from assay.fit.measures import measure_of

    return measure_of("average precision")(draw(400_000, aim))


if __name__ == "__main__":
    quantiles()
    screen()
    intervals()
    words(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data"))
