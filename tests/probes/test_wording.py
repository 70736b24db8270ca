"""Two writings of one name, and two names of one series."""

import numpy as np
import pytest

from assay.probes.grams import plain
from assay.probes.wording import MORE, OTHER, SAME, wording


def level(a: str, b: str, near: bool = True) -> int:
    texts = plain([a, b])
    return int(wording(texts, np.array([0]), np.array([1]), np.array([near]))[0])


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("ERIE HOUSE", "Erie-House."),
        ("1347 W Erie St", "1347 W. Erie Street"),
        ("1800 N Humboldt Blvd", "1800 North Humboldt Boulevard"),
        ("Chicago Youth Centers", "Chicgo Youth Centers"),
        ("Kinder Care", "KinderCare"),
    ],
)
def test_two_writings(a: str, b: str) -> None:
    assert level(a, b) == level(b, a) == SAME


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Pentium E5500", "Pentium E6700"),
        ("Core i5-10500", "Core i5-10400"),
        ("Siracusa B", "Siracusa C"),
        ("Exposition Park I", "Exposition Park II"),
        ("Burrito Supreme Chicken", "Burrito Supreme Steak"),
        ("green", "green1"),
        ("Honda Odyssey LX", "Honda Odyssey EX"),
    ],
)
def test_two_of_a_series(a: str, b: str) -> None:
    assert level(a, b) == level(b, a) == OTHER


def test_more_is_neither() -> None:
    assert level("Erie House", "Erie House Nursery") == MORE


def test_prose_was_copied() -> None:
    told = "we tried to contact you about your reply to our offer of a video phone call"
    assert level(f"{told} 0800", f"{told} 0871") == SAME
    assert level(f"{told} 0800", f"{told} 0871", near=False) == OTHER
