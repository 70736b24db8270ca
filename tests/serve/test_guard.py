"""Deny by default: who is let in, what for, how often."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
import time

import pytest

from assay.core.errors import InputError, SettingsError
from assay.serve.events import Events
from assay.serve.guard import EVERYBODY, Guard, safe_to_bind, scope_of
from assay.serve.http import Refused, Request
from assay.serve.key_file import KeyRing, write
from assay.serve.keys import make
from assay.serve.setup import Setup
from assay.serve.usage import Usage
from assay.serve.worker import guard_of, usage_of

NOW = 1_800_000_000.0


def asked(method="POST", path="/predict", **headers):
    return Request(method, path, "", {k.replace("_", "-").encode(): v.encode() for k, v in headers.items()})


def bearer(token, method="POST", path="/predict", **more):
    return asked(method, path, authorization=f"Bearer {token}", **more)


def status(guard, request, now=NOW, certificate=None):
    try:
        guard.admit(request, now, certificate)
    except Refused as refused:
        assert "assay_" not in refused.reason
        return refused.status
    return 200


@pytest.fixture(scope="module")
def web():
    return make("web", ("predict",))


@pytest.fixture
def guard(web):
    return Guard(KeyRing(None, (web[1],)))


def test_every_way_to_send_a_key(guard, web):
    token = web[0]
    basic = base64.b64encode(f"anybody:{token}".encode()).decode()
    for request in (bearer(token), asked(x_api_key=token), asked(authorization=f"Basic {basic}"),
                    asked(authorization=f"bearer   {token} ")):  # fmt: skip
        assert guard.admit(request, NOW).name == "web"


def test_everything_else_is_refused(guard, web):
    token = web[0]
    for request in (
        asked(), asked(authorization=""), asked(authorization="Bearer"), asked(authorization="Bearer "),
        asked(authorization=token), asked(authorization=f"Token {token}"), asked(authorization="Basic !!!"),
        asked(authorization="Basic " + base64.b64encode(b"\xff\xfe").decode()),
        asked(authorization="Basic " + base64.b64encode(token.encode()).decode()),
        asked(x_api_key=token + " "), asked(x_api_key=token, authorization=f"Bearer {token}"),
        asked(cookie=f"key={token}"), Request("POST", "/predict", f"api_key={token}&key={token}"),
        asked(authorization="Bearer null"), asked(authorization="Bearer eyJhbGciOiJub25lIn0.e30."),
        asked(x_forwarded_for="127.0.0.1"), asked(x_original_url="/healthz"),
    ):  # fmt: skip
        assert status(guard, request) == 401, request


def test_only_liveness_is_open(guard):
    for path in ("/healthz", "/livez", "/v2/health/live"):
        assert guard.admit(asked("GET", path), NOW) == EVERYBODY
        assert status(guard, asked("HEAD", path)) == 200
        assert status(guard, asked("POST", path)) == 401
    for path in (
        "/HEALTHZ",
        "/healthz/",
        "//healthz",
        "/healthz/../predict",
        "/healthz%2f",
        "/healthz;x",
        "/healthz\0",
    ):
        assert status(guard, asked("GET", path)) == 401, path


def test_without_any_key_nobody_is_let_in(web):
    assert status(Guard(), bearer(web[0])) == 401


def test_scopes(web):
    token, key = make("meter", ("metrics",))
    guard = Guard(KeyRing(None, (key,)))
    assert status(guard, bearer(token, "GET", "/metrics")) == 200
    assert status(guard, bearer(token, "GET", "/v2")) == 200
    refused = [("POST", p) for p in ("/predict", "/explain", "/v2/models/m/infer", "/label", "/log", "/admin")]
    for method, path in (*refused, ("GET", "/admin/x"), ("GET", "/predict")):
        assert status(guard, bearer(token, method, path)) == 403, path
    for method, path in (("POST", "/anything"), ("DELETE", "/x"), ("PUT", "/schema/x")):
        assert status(guard, bearer(token, method, path)) == 404, path


def test_a_mistyped_path_is_told_and_asks_for_no_scope(web):
    guard = Guard(KeyRing(None, (web[1],)))
    with pytest.raises(Refused, match=r"nothing at this path.* did you mean /predict\?"):
        guard.admit(bearer(web[0], "POST", "/predict/"), 0.0)


def test_every_scope_is_needed_somewhere():
    needed = {scope_of(m, p) for m, p in (("POST", "/predict"), ("POST", "/explain"), ("GET", "/metrics"),
                                          ("POST", "/label"), ("POST", "/log"), ("POST", "/other"))}  # fmt: skip
    assert needed == {"predict", "explain", "metrics", "label", "log", "admin"}


def test_ended_keys(web):
    token, key = make("old", expires="2027-01-01")
    guard = Guard(KeyRing(None, (key,)))
    assert status(guard, bearer(token), 1.7e9) == 200
    assert status(guard, bearer(token), 1.9e9) == 401


def test_another_page_cannot_use_the_key_of_a_browser(guard, web):
    basic = "Basic " + base64.b64encode(f":{web[0]}".encode()).decode()
    for headers in ({"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site"}, {"origin": "http://evil.test"},
                    {"origin": "null"}, {"origin": "http://ok.test.evil.test"}):  # fmt: skip
        assert status(guard, asked(authorization=basic, host="ok.test", **headers)) == 403, headers
    for headers in ({}, {"origin": "https://ok.test", "sec_fetch_site": "same-origin"}):
        assert status(guard, asked(authorization=basic, host="ok.test", **headers)) == 200, headers


def test_a_browser_is_asked_for_the_key(guard):
    with pytest.raises(Refused) as page:
        guard.admit(asked("GET", "/", accept="text/html,*/*"), NOW)
    assert page.value.headers[0][1].startswith(b"Basic")
    with pytest.raises(Refused) as client:
        guard.admit(asked(), NOW)
    assert client.value.headers[0][1].startswith(b"Bearer")


def test_rate_is_a_token_bucket():
    token, key = make("slow", rate=2.0, burst=4.0)
    guard = Guard(KeyRing(None, (key,)))
    assert [status(guard, bearer(token)) for _ in range(6)] == [200] * 4 + [429] * 2
    assert [status(guard, bearer(token), NOW + 1) for _ in range(3)] == [200, 200, 429]
    with pytest.raises(Refused) as refused:
        guard.admit(bearer(token), NOW + 1)
    assert refused.value.headers == ((b"retry-after", b"1"),)
    assert status(guard, bearer(token), NOW - 1e6) == 429  # a clock that is set back gives nothing
    assert status(guard, bearer(token), NOW + 1e9) == 200


def test_rows_count_against_the_rate():
    token, key = make("slow", rate=10.0)
    guard = Guard(KeyRing(None, (key,)))
    caller = guard.admit(bearer(token), NOW)
    guard.spend(caller, 10, NOW)
    with pytest.raises(Refused, match="too fast"):
        guard.admit(bearer(token), NOW)
    caller = guard.admit(bearer(token), NOW + 5)
    with pytest.raises(Refused, match="at once"):
        guard.spend(caller, 12, NOW + 5)


def test_a_budget_is_never_exceeded_and_survives_a_restart(tmp_path):
    token, key = make("few", budget=10)
    for _ in range(2):
        usage = Usage(tmp_path / "usage")
        guard = Guard(KeyRing(None, (key,)), usage=usage)
        caller = guard.admit(bearer(token), NOW)
        guard.spend(caller, 4, NOW)
        usage.close()
    usage = Usage(tmp_path / "usage")
    guard = Guard(KeyRing(None, (key,)), usage=usage)
    with pytest.raises(Refused) as refused:
        guard.spend(caller, 3, NOW)
    assert refused.value.status == 429 and usage.spent(f"key:{key.id}") == 8
    guard.spend(caller, 2, NOW)
    assert usage.spent(f"key:{key.id}") == 10


TAKE = """
import sys
from pathlib import Path
from assay.serve.usage import Usage
usage = Usage(Path(sys.argv[1]))
print(sum(usage.spend("key:x", 1, 0, 1.0, 3000, None, None) is None for _ in range(3000)))
"""


def test_two_processes_share_a_budget_exactly(tmp_path):
    command = [sys.executable, "-c", TAKE, str(tmp_path / "usage")]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sum(int(w.communicate(timeout=60)[0]) for w in workers) == 3000
    assert Usage(tmp_path / "usage").spent("key:x") == 3000


def test_a_full_usage_file_forgets_buckets_and_never_budgets(monkeypatch):
    monkeypatch.setattr("assay.serve.usage.PLACES", 8)
    usage = Usage()
    for k in range(4):
        assert usage.spend(f"key:{k}", 1, 0, NOW, 5, None, None) is None
    for k in range(50):
        assert usage.spend(f"jwt:{k}", 0, 1, NOW + k, None, 1.0, None) is None
    assert [usage.spent(f"key:{k}") for k in range(4)] == [1, 1, 1, 1]


def test_a_file_that_is_something_else_is_refused(tmp_path):
    (tmp_path / "usage").write_text("hello")
    with pytest.raises(InputError, match="no usage file"):
        Usage(tmp_path / "usage")
    with pytest.raises(InputError, match="cannot be used"):
        Usage(tmp_path / "none" / "usage")


def test_a_service_counts_beside_its_keys(tmp_path):
    token, key = make("few", budget=5)
    keys = tmp_path / "keys.json"
    write(keys, (key,))
    setup = Setup("late.assay", keys=str(keys))
    for left in (5, 2):
        guard = guard_of(setup, Events(io.StringIO()))
        caller = guard.admit(bearer(token), NOW)
        guard.spend(caller, 3 if left == 5 else 2, NOW)
        guard.usage.close()
    with pytest.raises(Refused):
        guard_of(setup, Events(io.StringIO())).spend(caller, 1, NOW)
    (tmp_path / "keys.usage").unlink()
    (tmp_path / "keys.usage").mkdir()  # cannot be a file
    with pytest.raises(InputError, match="--usage"):
        usage_of(setup)
    write(keys, (make("free")[1],))
    assert usage_of(setup).spend("key:x", 1, 1, NOW, 1, None, None) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost", "127.8.9.1"])
def test_loopback_may_be_open(host):
    assert safe_to_bind(host, False, False) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "example.org", "localhost.evil.test", "127.1", "0"])
def test_others_may_not_reach_a_service_without_keys(host):
    with pytest.raises(SettingsError, match="assay keys new"):
        safe_to_bind(host, False, True)
    assert "clear text" in safe_to_bind(host, True, False)
    assert safe_to_bind(host, True, True) is None


def test_a_key_costs_microseconds(guard, web):
    request = bearer(web[0])
    start = time.process_time()
    for _ in range(2000):
        guard.admit(request, NOW)
    assert time.process_time() - start < 0.5  # 250 us each; some 3 us are measured: benchmarks/serving/guard_cost.py


def test_what_a_worker_opens_to_everybody_are_the_probes_and_nothing_else():
    """Readiness tells no more than that a model is loaded, and who orchestrates asks for it without a key."""
    from assay.serve.events import Events
    from assay.serve.setup import Setup
    from assay.serve.worker import guard_of

    probes = {"/healthz", "/livez", "/v2/health/live", "/v2/health/ready"}
    assert guard_of(Setup("late.assay"), Events()).open == {(m, p) for m in ("GET", "HEAD") for p in probes}
