"""S05: exact counts of values that one side never had; rare values of any split are no finding."""

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.opening import open_subject
from assay.challenges.sampling import new_categories as s05
from assay.testing import judge
from tests.challenges.real import real, stands
from tests.challenges.sampling.pairs import dealt, pair


def test_eighteen_attacks() -> None:
    found = {c.evidence["kind"]: c for c in stands(s05, real("nsl_kdd.csv.gz", "attack"))}
    assert "18 values of attack" in found["target"].says
    assert "3,752 of 22,544 rows" in found["target"].says


def test_other_spellings_are_not_new() -> None:
    assert not stands(s05, real("adult.csv.gz", "income"))
    assert not stands(s05, real("heart_disease_sites.csv", "num"))


def attacks(n: int, seed: int, more: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    kind = rng.choice(["http", "smtp", "ftp"], n).astype(object)
    kind[:more] = "quic"
    rare = [f"port {k}" for k in rng.zipf(1.5, n) % 5000]
    return pa.table({"x": rng.normal(size=n), "service": kind, "port": rare, "y": rng.choice(["no", "yes"], n)})


def test_generated_twin_counts_exactly() -> None:
    (claim,) = stands(s05, pair(attacks(2000, 0), attacks(1500, 1, 90)))
    assert claim.effect.value == 90 / 1500
    assert claim.about.columns == ("service",)
    assert "90 of 1,500 rows (6.0 %)" in claim.says


def test_a_new_class_is_claimed_of_the_target() -> None:
    b = attacks(1500, 1)
    y = np.array(b["y"].to_pylist(), dtype=object)
    y[:60] = "worm"
    (claim,) = stands(s05, pair(attacks(2000, 0), b.set_column(3, "y", pa.array(y.tolist()))))
    assert claim.evidence["kind"] == "target"


@pytest.mark.parametrize("seed", range(5))
def test_rare_values_of_a_random_split_are_no_finding(seed: int) -> None:
    subject = open_subject(attacks(3000, seed), target="y", cache=False)
    made = judge(s05, dealt(subject, seed))
    assert made.decision.verdict == "clear"
    assert s05.unseen(side_of(dealt(subject, seed)), "port") > 0.01  # a rule that counts unseen values would fire


def side_of(subject):
    from assay.audit.runner import Runner
    from assay.core.settings import Settings

    return next(iter(Runner(subject, Settings()).give("sides")))
