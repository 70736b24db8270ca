"""The trees of a TreeEnsemble node, read back from its attributes (see ``bundle.trees`` for how they are written)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import SettingsError
from assay.core.table import F64, I64

LEQ, MEMBER = 0, 6


@dataclass(frozen=True)
class Trees:
    """Inner nodes and leaves of all trees. A child is the number of an inner node, or -1 - the number of a leaf.

    An inner node is true where x[feature] <= split; where ``sets[node]`` stands, where x is one of its values; a
    missing x is true where ``nan_true``.
    """

    roots: I64
    feature: I64
    split: F64
    nan_true: NDArray[np.bool_]
    yes: I64
    no: I64
    sets: Mapping[int, tuple[float, ...]]
    target: I64
    weight: F64
    outputs: int

    @property
    def single(self) -> bool:
        """Whether every split is the same number in float32."""
        with np.errstate(over="ignore"):
            return bool((self.split.astype(np.float32).astype(np.float64) == self.split).all())

    def levels(self) -> dict[int, int]:
        """Feature -> number of codes, of the features that are asked for membership."""
        out: dict[int, int] = {}
        for node, values in self.sets.items():
            k = int(self.feature[node])
            out[k] = max(out.get(k, 0), int(max(values, default=0)) + 1)
        return out


def read_trees(node: Mapping[str, Any]) -> Trees:
    """Trees of the attributes of a TreeEnsemble node.

    Raises:
        SettingsError: a node compares in a way that assay does not write.
    """
    from onnx import numpy_helper

    def whole(name: str) -> I64:
        return np.array(node[name], np.int64)

    def doubles(name: str) -> F64:
        return np.asarray(numpy_helper.to_array(node[name]), np.float64)

    modes = numpy_helper.to_array(node["nodes_modes"])
    if not np.isin(modes, (LEQ, MEMBER)).all():
        raise SettingsError("this model cannot be exported: a tree in its graph compares in a way that is not known")
    sets: dict[int, tuple[float, ...]] = {}
    if (modes == MEMBER).any():
        values = doubles("membership_values")
        ends = np.flatnonzero(np.isnan(values))
        begin = 0
        for at, end in zip(np.flatnonzero(modes == MEMBER), ends, strict=True):
            sets[int(at)] = tuple(values[begin:end].tolist())
            begin = int(end) + 1
    if any(v != int(v) or v < 0 for values in sets.values() for v in values):
        raise SettingsError("this model cannot be exported: a tree in its graph asks for members that are no codes")
    yes, no = (
        np.where(whole(f"nodes_{side}leafs") == 1, -1 - whole(f"nodes_{side}nodeids"), whole(f"nodes_{side}nodeids"))
        for side in ("true", "false")
    )
    return Trees(
        whole("tree_roots"), whole("nodes_featureids"), doubles("nodes_splits"),
        whole("nodes_missing_value_tracks_true") == 1, yes, no, sets, whole("leaf_targetids"), doubles("leaf_weights"),
        int(node["n_targets"]),
    )  # fmt: skip
