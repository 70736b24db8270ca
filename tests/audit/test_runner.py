"""Facts and probes reach a challenge by parameter name, each made once; one that fails does not stop the others."""

from __future__ import annotations

from types import ModuleType

import pytest

from assay.audit.catalogue import catalogue, expand, probes, resolve
from assay.audit.runner import Runner
from assay.core.challenge import Challenge, Dose, Threshold
from assay.core.claim import About, Claim, Effect
from assay.core.errors import SettingsError
from assay.core.settings import Settings
from assay.core.table import Ask
from assay.tables.files import reason
from assay.testing import clean_subject


def module(measure, code="X01", needs=()) -> ModuleType:
    made = ModuleType("some_fault")
    threshold = Threshold("share", 0.05, "share", "a reason")
    made.CHALLENGE = Challenge(code, "some-fault", "t", "data", needs, "tidy", "marginal", Dose(1, 9), (threshold,))
    made.measure = measure
    return made


def claim(value: float) -> Claim:
    return Claim(About(("x",)), Effect(value, "share", 0.05), "exact", "words", 10)


def test_parameters_name_what_is_given():
    def measure(subject, facts, settings, options, rows, labels):
        assert facts[Ask("rows")] == subject.table.n_rows == 200
        assert rows.n == 200 and len(labels.y) == 200
        yield claim(options["share"] + settings.seed)

    runner = Runner(clean_subject(200), Settings())
    run = runner.one(module(measure))
    assert run.error is None
    assert run.claims[0].effect.value == 0.05


def test_a_probe_is_made_once():
    seen = []

    def measure(rows):
        seen.append(id(rows))
        yield claim(0.0)

    runner = Runner(clean_subject(100), Settings())
    runner.run({"X01": module(measure), "X02": module(measure, "X02")})
    assert len(seen) == 2 and len(set(seen)) == 1


def test_a_challenge_that_fails_does_not_stop_the_others():
    def fails(subject):
        raise ZeroDivisionError("by hand")

    runs = Runner(clean_subject(50), Settings()).run(
        {"X01": module(fails), "X02": module(lambda rows: iter([claim(1.0)]), "X02")}
    )
    assert runs["X01"].error == "ZeroDivisionError: by hand"
    assert len(runs["X02"].claims) == 1


def test_ctrl_c_while_duckdb_works_stops_all_and_is_no_failed_challenge():
    def stopped(subject):
        raise RuntimeError("Query interrupted")

    with pytest.raises(KeyboardInterrupt):
        Runner(clean_subject(50), Settings()).one(module(stopped))
    with pytest.raises(KeyboardInterrupt):
        reason(RuntimeError("Query interrupted"))


def test_needs_are_said_in_plain_words():
    run = Runner(clean_subject(50), Settings()).run({"X01": module(lambda rows: iter(()), needs=("comparison",))})[
        "X01"
    ]
    assert run.not_applicable.startswith("no second table")


def test_a_parameter_that_names_nothing_is_an_error_of_that_challenge():
    run = Runner(clean_subject(50), Settings()).one(module(lambda nonsense: iter(())))
    assert "nonsense" in run.error


def test_users_threshold_reaches_the_challenge():
    def measure(options):
        yield claim(options["share"])

    settings = Settings(thresholds={"X01": {"share": 0.2}})
    assert Runner(clean_subject(50), settings).one(module(measure)).claims[0].effect.value == 0.2


def test_codes_are_found_by_code_name_and_first_letters():
    assert resolve("d09") == resolve("stuck-columns") == "D09"
    assert {c for c in catalogue() if c[0] == "M"} == expand(("M",))
    with pytest.raises(SettingsError, match="did you mean"):
        resolve("stuk-columns")


def test_every_parameter_of_every_challenge_is_known():
    import inspect

    known = {"subject", "facts", "settings", "options", *probes()}
    for code, found in catalogue().items():
        assert set(inspect.signature(found.measure).parameters) <= known, code
    for name, probe in probes().items():
        assert set(inspect.signature(probe.make).parameters) <= known, name
