"""Where a served model comes from: a file, a folder with one file in it (KServe's), or a name of the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.bundle.model import Model
from assay.core.errors import BundleError, InputError
from assay.registry import open_registry, read_bundle

from .scoring import Served
from .setup import Setup


@dataclass(frozen=True, slots=True)
class Found:
    """The bytes of a model, and what the registry calls it (empty for a file)."""

    data: bytes
    name: str = ""
    version: str = ""
    variant: str = ""  # which of its graphs answers; empty: the main one


def is_reference(source: str) -> bool:
    """Whether a source means a name of the registry: ``late@champion``, unless there is a file called so."""
    return "@" in source and not Path(source).exists()


def file_in(folder: Path) -> Path:
    """The one .assay file of a model folder, as KServe mounts it.

    Raises:
        InputError: none, or several.
    """
    found = sorted(p for p in folder.iterdir() if p.suffix == ".assay" and p.is_file())
    if len(found) != 1:
        what = "no .assay file" if not found else f"{len(found)} .assay files ({', '.join(p.name for p in found[:3])})"
        raise InputError(f"the folder {folder} holds {what}; one was expected: name the file to serve")
    return found[0]


def find(source: str, registry: Any = None) -> Found:
    """The bytes behind a source; ``registry`` is an open one for names.

    Raises:
        InputError: there is no such file, folder or name. BundleError: the registry's file was changed.
    """
    if is_reference(source):
        if registry is None:
            with open_registry(None, create=False) as opened:
                return find(source, opened)
        version = registry.find(source)
        return Found(registry.read(version.digest), version.name, version.version)
    path = Path(source)
    return Found(read_bundle(str(file_in(path) if path.is_dir() else path)))


def loader(setup: Setup) -> Callable[[Found], Served]:
    """How a model is made ready: signature, digests, graph policy, golden rows, and a first run that warms it up.

    Raises (of what it gives):
        BundleError: damaged, hostile, without a signature of a trusted key where one is required.
    """
    trusted = [_pem(path) for path in setup.trusted]

    def load(found: Found) -> Served:
        if trusted:
            from assay.bundle.signing import signed_by

            if signed_by(found.data, trusted) is None:
                raise BundleError(
                    "the .assay file is not signed and --require-signature was given: assay sign it, or serve without"
                )
        name = setup.name or found.name
        limits, version = setup.limits, found.version
        if found.variant:
            from assay.bundle.variants import Variant, marked

            model: Model = Variant(found.data, found.variant)
            version = marked(version, found.variant)
        else:
            model = Model(found.data)
        return Served(model, name, version, most_rows=limits.rows, unknown=setup.unknown)

    return load


def _pem(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"the public key {path} cannot be read ({error.strerror})") from None
