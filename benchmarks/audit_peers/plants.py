"""One fault at a time in real tables: the clean table, the faulty one, and where the fault is.

Every challenge plants its own fault at the dose that its page promises, in two of four real tables (``assay.prove``
reads them and lends a column where the challenge needs one). Seeds are fixed, so are the tables.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from assay.audit.catalogue import catalogue
from assay.audit.needs import missing
from assay.core.challenge import Need
from assay.core.errors import AssayError, NotApplicable
from assay.core.subject import Subject
from assay.prove import Place, folder_places
from assay.prove.ground import ground

DATA = Path(os.environ.get("ASSAY_DATA", "../shared/data"))
TABLES = ("adult", "telco", "diamonds", "wine_quality")
EACH = 2  # tables a code
ROWS = 4_000
LEFT_OUT = {
    "D16": "needs images",
    "D18": "needs a trusted table, which no peer takes",
    "K07": "needs the user's own pipeline, which no peer takes",
    "S01": "needs the shares of the population, which no peer takes",
}
NOT_ON = {"L03": "wine_quality", "S03": "wine_quality"}  # their doses speak of two classes, of which most rows are
SETTLED = ("L01", "L06")  # first let the columns settle the class: their clean twin is that table, a plant of nothing
LENT = ("order", "group", "id", "site", "text", "comparison")


@dataclass(frozen=True)
class Case:
    """One fault in one table. ``clean`` and ``faulty`` are parts: names of files under ``folder``, content in the name.

    ``pair``: the fault is between two tables. ``same``: the faulty table has the clean one's columns.
    """

    code: str
    name: str
    table: str
    columns: tuple[str, ...]
    rows: int
    clean: str
    faulty: str
    pair: bool
    same: bool
    roles: dict[str, Any]
    folder: str

    def path(self, part: str, side: str = "whole") -> Path:
        return Path(self.folder) / f"{part}.{side}.parquet"


def codes() -> list[str]:
    return [code for code in catalogue() if code[0] in "DLKS" and code not in LEFT_OUT]


def cases(folder: Path, chosen: list[str], each: int = EACH) -> list[Case]:
    """The first ``each`` cases of the chosen codes; those made before are read again."""
    folder.mkdir(parents=True, exist_ok=True)
    out = []
    for code in chosen:
        kept = folder / f"{code}.json"
        if not kept.exists():
            made = [asdict(case) for case in make(code, folder)]
            kept.write_text(json.dumps(made), "utf-8")
        out += [Case(**{**doc, "columns": tuple(doc["columns"])}) for doc in json.loads(kept.read_text("utf-8"))[:each]]
    return out


def make(code: str, folder: Path) -> Iterator[Case]:
    """Go through the tables, starting at another one for each code, until ``EACH`` of them took the plant."""
    places = {place.name: place for place in folder_places(DATA, full=True)}
    module, first, made = catalogue()[code], codes().index(code), 0
    line = [TABLES[(first + k) % len(TABLES)] for k in range(len(TABLES))]
    for name in line:
        case = None if made == EACH or NOT_ON.get(code) == name else planted(code, module, places[name], folder)
        if case is not None:
            made += 1
            yield case


def planted(code: str, module: ModuleType, place: Place, folder: Path) -> Case | None:
    challenge = module.CHALLENGE
    needs: tuple[Need, ...] = tuple(sorted(need for need in challenge.needs if need in LENT))
    try:
        subject = ground(place, max(ROWS, challenge.promise.n), needs)
        if missing(subject, challenge.needs) or subject.table.n_rows < challenge.promise.n:
            return None
        faulty = module.plant(subject, challenge.promise.dose, subject.rng(code, "plant"))
        before = module.plant(subject, 0.0, subject.rng(code, "plant")).subject if code in SETTLED else subject
    except (AssayError, NotApplicable):
        return None
    after: Subject = faulty.subject
    order = after.roles.order.columns[0] if challenge.scope == "order" and after.roles.order is not None else None
    return Case(
        code, challenge.name, place.name, tuple(faulty.columns), 0 if faulty.rows is None else faulty.rows.total,
        write(folder, place.name, before, order), write(folder, f"{code}-{place.name}", after, order),
        bool(after.comparisons), subject.table.arrow().column_names == after.table.arrow().column_names,
        roles_of(after), str(folder),
    )  # fmt: skip


def write(folder: Path, name: str, subject: Subject, order: str | None) -> str:
    """The whole table and its two sides: those of the comparison, or halves, in time where the fault is in time."""
    if subject.comparisons:
        a, b = subject.comparisons[0].a.arrow(), subject.comparisons[0].b.arrow()
        whole = pa.concat_tables([a, b], promote_options="permissive")
    else:
        whole = subject.table.arrow()
        line = np.random.default_rng(0).permutation(whole.num_rows)
        if order == "@row":
            line = np.arange(whole.num_rows)
        elif order is not None:
            line = np.argsort(np.argsort(whole[order].to_numpy(), kind="stable"), kind="stable")
        first = line < whole.num_rows // 2
        a, b = whole.filter(pa.array(first)), whole.filter(pa.array(~first))
    digest = hashlib.blake2b(digest_size=4)
    for rows in (a, b):
        for batch in rows.to_batches():
            for column in batch.columns:
                digest.update(repr(column.to_pylist()).encode())
        digest.update(repr(rows.schema).encode())
    part = f"{name}-{digest.hexdigest()}"
    for side, rows in (("whole", whole), ("a", a), ("b", b)):
        pq.write_table(rows, folder / f"{part}.{side}.parquet")
    return part


def roles_of(subject: Subject) -> dict[str, Any]:
    """The roles that were named, not those that were guessed, with the task."""
    roles = subject.roles
    named = {r: getattr(roles, r) for r in ("target", "order", "group", "id", "site")}
    return {r: role.columns[0] for r, role in named.items() if role is not None} | {"task": roles.task}
