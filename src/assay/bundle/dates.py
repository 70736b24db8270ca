"""Text to epoch seconds inside the graph: pattern, split, and the days of the proleptic Gregorian calendar."""

from __future__ import annotations

import numpy as np

from assay.core.errors import SettingsError
from assay.core.patterns import BLANK, DATE_SEPARATORS, ZONE, date_pattern

from .nodes import Builder

EPOCH = {"iso": ("1970", "1", "1"), "dmy": ("1", "1", "1970"), "mdy": ("1", "1", "1970")}
PLACES = {"iso": (0, 1, 2), "dmy": (2, 1, 0), "mdy": (2, 0, 1)}  # where year, month, day stand


def parse_date(b: Builder, x: str, form: str) -> str:
    """Epoch seconds, double [N, 1]; NaN where ``x`` is no date of ``form`` (iso, dmy, mdy) or not in the calendar."""
    if form not in DATE_SEPARATORS:
        raise SettingsError(f"a date format must be one of iso, dmy, mdy; got {form!r}")
    parts, readable = _three_parts(b, x, form)
    last = _item(b, parts, 2)
    short = b.add("RegexFullMatch", last, pattern=f"[0-9]+[T ][0-9]+:[0-9]+(?:Z|{ZONE})?{BLANK}")
    third, clock = _clock_off(b, last, short)
    texts = (_item(b, parts, 0), _item(b, parts, 1), third)
    year, month, day = (b.cast(texts[i], "double") for i in PLACES[form])
    days, valid = _days(b, year, month, day)
    hms = b.add("StringSplit", clock, outputs=2, delimiter=":", maxsplit=2)
    # reading a number stops at the zone, if there is one; without seconds the third part may be the zone's own
    hour, minute, second = (b.cast(_item(b, hms, i), "double") for i in range(3))
    seconds = b.add("Mul", days, b.number(86_400.0))
    seconds = b.add("Add", seconds, b.add("Mul", hour, b.number(3_600.0)))
    seconds = b.add("Add", seconds, b.add("Mul", minute, b.number(60.0)))
    seconds = b.add("Sub", seconds, _offset(b, last))
    seconds = b.add("Add", seconds, b.where(short, b.number(0.0), second))
    return b.where(b.add("And", readable, valid), seconds, b.number(np.nan))


def _offset(b: Builder, last: str) -> str:
    """Seconds east of UTC that the end of the text names; 0 without a zone."""
    east = b.add("RegexFullMatch", last, pattern=f"[^+]*[+][0-9:]+{BLANK}")
    west = b.add("RegexFullMatch", last, pattern=f"[^-]*-[0-9:]+{BLANK}")
    zones = []
    for sign, there in (("+", east), ("-", west)):
        safe = b.where(there, last, b.text(f"0{sign}0"))
        split = b.add("StringSplit", safe, outputs=2, delimiter=sign, maxsplit=1)
        zones.append(_item(b, split, 1))
    zone = b.where(east, *zones)
    colon = b.add("RegexFullMatch", zone, pattern=f"[0-9]+:[0-9]+{BLANK}")
    pair = b.add("StringSplit", b.where(colon, zone, b.text("0:0")), outputs=2, delimiter=":", maxsplit=1)
    flat = b.cast(b.where(colon, b.text("0"), zone), "double")
    hours = b.add("Floor", b.add("Div", flat, b.number(100.0)))
    minutes = b.add("Sub", flat, b.add("Mul", hours, b.number(100.0)))
    hours = b.add("Add", hours, b.cast(_item(b, pair, 0), "double"))
    minutes = b.add("Add", minutes, b.cast(_item(b, pair, 1), "double"))
    seconds = b.add("Add", b.add("Mul", hours, b.number(3_600.0)), b.add("Mul", minutes, b.number(60.0)))
    return b.where(west, b.add("Neg", seconds), seconds)


def _item(b: Builder, parts: str, i: int) -> str:
    return b.add("Gather", parts, b.constant(np.array(i, np.int64)), axis=2)


def _three_parts(b: Builder, x: str, form: str) -> tuple[str, str]:
    """Split at the separator; rows that do not match are split as 1970-01-01, so that every row has three parts."""
    parts = readable = ""
    for sep in DATE_SEPARATORS[form]:
        match = b.add("RegexFullMatch", x, pattern=date_pattern(form, sep))
        safe = b.where(match, x, b.text(sep.join(EPOCH[form])))
        split = b.add("StringSplit", safe, outputs=2, delimiter=sep, maxsplit=2)
        if not parts:
            parts, readable = split, match
        else:
            wide = b.add("Unsqueeze", match, b.constant(np.array([2], np.int64)))
            parts, readable = b.where(wide, split, parts), b.add("Or", readable, match)
    return parts, readable


def _clock_off(b: Builder, last: str, short: str) -> tuple[str, str]:
    """The last part of the date and the time of day as h:m:s, filled up with zeros where it was left out."""
    bare = b.add("RegexFullMatch", last, pattern=f"[0-9]+{BLANK}")
    tail = b.where(bare, b.text("T0:0:0"), b.where(short, b.text(":0"), b.text("")))
    full = b.add("StringConcat", last, tail)
    with_t = b.add("RegexFullMatch", full, pattern="[^T]*T[^T]*")
    by_t = b.add("StringSplit", b.where(with_t, full, b.text("1T0:0:0")), outputs=2, delimiter="T", maxsplit=1)
    by_space = b.add("StringSplit", b.where(with_t, b.text("1 0:0:0"), full), outputs=2, delimiter=" ", maxsplit=1)
    two = b.where(b.add("Unsqueeze", with_t, b.constant(np.array([2], np.int64))), by_t, by_space)
    return _item(b, two, 0), _item(b, two, 1)


def _days(b: Builder, year: str, month: str, day: str) -> tuple[str, str]:
    """Days since 1970-01-01 and whether that day exists. Years start in March, so that leap days come last."""
    early = b.cast(b.add("LessOrEqual", month, b.number(2.0)), "double")
    y = b.add("Sub", year, early)
    m = b.add("Add", b.add("Sub", month, b.number(3.0)), b.add("Mul", early, b.number(12.0)))
    of_year = b.add("Add", _month_start(b, m), b.add("Sub", day, b.number(1.0)))
    start, after = _year_start(b, y), _year_start(b, b.add("Add", y, b.number(1.0)))
    month_end = _month_start(b, b.add("Add", m, b.number(1.0)))
    valid = b.add("And", b.add("Less", of_year, month_end), b.add("Less", of_year, b.add("Sub", after, start)))
    return b.add("Sub", b.add("Add", start, of_year), b.number(719_468.0)), valid


def _month_start(b: Builder, m: str) -> str:
    scaled = b.add("Add", b.add("Mul", m, b.number(153.0)), b.number(2.0))
    return b.add("Floor", b.add("Div", scaled, b.number(5.0)))


def _year_start(b: Builder, y: str) -> str:
    out = b.add("Mul", y, b.number(365.0))
    for every, op in ((4.0, "Add"), (100.0, "Sub"), (400.0, "Add")):
        out = b.add(op, out, b.add("Floor", b.add("Div", y, b.number(every))))
    return out
