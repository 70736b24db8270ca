"""D17: what a pipe leaves in texts is counted exactly, and plain texts are left alone."""

import numpy as np
import pyarrow as pa
import pytest

from assay.challenges.data import text_faults as d17
from assay.testing import bare_subject, clean_subject
from tests.challenges.real import real, said, stands

PLAIN = clean_subject(600, 0, ("text",)).table.arrow()["remark"].to_pylist()


def subject(texts: list[str]):
    return bare_subject(pa.table({"said": texts, "outcome": np.resize(["no", "yes"], len(texts))}))


def some(change, every: int = 20) -> list[str]:
    return [change(t) if i % every == 0 else t for i, t in enumerate(PLAIN)]


def test_truths() -> None:
    (claim,) = stands(d17, real("sms_spam.csv.gz", "label"))
    assert "309 of 5,574" in claim.says and claim.about.slice == "entities"
    assert "37 of 1,000 texts in measure name" in said(d17, real("hospital_clean.csv.gz"))
    assert not stands(d17, real("dedupe_early_childhood.csv.gz"))


CASES = {
    "encoding": lambda t: ("élève " + t).encode().decode("cp1252"),
    "entities": lambda t: t + " &lt;b&gt;",
    "tags": lambda t: t + '<br/><a href="x">more</a>',
    "no words": lambda t: "*** !!! ***",
    "script": lambda t: "Посылка пришла с опозданием и коробка была открыта",
    "language": lambda t: "das Paket ist nicht angekommen und wir sind auch sehr enttäuscht von der Lieferung",
    "cut off": lambda t: (t + " " + "word " * 60)[:200],
}


@pytest.mark.parametrize("fault", CASES)
def test_each_fault_is_counted(fault: str) -> None:
    found = {c.about.slice: c for c in stands(d17, subject(some(CASES[fault])))}
    assert fault in found
    if fault not in ("language", "cut off"):
        assert found[fault].evidence["count"] == 30
    assert set(found) <= {fault, "script"}


def test_boilerplate() -> None:
    head = "This message was sent from my mobile device, please excuse"
    found = {c.about.slice: c for c in stands(d17, subject(some(lambda t: f"{head} {t}", 5)))}
    assert found["the same beginning"].evidence["count"] == 120


@pytest.mark.parametrize(
    "text",
    ["SÃO PAULO é bonita e não fica longe daqui", "a < b and b > c, 5 > 4", "AT&T; R&D and so on", "Smørrebrød på øen",
     "L’été à la plage – « magnifique »", "naïve café — “quoted” … fine", "ok"],
)  # fmt: skip
def test_signs_of_real_languages_are_no_fault(text: str) -> None:
    found = {c.about.slice for c in stands(d17, subject(some(lambda t: f"{t} {text}")))}
    assert not found & {"encoding", "entities", "tags", "no words"}


def test_plain_texts_are_left_alone() -> None:
    assert not stands(d17, subject(PLAIN))


def test_odd_columns_do_not_stop_it() -> None:
    for texts in ([""] * 50, ["x" * 5000] * 50 + ["y z"] * 50, ["\\E ( [ * 'q' " * 9 + str(i) for i in range(300)]):
        stands(d17, bare_subject(pa.table({"said": texts, "outcome": np.resize(["no", "yes"], len(texts))})))
