"""Values kept as another type than they are.

What it is
    Numbers, percentages or dates kept as text; labels that carry their quotes; a column of mixed types; clock times
    written as numbers (1359, then 1400); category codes written as numbers.

Why it matters
    One blank among seven thousand numbers turns the column into text, and every model then sees seven thousand
    categories. A clock as a number says that 13:59 and 14:00 are 41 apart; a code as a number says that class 60 lies
    between 50 and 70.

How it is measured
    *Text that reads as something else*: exact counts over the whole table, of the cells that are neither blank nor
    one of the words of D02: as numbers, as numbers with a percent sign or with thousands apart, in quotes, as
    dates. Over 95 % have to read so. Leading zeros, or digits in what is no number (V57 among 250, 414), mean
    codes, not numbers; a target is not asked to be a number. Dates with the year first read one way only and are
    left alone; day first or month first is named, since the next reader may take one for the other.
    *Mixed*: the census of Python types, where the table came with one.
    *Clock*, as *looks like*: whole numbers 0-2400 that never use the minutes 60-99 (the reader gives the chance of
    that).
    *Codes*, as *looks like*: positive whole numbers with 5 to 64 levels of 20 rows on average, on a grid with holes
    of unequal size, whose level means explain the target by five points of variance more than any rising, falling
    or three times bent line does. Years, by name and range, are no codes.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> amount = [str(v) for v in range(200)]
    >>> amount[7] = "see note"
    >>> report = assay.check(pa.table({"amount": amount, "x": np.arange(200) % 7, "y": ["a", "b"] * 100}), target="y")
    >>> report["D03"].verdict
    'found'

Remedy
    Safe: cast to number where all else is blank or a word for missing; read dates; take quotes, percent signs and
    thousands away; minutes for clocks. Unsafe: cast where words are lost, where a sign stands in some cells only, or
    where whole numbers may be codes; codes to text.

Known false alarms
    Keys, post codes and product codes of digits only, without a leading zero. Numbers that are rounded to a coarse,
    uneven grid and act in a curve may look like codes.

Sources
    Dasu and Johnson, "Exploratory Data Mining and Data Cleaning" (2003); Shah and Kumar, "The ML data prep zoo:
    towards semi-automatic data preparation", DEEM (2019), on feature types; Barlow, Bartholomew, Bremner and Brunk,
    "Statistical Inference under Order Restrictions" (1972), for the rising line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Basis, Claim, Effect, Impact
from assay.core.errors import AssayError, InputError
from assay.core.finding import Finding
from assay.core.remedy import Op, Remedy, Safety
from assay.core.rows import Rows
from assay.core.subject import Planted, Subject
from assay.core.table import F64, I64, Ask, Facts, Sample
from assay.core.words import listed, percent
from assay.learn.target import labels
from assay.probes.read_as import read
from assay.probes.stand_ins import WORDS
from assay.tables.roles import are_years

CHALLENGE = Challenge(
    code="D03",
    name="wrong-types",
    title="values kept as another type than they are",
    stage="data",
    needs=(),
    category="costs",
    scope="marginal",
    promise=Dose(0.99, 300, "a number column kept as text, with one word in a hundred cells"),
    materiality=(
        Threshold("reads", 0.95, "share of cells", "one cell in twenty that does not read so may be a kind of its own"),
        Threshold("mixed", 0.001, "share of cells", "one in a thousand: the share that D02 takes as material"),
        Threshold("codes", 0.05, "share of variance", "five points of variance are lost to a model that reads a line"),
    ),
    proof="gain",
    safety="safe",
)
READINGS = ("number", "percent", "thousands", "quoted", "date")
LEVELS, PER_LEVEL, ROWS = (5, 64), 20, 200
NUMBERS = {"int", "float", "bool", "int64", "float64", "Decimal"}


def asks(subject: Subject) -> Iterable[Ask]:
    for name in candidates(subject):
        column = subject.table.column(name)
        if column.storage.startswith("VARCHAR"):
            yield from (Ask("parses", (name,)), Ask("tokens", (name,), args=WORDS))
        if column.kind == "mixed":
            yield Ask("types", (name,))


def measure(subject: Subject, facts: Facts, rows: Sample, options: Options) -> Iterator[Claim]:
    n = subject.table.n_rows
    if n == 0:
        return
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    rest: dict[str, float] = {}
    clocks = []
    for name in candidates(subject):
        column = subject.table.column(name)
        if column.kind == "clock":
            clocks.append(name)
        if column.kind == "mixed":
            yield from mixed(name, facts[Ask("types", (name,))], options["mixed"])
        if column.storage.startswith("VARCHAR"):
            reading, share, evidence = read(subject, facts, rows, name)
            if share > options["reads"]:
                found.setdefault(reading, {})[name] = evidence
            else:
                rest[name] = share
    for reading, columns in sorted(found.items()):
        yield text_claim(reading, columns, options["reads"], n)
    if rest:
        most = max(sorted(rest), key=lambda name: rest[name])
        says = f"{percent(rest[most])} of the texts in {most} read as numbers or dates"
        yield claim(tuple(sorted(rest)), rest[most], options["reads"], "exact", says, n, {"reading": "text"})
    if clocks:
        verb = "looks like a clock time" if len(clocks) == 1 else "look like clock times"
        says = f"{listed(clocks)} {verb} written as a number, HHMM: 1359 is followed by 1400"
        yield claim(tuple(clocks), 1.0, options["reads"], "heuristic", says, n, {"reading": "clock"})
    yield from codes(subject, rows, options["codes"])


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    evidence, target = finding.claim.evidence, subject.roles.named("target")
    columns = tuple(c for c in finding.columns if c not in target)
    if not columns or evidence["reading"] in ("text", "mixed-words"):
        return None
    reading, safety = evidence["reading"], evidence.get("safety", "safe")
    word = {"date": "read as dates", "quoted": "take the quotes off", "clock": "turn into minutes since midnight",
            "codes": "keep as categories"}.get(reading, "read as numbers")  # fmt: skip
    ops: list[Op] = []
    if reading == "date":
        ops = [Op("parse_date", (c,), {"format": evidence["columns"][c]["format"]}) for c in columns]
    elif reading == "clock":
        ops = [Op("clock_to_minutes", columns)]
    elif reading == "codes":
        ops = [Op("cast", columns, {"to": "text"})]
    else:
        maps = {c: evidence["columns"].get(c, {}).get("mapping") for c in columns}
        columns = tuple(c for c in columns if reading in ("number", "mixed") or maps[c])
        ops = [Op("map_values", (c,), {"mapping": maps[c]}) for c in columns if maps[c]]
        numeric = tuple(c for c in columns if reading != "quoted" or evidence["columns"][c]["numeric"])
        ops += [Op("cast", numeric, {"to": "number"})] if numeric else []
    return Remedy("cells", safety, "gain", f"{word}: {listed(columns)}", tuple(ops)) if ops else None


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Keep a number column as text, in which all but a share ``dose`` of the cells say something else."""
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = [c for c in subject.features if subject.table.column(c).kind == "number"]
    if not numbers or subject.table.n_rows == 0:
        raise InputError("a wrong type is planted in a number column; the table has none")
    name = numbers[int(rng.integers(len(numbers)))]
    arrow, n = subject.table.arrow(), subject.table.n_rows
    at = np.sort(rng.permutation(n)[: n - round(dose * n)])
    texts = pc.cast(arrow[name].combine_chunks(), pa.string())
    texts = pc.if_else(pa.array(np.isin(np.arange(n), at)), pa.scalar("see the note below"), texts)
    table = subject.table.derive(arrow.set_column(arrow.schema.get_field_index(name), name, texts))
    return Planted(subject.with_table(table), (name,), 1 - len(at) / n, Rows.at(at))


def candidates(subject: Subject) -> tuple[str, ...]:
    ids = set(subject.roles.named("id"))
    return tuple(sorted(c.name for c in subject.table.columns if c.name not in ids))


def claim(
    names: tuple[str, ...], size: float, limit: float, basis: Basis, says: str, n: int, evidence: Mapping[str, Any],
    unit: str = "share of cells",
) -> Claim:  # fmt: skip
    impact = Impact("costs", why_unmeasured="the trial of reading them anew measures it")
    return Claim(About(names), Effect(size, unit, limit), basis, says, n, impact=impact, evidence=evidence)


def text_claim(reading: str, columns: Mapping[str, Mapping[str, Any]], limit: float, n: int) -> Claim:
    """One claim for all columns of one reading."""
    names = tuple(sorted(columns))
    size = min(1 - columns[c]["bad"] / columns[c]["filled"] for c in names)
    verb, own = ("is text, yet", "its") if len(names) == 1 else ("are text, yet", "their")
    bad, blank, missing = (sum(columns[c][key] for c in names) for key in ("bad", "blank", "missing"))
    filled = sum(columns[c]["filled"] for c in names)
    what = {"number": "read as numbers", "percent": "are numbers, some with a percent sign",
            "thousands": "are numbers, some with thousands apart", "quoted": "stand in quotes",
            "date": "read as dates"}[reading]  # fmt: skip
    count = f"all {filled:,}" if bad == 0 else f"{filled - bad:,} of {filled:,}"
    others = [f"{k:,} {w}" for k, w in ((blank, "blank"), (missing, "a word for missing"), (bad, "other")) if k]
    says = f"{listed(names)} {verb} {count} of {own} texts {what}" + (f" ({', '.join(others)})" if others else "")
    says = (
        says.replace(f"{filled:,} of {own}", f"{filled:,} {own}") if bad else says.replace(f"of {own} texts", "texts")
    )
    doubtful = bad > 0 or any(columns[c].get("some", columns[c]["filled"]) < columns[c]["filled"] for c in names)
    plain = reading == "number" and any(
        columns[c]["whole"] and not columns[c]["blank"] + columns[c]["missing"] for c in names
    )
    evidence = {"reading": reading, "columns": dict(columns), "safety": "unsafe" if doubtful or plain else "safe"}
    return claim(names, size, limit, "exact", says.replace(f" {own} texts", " texts"), n, evidence)


def mixed(name: str, types: Mapping[str, int], limit: float) -> Iterator[Claim]:
    """Cells of another type than most, by the census of Python types."""
    total = sum(types.values())
    numbers = sum(k for t, k in types.items() if t in NUMBERS)
    fewer = min(numbers, total - numbers) if numbers else total - max(types.values(), default=0)
    if total:
        inside = listed([f"{types[t]:,} {t}" for t in sorted(types, key=lambda t: (-types[t], t))])
        safety: Safety = "unsafe"
        reading = "mixed" if numbers > total / 2 else "mixed-words"
        evidence = {"reading": reading, "types": dict(types), "safety": safety, "columns": {}}
        yield claim((name,), fewer / total, limit, "exact", f"{name} mixes types: {inside}", total, evidence)


def codes(subject: Subject, rows: Sample, limit: float) -> Iterator[Claim]:
    """Whole numbers that explain the target as categories and not along any line."""
    if subject.roles.target is None or rows.n < ROWS:
        return
    try:
        truth = labels(rows, subject.roles)
    except AssayError:
        return
    known = truth.known
    parts = (
        [truth.y] if truth.task != "multiclass" else [(truth.y == k).astype(float) for k in range(len(truth.classes))]
    )
    seen: dict[str, tuple[float, int]] = {}
    for name in subject.features:
        if subject.table.column(name).kind == "number":
            values = rows.numbers(name)
            at = known & np.isfinite(values)
            if not at.any() or are_years(name, values[at].min(), values[at].max()):  # in their order, whatever they say
                continue
            levels, code, counts = np.unique(values[at], return_inverse=True, return_counts=True)
            if uneven(levels, counts):
                seen[name] = (max(bent(levels, code.ravel(), counts, y[at]) for y in parts), len(levels))
    for name, (gain, size) in sorted(seen.items()):
        says = f"{name} looks like {size} category codes written as numbers: as categories they explain"
        says += f" {percent(gain)} of the variance of {subject.roles.named('target')[0]} more than along any line"
        evidence = {"reading": "codes", "levels": size, "safety": "unsafe"}
        yield claim((name,), gain, limit, "heuristic", says, rows.n, evidence, "share of variance")


def uneven(levels: F64, counts: I64) -> bool:
    """Positive whole levels, enough rows each, on a grid with holes of unequal size."""
    if not LEVELS[0] <= len(levels) <= LEVELS[1] or counts.sum() < max(ROWS, PER_LEVEL * len(levels)):
        return False
    steps = np.diff(levels)
    counted = levels[0] > 0 and bool(np.all(levels == np.floor(levels)))
    return counted and bool(steps.max() >= 2 * steps.min()) and bool(np.mean(steps > steps.min()) >= 0.2)


def bent(levels: F64, code: I64, counts: I64, y: F64) -> float:
    """Adjusted share of variance that level means explain beyond the best rising, falling or cubic line."""
    from sklearn.isotonic import isotonic_regression

    n, k = len(y), len(levels)
    total = float(((y - y.mean()) ** 2).sum())
    if total == 0 or n <= k + 1:
        return 0.0
    means = np.bincount(code, y, k) / counts
    weight = counts.astype(np.float64)
    around = (means - y.mean()) ** 2 @ weight
    x = (levels - levels.mean()) / max(levels.std(), 1e-12)
    cubic = np.polyval(np.polyfit(x, means, 3, w=np.sqrt(weight)), x)
    lines = [cubic, *(isotonic_regression(means, sample_weight=weight, increasing=up) for up in (True, False))]
    left = min(float((means - line) ** 2 @ weight) for line in lines)
    noise = (total - around) / (n - k) * (k - 4)  # what chance adds to level means beyond a cubic
    return float(max(0.0, left - max(0.0, noise)) / total)
