"""A small table with known faults, generated: deliveries of a parcel firm, asked at dispatch whether they come late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 12_000
FAULTS = {
    "delay_min": "the answer in minutes (K01)",
    "signed_at": "written only when the parcel is handed over (K02)",
    "weight_kg": "-999 where the scale was off (D02)",
    "insurance": "numbers kept as text (D03)",
    "currency": "one value (D09)",
    "parcel": "a key (D10)",
    "booked": "time order: whole days go wrong, and later ones more (K06)",
}


def demo_table(rows: int = ROWS, seed: int = 0) -> pa.Table:
    """Generate the table. Same seed, same bytes; the first 2 % of rows come again at the end, to the letter.

    Columns: parcel, booked, depot, service, distance_km, weight_kg, items, insurance, currency, rain_mm, dispatched,
    signed_at, delay_min, late ("yes" where delay_min is above 30). Undelivered parcels have no delay, no signature
    and no answer.
    """
    import pyarrow as pa

    rng = np.random.default_rng(seed)
    step = rng.exponential(60_000.0 / rows, rows).cumsum()
    booked = np.datetime64("2025-01-06T06:00") + (step * 60).astype("timedelta64[s]")
    day = step / 1440
    depot = rng.choice(np.array(["Bristol", "Leeds", "Glasgow", "Cardiff"]), rows, p=[0.4, 0.3, 0.2, 0.1])
    service = rng.choice(np.array(["economy", "next day", "saver"]), rows, p=[0.5, 0.3, 0.2])
    distance = np.round(rng.gamma(2.0, 60.0, rows), 1)
    weight = np.round(rng.lognormal(1.0, 0.7, rows), 2)
    rain = np.round(np.where(rng.random(rows) < 0.6, 0.0, rng.gamma(1.2, 4.0, rows)), 1)
    items = rng.poisson(1.4, rows) + 1
    bad = rng.normal(0, 16, int(day[-1]) + 1)[day.astype(int)]  # some days all goes wrong, and nobody knows beforehand
    place = 14 * (depot == "Glasgow") - 8 * (service == "next day")
    mean = 2 + 0.05 * distance + 2.2 * rain + 0.8 * weight + place + bad + 0.3 * day
    delay = np.round(mean + rng.gumbel(-4, 13, rows))
    delivered = rng.random(rows) > 0.03
    dispatched = booked + rng.integers(30, 720, rows).astype("timedelta64[m]")
    signed = dispatched + np.maximum(60 + 2.0 * distance + delay, 5).astype("timedelta64[m]")
    worth = np.round(rng.lognormal(4.0, 0.8, rows), 2)
    insurance = np.where(rng.random(rows) < 0.01, "ask office", np.char.mod("%.2f", worth))
    columns = {
        "parcel": pa.array([f"P{n:07d}" for n in rng.permutation(rows) + 4_100_000]),
        "booked": pa.array(booked.astype("datetime64[s]")),
        "depot": pa.array(depot),
        "service": pa.array(service),
        "distance_km": pa.array(distance),
        "weight_kg": pa.array(np.where(rng.random(rows) < 0.06, -999.0, weight)),
        "items": pa.array(items),
        "insurance": pa.array(insurance),
        "currency": pa.array(np.full(rows, "GBP")),
        "rain_mm": pa.array(rain),
        "dispatched": pa.array(dispatched.astype("datetime64[s]")),
        "signed_at": pa.array(signed.astype("datetime64[s]"), mask=~delivered),
        "delay_min": pa.array(delay, mask=~delivered),
        "late": pa.array(np.where(delay > 30, "yes", "no"), mask=~delivered),
    }
    table = pa.table(columns)
    return pa.concat_tables([table, table.slice(0, rows // 50)])
