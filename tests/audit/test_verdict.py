"""The two-level rule, on claims made by hand: what stands, what is clear, what is undecided and the n it would take."""

from __future__ import annotations

import numpy as np
import pytest

from assay.audit.runner import Run
from assay.audit.verdict import decide
from assay.core.challenge import Challenge, Dose
from assay.core.claim import About, Claim, Effect
from assay.stats.shares import share_above, share_interval


def challenge(code: str) -> Challenge:
    return Challenge(code, "some-fault", "some fault", "data", (), "costs", "marginal", Dose(1, 100))


def share(k: int, n: int, m: float, column: str = "x", basis: str = "test") -> Claim:
    p = float(share_above(k, n, m)) if basis == "test" else None
    effect = Effect(k / n, "share", m, lambda a: tuple(float(v) for v in share_interval(k, n, a)))
    return Claim(About((column,)), effect, basis, f"{column} {k} of {n}", n, p)


def run(code: str, *claims: Claim, **kw) -> Run:
    return Run(challenge(code), tuple(claims), **kw)


def test_strong_effect_is_found_with_its_interval_above_materiality():
    made = decide({"X01": run("X01", share(300, 1000, 0.05))}, 0.05)["X01"]
    assert made.verdict == "found"
    claim, interval = made.stands[0]
    assert interval[0] > claim.effect.materiality


def test_effect_below_materiality_is_clear_however_many_rows():
    made = decide({"X01": run("X01", share(30_000, 1_000_000, 0.05))}, 0.05)["X01"]
    assert made.verdict == "clear"


def test_small_sample_is_undecided_and_says_the_rows_it_would_take():
    made = decide({"X01": run("X01", share(2, 20, 0.05))}, 0.05)["X01"]
    assert made.verdict == "undecided"
    assert 20 < made.n_needed < 100_000
    enough = made.n_needed
    later = decide({"X01": run("X01", share(round(enough * 0.1), enough, 0.05))}, 0.05)["X01"]
    assert later.verdict == "found"


def test_estimate_at_materiality_names_no_n():
    made = decide({"X01": run("X01", share(51, 1000, 0.05))}, 0.05)["X01"]
    assert made.verdict == "undecided"
    assert made.n_needed is None


def test_exact_and_heuristic_claims_need_no_p_value():
    exact = decide({"X01": run("X01", share(80, 1000, 0.05, basis="exact"))}, 0.05)["X01"]
    assert exact.verdict == "found"
    quiet = decide({"X01": run("X01", share(10, 1000, 0.05, basis="heuristic"))}, 0.05)["X01"]
    assert quiet.verdict == "no-sign"
    below = decide({"X01": run("X01", share(10, 1000, 0.05, basis="exact"))}, 0.05)["X01"]
    assert below.verdict == "clear"


def test_more_challenges_make_each_test_harder():
    weak = share(68, 1000, 0.05)  # p about 0.007 alone
    alone = decide({"X01": run("X01", weak)}, 0.05)
    crowd = {"X01": run("X01", weak)} | {f"Y{i:02}": run(f"Y{i:02}", share(40, 1000, 0.05)) for i in range(30)}
    assert alone["X01"].verdict == "found"
    assert decide(crowd, 0.05)["X01"].verdict != "found"
    assert decide({"X01": run("X01", weak)}, 0.05, unrun=30)["X01"].verdict != "found"


def test_errors_and_needs_pass_through():
    out = decide({"X01": run("X01", error="boom"), "X02": run("X02", not_applicable="no target named")}, 0.05)
    assert (out["X01"].verdict, out["X02"].verdict) == ("error", "not-applicable")
    assert out["X02"].reason == "no target named"


def test_boundary_nulls_hold_the_false_discovery_rate():
    """Eight challenges of five units, all exactly at materiality: any finding is false."""
    rng = np.random.default_rng(1)
    reps, n, m = 400, 400, 0.1
    counts = rng.binomial(n, m, (reps, 8, 5))
    false = 0
    for rep in counts:
        runs = {f"X{i:02}": run(f"X{i:02}", *(share(int(k), n, m, f"c{j}") for j, k in enumerate(row)))
                for i, row in enumerate(rep)}  # fmt: skip
        false += any(d.verdict == "found" for d in decide(runs, 0.05).values())
    assert false / reps <= 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / reps)


def test_mixed_units_hold_the_false_discovery_proportion():
    """Half the units truly above materiality, half at it: the mean share of false claims stays under the level."""
    rng = np.random.default_rng(2)
    reps, n, m = 200, 2000, 0.1
    proportions = []
    for _ in range(reps):
        units = [
            share(int(rng.binomial(n, 0.16 if j % 2 else m)), n, m, f"{'true' if j % 2 else 'null'}{j}")
            for j in range(10)
        ]
        stands = decide({"X01": run("X01", *units)}, 0.05)["X01"].stands
        names = [c.about.columns[0] for c, _ in stands]
        proportions.append(sum(x.startswith("null") for x in names) / max(1, len(names)))
    assert np.mean(proportions) <= 0.05 + 2 * np.std(proportions) / np.sqrt(reps)


@pytest.mark.parametrize("basis", ["test", "exact", "heuristic"])
def test_no_claims_is_not_applicable_and_never_clear(basis):
    assert decide({"X01": run("X01")}, 0.05)["X01"].verdict == "not-applicable"
