"""What the costs of errors make of the probabilities: the rule, what it saves, and that file and graph carry it."""

import dataclasses

import numpy as np
import pytest

import assay
from assay.core.aim import Aim
from assay.core.costs import costs_of
from assay.core.errors import SettingsError
from assay.core.settings import Question, Settings
from assay.core.subject import Role, Roles
from assay.fit.deciding import decide
from assay.fit.measures import Judged

TWO = Roles(target=Role(("y",)), task="binary", classes=("no", "yes"), positive="yes")
FIRST = dataclasses.replace(TWO, positive="no")
ASKED = Question(cost_false_alarm=5.0, cost_miss=95.0)


def judged(n=4000, share=0.1, seed=0, weight=None, block=None):
    rng = np.random.default_rng(seed)
    logit = rng.normal(np.log(share / (1 - share)), 1.5, n)
    p = 1 / (1 + np.exp(-logit))
    y = (rng.random(n) < p).astype(float)
    return Judged(np.column_stack((1 - p, p)), y, Aim("class"), weight, block)


def test_the_threshold_is_that_of_the_costs_and_saves_against_both_simple_rules():
    made = decide(judged(), costs_of(ASKED, TWO), ("no", "yes"))
    assert made.threshold == pytest.approx(0.05)
    by = {r.rule: r for r in made.rules}
    assert set(by) == {"deciding by the costs", "acting on the likeliest class", "doing nothing", "always acting"}
    for rule in list(by)[1:]:
        assert by[rule].saved_interval[0] > 0
        assert by[rule].saved == pytest.approx(by[rule].cost - made.rules[0].cost)
    assert "act where P(yes) is at least 0.05" in made.says


def test_no_other_threshold_is_better_where_probabilities_are_right():
    rows = judged(200_000, seed=1)
    costs = costs_of(ASKED, TWO)
    paid = lambda t: costs.table[(rows.output[:, 1] >= t).astype(int), rows.y.astype(int)].mean()  # noqa: E731
    best = min(np.linspace(0.005, 0.5, 100), key=paid)
    assert best == pytest.approx(costs.threshold(1), abs=0.02)


def test_noise_saves_nothing():
    rng = np.random.default_rng(2)
    p = np.full(3000, 0.5) + rng.normal(0, 0.01, 3000)
    rows = Judged(np.column_stack((1 - p, p)), (rng.random(3000) < 0.5).astype(float), Aim("class"))
    made = decide(rows, costs_of(Question(cost_false_alarm=1.0, cost_miss=1.0), TWO), ("no", "yes"))
    for r in made.rules[2:]:
        assert r.saved_interval[0] <= 0 <= r.saved_interval[1]


def test_the_positive_class_may_come_first_by_text():
    """Outputs hold the positive class last, whatever its letters are: so must the costs."""
    costs = costs_of(ASKED, FIRST)
    sick = np.array([[0.9, 0.1]])  # P(yes) = .9, P(no) = .1; a miss of "no" costs 95
    assert costs.cheapest(sick)[0] == 1
    full = Question(costs={"wait": {"no": 95.0, "yes": 0.0}, "act": {"no": 0.0, "yes": 5.0}})
    np.testing.assert_array_equal(costs_of(full, FIRST).table, costs.table)


def test_weights_and_blocks_change_what_is_paid():
    weight = np.random.default_rng(3).gamma(1.0, 1.0, 4000)
    plain, heavy = judged(), judged(weight=weight)
    costs = costs_of(ASKED, TWO)
    a, b = decide(plain, costs, ("no", "yes")), decide(heavy, costs, ("no", "yes"))
    own = costs.table[costs.cheapest(plain.output), plain.y.astype(int)]
    assert b.rules[0].cost == pytest.approx(np.average(own, weights=weight))
    width = [r.rules[0].interval[1] - r.rules[0].interval[0] for r in (a, b)]
    assert width[1] > width[0]
    blocked = decide(judged(block=np.arange(4000) * 20 // 4000), costs, ("no", "yes"))
    assert blocked.rules[0].cost == pytest.approx(a.rules[0].cost)


def rare(n=1500, seed=4):
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), rng.normal(size=n)
    p = 1 / (1 + np.exp(-(1.5 * x - 3.6)))
    return {"x": x, "z": z, "y": np.where(rng.random(n) < p, "yes", "no")}


@pytest.fixture(scope="module")
def model():
    return assay.fit(rare(), target="y", settings=Settings(budget=6, question=ASKED))


def test_a_model_decides_and_its_file_keeps_the_rule(model):
    rows = rare(seed=5)
    p = model.predict_proba(rows)[:, 1]
    decided = model.decide(rows)
    np.testing.assert_array_equal(decided == "always acting", p >= model.threshold - 1e-9)
    assert 0 < (decided == "always acting").mean() < 0.6
    again = assay.load(model.to_bytes())
    np.testing.assert_array_equal(again.decide(rows), decided)
    assert again.actions == ("doing nothing", "always acting")
    assert again.schema["x-assay"]["decision"]["threshold"] == pytest.approx(0.05)
    assert model.score_table(rows).column("decision").to_pylist() == decided.tolist()


def test_the_dossier_says_what_the_rule_saves(model):
    made = model.dossier["model"]["decision"]
    assert made["threshold"] == pytest.approx(0.05)
    assert made["rules"][0]["cost"] <= made["rules"][1]["cost"]
    assert made["says"].startswith("decision: act where P(yes) is at least 0.05")


def test_a_rare_class_shows_average_precision(model):
    metrics = [s["metric"] for s in model.dossier["model"]["scores"]]
    assert metrics[0] == "AUC" and "average precision" in metrics


def test_without_costs_there_is_no_decision():
    even = {"x": np.random.default_rng(6).normal(size=300), "y": np.arange(300) % 2}
    plain = assay.fit(even, target="y", settings=Settings(budget=4))
    assert plain.actions == () and plain.threshold is None
    assert "decision" not in plain.score_table(even).column_names
    assert "average precision" not in [s["metric"] for s in plain.dossier["model"]["scores"]]
    with pytest.raises(SettingsError, match="decide needs the costs"):
        plain.decide(even)
