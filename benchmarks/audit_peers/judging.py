"""What counts as found, by the same rule for every tool.

A tool *finds* a planted fault where its report on the faulty table holds an alert that it did not give on the clean
twin, that names a planted column (or rows, where rows were planted), and whose check is of the fault's kind (``KIND``,
which reads generously: a value out of range stands for a disguised blank, a drift for new categories; of assay, its
own code or one that says the same, ``KIN``). It *notices* one where only the kind is missing. An alert that was there
before counts where the number of rows in it has grown by at least half of the planted ones.

Tools that need a reference (evidently, GX, pandera, whylogs, deepchecks' train-test suite) get half of the clean twin
as the reference and the other half of the faulty table as the current one: the good reference that their documents
ask for. Where the plant adds columns the reference has them too, as they refuse it otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plants import Case

Doc = dict[str, Any]
RANGE = "between|greater_than|less_than|minim|maxim|outlier|skewed"
VALUES = "in_set|isin|new category|new label|category mismatch"
NULLS = "missing|not_be_null|not_nullable|^null$"
DRIFT = "drift|^ks$|chi-square"
COPIES = "duplicate|samples mix"
TIES = "correlation"
KIND = {
    "D01": NULLS, "D02": f"{RANGE}|{VALUES}|mixed nulls|special char|zeros", "D03": "type|unsupported",
    "D04": f"{VALUES}|string mismatch|dirty_category", "D05": f"{RANGE}|mean value|std value",
    "D06": f"{VALUES}|string mismatch",
    "D07": COPIES, "D08": COPIES, "D09": "constant|single value|std value",
    "D10": "unique|identifier|high_cardinality|uniform", "D11": TIES, "D12": "", "D13": "correlation change",
    "D14": "high_cardinality|unique", "D15": "non_stationary|seasonal",
    "D17": "special char|string length|string mismatch", "D19": "",
    "L01": "^label$", "L02": "conflicting|^label$", "L03": "imbalance", "L04": "imbalance",
    "L05": f"{NULLS}|imbalance|skewed", "L06": NULLS, "L07": "label drift|correlation change|non_iid",
    "K01": TIES, "K02": TIES, "K03": TIES, "K04": COPIES, "K05": "leakage|non_iid|samples mix",
    "K06": f"leakage|non_iid|{DRIFT}", "S02": f"{DRIFT}|quantile|mean value|std value", "S03": DRIFT,
    "S04": f"{DRIFT}|correlation change", "S05": f"{VALUES}|{DRIFT}|string mismatch", "S06": TIES,
}  # fmt: skip
KIN = {  # codes of assay that say the same of a plant as what a peer gets credit for
    "D07": ("K04",), "D08": ("K04", "D07"), "K04": ("D07", "D08"), "L06": ("D01",), "L07": ("S03", "S04"),
    "K01": ("K02", "K03"), "K02": ("K01",), "K03": ("K01", "K02"), "S04": ("S03",), "S05": ("D04",),
}  # fmt: skip
ONE_TABLE = ("assay", "assay-frame", "cleanlab", "ydata")
OF_LABEL = re.compile(r"^(label|class_imbalance)$|label", re.IGNORECASE)


def pair_of(case: Case, part: str, peer: str) -> tuple[Path, ...]:
    """Reference and current for this tool; nothing where it reads the whole table."""
    if case.pair:
        return case.path(part, "a"), case.path(part, "b")
    if peer in ONE_TABLE:
        return ()
    return case.path(case.clean if case.same else part, "a"), case.path(part, "b")


def names(peer: str, alert: Mapping[str, str], column: str, roles: Mapping[str, Any]) -> bool:
    """Whether an alert names a column; cleanlab names none, but an alert about labels is about the target."""
    text, own = alert["text"], re.escape(column)
    if column == roles.get("target") and OF_LABEL.search(alert["check"]):
        return True
    if peer.startswith("assay"):
        named = set(re.findall(r"\[([^\]]*)\] ", text))
        return column in named or named <= {v for k, v in roles.items() if k != "task"}
    if peer in ("deepchecks", "evidently"):
        return re.search(rf"""['"]{own}['"]|column {own} """, f"{alert['check']} {text} ") is not None
    return re.search(rf"^{own}( |$)|\[{own}\]", text) is not None


def rows_in(alert: Mapping[str, str], n: int) -> float:
    """The rows that an alert counts: a number of rows, or a share of them; 0 where it says neither."""
    text = alert["text"]
    if said := re.search(r"(\d+) rows$|has (\d+) ", text):
        return float(said[1] or said[2])
    if said := re.search(r"Found ([\d.]+)%", text):
        return float(said[1]) / 100 * n
    return 0.0


def new_alerts(peer: str, case: Case, clean: Doc, faulty: Doc, n: int) -> list[Doc]:
    """The alerts on the faulty table that name what was planted and were not given before."""
    columns: list[str | None] = [c for c in case.columns if peer != "cleanlab" or c == case.roles.get("target")] or [
        None
    ]
    out = []
    for alert in faulty["findings"]:
        for c in columns:
            if c is not None and not names(peer, alert, c, case.roles):
                continue
            said = [a for a in clean["findings"] if a["check"] == alert["check"]
                    and (c is None or names(peer, a, c, case.roles))]  # fmt: skip
            before, after = max((rows_in(a, n) for a in said), default=0.0), rows_in(alert, n)
            if not said or (case.rows and after and after - before >= case.rows / 2):
                out.append(alert)
                break
    return out


def verdict(peer: str, case: Case, clean: Doc, faulty: Doc, n: int = 0) -> str:
    """found, noticed, missed, or failed where the tool gave no report."""
    if clean["error"] or faulty["error"]:
        return "failed"
    new = new_alerts(peer, case, clean, faulty, n)
    if peer.startswith("assay"):
        right = any(a["check"] in (case.code, *KIN.get(case.code, ())) for a in new)
    else:
        kind = KIND[case.code]
        right = bool(kind) and any(re.search(kind, a["check"].lower()) for a in new)
    return "found" if right else "noticed" if new else "missed"


def print_faults(known: Mapping[tuple[str, ...], Doc], cases: list[Case], peers: list[str], key: Any) -> None:
    """A line a code: in how many of its tables each tool found the fault (+ noticed only; x no report)."""
    import pyarrow.parquet as pq

    made: dict[tuple[str, str], list[str]] = {}
    for case in cases:
        n = pq.read_metadata(case.path(case.faulty)).num_rows
        for peer in peers:
            docs = [known.get((peer, *key(case, part))) for part in (case.clean, case.faulty)]
            if docs[0] is not None and docs[1] is not None:
                made.setdefault((case.code, peer), []).append(verdict(peer, case, docs[0], docs[1], n))
    titles = {case.code: case.name for case in cases}
    print(f"\n| fault | {' | '.join(peers)} |\n|{'---|' * (len(peers) + 1)}")
    for code, name in titles.items():
        print(f"| {code} {name} | {' | '.join(cell(made.get((code, p), [])) for p in peers)} |")
    for word in ("found", "noticed", "failed"):
        totals = [[v for (_, p), said in made.items() if p == peer for v in said] for peer in peers]
        print(f"| **{word}** | {' | '.join(f'{t.count(word)} of {len(t)}' for t in totals)} |")


def cell(said: list[str]) -> str:
    found, noticed, failed = (said.count(word) for word in ("found", "noticed", "failed"))
    marks = [f"{found}/{len(said)}" if found else "", "+" * noticed, "x" * failed]
    return " ".join(m for m in marks if m) or ("-" if said else "")
