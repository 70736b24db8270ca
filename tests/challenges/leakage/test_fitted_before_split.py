"""K07: a pipeline that peeks scores on a target in random order; one that keeps its test rows apart does not."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

import assay
from assay.challenges.leakage import fitted_before_split as K07
from assay.cli.app import run
from assay.core.errors import AssayError
from assay.core.settings import Settings
from assay.probes.own_pipeline import scored
from assay.testing import clean_subject, judge, planted

NEEDS = K07.CHALLENGE.needs


def with_pipeline(pipeline, n=300, seed=0, needs=NEEDS):
    return replace(clean_subject(n, seed, needs), pipeline=pipeline)


def verdict(pipeline, **more):
    made = judge(K07, with_pipeline(pipeline, **more))
    assert made.run.error is None, made.run.error
    return made.decision.verdict


@pytest.mark.parametrize(("inside", "said"), [(False, "found"), (True, "clear")])
@pytest.mark.parametrize("needs", [NEEDS, (*NEEDS, "regression")])
def test_selection_outside_the_folds_is_found_and_inside_is_clear(inside, said, needs):
    assert verdict(K07.choosing(0, 400, inside), needs=needs) == said


@pytest.mark.slow  # many tables; the contract holds that the plant is found and grows
def test_the_plant_has_the_effect_that_it_states():
    made = [planted(K07, seed) for seed in range(4)]
    effects = [judge(K07, p.subject).effect for p in made]
    assert np.mean(effects) == pytest.approx(made[0].true_effect, abs=0.03)


def test_oversampling_before_the_split_is_found():
    def oversampled(X, y, before=True):
        from sklearn.neighbors import KNeighborsClassifier

        x = X.select_dtypes("number").to_numpy()
        rare = np.flatnonzero(y == "yes")
        rng = np.random.default_rng(0)
        source = np.concatenate([np.arange(len(y)), rng.choice(rare, len(y))])
        made = np.full(len(y), np.nan)
        fold = rng.integers(0, 5, len(source)) if before else np.concatenate([np.arange(len(y)) % 5] * 2)
        if not before:
            fold = fold[source]
        for k in range(5):
            model = KNeighborsClassifier(1).fit(x[source[fold != k]], y[source[fold != k]])
            own = np.unique(source[fold == k])
            made[own] = model.predict_proba(x[own])[:, 1]
        return made

    assert verdict(oversampled) == "found"
    assert verdict(lambda X, y: oversampled(X, y, before=False)) == "clear"


def test_an_estimator_is_cross_validated_and_cannot_peek():
    from sklearn.feature_selection import SelectKBest
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    rng = np.random.default_rng(0)
    table = pa.table({f"x{i}": rng.normal(size=200) for i in range(30)} | {"y": rng.random(200) < 0.5})
    model = make_pipeline(SelectKBest(k=5), LogisticRegression())
    report = assay.check(table, target="y", pipeline=model, settings=Settings(select=("K07",)))
    assert report["K07"].verdict == "clear"


def test_what_a_pipeline_may_give_back():
    y = np.array(["no", "yes"] * 50, object)
    code = (y == "yes").astype(float)
    assert scored(code, y, "binary").score == 1.0
    assert scored(list(y), y, "binary").metric == "balanced accuracy"
    assert scored(np.column_stack([1 - code, code]), y, "binary").score == 1.0
    assert scored(np.where(np.arange(100) < 50, code, np.nan), y, "binary").n == 50
    assert scored((0.9, 0.7), y, "binary").above == pytest.approx(0.2)
    assert scored(-np.arange(100.0), np.arange(100.0), "regression").score == pytest.approx(-1)
    three = np.array([1, 2, 10] * 30)
    assert scored(np.eye(3)[np.unique(three, return_inverse=True)[1]], three, "multiclass").score == 1.0
    assert scored(three, three, "multiclass").chance == pytest.approx(1 / 3)


def test_predictions_in_another_order_are_put_back_by_their_index():
    import pandas as pd

    def honest(X, y):
        made = pd.Series((y == "yes").astype(float), index=X.index)  # reads the answers, so that order shows
        return made.sample(frac=1, random_state=0)

    assert judge(K07, with_pipeline(honest)).effect == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("given", "words"),
    [(0.93, "(score, chance)"), (None, "got nothing"), ([1.0, 2.0], "each of 4 rows; got 2"),
     (["a", "b", "a", "b"], "numbers or classes"), (np.ones((4, 3)), "2 columns"), (("a", "b"), "two numbers"),
     (np.ones((4, 2, 2)), "3 dimensions"), ([None] * 4, "at least two classes")],
)  # fmt: skip
def test_what_it_may_not_is_one_sentence(given, words):
    with pytest.raises(AssayError) as error:
        scored(given, np.array(["no", "yes", "no", "yes"], object), "binary")
    assert words in str(error.value) and str(error.value).startswith("the pipeline")


def test_a_pipeline_that_fails_or_ends_the_program_is_an_error_verdict_with_its_message():
    def failing(X, y):
        raise ValueError("no column called amount")

    made = judge(K07, with_pipeline(failing))
    assert made.decision.verdict == "error" and "ValueError: no column called amount" in made.decision.reason
    assert judge(K07, with_pipeline(lambda X, y: sys.exit(4))).decision.verdict == "error"


def test_ctrl_c_is_respected():
    def stopped(X, y):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(K07, with_pipeline(stopped))


def test_a_pipeline_cannot_change_the_rows_of_the_next_run():
    seen = []

    def writing(X, y):
        seen.append((X["height"].sum(), sorted(y)))
        X["height"] = 0.0
        y[:] = y[0]
        return np.arange(len(y), dtype=float)

    judge(K07, with_pipeline(writing))
    assert len(seen) == K07.MOST_RUNS + 1 and all(s == seen[0] for s in seen)


def test_a_slow_pipeline_is_not_run_beyond_the_budget():
    made = judge(K07, with_pipeline(lambda X, y: np.arange(len(y))), Settings(budget=1e-9))
    assert made.decision.verdict == "not-applicable" and "budget" in made.decision.reason


CODE = """
import os, subprocess, sys
print("imported")
def run(X, y):
    print("running")
    os.write(1, b"written past python\\n")
    return [1.0 if v == 'no' else 0.0 for v in y]
def bad(X, y):
    raise RuntimeError("boom")
number = 3
class Model:
    pass
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    name = f"mine_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{name}.py").write_text(CODE)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    rng = np.random.default_rng(0)
    lines = [
        f"{a:.3f},{'yes' if b else 'no'}" for a, b in zip(rng.normal(size=100), rng.random(100) < 0.5, strict=True)
    ]
    (tmp_path / "t.csv").write_text("x,y\n" + "\n".join(lines) + "\n")
    return name


def test_from_the_command_line_what_it_prints_stays_out_of_the_report(folder, capfd):
    code = run(["check", "t.csv", "--target", "y", "--select", "K07", "--pipeline", f"{folder}:run",
                "--output-format", "json", "-q"])  # fmt: skip
    out, err = capfd.readouterr()
    doc = json.loads(out)
    assert code == 1 and [f["code"] for f in doc["findings"]] == ["K07"]
    assert "imported" in err and "running" in err and "written past python" in err


@pytest.mark.parametrize(
    ("word", "words"),
    [("{}:rnu", "did you mean run?"), ("nowhere:run", "no module nowhere"), ("{}.py:run", "a module, not a file"),
     ("{}", "MODULE:NAME"), ("broken:run", "ZeroDivisionError"), ("{}:number", "got a int"), ("{}:Model", "is a class"),
     ("{}:run it", "MODULE:NAME"), (":run", "MODULE:NAME")],
)  # fmt: skip
def test_a_wrong_word_is_one_sentence(folder, capfd, word, words):
    assert run(["check", "t.csv", "--target", "y", "--pipeline", word.format(folder), "-q"]) == 2
    err = capfd.readouterr().err.replace("imported\n", "")
    assert err.startswith("error: ") and err.count("\n") == 1 and words in err


def test_a_pipeline_that_fails_from_the_command_line(folder, capfd):
    assert run(["check", "t.csv", "--target", "y", "--select", "K07", "--pipeline", f"{folder}:bad", "-q"]) == 3
    out, err = capfd.readouterr()
    assert "RuntimeError: boom" in " ".join(out.split()) and "Traceback" not in out + err
