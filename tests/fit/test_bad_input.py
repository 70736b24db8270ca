"""Input that cannot be fitted is refused in one sentence; where a model is possible it comes with the reason."""

import numpy as np
import pytest

from assay.core.errors import AssayError, InputError
from assay.core.remedy import Recipe
from assay.core.settings import Settings
from assay.core.subject import Role
from assay.fit import fit
from assay.fit.measures import Judged, measured
from assay.learn.replay import replay

from .test_fit import subject

N = 240
RNG = np.random.default_rng(0)
X, Z = RNG.normal(size=N), RNG.normal(size=N)
Y = np.where(X + RNG.normal(size=N) > 0, "a", "b")


def fitted(columns, budget=1.5, **roles):
    return fit(subject(columns, **roles), Recipe(), Settings(budget=budget))


def said(made):
    return "; ".join(made.notes)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"x": X, "y": np.ones(N)}, "one value .1. in all 240 rows"),
        ({"x": X, "y": ["a"] * N}, "one value .a. in all"),
        ({"x": X, "y": [None] * N}, "is empty in all 240 rows"),
        ({"x": X, "y": [f"c{i % 120}" for i in range(N)]}, "at most 100 classes"),
        ({"x": X[:80], "y": [f"c{i % 60}" for i in range(80)]}, "60 different values in 80 rows"),
        ({"x": np.ones(N), "y": Y}, "no column is left to learn from: x: one value"),
        ({"x": [f"id-{i}" for i in range(N)], "y": Y}, "no column is left .* free text or an identifier"),
        ({"x": [None] * N, "y": Y}, "no column is left .* no values"),
        ({"x": X[:3], "y": ["a", "b", "a"]}, "at least 4 rows"),
    ],
)
def test_what_cannot_be_learned_is_one_sentence(columns, says):
    with pytest.raises(AssayError, match=says) as caught:
        fitted(columns)
    assert "\n" not in str(caught.value)


def test_all_columns_dropped_names_each_reason():
    with pytest.raises(InputError, match=r"no column is left .* x: knows the answer; z: knows it too"):
        fit(
            subject({"x": X, "z": Z, "y": Y}),
            Recipe(),
            Settings(),
            left_out={"x": "knows the answer", "z": "knows it too"},
        )


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"x": X, "y": np.where(np.arange(N) % 3 == 0, None, Y)}, "80 rows have no known 'y'"),
        ({"x": X, "y": np.where(np.arange(N) < 10, np.inf, X + Z)}, "10 rows have no known 'y' .empty or infinite."),
        (
            {"x": np.where(np.arange(N) < 7, np.inf, X), "z": Z, "y": Y},
            r"7 infinite values were taken as missing: x .7.",
        ),
        ({"x": X, "y": np.where(np.arange(N) == 5, "c", Y)}, "1 of 3 classes have fewer than 5 rows.*c .1."),
        ({"x": X, "y": ["a"] * (N - 1) + ["b"]}, "1 of 2 classes have fewer than 5 rows.*b .1."),
        ({"x": X[:6], "y": ["a", "b"] * 3}, "candidates were compared on the rows they learned from"),
    ],
    ids=["holes", "infinite target", "infinite values", "rare class", "one row of a class", "six rows"],
)
@pytest.mark.filterwarnings("error")
def test_a_model_with_its_reason(columns, says):
    import re

    made = fitted({k: list(v) for k, v in columns.items()})
    assert re.search(says, said(made))
    assert made.assembly.members


def test_a_clean_table_has_no_such_note():
    made = fitted({"x": X, "z": Z, "y": Y}, budget=60)
    for word in ("infinite", "no known", "fewer than", "set any aside", "let", "weight"):
        assert word not in said(made)


def test_a_budget_below_one_fit_still_gives_a_model_and_says_what_had_no_turn():
    made = fitted({"x": X, "z": Z, "y": Y}, budget=0.001)
    assert made.winners and not made.finished
    assert "the budget of 0.001 CPU seconds let 1 of" in said(made)


WEIGHT = np.where(X > 0, 4.0, 0.5)


@pytest.mark.parametrize(
    ("weight", "says"),
    [
        (np.where(np.arange(N) == 3, -1.0, WEIGHT), "a number below 0 in 1 of 240 rows"),
        ([None, *WEIGHT[1:]], "no finite number in 1 of 240 rows"),
        (np.where(np.arange(N) == 3, np.inf, WEIGHT), "no finite number in 1 of 240 rows"),
        (np.zeros(N), "must not all be 0"),
    ],
)
def test_weights_that_are_none(weight, says):
    with pytest.raises(InputError, match=says):
        fitted({"x": X, "y": Y, "w": list(weight)}, weight="w")


def test_rows_of_weight_zero_take_no_part():
    w = np.where(np.arange(N) < 60, 0.0, 1.0)
    heavy = fitted({"x": X, "z": Z, "y": Y, "w": w}, budget=60, weight="w")
    assert "60 rows have the weight 0" in said(heavy)
    assert len(heavy.predictions.y) == N - 60


def test_weights_change_what_is_learned_and_what_is_scored():
    """Two kinds of rows with opposite answers: the weight decides which one the model follows."""
    rng = np.random.default_rng(1)
    n = 800
    x, kind = rng.normal(size=n), rng.random(n) < 0.5
    y = np.where(kind, 3 * x, -3 * x) + rng.normal(size=n)
    made = [fitted({"x": x, "y": y, "w": np.where(kind == k, 9.0, 1.0)}, budget=60, weight="w") for k in (True, False)]
    line = np.linspace(-2, 2, 41, dtype=np.float32).reshape(-1, 1)
    first, second = (replay(m.assembly, line) for m in made)
    assert np.corrcoef(first, line[:, 0])[0, 1] > 0.9 and np.corrcoef(second, line[:, 0])[0, 1] < -0.9
    scores = [s for s in made[0].scores if s.metric == "R2"]
    assert scores[0].note == "rows count by their weight" and scores[0].value > 0.3
    even = next(s for s in scores if s.label == "every row counted once")
    assert even.value < scores[0].value - 0.1
    assert any("rows count by their weight ('w')" in note for note in made[0].notes)


def test_a_guessed_weight_is_only_said():
    import dataclasses

    asked = subject({"x": X, "z": Z, "y": Y, "w": WEIGHT}, weight="w")
    asked = dataclasses.replace(asked, roles=dataclasses.replace(asked.roles, weight=Role(("w",), "guess", "by name")))
    made = fit(asked, Recipe(), Settings(budget=1.5))
    assert "looks like weights" in said(made) and "w" not in made.features
    assert made.headline.note == ""


def test_weighted_intervals_cover():
    """The interval of a weighted AUC, loss and R2, over 300 draws, holds the value of the whole population."""
    from assay.core.aim import Aim

    rng = np.random.default_rng(2)

    def draw(n, aim):
        s, w = rng.normal(size=n), rng.gamma(0.7, 1.0, n) + 0.05
        if aim.values:
            return Judged(s, s + rng.normal(size=n), aim, w)
        p = 1 / (1 + np.exp(-s))
        return Judged(np.column_stack((1 - p, p)), (rng.random(n) < p).astype(float), aim, w)

    for aim, metric in (
        (Aim("class"), "AUC"),
        (Aim("class"), "log-loss"),
        (Aim("class"), "accuracy"),
        (Aim("mean"), "R2"),
    ):
        truth = measured(draw(300_000, aim), metric)[0]
        inside = [lo <= truth <= hi for lo, hi in (measured(draw(250, aim), metric)[1] for _ in range(300))]
        assert np.mean(inside) >= 0.92, metric


def test_the_dossier_of_a_weighted_model_says_where_rows_count_once():
    import assay

    columns = {"x": X, "z": Z, "y": Y, "w": WEIGHT}
    model = assay.fit(columns, target="y", roles={"weight": "w"}, settings=Settings(budget=2))
    part = model.dossier["model"]
    assert part["scores"][0]["note"] == "rows count by their weight"
    assert "every row counted once" in [s["label"] for s in part["scores"]]
    assert any("count every row once" in said for said in part["limits"])
    optimism = next(v for v in part["verdicts"] if v["code"] == "M03")
    assert optimism["verdict"] == "not-applicable" and "by their weight" in optimism["reason"]
    assert "w" not in model.columns
