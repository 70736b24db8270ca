"""What the texts of a column read as: numbers, percentages, thousands, quotes, dates; or codes that no number is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from assay.core.facts import Parses
from assay.core.patterns import NUMBER, whole
from assay.core.subject import Subject
from assay.core.table import Ask, Facts, Sample

from .stand_ins import WORDS

MAPPED = 1_000


def read(subject: Subject, facts: Facts, rows: Sample, name: str) -> tuple[str, float, Mapping[str, Any]]:
    """The reading that most cells allow, its share of the cells that say something, and what is needed to mend it."""
    parsed: Parses = facts[Ask("parses", (name,))]
    missing = sum(count for word, count in facts[Ask("tokens", (name,), args=WORDS)].items() if word)
    filled = parsed.n - parsed.blank - missing
    if filled <= 0:
        return "text", 0.0, {}
    form = subject.table.column(name).storage[9:-1] if subject.table.column(name).kind == "date" else ""
    if form == "iso":  # year first reads one way only, and files have no other way of keeping a date
        return "text", 0.0, {}
    counts = {
        "date": parsed.date if form else 0, "quoted": parsed.quoted,
        "percent": parsed.percent + parsed.number if parsed.percent else 0,
        "thousands": parsed.thousands + parsed.number if parsed.thousands else 0,
        "number": 0 if name in subject.roles.named("target") else parsed.number,
    }  # fmt: skip
    reading = max(counts, key=lambda key: counts[key])
    share = min(1.0, counts[reading] / filled)
    if share <= 0.5 or (reading == "number" and is_code(rows, name)):
        return "text", 0.0 if share > 0.5 else share, {}
    evidence: dict[str, Any] = {
        "bad": filled - counts[reading],
        "blank": parsed.blank,
        "missing": missing,
        "filled": filled,
    }
    if reading == "date":
        evidence["format"] = form
    elif reading in ("percent", "thousands", "quoted"):
        evidence["some"] = {"percent": parsed.percent, "thousands": parsed.thousands, "quoted": parsed.quoted}[reading]
        pairs = {str(v): bare(str(v)) for v, _ in facts[Ask("top", (name,), args=(MAPPED + 1,))]}
        evidence["mapping"] = {k: v for k, v in pairs.items() if k != v} if len(pairs) <= MAPPED else None
        evidence["numeric"] = all(is_number(v) for v in pairs.values()) and name not in subject.roles.named("target")
    evidence["whole"] = parsed.integer == parsed.number
    return reading, share, evidence


def is_code(rows: Sample, name: str) -> bool:
    """Some text starts with a zero that no number has, or what is no number mixes digits into it (V57, 1001x)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = rows.arrow[name].drop_null().cast(pa.string())
    padded = pc.any(pc.match_substring_regex(texts, r"^\s*0[0-9]")).as_py()
    rest = texts.filter(pc.invert(pc.match_substring_regex(texts, whole(NUMBER))))
    digits = pc.sum(pc.match_substring_regex(rest, "[0-9]")).as_py() or 0
    return bool(padded) or 2 * digits > len(rest)


def bare(text: str) -> str:
    """The text without quotes, percent sign and thousands."""
    out = text.strip()
    if len(out) > 1 and out[0] == out[-1] and out[0] in "'\"":
        return out[1:-1].strip()
    return out.rstrip("%").replace(",", "").lstrip("$€£").strip()


def is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return text == ""
