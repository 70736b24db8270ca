"""Smaller networks: what int8 and pruned variants save, and what they change, on people of the 1994 census (Adult).

    python benchmarks/compress.py [--rows 20000] [--rounds 40] [--wide]

Three networks: assay's own (four nets of 96 and 48 units, double), and two of another maker, with 256-256 and, with
``--wide``, 1024-1024 units (scikit-learn's MLP on the numeric columns, exported as Gemm and Relu in float32). Each is
fitted to ``--rows`` people; the variants are made and recorded on up to 8,000 others, pruned ones on half of those.
Times are CPU microseconds on one thread, each variant beside its own graph in the same minute; ``in C`` is the exported
source of our own network, compiled with gcc -O2, the lowest of the rounds.
"""

from __future__ import annotations

import argparse
import shutil
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.bundle import variants
from assay.bundle.importing.onnx_file import import_onnx
from assay.bundle.model import Model
from assay.bundle.native import native_output
from assay.bundle.write import build
from assay.core.errors import SettingsError
from assay.core.subject import Role, Roles
from assay.core.table import SampleSpec
from assay.learn.conformal import fit_conformal
from assay.learn.encoder import encode, fit_encoder
from assay.learn.forms import Assembly, Calibration, Member
from assay.learn.learners import Config, Data, train
from assay.learn.target import labels
from assay.tables import open_table
from c_export import measured

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "adult.csv.gz"
HELD = 8_000
ASKED = (
    {"int8": True}, {"int8": False, "prune": 0.3}, {"int8": False, "prune": 0.5}, {"int8": False, "prune": 0.7},
    {"int8": True, "prune": 0.5}, {"int8": False, "prune": "most", "within": 0.05},
)  # fmt: skip


def people() -> pa.Table:
    """The part of the census that its makers call training: in the other one the answers are spelled otherwise."""
    table = open_table(str(DATA), cache=False).arrow()
    return table.filter(pc.equal(table["split"], "train"))


def own(n: int) -> tuple[Model, pa.Table]:
    """Assay's network, and rows that it has not seen."""
    rows = open_table(people(), name="adult", cache=False).sample(SampleSpec(n=60_000))
    y = labels(rows, Roles(target=Role(("income",)), task="binary"))
    names = [c for c in rows.names if c not in ("income", "split", "fnlwgt")]
    seen, rest = np.arange(n), np.arange(n, min(n + HELD, rows.n))
    spec = fit_encoder(rows, names, y, index=seen)
    X = encode(spec, rows)
    net = train(
        Config("network", "network"), Data(X[seen], y.y[seen], "binary", 2, spec.categorical), seed=0, rounds=12
    )
    plain, held = Calibration("none"), rows.take(rest)
    conformal = fit_conformal(net.predict(X[rest]), y.y[rest], "binary")
    assembly = Assembly(
        "binary", y.classes, spec, (Member("network", "network", 1.0, net.form(), net),), plain, conformal
    )
    some = held.take(np.arange(2_000))
    model = build(assembly, samples=rows, held_out=some, native=native_output(assembly, (), some), target="income")
    return model, held.arrow


def theirs(n: int, units: int) -> tuple[Model, pa.Table]:
    """A network of another maker: float32, Gemm and Relu, two hidden layers."""
    from onnx import TensorProto, helper, numpy_helper
    from sklearn.neural_network import MLPClassifier

    table = people()
    names = ["age", "education-num", "capital-gain", "capital-loss", "hours-per-week"]
    X = np.column_stack([np.asarray(table[c], np.float32) for c in names])
    centre, spread = X[:n].mean(0), X[:n].std(0)
    y = np.asarray(table["income"].to_pylist())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = MLPClassifier((units, units), max_iter=6, random_state=0, learning_rate_init=2e-3).fit(
            (X[:n] - centre) / spread, y[:n]
        )
    weights = {"c": centre, "s": spread}
    nodes = [helper.make_node("Sub", ["x", "c"], ["x1"]), helper.make_node("Div", ["x1", "s"], ["h0"])]
    for k, (w, b) in enumerate(zip(net.coefs_, net.intercepts_, strict=True)):
        weights |= {f"w{k}": w.T.copy(), f"b{k}": b}
        nodes.append(helper.make_node("Gemm", [f"h{k}", f"w{k}", f"b{k}"], [f"z{k}"], transB=1))
        nodes.append(helper.make_node("Relu" if k < 2 else "Sigmoid", [f"z{k}"], [f"h{k + 1}"]))
    nodes += [helper.make_node("Sub", ["one", "h3"], ["no"]), helper.make_node("Concat", ["no", "h3"], ["p"], axis=1)]
    held = [numpy_helper.from_array(np.asarray(v, np.float32), k) for k, v in weights.items()]
    held.append(numpy_helper.from_array(np.ones((1, 1), np.float32), "one"))
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", len(names)])
    gives = helper.make_tensor_value_info("p", TensorProto.FLOAT, ["N", 2])
    graph = helper.make_graph(nodes, "mlp", [given], [gives], held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    rows = pa.table({c: X[n : n + HELD, k] for k, c in enumerate(names)} | {"income": y[n : n + HELD].tolist()})
    return import_onnx(made.SerializeToString(), rows, target="income", classes=tuple(map(str, net.classes_))), rows


def line(what: str, record: dict, in_c: str) -> str:
    small, large = record["bytes"][1], record["bytes"][0]
    one, many = record["microseconds_one_row"], record["microseconds_1000_rows"]
    return (
        f"| {what} | {large / 1024:,.0f} -> {small / 1024:,.0f} | {one[0]:.0f} -> {one[1]:.0f} | "
        f"{many[0]:,.0f} -> {many[1]:,.0f} | {in_c} | {record['worst_change']:.3f} | {record['mean_change']:.4f} | "
        f"{100 * record['labels_changed']:.2f} | {record['log_loss'][0]:.4f} -> {record['log_loss'][1]:.4f} |"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=40)
    options.add_argument("--wide", action="store_true")
    given = options.parse_args()
    print(f"assay {version('assay')}, onnxruntime {version('onnxruntime')}, {given.rows:,} people fitted\n")
    print("| network, variant | KB of the graph | µs a row | µs 1,000 rows | µs a row in C | worst | mean | labels % | "
          "log-loss |\n|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    makers = [("own 4 x 96-48", own, ()), ("256-256", theirs, (256,))]
    for name, maker, more in makers + ([("1024-1024", theirs, (1024,))] if given.wide else []):
        model, rows = maker(given.rows, *more)
        truth = rows["income"].to_pylist()
        compiled = shutil.which("gcc") is not None and maker is own
        for asked in ASKED:
            said = ", ".join(f"{k} {v}" for k, v in asked.items() if v and k != "int8") + (" int8" * asked["int8"])
            try:
                made = variants.make(model, rows, truth, **asked)
            except SettingsError as refused:
                print(f"| {name}, {said} | refused: {refused} |")
                continue
            variant = variants.names(made)[0]
            record = variants.held(made, variant)[1]
            said += f" ({record['pruned']:g})" if asked.get("prune") == "most" else ""
            in_c = ""
            if compiled:
                other = variants.Variant(made.to_bytes(), variant)
                some = rows.slice(0, 1_000)
                both = [
                    measured(m, some, given.rounds, "-O2", v)["lowest"] for m, v in ((model, None), (other, variant))
                ]
                in_c = f"{both[0]:.1f} -> {both[1]:.1f}"
            print(line(f"{name}, {said}", record, in_c), flush=True)


if __name__ == "__main__":
    main()
