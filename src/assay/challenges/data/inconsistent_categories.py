"""Categories that are one value, written in more than one way.

What it is
    One value under several spellings: `Male`, `male` and `male `; `self-employed` and `self employed`; `Café` and
    `CafÃ©`; `BIRMINGHxM` for `BIRMINGHAM`; labels that end in a point in the test part only.

Why it matters
    Each spelling becomes a category of its own: counts are split, joins fail, and a model meets values that it has
    never seen. In the target, spellings are learned as classes; where train and test differ, no prediction is right.

How it is measured
    Different texts of each column are counted exactly over the whole table (columns with up to 5,000 of them, each
    used twice on average or more; ids are left out, so is what D02 names as missing).
    *Spellings*, an exact count: cells whose text differs from a more frequent one only in case, blanks, joining marks
    between letters, closing points or encoding. Signs with a meaning stay (`<=50K` is not `>50K`, `A-` is not `A`),
    and single letters and short words of mixed case (`tSmN`, `pH`) count only where they are ten times rarer.
    *Parts*: where two tables are compared, rows of the second that are written as the first never does.
    *Typos*, as *looks like*: a text at least ten times rarer than one that it is a slip away from: a character
    replaced, left out, put in, two neighbours exchanged, or one character replaced throughout; two slips in words of
    nine letters and more. A difference in digits or marks alone is never a typo. Words of two letters, numbers and
    codes count only where a replaced character made a shape that no frequent text has (`1x018`, `xL`). Values that are
    near each other by nature are allowed for: how many frequent texts of this column have such a neighbour, shrunk to
    what columns at large show, says how often a value of its own would have one; a text is named where that explains
    it with a chance of at most one in ten, given how many of the rare texts have a frequent neighbour.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> city = np.resize(["Berlin", "Hamburg", "Munich"], 300).astype(object)
    >>> city[:4], city[7] = "berlin ", "Hambrug"
    >>> report = assay.check(pa.table({"city": pa.array(city), "y": ["a", "b"] * 150}), target="y")
    >>> sorted(f.message for f in report["D04"].findings)[-1]
    "city: 1 cell looks like a typo ('Hambrug' for 'Hamburg')"

Remedy
    Safe for spellings: write each as the most frequent one. Unsafe for typos: write the value that each looks like;
    where several would do, the cell is left and named only.

Known false alarms
    Case that carries meaning (symbols of elements, SI units); a rare name that differs in one letter from a frequent
    one in a column of few names (Iran and Iraq, Gambia and Zambia).

Sources
    Damerau, "A technique for computer detection and correction of spelling errors", CACM 7 (1964): four slips make
    over 80 % of typos; Kukich, "Techniques for automatically correcting words in text", ACM Computing Surveys 24
    (1992); OpenRefine, key collision and nearest neighbour clustering; Efron, "Large-Scale Inference" (2010), for
    rates read off the many; rates of neighbours: category columns of the 2,000 tables of the Rdatasets collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Basis, Claim, Effect, Impact
from assay.core.errors import InputError
from assay.core.finding import Finding
from assay.core.remedy import Op, Remedy
from assay.core.rows import Rows
from assay.core.subject import Comparison, Planted, Subject
from assay.core.table import Ask, Facts, Sample
from assay.core.words import percent
from assay.probes.stand_ins import WORDS
from assay.probes.typos import Counts, spellings, typos

CHALLENGE = Challenge(
    code="D04",
    name="inconsistent-categories",
    title="one category written in more than one way",
    stage="data",
    needs=(),
    category="costs",
    scope="marginal",
    promise=Dose(0.03, 600, "three cells in a hundred of one column, half of them in case or blanks, half mistyped"),
    materiality=(
        Threshold("cells", 0.001, "share of cells", "one in a thousand: the share that D02 takes as material"),
        Threshold("parts", 0.01, "share of rows", "a point of accuracy: fewer rows cannot move a test score by one"),
        Threshold("rarer", 10.0, "times", "a tenth: what is more usual than that is a spelling that somebody chose"),
    ),
    proof="fidelity",
    safety="safe",
)
VALUES, PER_VALUE, MAPPED = 5_000, 2, 1_000


def asks(subject: Subject) -> Iterable[Ask]:
    return (Ask("distinct", (name,)) for name in texts(subject))


def measure(subject: Subject, facts: Facts, rows: Sample, options: Options) -> Iterator[Claim]:
    n = subject.table.n_rows
    names = [c for c in texts(subject) if 2 <= facts[Ask("distinct", (c,))].n <= min(VALUES, n / PER_VALUE)]
    top = {name: Ask("top", (name,), args=(VALUES,)) for name in names}
    facts.declare(top.values())
    plain: list[str] = []
    even: list[str] = []
    known: dict[str, dict[str, str]] = {}
    for name in names:
        counts = {str(v): k for v, k in facts[top[name]] if str(v).strip().casefold() not in WORDS}
        known[name] = spelled = spellings(counts)
        if spelled:
            yield spelling_claim(subject, rows, name, counts, spelled, options["cells"])
        else:
            plain.append(name)
        left = {v: k for v, k in counts.items() if v not in spelled}
        wrong = typos(left, options["rarer"])
        if wrong:
            yield typo_claim(subject, rows, name, left, wrong, options["cells"])
        else:
            even.append(name)
    if plain:
        says = "no two values differ in case, blanks, marks or encoding only"
        yield Claim(About(tuple(plain)), Effect(0.0, "share of cells", options["cells"]), "exact", says, n)
    if even:
        effect = Effect(0.0, "share of cells", options["cells"])
        yield Claim(About(tuple(even)), effect, "heuristic", "no rare value looks like a typo of a frequent one", n)
    for pair in subject.comparisons:
        if subject.table is pair.a or subject.table is pair.b:
            yield from parts(subject, pair, known, options["parts"])


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    evidence, name = finding.claim.evidence, finding.columns[0]
    mapping = evidence.get("mapping")
    if not mapping:
        return None
    op = Op("map_values", (name,), {"mapping": mapping})
    if evidence["kind"] == "spelling":
        says = f"write each value of {name} as it is written most often"
        return Remedy("cells", "safe", "fidelity", says, (op,))
    return Remedy("cells", "unsafe", "fidelity", f"write what {len(mapping):,} typos in {name} look like", (op,))


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Write a share ``dose`` of the cells of one category column otherwise: in case or blanks, or with a slip."""
    import pyarrow as pa

    arrow, n = subject.table.arrow(), subject.table.n_rows
    fit = [c for c in subject.features if subject.table.column(c).kind == "category" and writable(arrow[c])]
    if not fit:
        raise InputError("another spelling is planted in a category column with words of four letters; there is none")
    name = fit[int(rng.integers(len(fit)))]
    values = arrow[name].combine_chunks().to_pylist()
    seen = set(values)
    able = np.flatnonzero([v is not None and longest(v) >= 4 for v in values])
    at = np.sort(rng.permutation(able)[: round(dose * n)])
    for k, i in enumerate(at.tolist()):
        values[i] = otherwise(str(values[i]), k % 2 == 0, seen, rng)
    table = subject.table.derive(arrow.set_column(arrow.schema.get_field_index(name), name, pa.array(values)))
    return Planted(subject.with_table(table), (name,), len(at) / n, Rows.at(at))


def texts(subject: Subject) -> list[str]:
    out = {*subject.roles.named("id"), *subject.roles.named("split")}
    columns = (c for c in subject.table.columns if c.storage == "VARCHAR" and c.kind != "date")
    return sorted(c.name for c in columns if c.name not in out)


def spelling_claim(
    subject: Subject, rows: Sample, name: str, counts: Counts, spelled: Mapping[str, str], limit: float
) -> Claim:
    n, cells = subject.table.n_rows, sum(counts[v] for v in spelled)
    shown = sorted(spelled, key=lambda v: (-counts[v], v))
    pairs = [f"{quoted(spelled[v])} ({counts.get(spelled[v], 0):,}) also as {quoted(v)} ({counts[v]:,})" for v in shown]
    called, where = title(subject, name), part_of(subject, name, shown)
    more = f" and {len(pairs) - 2:,} more" if len(pairs) > 2 else ""
    says = f"{called} is written in more than one way: {', '.join(pairs[:2])}{more}{where}"
    evidence = {"kind": "spelling", "mapping": dict(list(spelled.items())[:MAPPED]), "spellings": len(spelled)}
    return claim(subject, rows, name, cells / n, limit, "exact", says, shown, cells, evidence)


def typo_claim(
    subject: Subject, rows: Sample, name: str, counts: Counts, wrong: Mapping[str, str | None], limit: float
) -> Claim:
    n, cells = subject.table.n_rows, sum(counts[v] for v in wrong)
    shown = sorted(wrong, key=lambda v: (wrong[v] is None, -counts[v], v))
    pairs = [f"{quoted(v)} for {quoted(w)}" if (w := wrong[v]) is not None else quoted(v) for v in shown[:2]]
    size = "1 cell looks like a typo" if cells == 1 else f"{cells:,} cells look like typos"
    says = f"{title(subject, name)}: {size} ({', '.join(pairs)}{', ...' if len(shown) > 2 else ''})"
    mapping = {v: w for v, w in list(wrong.items())[:MAPPED] if w is not None}
    evidence = {
        "kind": "typo",
        "mapping": mapping,
        "texts": len(wrong),
        "unclear": sum(w is None for w in wrong.values()),
    }
    return claim(subject, rows, name, cells / n, limit, "heuristic", says, shown, cells, evidence)


def claim(
    subject: Subject, rows: Sample, name: str, share: float, limit: float, basis: Basis, says: str,
    texts: Iterable[str], cells: int, evidence: Mapping[str, Any],
) -> Claim:  # fmt: skip
    codes, levels = rows.codes(name)
    bad = set(texts)
    hit = np.flatnonzero(np.array([v in bad for v in levels] + [False])[codes])
    kept = Rows.at(rows.position[hit], rows.row_id[hit])
    where = Rows(cells, kept.positions, kept.ids, subject.table.n_rows / max(1, rows.n))
    voids = name in subject.roles.named("target") and share > limit
    why = "each spelling of the target is a class of its own" if voids else "the trial of one spelling measures it"
    impact = Impact("voids" if voids else "costs", why_unmeasured=why)
    effect = Effect(share, "share of cells", limit)
    return Claim(About((name,), where), effect, basis, says, subject.table.n_rows, impact=impact, evidence=evidence)


def parts(subject: Subject, pair: Comparison, known: Mapping[str, Counts | Any], limit: float) -> Iterator[Claim]:
    """Rows of the second table written as the first never does, though the first has the value."""
    both = {c.name for c in pair.a.columns} & {c.name for c in pair.b.columns}
    looked = []
    for name in sorted(both & set(known)):
        a, b = (top_of(table, name) for table in (pair.a, pair.b))
        if a is None or b is None:
            continue
        total = sum(b.values())
        joint = spellings({v: a.get(v, 0) * (total + 1) + b.get(v, 0) for v in {*a, *b}})  # the first decides
        other = {v: w for v, w in joint.items() if v in b and v not in a and w in a and v not in known[name]}
        share = sum(b[v] for v in other) / max(1, total)
        if not other:
            looked.append(name)
            continue
        shown = sorted(other, key=lambda v: (-b[v], v))
        says = f"{title(subject, name)} is written otherwise in {percent(share)} of the second table ({pair.name}): "
        says += ", ".join(f"{quoted(v)} for {quoted(other[v])}" for v in shown[:2])
        evidence = {"kind": "spelling", "mapping": dict(list(other.items())[:MAPPED]), "spellings": len(other)}
        kind = Impact("voids" if name in subject.roles.named("target") else "costs", why_unmeasured="no table to try")
        about = About((name,), comparison=pair.name)
        yield Claim(about, Effect(share, "share of rows", limit), "exact", says, total, impact=kind, evidence=evidence)
    if looked:
        effect = Effect(0.0, "share of rows", limit)
        says = f"both parts write their values alike ({pair.name})"
        yield Claim(About(tuple(looked), comparison=pair.name), effect, "exact", says, pair.b.n_rows)


def top_of(table: Any, name: str) -> Counts | None:
    """The different texts of a column of another table, as long as they are few."""
    if table.column(name).storage != "VARCHAR":
        return None
    few, ask = Ask("distinct", (name,)), Ask("top", (name,), args=(VALUES,))
    if table.facts([few])[few].n > VALUES:
        return None
    return {str(v): k for v, k in table.facts([ask])[ask] if str(v).strip().casefold() not in WORDS}


def part_of(subject: Subject, name: str, minority: Sequence[str]) -> str:
    """Which part alone writes so, where the table is split."""
    for pair in subject.comparisons:
        if not subject.roles.split or not pair.name.startswith(f"{subject.roles.split.column}:"):
            continue
        a, b = (top_of(table, name) for table in (pair.a, pair.b))
        if a and b and not any(v in a and v in b for v in minority):
            return f"; no spelling is shared by both parts ({pair.name})"
    return ""


def title(subject: Subject, name: str) -> str:
    return f"{name}, the target," if name in subject.roles.named("target") else name


def quoted(text: str) -> str:
    return f"'{text}'" if len(text) <= 40 else f"'{text[:37]}...'"


def longest(text: str) -> int:
    return max((len(w) for w in re.findall(r"[^\W\d_]+", text)), default=0)


def writable(array: Any) -> bool:
    import pyarrow.compute as pc

    different = pc.unique(array.combine_chunks()).drop_null().to_pylist()
    return 2 <= len(different) <= min(64, len(array) / 4) and all(longest(str(v)) >= 3 for v in different) and (
        sum(longest(str(v)) >= 4 for v in different) >= 2
    )  # fmt: skip


def otherwise(text: str, same: bool, seen: set[str], rng: np.random.Generator) -> str:
    """Another way to write a text that the column does not have: in case or blanks, or with one slip."""
    for _ in range(50):
        k, way = int(rng.integers(1, len(text) - 1)), int(rng.integers(3 if same else 4))
        letter = "abcdefghijklmnopqrstuvwxyz"[int(rng.integers(26))]
        if same:
            new = (text.swapcase(), f" {text}", f"{text} ")[way]
        else:
            new = (text[:k] + letter + text[k + 1 :], text[:k] + text[k + 1 :], text[:k] + text[k] + text[k:],
                   text[:k] + text[k + 1] + text[k] + text[k + 2 :])[way]  # fmt: skip
        if new not in seen and new.strip():
            return new
    return text + "  "
