"""What one request may take: bytes, headers, depth, seconds."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import time
import zlib

import orjson
import pytest

from assay.serve.http import Refused
from assay.serve.limits import Gone, Limits, check_depth, check_once, headers_of, inflate, read_body
from assay.serve.secrets import request_id, without_secrets

LIMITS = Limits(body=1000, inflated=5000, depth=8, seconds=0.05, headers=10)


def sender(*messages, wait=0.0):
    left = list(messages)

    async def receive():
        if wait:
            await asyncio.sleep(wait)
        if left:
            return left.pop(0)
        await asyncio.sleep(3600)
        return None

    return receive


def part(body, more=False):
    return {"type": "http.request", "body": body, "more_body": more}


def read(receive, **headers):
    named = {k.replace("_", "-").encode(): v.encode() for k, v in headers.items()}
    return asyncio.run(asyncio.wait_for(read_body(receive, named, LIMITS), 5))


def refused(call, *arguments, **more):
    with pytest.raises(Refused) as error:
        call(*arguments, **more)
    return error.value.status


def test_bodies_in_any_number_of_parts():
    assert read(sender(part(b"abc"))) == b"abc"
    assert read(sender(part(b"a", True), part(b"b", True), part(b"c"))) == b"abc"
    assert read(sender(part(b"abc"), wait=0.01)) == b"abc"
    assert read(sender(part(b"a", True), part(b"b"), wait=0.01)) == b"ab"
    assert read(sender(part(b""))) == b""


def test_large_bodies():
    assert refused(read, sender(part(b"x" * 1001))) == 413
    assert refused(read, sender(part(b"x" * 600, True), part(b"x" * 600))) == 413
    assert refused(read, sender(part(b"x" * 600, True), part(b"x" * 600), wait=0.001)) == 413
    assert refused(read, sender(part(b"x")), content_length="1001") == 413
    assert refused(read, sender(part(b"x")), content_length="9" * 400) == 413
    assert len(read(sender(part(b"x" * 1000)), content_length="1000")) == 1000


@pytest.mark.parametrize("length", ["-1", "+1", "1.0", "0x10", "", " 1", "1,1", "ten", "٣"])
def test_lengths_that_are_no_number(length):
    assert refused(read, sender(part(b"x")), content_length=length) == 400


def test_slow_bodies_end_at_one_deadline():
    start = time.monotonic()
    assert refused(read, sender(part(b"x", True))) == 408  # and then nothing comes
    assert refused(read, sender()) == 408  # not even a first part
    assert refused(read, sender(*[part(b"x", True)] * 100, wait=0.01)) == 408  # a byte at a time
    assert time.monotonic() - start < 2


def test_a_client_that_leaves():
    with pytest.raises(Gone):
        read(sender({"type": "http.disconnect"}))
    with pytest.raises(Gone):
        read(sender(part(b"x", True), {"type": "http.disconnect"}))


def test_headers_that_only_one_can_be_meant_of():
    assert headers_of([(b"accept", b"a"), (b"accept", b"b")], LIMITS) == {b"accept": b"b"}
    for name in (b"authorization", b"x-api-key", b"host", b"content-length", b"content-encoding", b"transfer-encoding"):
        assert refused(headers_of, [(name, b"a"), (name, b"a")], LIMITS) == 400
    assert refused(headers_of, [(b"a%d" % k, b"") for k in range(11)], LIMITS) == 431


def coded(body, coding):
    return inflate(body, {b"content-encoding": coding.encode()}, LIMITS)


def test_packed_bodies():
    assert coded(gzip.compress(b"abc"), "gzip") == coded(zlib.compress(b"abc"), "deflate") == b"abc"
    assert coded(b"abc", "identity") == inflate(b"abc", {}, LIMITS) == b"abc"


def test_packed_bodies_that_are_refused():
    whole = gzip.compress(b"a" * 4000)
    assert refused(coded, gzip.compress(b"\0" * 5001), "gzip") == 413
    assert refused(coded, gzip.compress(b"\0" * 100_000_000), "gzip") == 413  # 97 kB that become 100 MB
    for broken in (b"", b"abc", whole[:-1], whole[:-9], whole + b"x", whole + whole, whole[:20] + b"xx" + whole[22:]):
        assert refused(coded, broken, "gzip") == 400
    for coding in ("br", "zstd", "gzip, gzip", "compress", "gzip;q=1", "x"):
        assert refused(coded, whole, coding) == 415
    assert refused(coded, whole, "deflate") == 400


def nested(depth):
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    "body",
    [nested(8), json.dumps([{"a": 1, "b": "]["}] * 500).encode(), json.dumps(["[" * 50]).encode(),
     json.dumps(['\\"[[[[[[[[[[\\'] * 5).encode(), json.dumps([[1, 2]] * 100).encode(), b"{}", b"", b"nothing"],
)  # fmt: skip
def test_depths_that_pass(body):
    check_depth(body, LIMITS)


@pytest.mark.parametrize(
    "body",
    [nested(9), b"[" * 20_000, b'{"a":' * 9 + b"1" + b"}" * 9, b"[ " * 9 + b"] " * 9, b"]" * 9 + b"[" * 9,
     b"[" * 9 + b'"' + b"]" * 9 + b'"', (nested(8)[:8] + b"{}" + nested(8)[8:])],
)  # fmt: skip
def test_depths_that_are_refused(body):
    assert refused(check_depth, body, LIMITS) == 400


def test_looking_at_the_depth_of_hostile_bodies_takes_no_long():
    start = time.process_time()
    for body in (
        b"[" * (4 << 20),
        b"[]" * (2 << 20),
        b'"\\"' * (1 << 20),
        b'["' + b'\\"' * (1 << 20),
        b"[{" * (1 << 20),
    ):
        if b"[" in body:
            with contextlib.suppress(Refused):
                check_depth(body, Limits())
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "body",
    [b'{"rows":[{"a":1,"b":"x:y"},{"a":2,"b":":"}]}', b'[{"a":1}]', b"[]", b'{"a" : 1}', b'{"columns":{"a":[1,2]}}',
     b"7", b'{"a":"q\\":\\"w"}', b'{"a":"\\\\"}', b'{"rows":[{"a":{"b":{"c":1}}}]}',
     b'[[1,2],[3]]', b'[{"a:b":"c:d"}]', b'[{"a":"\\u003a"}]',
     b'{"a":[1,{"b":2},[3,{"c":4}]]}',
     b'{"inputs":[{"name":"a","shape":[1],"data":[1,2]}],"parameters":{"a":{}}}', b'{"a":"2020-01-01T10:11:12Z"}'],
)  # fmt: skip
def test_names_that_stand_once(body):
    check_once(body, orjson.loads(body))


@pytest.mark.parametrize(
    "body",
    [b'{"rows":[{"a":1,"a":2}]}', b'{"rows":[],"rows":[]}', b'[{"a":1},{"a":1,"\\u0061":2}]', b'{"a" :1,"a" :2}',
     b'{"a":"x:y","b":1,"b":2}', b'{"columns":{"a":[1],"a":[2]}}', b'{"p":{"q":{"r":1,"r":2}}}', b'[{"a":1,"a":":"}]',
     b'[{"a":":","a":1}]', b'[{"a":"\\u003a","a":1,"b":2}]', b'[{"a":{"b":1,"b":2}}]',
     b'{"a":[1,{"b":2,"b":3}]}', b'[{"a":":"},{"b":1,"b":2}]',
     b'{"inputs":[{"name":"a","name":"b"}]}', b'{"a":"\\":\\"","a":1}'],
)  # fmt: skip
def test_names_that_stand_twice(body):
    assert refused(check_once, body, orjson.loads(body)) == 400


def test_nothing_that_looks_like_a_secret_stays():
    from assay.serve.keys import make

    key = make("a")[0]
    jwt = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
    for text in (key, f"/x/{key}?a", f"Authorization: Bearer {key}", jwt, f"Bearer {jwt}", f'{{"k":"{key}"}}',
                 "Basic YW55Ym9keTphc3NheV8xMjM0NTY3OA==", "x-api-key: hunter2hunter2",
                 "-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----"):  # fmt: skip
        hidden = without_secrets(text)
        assert "[hidden]" in hidden and not any(s in hidden for s in (key[15:], jwt[21:], "YW55", "hunter2", "abc")), (
            text
        )
    assert without_secrets("/predict 200 assay_log 3 rows") == "/predict 200 assay_log 3 rows"


def test_ids_of_requests():
    from assay.serve.keys import make

    assert request_id(b"order-17.a:b") == "order-17.a:b"
    given = (
        None,
        b"",
        b"a b",
        b"a\r\nset-cookie: x",
        b"\xff",
        b"a" * 65,
        b"-x",
        make("a")[0].encode(),
        b'"',
        b"<script>",
    )
    for one in given:
        assert len(request_id(one)) == 24 and request_id(one) != request_id(one)
