"""An exported model, compiled and called from Python."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np

from assay.bundle.exports import c
from assay.bundle.model import Model
from assay.bundle.nodes import NULL_CODE

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
COMPILER = shutil.which("gcc") or shutil.which("cc")


def write(model: Model, folder: Path, name: str = "late", variant: str | None = None) -> Path:
    for path, data in c.files(model, name, variant).items():
        (folder / path).write_bytes(data)
    return folder / f"{name}.c"


def compile_(source: Path, *flags: str, compiler: str | None = None) -> Path:
    out = source.with_suffix(".out")
    done = subprocess.run(
        [compiler or COMPILER, *flags, str(source), "-o", str(out), "-lm"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[:3000]
    return out


class Compiled:
    """The C functions behind ``predict(feed)``: main output, label (index) and set, as the graph gives them."""

    def __init__(self, model: Model, folder: Path, *flags: str, variant: str | None = None) -> None:
        self.model = model
        source = write(model, folder, variant=variant)
        # -O0: what is tested is the source; warnings of the optimiser are looked for in the slow test
        library = compile_(source, *STRICT, "-O0", "-shared", "-fPIC", *flags)
        self.size = library.stat().st_size
        header = (folder / "late.h").read_text("utf-8")
        body = header.partition("typedef struct {")[2].partition("} late_row;")[0]
        names = re.findall(r"^    (const char \*|double )(\w+);", body, re.MULTILINE)
        k = len(model.classes)
        row = [(n, ctypes.c_char_p if t.startswith("const") else ctypes.c_double) for t, n in names]
        result = [("value", ctypes.c_double), ("set", ctypes.c_double * 2)] if not k else [
            ("probabilities", ctypes.c_float * k), ("label", ctypes.c_int), ("set", ctypes.c_ubyte * k)]  # fmt: skip
        self.Row = type("Row", (ctypes.Structure,), {"_fields_": row})
        self.Result = type("Result", (ctypes.Structure,), {"_fields_": result})
        self.call = ctypes.CDLL(str(library)).late_predict

    def predict(self, feed: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        columns = [feed[i.input][:, 0] for i in self.model._schema.inputs]
        texts = [
            [None if v == NULL_CODE else v.encode() for v in c] if i.is_text else c.tolist()
            for i, c in zip(self.model._schema.inputs, columns, strict=True)
        ]
        main, label, sets = [], [], []
        result = self.Result()
        for cells in zip(*texts, strict=True):
            self.call(ctypes.byref(self.Row(*cells)), ctypes.byref(result))
            main.append([result.value] if not self.model.classes else list(result.probabilities))
            label.append(0 if not self.model.classes else result.label)
            sets.append(list(result.set))
        return np.array(main), np.array(label), np.array(sets)
