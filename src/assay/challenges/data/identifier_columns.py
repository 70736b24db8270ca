"""A name tag poses as a feature.

What it is
    A column that names the row instead of describing it: a key, a row number, a hash; or a category with so many
    levels that it nearly does.

Why it matters
    A model can learn a key by heart and nothing from it. Where a key carries signal after all (numbers given in the
    order of arrival, or by district), the score rests on how numbers happened to be handed out. And one such column
    hides repeated rows and contradicting labels from every check that compares whole rows.

How it is measured
    *Key*: the share of filled cells whose value is their own, counted over the whole table, for columns that are
    shaped like keys. Text: one pattern of digits, letters and signs in 95 % of the cells, at least one digit, no
    blank. Whole numbers: a run without gap or repeat; or, as *looks like*, numbers that crowd together and yet
    never repeat: if N pairs lie within 32 grid steps of each other, N/32 equal pairs are expected of a smooth
    measurement, and none has a chance of exp(-N/32), which has to be below one in a million. Unique decimals and
    free text are not keys; nor are numbers whose column is named for a time, a rank or a running total, nor ones
    that rise or fall in step with a decimal column (rank correlation .99): they are a place in an order. Where the
    name is one of a key (order_no), or there is none, that is no matter. What a number key says about the target
    alone is measured with a small booster on one half and given with an interval from the other, as evidence; it is
    not required to be nil. A guessed id is no feature, so that what it says raises no score: it is advice.
    *Many levels*: more than the 255 that a boosted tree keeps apart in one column.
    *Batch number* (only where the row order is declared): whole numbers with repeats, nearly every one in a single
    block of rows; or that count up and start over after stretches of unequal length: a candidate for the group.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> case = [f"C-{i:05}" for i in range(300)]
    >>> table = pa.table({"case": case, "x": rng.normal(size=300), "y": ["a", "b", "a"] * 100})
    >>> assay.check(table, target="y")["D10"].verdict
    'found'

Remedy
    Safe: leave a key out of the model, as with ``--id COLUMN``. Unsafe where it carries signal on its own, since
    the score will fall: find the column that the signal stands for. Many levels and batch numbers are advice.

Known false alarms
    Codes that mean something once taken apart (a post code, a product code with its family in front); a
    whole-number measurement of which no two rows agree, in a table that was made unique on it.

Sources
    Feller, "An Introduction to Probability Theory and Its Applications" I, II.3 (birthdays); Micci-Barreca, "A
    preprocessing scheme for high-cardinality categorical attributes", SIGKDD Explorations 3 (2001); Ke et al.,
    "LightGBM", NeurIPS (2017), max_bin; Kaufman, Rosset and Perlich, "Leakage in data mining", KDD (2011), on
    identifiers that leak.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Basis, Claim, Effect, Impact
from assay.core.errors import AssayError
from assay.core.facts import Distinct, Holes
from assay.core.finding import Finding
from assay.core.remedy import Op, Remedy, Safety
from assay.core.subject import Planted, Subject
from assay.core.table import Ask, Facts, Sample
from assay.core.words import listed, percent
from assay.learn.learners import quick
from assay.learn.scoring import loss
from assay.learn.target import labels
from assay.probes.key_shapes import FEWEST, LOOKED, shape
from assay.probes.keys import whole
from assay.probes.read_as import read
from assay.probes.stand_ins import WORDS
from assay.stats.means import mean_interval

CHALLENGE = Challenge(
    code="D10",
    name="identifier-columns",
    title="name tags that pose as features",
    stage="data",
    needs=("two-rows",),
    category="tidy",
    scope="marginal",
    promise=Dose(1.0, 300, "a code of its own for every row"),
    materiality=(
        Threshold(
            "own", 0.99, "share of cells", "one row in a hundred may be a repeated record and the column still a key"
        ),
        Threshold(
            "levels", 255, "levels", "what a boosted tree keeps apart in one column (max_bin); others are merged"
        ),
        Threshold(
            "signal", 0.01, "share of loss", "a key that saves less than one percent of the loss carries nothing"
        ),
    ),
    proof="honesty",
    safety="safe",
)
BLOCKS, RISING, BLOCKED, UNEVEN = 20, 0.95, 0.9, 0.25  # values of a batch number; steps up; values by block; spread


def asks(subject: Subject) -> Iterable[Ask]:
    for name in candidates(subject):
        column = subject.table.column(name)
        if column.storage != "DOUBLE":  # decimals are no keys; whole ones are found in the sample and asked for then
            yield from (Ask("distinct", (name,)), Ask("holes", (name,)))
        if column.storage == "BIGINT":
            yield Ask("range", (name,))
        elif column.storage != "DOUBLE":
            yield from (Ask("parses", (name,)), Ask("tokens", (name,), args=WORDS))


def measure(subject: Subject, facts: Facts, rows: Sample, options: Options) -> Iterator[Claim]:
    n = subject.table.n_rows
    if n < FEWEST:
        return
    rest: dict[str, float] = {}
    many: dict[str, int] = {}
    for name in candidates(subject):
        if subject.table.column(name).storage == "DOUBLE" and not whole(rows.numbers(name)):
            continue
        holes: Holes = facts[Ask("holes", (name,))]
        distinct: Distinct = facts[Ask("distinct", (name,))]
        filled = n - holes.n
        if filled < FEWEST:
            continue
        own = min(1.0, distinct.n / filled)
        made = shape(subject, facts, rows, name, own, filled)
        if own > options["own"] and made:
            basis, looks = made
            signal = alone(subject, rows, name, options["signal"])
            yield key_claim(name, own, options["own"], filled, basis, looks, signal, name in subject.features)
            continue
        if own <= options["own"]:
            if made:
                rest[name] = own
            if distinct.n > options["levels"] and is_category(subject, facts, rows, name):
                many[name] = distinct.n
            if subject.roles.named("order") == ("@row",) and distinct.n >= BLOCKS:
                yield from batch(subject, rows, name, distinct.n)
    if rest:
        most = max(sorted(rest), key=lambda name: rest[name])
        says = f"{most} has a value of its own in {percent(rest[most])} of cells"
        yield Claim(About(tuple(sorted(rest))), Effect(rest[most], "share of cells", options["own"]), "exact", says, n)
    if many:
        names = tuple(sorted(many, key=lambda name: (-many[name], name)))
        verb = "has" if len(names) == 1 else "have"
        says = f"{listed([f'{name} ({many[name]:,})' for name in names])} {verb} more levels"
        says += f" than the {options['levels']:.0f} that a boosted tree keeps apart"
        beyond = 1 - options["levels"] / many[names[0]]
        yield Claim(
            About(names), Effect(beyond, "share of levels", 0.0), "exact", says, n,
            impact=Impact("tidy", why_unmeasured="the encoder gives such levels their mean target, in the fold"),
            evidence={"kind": "many-levels", "levels": many},
        )  # fmt: skip


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    evidence = finding.claim.evidence
    if evidence.get("kind") != "key":
        return None
    name = finding.columns[0]
    safety: Safety = "unsafe" if evidence["carries_signal"] else "safe"
    says = f"leave {name} out of the model: it names the row (--id {name})"
    return Remedy("columns", safety, "honesty", says, (Op("drop_column", finding.columns),), options={"role": "id"})


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Add a column of codes, of which a share ``dose`` is different."""
    import pyarrow as pa

    n = subject.table.n_rows
    name = next(c for c in ("case", "case_no", "case_no_2") if c not in subject.table.arrow().column_names)
    numbers = rng.permutation(n) % max(1, round(dose * n))
    codes = np.char.add("C-", np.char.zfill((10_000 + numbers).astype(str), 6))
    arrow = subject.table.arrow().append_column(name, pa.array(codes, pa.string()))
    return Planted(subject.with_table(subject.table.derive(arrow)), (name,), len(np.unique(numbers)) / n if n else 0.0)


def candidates(subject: Subject) -> tuple[str, ...]:
    """Features and guessed ids; what the user named as id, group, site or order is no surprise."""
    roles = subject.roles
    guessed = roles.named("id") if roles.id is not None and roles.id.source == "guess" else ()
    said = [role for role in (roles.order, roles.group, roles.site) if role is not None and role.source == "user"]
    named = {c for role in said for c in role.columns} | {*roles.named("order"), *roles.named("target")}
    names = sorted({*subject.features, *guessed} - named)
    return tuple(c for c in names if subject.table.column(c).kind in ("number", "category", "text"))


def is_category(subject: Subject, facts: Facts, rows: Sample, name: str) -> bool:
    """Texts of a few words as a rule: names or codes; neither prose nor numbers kept as text, which D03 names."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if subject.table.column(name).kind not in ("category", "text") or read(subject, facts, rows, name)[0] != "text":
        return False
    texts = rows.arrow[name].slice(0, LOOKED).drop_null().cast(pa.string())
    spaced = pc.sum(pc.greater(pc.count_substring(pc.utf8_trim_whitespace(texts), " "), 3)).as_py()
    return len(texts) > 0 and (spaced or 0) < 0.5 * len(texts)


def key_claim(
    name: str,
    own: float,
    limit: float,
    filled: int,
    basis: Basis,
    looks: str,
    signal: Mapping[str, Any] | None,
    fed: bool,
) -> Claim:
    """A key, with what it says alone. ``fed``: it is a feature; a guessed id is out already and raises no score."""
    every = f"every one of {filled:,} cells" if own == 1.0 else f"{percent(own)} of {filled:,} cells"
    says = f"{name} has a value of its own in {every} and {looks}"
    carries = bool(fed and signal and signal["material"])
    if signal and carries:
        says += f"; alone it saves {percent(signal['saved'])} of the loss"
    if not fed:
        says += "; it is taken as an id and left out of the features"
    impact = Impact("tidy", why_unmeasured="a name tag should say nothing")
    if signal:
        impact = Impact(
            "inflates" if carries else "tidy", signal["saved"], signal["interval"], "share of loss saved alone"
        )
    return Claim(
        About((name,)), Effect(own, "share of cells", limit), basis, says, filled, impact=impact,
        evidence={"kind": "key", "looks": looks, "alone": dict(signal or {}), "carries_signal": carries},
    )  # fmt: skip


def alone(subject: Subject, rows: Sample, name: str, material: float) -> Mapping[str, Any] | None:
    """Share of the loss that a number key saves by itself, learned on one half and measured on the other."""
    if subject.roles.target is None or subject.table.column(name).kind != "number":
        return None
    try:
        truth = labels(rows, subject.roles)
    except AssayError:
        return None
    at = np.flatnonzero(truth.known & np.isfinite(rows.numbers(name)))
    if len(at) < 4 * FEWEST:
        return None
    first = (subject.rng("D10", f"halves {name}").permutation(len(at)) % 2).astype(bool)
    x = rows.numbers(name)[at]
    x = ((x - x.min()) / max(1.0, x.max() - x.min())).astype(np.float32)[:, None]
    y = truth.y[at]
    model = quick(x[first], y[first], truth.task, outputs=truth.outputs)
    plain = quick(x[first] * 0, y[first], truth.task, rounds=1, outputs=truth.outputs)
    after, before = (loss(m.predict(v), y[~first], truth.task) for m, v in ((model, x[~first]), (plain, x[~first] * 0)))
    scale = float(before.mean())
    if scale <= 0:
        return None
    lo, hi = mean_interval((before - after) / scale, 0.05)
    saved = float((before - after).mean()) / scale
    return {"saved": saved, "interval": (lo, hi), "material": lo > material, "rows": int((~first).sum())}


def batch(subject: Subject, rows: Sample, name: str, levels: int) -> Iterator[Claim]:
    """A whole number with repeats that stands in blocks along the rows, or counts up and starts over."""
    if subject.table.column(name).kind != "number":
        return
    values = rows.numbers(name)[np.argsort(rows.position, kind="stable")]
    values = values[np.isfinite(values)]
    if len(values) < 4 * BLOCKS or not whole(values):
        return
    steps = np.diff(values)
    changes = 1 + int((steps != 0).sum())
    starts = np.flatnonzero(steps < 0)
    lengths = np.diff(np.concatenate(([-1], starts, [len(values) - 1])))
    uneven = len(starts) > 0 and lengths.std() > UNEVEN * lengths.mean()  # a clock starts over after equal times
    if uneven and (steps > 0).mean() > RISING:
        share, limit, unit = float((steps > 0).mean()), RISING, "share of steps up"
        says = f"{name} looks like a row number that starts over {len(starts):,} times; its stretches are a"
    else:
        share, limit, unit = (levels / changes if (steps < 0).mean() < 1 - RISING else 0.0), BLOCKED, "values by block"
        says = f"{name} looks like a batch number, with {levels:,} values in {changes:,} blocks of rows; it is a"
    yield Claim(
        About((name,)), Effect(share, unit, limit), "heuristic", f"{says} candidate for --group",
        len(values), impact=Impact("tidy", why_unmeasured="needs a refit on a grouped split"),
        evidence={"kind": "batch"},
    )  # fmt: skip
