"""Assembly, recipe and evidence to an .assay file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import BundleError
from assay.core.remedy import Recipe
from assay.core.table import F64, Sample
from assay.learn.forms import Assembly

from . import golden
from .archive import from_json, pack, to_json, write_file
from .card import model_card
from .classes import TEXT
from .feed import feed_from
from .graph import make_graph
from .layout import CARD, DOSSIER, FORMAT, GRAPH, LINEAGE, OPENAPI, PARITY, RECIPE, SBOM, SCHEMA, named, versioned
from .model import Model
from .openapi import openapi
from .parity import MOST_ROWS, compare
from .sbom import sbom
from .schema import Schema, make_schema, to_doc
from .session import Session


def build(
    assembly: Assembly,
    recipe: Recipe | None = None,
    dossier: Mapping[str, Any] | None = None,
    *,
    samples: Sample | None = None,
    held_out: Sample | None = None,
    native: F64 | None = None,
    lineage: Mapping[str, Any] | None = None,
    target: str | None = None,
    trained_on: str | None = None,
    class_type: str = TEXT,
    name: str = "model",
    version: str = "0.1.0",
    parents: Sequence[str] = (),
) -> Model:
    """Lower, check and pack. Same arguments, same bytes.

    Args:
        assembly: what predicts; ``assembly.spec.columns`` are the raw columns, before the recipe.
        samples: raw rows (before the recipe) that ranges, categories and the typical row are read from.
        held_out, native: raw rows, and the trained model's own outputs for them ((n, classes) or (n,)): the graph is
            compared with it on the first 5,000 and refused above 1e-4. Only the record is kept.
        lineage: JSON: data digest, row counts, seed, versions.
        class_type: what the target column held, and so what ``Model.predict`` gives (``classes.class_type_of``).
        name, version, parents: as the manifest has them; parents are digests of the bundles that this one comes from.

    Raises:
        BundleError: the graph differs from the trained model. SettingsError: the recipe cannot be a graph.
    """
    about = {"name": named(name), "version": versioned(version), "parents": list(parents)}
    graph = make_graph(assembly, recipe.ops() if recipe else (), {"assay.format": FORMAT})
    schema = make_schema(assembly, _inputs(graph), samples, target=target, trained_on=trained_on, class_type=class_type)
    rest = {RECIPE: to_json((recipe or Recipe()).to_json()), LINEAGE: to_json(dict(lineage or {}))}
    return checked(graph, schema, assembly, rest, dossier, about, held_out, native)


def checked(
    graph: bytes, schema: Schema, assembly: Assembly, rest: Mapping[str, bytes], dossier: Mapping[str, Any] | None,
    about: Mapping[str, Any], held_out: Sample | None, native: F64 | None,
) -> Model:  # fmt: skip
    """Golden rows, the check against ``native`` (as ``build`` has it), and the file."""
    session = Session(graph, schema)
    evidence = dict(dossier or {})
    rows, output = _answered(golden.golden_rows(schema, assembly), schema, session)
    files = {GRAPH: graph, SCHEMA: to_json(to_doc(schema)), **golden.to_files(rows, output, session.main), **rest}
    if held_out is not None and native is not None:
        some = held_out.take(np.arange(min(held_out.n, MOST_ROWS)))
        got = np.asarray(session.run(feed_from(some, schema, "null")[0]), np.float64)
        got = got[:, 0] if schema.task == "regression" else got
        record = compare(got, native[: len(got)]).to_doc()
        files[PARITY] = to_json(record)
        if isinstance(evidence.get("model"), Mapping):
            evidence["model"] = {**evidence["model"], "parity": record}
    said = {**about, "task": schema.task, "target": schema.target}
    return Model(finish(files, evidence, said, schema.trained_on))


def _answered(rows: list[dict[str, Any]], schema: Schema, session: Session) -> tuple[list[dict[str, Any]], F64]:
    """The golden rows with what the graph gives for them; of an imported graph those that it has an answer for."""

    def asked(some: list[dict[str, Any]]) -> F64:
        return np.asarray(session.run(golden.feed_of(some, schema)), np.float64)

    if not schema.imported:
        return rows, asked(rows)
    kept: list[dict[str, Any]] = []
    outputs: list[F64] = []
    for row in rows:
        with suppress(BundleError):  # a graph of another maker may refuse an unknown word or a missing value
            one = asked([row])
            if np.isfinite(one).all():
                kept.append(row)
                outputs.append(one)
    if not kept:
        raise BundleError("the graph gives no number for any made-up row: nothing of it could be checked at a load")
    return kept, np.concatenate(outputs)


def finish(
    files: Mapping[str, bytes],
    dossier: Mapping[str, Any],
    about: Mapping[str, Any],
    trained_on: str | None = None,
    roles: Mapping[str, str] | None = None,
) -> bytes:
    """Add what is made from the rest (card, OpenAPI, bill of materials) and pack."""
    described, name, version = from_json(files[SCHEMA], SCHEMA), str(about["name"]), str(about["version"])
    graph_digest = hashlib.sha256(files[GRAPH]).hexdigest()
    made = {
        DOSSIER: to_json(dossier),
        CARD: model_card(dossier, described, name, version).encode(),
        OPENAPI: to_json(openapi(described, name, version)),
        SBOM: to_json(sbom(name, version, graph_digest, trained_on)),
    }
    return pack({**files, **made}, {**about, "schema": hashlib.sha256(files[SCHEMA]).hexdigest()}, roles)


def renamed(
    model: Model, *, name: str | None = None, version: str | None = None, parents: Sequence[str] | None = None
) -> Model:
    """The same model under another name or version, or with the bundles that it comes from; unsigned.

    Raises:
        SettingsError: the name or the version is none.
    """
    said = {k: v for k, v in model.manifest.items() if k not in ("format", "files", "schema")}
    said |= {"name": named(model.name if name is None else name)}
    said |= {"version": versioned(model.version if version is None else version)}
    if parents is not None:
        said["parents"] = list(parents)
    made = {DOSSIER, CARD, OPENAPI, SBOM}
    files = {path: data for path, data in model._files.items() if path not in made}
    roles = {path: str(entry["role"]) for path, entry in model.manifest["files"].items()}
    return Model(finish(files, model.dossier, said, model.trained_on, roles))


def write(
    path: str | Path, assembly: Assembly, recipe: Recipe | None = None, dossier: Any = None, **more: Any
) -> Model:
    """``build``, then save to ``path``.

    Raises:
        OutputError: the place cannot be written; nothing is left behind.
    """
    model = build(assembly, recipe, dossier, **more)
    write_file(Path(path), model.to_bytes())
    return model


def _inputs(graph: bytes) -> list[str]:
    import onnx

    return [i.name for i in onnx.load_model_from_string(graph).graph.input]
