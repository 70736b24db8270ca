"""Parts of a date as features: hour, weekday, and places in the month and the year where training saw these come back.

A place in a cycle can only be learned from cycles that come back: with one winter in training, "January" and "the start
of the table" are the same rows, and what is learned of it fails in the next January. So the day of the month needs a
span of two months in the training rows, and the month and the day of the year need two years. The quarter is a range of
months, which a tree finds by itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.table import F64

from .forms import Feature, How

DAY = 86_400.0
CYCLES = 2.0  # how often a cycle must have come round in training before places in it are features
MONTH, YEAR = 30.436875 * DAY, 365.2425 * DAY  # mean length in the Gregorian calendar
PARTS: tuple[How, ...] = ("hour", "weekday", "day", "month", "yearday")
CALLED = {"day": "day of month", "yearday": "day of year"}


def date_features(name: str, value: F64) -> list[Feature]:
    """Features of a date column from the epoch seconds ``value`` (finite) that training sees."""
    span = float(value.max() - value.min()) if len(value) else 0.0
    wanted: list[How] = ["hour", "weekday"]
    wanted += ["day"] if span >= CYCLES * MONTH else []
    wanted += ["month", "yearday"] if span >= CYCLES * YEAR else []
    made = []
    for how in wanted:
        part = calendar_part(how, value)
        if (part != part[:1]).any():
            made.append(Feature(f"{name} ({CALLED.get(how, how)})", name, how))
    return made


def calendar_part(how: str, number: F64) -> NDArray[Any]:
    """One part of epoch seconds: hour 0 to below 24, weekday 0 (Monday) to 6, month, day and day of year from 1."""
    if how == "hour":
        return np.asarray(np.mod(number, DAY) / 3_600.0)
    days = np.floor(number / DAY)
    if how == "weekday":
        return np.asarray(np.mod(days + 3.0, 7.0))  # 1970-01-01 was a Thursday
    return civil(days)[how]


def civil(days: F64) -> dict[str, F64]:
    """Month, day of month and day of year of days since 1970-01-01, in the proleptic Gregorian calendar.

    Exact: every number is whole and below 2^53. Years run from March, so that the leap day comes last (Hinnant,
    "chrono-compatible low-level date algorithms", civil_from_days). ``bundle.calendar`` is the same in graph nodes.
    """
    z = days + 719_468.0
    of_era = z - np.floor(z / 146_097.0) * 146_097.0
    leaps = np.floor(of_era / 1_460.0) - np.floor(of_era / 36_524.0) + np.floor(of_era / 146_096.0)
    year = np.floor((of_era - leaps) / 365.0)
    of_year = of_era - (365.0 * year + np.floor(year / 4.0) - np.floor(year / 100.0))
    turn = np.floor((5.0 * of_year + 2.0) / 153.0)
    day = of_year - np.floor((153.0 * turn + 2.0) / 5.0) + 1.0
    early = turn >= 10.0  # January and February belong to the year that began ten months ago
    month = turn + np.where(early, -9.0, 3.0)
    leap = leap_year(year)
    return {"month": month, "day": day, "yearday": of_year + np.where(early, -305.0, 60.0 + leap)}


def leap_year(year: F64) -> F64:
    """1.0 in leap years, 0.0 in others: ``year`` from 0 to 399 of an era that begins with a year divisible by 400."""
    fourth = np.floor(year / 4.0) * 4.0 == year
    hundredth = np.floor(year / 100.0) * 100.0 == year
    return np.asarray((fourth & (~hundredth | (year == 0.0))).astype(np.float64))
