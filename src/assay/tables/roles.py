"""Roles: the user's word first, careful guesses after it, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from assay.core.errors import RoleError, did_you_mean
from assay.core.subject import Role, Roles, Task
from assay.core.table import Ask, Column, Table
from assay.core.words import text_of

from .partition_column import parts_said

ROLE_KEYS = (
    "target", "positive", "order", "time", "group", "id", "protected", "weight", "split", "site",
    "asked_at", "known", "unknown", "task",
)  # fmt: skip
CLASSES_AT_MOST = 20  # numbers with more distinct values are a regression
_WHO = (
    r"(patient|customer|client|user|person|subject|member|account|household|device|machine|vehicle|student|employee|"
    r"donor|player|driver|visitor|session|tail(?=_?(id|nbr|no|num))|aircraft|plane|participant|speaker|author|borrower)"
)
_ENTITY = _WHO + r"(_?(id|ids|nbr|no|num|number|key|code))?"
_NUMBERED = _WHO + r"_?(id|ids|nbr|no|num|number|key|code)"
_THING = (  # told apart by number or code; too wide to be guessed as a group
    r"(.*_)?(usubjid|subjid|(child|pupil|school|class|case|family|firm|company|plot|tree|animal|team|store|product|item|"
    r"order|hh|district|county|state|country|village|poll|question|visit|record)_?(id|idno|no|nr|nbr|num|number)|idno)"
)
_KEY_NAME = r"(.*_)?(id|ids|pid|uid|uuid|guid|key|idx|index|nbr|number|no|instant|order|row|rownum|record)"
_SITE = r"(site|hospital|center|centre|clinic|facility|lab|laboratory|institution)(_?(id|name|code))?"
_WEIGHT = ("fnlwgt", "sample_weight", "sampling_weight", "survey_weight", "weights", "case_weight")
_SPLIT = {"train", "test", "valid", "validation", "val", "dev", "training", "testing", "holdout"}
_PROTECTED = {
    "sex", "gender", "race", "ethnicity", "ethnic_group", "age", "age_cat", "age_group", "religion", "nationality",
    "native_country", "marital", "marital_status", "disability", "disabled", "pregnant", "foreign_worker",
    "senior_citizen", "personal_status_sex", "sexual_orientation",
}  # fmt: skip
_YES = {"true": "false", "1": "0 -1", "yes": "no", "y": "n", "t": "f", "positive": "negative", "pos": "neg"}


def snake(name: str) -> str:
    """A column name in lower case with underscores: ``SeniorCitizen`` and ``native-country`` alike."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.strip())
    return re.sub(r"[^0-9a-zA-Z]+", "_", split).strip("_").lower()


def _is(pattern: str, name: str) -> bool:
    return re.fullmatch(pattern, snake(name)) is not None


def key_columns(table: Table) -> tuple[str, ...]:
    """Columns that are unique in every row and shaped like a key: a whole run of numbers, or a key's name."""
    if table.n_rows < 2:
        return ()
    likely = [
        c for c in table.columns
        if (c.storage == "BIGINT" and c.kind == "number") or (c.storage == "VARCHAR" and c.kind in ("text", "category"))
    ]  # fmt: skip
    facts = table.facts([Ask(f, (c.name,)) for c in likely for f in ("distinct", "range")])
    out = []
    for c in likely:
        found = facts[Ask("distinct", (c.name,))]
        if not found.exact or found.n != table.n_rows:
            continue
        span = facts[Ask("range", (c.name,))]
        run = span is not None and span.hi - span.lo == table.n_rows - 1 and not are_years(c.name, span.lo, span.hi)
        if (run and table.n_rows >= 20) or _is(_KEY_NAME, c.name) or _is(_ENTITY, c.name):
            out.append(c.name)
    return tuple(sorted(out))


def names_things(name: str) -> bool:
    """A column named for a key of persons, things or records (poll_id, childid; USUBJID, as CDISC SDTM has it): its
    values are names, even where they are numbers, and measure nothing."""
    return any(_is(pattern, name) for pattern in (_NUMBERED, _ID, _THING))


def are_years(name: str, lo: float, hi: float) -> bool:
    """A column named for the year, with numbers that can be years: one row a year makes it a clock and no key."""
    return bool(set(snake(name).split("_")) & {"year", "yr"}) and 1000 <= lo <= hi <= 2200


def guess_roles(table: Table, user: Mapping[str, Any] | None = None) -> Roles:
    """Roles from the user's word, and guesses for what was not said.

    Args:
        table: the table.
        user: role -> column or columns. Keys: target, positive, task, order (or time; ``"@row"`` allowed), group, id,
            protected, weight, split, site, asked_at, known, unknown. An empty value switches the guess off.

    Raises:
        RoleError: a column is missing or unfit for its role; one sentence.
    """
    said = _read(table, user or {})
    out: dict[str, Any] = {}
    if said.get("target"):
        out.update(_target(table, said["target"][0], _one(said, "positive"), _one(said, "task")))
    elif said.get("positive"):
        raise RoleError("a positive class needs a target: name the target column")
    taken = set(said.get("target", ()))
    for role in ("order", "group", "id", "protected", "weight", "split", "site"):
        if said.get(role):
            _fit(table, role, said[role])
            out[role] = Role(said[role], "user", "given")
            taken |= set(said[role])
    for role, find in _GUESSES:
        if role not in said:
            free = [c for c in table.columns if c.name not in taken]
            guessed = find(table, free)
            if guessed is not None:
                out[role] = guessed
                if role != "protected":
                    taken |= set(guessed.columns)
    out["asked_at"] = _one(said, "asked_at")
    out["known"], out["unknown"] = said.get("known", ()), said.get("unknown", ())
    return Roles(**out)


def _one(said: Mapping[str, tuple[str, ...]], key: str) -> Any:
    return said[key][0] if said.get(key) else None


def _read(table: Table, user: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    names = [c.name for c in table.columns]
    out: dict[str, tuple[str, ...]] = {}
    for raw, value in user.items():
        key = str(raw).replace("-", "_")
        if key not in ROLE_KEYS:
            raise RoleError(f"there is no role {raw!r}{did_you_mean(str(raw), ROLE_KEYS)}")
        role = "order" if key == "time" else key
        listed = (
            [value] if isinstance(value, str) or not isinstance(value, (list, tuple, set, frozenset)) else list(value)
        )
        columns: list[str] = []
        for item in listed:
            if item is None or item == "":
                continue
            text = text_of(item) or ""
            if role in ("positive", "task"):
                columns.append(text)
                continue
            parts = [text] if text in names or text == "@row" else [p.strip() for p in text.split(",") if p.strip()]
            for part in parts:
                if part != "@row" and part not in names:
                    raise RoleError(
                        f"{table.name} has no column {part!r} for the role {role}{did_you_mean(part, names)}"
                    )
                columns.append(part)
        if "@row" in columns and role != "order":
            raise RoleError(f"@row is a time order, not a column; it cannot be the {role}")
        if role in ("target", "order", "positive", "weight", "split", "site", "asked_at", "task") and len(columns) > 1:
            raise RoleError(f"the role {role} takes one column; got {', '.join(columns)}")
        out[role] = tuple(columns)
    return out


def _target(table: Table, name: str, positive: str | None, task: str | None) -> dict[str, Any]:
    column = table.column(name)
    if table.n_rows == 0:
        raise RoleError(f"{table.name} has no rows, so the target {name} cannot be learned")
    holes, distinct = Ask("holes", (name,)), Ask("distinct", (name,))
    facts = table.facts([holes, distinct])
    known = facts[holes].rows - facts[holes].n
    kinds = facts[distinct].n
    if known == 0:
        raise RoleError(f"the target {name} is empty in all {facts[holes].rows:,} rows; name a column with values")
    if column.kind == "date":
        raise RoleError(f"the target {name} holds dates; name a column of classes or numbers")
    numeric = column.kind in ("number", "clock")
    if kinds == 1:
        value = table.facts([Ask("top", (name,), (), (1,))])[Ask("top", (name,), (), (1,))][0][0]
        raise RoleError(
            f"the target {name} has one value ({text_of(value)}) in all {known:,} rows; nothing can be learned"
        )
    regression = (numeric and kinds > CLASSES_AT_MOST) if task is None else task == "regression"
    if task is not None and task not in ("binary", "multiclass", "regression"):
        raise RoleError(f"a task is binary, multiclass or regression; got {task}")
    if regression and not numeric and column.kind != "bool":
        raise RoleError(f"the target {name} holds text; a regression needs numbers")
    if not regression and kinds > max(CLASSES_AT_MOST, min(1000, known // 2)):
        raise RoleError(
            f"the target {name} has {kinds:,} different values in {known:,} rows; "
            "name a column with fewer classes, or of numbers"
        )
    role = Role((name,), "user", "given")
    if regression:
        return {"target": role, "task": "regression"}
    ask = Ask("top", (name,), (), (kinds + 1,))
    counts = [(text_of(v) or "", n) for v, n in table.facts([ask])[ask]]
    classes = tuple(sorted(c for c, _ in counts))
    solved: Task = "binary" if len(classes) == 2 else "multiclass"
    if task is not None and task != solved:
        raise RoleError(f"the target {name} has {len(classes)} classes, so its task is {solved}; got {task}")
    if positive is not None and positive not in classes:
        shown = ", ".join(classes[:6])
        raise RoleError(
            f"the target {name} has no class {positive!r}{did_you_mean(positive, classes)} (it has {shown})"
        )
    if positive is None and solved == "binary":
        positive = _positive(counts)
    return {"target": role, "task": solved, "classes": classes, "positive": positive}


def _positive(counts: Sequence[tuple[str, int]]) -> str:
    """True, 1 or yes where there is one; else the rarer class, ties by text."""
    plain = {name.strip(" '\".").casefold(): name for name, _ in counts}
    for word, against in _YES.items():
        if word in plain and any(other in plain for other in against.split()):
            return plain[word]
    return min(counts, key=lambda c: (c[1], c[0]))[0]


def _fit(table: Table, role: str, columns: tuple[str, ...]) -> None:
    for name in columns:
        if name == "@row":
            continue
        column = table.column(name)
        if role == "order" and column.kind not in ("date", "number", "clock"):
            raise RoleError(f"the time column {name} must hold dates or numbers; it holds {column.kind} values")
        if role == "weight" and column.kind != "number":
            raise RoleError(f"the weight column {name} must hold numbers; it holds {column.kind} values")
        if role in ("order", "group", "split", "site"):
            distinct = table.facts([Ask("distinct", (name,))])[Ask("distinct", (name,))].n
            if distinct < 2 and table.n_rows > 1:
                what = "no value" if distinct == 0 else "one value"
                raise RoleError(f"the column {name} has {what} in all rows, so it cannot be the {role}")


def _distincts(table: Table, columns: Iterable[Column]) -> dict[str, int]:
    asks = {c.name: Ask("distinct", (c.name,)) for c in columns}
    facts = table.facts(list(asks.values()))
    return {name: facts[ask].n for name, ask in asks.items()}


def _order(table: Table, free: Sequence[Column]) -> Role | None:
    dates = [c for c in free if c.kind == "date" and not re.search(r"birth|dob", snake(c.name))]
    asks = [Ask(f, (c.name,)) for c in dates for f in ("holes", "distinct", "moments")]
    facts = table.facts(asks)
    found = []
    for c in dates:
        holes, distinct = facts[Ask("holes", (c.name,))], facts[Ask("distinct", (c.name,))]
        if holes.n <= 0.01 * holes.rows and distinct.n >= 10:
            found.append((facts[Ask("moments", (c.name,))].mean, c.name))
    if not found:
        return None
    name = min(found)[1]
    if len(found) == 1:
        why = "the only column of dates" if len(dates) == 1 else "the only column of dates that is always filled"
    else:
        why = f"the earliest of {len(found)} columns of dates that are always filled"
    return Role((name,), "guess", why)


def _group(table: Table, free: Sequence[Column]) -> Role | None:
    likely = [
        c for c in free
        if c.kind in ("category", "text", "number") and c.storage != "DOUBLE"
        and (_is(_ENTITY, c.name) or _is(_ID, c.name))
    ]  # fmt: skip
    found = []
    for name, distinct in _distincts(table, likely).items():
        entity = _is(_ENTITY, name)
        least = max(10, 0.001 * table.n_rows) if entity else max(50, 0.02 * table.n_rows)
        if least <= distinct <= 0.98 * table.n_rows:
            found.append((entity, distinct, name))
    if not found:
        return None
    entity, distinct, name = max(found, key=lambda f: (f[0], f[1], f[2]))
    return Role((name,), "guess", f"a name of a key, with {distinct:,} values in {table.n_rows:,} rows")


_ID = r"(.*_)?(id|uid|uuid|guid)"


def _id(table: Table, free: Sequence[Column]) -> Role | None:
    names = {c.name for c in free}
    found = tuple(c for c in key_columns(table) if c in names)
    return Role(found, "guess", "different in every row and shaped like a key") if found else None


def _weight(table: Table, free: Sequence[Column]) -> Role | None:
    likely = [c for c in free if c.kind == "number" and snake(c.name) in _WEIGHT]
    for c in likely:
        facts = table.facts([Ask("range", (c.name,)), Ask("distinct", (c.name,))])
        span = facts[Ask("range", (c.name,))]
        if span is not None and span.lo > 0 and facts[Ask("distinct", (c.name,))].n > CLASSES_AT_MOST:
            return Role((c.name,), "guess", "the name of a sampling weight, all positive")
    return None


def _split(table: Table, free: Sequence[Column]) -> Role | None:
    likely = [c for c in free if c.kind == "category"]
    few = [name for name, n in _distincts(table, likely).items() if 2 <= n <= 4]
    for name in sorted(few):
        ask = Ask("top", (name,), (), (5,))
        values = {str(v).strip().casefold() for v, _ in table.facts([ask])[ask]}
        if values <= _SPLIT and parts_said(name, sorted(values)) is not None:
            return Role((name,), "guess", f"its values are {', '.join(sorted(values))}")
    return None


def _site(table: Table, free: Sequence[Column]) -> Role | None:
    likely = [c for c in free if c.kind in ("category", "number") and _is(_SITE, c.name)]
    found = [name for name, n in _distincts(table, likely).items() if 2 <= n <= 50]
    return Role((min(found),), "guess", "the name of a place where rows come from") if found else None


def _protected(table: Table, free: Sequence[Column]) -> Role | None:
    found = tuple(sorted(c.name for c in free if snake(c.name) in _PROTECTED))
    return Role(found, "guess", "names of attributes that law protects") if found else None


_Role = Literal["order", "id", "group", "weight", "split", "site", "protected"]
_GUESSES: tuple[tuple[_Role, Any], ...] = (
    ("order", _order), ("id", _id), ("split", _split), ("weight", _weight), ("site", _site), ("group", _group),
    ("protected", _protected),
)  # fmt: skip
