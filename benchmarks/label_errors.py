"""Planted label errors found by L01 and by cleanlab, side by side, and how quiet both are where nothing is planted.

    python benchmarks/label_errors.py [--seeds 3] [--sets digits,wine,...] [--rates 0.03,0.15] [--kinds uniform,...]
                                      [--data ../shared/data]

cleanlab gets an environment of its own (``.venv-peers/cleanlab``, made at first use) and is called as its documentation
says: ``find_label_issues`` on 5-fold out-of-fold probabilities, of a logistic regression and of a random forest, and of
the pool of models that L01 asks, so that the decision rules can be told from the models. Kinds of flips:

uniform  any row, any other class          class    every second class only, always to the next one
feature  rows far along a random direction of the features are flipped more often, to a class that depends on another
border   rows near a border, to the likeliest other class: by nature no rule can tell these from open cases

``list`` is precision / recall of the rows above one half; ``said`` the share of runs in which the report claims them
(L01 alone at 0.05). CPU s are for one table, cross-validation included.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from assay.audit.opening import open_subject
from assay.audit.runner import Runner
from assay.audit.verdict import decide
from assay.challenges.labels import wrong_labels
from assay.core.settings import Settings
from assay.stats.label_noise import fit_noise, noise_above, softmax
from assay.stats.shares import share_above

HERE = Path(__file__).parent
PEERS = HERE.parent / ".venv-peers" / "cleanlab"
KINDS = ("uniform", "class", "feature", "border")
ADULT_ROWS = 6_000


@dataclass
class Case:
    """Features as numbers (for cleanlab's models), as a table (for assay), and the labels as published."""

    name: str
    X: Any
    y: Any
    columns: dict[str, Any] = field(default_factory=dict)
    probabilities: Any = None


def cases(wanted: set[str], data: Path) -> Iterator[Case]:
    from sklearn import datasets

    for name, load in (
        ("digits", datasets.load_digits), ("breast_cancer", datasets.load_breast_cancer), ("wine", datasets.load_wine),
    ):  # fmt: skip
        if name in wanted:
            made = load()
            columns = {f"x{i:02}": made.data[:, i] for i in range(made.data.shape[1])}
            yield Case(name, made.data, made.target, columns)
    for name, file, target, left in (
        ("adult", "adult.csv.gz", "income", ("fnlwgt", "split", "education")),
        ("compas", "compas.csv.gz", "two_year_recid", ()),
        ("german", "german_credit.csv", "risk", ()),
        ("pima", "pima_diabetes.csv", "diabetes", ()),
    ):
        if name in wanted and (data / file).is_file():
            yield table_case(name, data / file, target, left)
    if "mnist" in wanted and (data / "mnist_t10k_crossval_probs.npz").is_file():
        labels = np.frombuffer(unzipped(data / "mnist_t10k_labels_idx1.gz")[8:], np.uint8).astype(int)
        images = np.frombuffer(unzipped(data / "mnist_t10k_images_idx3.gz")[16:], np.uint8).reshape(-1, 784)
        share = np.load(data / "mnist_t10k_crossval_probs.npz")["pyx"].astype(float)
        yield Case("mnist", images[:, ::7] / 255.0, labels, {}, share / share.sum(1, keepdims=True))


def unzipped(path: Path) -> bytes:
    with gzip.open(path) as file:
        return file.read()


def table_case(name: str, path: Path, target: str, left: tuple[str, ...]) -> Case:
    import pandas as pd

    frame = pd.read_csv(path, low_memory=False)
    if name == "compas":  # what is known when the question is asked
        known = ["sex", "age", "race", "juv_fel_count", "juv_misd_count", "juv_other_count", "priors_count",
                 "c_charge_degree", "decile_score"]  # fmt: skip
        frame = frame[[*known, target]]
    frame = frame.drop(columns=list(left))
    if len(frame) > ADULT_ROWS and name == "adult":
        frame = frame.sample(ADULT_ROWS, random_state=0)
    y = pd.factorize(frame[target].astype(str).str.strip(" ."), sort=True)[0]
    rest = frame.drop(columns=[target])
    parts = []
    for c in rest:
        if pd.api.types.is_numeric_dtype(rest[c]):
            parts.append(rest[c].fillna(rest[c].median()).to_numpy(float)[:, None])
        else:
            parts.append(pd.get_dummies(rest[c]).to_numpy(float))
    columns = {c: pa.array(rest[c], from_pandas=True) for c in rest}
    return Case(name, np.column_stack(parts), y, columns)


def flipped(case: Case, kind: str, rate: float, rng: np.random.Generator) -> tuple[Any, Any]:
    """Labels with a share ``rate`` wrong, and which rows these are."""
    y, n, k = case.y.copy(), len(case.y), int(case.y.max()) + 1
    m = round(rate * n)
    if kind == "uniform":
        at = rng.permutation(n)[:m]
        y[at] = (y[at] + rng.integers(1, k, m)) % k
    elif kind == "class":
        at = rng.permutation(np.flatnonzero(y % 2 == 0))[:m]
        y[at] = (y[at] + 1) % k
    else:
        scaled = (case.X - case.X.mean(0)) / np.maximum(case.X.std(0), 1e-9)
        if kind == "feature":
            along = scaled @ rng.normal(size=scaled.shape[1])
            weight = np.exp((along - along.mean()) / along.std())
            leaning = scaled @ rng.normal(size=(scaled.shape[1], k)) / np.sqrt(scaled.shape[1])
            leaning += rng.gumbel(size=leaning.shape)
        else:
            leaning = np.log(np.maximum(likely(case, scaled), 1e-12))
            leaning[np.arange(n), y] = -np.inf
            weight = np.exp(leaning.max(1) / 2)
        at = rng.choice(n, m, replace=False, p=weight / weight.sum())
        leaning[np.arange(n), y] = -np.inf
        y[at] = leaning[at].argmax(1)
    return y, np.isin(np.arange(n), at)


def likely(case: Case, scaled: Any) -> Any:
    from sklearn.linear_model import LogisticRegression

    if case.probabilities is not None:
        return case.probabilities.copy()
    return LogisticRegression(max_iter=300).fit(scaled, case.y).predict_proba(scaled)


def ours(case: Case, y: Any) -> tuple[Any, bool, float, Any]:
    """Rows above one half, whether it is claimed, CPU seconds, and the pool's out-of-fold probabilities."""
    start = time.process_time()
    flags = np.zeros(len(y), bool)
    if case.probabilities is not None:
        logs = np.log(np.clip(case.probabilities, 1e-5, 1.0))[None]
        p, noise = noise_above(logs, y, fit_noise(logs, y), 0.005)
        flags = noise.wrong > 0.5
        count, chance = int((noise.wrong > 0.8).sum()), noise.by_chance(0.8)
        p = max(p, float(share_above(count, len(y), 0.005 + chance / len(y))))
        return flags, p <= 0.05, time.process_time() - start, case.probabilities
    table = pa.table(case.columns | {"label": [f"c{v}" for v in y]})
    subject = open_subject(table, target="label")
    runner = Runner(subject, Settings())
    made = runner.one(wrong_labels)
    spent = time.process_time() - start
    if made.error:
        raise SystemExit(made.error)
    for claim in made.claims:
        assert claim.about.rows is not None
        flags[claim.about.rows.positions] = True
    doubt = runner.give("doubt")
    said = np.zeros((len(y), int(y.max()) + 1))
    place = [int(name[1:]) for name in doubt.classes]  # assay puts the positive class last
    said[runner.give("rows").position[doubt.index]] = softmax(doubt.logs.mean(0))[:, np.argsort(place)]
    return flags, decide({"L01": made}, 0.05)["L01"].verdict == "found", spent, said


def cleanlab(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Flags and CPU seconds of the peer for each job, made in its own environment."""
    python = PEERS / "bin" / "python"
    if not python.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "cleanlab==2.9.0"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        for i, job in enumerate(jobs):
            np.savez(Path(folder) / f"{i}.npz", **job)
        subprocess.run([str(python), str(HERE / "label_errors_peer.py"), folder, str(len(jobs))], check=True)
        out: list[dict[str, Any]] = json.loads((Path(folder) / "out.json").read_text())
    return out


def found(flags: Any, wrong: Any) -> tuple[float, float]:
    hits = float((flags & wrong).sum())
    return hits / max(1, int(flags.sum())), hits / max(1, int(wrong.sum()))


def run(case: Case, kind: str, rate: float, seeds: int) -> None:
    jobs, mine = [], []
    for seed in range(seeds):
        y, wrong = flipped(case, kind, rate, np.random.default_rng(seed)) if rate else (case.y, case.y < 0)
        flags, said, spent, pool = ours(case, y)
        mine.append((flags, said, spent, wrong))
        jobs.append({"X": case.X if case.probabilities is None else np.empty(0), "y": y, "pool": pool})
    theirs = cleanlab(jobs)
    spent_each = float(np.mean([m[2] for m in mine]))
    cells = [case.name, kind if rate else "none", f"{rate:.0%}", str(seeds)]
    if rate:
        precision, recall = np.mean([found(m[0], m[3]) for m in mine], axis=0)
        cells += [f"{precision:.2f} / {recall:.2f}"]
    else:
        cells += [f"{np.mean([m[0].sum() for m in mine]):.0f} rows"]
    cells += [f"{np.mean([m[1] for m in mine]):.0%}", f"{spent_each:.1f}"]
    for model in ("logistic", "forest", "pool"):
        flags = [np.array(t[model]["flags"], bool) if model in t else None for t in theirs]
        if flags[0] is None:
            cells.append("")
        elif rate:
            both = [found(f, m[3]) for f, m in zip(flags, mine, strict=True)]
            cells.append("{:.2f} / {:.2f}".format(*np.mean(both, axis=0)))
        else:
            cells.append(f"{np.mean([f.sum() for f in flags if f is not None]):.0f} rows")
    cells.append(f"{np.mean([sum(v['cpu'] for v in t.values()) / max(1, len(t)) for t in theirs]):.1f}")
    print("| " + " | ".join(cells) + " |", flush=True)


def verified(case: Case, data: Path) -> None:
    """Of the 100 flags that people checked, 15 labels were refused: how many of what is flagged here are among them."""
    with (data / "mnist_t10k_mturk.csv").open() as file:
        votes = list(csv.DictReader(file))
    checked = {int(row["index"]) for row in votes}
    refused = {int(row["index"]) for row in votes if row["verdict"] != "given"}
    flags, _, _, pool = ours(case, case.y)
    (peer,) = cleanlab([{"X": np.empty(0), "y": case.y, "pool": pool}])
    for name, rows in (("L01", flags), ("cleanlab", np.array(peer["pool"]["flags"], bool))):
        at = set(np.flatnonzero(rows).tolist())
        print(f"mnist, {name}: {len(at)} rows flagged, {len(at & checked)} of them checked, "
              f"{len(at & refused)} of the 15 refused labels among them")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data")
    parser.add_argument("--sets", default="digits,breast_cancer,wine,adult,mnist,compas,german,pima")
    parser.add_argument("--rates", default="0,0.01,0.03,0.08,0.15")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    print(
        "| data | flips | rate | seeds | L01 list | said | CPU s | cleanlab, logistic | forest | L01's pool | CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    checked = None
    for case in cases(set(args.sets.split(",")), args.data):
        for rate in (float(r) for r in args.rates.split(",")):
            quiet = case.name in ("compas", "german", "pima")
            for kind in args.kinds.split(",") if rate and not quiet else ["uniform"] if not rate else []:
                run(case, kind, rate, args.seeds if rate else 1)
        checked = case if case.name == "mnist" else checked
    if checked is not None:
        print()
        verified(checked, args.data)


if __name__ == "__main__":
    main()
