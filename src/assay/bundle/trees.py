"""``Forest`` as one TreeEnsemble node (ai.onnx.ml 5), set membership included.

Against onnxruntime issue 24679: the runtime takes a root for a leaf where its leaf child and its branch child have
the same index in their two lists. Leaves are therefore numbered with an offset at which no node has such a pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.table import F64, I64
from assay.learn.forms import Forest, Tree

from .nodes import Builder

LEQ, MEMBER = 0, 6
MOST_BITS = 30  # the largest code that onnxruntime looks for in the bits of a number


def scaled(form: Forest, a: float, b: float) -> Forest:
    """The forest whose raw output is a * raw + b."""
    trees = tuple(replace(t, value=t.value * a) for t in form.trees)
    return replace(form, trees=trees, base=form.base * a + b)


def without_zero(form: Forest, sizes: Mapping[int, int]) -> Forest:
    """The same forest, no large set of which holds the code 0; ``sizes`` maps feature to number of codes.

    Where a set holds codes above 30, onnxruntime makes the code a whole number before it looks for it, and on ARM and
    in WebAssembly a missing number becomes 0 by that: a missing category would be taken for the first one. Such a
    node asks for the other codes instead, with its sides exchanged.
    """
    return replace(form, trees=tuple(_without_zero(t, sizes) if t.members else t for t in form.trees))


def _without_zero(tree: Tree, sizes: Mapping[int, int]) -> Tree:
    members, left, right, nan_left = dict(tree.members), tree.left.copy(), tree.right.copy(), tree.nan_left.copy()
    for node, codes in tree.members.items():
        others = np.setdiff1d(np.arange(sizes.get(int(tree.feature[node]), 0)), codes).astype(np.int32)
        if 0 in codes and codes.max() > MOST_BITS and len(others):
            members[node] = others
            left[node], right[node], nan_left[node] = tree.right[node], tree.left[node], not tree.nan_left[node]
    return replace(tree, members=members, left=left, right=right, nan_left=nan_left)


def lower_forest(b: Builder, matrix: str, form: Forest, place: I64) -> str:
    """Raw outputs [N, outputs], double, before the link. ``matrix`` is float32; ``place`` maps feature to column."""
    table = tabulate(form, place)
    x = b.cast(matrix, "double")
    return b.add("TreeEnsemble", x, domain="ai.onnx.ml", **attributes(table, len(form.base)))


@dataclass(frozen=True)
class TreeTable:
    """All trees as one list of inner nodes and one of leaves; ``sets`` holds the members of each MEMBER node."""

    roots: I64
    feature: I64
    split: F64
    mode: NDArray[np.uint8]
    nan_true: I64
    true_id: I64
    true_leaf: I64
    false_id: I64
    false_leaf: I64
    leaf_output: I64
    leaf_weight: F64
    sets: tuple[F64, ...]


def tabulate(form: Forest, place: I64) -> TreeTable:
    """Lay the trees out. Trees of a single leaf, and the base, are added to the leaves of another tree."""
    base = form.base.astype(np.float64).copy()
    grown: list[tuple[Tree, int]] = []
    for tree, output in zip(form.trees, form.output, strict=True):
        if tree.feature[0] < 0:
            base[output] += tree.value[0]
        else:
            grown.append((tree, int(output)))
    have = {output for _, output in grown}
    grown += [(_split_in_two(), k) for k in range(len(base)) if k not in have]
    parts: dict[str, list[Any]] = {k: [] for k in TreeTable.__dataclass_fields__}
    nodes = leaves = 0
    for tree, output in grown:
        inner = tree.feature >= 0
        index = np.where(inner, np.cumsum(inner) - 1 + nodes, np.cumsum(~inner) - 1 + leaves)
        at = np.flatnonzero(inner)
        member = np.isin(at, list(tree.members))
        parts["roots"].append(nodes)
        parts["feature"].append(place[tree.feature[at]])
        parts["split"].append(np.where(member, 0.0, tree.threshold[at].astype(np.float64)))
        parts["mode"].append(np.where(member, MEMBER, LEQ).astype(np.uint8))
        parts["nan_true"].append(tree.nan_left[at].astype(np.int64))
        for side, child in (("true", tree.left[at]), ("false", tree.right[at])):
            parts[f"{side}_id"].append(index[child])
            parts[f"{side}_leaf"].append((~inner[child]).astype(np.int64))
        parts["leaf_output"].append(np.full(int((~inner).sum()), output))
        parts["leaf_weight"].append(tree.value[~inner] + base[output])
        base[output] = 0.0
        parts["sets"] += [tree.members[int(i)].astype(np.float64) for i in at[member]]
        nodes, leaves = nodes + len(at), leaves + int((~inner).sum())
    joined = {k: np.concatenate(v) for k, v in parts.items() if k not in ("roots", "sets")}
    table = TreeTable(roots=np.array(parts["roots"], np.int64), sets=tuple(parts["sets"]), **joined)
    return _renumbered(table)


def _split_in_two() -> Tree:
    """Two equal leaves: stands for a constant."""
    i, f = np.array([0, -1, -1], np.int32), np.zeros(3, np.float32)
    side = np.full(3, -1, np.int32)
    left, right = side.copy(), side.copy()
    left[0], right[0] = 1, 2
    return Tree(i, f, left, right, np.zeros(3, np.bool_), np.zeros(3), {})


def _renumbered(t: TreeTable) -> TreeTable:
    """Shift leaf numbers (modulo their count) so that no node has a leaf and a branch child of the same number.

    Each such node rules out one shift, and there are fewer nodes than leaves, so a free shift exists.
    """
    n = len(t.leaf_weight)
    mixed = t.true_leaf != t.false_leaf
    leaf = np.where(t.true_leaf == 1, t.true_id, t.false_id)[mixed]
    branch = np.where(t.true_leaf == 1, t.false_id, t.true_id)[mixed]
    taken = np.zeros(n, np.bool_)
    taken[((branch - leaf) % n)[branch < n]] = True
    shift = int(np.argmin(taken))
    moved = replace(
        t,
        true_id=np.where(t.true_leaf == 1, (t.true_id + shift) % n, t.true_id),
        false_id=np.where(t.false_leaf == 1, (t.false_id + shift) % n, t.false_id),
        leaf_output=np.roll(t.leaf_output, shift),
        leaf_weight=np.roll(t.leaf_weight, shift),
    )
    assert not np.any((moved.true_leaf != moved.false_leaf) & (moved.true_id == moved.false_id))
    return moved


def attributes(t: TreeTable, outputs: int) -> dict[str, Any]:
    """The attributes of the TreeEnsemble node; splits and weights are double."""
    from onnx import numpy_helper

    def tensor(x: NDArray[Any]) -> Any:
        return numpy_helper.from_array(np.ascontiguousarray(x))

    out: dict[str, Any] = {
        "aggregate_function": 1, "post_transform": 0, "n_targets": outputs,
        "tree_roots": t.roots.tolist(), "nodes_featureids": t.feature.tolist(),
        "nodes_splits": tensor(t.split), "nodes_modes": tensor(t.mode),
        "nodes_missing_value_tracks_true": t.nan_true.tolist(),
        "nodes_truenodeids": t.true_id.tolist(), "nodes_trueleafs": t.true_leaf.tolist(),
        "nodes_falsenodeids": t.false_id.tolist(), "nodes_falseleafs": t.false_leaf.tolist(),
        "leaf_targetids": t.leaf_output.tolist(), "leaf_weights": tensor(t.leaf_weight),
    }  # fmt: skip
    if t.sets:
        out["membership_values"] = tensor(_joined(t.sets))
    return out


def _joined(sets: Sequence[F64]) -> F64:
    """The sets one after another, each ended by NaN."""
    end = np.array([np.nan])
    return np.concatenate([part for s in sets for part in (s, end)])
