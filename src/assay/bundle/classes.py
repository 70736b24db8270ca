"""Classes as the target column held them: the file names classes in text, ``Model.predict`` gives the type back.

A model of a column of 0 and 1 predicts 0 and 1, not "0" and "1", so that ``predictions == y`` compares like with like.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

TEXT = "text"
READ: dict[str, tuple[Callable[[str], Any], Any]] = {
    "integer": (int, np.int64),
    "number": (float, np.float64),
    "bool": ({"false": False, "true": True}.__getitem__, np.bool_),
}
STORED = {
    "BOOLEAN": "bool",
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT"), "integer"),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT", "UHUGEINT"), "integer"),
    **dict.fromkeys(("FLOAT", "DOUBLE", "DECIMAL"), "number"),
}


def class_type_of(classes: Sequence[str], storage: str) -> str:
    """The type of classes from a column of the engine's type ``storage``; text where they cannot be read as it.

    >>> class_type_of(("0", "1"), "BIGINT"), class_type_of(("0", "1"), "VARCHAR"), class_type_of(("0", "x"), "BIGINT")
    ('integer', 'text', 'text')
    """
    found = STORED.get(storage.partition("(")[0].strip().upper(), TEXT)
    try:
        different = len(set(typed(classes, found).tolist()))
    except ValueError:
        return TEXT
    return found if classes and different == len(classes) else TEXT


def typed(classes: Sequence[str], class_type: str) -> NDArray[Any]:
    """(classes,) values in the type named.

    Raises:
        ValueError: a class is not of that type, or there is no such type.

    >>> typed(("1", "2"), "number"), typed(("true", "false"), "bool")
    (array([1., 2.]), array([ True, False]))
    """
    if class_type == TEXT:
        return np.array(classes, object)
    try:
        read, dtype = READ[class_type]
        return np.array([read(c) for c in classes], dtype)
    except (KeyError, OverflowError) as error:
        raise ValueError("the classes are not of their type") from error
