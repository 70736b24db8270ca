"""Missing values that are written as values.

What it is
    A cell that says nothing, dressed as a cell that says something: `?`, `unknown`, `N/A`, a blank, -1, -9, -200,
    99999, an impossible 0, or a date such as 1900-01-01.

Why it matters
    Means, scales and distances take the stand-in for a measurement; filters for missing values do not see it; and
    each site has its own, so that a model learns where a row comes from. In the target it is learned as an answer.

How it is measured
    *Words*: exact counts over the whole table, trimmed and in any case, of those that reading libraries take as
    missing by default and of those in common use (among them the errors of spreadsheets, and the two dots and the
    colon of statistical offices). One claim for each word, over all columns.
    *Numbers*, as *looks like*: a value at the edge of the others that repeats (five rows at least) and is
    - the only negative value of the column, and whole; or a negative run of nines or eights, strays of under a
      tenth aside;
    - or far off: further from its nearest neighbour than the middle 99 % of the others is wide (half of that for
      runs of two and more nines or eights, three times for other large values, which may be rare but real), and
      whole or a run of nines or eights (99.9): who writes down that a value is missing writes no 42.195;
    - or a zero below all others where zero is impossible: over four times the lower spread (median less 10 % point,
      in normal units) under the median, with a gap of three times the mean step between the lowest values, in under
      half of the rows (a zero that is the most usual state is a state);
    - or a zero with such a gap only, where it comes in half of the rows or more that hold an impossible zero
      elsewhere, and more often there than in other rows (Fisher's exact test, one in a thousand).
    Zeros that continue a run (0, 1, 2 ... children) have no gap and are never named.
    The target is claimed apart from the features: a score on stand-ins means nothing. A word in a target of numbers
    is unknown already and voids nothing.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> x = np.round(rng.normal(120, 15, 400), 1)
    >>> x[:40] = -999
    >>> assay.check(pa.table({"pressure": x, "y": ["a", "b"] * 200}), target="y")["D02"].verdict
    'found'

Remedy
    Safe for words, unsafe for numbers: make them missing (null), which the encoder keeps apart from every value.
    None for the target: which of its rows are unknown is said in the table itself.

Known false alarms
    Words: NA for North America or none of its kind (a house without a pool); "unknown" as an answer of its own.
    Both stay apart from all values when they become missing. A column whose other values are all codes of two
    capital letters is not searched for NA, nor one with a plus sign for a minus. Numbers: a cap (income of 99999
    and above), a complimentary fare of 0, a debt.

Sources
    Pearson, "The problem of disguised missing data", SIGKDD Explorations 8 (2006); Qahtan et al., "FAHES: A robust
    disguised missing values detector", KDD (2018); Hua and Pei, "Cleaning disguised missing data", KDD (2007);
    the list of words that pandas.read_csv takes as missing; World Bank and UNSD, notes on tables (".." not available);
    Eurostat, flags and special values (":" not available).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError
from assay.core.finding import Finding
from assay.core.remedy import Op, Remedy, Safety
from assay.core.rows import Rows
from assay.core.subject import Planted, Subject
from assay.core.table import F64, Ask, Facts, Mask, Sample
from assay.core.words import listed, percent
from assay.probes.missing_words import folded, is_text, spelled
from assay.probes.stand_ins import WORDS, companions, dates, stand_ins

CHALLENGE = Challenge(
    code="D02",
    name="disguised-missing",
    title="missing values that are written as values",
    stage="data",
    needs=(),
    category="costs",
    scope="marginal",
    promise=Dose(0.03, 400, "three cells in a hundred of one column"),
    materiality=(
        Threshold(
            "cells", 0.001, "share of cells", "one in a thousand: fewer move no mean, scale or score that is read"
        ),
    ),
    proof="gain",
    safety="safe",
)


def asks(subject: Subject) -> Iterable[Ask]:
    for column in subject.table.columns:
        if is_text(subject, column.name):
            yield from (Ask("tokens", (column.name,), args=WORDS), Ask("parses", (column.name,)))


def measure(subject: Subject, facts: Facts, rows: Sample, options: Options) -> Iterator[Claim]:
    n = subject.table.n_rows
    if n == 0:
        return
    names = sorted(c.name for c in subject.table.columns if c.name not in subject.roles.named("id"))
    texts = [name for name in names if is_text(subject, name)]
    yield from words(subject, facts, rows, texts, options["cells"])
    read = {name: rows.numbers(name) for name in names if reads_as_number(subject, facts, name)}
    found: dict[str, dict[str, float]] = {}
    for name, values in read.items():
        dated = subject.table.column(name).kind == "date"
        for value in dates(values) if dated else stand_ins(values, name):
            found.setdefault(shown(value, dated), {})[name] = value
    for name in companions(read, [name for name in found.get("0", {}) if found["0"][name] == 0]):
        found["0"][name] = 0.0
    for word, where in sorted(found.items()):
        counts = {name: occurs(subject, facts, rows, name, value, word) for name, value in where.items()}
        for part in apart(subject, where):
            made = number_claim(subject, rows, word, {c: where[c] for c in part}, counts, options["cells"])
            yield of_target(subject, made)
    if read:
        looked = tuple(name for name in read if not any(name in where for where in found.values()))
        says = "no number looks like a stand-in for missing"
        yield Claim(About(looked), Effect(0.0, "share of cells", options["cells"]), "heuristic", says, rows.n)


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    evidence = finding.claim.evidence
    columns = tuple(c for c in finding.columns if c not in subject.roles.named("target"))
    if not columns or evidence.get("value") is None:
        return None
    safety: Safety = "safe" if evidence["kind"] == "word" else "unsafe"
    says = f"make {evidence['shown']} missing in {listed(columns)}"
    return Remedy("cells", safety, "gain", says, (Op("null_if", columns, {"values": [evidence["value"]]}),))


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Write ``?`` into a share ``dose`` of a text column, or -999 into a number column that is never negative."""
    import pyarrow as pa

    arrow, n = subject.table.arrow(), subject.table.n_rows
    free = [c for c in subject.features if c not in subject.roles.named("order")]
    whole = subject.table.facts([Ask("range", (c,)) for c in free if subject.table.column(c).kind == "number"])
    fit = [ask.columns[0] for ask, span in whole.items() if span is not None and span.hi > span.lo]
    fit += [c for c in free if subject.table.column(c).kind == "category"]
    if not fit or n == 0:
        raise InputError("a stand-in for missing is planted in a number or text column; the table has none")
    name = sorted(fit)[int(rng.integers(len(fit)))]
    at = np.sort(rng.permutation(n)[: round(dose * n)])
    here = np.isin(np.arange(n), at)
    old = arrow[name].combine_chunks()
    if subject.table.column(name).kind == "category":
        new = pa.array(np.where(here, "?", old.to_numpy(zero_copy_only=False).astype(object)), pa.string())
    else:
        span = whole[Ask("range", (name,))]
        code = (
            -999.0 if span.lo > -300 and span.hi < 600 else -(10.0 ** np.ceil(np.log10(4 * max(-span.lo, span.hi)))) + 1
        )
        values = old.cast(pa.float64()).to_numpy(zero_copy_only=False)
        new = pa.array(np.where(here, code, values), pa.float64(), from_pandas=True)
    table = subject.table.derive(arrow.set_column(arrow.schema.get_field_index(name), name, new))
    return Planted(subject.with_table(table), (name,), len(at) / n, Rows.at(at))


def reads_as_number(subject: Subject, facts: Facts, name: str) -> bool:
    """Number and date columns, and texts of which half or more read as numbers."""
    if not is_text(subject, name):
        return subject.table.column(name).kind in ("number", "date")
    parsed = facts[Ask("parses", (name,))]
    return parsed is not None and parsed.n > 0 and parsed.number >= 0.5 * parsed.n


def words(subject: Subject, facts: Facts, rows: Sample, texts: list[str], limit: float) -> Iterator[Claim]:
    """One claim for each word, over the columns that use it."""
    n = subject.table.n_rows
    used: dict[str, dict[str, int]] = {}
    for name in texts:
        counts: Mapping[str, int] = facts[Ask("tokens", (name,), args=WORDS)]
        levels = None
        for word in WORDS:
            if counts.get(word, 0) == 0:
                continue
            levels = rows.codes(name)[1] if levels is None else levels
            if not meant(word, levels):
                used.setdefault(word, {})[name] = counts[word]
    for word, where in sorted(used.items()):
        for part in apart(subject, where):
            yield of_target(subject, word_claim(subject, rows, word, {c: where[c] for c in part}, n, limit))
    if texts and not used:
        says = "no text stands for missing"
        yield Claim(About(tuple(texts)), Effect(0.0, "share of cells", limit), "exact", says, n)


def word_claim(subject: Subject, rows: Sample, word: str, where: Mapping[str, int], n: int, limit: float) -> Claim:
    columns = tuple(sorted(c for c in where if where[c] > limit * n)) or tuple(sorted(where))
    worst = max(columns, key=lambda c: where[c])
    written = spelled(rows, worst, word)
    called = f"'{written}'" if written else "a blank"
    says = f"{listed(columns)} {'says' if len(columns) == 1 else 'say'} {called} in {sum(where.values()):,} cells"
    says += f" ({percent(where[worst] / n)} of {worst})" if len(columns) > 1 else f" ({percent(where[worst] / n)})"
    sites = by_site(subject, rows, [folded(rows, c, word) for c in columns])
    evidence = {"kind": "word", "value": written, "shown": called, "cells": dict(where), "by_site": sites}
    effect = Effect(where[worst] / n, "share of cells", limit)
    return Claim(About(columns), effect, "exact", says, n, evidence=evidence)


def apart(subject: Subject, names: Iterable[str]) -> list[tuple[str, ...]]:
    """The target by itself, and all others."""
    target = subject.roles.named("target")
    parts = tuple(c for c in names if c in target), tuple(c for c in names if c not in target)
    return [part for part in parts if part]


def of_target(subject: Subject, made: Claim) -> Claim:
    """The claim as it is where the target holds the stand-in as one of its answers; others are left as they are."""
    roles, evidence = subject.roles, made.evidence
    regression, word = roles.task == "regression", evidence["kind"] == "word"
    read = not word or (not regression and (not roles.classes or evidence["value"] in roles.classes))
    if made.about.columns != roles.named("target") or not read:
        return made
    name, share = made.about.columns[0], made.effect.value
    says = (
        f"{name}, the target, is {evidence['shown']} in {evidence['cells'][name]:,} of {made.n:,} rows: a model would"
    )
    says += f" learn that as a {'value' if regression else 'class'}; make these rows unknown first"
    return replace(made, says=says, impact=Impact("voids", share, (share, share), "share of rows"))


def meant(word: str, levels: tuple[str, ...]) -> bool:
    """The word is a value in its own right here: NA among codes of two capitals, - beside +."""
    others = [v for v in levels if v.strip().casefold() != word and v.strip()]
    if word == "na":
        return len(others) >= 2 and all(len(v.strip()) == 2 and v.isalpha() and v.isupper() for v in others)
    return word == "-" and any(v.strip() == "+" for v in others)


def shown(value: float, dated: bool) -> str:
    if dated:
        return str(np.datetime64(round(value), "s").astype("datetime64[D]"))
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)


def occurs(subject: Subject, facts: Facts, rows: Sample, name: str, value: float, word: str) -> int:
    """Rows of the whole table that hold the value."""
    if rows.n == subject.table.n_rows or subject.table.column(name).kind == "date":
        return round(float(rows.weight[rows.numbers(name) == value].sum()))
    ask = Ask("tokens", (name,), args=(word,))
    return int(facts[ask].get(word, 0))


def number_claim(
    subject: Subject, rows: Sample, word: str, where: Mapping[str, float], counts: Mapping[str, int], limit: float
) -> Claim:
    n = subject.table.n_rows
    columns = tuple(sorted(c for c in where if counts[c] > limit * n)) or tuple(sorted(where))
    worst = max(columns, key=lambda c: counts[c])
    inside = listed([f"{c} ({counts[c]:,})" for c in columns], 6)
    dated = subject.table.column(worst).kind == "date"
    value = None if dated else int(where[worst]) if float(where[worst]).is_integer() else where[worst]
    flags = [rows.numbers(c) == where[c] for c in columns]
    return Claim(
        About(columns),
        Effect(counts[worst] / n, "share of cells", limit),
        "heuristic",
        f"{word} looks like a stand-in for missing in {inside}",
        n,
        impact=Impact("costs", why_unmeasured="the trial of making them missing measures it"),
        evidence={
            "kind": "number", "value": value, "shown": word, "cells": {c: counts[c] for c in sorted(where)},
            "by_site": by_site(subject, rows, flags), "chart": chart(rows.numbers(worst), worst),
        },
    )  # fmt: skip


def by_site(subject: Subject, rows: Sample, flags: list[Mask]) -> dict[str, int]:
    """Cells of the sample with the stand-in, by site: each has its own spelling."""
    site = subject.roles.named("site")
    if not site or site[0] not in rows.names:
        return {}
    codes, levels = rows.codes(site[0])
    total = np.sum(flags, axis=0)
    return {level: int(total[codes == i].sum()) for i, level in enumerate(levels[:40])}


def chart(values: F64, name: str) -> dict[str, Any]:
    counts, edges = np.histogram(values[np.isfinite(values)], bins=40)
    counts = np.where(counts < 5, 0, counts)
    return {"kind": "hist", "title": name, "x": [float(e) for e in edges[:-1]], "y": counts.tolist(), "x_title": name,
            "y_title": "rows"}  # fmt: skip
