"""What a team promised about its columns: the file that ``assay schema infer`` writes, and D06 and O04 read.

    {
      "schema": "assay-contract-1",
      "says": "...",                       free text
      "rows": 48842,                       how many rows it was read off
      "margin": 0.0,                       by which share of its width every range may be passed before it is broken
      "columns": {
        "age": {
          "kind": "number",                number, category, text, date, clock, bool or mixed
          "nullable": false,               true: may be empty
          "range": [17, 90],               both ends inside; either may be null
          "margin": 0.1,                   of this range alone
          "categories": ["a", "b"],        no other value
          "unique": true                   no value twice
        }
      },
      "rules": [
        {"name": "...", "sql": "paid <= billed", "says": "..."},          true in every row (see core.settings.Rule)
        {"name": "...", "determines": ["zip code", "city"], "says": ""}   the last is settled by those before it
      ]
    }

Everything but ``schema`` may be left out; what is left out is not promised. Columns of the table that the contract does
not name are free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from .errors import SettingsError, did_you_mean
from .table import Kind

SCHEMA = "assay-contract-1"
TOP = ("schema", "says", "rows", "margin", "columns", "rules")
OF_COLUMN = ("kind", "nullable", "range", "margin", "categories", "unique", "says")
OF_RULE = ("name", "sql", "determines", "says")


@dataclass(frozen=True, slots=True)
class Promise:
    """What holds of one column. ``lo`` and ``hi`` are the ends as written; ``margin`` widens them."""

    column: str
    kind: Kind | None = None
    nullable: bool = True
    lo: float | None = None
    hi: float | None = None
    margin: float = 0.0
    categories: tuple[str | float | bool, ...] | None = None
    unique: bool = False

    def ends(self) -> tuple[float | None, float | None]:
        """The range with its margin: a share of its width on either side."""
        if self.lo is None or self.hi is None:
            return self.lo, self.hi
        more = self.margin * (self.hi - self.lo)
        return self.lo - more, self.hi + more


@dataclass(frozen=True, slots=True)
class Promised:
    """A rule between columns: an expression (``sql``), or columns of which the last is settled by the others."""

    name: str
    sql: str | None = None
    determines: tuple[str, ...] = ()
    says: str = ""


@dataclass(frozen=True, slots=True)
class Contract:
    columns: Mapping[str, Promise] = field(default_factory=dict)
    rules: tuple[Promised, ...] = ()
    rows: int = 0
    says: str = ""
    margin: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA, "says": self.says, "rows": self.rows, "margin": self.margin,
            "columns": {name: _column_json(p, self.margin) for name, p in self.columns.items()},
            "rules": [_rule_json(r) for r in self.rules],
        }  # fmt: skip

    @staticmethod
    def from_json(doc: Any, source: str = "the contract") -> Contract:
        """Read what ``to_json`` wrote, or somebody edited.

        Raises:
            SettingsError: another schema, an unknown key, or a value of the wrong type; one sentence.
        """
        if not isinstance(doc, Mapping) or doc.get("schema") != SCHEMA:
            got = doc.get("schema") if isinstance(doc, Mapping) else type(doc).__name__
            raise SettingsError(f"{source} must be a contract of schema {SCHEMA}; got {got!r}")
        _known(doc, TOP, source)
        margin = _number(doc.get("margin", 0.0), f"{source}: margin")
        columns = _mapping(doc.get("columns", {}), f"{source}: columns")
        promises = {str(c): _promise(str(c), p, margin or 0.0, source) for c, p in columns.items()}
        rules = doc.get("rules", [])
        if not isinstance(rules, list):
            raise SettingsError(f"{source}: rules must be a list; got {rules!r}")
        read = tuple(_rule(r, source) for r in rules)
        rows = doc.get("rows", 0)
        return Contract(promises, read, rows if isinstance(rows, int) else 0, str(doc.get("says", "")), margin or 0.0)


def _column_json(p: Promise, margin: float) -> dict[str, Any]:
    out: dict[str, Any] = {} if p.kind is None else {"kind": p.kind}
    out["nullable"] = p.nullable
    if p.lo is not None or p.hi is not None:
        out["range"] = [_plain(p.lo), _plain(p.hi)]
    if p.margin != margin:
        out["margin"] = p.margin
    if p.categories is not None:
        out["categories"] = list(p.categories)
    if p.unique:
        out["unique"] = True
    return out


def _plain(x: float | None) -> float | int | None:
    return int(x) if x is not None and float(x).is_integer() and abs(x) < 2**53 else x


def _rule_json(r: Promised) -> dict[str, Any]:
    how = {"sql": r.sql} if r.sql is not None else {"determines": list(r.determines)}
    return {"name": r.name, **how, "says": r.says}


def _promise(column: str, doc: Any, margin: float, source: str) -> Promise:
    at = f"{source}: column {column!r}"
    doc = _mapping(doc, at)
    _known(doc, OF_COLUMN, at)
    kind = doc.get("kind")
    if kind is not None and kind not in get_args(Kind):
        raise SettingsError(f"{at}: kind must be one of {', '.join(get_args(Kind))}; got {kind!r}")
    for key in ("nullable", "unique"):
        if not isinstance(doc.get(key, False), bool):
            raise SettingsError(f"{at}: {key} must be true or false; got {doc[key]!r}")
    span = doc.get("range", [None, None])
    if not isinstance(span, (list, tuple)) or len(span) != 2:
        raise SettingsError(f"{at}: range must be [lowest, highest]; got {span!r}")
    lo, hi = (_number(v, f"{at}: range") for v in span)
    if lo is not None and hi is not None and lo > hi:
        raise SettingsError(f"{at}: range must go from low to high; got {span!r}")
    own = _number(doc.get("margin", margin), f"{at}: margin") or 0.0
    categories = doc.get("categories")
    if categories is not None and (
        not isinstance(categories, (list, tuple)) or not all(isinstance(v, (str, int, float)) for v in categories)
    ):
        raise SettingsError(f"{at}: categories must be a list of texts or numbers; got {categories!r}")
    return Promise(
        column, kind, bool(doc.get("nullable", True)), lo, hi, own, None if categories is None else tuple(categories),
        bool(doc.get("unique", False)),
    )  # fmt: skip


def _rule(doc: Any, source: str) -> Promised:
    doc = _mapping(doc, f"{source}: a rule")
    _known(doc, OF_RULE, f"{source}: rule {doc.get('name')!r}")
    name, sql, columns = doc.get("name"), doc.get("sql"), doc.get("determines")
    if not isinstance(name, str) or (sql is None) == (columns is None):
        raise SettingsError(f"{source}: a rule needs a name, and either sql or determines; got {dict(doc)!r}")
    if sql is not None and not isinstance(sql, str):
        raise SettingsError(f"{source}: rule {name!r}: sql must be text; got {sql!r}")
    if columns is not None and (
        not isinstance(columns, (list, tuple)) or len(columns) < 2 or not all(isinstance(c, str) for c in columns)
    ):
        raise SettingsError(f"{source}: rule {name!r}: determines must be two or more columns; got {columns!r}")
    return Promised(name, sql, tuple(columns or ()), str(doc.get("says", "")))


def _mapping(value: Any, at: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{at} must be a mapping; got {value!r}")
    return value


def _known(doc: Mapping[str, Any], names: tuple[str, ...], at: str) -> None:
    for key in doc:
        if key not in names:
            raise SettingsError(f"{at}: unknown key {key!r}{did_you_mean(str(key), names)}")


def _number(value: Any, at: str) -> float | None:
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and value == value):
        return None if value is None else float(value)
    raise SettingsError(f"{at} must be a number; got {value!r}")
