"""How each system is asked, as its documentation has it. Runs inside that system's environment, so it imports no other.

Every function takes a ``Job`` and returns a ``Fitted``. Where rows hang together a system that can validate by order
or group is told so (AutoGluon: held-out rows forward in time or of other groups, ``groups`` where it bags; FLAML:
``split_type``; mljar: unshuffled or custom folds; assay: roles). Default learners validate nothing, or rows at random.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

MOST_LEVELS = 255  # of a category in HistGradientBoosting


@dataclass
class Job:
    """``X`` has no column that splits; ``order`` and ``group`` hold them beside it (None where there is none)."""

    kind: str
    target: str
    X: Any
    y: Any
    order: Any
    group: Any
    seed: int
    budget: float
    folder: Path

    @property
    def regression(self) -> bool:
        return self.kind == "regression"


@dataclass
class Fitted:
    """``predict``: features -> probabilities by ``classes``, or numbers. ``mb``: what is deployed, asked afterwards."""

    predict: Callable[[Any], Any]
    classes: list[str]
    mb: Callable[[], float]
    won: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def words(frame: Any) -> list[str]:
    return [c for c in frame.columns if not pd.api.types.is_numeric_dtype(frame[c])]


def names(classes: Any) -> list[str]:
    return [str(c) for c in classes]


def weight(model: Any) -> float:
    return len(pickle.dumps(model)) / 1e6


def lightgbm(job: Job) -> Fitted:
    """Defaults; text as native categories."""
    import lightgbm as lgb

    kinds = {c: pd.CategoricalDtype(sorted(job.X[c].dropna().astype(str).unique())) for c in words(job.X)}

    def coded(X: Any) -> Any:
        return X.assign(**{c: X[c].astype(kind) for c, kind in kinds.items()})

    kind = lgb.LGBMRegressor if job.regression else lgb.LGBMClassifier
    model = kind(random_state=job.seed, n_jobs=1, verbosity=-1).fit(coded(job.X), job.y)
    if job.regression:
        return Fitted(lambda X: model.predict(coded(X)), [], lambda: weight((model, kinds)))
    return Fitted(lambda X: model.predict_proba(coded(X)), names(model.classes_), lambda: weight((model, kinds)))


def catboost(job: Job) -> Fitted:
    """Defaults; text as categories, holes in it as a word."""
    from catboost import CatBoostClassifier, CatBoostRegressor

    text = words(job.X)

    def coded(X: Any) -> Any:
        return X.assign(**{c: X[c].fillna("missing").astype(str) for c in text})

    said = {"random_seed": job.seed, "thread_count": 1, "verbose": False, "allow_writing_files": False}
    model = (CatBoostRegressor if job.regression else CatBoostClassifier)(**said)
    model.fit(coded(job.X), job.y, cat_features=text)

    def mb() -> float:
        path = job.folder / "model.cbm"
        model.save_model(str(path))
        return path.stat().st_size / 1e6

    if job.regression:
        return Fitted(lambda X: model.predict(coded(X)), [], mb)
    return Fitted(lambda X: model.predict_proba(coded(X)), names(model.classes_), mb)


def histgb(job: Job) -> Fitted:
    """Defaults; text as native categories, as numbers in order where it has more levels than are allowed."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    text = words(job.X)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)
    coder = make_column_transformer(
        (encoder, text), remainder="passthrough", verbose_feature_names_out=False
    ).set_output(transform="pandas")
    native = [c for c in text if job.X[c].nunique() <= MOST_LEVELS]
    kind = HistGradientBoostingRegressor if job.regression else HistGradientBoostingClassifier
    model = make_pipeline(coder, kind(random_state=job.seed, categorical_features=native or None))
    model.fit(job.X, job.y)
    if job.regression:
        return Fitted(model.predict, [], lambda: weight(model))
    return Fitted(model.predict_proba, names(model.classes_), lambda: weight(model))


def ebm(job: Job) -> Fitted:
    """Defaults."""
    from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

    kind = ExplainableBoostingRegressor if job.regression else ExplainableBoostingClassifier
    model = kind(random_state=job.seed, n_jobs=1).fit(job.X, job.y)
    if job.regression:
        return Fitted(model.predict, [], lambda: weight(model))
    return Fitted(model.predict_proba, names(model.classes_), lambda: weight(model))


def flaml(job: Job) -> Fitted:
    from flaml import AutoML

    said: dict[str, Any] = {}
    if job.order is not None:
        said = {"split_type": "time"}  # rows come in order
    elif job.group is not None:
        said = {"split_type": "group", "groups": np.asarray(job.group)}
    model = AutoML()
    model.fit(
        job.X, job.y, task="regression" if job.regression else "classification", time_budget=job.budget,
        metric="rmse" if job.regression else "log_loss", n_jobs=1, seed=job.seed, verbose=0, **said,
    )  # fmt: skip
    won = f"{model.best_estimator} {model.best_config}"
    if job.regression:
        return Fitted(model.predict, [], lambda: weight(model), won)
    return Fitted(model.predict_proba, names(model.classes_), lambda: weight(model), won)


def mljar(job: Job) -> Fitted:
    """Compete: the mode for the best score. Its folders are what is deployed."""
    from supervised import AutoML

    said, given = {}, {}
    if job.order is not None:
        said = {"validation_strategy": {"validation_type": "kfold", "k_folds": 5, "shuffle": False, "stratify": False}}
        if len(job.X) > 20_000:
            last = {"validation_type": "split", "train_ratio": 0.8, "shuffle": False, "stratify": False}
            said = {"validation_strategy": last}
    elif job.group is not None:
        from sklearn.model_selection import GroupKFold

        said = {"validation_strategy": {"validation_type": "custom"}}
        given = {"cv": list(GroupKFold(5).split(job.X, job.y, job.group))}
    task = {"binary": "binary_classification", "multiclass": "multiclass_classification"}.get(job.kind, job.kind)
    path = job.folder / "mljar"
    model = AutoML(
        results_path=str(path), mode="Compete", total_time_limit=round(job.budget), ml_task=task, n_jobs=1, verbose=0,
        eval_metric="rmse" if job.regression else "logloss", random_state=job.seed, **said,
    )  # fmt: skip
    model.fit(job.X, job.y, **given)
    won = f"{model._best_model.get_type()} {model._best_model.get_name()}"
    if job.regression:
        return Fitted(model.predict, [], lambda: folder_mb(path), won)
    columns = [c for c in model.predict_all(job.X.iloc[:5]).columns if c != "label"]
    classes = [str(c).removeprefix("prediction_") for c in columns]
    return Fitted(model.predict_proba, classes, lambda: folder_mb(path), won)


def autogluon(job: Job, preset: str = "medium_quality") -> Fitted:
    """``tuning_data`` without bagging, ``groups`` with it: AutoGluon's ways to validate forward in time or by group."""
    from autogluon.tabular import TabularPredictor

    rows = job.X.assign(**{job.target: np.asarray(job.y)})
    said: dict[str, Any] = {}
    groups = None
    if preset == "medium_quality":
        held = held_out(job)
        if held is not None:
            rows, said = rows[~held], {"tuning_data": rows[held]}
    elif job.group is not None:
        rows, groups = rows.assign(split_group=folds_of(job.group)), "split_group"
    elif job.order is not None:
        rows, groups = rows.assign(split_group=np.arange(len(rows)) * 8 // len(rows)), "split_group"
    path, slim = job.folder / "autogluon", job.folder / "deployed"
    model = TabularPredictor(
        label=job.target, path=str(path), problem_type=job.kind, verbosity=0, groups=groups,
        eval_metric="root_mean_squared_error" if job.regression else "log_loss",
    )  # fmt: skip
    model.fit(rows, presets=preset, time_limit=job.budget, num_cpus=1, num_gpus=0, **said)
    out = Fitted(lambda X: model.predict(X).to_numpy(), [], lambda: 0.0, str(model.model_best))
    if not job.regression:
        labels = model.class_labels
        out.classes, out.predict = names(labels), lambda X: model.predict_proba(X)[labels].to_numpy()

    def mb() -> float:
        parts = model.info()["model_info"].get(model.model_best, {}).get("stacker_info", {}).get("base_model_names", [])
        out.won = f"{model.model_best} {parts} of {len(model.model_names())} models"
        model.clone_for_deployment(str(slim))
        model.persist()  # in memory, as its documentation advises for answers row by row
        return folder_mb(slim)

    out.mb = mb
    return out


def autogluon_good(job: Job) -> Fitted:
    return autogluon(job, "good_quality")


def held_out(job: Job) -> Any:
    """The latest rows, or whole groups, as many as AutoGluon itself would hold out; None where rows are independent."""
    n = len(job.X)
    share = max(0.1, min(0.2, 500 / n)) if n < 5_000 else max(0.01, min(0.1, 2_500 / n))
    if job.order is not None:
        return np.arange(n) >= n - round(share * n)
    if job.group is None:
        return None
    codes = pd.factorize(job.group)[0]
    order = np.random.default_rng(job.seed).permutation(codes.max() + 1)
    return np.isin(codes, order[: max(1, round(share * len(order)))])


def folds_of(group: Any, k: int = 8) -> Any:
    """Eight parts of whole groups, for a bag of eight."""
    codes = pd.factorize(group)[0]
    return np.random.default_rng(0).permutation(codes.max() + 1)[codes] % k


def assay(job: Job) -> Fitted:
    import assay
    from assay.bundle.feed import feed_from
    from assay.core.settings import Settings

    rows = job.X.assign(**{job.target: np.asarray(job.y)})
    roles: dict[str, Any] = {}
    for role, column, values in (("time", "split_order", job.order), ("group", "split_group", job.group)):
        if values is not None:
            rows, roles[role] = rows.assign(**{column: np.asarray(values)}), column
    beside = {
        "without": tuple(roles.values())
    }  # as for every other system: rows are split by them, nothing learns them
    settings = Settings(seed=job.seed, budget=job.budget)
    model = assay.fit(rows, target=job.target, settings=settings, constraints=beside, cache=False, **roles)
    path = model.save(job.folder / "model.assay")
    feed, _ = feed_from(job.X.iloc[:1], model._schema)
    session = model._session
    numbers, texts = session.split(feed)
    extra = {"graph": lambda: session.outputs([session.main], numbers, texts)}
    tried = model.dossier["model"]["candidates"]
    won = ", ".join(f"{c['name']} {c['weight']:.2f}" for c in tried if c.get("weight"))
    predict = model.predict if job.regression else model.predict_proba
    return Fitted(predict, list(model.classes or ()), lambda: path.stat().st_size / 1e6, won, extra)


def folder_mb(folder: Path) -> float:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6


SYSTEMS = {
    "assay": assay, "autogluon": autogluon, "autogluon-good": autogluon_good, "flaml": flaml, "mljar": mljar,
    "lightgbm": lightgbm, "catboost": catboost, "histgb": histgb, "ebm": ebm,
}  # fmt: skip
ENVIRONMENT = {"autogluon-good": "autogluon"}
CLOCKED = ("autogluon", "autogluon-good", "flaml", "mljar")  # they watch the wall clock, so they get the CPU clock
MODULE = {"autogluon": "autogluon.tabular", "autogluon-good": "autogluon.tabular", "flaml": "flaml.automl",
          "mljar": "supervised", "histgb": "sklearn.ensemble", "ebm": "interpret.glassbox"}  # fmt: skip


def imported(system: str) -> None:
    """Import it before the clock starts: nobody's budget pays for that."""
    import importlib

    importlib.import_module(MODULE.get(system, system))
