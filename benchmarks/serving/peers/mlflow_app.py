"""MLflow's own scoring server (``mlflow models serve``). python mlflow_app.py PLACE PORT [tensors]

As its guide has it: a python function over data frames, asked with ``dataframe_records``. With ``tensors``: the graph
in the onnx flavour, asked with one array an input, which spares the data frame of the body.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from graph import NULL, Graph, moment, say, spec

PLACE = Path(sys.argv[1])
TENSORS = "tensors" in sys.argv[3:4]
HOME = PLACE / ("mlflow-tensors" if TENSORS else "mlflow-frame")
FUNCTION = """\
import mlflow
from graph import Graph


class Late(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.graph = Graph(context.artifacts["place"])

    def predict(self, context, model_input, params=None):
        return self.graph.predict(model_input.to_dict("records"))


mlflow.models.set_model(Late())
"""


def save(row: dict) -> object:
    """Write the model folder; give the body that asks for one row."""
    import mlflow
    import numpy as np
    import onnx
    import pandas as pd
    from mlflow.models import infer_signature

    shutil.rmtree(HOME, ignore_errors=True)
    graph = Graph(str(PLACE))
    if not TENSORS:
        files = PLACE / "mlflow-files"
        files.mkdir(exist_ok=True)
        for name in ("model.onnx", "schema.json"):
            shutil.copy(PLACE / name, files / name)
        (files / "late.py").write_text(FUNCTION)
        mlflow.pyfunc.save_model(
            str(HOME), python_model=str(files / "late.py"), artifacts={"place": str(files)},
            code_paths=[str(Path(__file__).with_name("graph.py"))], signature=infer_signature(pd.DataFrame([row])),
            pip_requirements=[],
        )  # fmt: skip
        return {"dataframe_records": [row]}
    hole = {c: NULL if c in graph.text else float("nan") for c in row}
    said = {c: moment(v) if c in graph.dates else v for c, v in row.items()}
    whole = {c: hole[c] if v is None else v if c in graph.text else float(v) for c, v in said.items()}
    cells = {graph.columns[c]["input"]: [[v]] for c, v in whole.items()}
    arrays = {name: np.array(cell, None if isinstance(cell[0][0], str) else np.float64) for name, cell in cells.items()}
    threads = {"intra_op_num_threads": 1, "inter_op_num_threads": 1, "execution_mode": "sequential"}
    mlflow.onnx.save_model(
        onnx.load(PLACE / "model.onnx"), str(HOME), onnx_session_options=threads, signature=infer_signature(arrays),
        onnx_execution_providers=["CPUExecutionProvider"], pip_requirements=[],
    )  # fmt: skip
    return {"inputs": cells}


if (row := spec()) is not None:
    say("/invocations", save(row))

binary = str(Path(sys.executable).with_name("mlflow"))
words = ["models", "serve", "-m", str(HOME), "-h", "127.0.0.1", "-p", sys.argv[2], "--env-manager", "local"]
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it starts uvicorn by its name
os.execv(binary, [binary, *words])
