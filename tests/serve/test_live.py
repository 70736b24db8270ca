"""Trial and failure: canary, shadow, fallback with its breaker, swaps from a real registry."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from assay.core.errors import BundleError
from assay.registry import open_registry
from assay.serve.events import Events
from assay.serve.fallback import Breaker, Naive
from assay.serve.live import Live, share_of
from assay.serve.metrics import Metrics
from assay.serve.scoring import Served
from assay.serve.service import Service
from assay.serve.setup import Setup
from assay.serve.shadow import Shadow, differences
from assay.serve.sources import Found, find, loader
from assay.serve.swap import Watcher, before_it

from .conftest import Client


def broken(served: Served) -> Served:
    def score(batch, coverage=None):
        broken.asked += 1
        raise BundleError("the graph failed")

    served.score = score
    broken.asked = 0
    return served


def test_the_canary_takes_its_share_of_keys_and_always_the_same_ones(late, later, row):
    keys = [f"customer {k}".encode() for k in range(20_000)]
    shares = np.array([share_of(k) for k in keys])
    assert abs((shares < 0.05).mean() - 0.05) < 0.005 and [share_of(k) for k in keys[:5]] == shares[:5].tolist()
    client = Client(Service(Live(Served(late), Served(later, version="0.2.0"), canary=0.5)))
    by = {}
    for key in ("a", "b", "c", "d", "e", "f") * 2:
        version = client.json("/predict", [row], x_assay_key=key)["model"]["version"]
        assert by.setdefault(key, version) == version
    expected = {k: "0.2.0" if share_of(k.encode()) < 0.5 else late.version for k in by}
    assert by == expected and len(set(by.values())) == 2
    assert client.service.metrics.total("canary") == 2 * sum(v == "0.2.0" for v in by.values())


def test_a_failing_challenger_is_answered_for_by_the_live_model(late, later, row):
    client = Client(Service(Live(Served(late), broken(Served(later)), canary=0.999999)))
    assert client.json("/predict", [row])["model"]["digest"] == late.digest
    assert client.service.metrics.total("model_failures") == 1


def test_rows_that_only_the_challenger_cannot_read_are_answered_by_the_live_model(late, later, row):
    told = []
    live = Live(Served(late), Served(later, unknown="refuse"), canary=0.999999)
    client = Client(Service(live, event=lambda what, **said: told.append((what, said["error"]))))
    said = client.json("/predict", [{**row, "order": 17}])
    assert said["model"]["digest"] == late.digest and said["predictions"]
    assert told[0][0] == "canary-refused" and "order" in told[0][1] and client.service.metrics.total("canary") == 0
    assert "is absent" in client.json("/predict", [{}], status=422)["error"]


def test_a_previous_model_that_cannot_read_the_row_answers_503_and_not_422(late, later, row):
    live = Live(Served(later, unknown="refuse"))
    live.promote(broken(Served(late)))
    assert Client(Service(live, fallback="previous")).ask("/predict", [{**row, "order": 17}]).status == 503


def test_without_a_fallback_a_failure_is_503_and_says_so(late, row):
    client = Client(Service(Live(broken(Served(late)))))
    response = client.ask("/predict", [row])
    assert response.status == 503 and (b"retry-after", b"10") in response.headers
    assert client.ask("/v2/models/" + late.name + "/infer", {"inputs": []}).status == 400


def test_the_previous_model_answers_where_it_may(late, later, row):
    live = Live(Served(later))
    live.promote(broken(Served(late)))
    said = Client(Service(live, fallback="previous")).json("/predict", [row])
    assert said["fallback"] == "previous" and said["model"]["digest"] == later.digest
    assert list(said["predictions"][0]["probabilities"].values()) == later.predict_proba([row])[0].tolist()
    assert Client(Service(Live(broken(Served(late))), fallback="previous")).ask("/predict", [row]).status == 503


def test_base_rates_answer_where_nothing_else_may(late, values, row):
    for model in (late, values):
        live = Live(broken(Served(model)), naive=True)
        client = Client(Service(live, fallback="naive"))
        said = client.json("/predict", [row, row])
        assert said["fallback"] == "naive" and len(said["predictions"]) == 2 and "coverage" not in said
        assert client.service.metrics.total("fallback_naive") == 1
    assert Naive(Served(late)).score(1).sets.all()


def test_base_rates_are_those_of_the_training_table(late, monkeypatch):
    counts = dict.fromkeys(late.classes, 1) | {late.classes[1]: 3}
    served = Served(late)
    monkeypatch.setattr(type(late), "dossier", property(lambda self: {"report": {"subject": {"classes": counts}}}))
    assert Naive(served).score(2).output.tolist() == [[0.25, 0.75]] * 2


def test_the_breaker_rests_a_failing_model_and_tries_it_again(late, row):
    breaker = Breaker(failures=2, rest=10)
    breaker.failed(0), breaker.failed(1)
    assert breaker.open and not breaker.allows(10.9) and breaker.allows(11) and not breaker.allows(12)
    breaker.succeeded()
    assert breaker.allows(12)
    service = Service(Live(broken(Served(late))))
    clock = [0.0]
    service.steady = lambda: clock[0]
    client = Client(service)
    for _ in range(20):
        assert client.ask("/predict", [row]).status == 503
    assert broken.asked == 5
    clock[0] = 11.0
    del service.live.lineup.live.score  # it works again
    assert client.ask("/predict", [row]).status == 200 and client.ask("/predict", [row]).status == 200


def test_a_graph_that_gives_no_number_counts_as_failed(late, row, monkeypatch):
    served = Served(late)
    monkeypatch.setattr(served.session, "native", None)
    with pytest.raises(BundleError, match="failed"):
        served.score(served.decoder.rows([row]))

    class Native:
        def run(self, names, feed, options):
            return [np.full((1, 2), np.nan, np.float32), np.ones((1, 2), bool)]

    monkeypatch.setattr(served.session, "native", Native())
    with pytest.raises(BundleError, match="not finite"):
        served.score(served.decoder.rows([row]))


def test_the_shadow_counts_how_it_differs_and_its_failures(late, later, row):
    rows = [row | {"amount": a} for a in (0, 100, 500, None)]
    metrics, noted = Metrics(), []
    client = Client(Service(Live(Served(late), Served(later)), metrics=metrics))
    shadow = Shadow(metrics, lambda done, scored, by: noted.append((scored, by)))
    shadow(client.answer("/predict", rows).done)
    bad = Client(Service(Live(Served(late), broken(Served(later))), metrics=metrics))
    shadow(bad.answer("/predict", rows).done)
    shadow.close()
    apart = np.abs(late.predict_proba(rows) - later.predict_proba(rows)).max(1).sum()
    assert metrics.total("shadow_rows") == 4 and metrics.total("shadow_failures") == 1
    assert metrics.total("shadow_difference_sum") == pytest.approx(apart) and apart > 0
    assert metrics.total("shadow_disagreed") == (late.predict(rows) != later.predict(rows)).sum()
    assert [by is not None for _, by in noted] == [True, False]
    assert noted[0][0].output.tolist() == later.predict_proba(rows).tolist()


def test_classes_are_compared_by_name(late):
    a, b = Served(late), Served(late)
    b.classes = ("yes", "maybe")
    scored = a.score(a.decoder.rows([a.typical]))
    p = dict(zip(late.classes, scored.output[0], strict=True))
    assert differences(scored, a, scored, b)[0] == pytest.approx(
        max(p["no"], abs(p["yes"] - p["no"]), p["yes"])
    )  # b's columns are read as yes, maybe


@pytest.fixture
def registry(late, later, tmp_path):
    opened = open_registry(tmp_path / "registry")
    for model in (late, later):
        opened.add(model.to_bytes(), "late", by="tests")
    first, second = opened.versions("late")
    opened.promote("late", "champion", first.version, by="tests")
    opened.promote("late", "challenger", second.version, by="tests")
    yield opened
    opened.close()


def test_a_promotion_and_a_rollback_are_followed(registry, late, later, row):
    load = loader(Setup("late@champion"))
    live, metrics = Live(load(find("late@champion", registry))), Metrics()
    client = Client(Service(live, metrics=metrics))
    watcher = Watcher(registry, live, load, model="late@champion", metrics=metrics, events=Events(open_null()))
    assert watcher.look() is False and client.json("/predict", [row])["model"]["digest"] == late.digest
    registry.promote("late", "champion", registry.versions("late")[1].version, by="tests")
    before = live.lineup
    assert watcher.look() is True and watcher.look() is False
    assert client.json("/predict", [row])["model"] == {"name": "late", "version": "0.1.1", "digest": later.digest}
    assert before.live.digest == late.digest, "a request that has begun keeps the models with which it began"
    registry.rollback("late", "champion", by="tests")
    assert watcher.look() and live.lineup.live is before.live, "the previous model is still loaded"
    assert before_it(registry, "late@champion") == "" and metrics.total("swaps") == 2


def test_a_model_that_does_not_load_changes_nothing(registry, late, row, capsys):
    live, metrics = Live(loader(Setup("late@champion"))(find("late@champion", registry))), Metrics()

    def load(found: Found) -> Served:
        raise BundleError("the .assay file is damaged")

    watcher = Watcher(registry, live, load, model="late@champion", metrics=metrics, events=Events())
    registry.promote("late", "champion", registry.versions("late")[1].version, by="tests")
    assert watcher.look() is False and watcher.look() is False
    assert live.lineup.live.digest == late.digest and metrics.total("swap_failures") == 1
    assert json.loads(capsys.readouterr().err.splitlines()[0])["event"] == "swap-failed"


def test_the_watcher_follows_by_itself_within_a_second(registry, late, later):
    load = loader(Setup("late@champion", shadow="late@challenger"))
    live = Live(load(find("late@champion", registry)), load(find("late@challenger", registry)))
    watcher = Watcher(
        registry, live, load, model="late@champion", shadow="late@challenger", events=Events(open_null()), poll=0.05
    )
    watcher.start()
    registry.promote("late", "challenger", registry.versions("late")[0].version, by="tests")
    until = time.monotonic() + 5
    while live.lineup.challenger.digest != late.digest and time.monotonic() < until:
        time.sleep(0.01)
    watcher.close()
    assert live.lineup.challenger.digest == late.digest and live.lineup.live.digest == late.digest


def open_null():
    import io

    return io.StringIO()
