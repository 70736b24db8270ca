"""A folder that becomes a container image: the bundle, the packages that serving needs (pinned), and assay itself."""

from __future__ import annotations

from assay.bundle.model import Model

from .about import about
from .serving import requirements
from .wheel import wheel, wheel_name

PORT, GRPC_PORT = 8080, 8081  # KServe's
USER = 10001  # no name on the host, above every system account
IMAGE = "python:3.11-slim-bookworm"
BUNDLE = "model.assay"
LIVE = "/v2/health/live"
KEYS = "/run/assay/keys.json"
STATE = "/var/lib/assay"

DOCKERFILE = """\
# {name} {version}: assay serves one bundle, as a user without rights, from the {packages} packages that it needs.
ARG PYTHON_IMAGE={image}

FROM ${{PYTHON_IMAGE}} AS build
WORKDIR /build
COPY requirements.txt {wheel} ./
RUN python -m venv --without-pip /opt/assay \\
 && python -m pip --python /opt/assay/bin/python install --no-cache-dir --no-deps -r requirements.txt ./{wheel}

FROM ${{PYTHON_IMAGE}}
LABEL org.opencontainers.image.title="{name}" \\
      org.opencontainers.image.version="{version}" \\
      org.opencontainers.image.revision="{digest}"
COPY --from=build /opt/assay /opt/assay
COPY --chmod=0444 {bundle} /srv/assay/{bundle}
RUN mkdir -p {state} && chown {user}:{user} {state}
ENV PATH=/opt/assay/bin:/usr/local/bin:/usr/bin:/bin \\
    OMP_NUM_THREADS=1 \\
    ORT_DISABLE_TELEMETRY=1 \\
    PYTHONDONTWRITEBYTECODE=1
WORKDIR {state}
USER {user}:{user}
EXPOSE {ports}
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=2s --start-period=5s --retries=3 \\
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:{port}{live}', timeout=2)"]
ENTRYPOINT ["assay"]
CMD {command}
"""
README = """\
# {name} {version} in a container

    docker build -t {tag} .
    assay keys new caller --keys keys.json     # once; the key is printed once, the file holds its digest only
    chmod 644 keys.json                        # the container's user has to read it
    docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges \\
      --tmpfs /tmp --tmpfs {state}:uid={user},mode=0700 \\
      --mount type=bind,src="$PWD/keys.json",dst={keys},readonly -p 127.0.0.1:{port}:{port} {tag}
    curl -H "Authorization: Bearer KEY" -H "Content-Type: application/json" -d '{{"rows": [{{...}}]}}' \\
      http://127.0.0.1:{port}/predict

The image holds `{bundle}` (SHA-256 {digest}), the {packages} packages of `requirements.txt` and assay, installed
from `{wheel}` without looking for anything else (`--no-deps`): `assay export docker` made that file from the
assay that ran it. It runs as user {user}, writes to {state} only (mount a volume there to keep the prediction log),
and needs no network to serve.
`docker run ... {tag} verify /srv/assay/{bundle}` checks the bundle where it will run.
Another base image: `--build-arg PYTHON_IMAGE=...` (Python 3.11 or later, glibc).
"""


def to_docker(model: Model, grpc: bool = False) -> dict[str, bytes]:
    """Dockerfile, requirements, the wheel of assay, the bundle and a page on how to run it: path -> bytes.

    Args:
        grpc: also install grpcio and open its port.
    """
    from .serving import GRPC, PINNED

    known, asked = about(model), command(f"/srv/assay/{BUNDLE}", KEYS, STATE, grpc=grpc)
    words = {
        "name": known.service, "version": known.version, "digest": model.digest, "wheel": wheel_name(),
        "packages": len(PINNED) + (len(GRPC) if grpc else 0), "ports": f"{PORT} {GRPC_PORT}" if grpc else PORT,
        "image": IMAGE, "bundle": BUNDLE, "state": STATE, "user": USER, "port": PORT,
        "live": LIVE, "keys": KEYS, "tag": tag_of(model),
        "command": "[" + ", ".join(f'"{word}"' for word in asked) + "]",
    }  # fmt: skip
    return {
        "Dockerfile": DOCKERFILE.format(**words).encode(),
        ".dockerignore": b"*\n" + "".join(f"!{p}\n" for p in ("requirements.txt", wheel_name(), BUNDLE)).encode(),
        "README.md": README.format(**words).encode(),
        "requirements.txt": requirements(grpc).encode(),
        wheel_name(): wheel(),
        BUNDLE: model.to_bytes(),
    }


def tag_of(model: Model) -> str:
    """The name of the image: ``assay/<service>:<version>``; what a tag cannot hold (+) becomes an underscore."""
    known = about(model)
    return f"assay/{known.service}:{known.version.replace('+', '_')}"


def command(
    bundle: str, keys: str, state: str, host: str = "0.0.0.0", grpc: bool = False  # noqa: S104 - its own network
) -> list[str]:  # fmt: skip
    """The words after ``assay`` that serve a bundle behind keys and write to ``state`` only."""
    return [
        "serve", bundle, "--host", host, "--port", str(PORT), "--keys", keys, "--usage", f"{state}/usage.db",
        "--log", f"{state}/log", *(["--grpc-port", str(GRPC_PORT)] if grpc else []),
    ]  # fmt: skip
