"""A folder in MLflow's model format: the onnx flavour, a signature of tensors and an input example.

mlflow.org, "MLflow Models: storage format". MLflow itself loads it (``mlflow.pyfunc.load_model``), with data frames,
arrays by input name, or JSON; it gives the graph's own outputs. Nothing bears a date or a random id.
"""

from __future__ import annotations

import json
import math
from typing import Any

from assay.bundle.model import Model

from .about import about
from .k8s import yaml
from .onnx_graph import HOW, golden_rows, graph_of, graph_row, schema_of
from .serving import PINNED

PYTHON = "3.11"
PROVIDERS = ["CPUExecutionProvider"]
ONNX = "onnx>=1.18"  # MLflow reads the graph with it while loading; serving by assay needs no onnx


def to_mlflow(model: Model) -> dict[str, bytes]:
    """MLmodel, the graph, requirements, signature, examples and the bundle itself under ``assay/``: path -> bytes."""
    known, example = about(model), input_example(model)
    schema = schema_of(model)
    inputs = [tensor(i.input, "str" if i.is_text else "float64") for i in schema.inputs]
    doc = {
        "flavors": {
            "onnx": {"code": None, "data": "model.onnx", "onnx_session_options": THREADS, "providers": PROVIDERS},
            "python_function": {
                "data": "model.onnx", "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
                "loader_module": "mlflow.onnx", "python_version": PYTHON,
            },
        },
        "metadata": {"assay_digest": f"sha256:{model.digest}", "assay_name": known.name, "version": known.version},
        "saved_input_example_info": {
            "artifact_path": "input_example.json", "serving_input_path": "serving_input_example.json",
            "type": "ndarray",
        },
        "signature": {"inputs": json.dumps(inputs, ensure_ascii=False), "outputs": None, "params": None},
    }  # fmt: skip
    needs = ["mlflow", ONNX, *(f"{name}=={PINNED[name]}" for name in ("numpy", "onnxruntime"))]
    pip = {"pip": needs}
    return {
        "MLmodel": (yaml(doc) + "\n").encode(),
        "model.onnx": graph_of(model),
        "requirements.txt": ("\n".join(needs) + "\n").encode(),
        "python_env.yaml": (yaml({"python": PYTHON, "dependencies": ["-r requirements.txt"]}) + "\n").encode(),
        "conda.yaml": (yaml({"name": "mlflow-env", "channels": ["conda-forge"],
                             "dependencies": [f"python={PYTHON}", "pip", pip]}) + "\n").encode(),
        "input_example.json": lined(example),
        "serving_input_example.json": lined({"inputs": example}),
        f"assay/{known.service}.assay": model.to_bytes(),
        "assay/README.md": f"# {known.name} {known.version}\n\n{HOW}\nOutputs are those of the graph; prediction sets, "
                           f"reasons and checks of each cell are in the bundle beside this page.\n".encode(),
    }  # fmt: skip


THREADS = {"intra_op_num_threads": 1, "inter_op_num_threads": 1, "execution_mode": "sequential"}


def tensor(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "type": "tensor", "tensor-spec": {"dtype": kind, "shape": [-1, 1]}}


def input_example(model: Model) -> dict[str, list[list[float | str]]]:
    """Two golden rows without holes where the file has them: input -> one list of one value a row."""
    rows = golden_rows(model)
    whole = [row for row in rows if None not in row.values()][:2]
    shown = [graph_row(model, row) for row in whole or rows[:1]]
    filled = [{k: 0.0 if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()} for row in shown]
    return {name: [[row[name]] for row in filled] for name in filled[0]}


def lined(doc: Any) -> bytes:
    return (json.dumps(doc, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()
