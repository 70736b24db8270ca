"""What opening, checking and signing a bundle costs, and how truly imported models answer.

    python benchmarks/bundle.py late.assay [--tool /path/to/model_signing] [--rounds 30]
    python benchmarks/bundle.py --imports [--rows 20000]

The first prints CPU milliseconds (median over the rounds, one thread) of each step of a load, of ``verify``, ``sign``
and of checking a signature; with ``--tool``, CPU milliseconds of a call of the OpenSSF tool on the same files,
unpacked, and of a call of ``assay verify`` and ``assay sign``, all as whole processes. The second fits models of
scikit-learn, LightGBM and XGBoost on made-up rows of full double precision (a worst case for float32 features), imports
each on 5,000 of them, and compares the bundle with the original on as many rows that neither has seen: the largest
difference, and how many rows differ by more than 1e-4.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from assay.bundle import golden
from assay.bundle.archive import contents, from_json, unpack
from assay.bundle.layout import GRAPH, SCHEMA
from assay.bundle.model import Model
from assay.bundle.policy import check_graph
from assay.bundle.schema import from_doc
from assay.bundle.session import Session
from assay.bundle.signing import new_key, sign, signed_by
from assay.bundle.verify import verify


def milliseconds(do: Callable[[], Any], rounds: int) -> float:
    took = []
    for _ in range(rounds):
        start = time.process_time()
        do()
        took.append(time.process_time() - start)
    return 1e3 * statistics.median(took)


def steps(data: bytes, rounds: int) -> None:
    manifest, files = unpack(data)
    schema = from_doc(from_json(files[SCHEMA], SCHEMA))
    session = Session(files[GRAPH], schema)
    private, public = new_key()
    signed = sign(data, private)
    print(f"{manifest['name']}: {len(data):,} bytes, graph {len(files[GRAPH]):,} bytes, {len(files)} files")
    for says, do in (
        ("zip and digests", lambda: unpack(data)),
        ("schema", lambda: from_doc(from_json(files[SCHEMA], SCHEMA))),
        ("graph policy", lambda: check_graph(files[GRAPH], schema.imported)),
        ("runtime (with the policy)", lambda: Session(files[GRAPH], schema)),
        ("golden rows", lambda: golden.replay(files, schema, session.main,
                                              lambda feed: np.asarray(session.run(feed), np.float64))),
        ("Model.load, all of it", lambda: Model.load(data)),
        ("sign", lambda: sign(data, private)),
        ("check of a signature", lambda: signed_by(signed, [public])),
        ("verify with a key", lambda: verify(signed, [public])),
    ):  # fmt: skip
        print(f"  {says:<28}{milliseconds(do, rounds):8.2f} ms")


def process(words: list[str]) -> float:
    """CPU milliseconds of a whole process."""
    before = os.times()
    subprocess.run(words, check=True, capture_output=True)
    after = os.times()
    return 1e3 * (after.children_user + after.children_system - before.children_user - before.children_system)


def beside(data: bytes, tool: str, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder, (private, public) = Path(place), new_key()
        (folder / "key.pem").write_bytes(private)
        (folder / "pub.pem").write_bytes(public)
        (folder / "m.assay").write_bytes(sign(data, private))
        for path, content in contents(sign(data, private)).items():
            (folder / "m" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "m" / path).write_bytes(content)
        signature, own = ["--signature", f"{folder}/m/signature.json"], str(Path(sys.executable).parent / "assay")
        key, pub = f"{folder}/key.pem", f"{folder}/pub.pem"
        calls = {
            "assay verify --key": [own, "verify", f"{folder}/m.assay", "--key", pub],
            "assay sign": [own, "sign", f"{folder}/m.assay", "--key", key, "-o", f"{folder}/s.assay"],
            "model_signing verify key": [tool, "verify", "key", f"{folder}/m", *signature, "--public_key", pub],
            "model_signing sign key": [tool, "sign", "key", f"{folder}/m", "--signature", f"{folder}/x.sig",
                                       "--private_key", key],
        }  # fmt: skip
        for says, words in calls.items():
            print(f"  {says:<28}{statistics.median(process(words) for _ in range(rounds)):8.0f} ms, whole process")


def rows(n: int, seed: int) -> tuple[Any, np.ndarray]:
    import pandas as pd

    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "far": rng.normal(size=n) * 50 + 1000, "near": rng.random(n), "skewed": rng.lognormal(0, 2, n),
        "stamp": 1.6e9 + rng.random(n) * 1e7, "few": rng.integers(0, 9, n),
        "colour": pd.Categorical(rng.choice(["red", "green", "blue"], n)),
    })  # fmt: skip
    score = (frame.far - 1000) / 50 + (frame.colour == "red") + frame.few / 5 + np.log(frame.skewed) / 2
    return frame, (score + rng.normal(size=n) > 1).to_numpy().astype(int)


def imports(n: int) -> None:
    import lightgbm
    import xgboost
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    import assay

    numbers = ["far", "near", "skewed", "stamp", "few"]

    def piped(last: Any) -> Any:
        pre = ColumnTransformer([("n", StandardScaler(), numbers), ("c", OneHotEncoder(), ["colour"])])
        return make_pipeline(pre, last)

    seen, y = rows(n, 0)
    fresh, _ = rows(n, 1)
    print(f"{n:,} rows to fit, {min(n, 5000):,} to check the import, {n:,} unseen")
    print(f"  {'model':<48}{'on the rows given':>18}{'unseen, largest':>18}{'unseen, > 1e-4':>16}")
    for model in (
        piped(LogisticRegression(max_iter=500)), piped(RandomForestClassifier(50, min_samples_leaf=5, n_jobs=1)),
        piped(GradientBoostingClassifier(n_estimators=50)), piped(HistGradientBoostingClassifier(max_iter=50)),
        HistGradientBoostingClassifier(max_iter=50), lightgbm.LGBMClassifier(n_estimators=100, n_jobs=1, verbose=-1),
        xgboost.XGBClassifier(n_estimators=100, n_jobs=1, enable_categorical=True),
    ):  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(seen, y)
            made = assay.import_model(model, seen.iloc[:5000])
            gap = np.abs(made.predict_proba(fresh) - model.predict_proba(fresh)).max(axis=1)
        name = type(model).__name__ if type(model).__name__ != "Pipeline" else f"pipeline, {type(model[-1]).__name__}"
        share = f"{(gap > 1e-4).sum()} of {n:,}"
        print(f"  {name:<48}{made.parity['max']:>18.1e}{gap.max():>18.1e}{share:>16}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", nargs="?", type=Path)
    parser.add_argument("--tool")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--imports", action="store_true")
    parser.add_argument("--rows", type=int, default=20_000)
    asked = parser.parse_args()
    if asked.bundle:
        steps(asked.bundle.read_bytes(), asked.rounds)
        if asked.tool:
            beside(asked.bundle.read_bytes(), asked.tool, max(3, asked.rounds // 6))
    if asked.imports:
        imports(asked.rows)


if __name__ == "__main__":
    main()
