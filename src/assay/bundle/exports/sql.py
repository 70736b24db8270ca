"""The model as one SELECT: prediction, probabilities and set for every row of a table with the raw columns.

The graph's nodes become expressions, level by level: what is used more than once is a column of a level and what is
used once stands inside its user. Plain SQL, no extension; for DuckDB and Postgres.
"""

from __future__ import annotations

import re

from assay.bundle.layout import name_from
from assay.bundle.model import Model
from assay.core.errors import SettingsError

from .program import read_program
from .sql_dialects import dialect_of
from .sql_steps import Writer

MOST_TEXT = 16 << 20  # bytes of SQL; parsers take seconds and a gigabyte for more


def to_sql(model: Model, dialect: str = "duckdb", table: str = "rows") -> str:
    """The SELECT; ``table`` is the name of a table or view, perhaps with a schema (``shop.orders``).

    The result has the table's own columns, then prediction, p_<class> and set_<class>, or set_low and set_high.

    Raises:
        SettingsError: another dialect, no name of a table, or a model that is too large for SQL or needs what the
            dialect does not have.
    """
    if not re.fullmatch(r'(?:[A-Za-z_]\w*|"[^"]+")(?:\.(?:[A-Za-z_]\w*|"[^"]+"))*', table):
        raise SettingsError(f'a table must be named as SQL names it, such as shop.orders or "my table"; got {table!r}')
    made = Writer(read_program(model), model, dialect_of(dialect)).select(table)
    if len(made) > MOST_TEXT:
        raise SettingsError(
            f"the model makes {len(made) >> 20} MB of SQL, more than an engine should parse ({MOST_TEXT >> 20}): "
            "score the rows with assay predict, which reads and writes databases too"
        )
    return made


def files(model: Model, dialect: str = "duckdb", table: str = "rows") -> dict[str, bytes]:
    """``<name>.<dialect>.sql``."""
    name = name_from(str(model.manifest.get("name") or "model"))
    return {f"{name}.{dialect}.sql": to_sql(model, dialect, table).encode()}
