"""``assay export``: the model in other people's formats."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from assay.core.errors import OutputError, SettingsError, did_you_mean

from .options import FIT, OUT, Bundle, Quiet, flag

KINDS = ("onnx", "c", "sql", "mlflow", "huggingface", "oci", "docker", "k8s", "systemd", "runbook")
Kind = Annotated[str, typer.Argument(metavar="FORMAT", help=", ".join(KINDS[:-1]) + f" or {KINDS[-1]}.")]


def export(
    kind: Kind,
    model: Bundle,
    output_file: Annotated[
        Path | None,
        flag(
            "The folder to write, new or empty.  (default: NAME-FORMAT)", OUT, "--output-file", "-o", metavar="FOLDER"
        ),
    ] = None,
    force: Annotated[bool, flag("Write over files of the same names.", OUT, "--force")] = False,
    dialect: Annotated[str | None, flag("sql: duckdb or postgres.  (default: duckdb)", FIT, metavar="NAME")] = None,
    variant: Annotated[str | None, flag("onnx, c: a variant in the bundle, as int8.", FIT, metavar="NAME")] = None,
    image: Annotated[str | None, flag("k8s: the image to run.", FIT, metavar="NAME:TAG")] = None,
    grpc: Annotated[bool, flag("docker, k8s: gRPC on port 8081 too.", FIT, "--grpc")] = False,
    quiet: Quiet = False,
) -> int:
    """Write the model for another runtime, a registry of models, a container, a cluster, or the people on call."""
    from assay.api import load

    from .output import note

    if kind not in KINDS:
        raise SettingsError(f"the format must be one of {', '.join(KINDS)}; got {kind!r}{did_you_mean(kind, KINDS)}")
    for option, value, of in (
        ("--dialect", dialect, ("sql",)), ("--variant", variant, ("onnx", "c")), ("--image", image, ("k8s",)),
        ("--grpc", grpc or None, ("docker", "k8s")),
    ):  # fmt: skip
        if value is not None and kind not in of:
            raise SettingsError(f"{option} belongs to the format {' and '.join(of)}; this is {kind}")
    from assay.bundle.exports.about import about

    loaded = load(model)
    folder = output_file or Path(f"{about(loaded).service}-{kind}")
    vacant(folder, force)
    files = made(kind, loaded, dialect=dialect, variant=variant, image=image, grpc=grpc)
    write_folder(folder, files, force)
    shown = ", ".join(sorted(files)[:6]) + (f" and {len(files) - 6} more" if len(files) > 6 else "")
    note(f"{folder} is written: {shown}", quiet)
    return 0


def made(
    kind: str,
    model: object,
    *,
    dialect: str | None = None,
    variant: str | None = None,
    image: str | None = None,
    grpc: bool = False,
) -> dict[str, bytes]:
    """The files of one format: path -> bytes."""
    from assay.bundle.model import Model

    assert isinstance(model, Model)
    if kind in ("c", "sql", "onnx"):
        from assay.bundle.exports import c, graph, sql

        if kind == "sql":
            return sql.files(model, dialect or "duckdb")
        return c.files(model, variant=variant) if kind == "c" else graph.files(model, variant)
    from assay.bundle.exports import docker, huggingface, k8s, mlflow, oci, runbook, systemd

    if kind == "k8s":
        return k8s.to_k8s(model, image, grpc)
    if kind == "docker":
        return docker.to_docker(model, grpc)
    return {
        "mlflow": mlflow.to_mlflow, "huggingface": huggingface.to_huggingface, "oci": oci.to_oci,
        "systemd": systemd.to_systemd, "runbook": runbook.to_runbook,
    }[kind](model)  # fmt: skip


def vacant(folder: Path, force: bool) -> None:
    """Refuse a place that holds something, unless told to write over it.

    Raises:
        OutputError: it is a file, or a folder with files in it.
    """
    if folder.is_dir():
        if not force and any(folder.iterdir()):
            raise OutputError(f"{folder} holds files already: name a new folder with -o, or --force writes over them")
    elif folder.exists():
        raise OutputError(f"{folder} is a file; a folder is written: name another with -o")
    elif not folder.parent.is_dir():
        raise OutputError(f"{folder} cannot be written: there is no folder {folder.parent}; make it first")


def write_folder(folder: Path, files: Mapping[str, bytes], force: bool = False) -> None:
    """Write all files, or none: into a folder beside, which is then renamed; into one that is there, file by file.

    Raises:
        OutputError: the place cannot be written.
    """
    from assay.bundle.archive import write_file

    if folder.is_dir() and any(folder.iterdir()):
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            write_file(folder / path, data)
        return
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        for path, data in files.items():
            (beside / path).parent.mkdir(parents=True, exist_ok=True)
            (beside / path).write_bytes(data)
        beside.replace(folder)
    except OSError as error:
        said = f"{folder} could not be written ({error.strerror or error}); nothing was left behind"
        raise OutputError(f"{said}; choose another place with -o") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
