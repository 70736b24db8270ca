"""Kill writers of a registry at random points, again and again: what was acknowledged must be there, whole.

    python benchmarks/registry_kills.py --kills 200
    python benchmarks/registry_kills.py --kills 200 --registry postgresql://user@host/database

Two processes write at once (add, promote, approve, roll back, retire, gc); each tells the number and the hash of an
event only after the call that made it returned. One of them is killed with SIGKILL after a random time and replaced.
After every kill the registry is opened by a third process' eyes: every event that was told is in the chain, the chain
holds, and every file reads back with its digest. Exit code 1 where anything is lost or damaged.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import signal
import sys
import tempfile
import time
from pathlib import Path

from assay.core.errors import InputError
from assay.registry import Registry, open_registry

KINDS = ("add", "add", "add", "promote", "promote", "approve", "rollback", "retire", "gc")


FILES = 8
LONGEST = 0.25  # seconds from the start of a writer to its end


def bundle(seed: int) -> bytes:
    """A valid .assay file of a linear model of one number and one category, told apart by ``seed``."""
    import numpy as np

    from assay.bundle.write import build
    from assay.learn.forms import Assembly, Calibration, Conformal, EncoderSpec, Feature, Linear, Member, Term

    features = (Feature("x", "x", "number"), Feature("colour", "colour", "codes", levels=("blue", "red")))
    terms = (Term(0, "number", 0.1, 2.0), Term(1, "level", level=0), Term(1, "level", level=1))
    form = Linear(terms, np.array([[1.5], [-0.4], [0.7]]), np.array([0.2]), "sigmoid")
    sets = Conformal(0.9, (0.6, 0.7), ((0.9, (0.6, 0.7)),))
    assembly = Assembly(
        "binary", ("no", "yes"), EncoderSpec((("x", "number"), ("colour", "category")), features),
        (Member("linear", "linear", 1.0, form),), Calibration("none"), sets,
    )  # fmt: skip
    return build(assembly, lineage={"seed": seed}, target="late").to_bytes()


def write(place: str, files: list[bytes], token: str, seed: int, out: int) -> None:
    """Work until killed; ``out`` gets the name of every change that was acknowledged, one a line."""
    rng, number = random.Random(seed), 0
    with open_registry(place) as registry:
        while True:
            number += 1
            by = f"{token}.{number}"
            try:
                if change(registry, rng, files, by):
                    os.write(out, f"{by}\n".encode())
            except InputError:
                continue  # nothing to roll back, or a version that another writer retired: a fair answer


def change(registry: Registry, rng: random.Random, files: list[bytes], by: str) -> bool:
    """One change; True where it made an event of its own."""
    kind, name = rng.choice(KINDS), f"model{rng.randrange(3)}"
    if kind == "add":
        version = f"{rng.randrange(9)}.{rng.randrange(9)}.{rng.randrange(9)}"
        return registry.add(rng.choice(files), name, version, by=by).by == by
    if kind == "gc":
        registry.gc(everything=True, by=by)
        return False
    if kind == "rollback":
        return registry.rollback(name, "champion", by=by).by == by
    version = rng.choice(registry.versions(name)).version
    if kind == "promote":
        return registry.promote(name, "champion", version, by=by).by == by
    return registry.stage(name, version, {"approve": "approved", "retire": "retired"}[kind], by=by).staged_by == by


class Writer:
    """One process that writes until it is killed."""

    def __init__(self, place: str, files: list[bytes], token: str, seed: int) -> None:
        self.end, out = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.end)
            try:
                write(place, files, token, seed, out)
            except BaseException as error:
                os.write(out, f"failed: {type(error).__name__}: {error}\n".encode())
            os._exit(1)
        os.close(out)
        self.told: list[str] = []
        self.rest = b""

    def hear(self) -> None:
        while select.select([self.end], [], [], 0)[0]:
            got = os.read(self.end, 65536)
            if not got:
                return
            self.rest += got
        *whole, self.rest = self.rest.split(b"\n")
        self.told += [line.decode() for line in whole]

    def kill(self) -> list[str]:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        while got := os.read(self.end, 65536):
            self.rest += got
        os.close(self.end)
        self.told += [line.decode() for line in self.rest.split(b"\n")[:-1]]
        return self.told


def fresh(place: str, k: int) -> str:
    """A new registry for every stretch, so that making one is killed too."""
    if not place.startswith("postgresql://"):
        return str(Path(place) / f"registry{k}")
    import psycopg

    schema = f"kills_{os.getpid()}_{k}"
    with psycopg.connect(place, autocommit=True) as con:
        con.execute(f"CREATE SCHEMA {schema}")
    return f"{place}{'&' if '?' in place else '?'}options=-csearch_path%3D{schema}"


def main() -> int:
    read = argparse.ArgumentParser()
    read.add_argument("--kills", type=int, default=200)
    read.add_argument("--seed", type=int, default=0)
    read.add_argument("--stretch", type=int, default=25, help="kills before a new registry is begun")
    read.add_argument("--registry", default="", help="postgresql:// address; without it, folders that are deleted")
    said = read.parse_args()
    rng, files, start = random.Random(said.seed), [bundle(k) for k in range(FILES)], time.monotonic()
    import onnxruntime  # noqa: F401 - before the fork, so that a writer writes at once

    lost: list[str] = []
    wrong: list[str] = []
    acknowledged = events = 0
    with tempfile.TemporaryDirectory() as folder:
        for begin in range(0, said.kills, said.stretch):
            place = fresh(said.registry or folder, begin)
            stays = Writer(place, files, f"s{begin}", rng.randrange(1 << 30))
            told: set[str] = set()
            for k in range(begin, min(begin + said.stretch, said.kills)):
                writer = Writer(place, files, f"k{k}", rng.randrange(1 << 30))
                time.sleep(rng.random() * LONGEST)
                told |= set(writer.kill())
                stays.hear()
                told |= set(stays.told)
                if (k + 1) % said.stretch == 0 or k + 1 == said.kills:
                    told |= set(stays.kill())
                    events += look(place, told, lost, wrong)
                    acknowledged += len(told)
                else:
                    look(place, told, lost, wrong)
    print(json.dumps({
        "kills": said.kills + -(-said.kills // said.stretch), "acknowledged": acknowledged, "events": events,
        "lost": len(lost), "wrong": len(wrong), "seconds": round(time.monotonic() - start, 1),
        "examples": [*lost, *wrong][:5],
    }))  # fmt: skip
    return 1 if lost or wrong else 0


def look(place: str, told: set[str], lost: list[str], wrong: list[str]) -> int:
    """Read everything back: what was told must be there, and all that is there must be whole."""
    try:
        with open_registry(place, create=False) as registry:
            there = {event.by for event in registry.history()}
            wrong += registry.check().problems
            for alias in registry.live():
                registry.read(alias.digest)
    except InputError as error:
        if not told and "there is no registry" in str(error):
            return 0
        raise
    lost += [token for token in told - there if not token.startswith("failed")]
    wrong += [token for token in told if token.startswith("failed")]
    return len(there)


if __name__ == "__main__":
    sys.exit(main())
