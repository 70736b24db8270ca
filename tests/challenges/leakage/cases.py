"""Small tables with one leak each, and their honest twins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from assay.audit.runner import Runner
from assay.core.settings import Settings
from assay.core.subject import Subject
from assay.tables import guess_roles, make_partition, open_table


def subject(columns: Mapping[str, Any], target: str = "y", seed: int = 0, **roles: Any) -> Subject:
    table = open_table(pa.table(dict(columns)), name="case")
    settled = guess_roles(table, {"target": target, **roles})
    return Subject(table, settled, make_partition(table, settled, seed), seed)


def give(made: Subject, probe: str) -> Any:
    return Runner(made, Settings()).give(probe)


def flights(n: int = 6000, seed: int = 0) -> dict[str, Any]:
    """Journeys in the shape of the flights table: planned and true clock times (HHMM), delays, cancellations."""
    rng = np.random.default_rng(seed)
    planned = rng.integers(5 * 60, 23 * 60, n)
    rush = (planned > 15 * 60).astype(float)
    out = np.round(rng.gamma(0.8, 22, n) * (0.6 + rush) - 8)
    air = np.round(rng.normal(150, 40, n).clip(40))
    slack = 20
    arrive = np.mod(planned + air + slack, 1440)
    delay = out + np.round(rng.normal(-6, 12, n))
    gone = rng.random(n) < 0.975
    came = gone & (rng.random(n) < 0.995)
    landed = came & (rng.random(n) < 0.995)

    def clock(minutes):
        minutes = np.mod(minutes, 1440).astype(int)
        return minutes // 60 * 100 + minutes % 60

    hidden = np.where(rng.random(n) < 0.3, ~gone, False)
    return {
        "planned_out": clock(planned), "true_out": pa.array(clock(planned + out), mask=~gone),
        "late_out": pa.array(out, mask=~gone), "planned_in": clock(arrive),
        "true_in": pa.array(clock(arrive + delay), mask=~came), "late_in": pa.array(delay, mask=~landed),
        "in_air": pa.array(air, mask=~landed),
        "plate": pa.array(rng.choice([f"N{i:03}" for i in range(300)], n), mask=hidden),
        "line": rng.choice(["A", "B", "C", "D"], n), "miles": rng.integers(100, 2500, n),
        "berth": rng.integers(0, 60, n), "y": pa.array(delay > 15, mask=~landed),
    }  # fmt: skip
