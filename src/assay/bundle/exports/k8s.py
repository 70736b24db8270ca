"""Kubernetes manifests: a KServe InferenceService, or a plain Deployment with Service, NetworkPolicy and budget."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from assay.bundle.model import Model
from assay.core.errors import SettingsError

from .about import EMPTY, about
from .docker import BUNDLE, GRPC_PORT, KEYS, PORT, STATE, USER, command, tag_of

LIVE, READY = "/v2/health/live", "/v2/health/ready"
UNPRINTED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*", re.ASCII)
WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))  # which YAML does not read as text
IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,500}")
BASE_MB = 256  # a worker and its runtime take about 120 MB; twice that leaves room for requests
PLAIN = ("deployment.yaml", "service.yaml", "networkpolicy.yaml", "poddisruptionbudget.yaml")
README = """\
# {service} {version} on Kubernetes

    kubectl create secret generic {service}-keys --from-file=keys.json     # once; made by: assay keys new
    kubectl apply -k .                                                     # Deployment, Service, NetworkPolicy, budget
    kubectl apply -f inferenceservice.yaml                                 # or, where KServe is installed, this alone

Image: `{image}`, as `assay export docker` builds it. Owner: {owner}.
Both run as user {user} on a read-only root, with {cpu} CPU and {memory} asked for; the policy lets in pods of the same
namespace on port {port} and lets nothing out. Change replicas, limits and who may call in your own overlay.
The prediction log lies in the pod and goes with it: mount a volume at {state} to keep it.
`kubectl rollout undo deployment/{service}` goes back to the image before.
"""


def to_k8s(model: Model, image: str | None = None, grpc: bool = False) -> dict[str, bytes]:
    """Manifests as YAML, with a page on how to apply them: path -> bytes.

    Args:
        image: the image to run, by default the name that ``assay export docker`` proposes.
        grpc: also name the port of gRPC; the image needs grpcio (``assay export docker --grpc``).

    Raises:
        SettingsError: no name of an image.
    """
    known = about(model)
    image = image or tag_of(model)
    if not IMAGE.fullmatch(image):
        raise SettingsError(f"--image must be the name of an image, such as registry.example/late:0.1.0; got {image!r}")
    name, limit = known.service, f"{2 * BASE_MB + 8 * (model.size >> 20)}Mi"
    ports = [("http", PORT), ("grpc", GRPC_PORT)][: 1 + grpc]
    asked = {"cpu": "250m", "memory": f"{BASE_MB + 4 * (model.size >> 20)}Mi"}
    container = {
        "name": name, "image": image, "args": command(f"/srv/assay/{BUNDLE}", KEYS, STATE, grpc=grpc),
        "ports": [{"name": n, "containerPort": p, "protocol": "TCP"} for n, p in ports],
        "env": [{"name": "OMP_NUM_THREADS", "value": "1"}, {"name": "ORT_DISABLE_TELEMETRY", "value": "1"}],
        "resources": {"requests": asked, "limits": {"cpu": "1", "memory": limit}},
        "startupProbe": probe(READY, 1, 30), "livenessProbe": probe(LIVE, 10, 3), "readinessProbe": probe(READY, 5, 2),
        "securityContext": {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "keys", "mountPath": KEYS.rpartition("/")[0], "readOnly": True},
            {"name": "state", "mountPath": STATE}, {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - in the pod
        ],
    }  # fmt: skip
    pod = {
        "automountServiceAccountToken": False, "enableServiceLinks": False, "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "keys", "secret": {"secretName": f"{name}-keys", "defaultMode": 0o440}},
            {"name": "state", "emptyDir": {"sizeLimit": "2Gi"}}, {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
        ],
    }  # fmt: skip
    labels = {
        "app.kubernetes.io/name": name, "app.kubernetes.io/version": label(known.version),
        "app.kubernetes.io/part-of": "assay",
    }  # fmt: skip
    chosen = {"app.kubernetes.io/name": name}
    noted = {"assay/digest": f"sha256:{model.digest}"}
    meta = {"name": name, "labels": labels, "annotations": noted}
    docs: dict[str, dict[str, Any]] = {
        "deployment.yaml": {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta,
            "spec": {
                "replicas": 2, "revisionHistoryLimit": 5, "selector": {"matchLabels": chosen},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
                "template": {"metadata": {"labels": labels, "annotations": noted}, "spec": pod},
            },
        },
        "service.yaml": {
            "apiVersion": "v1", "kind": "Service", "metadata": meta,
            "spec": {"selector": chosen, "ports": [{"name": n, "port": 80 if n == "http" else p, "targetPort": n}
                                                    for n, p in ports]},
        },
        "networkpolicy.yaml": {
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta,
            "spec": {
                "podSelector": {"matchLabels": chosen}, "policyTypes": ["Ingress", "Egress"], "egress": [],
                "ingress": [
                    {"from": [{"podSelector": {}}], "ports": [{"port": p, "protocol": "TCP"} for _, p in ports]}
                ],
            },
        },
        "poddisruptionbudget.yaml": {
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta,
            "spec": {"minAvailable": 1, "selector": {"matchLabels": chosen}},
        },
        "kustomization.yaml": {
            "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(PLAIN),
        },
        "inferenceservice.yaml": {
            "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": meta,
            "spec": {"predictor": {"minReplicas": 1, "maxReplicas": 4, "timeout": 30, **kserve(pod)}},
        },
    }  # fmt: skip
    owner = dict(known.question()).get("Who owns it", EMPTY)
    page = README.format(service=name, version=known.version, image=image, owner=owner, user=USER, port=PORT,
                         state=STATE, cpu=asked["cpu"], memory=asked["memory"])  # fmt: skip
    return {path: (yaml(doc) + "\n").encode() for path, doc in docs.items()} | {"README.md": page.encode()}


def kserve(pod: Mapping[str, Any]) -> dict[str, Any]:
    """The pod as KServe takes it: it calls the container kserve-container, and finds the port by its protocol name."""
    container = dict(pod["containers"][0])
    container["name"] = "kserve-container"
    names = {"http": "http1", "grpc": "h2c"}  # two ports need KServe's standard deployment: Knative takes one only
    container["ports"] = [each | {"name": names[each["name"]]} for each in container["ports"]]
    del container["startupProbe"]  # Knative, under KServe's default mode, refuses it
    probes = {k: {**container[k]} for k in ("livenessProbe", "readinessProbe")}
    for each in probes.values():
        each["httpGet"] = {"path": each["httpGet"]["path"], "port": PORT}
    return {**pod, "containers": [container | probes]}


def probe(path: str, every: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "http"}, "periodSeconds": every, "timeoutSeconds": 2,
        "failureThreshold": failures,
    }  # fmt: skip


def label(version: str) -> str:
    """A version as a label may hold it (at most 63 letters, digits, '.', '_', '-')."""
    return version.replace("+", "_")[:63].rstrip("._-")


def yaml(value: Any, depth: int = 0) -> str:
    """Plain YAML of mappings, lists, text, numbers and booleans; every text is quoted as JSON, which YAML contains.

    >>> print(yaml({"kind": "Service", "ports": [{"port": 80}], "egress": []}))
    kind: "Service"
    ports:
    - port: 80
    egress: []
    """
    pad = "  " * depth
    if isinstance(value, Mapping) and value:
        lines = []
        for key, inner in value.items():
            nested = isinstance(inner, (Mapping, list, tuple)) and inner
            into = depth if isinstance(inner, (list, tuple)) else depth + 1
            lines.append(f"{pad}{plain(key)}:" + (f"\n{yaml(inner, into)}" if nested else f" {yaml(inner)}"))
        return "\n".join(lines)
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        parts = [yaml(inner, depth + 1).removeprefix("  " * (depth + 1)) for inner in value]
        return "\n".join(f"{pad}- {part}" for part in parts)
    return pad + quoted(value)


def quoted(value: Any) -> str:
    """A scalar as JSON; characters that YAML takes for line ends or does not print are escaped."""
    return UNPRINTED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def plain(key: str) -> str:
    return key if BARE.fullmatch(key) and key.casefold() not in WORDS else quoted(key)
