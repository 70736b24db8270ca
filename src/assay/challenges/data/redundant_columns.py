"""Columns that say what other columns say already.

What it is
    A column written twice, one under other names (a code beside its text), a number that is a sum or a product of
    others, numbers that move together, and columns that repeat one value on the same rows.

Why it matters
    A model shares one influence among the copies: weights lose their meaning, importances are halved, and whatever is
    learned about one column leans on another that may not be there tomorrow. Each must be stored, checked and served.

How it is measured
    *One-to-one*, exact: two columns that part the rows alike, counted over the whole table by hashes of their values.
    Candidates are those that part 10,000 rows alike, found by hashing and so at no cost in pairs. Where a shuffled
    column would do so too (keys, in which all values differ), only equal values count.
    *Numbers*, a test: searched on one half of 5,000 rows and claimed on the other. Pairs by the correlation of values
    or of ranks; sums by the variance inflation of each column given the others; products of two on the scale of
    logarithms. The claim is that the correlation exceeds .999, with an interval that outliers widen.
    *Repeated value*, exact: one text in three columns or more on just the same rows, counted over the whole table.
    The target is left out: what repeats it is K01. So are ids, and columns of one value (D09).

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> x = np.random.default_rng(0).integers(0, 4, 300)
    >>> words = np.array(["none", "school", "college", "doctor"])[x]
    >>> table = pa.table({"level": x, "education": words, "y": np.resize(["a", "b"], 300)})
    >>> assay.check(table, target="y")["D11"].verdict
    'found'

Remedy
    Safe: drop an exact copy; the shorter name stays, then the first in the alphabet, but always a column with a role.
    Unsafe: drop the others on trial: of a code and its text the number stays, since it carries the order too.

Known false alarms
    Two measurements that are meant to agree, kept as a check on each other; a sum that is kept because people ask for
    it. Nothing is wrong with the data then, only with the number of columns.

Sources
    Belsley, Kuh and Welsch, "Regression Diagnostics" (1980), for variance inflation; Steiger and Hakstian, British
    Journal of Mathematical and Statistical Psychology 35 (1982), for the interval; Huhtala et al., "TANE", The
    Computer Journal 42 (1999), for columns as partitions of the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.finding import Finding
from assay.core.remedy import Op, Remedy
from assay.core.subject import Planted, Subject
from assay.core.table import F64, NUMERIC, Ask, Facts, Sample
from assay.core.words import listed, percent
from assay.probes.alike import Same, same_columns
from assay.probes.collinear import Follows, follows, joined, pairwise, ranks
from assay.probes.identities import products
from assay.probes.moving_together import Pair, close, read, tight, together
from assay.stats.correlations import correlation, correlation_above, correlation_interval

CHALLENGE = Challenge(
    code="D11",
    name="redundant-columns",
    title="columns that say what others say already",
    stage="data",
    needs=("two-rows", "feature"),
    category="tidy",
    scope="marginal",
    promise=Dose(1.0, 500, "a copy of a column that agrees in all rows"),
    materiality=(
        Threshold(
            "alike", 0.999, "correlation",
            "variance inflation of 500: a weight's error is 22 times what the column alone would give",
        ),
        Threshold(
            "block", 0.01, "share of rows", "a value that fewer rows share weighs nothing in any model"
        ),
    ),
    proof="gain",
    safety="safe",
)  # fmt: skip
NUMBER_ROWS = 5_000
FEWEST_ROWS = 60
MOST_PRODUCTS = 30  # numbers among which all products are tried
LEVELS, FEWEST_COLUMNS, FEWEST_CELLS, MOST_BLOCKS = 64, 3, 20, 12
PLANTED = "planted twin"


def measure(subject: Subject, facts: Facts, rows: Sample, options: Options) -> Iterator[Claim]:
    names = usable(subject, rows)
    if len(names) < 2 or rows.n < 2:
        return
    target = subject.roles.named("target")
    alike = same_columns(subject.table, rows, [*names, *target])
    told = {c for same in alike for c in same.columns if set(target) & set(same.columns)}
    alike = [same for same in alike if not told & set(same.columns)]
    yield from one_to_one(subject, alike, names)
    spare = {c for same in alike for c in same.columns if c != stays(subject, same.columns)[0]} | told
    left = [c for c in names if c not in spare]
    yield from blocks(subject, facts, rows, left, options["block"])
    yield from numbers(rows, left, options["alike"])


def usable(subject: Subject, rows: Sample) -> list[str]:
    return sorted(c for c in subject.features if not rows.null(c).all()) if rows.n else []


def one_to_one(subject: Subject, alike: Sequence[Same], names: Sequence[str]) -> Iterator[Claim]:
    n, unit = subject.table.n_rows, "share of rows told by the other column"
    impact = Impact("tidy", why_unmeasured="a copy tells nothing that could be lost")
    if not alike:
        says = f"no two of {len(names)} columns are one-to-one"
        yield Claim(About(), Effect(0.0, unit, 0.999), "exact", says, n, impact=impact, evidence={"kind": "none"})
    for same in alike:
        first, *others = stays(subject, same.columns)
        if same.copies:
            says = f"{listed(others)} {'repeats' if len(others) == 1 else 'repeat'} {first} in all {n:,} rows"
        else:
            says = f"{listed([first, *others])} say the same in other words: one-to-one in all {n:,} rows"
        kind = "copy" if same.copies else "renamed"
        yield Claim(
            About((first, *others)), Effect(1.0, unit, 0.999), "exact", says, n, impact=impact,
            evidence={"kind": kind, "stays": first, "spare": others},
        )  # fmt: skip


def stays(subject: Subject, columns: Sequence[str]) -> list[str]:
    """The columns, the one to keep first: one with a role, a number before a text, the shorter name, the alphabet."""
    roles = subject.roles
    kept = {c for r in ("order", "group", "protected", "site") for c in roles.named(r)} | {roles.asked_at}
    kind = {c.name: c.kind for c in subject.table.columns}
    return sorted(columns, key=lambda c: (c not in kept, kind[c] not in NUMERIC, len(c), c))


def blocks(subject: Subject, facts: Facts, rows: Sample, names: Sequence[str], m: float) -> Iterator[Claim]:
    """One text in three columns or more on just the same rows."""
    kinds = {c.name: c.kind for c in rows.columns}
    masks: dict[bytes, list[tuple[str, str]]] = {}
    for name in names:
        if kinds[name] not in ("category", "mixed", "text"):
            continue
        codes, levels = rows.codes(name)
        if len(levels) > LEVELS:
            continue
        for k in np.flatnonzero(np.bincount(codes[codes >= 0], minlength=len(levels)) >= FEWEST_CELLS):
            if not levels[k].strip():
                continue
            key = hashlib.blake2b(np.packbits(codes == k).tobytes(), digest_size=16).digest()
            masks.setdefault(key, []).append((name, levels[k]))
    done = 0
    for members in masks.values():
        texts = [text for _, text in members]
        text = max(sorted(set(texts)), key=texts.count)
        columns = [name for name, own in members if own == text]
        if len(columns) < FEWEST_COLUMNS or done == MOST_BLOCKS:
            continue
        done += 1
        count = confirmed(subject, facts, rows, columns, text)
        if count is None:
            continue
        share = count / subject.table.n_rows
        where = next((f", where {c} is {own}" for c, own in members if own != text), "")
        held = f"{len(columns)} columns hold {text!r} on the same {count:,} rows ({percent(share)})"
        says = f"{held}{where}: {listed(columns)}"
        yield Claim(
            About(tuple(columns)), Effect(share, "share of rows", m), "exact", says, subject.table.n_rows,
            impact=Impact("tidy", why_unmeasured="the rows tell one thing once"),
            evidence={"kind": "block", "value": text, "rows": count},
        )  # fmt: skip


def confirmed(subject: Subject, facts: Facts, rows: Sample, columns: Sequence[str], text: str) -> int | None:
    """How many rows of the whole table hold the text, if they are the same rows in all columns."""
    if rows.n == subject.table.n_rows:
        codes, levels = rows.codes(columns[0])
        return int((codes == levels.index(text)).sum())
    count = None
    for other in columns[1:]:
        seen = facts[Ask("crosstab", (columns[0], other), (), (LEVELS,))]
        hits = [(a == text, b == text, k) for (a, b), k in seen.items() if text in (a, b)]
        if any(a != b for a, b, _ in hits):
            return None
        count = sum(k for _, _, k in hits)
    return count


def numbers(rows: Sample, names: Sequence[str], m: float) -> Iterator[Claim]:
    """Pairs, sums and products: searched on even rows of the sample (in hash order), claimed on odd ones."""
    small = rows.take(np.arange(min(rows.n, NUMBER_ROWS)))
    values = {c: x for c in names if (x := read(small, c)) is not None}
    names = list(values)
    X = np.column_stack(list(values.values())) if values else np.empty((small.n, 0))
    X = np.where(np.isfinite(X), X, np.nan)
    fine = np.isfinite(X).sum(0) >= FEWEST_ROWS
    names, X = [c for c, ok in zip(names, fine, strict=True) if ok], X[:, fine]
    if len(names) < 2:
        return
    A, B = X[::2], X[1::2]
    R, by_rank = pairwise(A), pairwise(ranks(A))
    np.fill_diagonal(R, 0.0)
    np.fill_diagonal(by_rank, 0.0)
    best = np.where(np.abs(R) >= np.abs(by_rank), R, by_rank)
    for i, j in zip(*np.nonzero(np.triu(np.abs(best) >= m)), strict=True):
        if not close(A, by_rank, R, int(i), int(j), m):
            R[i, j] = R[j, i] = best[i, j] = best[j, i] = by_rank[i, j]
    groups = joined(best, m)
    if not groups:
        i, j = np.triu_indices(len(names), 1)
        k = int(np.argmax(np.abs(best[i, j])))
        groups = [np.array((i[k], j[k]))]
    spare: set[int] = set()
    for group in groups:
        own = sorted(group.tolist(), key=lambda k: (len(names[k]), names[k]))
        pairs = [together(B, own[0], k, m, abs(by_rank[own[0], k]) >= abs(R[own[0], k])) for k in own[1:]]
        if abs(best[own[0], own[1]]) >= m:
            spare.update(own[1:])
        yield moved_together([names[k] for k in own], pairs, m)
    kept = [k for k in range(len(names)) if k not in spare]
    found = [f for f in follows(A[:, kept], m) if tight(A[:, kept[f.whole]], f.value(A[:, kept]), m)]
    for f in found:
        yield added_up([names[k] for k in kept], f, B[:, kept], m)
    spare.update(kept[f.whole] for f in found)
    kept = [k for k in kept if k not in spare]
    if len(kept) <= MOST_PRODUCTS:
        yield from multiplied([names[k] for k in kept], A[:, kept], B[:, kept], m)


def moved_together(names: list[str], pairs: list[Pair], m: float) -> Claim:
    """The weakest pair with the first column speaks for the group: all exceed what matters if it does."""
    p = [correlation_above(x, y, m) for x, y, _ in pairs]
    k = int(np.argmax(p))
    x, y, what = pairs[k]
    r = correlation(x, y)
    says = f"{listed(names)} move together: {what} {r:.6f} in {len(x):,} rows" if len(names) == 2 else (
        f"{listed(names)} move together: {what} with {names[0]} at least {r:.6f} in {len(x):,} rows"
    )  # fmt: skip
    return number_claim(tuple(names), x, y, r, p[k], m, says, {"kind": "pair", "stays": names[0], "spare": names[1:]})


def added_up(names: Sequence[str], f: Follows, B: F64, m: float) -> Claim:
    whole, value = B[:, f.whole], f.value(B)
    fine = np.isfinite(whole) & np.isfinite(value)
    parts = [names[k] for k in f.parts]
    r = correlation(whole[fine], value[fine])
    plain = all(abs(abs(w) - 1) < 1e-3 for w in f.weights)
    ordered = sorted(zip(parts, f.weights, strict=True), key=lambda pair: pair[1] < 0)
    terms = [f"{'-' if w < 0 else '+'} {'' if plain else f'{abs(w):.3g} * '}{c}" for c, w in ordered]
    formula = " ".join(terms).removeprefix("+ ")
    says = f"{names[f.whole]} is {formula}, up to a constant: correlation {r:.6f} in {int(fine.sum()):,} rows"
    evidence = {"kind": "sum", "spare": [names[f.whole]], "parts": parts, "weights": list(f.weights), "base": f.base}
    p = correlation_above(whole[fine], value[fine], m)
    return number_claim((names[f.whole], *parts), whole[fine], value[fine], r, p, m, says, evidence)


def multiplied(names: Sequence[str], A: F64, B: F64, m: float) -> Iterator[Claim]:
    found: list[tuple[bool, float, Claim]] = []
    for k, name in enumerate(names):
        others = [j for j in range(len(names)) if j != k]
        for made in products([names[j] for j in others], A[:, k], A[:, others]):
            at = [names.index(part) for part in made.parts]
            r = correlation(A[:, k], made.value([A[:, j] for j in at]))
            if r < m:
                continue
            value = made.value([B[:, j] for j in at])
            fine = np.isfinite(value) & np.isfinite(B[:, k])
            x, y = B[fine, k], value[fine]
            says = f"{name} follows {made.says()}: correlation {correlation(x, y):.6f} in {int(fine.sum()):,} rows"
            evidence = {"kind": "product", "spare": [name], "parts": list(made.parts)}
            p = correlation_above(x, y, m)
            claim = number_claim((name, *made.parts), x, y, correlation(x, y), p, m, says, evidence)
            found.append((min(made.weights) < 0, -r, claim))
    taken: set[str] = set()
    for _, _, claim in sorted(found, key=lambda item: (item[0], item[1], item[2].about.columns)):
        if not taken & set(claim.about.columns):  # a product read the other way is no second finding
            taken |= set(claim.about.columns)
            yield claim


def number_claim(
    columns: tuple[str, ...], x: F64, y: F64, r: float, p: float, m: float, says: str, evidence: Mapping[str, object]
) -> Claim:
    effect = Effect(r, "correlation", m, partial(correlation_interval, x, y))
    impact = Impact("tidy", why_unmeasured="the remedy's trial measures what dropping it costs")
    return Claim(About(columns), effect, "test", says, len(x), p=p, family="pair", impact=impact, evidence=evidence)


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    evidence = finding.claim.evidence
    roles = subject.roles
    kept = {c for r in ("order", "group", "protected", "site") for c in roles.named(r)} | {roles.asked_at}
    spare = tuple(c for c in evidence.get("spare", ()) if c not in kept)
    if not spare:
        return None
    reason = {"copy": "a copy of", "renamed": "one-to-one with", "pair": "nearly a copy of"}.get(evidence["kind"])
    why = f"{reason} {evidence['stays']}" if reason else f"it follows from {listed(evidence['parts'])}"
    safety = "safe" if evidence["kind"] == "copy" else "unsafe"
    says = f"drop {listed(spare)}: {why}"
    return Remedy("columns", "safe" if safety == "safe" else "unsafe", "gain", says, (Op("drop_column", spare),))


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Copy the number column with the most values; outside a share ``dose`` of the rows its values are shuffled."""
    import pyarrow as pa

    arrow, n = subject.table.arrow(), subject.table.n_rows
    kinds = {c.name: c.kind for c in subject.table.columns}
    names = [c for c in subject.features if kinds[c] == "number"] or list(subject.features)
    origin = max(sorted(names), key=lambda c: len(arrow[c].unique()))
    at = np.arange(n)
    moved = np.flatnonzero(rng.random(n) >= dose)
    at[moved] = moved[rng.permutation(len(moved))]
    table = arrow.append_column(PLANTED, arrow[origin].take(pa.array(at)))
    return Planted(subject.with_table(subject.table.derive(table)), (origin, PLANTED), dose)
