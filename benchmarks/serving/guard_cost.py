"""CPU microseconds of the guard for one request, step by step (thread CPU, best of five).

python benchmarks/serving/guard_cost.py
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import orjson

from assay.serve.audit_log import AuditLog
from assay.serve.guard import Guard
from assay.serve.http import Request
from assay.serve.key_file import KeyRing
from assay.serve.keys import make
from assay.serve.limits import Limits, check_depth, check_once, headers_of
from assay.serve.usage import Usage


def cost(what: str, call, n: int = 20_000) -> None:
    best = float("inf")
    for _ in range(5):
        start = time.thread_time()
        for _ in range(n):
            call()
        best = min(best, (time.thread_time() - start) / n)
    print(f"| {what} | {best * 1e6:.2f} |")


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        usage = Usage(folder / "usage")
        plain, key = make("plain")
        limited, other = make("limited", budget=10**12, rate=1e12)
        guard = Guard(KeyRing(None, (key, other)), usage=usage)
        asked = Request("POST", "/predict", "", {b"authorization": b"Bearer " + plain.encode()})
        counted = Request("POST", "/predict", "", {b"authorization": b"Bearer " + limited.encode()})
        caller = guard.admit(counted, 1.0)
        raw = [
            (b"host", b"a"),
            (b"authorization", b"x"),
            (b"content-type", b"application/json"),
            (b"content-length", b"9"),
        ]
        body = json.dumps({"rows": [{f"c{k}": 1.5 * k for k in range(30)}]}).encode()
        many = json.dumps({"rows": [{f"c{k}": 1.5 * k for k in range(30)}] * 100}).encode()
        one, hundred = orjson.loads(body), orjson.loads(many)
        limits, audit = Limits(), AuditLog(folder / "audit")
        print("| step | us |\n|---|---|")
        cost("headers by name, none twice", lambda: headers_of(raw, limits))
        cost("a key admitted", lambda: guard.admit(asked, 1.0))
        cost("a key with a rate admitted", lambda: guard.admit(counted, 1.0))
        cost("rows taken from budget and rate", lambda: guard.spend(caller, 1, 1.0))
        cost("depth of JSON, 1 row of 30", lambda: check_depth(body, limits))
        cost("depth of JSON, 100 rows", lambda: check_depth(many, limits), 500)
        cost("no name twice, 1 row of 30", lambda: check_once(body, one))
        cost("no name twice, 100 rows", lambda: check_once(many, hundred), 500)
        start = time.process_time()
        for _ in range(50_000):
            audit.put(1.0, "0123456789abcdef01234567", "plain", "/predict", 200, 1, "ab" * 32, "cd" * 32)
        audit.close()
        print(f"| audit line, the writer's thread included | {(time.process_time() - start) / 50_000 * 1e6:.2f} |")


if __name__ == "__main__":
    main()
