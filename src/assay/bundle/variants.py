"""Smaller versions of a model inside its own file, each with a record of what it costs.

int8     the weights of a network's layers as whole numbers of 8 bits with one scale for each unit: about an eighth of
         the bytes. The runtime multiplies them out once, when it loads the graph, so a row takes as long as before;
         what changes is the file, and, a little, the answers.
pruned   hidden units of a network taken out whole (``pruning``): smaller matrices, in the file and in the machine.
pruned-int8   both.

Trees and linear models hold neither weights of layers nor hidden units. The record is measured on rows that are handed
in (a file holds no row that it was trained on) and lies beside the variant: ``model/alt/int8.json``. Pruning is fitted
to every other row and measured on the rest; where several shares are tried for a bound, the record counts the looks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from assay.core.errors import BundleError, SettingsError, did_you_mean
from assay.core.table import F64
from assay.core.words import text_of

from . import golden
from .archive import from_json, from_lines, pack, to_json, unpack
from .feed import Feed, feed_from
from .layout import GRAPH, ROWS, VARIANTS
from .model import Model
from .quantizing import quantised
from .session import Session
from .variant_record import measured, spread

INT8, PRUNED = "int8", "pruned"
MOST = "most"  # as many units as the bound allows
SHARES = tuple(round(0.1 * k, 1) for k in range(9, 0, -1))  # that ``MOST`` tries, the largest first
LEAST_ROWS = 40  # that pruning is fitted to and measured on
FITTED = 5_000  # rows that it is fitted to, at most


class Variant(Model):
    """A model that answers from one of the variants in its file. Its version says so: ``1.2.0+int8`` (semver.org)."""

    def __init__(self, data: bytes, variant: str) -> None:
        """
        Raises:
            BundleError: the variant's record or its answers on the golden rows are not what the file says.
            SettingsError: the file has no such variant.
        """
        super().__init__(data)
        self.variant = variant
        graph, record = held(self, variant)
        self._session = Session(graph, self._schema)
        self.golden_difference = replayed(self._files, self._schema, self._session, record, variant)

    def __reduce__(self) -> tuple[type[Self], tuple[bytes, str]]:  # type: ignore[override]
        return type(self), (self._data, self.variant)

    @property
    def version(self) -> str:
        return marked(super().version, self.variant)


def make(
    model: Model, rows: Any, truth: Sequence[Any] | None = None, *, int8: bool = True,
    prune: float | str | None = None, within: float | None = None,
) -> Model:  # fmt: skip
    """The same model with a variant in its file, which names the model as a parent; unsigned: sign it again.

    Args:
        rows: what the record is measured on, as ``Model.predict`` takes them; held-out ones, some hundred at least.
        truth: their targets, as text or as the target column held them; with them the record has losses too.
        int8: weights of 8 bits.
        prune: the share of hidden units that go, between 0 and 1, or "most": as many as ``within`` allows.
        within: the most that an output may change on the measured rows: a probability, or a value in units of the
            spread of all values.

    Raises:
        SettingsError: the model has no network, its file would not get smaller, the bound is not met, or there are not
            enough rows.
    """
    prune = float(prune) if isinstance(prune, int) else prune
    name = "-".join(word for word, on in ((PRUNED, prune is not None), (INT8, int8)) if on)
    _check(name, prune, within)
    feed, n = feed_from(rows, model._schema)
    if n == 0:
        raise SettingsError("the record of a variant needs rows to be measured on; there are none")
    said = None if truth is None else [text_of(t) or "" for t in truth]
    if said is not None and len(said) != n:
        raise SettingsError(f"there must be one target for each row; got {len(said):,} for {n:,} rows")
    fitted, judged = feed, feed
    if prune is not None:
        if n < LEAST_ROWS:
            raise SettingsError(f"pruning is fitted to half of the rows and measured on the rest: {n} of {LEAST_ROWS}")
        fitted = {k: v[::2][:FITTED] for k, v in feed.items()}
        judged = {k: v[1::2] for k, v in feed.items()}
        said = None if said is None else said[1::2]
    record: dict[str, Any] = {}
    for looks, (small, more) in enumerate(_candidates(model, fitted, int8, prune, within), 1):
        record = {"variant": name, **more, **measured(model, small, judged, said)}
        if within is None:
            break
        record |= {"within": within, "looks": looks}  # how many graphs these rows were asked about
        if record["worst_change"] <= within * record["unit_size"]:
            break
    else:
        raise SettingsError(_refused(name, record, within, prune))
    manifest, files = unpack(model.to_bytes())
    about = {k: v for k, v in manifest.items() if k not in ("format", "files")}
    about["parents"] = list(dict.fromkeys([*manifest["parents"], model.digest]))
    files = {**files, f"{VARIANTS}{name}.onnx": small, f"{VARIANTS}{name}.json": to_json(record)}
    return Model(pack(files, about, {path: entry["role"] for path, entry in manifest["files"].items()}))


def _check(name: str, prune: float | str | None, within: float | None) -> None:
    if not name:
        raise SettingsError("say how the variant is to be smaller: --int8, --prune SHARE, or both")
    if within is not None and not within > 0:
        raise SettingsError(f"--within must be above 0; got {within:g}")
    if isinstance(prune, str) and prune != MOST:
        raise SettingsError(f"--prune must be a share of the hidden units, such as .3, or {MOST}; got {prune!r}")
    if prune == MOST and within is None:
        raise SettingsError(f"--prune {MOST} needs the bound that it is to keep: --within .01")
    if isinstance(prune, float) and not 0 < prune < 1:
        raise SettingsError(f"--prune must lie between 0 and 1, such as .3; got {prune:g}")


def _refused(name: str, record: dict[str, Any], within: float | None, prune: float | str | None) -> str:
    if not record:
        return (
            f"not even {SHARES[-1]:.0%} of the hidden units can go: an answer would change by more than {within:g} "
            "(--within)"
        )
    worst = record["worst_change"] / record["unit_size"]
    what = "a smaller share with --prune, or a larger bound," if isinstance(prune, float) else "a larger bound"
    return (
        f"the variant {name} changes an answer by up to {worst:.3g} ({record['unit']}) on {record['rows']:,} rows; at "
        f"most {within:g} was to be allowed (--within): {what} may do"
    )


def _candidates(
    model: Model, fitted: Feed, int8: bool, prune: float | str | None, within: float | None
) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Smaller graphs to be measured, the smallest first, with what the record says of how each was made.

    Of ``MOST`` those that keep the bound on half of the fitted rows after a fit to the other half.
    """
    graph = model._files[GRAPH]
    if prune is None:
        yield quantised(graph), {}
        return
    from .pruning import pruned

    def thin(share: float, on: Feed = fitted) -> tuple[bytes, dict[str, Any]]:
        made, units = pruned(graph, on, share)
        more = {"pruned": share, "units": [list(u) for u in units], "rows_fitted": len(next(iter(on.values())))}
        return (quantised(made) if int8 else made), more

    if isinstance(prune, float):
        yield thin(prune)
        return
    assert within is not None
    first, second = ({k: v[at::2] for k, v in fitted.items()} for at in (0, 1))
    own = np.asarray(model._session.run(second), np.float64)
    size = spread(own, bool(model.classes))
    for share in SHARES:
        other = np.asarray(Session(thin(share, first)[0], model._schema).run(second), np.float64)
        if float(np.abs(own - other).max()) <= within * size:
            yield thin(share)


def marked(version: str, variant: str) -> str:
    """A version with the variant as a word of its build (semver.org, 10); an empty one stays empty."""
    return f"{version}{'.' if '+' in version else '+'}{variant}" if version else ""


def names(model: Model) -> list[str]:
    """The variants in a file."""
    return sorted(p[len(VARIANTS) : -5] for p in model._files if p.startswith(VARIANTS) and p.endswith(".onnx"))


def held(model: Model, variant: str) -> tuple[bytes, dict[str, Any]]:
    """A variant's graph and its record (empty where there is none).

    Raises:
        SettingsError: the file holds no such variant.
    """
    known = names(model)
    if variant not in known:
        has = f"it has {', '.join(known)}" if known else "it has none"
        raise SettingsError(f"the file holds no variant {variant!r} of its graph: {has}{did_you_mean(variant, known)}")
    path = f"{VARIANTS}{variant}.json"
    record = from_json(model._files[path], path) if path in model._files else {}
    return model._files[f"{VARIANTS}{variant}.onnx"], record if isinstance(record, dict) else {}


def replayed(files: Any, schema: Any, session: Session, record: dict[str, Any], variant: str) -> float:
    """The largest difference of a variant on the golden rows to what its record says that it gave.

    Raises:
        BundleError: the record is of another graph, or the answers are others.
    """
    if record.get("of") != hashlib.sha256(files[GRAPH]).hexdigest():
        raise BundleError(f"the record of the variant {variant} is of another graph than this file's")
    rows = from_lines(files[ROWS], ROWS)
    try:
        want: F64 = np.asarray(record["golden"], np.float64)
        got = np.asarray(session.run(golden.feed_of(rows, schema)), np.float64)
        if want.shape != got.shape:
            raise ValueError("another number of rows or outputs")
        gap = np.abs(got - want) / np.maximum(1.0, np.abs(want))
        worst = float(gap.max())
    except (KeyError, TypeError, ValueError):
        raise BundleError(f"the record of the variant {variant} is incomplete") from None
    if not worst <= golden.TOLERANCE:
        raise BundleError(
            f"the variant {variant} gives other numbers on the golden rows than its record says (by up to {worst:.2g})"
        )
    return worst
