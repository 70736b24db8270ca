"""From what was asked and answered to the blocks of the log. Runs in the writer's thread, off the request's path."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Literal

from assay.core.errors import SettingsError, did_you_mean
from assay.log.block import encode
from assay.log.file import Block

Rows = Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]]
Personal = Mapping[str, Literal["drop", "hash"]]
WITHHELD = "not kept: the column is personal"
MOST_ID = 256  # characters
SERVED, ELSEWHERE = "served", "elsewhere"


@dataclass(slots=True)
class Entry:
    """One request: rows as asked (records or columns), one output a row as ``/predict`` answers it, and more a row."""

    sequence: int
    at: float
    request_id: str
    caller: str
    rows: Rows
    outputs: Sequence[Mapping[str, Any]]
    model: str
    ids: Sequence[Any] | None = None
    shadow: Sequence[Mapping[str, Any]] | None = None
    shadow_model: str = ""
    source: str = SERVED
    columns: Sequence[str] | None = None  # those of the model that answered

    def __len__(self) -> int:
        return len(self.outputs)


@dataclass(frozen=True, slots=True)
class Kept:
    """Which columns are kept and how: all that come where ``columns`` is None; personal ones dropped or hashed."""

    columns: tuple[str, ...] | None
    personal: dict[str, Literal["drop", "hash"]]
    salt: bytes
    seen: dict[int, tuple[Sequence[str], tuple[str, ...]]] = field(default_factory=dict)  # by identity of the columns

    def learn(self, schema: Mapping[str, Any]) -> None:
        """Leave out from now on what the schema of a further model flags; what was named counts before."""
        for name in personal_of(schema):
            self.personal.setdefault(name, "drop")
        self.seen.clear()

    def of(self, name: str, values: Sequence[Any]) -> Sequence[Any]:
        return [self.hashed(v) for v in values] if name in self.personal else values

    def hashed(self, value: Any) -> str | None:
        """HMAC-SHA256 under the log's own salt, 16 hex digits: equal values stay equal, and are not read back."""
        if value is None:
            return None
        return hmac.new(self.salt, str(value).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:16]

    def names(self, entry: Entry) -> tuple[str, ...]:
        """The columns that are kept of these rows."""
        named = entry.columns if entry.columns is not None else self.columns
        if named is None:
            return self._without_dropped(names_of(entry.rows))
        known = self.seen.get(id(named))
        if known is None or known[0] is not named:
            if len(self.seen) > 100:
                self.seen.clear()
            known = self.seen[id(named)] = (named, self._without_dropped(named))
        return known[1]

    def _without_dropped(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(n for n in names if self.personal.get(n) != "drop")


def personal_of(schema: Mapping[str, Any], without: Sequence[str] = (), hashed: Sequence[str] = ()) -> Personal:
    """What is done with personal columns: those that schema.json flags (``personal``: true) are left out, those that
    are named are left out or hashed; what is named counts before the flag.

    Raises:
        SettingsError: a column is named that the model does not have, or named twice.
    """
    about = schema.get("x-assay", {}).get("columns", {})
    for name in (*without, *hashed):
        if name not in about:
            raise SettingsError(f"--log-without and --log-hashed name columns of the model{did_you_mean(name, about)}")
    if both := set(without) & set(hashed):
        raise SettingsError(f"{min(both)!r} is named by --log-without and by --log-hashed; choose one")
    out: dict[str, Literal["drop", "hash"]] = {n: "drop" for n, c in about.items() if c.get("personal") is True}
    out |= dict.fromkeys(without, "drop")
    return out | dict.fromkeys(hashed, "hash")


def ids_of(rows: Rows, column: str) -> list[str | None] | None:
    """The caller's own ids, from a column that need not be one of the model; None where there is none."""
    if not column:
        return None
    if isinstance(rows, Mapping):
        found = rows.get(column)
        return None if found is None else [None if v is None else str(v)[:MOST_ID] for v in found]
    values = [row.get(column) for row in rows]
    return [None if v is None or isinstance(v, (dict, list)) else str(v)[:MOST_ID] for v in values]


def names_of(rows: Rows) -> tuple[str, ...]:
    return tuple(rows) if isinstance(rows, Mapping) else tuple(dict.fromkeys(k for r in rows for k in r))


def blocks_of(entries: Sequence[Entry], kept: Kept, pause: Callable[[], object] = int) -> list[Block]:
    """One block for each model, source and set of columns among the entries; ``pause`` is called after each column."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.model, entry.source, kept.names(entry)), []).append(entry)
    return [_block(model, source, names, own, kept, pause) for (model, source, names), own in groups.items()]


def _block(
    model: str, source: str, names: tuple[str, ...], entries: Sequence[Entry], kept: Kept, pause: Callable[[], object]
) -> Block:
    outputs = [o for e in entries for o in e.outputs]
    columns = {name: kept.of(name, values) for name, values in _columns(entries, names).items()}
    pause()
    answers = _answers(outputs, "", kept.personal)
    pause()
    if any(e.ids is not None for e in entries):
        answers["id"] = [i for e in entries for i in _or_none(e.ids, e)]
    if any(e.shadow is not None for e in entries):
        answers |= _answers([s for e in entries for s in _or_none(e.shadow, e)], "shadow:")
        answers["shadow:model"] = [e.shadow_model for e in entries for _ in e.outputs]
    requests = encode(
        {
            "sequence": [e.sequence for e in entries],
            "at": [float(e.at) for e in entries],
            "request_id": [e.request_id for e in entries],
            "caller": [e.caller for e in entries],
            "rows": [len(e.outputs) for e in entries],
        },
        len(entries),
        pause,
    )
    answered = len(requests).to_bytes(4, "little") + requests + encode(answers, len(outputs), pause)
    since, until = min(e.at for e in entries), max(e.at for e in entries)
    return (
        entries[0].sequence, entries[-1].sequence, len(entries), len(outputs), since, until, source, model,
        encode(columns, len(outputs), pause), answered,
    )  # fmt: skip


def _or_none(values: Sequence[Any] | None, entry: Entry) -> Sequence[Any]:
    return values if values is not None else [None] * len(entry.outputs)


def _columns(entries: Sequence[Entry], names: tuple[str, ...]) -> dict[str, Sequence[Any]]:
    if not names:
        return {}
    out: dict[str, list[Any]] = {n: [] for n in names}
    records: list[Mapping[str, Any]] = []

    def flush() -> None:
        if not records:
            return
        try:
            get: Callable[[Mapping[str, Any]], Any] = itemgetter(*names)
            found = list(zip(*map(get, records), strict=True)) if len(names) > 1 else [tuple(map(get, records))]
        except KeyError:
            found = [tuple(r.get(n) for r in records) for n in names]
        for name, values in zip(names, found, strict=True):
            out[name].extend(values)
        records.clear()

    for entry in entries:
        if isinstance(entry.rows, Mapping):
            flush()
            for name in names:
                values: Any = entry.rows.get(name)
                values = values.tolist() if hasattr(values, "tolist") else values
                out[name].extend([None] * len(entry.outputs) if values is None else values)
        else:
            records.extend(entry.rows)
    flush()
    rows = sum(map(len, entries))
    if any(len(values) != rows for values in out.values()):
        raise ValueError("rows and outputs differ in number")
    return dict(out)


def _answers(
    outputs: Sequence[Mapping[str, Any] | None], prefix: str, personal: Personal | None = None
) -> dict[str, Sequence[Any]]:
    """Outputs as columns; a set of classes as JSON text, the two ends of an interval as two numbers."""
    given = [o or {} for o in outputs]
    out: dict[str, Sequence[Any]] = {prefix + "prediction": [o.get("prediction") for o in given]}
    first = next((o["probabilities"] for o in given if o.get("probabilities")), None)
    if first is not None:
        none: Mapping[str, float] = {}
        for name in first:
            out[f"{prefix}p:{name}"] = [(o.get("probabilities") or none).get(name) for o in given]
    sets = [o.get("set") for o in given]
    if first is None and any(sets) and all(s is None or len(s) == 2 for s in sets):
        out[prefix + "set_low"] = [None if s is None else s[0] for s in sets]
        out[prefix + "set_high"] = [None if s is None else s[1] for s in sets]
    elif any(s is not None for s in sets):
        words = {None if s is None else tuple(s) for s in sets}
        texts = {s: None if s is None else json.dumps(s, ensure_ascii=False) for s in words}
        out[prefix + "set"] = [texts[None if s is None else tuple(s)] for s in sets]
    for name in ("decision", "fallback"):
        if any(name in o for o in given):
            out[prefix + name] = [o.get(name) for o in given]
    if not prefix and any(o.get("odd") for o in given):
        out["odd"] = [_said(o.get("odd_because"), personal or {}) if o.get("odd") else None for o in given]
    return out


def _said(reasons: Any, personal: Personal) -> str:
    """Why a row cannot be real, without the values of personal columns."""
    kept = [r | {"reason": WITHHELD} if r.get("column") in personal else r for r in reasons or ()]
    return json.dumps(kept, ensure_ascii=False)
