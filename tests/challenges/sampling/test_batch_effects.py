"""S06: the place must show in the features and move the label; one without the other is no finding."""

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.opening import open_subject
from assay.challenges.sampling import batch_effects as s06
from assay.core.subject import Subject
from assay.testing import judge
from tests.challenges.real import real, said, stands


def test_heart() -> None:
    assert "switzerland" in said(s06, real("heart_disease_sites.csv", "num"))


def test_heart_with_sites_dealt_anew() -> None:
    subject = real("heart_disease_sites.csv", "num")
    rows = subject.table.arrow()
    at = rows.schema.get_field_index("site")
    dealt = rows["site"].take(pa.array(np.random.default_rng(0).permutation(rows.num_rows)))
    other = subject.with_table(subject.table.derive(rows.set_column(at, "site", dealt)))
    assert judge(s06, other).decision.verdict != "found"


def clinics(mark: float, moved: float, regression: bool = False) -> Subject:
    rng = np.random.default_rng(0)
    n = 1800
    site = rng.choice(["a", "b", "c"], n)
    here = site == "b"
    y = (
        rng.normal(size=n) + 4 * moved * here
        if regression
        else np.where(rng.random(n) < 0.3 + moved * here, "ill", "ok")
    )
    table = pa.table({"x": rng.normal(size=n) + mark * here, "z": rng.normal(size=n), "where": site, "y": y})
    return open_subject(table, target="y", roles={"site": "where"}, cache=False)


@pytest.mark.parametrize("regression", [False, True])
def test_generated_twin(regression: bool) -> None:
    (claim,) = stands(s06, clinics(3.0, 0.4, regression))
    assert claim.evidence["sites"]["b"]["auc"] > 0.9
    assert claim.says.startswith("where b")


@pytest.mark.parametrize(("mark", "moved"), [(3.0, 0.0), (0.0, 0.4), (0.0, 0.0)])
def test_one_without_the_other_is_no_finding(mark: float, moved: float) -> None:
    assert judge(s06, clinics(mark, moved)).decision.verdict != "found"
