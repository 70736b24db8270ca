"""The same graph for every peer: rows as dicts in, probabilities or values out. Needs numpy and onnxruntime only."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

NULL = "\ue000"


class Graph:
    """The .assay file's own graph, run as assay runs it: one thread, no spinning."""

    def __init__(self, place: str) -> None:
        import onnxruntime as ort

        schema = json.loads((Path(place) / "schema.json").read_text())
        self.columns = schema["x-assay"]["columns"]
        self.order = schema["x-assay"]["order"]
        self.dates = {c for c in self.order if self.columns[c]["kind"] == "date"}  # they come as ISO 8601
        self.text = {c for c in self.order if self.columns[c]["kind"] in ("text", "category", "mixed")}
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        graph = (Path(place) / "model.onnx").read_bytes()
        self.session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.output = "value" if schema["x-assay"]["task"] == "regression" else "probabilities"

    def predict(self, rows: list[dict]) -> list[list[float]]:
        feed = {}
        for c in self.order:
            values = [row[c] for row in rows]
            if c in self.text:
                made = np.array([NULL if v is None else v for v in values], object)
            else:
                seconds = [moment(v) for v in values] if c in self.dates else values
                made = np.array([np.nan if v is None else v for v in seconds], np.float64)
            feed[self.columns[c]["input"]] = made.reshape(-1, 1)
        return self.session.run([self.output], feed)[0].tolist()


def moment(value: str | None) -> float | None:
    """Seconds since 1970, as the graph takes a date."""
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp()


def spec() -> dict | None:
    """The row to ask about, where the loader wants to know how this server is asked."""
    return json.loads(sys.argv[sys.argv.index("--spec") + 1]) if "--spec" in sys.argv else None


def say(path: str, body: object) -> None:
    print(json.dumps({"path": path, "body": body}))
    raise SystemExit
