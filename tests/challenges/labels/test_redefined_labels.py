"""L07: another name for a class from a date on or at a site; drift in shares is none."""

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.opening import open_subject
from assay.challenges.labels import redefined_labels as l07
from assay.core.subject import Subject
from assay.testing import clean_subject, judge
from tests.challenges.real import real, stands


def mails(names: dict[str, str], start: int = 1800, n: int = 3000, seed: int = 0, **roles: str) -> Subject:
    """Three kinds that a feature tells apart, whose names are changed from ``start`` on."""
    rng = np.random.default_rng(seed)
    x, day = rng.uniform(0, 3, n), np.arange(n)
    kind = np.array(["ham", "list", "spam"])[np.clip(x + rng.normal(0, 0.15, n), 0, 2.99).astype(int)].astype(object)
    kind[start:] = [names.get(v, v) for v in kind[start:]]
    site = np.where(day >= start, "new", rng.choice(["old", "older"], n))
    table = {"x": x, "z": rng.normal(size=n), "day": day, "place": site, "y": pa.array(kind.tolist())}
    return open_subject(pa.table(table), target="y", roles=roles, cache=False)


@pytest.mark.parametrize(
    "names", [{"spam": "junk"}, {"spam": "ham", "ham": "spam"}, {"list": "ham"}], ids=["renamed", "swapped", "merged"]
)
def test_a_new_name_from_a_date_on(names: dict[str, str]) -> None:
    (late,) = stands(l07, mails(names, order="day"))
    told = {(late.evidence["old"], late.evidence["new"])}
    assert told & ({*names.items()} | {(b, a) for a, b in names.items()})
    assert abs(int(late.evidence["moment"].replace(",", "")) - 1800) <= 150


def test_a_new_name_at_a_site() -> None:
    claims = stands(l07, mails({"spam": "ham", "ham": "spam"}, site="place"))
    assert any(c.evidence["site"] == "new" for c in claims)


@pytest.mark.parametrize("seed", range(3))
def test_silent_without_a_new_name(seed: int) -> None:
    assert judge(l07, mails({}, seed=seed, order="day")).decision.verdict != "found"
    assert judge(l07, clean_subject(2000, seed, ("target", "order", "site"))).decision.verdict != "found"


def test_silent_on_drift_of_shares() -> None:
    subject = mails({}, n=6000, order="day")
    rows = subject.table.arrow()
    y, day = np.array(rows["y"].to_pylist()), np.arange(6000)
    keep = (y != "spam") | (np.random.default_rng(0).random(6000) > day / 6500)
    assert judge(l07, subject.with_table(subject.table.derive(rows.filter(pa.array(keep))))).decision.verdict != "found"


@pytest.mark.parametrize(
    ("name", "target", "order"),
    [("elec2.csv.gz", "class", "@row"), ("bank_marketing.csv.gz", "y", "@row"),
     ("compas.csv.gz", "two_year_recid", "compas_screening_date")],
)  # fmt: skip
def test_real_drift_is_no_new_name(name: str, target: str, order: str) -> None:
    assert not stands(l07, real(name, target, order=order))
