"""``assay cost``: the arithmetic from microseconds to money, prices that are EMPTY, and a measurement that is one."""

from __future__ import annotations

import doctest
import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.bundle.conftest import Case

from assay.bundle.model import Model
from assay.cli.app import run
from assay.cli.cost import text
from assay.serve import measure as module
from assay.serve.copies import InTurn
from assay.serve.guard import Caller
from assay.serve.http import Request
from assay.serve.live import Lineup
from assay.serve.measure import Figure, Measured, example, figure, measure
from assay.serve.prices import EXAMPLE, HOURS, OWNED, Place, Prices, fleet, hourly, read_prices, report
from assay.serve.scoring import Served
from assay.serve.service import Service

JSON = {b"content-type": b"application/json"}
CLOUD = Place("m", 2.0, 8.0, 0.1)
OWN = Place("", 16.0, 64.0, None, 6000.0, 4.0, 200.0, 0.3, 90_000.0, 0.02)
MEASURED = Measured(Figure(100.0, 90.0, 120.0, 20), Figure(40.0, 39.0, 41.0, 20), 50.0, 40.0, 1.0, "here")


def test_the_interval_is_that_of_order_statistics():
    assert doctest.testmod(module).failed == 0
    assert figure([3.0]) == Figure(3.0, 3.0, 3.0, 1)
    assert figure([1.0] * 19 + [1e9]).high == 1.0  # one disturbed block moves nothing


def test_an_hour_of_a_machine():
    assert hourly(CLOUD, owned=False) == 0.1
    by_hand = (6000 / 4 + 0.2 * HOURS * 0.3 + 0.02 * 90_000) / HOURS
    assert hourly(OWN, owned=True) == pytest.approx(by_hand)
    assert hourly(Place(processors=2.0, memory_gb=8.0), owned=False) is None


def test_machines_and_money_by_hand():
    found = fleet(MEASURED, 10_000.0, Prices("EUR", 0.5, 1.0, 1, CLOUD, OWN), 1, False)
    assert found.processors == Figure(2.0, 1.8, 2.4, 20)  # 10,000 x 100 us = 1 busy processor, at half load 2
    assert found.memory == 40.0 + 2 * 50.0
    assert found.machines == {"cloud": (1, 1, 2), "on_premise": (1, 1, 1)}
    million = found.per_million["cloud"]
    assert million is not None and million.value == pytest.approx(0.1 / (10_000 * 3600) * 1e6)
    assert million.high == pytest.approx(2 * million.value)
    half = fleet(MEASURED, 10_000.0, Prices("EUR", 0.5, 0.5, 1, CLOUD), 1, False).per_million["cloud"]
    assert half is not None and half.value == pytest.approx(2 * million.value)  # paid for the peak, half of it used


def test_many_models_take_the_time_that_was_measured_of_so_many():
    apart, together = Figure(300.0, 290.0, 310.0, 20), Figure(150.0, 140.0, 160.0, 20)
    seen = replace(MEASURED, apart={10: apart}, together={5: MEASURED.request, 10: together})
    for models, one_each, in_one in ((5, 100.0, 100.0), (10, 300.0, 150.0), (50, 300.0, 150.0)):
        for way, cpu in ((False, one_each), (True, in_one)):
            found = fleet(seen, 10.0, Prices(utilisation=0.5), models, way)
            assert found.processors.value == pytest.approx(10 * models * cpu / 1e6 / 0.5)
    assert "10 models, one each     300 (290 to 310) us" in text(report(seen, 10.0, Prices()))


def test_copies_answer_in_turn():
    small = Case("binary", "tree").build().to_bytes()
    copies = [Lineup(Served(Model(small), f"model {k}")) for k in range(3)]
    service = Service(InTurn(copies))
    caller = Caller("me", frozenset(("predict",)), "key", "me")
    body = example(small)
    seen = []
    for _ in range(6):
        answer = service.answer(Request("POST", "/predict", "", JSON, body, "127.0.0.1"), caller, "id")
        assert answer.response.status == 200 and answer.done is not None
        seen.append(answer.done.served.name)
    assert seen == ["model 0", "model 1", "model 2"] * 2


def test_many_models_in_one_process_take_less_memory():
    prices = Prices("EUR", 0.5, 1.0, 1, Place("small", 2.0, 1.0, 0.1))
    apart, together = fleet(MEASURED, 10.0, prices, 50, False), fleet(MEASURED, 10.0, prices, 50, True)
    assert apart.processors == together.processors  # nothing was measured of several: that of one model
    assert (apart.memory, together.memory) == (40 + 50 * 50.0, 40 + 50 + 49 * 1.0)
    assert apart.machines["cloud"][1] == 4 and together.machines["cloud"][1] == 1  # memory, not time, needs them


def test_what_is_empty_is_said_and_not_invented(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["cost", "--prices-example"]) == 0
    assert capsys.readouterr().out == EXAMPLE
    (tmp_path / "p.toml").write_text(EXAMPLE, "utf-8")
    prices = read_prices(tmp_path / "p.toml")
    assert prices.cloud == Place() and prices.on_premise == Place() and prices.currency == ""
    doc = report(MEASURED, 200.0, prices)
    assert doc["empty"]["cloud"] == ["processors", "memory_gb", "price_per_hour"]
    assert doc["empty"]["on_premise"] == ["processors", "memory_gb", *OWNED]
    assert {f["per_million"]["cloud"] for f in doc["fleets"]} == {None}
    assert "EMPTY: processors, memory_gb, price_per_hour" in text(doc)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("[cloud]\nprice_per_hr = 1", "unknown key 'price_per_hr' in [cloud] - did you mean price_per_hour?"),
        ("utilisation = 60", "utilisation and average_load must lie above 0 and be at most 1"),
        ("[cloud]\nprocessors = 0", "must be above 0"),
        ("[on_premise]\nwatts = 'many'", "watts in [on_premise] must be a number"),
        ("[cloud]\nprice_per_hour = nan", "must be a number"),
        ("cloud = 3", "[cloud] must be a table"),
        ("currency = 3", "currency must be text"),
        ("x = [", "must be readable TOML"),
    ],
)
def test_prices_that_cannot_be(body: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "p.toml").write_text(body, "utf-8")
    assert run(["cost", "m.assay", "--rps", "5", "--prices", str(tmp_path / "p.toml")]) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert says in error and "Traceback" not in error


def test_eighty_columns():
    for prices in (Prices(), Prices("EUR", 0.6, 1.0, 2, CLOUD), Prices("EUR", 0.6, 1.0, 2, CLOUD, OWN)):
        said = text(report(MEASURED, 123_456.0, prices))
        assert max(map(len, said.splitlines())) <= 80, said


@pytest.mark.slow
def test_a_real_service_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    small = Case("binary", "linear").build()
    found = measure(small.to_bytes())
    assert 20 < found.request.low <= found.request.value <= found.request.high < 5000
    assert 0 < found.handler.value < found.request.value  # the handler is a part of it
    assert 10 < found.own < 500 and 0 < found.shared < 500 and 0 < found.further < 50
    assert tuple(found.together) == (5, 10, 50) and tuple(found.apart) == (5, 10)
    for figure_of in (*found.together.values(), *found.apart.values()):
        assert 20 < figure_of.low <= figure_of.value <= figure_of.high < 5000
    path = small.save(tmp_path / "late.assay")
    assert run(["cost", str(path), "--rps", "200", "--output-format", "json", "--quiet"]) == 0
    doc = json.loads(capsys.readouterr().out)
    assert len(doc["fleets"]) == 7 and doc["measured"]["request"]["blocks"] == 20
