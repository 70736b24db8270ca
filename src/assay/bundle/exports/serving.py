"""What `assay serve` needs to be installed, pinned: a closed list, installed with --no-deps.

It names every package that is imported while a bundle is served, verified or taken from the registry, and no other.
What those packages declare beyond it (protobuf, flatbuffers and packaging of onnxruntime, pycparser of cffi) is for
tools that serving does not call: a test serves from an environment that holds this list and nothing else.
"""

from __future__ import annotations

PINNED = {
    "annotated-doc": "0.0.7",  # typer
    "cffi": "2.1.1",  # cryptography
    "click": "8.5.1",  # uvicorn, typer
    "cryptography": "50.0.2",
    "h11": "0.16.0",  # uvicorn
    "httptools": "0.9.0",
    "markdown-it-py": "4.3.0",  # rich
    "mdurl": "0.1.2",  # rich
    "msgspec": "0.22.0",
    "numpy": "2.4.6",
    "onnxruntime": "1.31.1",
    "orjson": "3.13.0",
    "prometheus_client": "0.26.0",
    "Pygments": "2.21.0",  # rich
    "rich": "15.0.0",
    "shellingham": "1.5.4",  # typer
    "typer": "0.28.0",  # the last that does without pydantic (four packages, 8 MB)
    "typing_extensions": "4.16.0",  # typer, onnxruntime
    "uvicorn": "0.54.0",
    "uvloop": "0.23.0",
}  # fmt: skip
GRPC = {"grpcio": "1.85.1", "protobuf": "7.36.2"}  # the extra of that name, where an export is told to have it
HEAD = (
    "# Everything that serving imports, and nothing else: install with --no-deps, then the wheel of assay the same way."
)


def requirements(grpc: bool = False) -> str:
    """The pinned list as pip reads it, without any address."""
    pinned = PINNED | (GRPC if grpc else {})
    return "\n".join([HEAD, *(f"{name}=={version}" for name, version in pinned.items())]) + "\n"
