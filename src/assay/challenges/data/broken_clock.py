"""A time column with gaps, repeats, or more than one way of writing the time.

What it is
    A series that should have one row an hour (day, month) lacks some hours or has some twice; dates are written in
    several ways, some with a time zone and some without; or as 03/04/2024, which two readers take for two days.

Why it matters
    Lags, rolling means and differences count rows, not hours: after a gap the row of the same hour of yesterday is
    another hour, and a lag of 24 is spoiled in 24 rows. A date read with day and month exchanged is a valid date, and
    nobody sees it.

How it is measured
    Exact counts over the whole table, one claim for each column and fault. A column of dates, or one with a column of
    hours or times beside it (hr, hour, time), is a *series* where nine in ten of its moments hold the same number
    of rows, half of the steps between neighbouring moments are the usual step, 99 % of the moments lie on the grid
    of that step, and eight in ten of the expected steps are there. Expected are the steps at hours of the week at
    which at least half of the weeks have a row: nights, weekends and closing days are no gaps. Months and years are
    steps of the calendar. A log of events at any moment is no series, and nothing is said about its gaps.
    *Missing*: expected steps without a row. *Repeats*: rows beyond the usual number at one moment, less those that
    repeat another row in everything (D07). *Ways of writing*: texts that are not written in the usual way (order of
    the parts, separators, with or without a time of day, with or without a zone), in a column of which at least
    half are dates. *Ambiguous*: texts with a day and a month of 12 or less that differ, day or month first.
    *Summer time*, as *looks like*: a missing or repeated hour on the nights of the clock change of Europe or North
    America, in two of three of them: the time is local, and a difference of two times is an hour off.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> hour = np.delete(np.arange(500), [100, 101, 102])
    >>> table = pa.table({"when": np.datetime64("2024-01-01", "us") + hour * np.timedelta64(1, "h"), "y": hour % 7})
    >>> assay.check(table, target="y")["D15"].verdict
    'found'

Remedy
    Advice only: lay the series on its full grid with empty rows before any lag is made; name the way of writing when
    the file is read; keep times in UTC with their zone beside them.

Known false alarms
    Holidays in a daily series without weekends. The order of rows in the file is not looked at: it carries no
    meaning here unless it is declared (--time @row).

Sources
    Gschwandtner et al., "A taxonomy of dirty time-oriented data", CD-ARES (2012), for the kinds of faults; ISO 8601.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import NotApplicable
from assay.core.facts import Duplicates, Parses, Range, Ticks
from assay.core.subject import Planted, Subject
from assay.core.table import Ask, Column, Facts
from assay.core.words import percent
from assay.stats.grids import DAY, Grid, find_grid

CHALLENGE = Challenge(
    code="D15",
    name="broken-clock",
    title="a time column with gaps, repeats or several ways of writing",
    stage="data",
    needs=(),
    category="costs",
    scope="marginal",
    promise=Dose(0.05, 600, "one hour in twenty is missing"),
    materiality=(
        Threshold(
            "steps", 0.001, "share of steps", "one in a thousand spoils a lag of a day of hours in one row of forty"
        ),
        Threshold("texts", 0.001, "share of texts", "one in a thousand: fewer move no count by day that is read"),
    ),
)
SHORT = r"(?:0?[1-9]|1[0-2])"  # a day or month that could be either
HOURS = r"(^|_|\b)(h|hr|hrs|hour|hours|time|clock|timestamp)($|_|\b)"
NAMES = {1: "second", 60: "minute", 3600: "hour", DAY: "day", 7 * DAY: "week"}
MOST_COLUMNS = 20  # dates beyond these are not looked at


def asks(subject: Subject) -> Iterable[Ask]:
    yield Ask("duplicates", tuple(sorted(c.name for c in subject.table.columns)))
    for column in dates(subject):
        yield Ask("ticks", (column.name,))
        if column.storage.startswith("VARCHAR"):
            yield Ask("shapes", (column.name,))
            if column.storage != "VARCHAR (iso)":
                yield ambiguous_ask(column.name)
    for column in texts(subject):
        yield Ask("parses", (column.name,))
    for column in hours(subject):
        if column.kind == "number":
            yield Ask("range", (column.name,))


def measure(subject: Subject, facts: Facts, options: Options) -> Iterator[Claim]:
    found = dates(subject)
    mixed = [c for c in texts(subject) if is_dated(facts[Ask("parses", (c.name,))])]
    if not found and not mixed:
        raise NotApplicable("no column of dates or times")
    for column in found:
        yield from series(subject, facts, column, options["steps"])
    for column in (*found, *mixed):
        if column.storage.startswith("VARCHAR"):
            yield from written(facts, column, options["texts"])


def dates(subject: Subject) -> list[Column]:
    some = sorted((c for c in subject.table.columns if c.kind == "date"), key=lambda c: c.name)
    order = subject.roles.named("order")
    return sorted(some, key=lambda c: c.name not in order)[:MOST_COLUMNS]


def texts(subject: Subject) -> list[Column]:
    ids = set(subject.roles.named("id"))
    plain = [c for c in subject.table.columns if c.kind in ("text", "category") and c.name not in ids]
    return sorted((c for c in plain if c.storage == "VARCHAR"), key=lambda c: c.name)


def hours(subject: Subject) -> list[Column]:
    named = [c for c in subject.table.columns if re.search(HOURS, c.name.casefold()) and c.kind != "date"]
    fit = [c for c in named if c.kind in ("clock", "category", "text") or c.storage == "BIGINT"]
    return sorted(fit, key=lambda c: c.name)[:5]


def is_dated(parsed: Parses | None) -> bool:
    return parsed is not None and parsed.n > 0 and parsed.date >= 0.5 * (parsed.n - parsed.blank)


def series(subject: Subject, facts: Facts, column: Column, m: float) -> Iterator[Claim]:
    """Claims on the grid of a date column, alone or with a column of hours beside it."""
    ticks: Ticks = facts[Ask("ticks", (column.name,))]
    names: tuple[str, ...] = (column.name,)
    grid = find_grid(ticks.at, ticks.rows)
    days = len(ticks.at) > 0 and bool(np.all(np.mod(ticks.at, DAY) == 0))
    if days and len(ticks.at) < int(ticks.rows.sum()):
        for other in hours(subject):
            span: Range | None = facts[Ask("range", (other.name,))] if other.kind == "number" else Range(0, 23)
            if span is None or span.lo < 0 or span.hi > 23 or span.hi < 12:
                continue
            both: Ticks = facts[Ask("ticks", (column.name, other.name))]
            finer = find_grid(both.at, both.rows)
            if finer is not None and both.rows.sum() >= 0.99 * ticks.rows.sum():
                ticks, grid, names = both, finer, (column.name, other.name)
                break
    if grid is None:
        return
    called = " and ".join(names)
    step = step_name(grid)
    first, last = day_of(ticks.at[0]), day_of(ticks.at[-1])
    share = grid.missing / grid.slots
    closed = f" ({grid.closed:,} more are closed by habit)" if grid.closed else ""
    yield claim(
        names, share, "share of steps", m, grid.slots,
        f"{grid.missing:,} of {grid.slots:,} {step}s between {first} and {last} have no row in {called}{closed}",
        {"missing": grid.missing, "slots": grid.slots, "closed": grid.closed, "step": grid.step, "unit": grid.unit,
         "first_missing": [moment(t) for t in grid.gone[:20]], "off_grid": grid.off},
        "missing steps",
    )  # fmt: skip
    again: Duplicates = facts[Ask("duplicates", tuple(sorted(c.name for c in subject.table.columns)))]
    extra, n = max(0, grid.extra - again.extra), int(ticks.rows.sum())
    usual = "one row" if grid.usual == 1 else f"{grid.usual:,} rows"
    yield claim(
        names, extra / n, "share of rows", m, n,
        f"{extra:,} of {n:,} rows stand at {article(step)} of {called} that already has {usual}",
        {"extra": extra, "moments": grid.crowded, "usual": grid.usual}, "repeated moments",
    )  # fmt: skip
    yield from summer(names, grid, ticks, step)


def written(facts: Facts, column: Column, m: float) -> Iterator[Claim]:
    """Claims on the ways in which the texts of a column are written."""
    forms: dict[str, int] = {}
    for shape, rows in facts[Ask("shapes", (column.name,))].items():
        form = form_of(shape)
        if form:
            forms[form] = forms.get(form, 0) + rows
    total = sum(forms.values())
    if not total:
        return
    listed = sorted(forms.items(), key=lambda item: (-item[1], item[0]))
    others = total - listed[0][1]
    shown = "; ".join(f"{form} {rows:,}" for form, rows in listed[:3])
    yield claim(
        (column.name,), others / total, "share of texts", m, total,
        f"{others:,} of {total:,} dates in {column.name} are not written as the others ({shown})",
        {"forms": dict(listed[:20])}, "ways of writing",
    )  # fmt: skip
    way = column.storage[9:-1] if column.storage.startswith("VARCHAR (") else "mixed"
    if way == "iso":
        return
    either, same = facts[ambiguous_ask(column.name)]
    count = either - same
    first, other = {"dmy": ("day", "month"), "mdy": ("month", "day")}.get(way, ("day or month", "other"))
    yield claim(
        (column.name,), count / total, "share of texts", m, total,
        f"{column.name} is written {first} first: {count:,} of {total:,} dates ({percent(count / total)}) are another "
        f"day to a reader that takes the {other} first",
        {"ambiguous": count, "format": way}, "day or month first",
    )  # fmt: skip


def claim(
    names: tuple[str, ...], share: float, unit: str, m: float, n: int, says: str, evidence: dict[str, object], what: str
) -> Claim:
    return Claim(
        About(names, slice=what), Effect(share, unit, m), "exact", says, n,
        impact=Impact("costs", why_unmeasured="needs the lags that will be made of it"), evidence=evidence,
    )  # fmt: skip


def ambiguous_ask(name: str) -> Ask:
    """Texts that begin with two numbers of 12 or less and a year, and those where both are the same."""
    same = "|".join(f"0?{k}[/.-]0?{k}" if k < 10 else f"{k}[/.-]{k}" for k in range(1, 13))
    return Ask("matches", (name,), args=(rf"^\s*{SHORT}[/.-]{SHORT}[/.-][0-9]{{4}}", rf"^\s*(?:{same})[/.-][0-9]{{4}}"))


def form_of(shape: str) -> str:
    """The way of writing of a text whose digits are all 0: year Y, other numbers 0, words a; "" where it is no date."""
    text = re.sub(r"(:00)[.,]0+", r"\1", shape.strip())
    text = re.sub(r"(?<=[0 ])(Z|[+-]00:?00)$", "+zone", text)
    digits = len(re.findall("0", text))
    if not 4 <= digits <= 20 or len(text) > 40:
        return ""
    text = re.sub(r"00000+", "N", text)
    text = re.sub(r"0000", "Y", text)
    text = re.sub(r"0+", "0", text)
    text = re.sub(r"[^\W\d_]{3,}", lambda word: word[0] if word[0] == "zone" else "month", text)
    return re.sub(r"0:0(:0)?", "time", text)


def summer(names: tuple[str, ...], grid: Grid, ticks: Ticks, step: str) -> Iterator[Claim]:
    """Nights on which the clocks change, as far as they lie inside the series, that miss or repeat an hour."""
    if grid.unit != "second" or grid.step > 3600 or grid.usual != 1:
        return
    odd = np.concatenate([grid.gone, ticks.at[ticks.rows > grid.usual]])
    years = np.arange(year_of(ticks.at[0]), year_of(ticks.at[-1]) + 1)
    best, nights = 0, 1
    for changes in (
        [sunday(int(y), m, -1) for y in years for m in (3, 10)],
        [sunday(int(y), m, k) for y in years for m, k in ((3, 1), (11, 0))],
    ):
        inside = [t for t in changes if ticks.at[0] <= t and t + DAY <= ticks.at[-1]]
        hit = sum(bool(np.any((odd >= t + 3600) & (odd < t + 3 * 3600))) for t in inside)
        if len(inside) >= 2 and hit / len(inside) > best / nights:
            best, nights = hit, len(inside)
    yield Claim(
        About(names, slice="summer time"),
        Effect(best / nights, "share of clock changes", 2 / 3 - 1e-9),
        "heuristic",
        f"{' and '.join(names)} looks like local time: in {best} of {nights} nights on which the clocks change "
        f"{article(step)} is missing or there twice",
        nights,
    )


def sunday(year: int, month: int, k: int) -> float:
    """Midnight of the k-th Sunday of a month (-1: the last), as if it were UTC."""
    start = np.datetime64(f"{year}-{month:02}", "M")
    days = np.arange(start.astype("datetime64[D]"), (start + 1).astype("datetime64[D]"))
    return float(days[(days.astype(np.int64) + 4) % 7 == 0][k].astype("datetime64[s]").astype(np.int64))


def year_of(t: float) -> int:
    return int(np.datetime64(int(t), "s").astype("datetime64[Y]").astype(np.int64)) + 1970


def day_of(t: float) -> str:
    return str(np.datetime64(int(t), "s").astype("datetime64[D]"))


def moment(t: float) -> str:
    return str(np.datetime64(int(t), "s")).replace("T", " ")


def step_name(grid: Grid) -> str:
    if grid.unit == "month":
        return {1: "month", 3: "quarter", 12: "year"}.get(grid.step, f"step of {grid.step} month")
    for size in sorted(NAMES, reverse=True):
        if grid.step % size == 0:
            times = grid.step // size
            return NAMES[size] if times == 1 else f"step of {times} {NAMES[size]}"
    return "step"


def article(step: str) -> str:
    return f"an {step}" if step == "hour" else f"a {step}"


PLANTED = "planted clock"


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Write the time as hours in a row, a share ``dose`` of the hours missing; nights and weekends as all others.

    The order column becomes the series, else the first column of dates, else a new one.
    """
    import pyarrow as pa

    n = subject.table.n_rows
    named = [c for c in subject.roles.named("order") if c != "@row"] or [c.name for c in dates(subject)] or [PLANTED]
    total = max(n, round(n / max(1e-9, 1 - dose)))
    inner = np.sort(rng.permutation(np.arange(1, max(1, total - 1)))[: max(0, n - 2)])
    slot = np.concatenate(([0], inner, [total - 1]))[:n]
    start = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
    when = pa.array((start + 3600.0 * slot).astype("datetime64[s]").astype("datetime64[us]"))
    arrow = subject.table.arrow()
    if named[0] in arrow.column_names:
        arrow = arrow.set_column(arrow.schema.get_field_index(named[0]), named[0], when)
    else:
        arrow = arrow.append_column(named[0], when)
    effect = (total - n) / total if total else 0.0
    return Planted(subject.with_table(subject.table.derive(arrow)), (named[0],), effect)
