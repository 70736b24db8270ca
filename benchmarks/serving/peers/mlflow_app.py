"""MLflow's scoring server over a pyfunc model. python mlflow_app.py PLACE PORT"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from graph import Graph, say, spec

if (row := spec()) is not None:
    say("/invocations", {"dataframe_records": [row]})

import mlflow.pyfunc


class Late(mlflow.pyfunc.PythonModel):
    def load_context(self, context: object) -> None:
        self.graph = Graph(os.environ["PLACE"])

    def predict(self, context: object, model_input: object, params: object = None) -> list[list[float]]:
        return self.graph.predict(model_input.to_dict("records"))  # type: ignore[attr-defined]


os.environ["PLACE"] = sys.argv[1]
os.environ["PYTHONPATH"] = str(Path(__file__).parent)
folder = Path(sys.argv[1]) / "mlflow_model"
if not folder.exists():
    mlflow.pyfunc.save_model(str(folder), python_model=Late(), pip_requirements=["onnxruntime"])
binary = str(Path(sys.executable).with_name("mlflow"))
os.environ["PATH"] = str(Path(sys.executable).parent) + ":" + os.environ["PATH"]
command = [binary, "models", "serve", "-m", str(folder), "-p", sys.argv[2], "--env-manager", "local", "-w", "1"]
os.execv(binary, command)
