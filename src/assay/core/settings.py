"""Settings: ``[tool.assay]`` in pyproject.toml or ``assay.toml``; unknown keys are errors with the nearest name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

from .constraints import Constraints, read_constraints
from .errors import SettingsError, did_you_mean
from .finding import SEVERITIES, Severity
from .path import Run, Watch, read_table
from .subject import SPLITS, SplitKind


@dataclass(frozen=True, slots=True)
class Question:
    """What is decided, about whom, asked when. Every field optional; empty ones are shown as EMPTY.

    ``costs`` says in full what two numbers cannot, and counts before them: for every action, what it costs for every
    class, as in ``costs.leave = {no = 0, yes = 90}`` and ``costs.call = {no = 5, yes = -20}``; a gain is below zero,
    and the first action is doing nothing.
    """

    decides: str = ""  # what is done differently because of the answer
    about: str = ""  # whom or what a row stands for
    asked_at: str = ""  # the column that holds the moment at which the question is asked
    predict: str = ""  # mean, median, quantile:0.9, count, or ordinal (ordinal:low,mid,high); empty: mean or class
    cost_false_alarm: float | None = None  # in money or any one unit
    cost_miss: float | None = None  # in the same unit
    costs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # action -> class -> cost, gains below zero
    enough: float | None = None  # the score that would be enough
    owner: str = ""  # who answers for the decision
    forbidden: tuple[str, ...] = ()  # uses that are ruled out


@dataclass(frozen=True, slots=True)
class Ignore:
    """A finding that the team accepts: a code, the reason, and an optional expiry date (ISO)."""

    code: str  # a code, a name, or the first letters of codes
    reason: str  # printed in every report
    until: str | None = None  # the last day on which it is ignored; empty means for good


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that every row must keep, in SQL: D06 counts the rows that break it.

    The expression is one boolean DuckDB expression over columns of one row, such as ``paid <= billed`` or
    ``"end date" >= "start date"``; no statement, subquery, aggregate or window, and it can reach no file. A row for
    which it gives null (a column is empty) keeps the rule.
    """

    name: str  # how reports call it
    sql: str  # true for every row that keeps the rule
    says: str = ""  # the rule in words, printed when it is broken
    columns: tuple[str, ...] = ()  # which columns it is about; empty means those that the expression names


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that changes what a check or a fit does. Flags of the command line override the file."""

    seed: int = 0  # same seed, table and versions: same report
    budget: float = 60.0  # CPU seconds for fit, its audit included
    select: tuple[str, ...] = ()  # codes, names or first letters that are run; empty means all
    ignore: tuple[Ignore, ...] = ()  # findings that are accepted, each with its reason
    fail_on: Literal["critical", "warning", "advice", "never"] = "critical"  # severity from which the exit code is 1
    level: float = 0.05  # false discovery rate of the whole report
    split: SplitKind | Literal[""] = ""  # what parts rows: column, time, group, site, random; empty: the roles
    coverage_by: str = ""  # column by whose groups prediction sets keep their coverage; empty: by class alone
    max_latency: float = 0.0  # microseconds for one row that the model may take; 0: no limit
    max_size: float = 5.0  # MB that the graph of the model may take in its file; 0: no limit
    co2: float = 0.0  # grams of CO2 per kWh of your electricity; 0: not declared, and no grams are written
    watts: float = 0.0  # of one busy core, where the machine has no meter; 0: not declared, and no energy is written
    runs: str = ""  # a ledger (runs.jsonl) that every fit adds one line to; empty: none
    registry: str = ""  # folder or postgresql:// address of the registry; empty: $ASSAY_REGISTRY, else .assay/registry
    sample_rows: int = 50_000  # rows in memory for what cannot be a scan
    checks: tuple[str, ...] = ()  # the team's own checks, as files beside the settings: "checks/*.py"
    personal: tuple[str, ...] = ()  # columns that hold data on persons: logs of the service leave them out
    rules: tuple[Rule, ...] = ()  # what every row must keep, in SQL, below
    severity: Mapping[str, Severity] = field(default_factory=dict)  # code -> severity, where the team sees it otherwise
    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # code -> name -> what matters
    roles: Mapping[str, Any] = field(default_factory=dict)  # role -> column or columns, as --role says them
    question: Question = field(default_factory=Question)  # a table of its own, below
    constraints: Constraints = field(default_factory=Constraints)  # what a model must keep to; a table of its own
    run: Run = field(default_factory=Run)  # what assay run makes of which table; a table of its own
    watch: Watch = field(default_factory=Watch)  # what is agreed on for the time after; a table of its own

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def of_evidence(self) -> dict[str, Any]:
        """What reports and dossiers keep: places are left out, which may be addresses with passwords."""
        return {k: v for k, v in self.to_json().items() if k not in PLACES}


PLACES = frozenset({"registry", "run"})  # where things lie and go, not what is done with them


def read_settings(folder: Path, base: Settings | None = None) -> Settings:
    """Read ``assay.toml``, else ``[tool.assay]`` of ``pyproject.toml``, in ``folder``.

    Raises:
        SettingsError: malformed TOML, an unknown key, or a value of the wrong type.
    """
    base = base or Settings()
    for path, keys in ((folder / "assay.toml", ()), (folder / "pyproject.toml", ("tool", "assay"))):
        if not path.is_file():
            continue
        try:
            doc: Any = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise SettingsError(f"{path.name} must be readable TOML, but {error}") from None
        for key in keys:
            doc = doc.get(key, {}) if isinstance(doc, Mapping) else {}
        if doc:
            return settings_from(doc, base, path.name)
    return base


def settings_from(doc: Mapping[str, Any], base: Settings, source: str = "settings") -> Settings:
    """Apply a mapping of settings (as read from TOML) to ``base``; see ``Settings`` for the keys."""
    known = {f.name for f in fields(Settings)}
    changes: dict[str, Any] = {}
    for key, value in doc.items():
        name = key.replace("-", "_")
        if name not in known:
            raise SettingsError(f"{source}: unknown setting {key!r}{did_you_mean(name, known)}")
        if name == "question":
            value = _question(value, source)
        elif name == "constraints":
            value = read_constraints(value, source)
        elif name in ("run", "watch"):
            value = read_table(Run, value, source) if name == "run" else read_table(Watch, value, source)
        elif name == "ignore":
            value = tuple(_ignore(item, source) for item in value)
        elif name == "rules":
            value = _rules(value, source)
        elif name == "severity":
            for code, level in value.items():
                if level not in SEVERITIES:
                    choices = ", ".join(SEVERITIES)
                    raise SettingsError(f"{source}: severity of {code} must be one of {choices}; got {level!r}")
        elif name == "split" and value not in ("", *SPLITS):
            raise SettingsError(
                f"{source}: split must be {', '.join(SPLITS[:-1])} or {SPLITS[-1]}; got {value!r}"
                f"{did_you_mean(str(value), SPLITS)}"
            )
        elif isinstance(getattr(base, name), tuple):
            value = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        elif isinstance(getattr(base, name), float) and isinstance(value, (int, float)):
            value = float(value)
        if not isinstance(value, type(getattr(base, name))) and not isinstance(value, Mapping):
            expected = type(getattr(base, name)).__name__
            raise SettingsError(f"{source}: {key} must be of type {expected}; got {value!r}")
        changes[name] = value
    return replace(base, **changes)


def _question(value: Mapping[str, Any], source: str) -> Question:
    known = {f.name for f in fields(Question)}
    for key in value:
        if key.replace("-", "_") not in known:
            raise SettingsError(f"{source}: unknown key {key!r} in [question]{did_you_mean(key, known)}")
    clean: dict[str, Any] = {k.replace("-", "_"): tuple(v) if isinstance(v, list) else v for k, v in value.items()}
    costs = clean.get("costs", {})
    rows = list(costs.values()) if isinstance(costs, Mapping) else [costs]
    if not all(isinstance(row, Mapping) and all(type(v) in (int, float) for v in row.values()) for row in rows):
        raise SettingsError(
            f"{source}: costs must give a number for every action and class, as in costs.call = {{no = 5, yes = -20}}; "
            f"got {costs!r}"
        )
    return Question(**clean)


def _rules(value: Any, source: str) -> tuple[Rule, ...]:
    known = tuple(f.name for f in fields(Rule))
    out: list[Rule] = []
    for item in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(item, Rule):
            out.append(item)
            continue
        if (
            not isinstance(item, Mapping)
            or not isinstance(item.get("name"), str)
            or not isinstance(item.get("sql"), str)
        ):
            raise SettingsError(f"{source}: a rule needs name and sql, both text; got {item!r}")
        for key in item:
            if key not in known:
                raise SettingsError(f"{source}: unknown key {key!r} in rule {item['name']!r}{did_you_mean(key, known)}")
        columns = item.get("columns", ())
        columns = (columns,) if isinstance(columns, str) else tuple(columns)
        out.append(Rule(item["name"], item["sql"], str(item.get("says", "")), columns))
    names = [rule.name for rule in out]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise SettingsError(f"{source}: every rule needs a name of its own; {twice[0]!r} is given twice")
    return tuple(out)


def _ignore(item: Any, source: str) -> Ignore:
    if isinstance(item, str):
        return Ignore(item, "no reason given")
    try:
        rule = Ignore(item["code"], item["reason"], str(item["until"]) if "until" in item else None)
    except (KeyError, TypeError):
        raise SettingsError(f"{source}: an ignore needs code and reason; got {item!r}") from None
    try:
        date.fromisoformat(rule.until or "2000-01-01")
    except ValueError:
        raise SettingsError(f"{source}: until must be a date such as 2027-01-31; got {rule.until!r}") from None
    return rule
