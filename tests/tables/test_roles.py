"""Roles: the user's word, one sentence for a wrong one, careful guesses with a reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from assay.core.errors import RoleError
from assay.tables import guess_roles, open_table
from assay.tables.duck_table import DuckTable

N = 400
RNG = np.random.default_rng(1)


@pytest.fixture(scope="module")
def table() -> DuckTable:
    return open_table(
        {
            "customerID": [f"{i:05d}-K" for i in RNG.permutation(N)],
            "row": list(range(N)),
            "patient_nbr": RNG.integers(0, 150, N).tolist(),
            "created_at": [f"2020-{1 + i // 28:02d}-{1 + i % 28:02d}" for i in RNG.integers(0, 300, N)],
            "closed_at": [f"2021-{1 + i // 28:02d}-{1 + i % 28:02d}" for i in RNG.integers(0, 300, N)],
            "birth_date": [f"19{50 + i % 40}-01-01" for i in range(N)],
            "native-country": RNG.choice(["US", "DE"], N).tolist(),
            "SeniorCitizen": RNG.integers(0, 2, N).tolist(),
            "fnlwgt": RNG.uniform(10, 1000, N).tolist(),
            "part": RNG.choice(["train", "test"], N).tolist(),
            "hospital": RNG.choice(["A", "B", "C"], N).tolist(),
            "admission_type_id": RNG.integers(1, 8, N).tolist(),
            "y": RNG.choice(["yes", "no"], N).tolist(),
            "grade": RNG.integers(1, 4, N).tolist(),
            "price": RNG.normal(size=N).tolist(),
            "empty": [None] * N,
            "same": ["a"] * N,
            "flag": [None if i == 0 else bool(i % 3 == 0) for i in range(N)],
            "code": [1 if i % 4 else 2 for i in range(N)],
            "odd": [f"w{i}" for i in range(N)],
        }
    )


def test_guesses_come_with_a_reason(table: DuckTable) -> None:
    roles = guess_roles(table, {"target": "y"})
    found = {k: roles.named(k) for k in ("order", "group", "id", "protected", "weight", "split", "site")}
    assert found == {
        "order": ("created_at",),
        "group": ("patient_nbr",),
        "id": ("customerID", "row"),
        "protected": ("SeniorCitizen", "native-country"),
        "weight": ("fnlwgt",),
        "split": ("part",),
        "site": ("hospital",),
    }
    for name in found:
        role = getattr(roles, name)
        assert role.source == "guess" and role.why
    assert roles.target is not None and roles.target.source == "user"


@pytest.mark.parametrize(
    ("target", "task", "classes", "positive"),
    [
        ("y", "binary", ("no", "yes"), "yes"),
        ("flag", "binary", ("false", "true"), "true"),
        ("code", "binary", ("1", "2"), "2"),
        ("grade", "multiclass", ("1", "2", "3"), None),
        ("price", "regression", (), None),
        ("patient_nbr", "regression", (), None),
    ],
)
def test_task_classes_and_positive(
    table: DuckTable, target: str, task: str, classes: tuple[str, ...], positive: str
) -> None:
    roles = guess_roles(table, {"target": target})
    assert (roles.task, roles.classes, roles.positive) == (task, classes, positive)


def test_the_user_overrides(table: DuckTable) -> None:
    roles = guess_roles(
        table,
        {
            "target": "y", "positive": "no", "time": "@row", "group": "", "protected": ["hospital"],
            "id": "customerID,row", "asked_at": "created_at", "known": ["price", "grade"], "unknown": "code",
        },
    )  # fmt: skip
    assert roles.positive == "no" and roles.named("order") == ("@row",) and roles.group is None
    assert roles.named("protected") == ("hospital",) and roles.named("id") == ("customerID", "row")
    assert (roles.asked_at, roles.known, roles.unknown) == ("created_at", ("price", "grade"), ("code",))
    assert "customerID" not in roles.features(table) and "price" in roles.features(table)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"target": "prise"}, "did you mean price"),
    ({"target": "empty"}, "is empty in all 400 rows"),
    ({"target": "same"}, "has one value"),
    ({"target": "created_at"}, "holds dates"),
    ({"target": "odd"}, "400 different values"),
    ({"target": "y", "positive": "yess"}, "did you mean yes"),
    ({"positive": "yes"}, "needs a target"),
    ({"target": "y", "group": "nobody"}, "has no column 'nobody' for the role group"),
    ({"targte": "y"}, "did you mean target"),
    ({"order": "y"}, "must hold dates or numbers"),
    ({"order": "same"}, "must hold dates or numbers"),
    ({"weight": "y"}, "must hold numbers"),
    ({"group": "same"}, "one value"),
    ({"group": "@row"}, "cannot be the group"),
    ({"target": ["y", "code"]}, "takes one column"),
    ({"target": "y", "task": "regression"}, "holds text"),
]


@pytest.mark.parametrize(("user", "says"), WRONG)
def test_wrong_roles_are_one_sentence(table: DuckTable, user: dict[str, Any], says: str) -> None:
    with pytest.raises(RoleError, match=says) as caught:
        guess_roles(table, user)
    assert len(str(caught.value).splitlines()) == 1


def test_nothing_is_guessed_from_plain_measurements() -> None:
    table = open_table(
        {f"x{i}": RNG.normal(size=50).tolist() for i in range(4)} | {"age_of_rock": list(range(50))[::-1] * 1}
    )
    roles = guess_roles(table)
    assert roles.order is roles.group is roles.weight is roles.split is roles.site is roles.protected is None
    assert roles.named("id") == ("age_of_rock",)


def test_a_table_without_rows() -> None:
    import pyarrow as pa

    table = open_table(pa.table({"a": pa.array([], pa.int64())}))
    assert guess_roles(table).target is None
    with pytest.raises(RoleError, match="no rows"):
        guess_roles(table, {"target": "a"})
