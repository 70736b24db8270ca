"""BentoML with a service of one function. python bentoml_app.py PLACE PORT"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from graph import Graph, say, spec

if (row := spec()) is not None:
    say("/predict", {"rows": [row]})

import bentoml

PLACE = os.environ.get("PLACE") or sys.argv[1]


@bentoml.service(workers=1)
class Late:
    def __init__(self) -> None:
        self.graph = Graph(PLACE)

    @bentoml.api
    def predict(self, rows: list[dict]) -> list[list[float]]:
        return self.graph.predict(rows)


if __name__ == "__main__":
    os.environ["PLACE"] = sys.argv[1]
    binary = str(Path(sys.executable).with_name("bentoml"))
    os.chdir(Path(__file__).parent)
    os.execv(binary, [binary, "serve", "bentoml_app:Late", "--host", "127.0.0.1", "--port", sys.argv[2]])
