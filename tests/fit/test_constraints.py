"""What the user rules out holds in the file that is shipped, and the dossier says so; else it is refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pytest

import assay
from assay.audit.opening import open_subject
from assay.bundle.make import held
from assay.core.constraints import Constraints, read_constraints
from assay.core.errors import AssayError, BundleError, RoleError, SettingsError
from assay.core.remedy import Op, Proof, Recipe, Remedy
from assay.core.settings import Settings, settings_from
from assay.core.subject import Through
from assay.core.table import SampleSpec
from assay.fit.constrained import PROTECTED, ruled_out, spared
from assay.fit.sweep import sweep
from assay.fit.telling import telling

SETTINGS = Settings(budget=4)


def table(n: int = 1_000, seed: int = 0) -> pa.Table:
    """yes follows x up and down, z only beside w, and sex; ``badge`` is w in other words."""
    rng = np.random.default_rng(seed)
    x, z, u = rng.uniform(-2, 2, n), rng.normal(size=n), rng.normal(size=n)
    w, sex = rng.choice(["a", "b"], n), rng.choice(["f", "m"], n)
    logit = 2 * np.sin(2 * x) + x + 2 * z * u + (w == "a") + (sex == "f")
    yes = rng.random(n) < 1 / (1 + np.exp(-logit))
    badge = np.where(rng.random(n) < 0.02, "C", np.where(w == "a", "A", "B"))
    return pa.table({"x": x, "z": z, "u": u, "w": w, "badge": badge, "sex": sex, "y": np.where(yes, "yes", "no")})


@pytest.fixture(scope="module")
def model():
    return assay.fit(
        table(), target="y", protected="sex", settings=SETTINGS,
        constraints={"increasing": ["x"], "without": "w", "interactions": "additive"},
    )  # fmt: skip


def test_the_shipped_graph_never_goes_against_a_direction(model) -> None:
    rows = table(200, 9)
    grid = [model.predict_proba(rows.set_column(0, "x", pa.array(np.full(200, v)))) for v in np.linspace(-2, 2, 41)]
    answers = np.stack([np.asarray(p)[:, 1] for p in grid])
    assert np.diff(answers, axis=0).min() >= -1e-6
    assert np.ptp(answers) > 0.1
    said = [s for s in model.dossier["model"]["limits"] if "never falls as x grows" in s]
    assert said and said[0].endswith("0 breaks") and "yes" in said[0]
    assert model.dossier["model"]["constraints"]["swept"][0]["breaks"] == 0


def test_a_free_model_of_the_same_rows_breaks_it_and_is_not_shipped() -> None:
    """The check can fail: without the constraint the same sweep finds breaks, and the pack is refused."""

    @dataclass(frozen=True)
    class Bent(Through):
        inner: object = None

        def predict_rows(self, rows):
            p = 1 / (1 + np.exp(-np.sin(2 * rows.numbers("x"))))
            return np.column_stack((1 - p, p))

    rows = open_subject(table(), target="y", cache=False).table.sample(SampleSpec(n=1_000))
    (found,) = sweep(Bent(), rows, (), {"x": 1})
    assert found.breaks > 100 and found.worst > 0.1
    assert "breaks" in found.says("p")


def test_a_graph_that_goes_against_a_direction_is_refused() -> None:
    subject = open_subject(table(), target="y", cache=False)

    class Shipped:
        def predict_rows(self, rows):
            p = 1 / (1 + np.exp(rows.numbers("x")))
            return np.column_stack((1 - p, p))

    class Fitted:
        task, classes, notes, recipe = "binary", ("no", "yes"), (), Recipe()

        class assembly:
            class spec:
                columns = (("x", "number"),)

    with pytest.raises(BundleError, match="never falls as x grows"):
        held(Shipped(), subject, Fitted(), replace(SETTINGS, constraints=Constraints(increasing=("x",))))  # type: ignore[arg-type]


def test_what_is_ruled_out_is_nowhere_in_the_file_and_its_copy_is_named(model) -> None:
    doc = model.dossier["model"]
    assert "w" not in model.columns and "w" not in doc["features"]
    assert "(--without)" in doc["left_out"]["w"]
    assert any("'badge' is still used" in s and "--without badge" in s for s in doc["limits"])
    assert not any("'x' is still used" in s for s in doc["limits"])


def test_protected_columns_stay_out_of_the_model_and_in_the_audit(model) -> None:
    doc = model.dossier
    assert doc["model"]["left_out"]["sex"] == PROTECTED and "sex" not in model.columns
    assert doc["report"]["subject"]["roles"]["protected"]


def test_columns_that_act_alone_add_up_in_log_odds(model) -> None:
    assert sum(c["state"] == "won" for c in model.dossier["model"]["candidates"]) == 1
    a, b = table(300, 5), table(300, 6)

    def logit(rows: pa.Table) -> np.ndarray:
        p = np.asarray(model.predict_proba(rows), np.float64)[:, 1]
        return np.log(p / (1 - p))

    c, d = a.set_column(1, "z", b["z"]), b.set_column(1, "z", a["z"])
    together = logit(a) + logit(b) - logit(c) - logit(d)
    assert np.abs(together).max() < 1e-3
    assert any("acts alone" in s for s in model.dossier["model"]["limits"])


def test_only_named_protected_columns_are_left_out_and_keep_overrides() -> None:
    subject = open_subject(table(), target="y", cache=False)
    assert subject.roles.protected is not None and subject.roles.protected.source == "guess"
    assert ruled_out(subject.table, subject.roles, Constraints(), ()) == {}
    named = open_subject(table(), target="y", roles={"protected": "sex"}, cache=False)
    assert set(ruled_out(named.table, named.roles, Constraints(), ())) == {"sex"}
    assert ruled_out(named.table, named.roles, Constraints(), ("sex",)) == {}


def test_a_column_ruled_out_does_not_come_back_through_a_repair() -> None:
    def step(*ops: Op) -> tuple[str, Remedy, Proof]:
        return ("D17", Remedy("cells", "safe", "fidelity", "", ops), Proof("fidelity", "kept"))

    recipe = Recipe(
        (
            step(Op("look_up", ("w", "badge"), {"mapping": {"a": "A"}})),
            step(Op("rename", ("w",), {"name": "v"})),
            step(Op("look_up", ("v", "z"), {"mapping": {}})),
            step(Op("look_up", ("x", "z"), {"mapping": {}})),
        )
    )
    assert [op.columns for op in spared(recipe, {"w": ""}).ops()] == [("w",), ("x", "z")]
    assert spared(recipe, {"u": ""}) is recipe


def test_telling_reads_copies_in_any_form_and_says_nothing_of_others() -> None:
    rng = np.random.default_rng(1)
    n = 2_000
    age = rng.uniform(20, 70, n)
    near = age * 12 + rng.normal(0, 0.5, n)
    made = pa.table({"age": age, "months": near, "loose": age + rng.normal(0, 10, n), "other": rng.normal(size=n)})
    rows = open_subject(made, cache=False).table.sample(SampleSpec(n=n))
    assert [t.by for t in telling(rows, ["age"], ["months", "loose", "other"])] == ["months"]
    few = rows.take(np.arange(50))
    assert telling(few, ["age"], ["months"]) == ()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"increasing": "x", "decreasing": "x"}, "increasing and as decreasing"),
        ({"increasing": "x", "without": "x"}, "left out"),
        ({"upwards": "x"}, "unknown key 'upwards'"),
        ({"interactions": "additive; a, b"}, "additive"),
        ({"increasing": 3}, "as text"),
        ("x", "must be a table"),
    ],
)
def test_constraints_that_contradict_each_other_are_one_sentence(asked, words) -> None:
    with pytest.raises(SettingsError, match=words) as error:
        read_constraints(asked)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("asked", "kind", "words"),
    [
        ({"increasing": "w"}, SettingsError, "kind category"),
        ({"increasing": "xx"}, RoleError, "does not have"),
        ({"without": "y"}, RoleError, "what is predicted"),
    ],
)
def test_a_fit_refuses_in_one_sentence(asked, kind, words) -> None:
    with pytest.raises(kind, match=words):
        assay.fit(table(300), target="y", settings=replace(SETTINGS, budget=1), constraints=asked)


def test_directions_need_two_classes_or_a_number() -> None:
    rows = table(300)
    three = rows.append_column("k", pa.array(np.random.default_rng(0).choice(["p", "q", "r"], 300)))
    with pytest.raises(AssayError, match="two classes"):
        assay.fit(three, target="k", settings=replace(SETTINGS, budget=1), constraints={"increasing": "x"})


def test_settings_and_words_read_alike() -> None:
    asked = settings_from({"constraints": {"increasing": "a, b", "interactions": "a, b; c"}}, Settings()).constraints
    assert asked == Constraints(increasing=("a", "b"), interactions=("a,b", "c"))
    assert asked.groups == (("a", "b"), ("c",)) and asked.monotone == {"a": 1, "b": 1}
    assert read_constraints({"interactions": [["a", "b"], ["c"]]}).groups == asked.groups
    assert not Constraints().named and not Constraints(without=("a",)).shapes


@pytest.mark.slow
def test_the_command_line_takes_them(tmp_path) -> None:
    import pyarrow.csv as csv

    csv.write_csv(table(400), tmp_path / "t.csv")
    words = ["fit", "t.csv", "--target", "y", "--increasing", "x,z", "--without", "w,badge", "--budget", "2",
             "-o", "m.assay", "--quiet"]  # fmt: skip
    made = subprocess.run(
        [sys.executable, "-c", "from assay.cli import main; main()", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    loaded = assay.load(tmp_path / "m.assay")
    assert {"w", "badge"}.isdisjoint(loaded.columns)
    assert sum("0 breaks" in s for s in loaded.dossier["model"]["limits"]) == 2
