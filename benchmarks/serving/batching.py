"""What running requests together gives: assay serve with and without it, from 1, 8, 32 and 64 connections at once.

    python benchmarks/serving/batching.py                      # networks: as fit makes them, wide and dear ones; trees
    python benchmarks/serving/batching.py late.assay [--rounds 5] [--seconds 2]

The services of a model run side by side on core 0 and take turns; the loader (wrk) has core 1. What is printed are
medians over rounds, and ratios are of pairs within a round. One row a request, key and metrics on, no log.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
from process import REPOSITORY
from run import Server, load, middle, ours, ratio

CONNECTIONS = (1, 8, 32, 64)
WAYS = ["off", "2ms"]


def fitted(path: Path, family: str) -> None:
    """A model of the family behind the raw row, as ``learn`` makes it; a network is four small ones."""
    sys.path.insert(0, str(REPOSITORY))
    from tests.bundle.conftest import Case

    Case("binary", family).build().save(path)


def wide(path: Path, columns: int = 64, units: int = 1024) -> None:
    """A perceptron of two wide layers in float32, as other makers export it, taken over by ``import``."""
    import pyarrow as pa
    from onnx import TensorProto, helper, numpy_helper

    from assay.bundle.importing.onnx_file import import_onnx

    rng = np.random.default_rng(0)
    sizes = (columns, units, units, 2)
    nodes, tensors, last = [], [], "X"
    for k, (a, b) in enumerate(pairwise(sizes)):
        tensors.append(numpy_helper.from_array((rng.normal(size=(a, b)) / np.sqrt(a)).astype(np.float32), f"W{k}"))
        nodes.append(helper.make_node("MatMul", [last, f"W{k}"], [f"z{k}"]))
        end = k == len(sizes) - 2
        nodes.append(helper.make_node("Softmax", [f"z{k}"], ["p"], axis=1) if end else
                     helper.make_node("Relu", [f"z{k}"], [f"h{k}"]))  # fmt: skip
        last = f"h{k}"
    float32 = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes, "wide", [helper.make_tensor_value_info("X", float32, [None, columns])],
        [helper.make_tensor_value_info("p", float32, [None, 2])], tensors,
    )  # fmt: skip
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    rows = pa.table({f"x{k}": rng.normal(size=200) for k in range(columns)})
    import_onnx(data, rows, name="wide", classes=("no", "yes")).save(path)


def measured(model: Path, folder: Path, ways: list[str], rounds: int, seconds: float) -> None:
    servers: dict[str, Server] = {}
    got: dict[tuple[str, int], list[dict[str, float]]] = {}
    try:
        for way in ways:
            servers[way] = ours(model, folder, sys.executable, way, "--batch-wait", way)
            servers[way].start("0")
            load(servers[way], 8, 1, folder)
        for _ in range(rounds):
            for connections in CONNECTIONS:
                for way, server in servers.items():
                    got.setdefault((way, connections), []).append(load(server, connections, seconds, folder))
    finally:
        for server in servers.values():
            server.stop()
    print(f"\n{model.stem}: {rounds} rounds of {seconds:g} s, medians; x: against {ways[0]} in the same round\n")
    print("| connections | --batch-wait | requests/s | x | CPU us | x | p50 ms | p99 ms | x |")
    print("|" + "-|" * 9)
    for c in CONNECTIONS:
        for way in ways:
            yard, mine = got[ways[0], c], got[way, c]
            cells = [f"{c}", way, f"{middle(mine, 'rps'):,.0f}", f"{ratio(mine, yard, 'rps'):.2f}"]
            cells += [f"{middle(mine, 'cpu'):.0f}", f"{ratio(mine, yard, 'cpu'):.2f}"]
            cells += [f"{middle(mine, 'p50'):.2f}", f"{middle(mine, 'p99'):.2f}", f"{ratio(mine, yard, 'p99'):.2f}"]
            print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="*")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--ways", nargs="+", default=WAYS, metavar="TIME", help="of --batch-wait")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        models = asked.models
        if not models:
            models = [folder / f"{name}.assay" for name in ("network", "wide", "dear", "trees")]
            fitted(models[0], "network")
            wide(models[1])
            wide(models[2], units=2560)
            fitted(models[3], "lightgbm")
        for model in models:
            measured(model, folder, asked.ways, asked.rounds, asked.seconds)


if __name__ == "__main__":
    main()
