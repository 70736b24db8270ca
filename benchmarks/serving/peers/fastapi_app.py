"""FastAPI as its tutorial has it: a pydantic model of a row, a plain function. python fastapi_app.py PLACE PORT"""

from __future__ import annotations

import sys

from graph import Graph, say, spec

if (row := spec()) is not None:
    say("/predict", [row])

import uvicorn
from fastapi import FastAPI
from pydantic import create_model

graph = Graph(sys.argv[1])
Row = create_model(
    "Row", **{c: (str | None if c in graph.text | graph.dates else float | None, ...) for c in graph.order}
)
app = FastAPI()


def predict(rows: list[Row]) -> list[list[float]]:  # type: ignore[valid-type]
    return graph.predict([row.model_dump() for row in rows])


predict.__annotations__["rows"] = list[Row]
predict.__annotations__["return"] = list[list[float]]
app.post("/predict")(predict)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="critical", access_log=False)
