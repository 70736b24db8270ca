"""A wheel of the assay that runs, made from its own files, so that an image needs no build tool and no place to fetch
assay from. Same files, same bytes (packaging.python.org, "Binary distribution format")."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from pathlib import Path

import assay
from assay.core.errors import InputError

LEFT = ("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache")
ENTRY = "[console_scripts]\nassay = assay.cli:main\n"
TAG = "py3-none-any"


def wheel_name() -> str:
    return f"assay-{assay.__version__}-{TAG}.whl"


def wheel() -> bytes:
    """The bytes of the wheel: every file of the package, what it needs as the installed metadata say, one command.

    Raises:
        InputError: the package does not lie in a folder of files.
    """
    root = Path(assay.__file__).parent
    if not root.is_dir():
        raise InputError(f"the files of assay are needed to put it into an image; {root} is no folder")
    info = f"assay-{assay.__version__}.dist-info"
    files = {
        f"assay/{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix != ".pyc" and not set(path.relative_to(root).parts) & set(LEFT)
    }
    files[f"{info}/METADATA"] = metadata().encode()
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: assay {assay.__version__}\nRoot-Is-Purelib: true\nTag: {TAG}\n".encode()  # fmt: skip  # noqa: E501
    files[f"{info}/entry_points.txt"] = ENTRY.encode()
    files[f"{info}/RECORD"] = record(files, f"{info}/RECORD").encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr, entry.compress_type = 3, 0o100644 << 16, zipfile.ZIP_DEFLATED
            zipped.writestr(entry, data, compresslevel=6)
    return out.getvalue()


def metadata() -> str:
    """Name and version only: what serving needs stands, pinned, in the requirements beside the wheel."""
    return (
        f"Metadata-Version: 2.1\nName: assay\nVersion: {assay.__version__}\n"
        "Summary: assay as it ran where this was exported; install with --no-deps beside the pinned requirements.\n"
        "Requires-Python: >=3.11\n"
    )


def record(files: dict[str, bytes], own: str) -> str:
    lines = []
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(data)}\n")
    return "".join(lines) + f"{own},,\n"
