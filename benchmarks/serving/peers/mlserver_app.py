"""MLServer with a custom runtime, asked in the protocol v2. python mlserver_app.py PLACE PORT"""

from __future__ import annotations

import asyncio
import os
import sys

from graph import Graph, say, spec

if (row := spec()) is not None:
    inputs = [
        {"name": c, "shape": [1], "datatype": "BYTES" if isinstance(v, str) else "FP64", "data": [v]}
        for c, v in row.items()
    ]
    say("/v2/models/late/infer", {"inputs": inputs})

from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class Late(MLModel):
    async def load(self) -> bool:
        self.graph = Graph(os.environ["PLACE"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        row = {i.name: i.data.root[0] for i in payload.inputs}
        (values,) = self.graph.predict([row])
        out = ResponseOutput(name="probabilities", shape=[1, len(values)], datatype="FP64", data=values)
        return InferenceResponse(model_name=self.name, outputs=[out])


async def main() -> None:
    port = int(sys.argv[2])
    settings = Settings(
        http_port=port, grpc_port=port + 1000 if port < 60000 else port - 1000, parallel_workers=0, host="127.0.0.1",
        metrics_endpoint=None, debug=False,
    )  # fmt: skip
    server = MLServer(settings)
    await server.start([ModelSettings(name="late", implementation=Late)])


os.environ["PLACE"] = sys.argv[1]
asyncio.run(main())
