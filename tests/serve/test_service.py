"""/predict, /explain and the routes to read, asked without a wire."""

from __future__ import annotations

import gzip
import json
import re
import zlib

import pytest
from prometheus_client.parser import text_string_to_metric_families

from assay.serve.http import Refused
from assay.serve.limits import Limits

from .conftest import Client, service_of


def test_the_four_forms_of_rows_get_the_same_answer(client, late, row):
    one = client.json("/predict", {"rows": [row]})
    forms = [[row], row, {"columns": {k: [v] for k, v in row.items()}}]
    assert [client.json("/predict", f)["predictions"] for f in forms] == [one["predictions"]] * 3
    (said,) = one["predictions"]
    assert said["prediction"] == late.predict([row])[0]
    assert list(said["probabilities"].values()) == late.predict_proba([row])[0].tolist()
    assert one["model"] == {"name": "late", "version": late.version, "digest": late.digest}
    assert one["coverage"] == 0.9 and set(said["set"]) <= set(late.classes) and one["id"] == "request-1"
    assert "odd" not in said and "fallback" not in one


def test_values_come_with_the_ends_of_their_interval(values, row):
    client = Client(service_of(values))
    (said,) = client.json("/predict", [row])["predictions"]
    assert said["prediction"] == values.predict([row])[0]
    assert said["set"] == values.predict_set([row])[0].tolist() and "probabilities" not in said


def test_coverage_and_reasons_come_from_the_query(client, late, row):
    wide = client.json("/predict?coverage=0.95&reasons=2", [row])
    assert wide["coverage"] == 0.95
    held = [c for c, inside in zip(late.classes, late.predict_set([row], coverage=0.95)[0], strict=True) if inside]
    assert wide["predictions"][0]["set"] == held
    assert wide["predictions"][0]["reasons"] == list(late.explain([row], 2).reasons[0])
    told = client.json("/explain?n=2", [row])["explanations"][0]
    e = late.explain([row], 2)
    assert told["reasons"] == list(e.reasons[0])
    assert told["usual"] + sum(told["contributions"].values()) == pytest.approx(told["output"])
    assert told["output"] == e.output[0] and told["of"] == late.classes[1]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/predict?coverage=2", 400), ("/predict?coverage=x", 400), ("/predict?reasons=11", 400), ("/explain?n=0", 400),
        ("/predict?reasons=-1", 400), ("/predict?other=1", 400), ("/predict?reasons=1&reasons=2", 400),
        ("/predict?coverage=0.999999", 400), ("/nothing", 404), ("/label", 404), ("/log", 404),
        ("/explain?n=3&n=3", 400), ("/predict?reasons=%C3%A9", 400), ("/predict?" + "a=1&" * 50, 400),
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_refused_with_a_sentence(client, row, path, status):
    said = client.json(path, [row], status)
    assert said["error"] and "\n" not in said["error"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"NaN", 400), (b'[{"amount": NaN}]', 400), (b'"text"', 400), (b"3", 400),
        (b"null", 400), (b'{"rows": {}}', 400), (b'{"columns": []}', 400), (b'{"rows": [], "reasons": 3}', 400),
        (b'{"rows": []}', 422), (b"[]", 422), (b"{}", 422), (b'{"columns": {}}', 422), (b"[1]", 422),
        (b'[{"amount": 1e400}]', 400), (b'[{"amount": "\\ud800"}]', 400), (b"\xff\xfe", 400), (b"[" * 5000, 400),
        (b'{"rows": [null]}', 422),
    ],
)  # fmt: skip
def test_bodies_that_are_no_rows_are_refused(client, body, status):
    said = client.json("/predict", body, status)
    assert said["error"]


def test_packed_bodies_are_unpacked_within_the_limit(late, row):
    client = Client(service_of(late, limits=Limits(inflated=5_000)))
    body = json.dumps([row]).encode()
    plain = client.json("/predict", body)["predictions"]
    assert client.json("/predict", gzip.compress(body), content_encoding="gzip")["predictions"] == plain
    assert client.json("/predict", zlib.compress(body), content_encoding="deflate")["predictions"] == plain
    assert client.json("/predict", gzip.compress(body * 100), 413, content_encoding="gzip")["error"]
    assert client.json("/predict", body, 400, content_encoding="gzip")["error"]
    assert client.json("/predict", body, 415, content_encoding="br")["error"]


def test_reasons_are_only_for_few_rows(client, row):
    assert len(client.json("/explain", [row] * 16)["explanations"]) == 16
    assert client.ask("/explain", [row] * 17).status == 413
    assert client.ask("/predict?reasons=1", [row] * 17).status == 413
    assert client.ask("/predict", [row] * 17).status == 200


def test_other_methods_are_named(client):
    for path, method, allowed in (("/predict", "GET", b"POST"), ("/schema", "POST", b"GET, HEAD")):
        response = client.ask(path, method=method)
        assert response.status == 405 and (b"allow", allowed) in response.headers
    assert client.ask("/healthz", method="HEAD").status == 200


def test_the_schema_and_the_openapi_document_are_those_of_the_file(client, late):
    assert client.json("/schema") == late.schema
    api = client.json("/openapi.json")
    assert api["openapi"].startswith("3.1") and {"/predict", "/explain", "/v2/models/{model}/infer"} <= set(
        api["paths"]
    )
    assert api["info"]["title"] == "late"  # the name under which it is served
    assert client.json("/healthz") == {"live": True} and client.json("/v2/health/ready")["ready"] is True
    client.service.draining = True
    assert client.ask("/v2/health/ready").status == 503 and client.ask("/healthz").status == 200


def test_odd_rows_are_answered_and_flagged(client, row):
    said = client.json("/predict", [row, row | {"clock": 2561}])["predictions"]
    assert "odd" not in said[0] and said[1]["odd"] is True
    assert said[1]["odd_because"] == [{"column": "clock", "reason": "2561 is no time of day (HHMM)"}]
    assert client.service.metrics.total("odd_rows") == 1


def test_a_budget_is_spent_by_row_before_the_model_is_asked(late, row):
    spent = []

    def spend(caller, rows, now):
        spent.append((caller.name, rows))
        if rows > 2:
            raise Refused(429, "the budget is spent")

    client = Client(service_of(late, spend=spend))
    assert client.ask("/predict", [row, row]).status == 200 and client.ask("/predict", [row] * 3).status == 429
    assert client.ask("/explain", [row]).status == 200
    assert spent == [("tests", 2), ("tests", 3), ("tests", 1)]
    assert client.service.metrics.total("rows") == 2


def test_metrics_are_read_by_the_library_of_prometheus(client, row):
    client.json("/predict", [row, row])
    metrics = client.service.metrics
    metrics.request("/predict", 200, 0.0004)
    metrics.request("/predict", 422, 30.0)
    metrics.started()
    response = client.ask("/metrics")
    assert response.content_type.startswith(b"text/plain; version=0.0.4")
    families = {f.name: f for f in text_string_to_metric_families(response.body.decode())}
    counted = {(s.labels["route"], s.labels["code"]): s.value for s in families["assay_requests"].samples}
    assert counted == {("/predict", "200"): 1.0, ("/predict", "422"): 1.0}
    took = {
        s.labels["le"]: s.value
        for s in families["assay_request_seconds"].samples
        if s.name.endswith("_bucket") and s.labels["route"] == "/predict"
    }
    assert (took["0.00025"], took["0.0005"], took["10"], took["+Inf"]) == (0, 1, 1, 2)
    assert families["assay_rows"].samples[0].value == 2
    (about,) = families["assay_model_info"].samples
    assert about.labels["role"] == "live" and about.labels["digest"] == client.service.live.lineup.live.digest


def test_workers_count_in_their_own_rows_and_a_scrape_sums_them(tmp_path):
    from assay.serve.metrics import Metrics

    with (tmp_path / "shared").open("w+b") as shared:
        shared.truncate(Metrics.size(2))
        one, two = Metrics(0, 2, shared.fileno()), Metrics(1, 2, shared.fileno())
        one.request("/predict", 200, 0.001)
        two.request("/predict", 200, 0.001)
        two.add("rows", 5)
        assert one.total("rows") == 5 and b'assay_requests_total{code="200",route="/predict"} 2.0' in one.text()
        one.started()
        assert two.ready() == 1


def test_the_page_is_fixed_and_what_it_shows_is_text(late):
    from assay.serve import page
    from assay.serve.scoring import Served

    served = Served(late, '</title><script>alert("x")</script>')
    html = page.html(served).decode()
    assert "<script>alert" not in html and html.count("<script") == 2
    data = html.partition('id="model">')[2].partition("</script>")[0]
    assert "<" not in data and json.loads(data)["columns"][0]["name"] == "amount"
    policy = page.policy().decode()
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy.replace("https", "http")
    client = Client(service_of(late))
    response = client.ask("/")
    assert dict(response.headers)[b"content-security-policy"] == page.policy()
    assert b"src=" not in response.body and b"@" not in response.body.partition(b"<style>")[0]


def test_the_card_tells_dates_as_dates(late):
    card = late._files["dossier/model_card.md"].decode()
    row = next(line for line in card.splitlines() if line.startswith("| when |"))
    assert re.match(r"\| when \| date \| 2020-\d\d-\d\d.* to 20\d\d-\d\d-\d\d.* \| 2020-", row) and "e+09" not in card


def test_the_answer_scrolls_within_its_own_cell_of_the_page(late):
    """What sticks and is itself a cell of the grid is painted over the card below it."""
    html = Client(service_of(late)).ask("/").body.decode()
    assert (
        re.search(r'<div>\s*<section aria-labelledby="answer" class="beside">', html)
        and ".beside{position:sticky" in html
    )
