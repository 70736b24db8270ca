"""Hostile requests: what is sent, and which statuses refuse it. None may be answered 2xx or 5xx.

Whole requests, for a handler in process or a real server; ``wires`` has those that are bytes on a socket.
"""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
REFUSED = (400, 413, 422)
NUMBER, TEXT = "amount", "colour"  # a column of numbers and one of text in the model that is probed


@dataclass(frozen=True)
class Probe:
    """One request: ``body`` is made from the good row; ``key`` False leaves the key out."""

    name: str
    body: Callable[[Row], bytes]
    path: str = "/predict"
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    expect: tuple[int, ...] = REFUSED
    key: bool = True


def rows(change: Callable[[Row], Any]) -> Callable[[Row], bytes]:
    """The good row, changed, as a body."""
    return lambda row: json.dumps({"rows": [change(dict(row))]}).encode()


def cell(value: Any, column: str = NUMBER) -> Callable[[Row], bytes]:
    return rows(lambda row: row | {column: value})


def raw(text: str, column: str = NUMBER) -> Callable[[Row], bytes]:
    """A cell whose JSON is ``text`` as it stands."""
    return lambda row: json.dumps({"rows": [row | {column: "@@"}]}).replace('"@@"', text).encode()


def just(data: bytes) -> Callable[[Row], bytes]:
    return lambda row: data


def without(column: str) -> Callable[[Row], bytes]:
    return rows(lambda row: {k: v for k, v in row.items() if k != column})


def tensor(value: Any) -> dict[str, Any]:
    """One column of one row as the natural tensor of the protocol."""
    kind = "BYTES" if isinstance(value, str) else "BOOL" if isinstance(value, bool) else "FP64"
    return {"datatype": kind, "shape": [1], "data": [value]}


def v2(change: Callable[[list[dict[str, Any]]], Any], **more: Any) -> Callable[[Row], bytes]:
    """The good row as tensors, changed."""

    def body(row: Row) -> bytes:
        inputs = [{"name": name} | tensor(value) for name, value in row.items()]
        changed = change(inputs)
        return json.dumps({"inputs": inputs if changed is None else changed} | more).encode()

    return body


def of(column: str, **change: Any) -> Callable[[list[dict[str, Any]]], None]:
    def made(inputs: list[dict[str, Any]]) -> None:
        next(i for i in inputs if i["name"] == column).update(change)

    return made


def binary(lie: Callable[[dict[str, Any], bytes], tuple[dict[str, Any], bytes]]) -> Callable[[Row], bytes]:
    """The number column as a binary tensor; ``lie`` changes its head and its bytes."""

    def body(row: Row) -> bytes:
        inputs = [{"name": name} | tensor(value) for name, value in row.items()]
        one = next(i for i in inputs if i["name"] == NUMBER)
        data = struct.pack("<d", 1.0)
        del one["data"]
        one["parameters"] = {"binary_data_size": len(data)}
        changed, data = lie(one, data)
        one.update(changed)
        return json.dumps({"inputs": inputs}).encode() + data

    return body


INFER = "/v2/models/late/infer"
SIZED = {"inference-header-content-length": "@json"}  # the runner puts the true size of the JSON there


def colliding(n: int) -> bytes:
    """Names that a table without a random seed would put into one place (multiples of 2^61 - 1 hash to nought)."""
    return json.dumps({"rows": [{str(k * (2**61 - 1)): 1 for k in range(n)}]}).encode()


REQUESTS: list[Probe] = [
    # the note's table 3.4
    Probe("wrong width", without(NUMBER)),
    Probe("a string where a number belongs", cell("12x")),
    Probe("null for the whole row", rows(lambda row: None)),
    Probe("NaN", raw("NaN")),
    Probe("Infinity", raw("Infinity")),
    Probe("-Infinity", raw("-Infinity")),
    Probe("1e400", raw("1e400")),
    Probe("1e39, beyond a float32", raw("1e39")),
    Probe("no rows", just(b'{"rows":[]}')),
    Probe("a wrong input name", v2(of(NUMBER, name="amuont")), INFER),
    Probe("shape -1", v2(of(NUMBER, shape=[-1])), INFER),
    Probe("a shape that lies", v2(of(NUMBER, shape=[7])), INFER),
    Probe("a huge shape", v2(of(NUMBER, shape=[10**12])), INFER),
    Probe("a shape whose product overflows", v2(of(NUMBER, shape=[2**32, 2**32])), INFER),
    Probe("JSON 20,000 deep", just(b"[" * 20_000 + b"]" * 20_000)),
    Probe("a 20 MB body", lambda row: b'{"rows":[' + b" " * 20_000_000 + b"]}", expect=(413,)),
    Probe("no key", rows(lambda row: row), expect=(401,), key=False),
    # keys and tokens
    Probe(
        "a wrong key",
        rows(lambda row: row),
        headers={"authorization": "Bearer assay_AAAAAAAA_" + "x" * 43},
        expect=(401,),
        key=False,
    ),
    Probe("a key in the query", rows(lambda row: row), "/predict?api_key=@key", expect=(401,), key=False),
    Probe("a key in a cookie", rows(lambda row: row), headers={"cookie": "api_key=@key"}, expect=(401,), key=False),
    Probe(
        "a token signed by nobody",
        rows(lambda row: row),
        expect=(401,),
        key=False,
        headers={"authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0."},
    ),
    Probe(
        "said to come from loopback",
        rows(lambda row: row),
        expect=(401,),
        key=False,
        headers={"x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1", "forwarded": "for=127.0.0.1"},
    ),
    Probe(
        "another path in a header",
        rows(lambda row: row),
        expect=(401,),
        key=False,
        headers={"x-original-url": "/healthz", "x-rewrite-url": "/healthz"},
    ),
    Probe(
        "method override",
        rows(lambda row: row),
        "/healthz",
        expect=(401,),
        key=False,
        headers={"x-http-method-override": "GET"},
    ),
    # numbers
    Probe("a whole number of 400 digits", raw("9" * 400)),
    Probe("2^63 with an exponent", raw("9223372036854775808e300")),
    Probe("-1e400", raw("-1e400")),
    Probe("nan as text", cell("nan")),
    Probe("inf as text", cell("inf")),
    Probe("hexadecimal", raw("0x10")),
    Probe("a leading nought", raw("007")),
    Probe("a plus", raw("+1")),
    Probe("a bare point", raw(".5")),
    Probe("a number with a comma", raw('"1,5"')),
    Probe("true for a number", cell(True)),
    Probe("a list in a cell", cell([1])),
    Probe("an object in a cell", cell({"$gt": ""})),
    Probe("full-width digits", cell("１２")),
    Probe("a number for text", cell(7, TEXT)),
    Probe("text of 3 MB", cell("9" * 3_000_000)),
    # JSON
    Probe("a name twice", lambda row: json.dumps({"rows": [row]}).replace("{", '{"amount":1,', 2).encode()),
    Probe(
        "a name twice, once escaped",
        lambda row: json.dumps({"rows": [row]}).replace("[{", '[{"\\u0061mount":1,').encode(),
    ),
    Probe("rows twice", lambda row: json.dumps({"rows": [row]}).encode()[:-1] + b',"rows":[]}'),
    Probe("names that collide", just(colliding(20_000))),
    Probe("100,000 unknown names", lambda row: json.dumps({"rows": [{f"k{i}": 1 for i in range(100_000)}]}).encode()),
    Probe("objects 5,000 deep", just(b'{"rows":' * 5_000 + b"1" + b"}" * 5_000)),
    Probe("unclosed brackets", just(b"[" * 1_000_000)),
    Probe("cut off", lambda row: json.dumps({"rows": [row]}).encode()[:-5]),
    Probe("something after the end", lambda row: json.dumps({"rows": [row]}).encode() + b"x"),
    Probe("two documents", just(b"{}{}")),
    Probe("nothing", just(b"")),
    Probe("one byte", just(b"\0")),
    Probe("null", just(b"null")),
    Probe("a word", just(b"true")),
    Probe("a string", just(b'"rows"')),
    Probe("comments", just(b'{"rows":[/* */]}')),
    Probe("single quotes", just(b"{'rows':[]}")),
    Probe("a trailing comma", just(b'{"rows":[1,]}')),
    Probe("lone surrogate", just(b'{"rows":[{"amount":"\\ud800"}]}')),
    Probe("not UTF-8", just(b'{"rows":[{"\xff\xfe":1}]}')),
    Probe("UTF-16", lambda row: json.dumps({"rows": [row]}).encode("utf-16")),
    Probe("a byte-order mark", lambda row: b"\xef\xbb\xbf" + json.dumps({"rows": [row]}).encode()),
    Probe("overlong UTF-8", just(b'{"rows":[{"a":"\xc0\xaf"}]}')),
    Probe(
        "a name of another alphabet",
        lambda row: json.dumps({"rows": [{("аmount" if k == "amount" else k): v for k, v in row.items()}]}).encode(),
    ),
    Probe(
        "a name with zero-width space",
        rows(lambda row: {("amount\u200b" if k == "amount" else k): v for k, v in row.items()}),
    ),
    Probe("__proto__ for rows", just(b'{"__proto__":{"rows":[1]}}')),
    Probe("rows as object", just(b'{"rows":{"0":1}}')),
    Probe(
        "columns of other lengths",
        lambda row: json.dumps({"columns": {k: [v] * (1 + (k == NUMBER)) for k, v in row.items()}}).encode(),
    ),
    Probe("columns as scalars", lambda row: json.dumps({"columns": row}).encode()),
    Probe("more rows than are read", lambda row: json.dumps({"rows": [row] * 10_001}).encode()),
    Probe(
        "10,000,000 empty rows packed",
        lambda row: gzip.compress(b'{"rows":[' + b"{}," * 10_000_000 + b"{}]}", 1),
        headers={"content-encoding": "gzip"},
    ),
    # packed bodies
    Probe(
        "a bomb: 512 MB in 0.5 MB",
        lambda row: zlib.compress(b"\0" * (512 << 20), 6),
        headers={"content-encoding": "deflate"},
    ),
    Probe(
        "gzip in gzip",
        lambda row: gzip.compress(gzip.compress(json.dumps({"rows": [row]}).encode())),
        headers={"content-encoding": "gzip, gzip"},
        expect=(415,),
    ),
    Probe("gzip that is none", lambda row: json.dumps({"rows": [row]}).encode(), headers={"content-encoding": "gzip"}),
    Probe(
        "gzip cut off",
        lambda row: gzip.compress(json.dumps({"rows": [row]}).encode())[:-4],
        headers={"content-encoding": "gzip"},
    ),
    Probe(
        "gzip with a second stream",
        lambda row: gzip.compress(json.dumps({"rows": [row]}).encode()) * 2,
        headers={"content-encoding": "gzip"},
    ),
    Probe("an unknown encoding", rows(lambda row: row), headers={"content-encoding": "br"}, expect=(415,)),
    # paths and methods
    Probe("up the path", just(b""), "/../../etc/passwd", "GET", expect=(400, 404)),
    Probe("up the path, escaped", just(b""), "/%2e%2e/%2e%2e/etc/passwd", "GET", expect=(400, 404)),
    Probe("a file of the model", just(b""), "/v2/models/..%2f..%2fetc%2fpasswd", "GET", expect=(400, 404)),
    Probe("another model", v2(lambda inputs: None), "/v2/models/other/infer", expect=(404,)),
    Probe("another version", v2(lambda inputs: None), "/v2/models/late/versions/99/infer", expect=(404,)),
    Probe("a NUL in the path", just(b""), "/predict%00", "GET", expect=(400, 403, 404)),
    Probe("two slashes", rows(lambda row: row), "//predict", expect=(403, 404)),
    Probe("capital letters", rows(lambda row: row), "/PREDICT", expect=(403, 404)),
    Probe("a slash at the end", rows(lambda row: row), "/predict/", expect=(403, 404)),
    Probe("GET of /predict", just(b""), method="GET", expect=(405,)),
    Probe("DELETE", just(b""), method="DELETE", expect=(403, 405)),
    Probe("PUT of the schema", just(b"{}"), "/schema", "PUT", expect=(403, 405)),
    Probe("TRACE", just(b""), "/", "TRACE", expect=(400, 403, 405)),
    Probe("CONNECT", just(b""), "/", "CONNECT", expect=(400, 403, 405)),
    Probe("an invented method", just(b""), "/predict", "JUMP", expect=(400, 403, 405)),
    Probe("admin", just(b"{}"), "/admin/promote", expect=(403,)),
    Probe("someone's debug page", just(b""), "/debug/pprof", "GET", expect=(404,)),
    Probe(
        "pickle",
        just(b"\x80\x04\x95cos\nsystem\n"),
        headers={"content-type": "application/x-pickle"},
        expect=(400, 415),
    ),
    # the query
    Probe("an unknown option", rows(lambda row: row), "/predict?debug=1"),
    Probe("an option twice", rows(lambda row: row), "/predict?reasons=1&reasons=2"),
    Probe("reasons without end", rows(lambda row: row), "/predict?reasons=999999"),
    Probe("a coverage of 2", rows(lambda row: row), "/predict?coverage=2"),
    Probe("a coverage of nan", rows(lambda row: row), "/predict?coverage=nan"),
    Probe("10,000 options", rows(lambda row: row), "/predict?" + "a=1&" * 3_000, expect=(400, 431)),
    # tensors
    Probe("an input twice", v2(lambda i: [*i, i[0]]), INFER),
    Probe("an input too few", v2(lambda i: i[1:]), INFER),
    Probe("inputs as object", v2(lambda i: {"a": 1}), INFER),
    Probe("no inputs", just(b"{}"), INFER),
    Probe("an unknown datatype", v2(of(NUMBER, datatype="FP8")), INFER),
    Probe("text as numbers", v2(of(NUMBER, data=["x"])), INFER),
    Probe("ragged data", v2(of(NUMBER, shape=[2], data=[[1], [2, 3]])), INFER),
    Probe("a shape of text", v2(of(NUMBER, shape=["1"])), INFER),
    Probe("a shape of fractions", v2(of(NUMBER, shape=[1.5])), INFER),
    Probe("a shape of 10,000 dimensions", v2(of(NUMBER, shape=[1] * 10_000)), INFER),
    Probe("300 for UINT8", v2(of(NUMBER, datatype="UINT8", data=[300])), INFER),
    Probe("columns of other lengths as tensors", v2(of(NUMBER, shape=[2], data=[1.0, 2.0])), INFER),
    Probe("an unknown output", v2(lambda i: None, outputs=[{"name": "secrets"}]), INFER),
    Probe("outputs as text", v2(lambda i: None, outputs="all"), INFER),
    Probe("an id that is no text", v2(lambda i: None, id=7), INFER),
    Probe(
        "binary: a size that lies",
        binary(lambda head, data: ({"parameters": {"binary_data_size": 800}}, data)),
        INFER,
        headers=SIZED,
    ),
    Probe(
        "binary: a negative size",
        binary(lambda head, data: ({"parameters": {"binary_data_size": -8}}, data)),
        INFER,
        headers=SIZED,
    ),
    Probe(
        "binary: a size of 2^63",
        binary(lambda head, data: ({"parameters": {"binary_data_size": 2**63}}, data)),
        INFER,
        headers=SIZED,
    ),
    Probe("binary: bytes left over", binary(lambda head, data: ({}, data + b"more")), INFER, headers=SIZED),
    Probe("binary: bytes too few", binary(lambda head, data: ({}, data[:5])), INFER, headers=SIZED),
    Probe("binary: infinite", binary(lambda head, data: ({}, struct.pack("<d", float("inf")))), INFER, headers=SIZED),
    Probe(
        "binary: a length in a length",
        binary(
            lambda head, data: (
                {"datatype": "BYTES", "parameters": {"binary_data_size": 8}},
                struct.pack("<I", 2**31) + b"abcd",
            )
        ),
        INFER,
        headers=SIZED,
    ),
    Probe(
        "binary: header length beyond the body",
        v2(lambda i: None),
        INFER,
        headers={"inference-header-content-length": "999999"},
    ),
    Probe(
        "binary: header length negative", v2(lambda i: None), INFER, headers={"inference-header-content-length": "-1"}
    ),
    Probe(
        "binary: header length of text", v2(lambda i: None), INFER, headers={"inference-header-content-length": "abc"}
    ),
    Probe(
        "binary: header length cuts the JSON",
        v2(lambda i: None),
        INFER,
        headers={"inference-header-content-length": "10"},
    ),
    # labels and the log
    Probe("a label without a request", just(b'{"label":1}'), "/label"),
    Probe("a label that is a list", just(b'{"id":"a","label":[1]}'), "/label"),
    Probe(
        "a million labels",
        just(b'{"labels":[' + b'{"id":"a","label":1},' * 20_000 + b'{"id":"a","label":1}]}'),
        "/label",
    ),
    Probe("predictions without rows", just(b'{"predictions":[{"prediction":1}]}'), "/log"),
    # headers
    Probe("an id that injects a header", just(b"{}"), headers={"x-request-id": "a%0d%0aset-cookie: x=1"}),
    Probe("a length that lies in a header", just(b"{}"), headers={"x-content-length": "5"}),
    Probe("60 kB of headers", just(b"{}"), headers={"x-long": "a" * 60_000}, expect=(431,)),
    Probe("200 headers", just(b"{}"), headers={f"x-{k}": "a" for k in range(200)}, expect=(431,)),
]
