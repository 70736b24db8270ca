"""A form as plain arrays and back, for files that hold nothing but numbers (no pickle)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .forms import Forest, Form, Linear, Network, Term, Tree

NODES = ("feature", "threshold", "left", "right", "nan_left", "value")
KINDS = ("number", "null", "level")


def arrays_of(form: Form) -> dict[str, Any]:
    """The arrays of a form by name; ``form_from`` is the inverse, to the bit."""
    if isinstance(form, Linear):
        return {"kind": np.array("linear"), "link": np.array(form.link), "terms": of_terms(form.terms),
                "weights": form.weights, "intercept": form.intercept}  # fmt: skip
    if isinstance(form, Network):
        layers = {f"weights_{k}": w for k, w in enumerate(form.weights)}
        layers |= {f"biases_{k}": b for k, b in enumerate(form.biases)}
        return {"kind": np.array("network"), "link": np.array(form.link), "terms": of_terms(form.terms)} | layers
    sets = [(i, node, codes) for i, t in enumerate(form.trees) for node, codes in sorted(t.members.items())]
    out = {f"tree_{name}": joined([getattr(t, name) for t in form.trees]) for name in NODES}
    return out | {
        "kind": np.array("forest"), "link": np.array(form.link), "base": form.base, "tree_output": form.output,
        "sizes": np.array([len(t.feature) for t in form.trees], np.int64),
        "set_at": np.array([(i, node, len(codes)) for i, node, codes in sets], np.int64).reshape(-1, 3),
        "set_codes": joined([codes for _, _, codes in sets]).astype(np.int32),
    }  # fmt: skip


def form_from(kept: Mapping[str, NDArray[Any]]) -> Form:
    """The form of such arrays."""
    link: Any = str(kept["link"])
    kind = str(kept["kind"])
    if kind == "linear":
        return Linear(terms_of(kept["terms"]), kept["weights"], kept["intercept"], link)
    if kind == "network":
        layers = range(sum(name.startswith("weights_") for name in kept))
        weights, biases = (tuple(kept[f"{name}_{k}"] for k in layers) for name in ("weights", "biases"))
        return Network(terms_of(kept["terms"]), weights, biases, link)
    ends = np.cumsum(kept["sizes"])[:-1]
    members: list[dict[int, Any]] = [{} for _ in kept["sizes"]]
    codes = np.split(kept["set_codes"], np.cumsum(kept["set_at"][:, 2])[:-1])
    for (i, node, _), own in zip(kept["set_at"], codes, strict=False):
        members[int(i)][int(node)] = own
    each = zip(*(np.split(kept[f"tree_{name}"], ends) for name in NODES), strict=True)
    trees = tuple(
        Tree(**dict(zip(NODES, nodes, strict=True)), members=own) for nodes, own in zip(each, members, strict=True)
    )
    return Forest(trees, kept["tree_output"], kept["base"], link)


def of_terms(terms: Sequence[Term]) -> NDArray[np.float64]:
    rows = [(t.feature, KINDS.index(t.kind), t.mean, t.scale, t.level) for t in terms]
    return np.array(rows, np.float64).reshape(-1, 5)


def terms_of(rows: NDArray[np.float64]) -> tuple[Term, ...]:
    kinds: Any = KINDS
    return tuple(Term(int(a), kinds[int(k)], float(b), float(c), int(d)) for a, k, b, c, d in rows)


def joined(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.empty(0)
