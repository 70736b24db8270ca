"""From what a request takes to machines and money, at prices that the user writes down. No price comes from here."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from assay.core.errors import InputError, SettingsError, did_you_mean

from .measure import Figure, Measured

HOURS = 365.25 * 24
FLEETS = (1, 5, 10, 50)
MEMORY_USED = 0.8  # of a machine: the rest is the system's
EXAMPLE = """\
# Prices of your own, for: assay cost MODEL --rps 200 --prices prices.toml
# "" is EMPTY: what needs it is not computed. Leave out [cloud] or [on_premise] where you do not ask about it.
currency = ""             # such as "EUR"
utilisation = 0.6         # the share of a processor that may be busy at --rps; the rest is for peaks
average_load = 1.0        # average requests over a day, as a share of --rps; predictions are counted by it
at_least = 2              # machines, so that one may fail

[cloud]
machine = ""              # its name, for the report
processors = ""           # vCPUs of one machine
memory_gb = ""            # of one machine
price_per_hour = ""       # of one machine, with everything that you pay for it

[on_premise]
machine = ""
processors = ""           # cores of one machine
memory_gb = ""
price = ""                # of one machine
years = ""                # over which it is paid off
watts = ""                # on average, cooling included
price_per_kwh = ""
staff_per_year = ""       # what one full post costs a year
staff_share = ""          # of one post that one machine takes, such as 0.02
"""


@dataclass(frozen=True, slots=True)
class Place:
    """One kind of machine and what an hour of it costs; None is EMPTY."""

    machine: str = ""
    processors: float | None = None
    memory_gb: float | None = None
    price_per_hour: float | None = None
    price: float | None = None
    years: float | None = None
    watts: float | None = None
    price_per_kwh: float | None = None
    staff_per_year: float | None = None
    staff_share: float | None = None

    def missing(self, needs: tuple[str, ...]) -> list[str]:
        return [name for name in ("processors", "memory_gb", *needs) if getattr(self, name) is None]


RENTED = ("price_per_hour",)
OWNED = ("price", "years", "watts", "price_per_kwh", "staff_per_year", "staff_share")


@dataclass(frozen=True, slots=True)
class Prices:
    """What the user's file says."""

    currency: str = ""
    utilisation: float = 0.6
    average_load: float = 1.0
    at_least: int = 1
    cloud: Place | None = None
    on_premise: Place | None = None


def read_prices(path: Path) -> Prices:
    """Read prices.toml.

    Raises:
        InputError: it cannot be read. SettingsError: an unknown key, or a value that cannot be; the nearest is named.
    """
    try:
        doc = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path} must be readable TOML, but {said}: assay cost --prices-example prints one") from None
    given = {k: v for k, v in doc.items() if v != ""}
    known = [f.name for f in fields(Prices)]
    for key in given:
        if key not in known:
            raise SettingsError(f"{path.name}: unknown key {key!r}{did_you_mean(key, known)}")
    places = {key: _place(given.pop(key), key, needs, path.name)
              for key, needs in (("cloud", RENTED), ("on_premise", OWNED)) if key in given}  # fmt: skip
    currency = given.pop("currency", "")
    if not isinstance(currency, str):
        raise SettingsError(f"{path.name}: currency must be text; got {currency!r}")
    numbers = {key: _number(value, key, path.name) for key, value in given.items()}
    made = Prices(
        currency, numbers.get("utilisation", 0.6), numbers.get("average_load", 1.0), int(numbers.get("at_least", 1)),
        places.get("cloud"), places.get("on_premise"),
    )  # fmt: skip
    if not 0 < made.utilisation <= 1 or not 0 < made.average_load <= 1 or made.at_least < 1:
        raise SettingsError(
            f"{path.name}: utilisation and average_load must lie above 0 and be at most 1, and at_least from 1 on"
        )
    return made


def _place(value: Any, name: str, needs: tuple[str, ...], source: str) -> Place:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{source}: [{name}] must be a table; got {value!r}")
    known = ("machine", "processors", "memory_gb", *needs)
    made: dict[str, Any] = {}
    for key, given in value.items():
        if key not in known:
            raise SettingsError(f"{source}: unknown key {key!r} in [{name}]{did_you_mean(key, known)}")
        if given != "":
            made[key] = str(given) if key == "machine" else _number(given, f"{key} in [{name}]", source)
    if any(made.get(key) == 0 for key in ("processors", "memory_gb", "years")):
        raise SettingsError(f"{source}: processors, memory_gb and years in [{name}] must be above 0")
    return Place(**made)


def _number(value: Any, key: str, source: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise SettingsError(
            f"{source}: {key} must be a number of 0 or more, or '' while it is not known; got {value!r}"
        )
    return float(value)


def hourly(place: Place, owned: bool) -> float | None:
    """What an hour of one machine costs; None while something is EMPTY."""
    if place.missing(OWNED if owned else RENTED):
        return None
    if not owned:
        return place.price_per_hour
    assert place.price is not None and place.years and place.watts is not None and place.price_per_kwh is not None
    assert place.staff_per_year is not None and place.staff_share is not None
    power = place.watts / 1000 * HOURS * place.price_per_kwh
    return (place.price / place.years + power + place.staff_share * place.staff_per_year) / HOURS


@dataclass(frozen=True, slots=True)
class Fleet:
    """``models`` models, each asked ``rps`` times a second: processors (with error bars), megabytes, machines, money.

    ``machines`` is a range because the error bars of a request may span one. ``per_million`` is money for a million
    predictions; None while a price is EMPTY.
    """

    models: int
    together: bool
    processors: Figure
    memory: float
    machines: dict[str, tuple[int, int, int]]
    per_million: dict[str, Figure | None]
    per_model_month: dict[str, float | None]


def fleet(measured: Measured, rps: float, prices: Prices, models: int, together: bool) -> Fleet:
    """What it takes to serve ``models`` models, one process each, or ``together`` in as few processes as there are
    busy processors; at the CPU time measured for the largest number that does not exceed ``models``."""
    seen = measured.together if together else measured.apart
    near = max((n for n in seen if n <= models), default=0)
    busy = seen.get(near, measured.request).times(rps * models / 1e6 / prices.utilisation)
    processes = max(1, math.ceil(busy.value)) if together else models * max(1, math.ceil(busy.value / models))
    each = measured.own + (measured.further * (models - 1) if together else 0.0)
    memory = measured.shared + processes * each
    machines: dict[str, tuple[int, int, int]] = {}
    money: dict[str, Figure | None] = {}
    month: dict[str, float | None] = {}
    asked = rps * models * prices.average_load * 3600
    for name, place, owned in (("cloud", prices.cloud, False), ("on_premise", prices.on_premise, True)):
        if place is None:
            continue
        if place.processors is None or place.memory_gb is None:
            money[name] = month[name] = None
            continue
        room = math.ceil(memory / (place.memory_gb * 1e3 * MEMORY_USED))
        count = tuple(max(prices.at_least, room, math.ceil(v / place.processors))
                      for v in (busy.low, busy.value, busy.high))  # fmt: skip
        machines[name] = (count[0], count[1], count[2])
        price = hourly(place, owned)
        low, value, high = (n * (price or 0.0) / asked * 1e6 for n in count)
        money[name] = None if price is None else Figure(value, low, high, busy.blocks)
        month[name] = None if price is None else count[1] * price * HOURS / 12 / models
    return Fleet(models, together, busy, memory, machines, money, month)


def report(measured: Measured, rps: float, prices: Prices) -> dict[str, Any]:
    """Everything as a document."""
    ways = [(n, together) for n in FLEETS for together in (False, True) if n > 1 or not together]
    fleets = [fleet(measured, rps, prices, n, together) for n, together in ways]
    places = {"cloud": prices.cloud, "on_premise": prices.on_premise}
    there = {name: place for name, place in places.items() if place is not None}
    empty = {name: place.missing(OWNED if name == "on_premise" else RENTED) for name, place in there.items()}
    hours = {name: hourly(place, name == "on_premise") for name, place in there.items()}
    return {
        "rps": rps, "measured": asdict(measured), "prices": asdict(prices), "hour_of_a_machine": hours,
        "empty": {name: keys for name, keys in empty.items() if keys}, "fleets": [asdict(f) for f in fleets],
        "most_per_processor": asdict(per_processor(measured, prices)),
    }  # fmt: skip


def per_processor(measured: Measured, prices: Prices) -> Figure:
    """Requests a second that one processor answers at the utilisation that was set."""
    of, most = measured.request, 1e6 * prices.utilisation
    return Figure(most / of.value, most / of.high, most / of.low, of.blocks)
