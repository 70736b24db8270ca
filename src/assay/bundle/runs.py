"""Tries and what came of them: one record a fit, in the .assay file always and in a ledger where one is named.

A record says what was fitted (data, target, recipe, commit), how (seed, budget) and what it scored, on which rows and
at which look. Only scores on the same rows in the same measure are put in one order.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import BundleError, InputError, OutputError
from assay.core.settings import Settings
from assay.core.subject import JUDGE, Subject
from assay.fit.fitted import Fitted

from .archive import from_json, unpack

KIND = "assay run"
LINEAGE = "lineage.json"
NOT_RECIPE = {"seed", "budget", "runs", "select", "ignore", "fail_on", "severity", "sample_rows", "watts", "co2"}
NOT_RECIPE |= {"registry", "run", "watch"}


def run_of(subject: Subject, fitted: Fitted, settings: Settings, size: float | None = None) -> dict[str, Any]:
    """The record of a fit. ``tested`` tells the rows that judged: runs with the same one may be compared."""
    judged = np.sort(fitted.predictions.row_id[fitted.predictions.part == JUDGE])
    asked = {k: v for k, v in asdict(settings).items() if k not in NOT_RECIPE}
    recipe = [fitted.recipe.to_json()["steps"], sorted(fitted.features), sorted(fitted.left_out), fitted.shipped,
              subject.roles.parted, asked]  # fmt: skip
    look, score = subject.evidence.get("looks"), fitted.headline
    shipped = next((p for p in reversed(fitted.pareto) if p.of == "shipped"), None)
    return {
        "kind": KIND,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": subject.table.name,
        "data_digest": subject.table.digest,
        "target": subject.roles.target.column if subject.roles.target else None,
        "recipe": digest(recipe),
        "commit": commit(Path.cwd()),
        "seed": fitted.seed,
        "budget": fitted.budget,
        "cpu_seconds": round(fitted.cpu_seconds, 1),
        "model": " + ".join(c.name for c in fitted.winners),
        "metric": None if score is None else score.metric,
        "score": None if score is None else score.value,
        "interval": None if score is None or score.interval is None else list(score.interval),
        "on": None if score is None else score.label,
        "tested": hashlib.sha256(judged.tobytes()).hexdigest()[:16],
        "rows": len(judged),
        "looks": None if look is None else look.number,
        "size": None if shipped is None else shipped.size,
        "latency": None if shipped is None or not np.isfinite(shipped.latency) else shipped.latency,
    }


def digest(doc: Any) -> str:
    return hashlib.sha256(json.dumps(doc, sort_keys=True, default=str).encode()).hexdigest()[:12]


def commit(folder: Path) -> str | None:
    """The commit that the repository around ``folder`` stands at, read from its files; None where there is none."""
    try:
        for place in (folder, *folder.parents):
            git = place / ".git"
            if git.is_file():  # a worktree or a submodule
                git = (place / git.read_text("utf-8").partition(":")[2].strip()).resolve()
            if git.is_dir():
                head = (git / "HEAD").read_text("utf-8").strip()
                return _ref(git, head[5:]) if head.startswith("ref: ") else _sha(head)
    except (OSError, ValueError):
        return None
    return None


def _ref(git: Path, name: str) -> str | None:
    common = git / "commondir"
    homes = [git, (git / common.read_text("utf-8").strip()).resolve()] if common.is_file() else [git]
    for home in homes:
        if (home / name).is_file():
            return _sha((home / name).read_text("utf-8").strip())
    for home in homes:
        if (home / "packed-refs").is_file():
            for line in (home / "packed-refs").read_text("utf-8").splitlines():
                if line.endswith(f" {name}"):
                    return _sha(line.split(" ")[0])
    return None


def _sha(text: str) -> str | None:
    return text if len(text) >= 40 and set(text) <= set("0123456789abcdef") else None


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Add one line to a ledger, on the disk before this returns.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        with path.open("ab") as ledger:
            ledger.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
            ledger.flush()
            os.fsync(ledger.fileno())
    except OSError as error:
        raise OutputError(f"the run could not be added to {path} ({error.strerror}): --runs names another") from None


def read_runs(paths: Sequence[Path | tuple[str, bytes]]) -> list[dict[str, Any]]:
    """Records of ledgers, of .assay files and of folders of both; a run that is in both is one, oldest first.

    Args:
        paths: paths, or (name, bytes) of .assay files.

    Raises:
        InputError: a path is missing or holds no run.
    """
    found: dict[Any, dict[str, Any]] = {}
    for path in paths:
        for record in _records(path) if isinstance(path, Path) else [_record(*path)]:
            key = (record.get("time"), record.get("recipe"), record.get("seed"), record.get("score"))
            found[key] = {**found.get(key, {}), **{k: v for k, v in record.items() if v is not None}}
    if not found:
        names = [str(p) if isinstance(p, Path) else p[0] for p in paths]
        raise InputError(f"no run is recorded in {', '.join(names) or 'nothing'}")
    return sorted(found.values(), key=lambda r: str(r.get("time")))


def _records(path: Path) -> Iterable[dict[str, Any]]:
    if path.is_dir():
        for inner in sorted([*path.glob("*.assay"), *path.glob("*.jsonl")]):
            with suppress(InputError):  # a folder may hold other files, and models of older versions
                yield from list(_records(inner))
        return
    if not path.exists():
        raise InputError(f"the file {path} does not exist: runs are in ledgers, .assay files and folders of both")
    if path.suffix == ".assay":
        yield _record(path.name, path.read_bytes())
        return
    for i, line in enumerate(path.read_text("utf-8", errors="replace").splitlines()):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict) or record.get("kind") != KIND:
            raise InputError(f"line {i + 1} of {path.name} must be a run as assay fit writes it")
        yield record


def _record(name: str, data: bytes) -> dict[str, Any]:
    try:
        files = unpack(data)[1]
    except BundleError as error:
        raise InputError(f"{name}: {error}") from None
    run = from_json(files[LINEAGE], LINEAGE).get("run") if LINEAGE in files else None
    if run is None:
        raise InputError(f"{name} holds no record of its run: it was made by hand or by an older version")
    return {**run, "size": len(data), "file": name}
