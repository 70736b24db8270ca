"""Counters for Prometheus in memory that all worker processes share: each adds to its own row, a scrape sums them.

A fixed table of numbers, so that counting on the request path is one addition. Text is made by prometheus-client
when somebody asks.
"""

from __future__ import annotations

import mmap
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

ROUTES = (
    "/predict", "/explain", "/v2/infer", "/v2/metadata", "/v2/ready", "/v2/live", "/schema", "/openapi.json",
    "/metrics", "/healthz", "/", "/label", "/log", "other",
    "/inference.GRPCInferenceService/ModelInfer", "/inference.GRPCInferenceService/ServerLive",
    "/inference.GRPCInferenceService/ServerReady", "/inference.GRPCInferenceService/ModelReady",
    "/inference.GRPCInferenceService/ServerMetadata", "/inference.GRPCInferenceService/ModelMetadata",
    "/grpc.health.v1.Health/Check",
)  # fmt: skip
CODES = (200, 202, 304, 400, 401, 403, 404, 405, 408, 411, 413, 415, 422, 429, 431, 500, 503)
TIMED = ("/predict", "/explain", "/v2/infer", "/inference.GRPCInferenceService/ModelInfer")
EDGES = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
COUNTS = {
    "rows": "Rows predicted.",
    "odd_rows": "Rows that cannot be real (flagged odd).",
    "refused_fields": "Values refused by the schema.",
    "model_failures": "Requests on which the model failed.",
    "fallback_previous": "Requests answered by the previous model.",
    "fallback_naive": "Requests answered by base rates.",
    "canary": "Requests answered by the challenger.",
    "batches": "Runs of the model that several requests shared.",
    "batched": "Requests that shared a run of the model with others.",
    "shadow_rows": "Rows that the challenger answered in the shadow.",
    "shadow_disagreed": "Rows on which the challenger's label differed.",
    "shadow_difference_sum": "Sum over rows of the largest difference of the challenger's output.",
    "shadow_failures": "Requests on which the challenger failed in the shadow.",
    "shadow_dropped": "Requests that the shadow skipped because its queue was full.",
    "swaps": "Models that took over.",
    "swap_failures": "Models that could not take over.",
    "spans": "Spans of requests that were made for the collector.",
    "spans_sent": "Spans that the collector took.",
    "log_dropped": "Predictions that the log could not take.",
    "log_written": "Predictions that the log has written.",
}
ABOUT = ("name", "version", "digest")
PER_TIMED = len(EDGES) + 2  # buckets, +Inf, sum
_CODE = {c: k for k, c in enumerate(CODES)}
_ROUTE = {r: k * len(CODES) for k, r in enumerate(ROUTES)}
_TIMED = {r: len(ROUTES) * len(CODES) + k * PER_TIMED for k, r in enumerate(TIMED)}
_COUNT = {c: len(ROUTES) * len(CODES) + len(TIMED) * PER_TIMED + k for k, c in enumerate(COUNTS)}
STARTED = len(ROUTES) * len(CODES) + len(TIMED) * PER_TIMED + len(COUNTS)
SLOTS = STARTED + 1


class Metrics:
    """Counters of one worker in the table of all. ``handle`` is an open file that the workers share; None for one."""

    def __init__(self, worker: int = 0, workers: int = 1, handle: int | None = None) -> None:
        size = workers * SLOTS * 8
        self._memory = mmap.mmap(-1 if handle is None else handle, size)
        self.table = np.frombuffer(self._memory, np.float64).reshape(workers, SLOTS)
        self._own = memoryview(self._memory).cast("d")[worker * SLOTS : (worker + 1) * SLOTS]
        self.worker = worker

    @staticmethod
    def size(workers: int) -> int:
        """Bytes of the shared file."""
        return workers * SLOTS * 8

    def started(self) -> None:
        """This worker answers from now on."""
        self._own[STARTED] = time.time()

    def ready(self) -> int:
        """Workers that have started."""
        return int((self.table[:, STARTED] > 0).sum())

    def gone(self, worker: int) -> None:
        """A worker has ended: what it counted stays."""
        self.table[worker, STARTED] = 0.0

    def request(self, route: str, code: int, seconds: float) -> None:
        """One answered request; time is kept for routes that predict."""
        own = self._own
        own[_ROUTE.get(route, _ROUTE["other"]) + _CODE.get(code, _CODE[500])] += 1
        at = _TIMED.get(route)
        if at is not None:
            own[at + bisect_left(EDGES, seconds)] += 1
            own[at + PER_TIMED - 1] += seconds

    def add(self, name: str, value: float = 1.0) -> None:
        self._own[_COUNT[name]] += value

    def put(self, name: str, value: float) -> None:
        """Set a number of this worker that is counted elsewhere."""
        self._own[_COUNT[name]] = value

    def total(self, name: str) -> float:
        """Over all workers."""
        return float(self.table[:, _COUNT[name]].sum())

    def text(self, models: Sequence[tuple[str, dict[str, str]]] = ()) -> bytes:
        """The exposition format, version 0.0.4. ``models``: (role, name, version and digest) of what answers now."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Families(self, models))
        return bytes(generate_latest(registry))


class _Families:
    def __init__(self, metrics: Metrics, models: Sequence[tuple[str, dict[str, str]]]) -> None:
        self.metrics, self.models = metrics, models

    def describe(self) -> list[Any]:
        return []

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        table = self.metrics.table
        whole = table.sum(0)
        asked = CounterMetricFamily("assay_requests", "Requests answered.", labels=["route", "code"])
        for route, at in _ROUTE.items():
            for code, k in _CODE.items():
                if whole[at + k]:
                    asked.add_metric([route, str(code)], whole[at + k])
        yield asked
        took = HistogramMetricFamily("assay_request_seconds", "From head to answer.", labels=["route"])
        for route, at in _TIMED.items():
            sums = np.cumsum(whole[at : at + PER_TIMED - 1])
            buckets = [(f"{e:g}", float(v)) for e, v in zip((*EDGES, float("inf")), sums, strict=True)]
            buckets[-1] = ("+Inf", buckets[-1][1])
            took.add_metric([route], buckets, float(whole[at + PER_TIMED - 1]))
        yield took
        for name, says in COUNTS.items():
            yield CounterMetricFamily(f"assay_{name}", says, value=float(whole[_COUNT[name]]))
        up = GaugeMetricFamily("assay_worker_start_time_seconds", "When the worker started.", labels=["worker"])
        for worker in np.flatnonzero(table[:, STARTED]):
            up.add_metric([str(worker)], float(table[worker, STARTED]))
        yield up
        about = GaugeMetricFamily(
            "assay_model_info", "Models that answer.", labels=["role", "name", "version", "digest"]
        )
        for role, model in self.models:
            about.add_metric([role, *(model[k] for k in ABOUT)], 1.0)
        yield about
