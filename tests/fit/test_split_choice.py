"""What the rows are parted by decides whose score the headline is, what may be learned, and what stands beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from assay.core.errors import SettingsError
from assay.core.remedy import Recipe
from assay.core.settings import Settings
from assay.core.subject import BUILD, CHOOSE, JUDGE, Role, Subject
from assay.core.table import SampleSpec
from assay.fit import fit, procedure, tuning
from assay.learn.encoder import encode
from assay.learn.replay import replay
from assay.tables import guess_roles, make_partition, open_table

SMALL = Settings(budget=1.5)


def columns(n: int = 480, seed: int = 0) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return {
        "t": np.arange(n),
        "who": [f"p{i:03}" for i in rng.integers(0, 60, n)],
        "place": rng.choice(["berlin", "kyoto", "lima", "oslo", "paris"], n),
        "set": np.where(np.arange(n) % 5 == 0, "test", "train"),
        "x": x,
        "y": np.where(x + rng.normal(size=n) > 0, "yes", "no"),
    }


ROLES = {"order": Role(("t",)), "group": Role(("who",)), "site": Role(("place",)), "split": Role(("set",))}


def asked(by: str | None, *named: str, **changed: object) -> Subject:
    table = open_table(pa.table(columns() | changed), cache=False)
    found = guess_roles(table, {"target": "y", "split": "", "group": "", "order": "", "site": "", "id": ""})
    roles = replace(found, **{role: ROLES[role] for role in named}, split_by=by)  # type: ignore[arg-type]
    return Subject(table, roles, make_partition(table, roles, 0), 0)


@pytest.fixture(autouse=True)
def untuned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two candidates and no tuning: what is asked here does not depend on who wins."""
    whole = procedure.portfolio
    monkeypatch.setattr(tuning, "MOST_TRIALS", 0)
    monkeypatch.setattr(procedure, "portfolio", lambda n, rate: whole(n, rate)[:2])


@pytest.mark.parametrize(
    ("by", "named", "label", "beside"),
    [
        (None, ("split", "order"), "rows that set holds back", False),
        (None, ("order", "group"), "later rows", True),
        (None, ("group", "site"), "rows of other groups", True),
        ("site", ("group", "site"), "rows of other sites", True),
        (None, ("site",), "rows held out", False),
        ("random", ("order", "group"), "random rows, time and groups ignored", False),
    ],
)
def test_the_headline_says_whose_score_it_is(by: str | None, named: tuple[str, ...], label: str, beside: bool) -> None:
    fitted = fit(asked(by, *named), Recipe(), SMALL)
    assert fitted.headline is not None and fitted.headline.label == label and fitted.headline.headline
    assert all(not s.headline for s in fitted.scores[1:])
    if not beside:
        assert fitted.shuffled is None
    elif fitted.shuffled is None:  # the clock may have run out before it
        assert any("no time was left for the shuffled score" in note for note in fitted.notes)
    assert set(fitted.predictions.part) == {BUILD, CHOOSE, JUDGE}


def test_a_column_that_fresh_rows_have_no_value_of_is_left_out() -> None:
    by_site = fit(asked("site", "site", "group"), Recipe(), SMALL)
    assert "place" in by_site.left_out and "place" not in by_site.features and "who" not in by_site.left_out
    by_group = fit(asked("group", "site", "group"), Recipe(), SMALL)
    assert "who" in by_group.left_out and "place" not in by_group.left_out


def test_rows_that_the_user_holds_back_teach_nothing() -> None:
    subject = asked(None, "split", y=columns()["y"])
    fitted = fit(subject, Recipe(), Settings(budget=600.0))
    assert fitted.shipped == "judged"
    turned = np.array(columns()["y"])
    held = np.array(columns()["set"]) == "test"
    turned[held] = np.where(turned[held] == "yes", "no", "yes")
    other = fit(asked(None, "split", y=turned), Recipe(), Settings(budget=600.0))
    rows = subject.table.sample(SampleSpec(n=480))
    same = (replay(f.assembly, encode(f.assembly.spec, rows)) for f in (fitted, other))
    np.testing.assert_array_equal(*same)
    with pytest.raises(SettingsError, match="would learn from the rows"):
        fit(asked(None, "split"), Recipe(), SMALL, ship="refit")


def test_copies_bring_the_shuffled_score_and_few_of_them_do_not() -> None:
    half = columns(240)
    twice = {name: np.concatenate((v, v)) for name, v in half.items()} | {"set": ["a"] * 480}
    table = open_table(pa.table(twice).drop_columns(["t", "set"]), cache=False)
    roles = replace(guess_roles(table, {"target": "y"}), order=None, group=None, site=None, split=None, id=None)
    table = table.with_ids(["y"])
    fitted = fit(Subject(table, roles, make_partition(table, roles, 0), 0), Recipe(), Settings(budget=30.0))
    assert fitted.shuffled is not None and fitted.headline is not None
    assert fitted.shuffled.value > fitted.headline.value + 0.05  # its twin stands in the training rows
    assert fit(asked(None), Recipe(), SMALL).shuffled is None
