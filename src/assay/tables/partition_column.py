"""The user's own split: a column that says of every row whether it trains, validates or tests.

What it calls test judges and teaches nothing. Without a validation part a quarter of the training rows chooses, taken
out by what the other roles demand (the latest, whole groups, or at random); without a test part what it calls
validation judges. A row without a value trains.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from assay.core.errors import RoleError
from assay.core.subject import BUILD, CHOOSE, JUDGE, Roles
from assay.core.table import Table
from assay.core.words import listed

from .partition import plain_partition
from .partition_values import ValuePartition

TRAIN = {"train", "training", "traindata", "trainset", "tr", "trn", "build", "fit", "fitting", "learn", "learning",
         "insample", "estimation"}  # fmt: skip
VALID = {"valid", "validation", "val", "vali", "validset", "choose", "tune", "tuning", "calibration", "calib"}
TEST = {"test", "testing", "tst", "te", "testset", "holdout", "heldout", "judge", "eval", "evaluation", "outofsample",
        "oos", "outoftime", "oot", "private", "public"}  # fmt: skip
DEVELOPMENT = {"dev", "development", "devset"}  # validation beside a train part; else what is developed on
YES, NO = {"true", "1", "yes", "y", "t"}, {"false", "0", "no", "n", "f"}
OUT_OF_TRAIN = (0.75, 1.0)


def parts_said(column: str, values: Sequence[str]) -> dict[str, int] | None:
    """value -> BUILD, CHOOSE or JUDGE by what it says, in any usual spelling; None where a value says none of these.

    Yes and no are read by the column's name (``is_test``, ``train``). At least one value trains and one does not.

    >>> parts_said("set", ["Train", "TEST", "hold-out"])
    {'Train': 0, 'TEST': 2, 'hold-out': 2}
    >>> parts_said("is_train", ["0", "1"])
    {'0': 2, '1': 0}
    >>> parts_said("fold", ["1", "2", "3"]) is None
    True
    """
    plain = {v: re.sub(r"[^a-z0-9]+", "", v.casefold()) for v in values}
    words = set(plain.values())
    name = re.sub(r"[^a-z]+", "", column.casefold())
    out: dict[str, int] = {}
    if words <= YES | NO:
        tests = re.search(r"test|holdout|heldout|oos|oot|eval", name)
        trains = re.search(r"train|fit|build|insample", name)
        valids = re.search(r"valid|val$|^val|dev", name)
        if bool(tests) + bool(trains) + bool(valids) != 1:
            return None
        yes = BUILD if trains else JUDGE
        out = {v: yes if w in YES else JUDGE - yes for v, w in plain.items()}
    else:
        for value, word in plain.items():
            if word in DEVELOPMENT:
                out[value] = CHOOSE if words & TRAIN else BUILD
            elif word in TRAIN | VALID | TEST:
                out[value] = BUILD if word in TRAIN else CHOOSE if word in VALID else JUDGE
            else:
                return None
    parts = set(out.values())
    if BUILD not in parts or len(parts) < 2:
        return None
    if JUDGE not in parts:
        out = {v: JUDGE if p == CHOOSE else p for v, p in out.items()}
    return out


def column_partition(table: Table, roles: Roles, seed: int, said: str = "") -> ValuePartition:
    """See the module.

    Raises:
        RoleError: a value says neither train, valid nor test, or no row trains, or none is left to judge.
    """
    assert roles.split is not None
    column = roles.split.column
    codes, names = table.codes(column)  # type: ignore[attr-defined]
    held = [n for i, n in enumerate(names) if (codes == i).any()]
    parts = parts_said(column, held)
    if parts is None:
        raise RoleError(
            f"the split column {column} must say which rows train, validate and test (train, valid, test, in any usual "
            f"spelling); it says {listed(held, 5)}"
        )
    train = (codes < 0) | np.isin(codes, [i for i, n in enumerate(names) if parts.get(n) == BUILD])
    inner = None
    chosen = "choose"
    if CHOOSE not in parts.values():
        kind = roles.folded
        if kind == "site":
            kind = "random"
        inner = plain_partition(table, roles, kind, seed, shares=OUT_OF_TRAIN, within=train)
        chosen = {
            "time": "the latest quarter of train chooses",
            "group": f"a quarter of train chooses, whole {roles.group.column if roles.group else 'group'}s",
        }.get(kind, "a quarter of train chooses, at random")
    by = {p: listed([n for n in held if parts[n] == p]) for p in set(parts.values())}
    says = f"as the column {column} says: {by[BUILD]} builds, {f'{by[CHOOSE]} chooses' if inner is None else chosen}, "
    says += f"{by[JUDGE]} judges and teaches nothing"
    if (codes < 0).any():
        says += "; rows without a value build"
    return ValuePartition(column, parts, inner, says + said)
