"""Parts of epoch seconds as ONNX nodes: ``learn.calendar`` in whole-number arithmetic on doubles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .nodes import Builder

DAY = 86_400.0


def lower_part(b: Builder, x: str, how: str) -> str:
    """Hour or weekday of epoch seconds ``x``, [N, columns] double."""
    days = _floor_div(b, x, DAY)
    if how == "hour":
        return b.add("Div", b.add("Sub", x, b.add("Mul", days, b.number(DAY))), b.number(3_600.0))
    shifted = b.add("Add", days, b.number(3.0))  # 1970-01-01 was a Thursday
    return b.add("Sub", shifted, b.add("Mul", _floor_div(b, shifted, 7.0), b.number(7.0)))


def lower_civil(b: Builder, x: str, hows: Sequence[str]) -> dict[str, str]:
    """Those of month, day and yearday that ``hows`` names, each [N, columns] double; NaN stays NaN."""
    z = b.add("Add", _floor_div(b, x, DAY), b.number(719_468.0))
    of_era = b.add("Sub", z, b.add("Mul", _floor_div(b, z, 146_097.0), b.number(146_097.0)))
    leaps = b.add("Sub", _floor_div(b, of_era, 1_460.0), _floor_div(b, of_era, 36_524.0))
    leaps = b.add("Add", leaps, _floor_div(b, of_era, 146_096.0))
    year = _floor_div(b, b.add("Sub", of_era, leaps), 365.0)
    hundreds = _floor_div(b, year, 100.0)
    before = b.add("Add", b.add("Mul", year, b.number(365.0)), _floor_div(b, year, 4.0))
    of_year = b.add("Sub", of_era, b.add("Sub", before, hundreds))
    turn = _floor_div(b, b.add("Add", b.add("Mul", of_year, b.number(5.0)), b.number(2.0)), 153.0)
    early = b.add("GreaterOrEqual", turn, b.number(10.0))
    out = {}
    if "day" in hows:
        start = _floor_div(b, b.add("Add", b.add("Mul", turn, b.number(153.0)), b.number(2.0)), 5.0)
        out["day"] = b.add("Add", b.add("Sub", of_year, start), b.number(1.0))
    if "month" in hows:
        out["month"] = b.add("Add", turn, b.where(early, b.number(-9.0), b.number(3.0)))
    if "yearday" in hows:
        leap = b.where(_leap(b, year, hundreds), b.number(61.0), b.number(60.0))
        out["yearday"] = b.add("Add", of_year, b.where(early, b.number(-305.0), leap))
    return out


def _leap(b: Builder, year: str, hundreds: str) -> str:
    fourth = b.add("Equal", b.add("Mul", _floor_div(b, year, 4.0), b.number(4.0)), year)
    hundredth = b.add("Equal", b.add("Mul", hundreds, b.number(100.0)), year)
    first = b.add("Equal", year, b.number(0.0))
    plain = b.add("And", fourth, b.add("Equal", b.cast(hundredth, "double"), b.number(0.0)))
    return b.add("Or", plain, first)


def _floor_div(b: Builder, x: str, by: float) -> str:
    return b.add("Floor", b.add("Div", x, b.constant(np.array(by, np.float64))))
