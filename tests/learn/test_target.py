"""The target read as class index or value, with what is unknown marked."""

import numpy as np
import pyarrow as pa
import pytest

from assay.core.errors import InputError, RoleError
from assay.core.subject import Role, Roles
from assay.core.table import SampleSpec
from assay.learn.target import labels
from assay.tables import open_table


def sample(**columns):
    table = open_table(pa.table(columns), cache=False)
    return table.sample(SampleSpec(n=max(1, table.n_rows)))


def in_source_order(rows, values):
    return values[np.argsort(rows.position)].tolist()


def test_the_positive_class_is_one_and_nulls_are_unknown():
    rows = sample(y=["no", "yes", None, "no"], x=[1, 2, 3, 4])
    found = labels(rows, Roles(target=Role(("y",)), task="binary", classes=("no", "yes"), positive="no"))
    assert found.classes == ("yes", "no")
    assert in_source_order(rows, found.known) == [True, True, False, True]
    np.testing.assert_array_equal(in_source_order(rows, found.y), [1.0, 0.0, np.nan, 1.0])


def test_a_class_that_the_roles_do_not_list_is_unknown():
    rows = sample(y=["a", "b", "c"], x=[1, 2, 3])
    found = labels(rows, Roles(target=Role(("y",)), task="multiclass", classes=("a", "b")))
    assert in_source_order(rows, found.known) == [True, True, False]


def test_values_that_are_not_finite_are_unknown():
    rows = sample(y=[1.5, float("inf"), None, float("nan"), -2.0], x=[1, 2, 3, 4, 5])
    found = labels(rows, Roles(target=Role(("y",)), task="regression"))
    assert found.outputs == 1
    assert in_source_order(rows, found.known) == [True, False, False, False, True]


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([0, 1, 1, 0], "binary"),
        (["a", "b", "c", "a"], "multiclass"),
        ([True, False, True, True], "binary"),
        ([1, 2, 3, 1], "multiclass"),
        ([0.5, 1.5, 2.5, 3.5], "regression"),
    ],
)
def test_the_task_is_read_where_the_roles_have_none(values, task):
    assert labels(sample(y=values, x=[1, 2, 3, 4]), Roles(target=Role(("y",)))).task == task


def test_errors_are_one_sentence():
    rows = sample(y=["a", "a"], x=[1, 2])
    with pytest.raises(RoleError, match="--target"):
        labels(rows, Roles())
    with pytest.raises(RoleError, match="'z'"):
        labels(rows, Roles(target=Role(("z",))))
    with pytest.raises(InputError, match="two values"):
        labels(rows, Roles(target=Role(("y",))))
    many = sample(y=[f"v{i:03}" for i in range(300)], x=list(range(300)))
    with pytest.raises(InputError, match="at most 100"):
        labels(many, Roles(target=Role(("y",))))
