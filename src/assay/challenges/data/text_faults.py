"""Free text with wrong encodings, markup, boilerplate, another language, or its end cut off.

What it is
    Texts that came through a pipe that was not made for them: read in the wrong encoding (Ã© for é), with HTML tags
    and entities left in (&amp;, <br>), without a word, with the same long phrase in front of many, in another
    language or script than the rest, or cut at the length of a database field.

Why it matters
    A model of words learns the pipe instead of the text: each wrong encoding makes new words, `amp` and `br` become
    the most frequent ones, boilerplate tells the source of a row and not what it says, and what was cut off or is
    in another language is not read at all.

How it is measured
    Exact counts over the whole table, one claim for each text column and fault:
    - *encoding*: the replacement character, or pairs of characters that UTF-8 makes when it is read as Latin-1 or
      Windows-1252 (Ã or Â with a sign from U+0080 to U+00BF, â€) and that no language writes;
    - *entities* (&amp; &#39;) and *tags* of HTML (<br>, </p>, <a href=...>);
    - *no words*: three or more marks and not one letter or digit (fewer marks are D02's);
    - *boilerplate*: the same 40 first or last characters in many different texts; searched in the row sample, counted
      in the table;
    - *script*: texts in one script (Cyrillic, Greek, Arabic, Hebrew, Chinese or Japanese, Korean, Thai, Devanagari,
      Latin) where nine in ten of the others are in another one.
    As *looks like*: *language*, from the most frequent small words of seven languages in a sample of texts (three of
    them at least, and twice as many as of any other language, where three in four texts are in one language); and *cut
    off*, where the greatest length has five times the texts of any length of the fifth below it.
    The last four are asked only of columns with four words or more in the middle text.

Example
    >>> import pyarrow as pa, assay
    >>> said = [f"part {k} fits &amp; works, and number {k * k} came late too" for k in range(200)]
    >>> table = pa.table({"said": said, "y": ["good", "bad"] * 100})
    >>> assay.check(table, target="y")["D17"].verdict
    'found'

Remedy
    Advice only: read the file again in the right encoding, unescape and strip markup before words are counted, cut
    phrases that all texts share, and widen the field that cuts. A repair of the texts themselves would guess.

Known false alarms
    Texts about HTML; a limit that writers keep to themselves (a message of 160 characters); a signature that says
    something. Languages are read off small words: short texts and mixed ones are left out.

Sources
    Speer, "ftfy: fixes text for you" (2019), for the pairs; Cavnar and Trenkle, "N-gram-based text categorization",
    SDAIR (1994), for languages by their most frequent forms; Schofield, Thompson and Mimno, "Quantifying the effects
    of text duplication on semantic models", EMNLP (2017), for boilerplate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Basis, Claim, Effect, Impact
from assay.core.errors import NotApplicable
from assay.core.facts import Holes
from assay.core.rows import Rows
from assay.core.subject import Planted, Subject
from assay.core.table import Ask, Facts, Sample
from assay.core.words import percent

CHALLENGE = Challenge(
    code="D17",
    name="text-faults",
    title="free text that came through the wrong pipe",
    stage="data",
    needs=("text",),
    category="costs",
    scope="marginal",
    promise=Dose(0.02, 500, "two texts in a hundred are read in the wrong encoding"),
    materiality=(
        Threshold("texts", 0.001, "share of texts", "one in a thousand: a word in fewer texts is learned by no model"),
        Threshold("phrase", 0.05, "share of texts", "one in twenty: a phrase in fewer is a way of speaking"),
        Threshold("cut", 0.01, "share of texts", "one in a hundred: what fewer texts say at their end moves no score"),
    ),
)
_LATIN1 = r"\x{80}-\x{bf}‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ€"
ENCODING = rf"Ã[{_LATIN1}]|Â[\x{{80}}-\x{{bf}}]|â€|â\x{{80}}|ï»¿|\x{{fffd}}"
ENTITY = ("&", r"&(?:[A-Za-z][A-Za-z0-9]{1,30}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")
_TAGS = (
    "a|abbr|b|blockquote|body|br|button|center|code|dd|div|dl|dt|em|font|form|h[1-6]|head|hr|html|i|iframe|img|input|"
    "label|li|link|meta|ol|option|p|pre|script|select|small|span|strong|style|sub|sup|table|tbody|td|th|thead|title|"
    "tr|u|ul"
)
TAG = ("<", rf"(?i)</?(?:{_TAGS})(?:\s[^<>]*)?/?>")
WORDLESS = r"^[\s!-/:-@\[-`{-~]{3,}$"
SIMPLE = {
    "encoding": (ENCODING, "are in a wrong encoding, with signs such as Ã© or �"),
    "entities": (ENTITY, "hold HTML entities such as &amp;"),
    "tags": (TAG, "hold HTML tags such as <br>"),
    "no words": (WORDLESS, "hold marks and not one letter or digit"),
}
SCRIPTS = {
    "Latin": r"\p{Latin}", "Cyrillic": r"\p{Cyrillic}", "Greek": r"\p{Greek}", "Arabic": r"\p{Arabic}",
    "Hebrew": r"\p{Hebrew}", "Chinese or Japanese": r"[\p{Han}\p{Hiragana}\p{Katakana}]", "Korean": r"\p{Hangul}",
    "Thai": r"\p{Thai}", "Devanagari": r"\p{Devanagari}",
}  # fmt: skip
SMALL_WORDS = {
    "English": "the and is of that you for with this have are was not they from",
    "German": "und der das ist nicht ein mit für auf sich auch eine den wir ich",
    "French": "les des est une pas dans pour qui sur avec vous nous sont cette mais",
    "Spanish": "los las una por con para como pero más este muy también porque está fue",
    "Italian": "che non una per sono della anche più con questo gli nella è come molto",
    "Dutch": "het een van niet dat voor zijn met aan ook maar wij deze bij naar",
    "Portuguese": "não uma com para dos mais você mas ele isso muito são foi também pelo",
}
HITS, TWICE, DOMINANT, SPOKEN = 3, 2, 0.9, 0.75
PHRASE, WORDS, SPIKE, LEAST_CUT, LEAST_TEXTS = 40, 4, 5, 10, 100
TEXTS = 5_000  # of the sample, for what is read and not counted
MOST_COLUMNS = 20


def asks(subject: Subject) -> Iterable[Ask]:
    for name in columns(subject):
        yield simple_ask(name)
        yield Ask("holes", (name,))
        yield Ask("lengths", (name,))


def columns(subject: Subject) -> list[str]:
    out = {c for role in ("id", "target") for c in subject.roles.named(role)}
    return sorted(c.name for c in subject.table.columns if c.kind == "text" and c.name not in out)[:MOST_COLUMNS]


def simple_ask(name: str) -> Ask:
    return Ask("matches", (name,), args=tuple(pattern for pattern, _ in SIMPLE.values()))


def measure(subject: Subject, facts: Facts, rows: Sample, options: Options) -> Iterator[Claim]:
    names = columns(subject)
    if not names:
        raise NotApplicable("no column of free text but the target and the ids")
    for name in names:
        holes: Holes = facts[Ask("holes", (name,))]
        n = holes.rows - holes.n
        if n == 0:
            continue
        for (fault, (_, what)), count in zip(SIMPLE.items(), facts[simple_ask(name)], strict=True):
            yield claim(name, fault, count, n, options["texts"], "exact", f"{what}")
        texts = sampled(rows, name)
        if len(texts) and is_prose(texts):
            yield from phrases(facts, name, texts, n, options["phrase"])
            yield from scripts(facts, name, texts, n, options["texts"])
            yield from languages(name, texts, options["cut"])
            yield from cut_off(facts[Ask("lengths", (name,))], name, n, options["cut"])


def claim(
    name: str, fault: str, count: int, n: int, m: float, basis: Basis, what: str, of: str = "texts", **more: Any
) -> Claim:
    says = f"{count:,} of {n:,} {of} in {name} ({percent(count / n)}) {what}"
    return Claim(
        About((name,), slice=fault), Effect(count / n, "share of texts", m), basis, says, n,
        impact=Impact("costs", why_unmeasured="needs a model that reads the texts"),
        evidence={"count": count, **more},
    )  # fmt: skip


def sampled(rows: Sample, name: str) -> Any:
    """The texts of the sample, null left out, in order of row ids: the first are a random draw."""
    import pyarrow as pa

    column = rows.arrow[name]
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column.cast(pa.string()).drop_null()


def is_prose(texts: Any) -> bool:
    import pyarrow.compute as pc

    blanks = pc.count_substring_regex(texts.slice(0, TEXTS), r"\S\s+\S")
    return float(np.median(np.asarray(blanks.to_numpy(zero_copy_only=False), np.float64))) >= WORDS - 1


def phrases(facts: Facts, name: str, texts: Any, n: int, m: float) -> Iterator[Claim]:
    """The commonest first and last forty characters of longer texts; each different text is looked at once."""
    import pyarrow.compute as pc

    long = pc.unique(texts.filter(pc.greater(pc.utf8_length(texts), PHRASE)))
    if len(long) < LEAST_TEXTS:
        return
    for fault, part, (before, after) in (
        ("the same beginning", pc.utf8_slice_codeunits(long, 0, PHRASE), (r"(?s)^", "")),
        ("the same end", pc.utf8_reverse(pc.utf8_slice_codeunits(pc.utf8_reverse(long), 0, PHRASE)), ("", r"\z")),
    ):
        counts = sorted(((v["counts"], v["values"]) for v in pc.value_counts(part).to_pylist()), key=most)
        if not counts or counts[0][0] < max(LEAST_CUT, m * len(long) / 2):
            yield claim(name, fault, 0, n, m, "exact", "share a phrase")
            continue
        phrase = counts[0][1]
        (count,) = facts[Ask("matches", (name,), args=((phrase, f"{before}{escaped(phrase)}{after}"),))]
        where = "begin" if before else "end"
        yield claim(name, fault, count, n, m, "exact", f"{where} with the same {PHRASE} characters", share=count / n)


def most(item: tuple[int, str]) -> tuple[int, str]:
    return -item[0], item[1]


def escaped(text: str) -> str:
    return re.sub(r"([^\w\s])", r"\\\1", text, flags=re.ASCII) if text.isascii() else rf"\Q{text}\E"


def scripts(facts: Facts, name: str, texts: Any, n: int, m: float) -> Iterator[Claim]:
    """Texts in one script only, by script; counted in the table where the sample shows two."""
    import pyarrow.compute as pc

    some = texts.slice(0, TEXTS)
    seen = {s: int(pc.sum(pc.match_substring_regex(some, p)).as_py() or 0) for s, p in SCRIPTS.items()}
    there = [s for s, count in seen.items() if count]
    if len(there) < 2:
        yield claim(name, "script", 0, n, m, "exact", "are in another script than the others")
        return
    only = {s: alone(s, there) for s in there}
    counts = dict(zip(there, facts[Ask("matches", (name,), args=tuple(only.values()))], strict=True))
    usual = max(there, key=lambda s: (counts[s], s))
    others = {s: c for s, c in counts.items() if s != usual and c}
    if not others or counts[usual] < DOMINANT * sum(counts.values()):
        yield claim(name, "script", 0, n, m, "exact", "are in another script than the others")
        return
    listed = ", ".join(f"{s} {c:,}" for s, c in sorted(others.items(), key=lambda item: (-item[1], item[0])))
    what = f"are not in {usual} script as the others are ({listed})"
    yield claim(name, "script", sum(others.values()), n, m, "exact", what, scripts=counts)


def alone(script: str, there: list[str]) -> str:
    """RE2: letters of this script, and of no other script that is there."""
    others = "".join(SCRIPTS[s].strip("[]") for s in there if s != script)
    return rf"(?s)^[^{others}]*{SCRIPTS[script]}[^{others}]*$"


def languages(name: str, texts: Any, m: float) -> Iterator[Claim]:
    """Languages by their small words, over texts that hold enough of them."""
    import pyarrow.compute as pc

    some = pc.utf8_lower(texts.slice(0, TEXTS))
    hits = np.stack([
        np.asarray(pc.count_substring_regex(some, word_pattern(words)).to_numpy(zero_copy_only=False), np.int64)
        for words in SMALL_WORDS.values()
    ])  # fmt: skip
    order = np.sort(hits, axis=0)
    sure = (order[-1] >= HITS) & (order[-1] >= TWICE * order[-2])
    told = hits.argmax(axis=0)[sure]
    if len(told) < LEAST_TEXTS:
        return
    counts = np.bincount(told, minlength=len(SMALL_WORDS))
    usual = int(counts.argmax())
    strange = int(counts.sum() - counts[usual]) if counts[usual] >= SPOKEN * counts.sum() else 0
    spoken = list(SMALL_WORDS)
    found: Mapping[str, int] = {spoken[i]: int(c) for i, c in enumerate(counts) if c}
    listed = ", ".join(f"{s} {c:,}" for s, c in found.items() if s != spoken[usual])
    what = f"look like another language than {spoken[usual]} ({listed})"
    yield claim(name, "language", strange, len(told), m, "heuristic", what, "sampled texts", languages=dict(found))


def word_pattern(words: str) -> str:
    return rf"(?:^|[^\p{{L}}])(?:{'|'.join(words.split())})\b"


def cut_off(lengths: Mapping[int, int], name: str, n: int, m: float) -> Iterator[Claim]:
    """A spike at the greatest length, against every length of the fifth below it."""
    if not lengths:
        return
    last = max(lengths)
    below = max((c for k, c in lengths.items() if 0.8 * last <= k < last), default=0)
    count = lengths[last]
    spiked = last > PHRASE and count >= max(LEAST_CUT, SPIKE * max(1, below)) and min(lengths) < 0.8 * last
    what = f"look cut off: they have exactly {last:,} characters, and at most {below:,} have any length near it"
    yield claim(name, "cut off", count if spiked else 0, n, m, "heuristic", what, length=last, near=below)


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Put a quotation mark in the wrong encoding in front of a share ``dose`` of the texts of one column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = columns(subject)
    if not names:
        raise NotApplicable("no column of free text but the target and the ids")
    arrow = subject.table.arrow()
    texts = arrow[names[0]].combine_chunks().cast(pa.string())
    known = np.flatnonzero(~np.asarray(pc.is_null(texts).to_numpy(zero_copy_only=False), bool))
    hit = np.sort(rng.permutation(known)[: round(dose * len(known))])
    mask = np.zeros(len(texts), bool)
    mask[hit] = True
    broken = pc.binary_join_element_wise("â€œ", texts, "")
    arrow = arrow.set_column(
        arrow.schema.get_field_index(names[0]), names[0], pc.if_else(pa.array(mask), broken, texts)
    )
    effect = len(hit) / max(1, len(known))
    return Planted(subject.with_table(subject.table.derive(arrow)), (names[0],), effect, Rows.at(hit))
