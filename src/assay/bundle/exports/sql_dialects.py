"""What DuckDB and Postgres say differently. A missing number is NULL in both, NaN too: both sort NaN as largest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.errors import SettingsError
from assay.core.patterns import escaped

LEADING = (
    r"^[ \t\r\n\f\v]*([+-]?(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:[eE][+-]?[0-9]+)?)"  # a number that a text begins with
)
MOST_SINGLE, LEAST_SINGLE = 3.4028235677973366e38, 7.006492321624085e-46  # beyond and below: infinite, 0 in float32


def text(value: str) -> str:
    """A text as an SQL constant."""
    return "'" + value.replace("'", "''") + "'"


@dataclass(frozen=True)
class Dialect:
    name: str
    most_columns: int  # of one level of the query
    finds: str  # how a pattern is looked for in a text
    whole: str
    first: str  # the first group of a pattern, empty or NULL where it is not there
    epoch: str
    fence: str  # keeps the engine from writing a level's expressions into the next one again and again
    numbers_as_text: bool
    spread: str  # all columns of a row that is a value
    tokens: str  # the words of a text as a list, where they are compared one by one
    dot: str  # sum of products of two lists, where the engine has it

    def number(self, value: float) -> str:
        if np.isnan(value):
            return "CAST(NULL AS FLOAT8)"
        if np.isinf(value):
            return f"CAST('{'-' if value < 0 else ''}Infinity' AS FLOAT8)"
        said = repr(float(value))
        if self.name == "postgres":
            return f"float8 '{said}'"
        return said if "e" in said else f"{said}e0"

    def pattern(self, pattern: str) -> str:
        """A pattern of ``core.patterns`` as a constant."""
        if self.name == "postgres":
            pattern = re.sub(r"\\x\{([0-9a-f]+)\}", lambda m: f"\\U{int(m[1], 16):08x}", pattern)
        return text(pattern)

    def single(self, x: str) -> str:
        """Rounded to float32, held as float8; NULL where it is infinite there, as the graph makes infinite missing."""
        made = f"CAST(CAST({x} AS FLOAT4) AS FLOAT8)"
        if self.name == "postgres":  # which refuses to round to zero
            made = f"CASE WHEN abs({x}) <= {self.number(LEAST_SINGLE)} THEN {self.number(0.0)} ELSE {made} END"
        return f"CASE WHEN abs({x}) < {self.number(MOST_SINGLE)} THEN {made} END"

    def matches(self, x: str, pattern: str) -> str:
        if self.name == "postgres":
            pattern = f"^(?:{pattern})$"
        return self.whole.format(x, self.pattern(pattern))

    def holds(self, x: str, pattern: str) -> str:
        return self.finds.format(x, self.pattern(pattern))

    def says(self, x: str, words: Sequence[Sequence[str]]) -> str:
        """Whether a text holds a word, or two side by side, in one of their spellings; x is the text, or its tokens.

        Postgres keeps 32 compiled patterns, and a model has a hundred words: there the tokens are compared.
        """
        if not self.tokens:
            inner = " +".join(f"(?:{'|'.join(escaped(w) for w in spelled)})" for spelled in words)
            return self.holds(x, f"(?:^| ){inner}(?: |$)")
        listed = [f"ARRAY[{', '.join(map(text, spelled))}]" for spelled in words]
        if len(words) == 1:
            return f"{x} && {listed[0]}"
        pairs = f"unnest({x}, {x}[2:]) AS pair(a, b)"
        return f"EXISTS (SELECT FROM {pairs} WHERE a = ANY ({listed[0]}) AND b = ANY ({listed[1]}))"

    def group(self, x: str, pattern: str) -> str:
        return self.first.format(x, self.pattern(pattern))


DIALECTS = {
    "duckdb": Dialect(
        "duckdb", 20_000, "regexp_matches({}, {})", "regexp_full_match({}, {})", "regexp_extract({}, {}, 1)",
        "epoch(CAST({} AS TIMESTAMP))", "", True, "unnest({})", "",
        "list_dot_product({}, [{}])",
    ),
    "postgres": Dialect(
        "postgres", 1_600, "{} ~ {}", "{} ~ {}", "substring({} from {})",
        "CAST(extract(epoch from CAST({} AS TIMESTAMP)) AS FLOAT8)", " OFFSET 0", False, "({}).*",
        "array_remove(string_to_array({}, ' '), '')", "",
    ),
}  # fmt: skip


def dialect_of(name: str) -> Dialect:
    """The dialect of that name.

    Raises:
        SettingsError: there is none.
    """
    if name not in DIALECTS:
        raise SettingsError(f"the dialect must be duckdb or postgres; got {name!r}")
    return DIALECTS[name]
