"""Every check of an .assay file, one by one, with what each found: what ``assay verify`` prints."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from assay.core.errors import BundleError
from assay.core.table import F64

from . import golden, schema
from .archive import contents, from_json, unpack
from .layout import EXPECTED, GRAPH, NEEDED, PARITY, SCHEMA, VARIANTS
from .parity import LIMIT
from .policy import check_graph
from .session import Session
from .signing import key_name, signed_by, signer_of
from .variants import replayed

Result = Literal["ok", "none", "failed", "not reached"]
ORDER = ("archive", "digests", "signature", "schema", "graph policy", "golden rows", "parity")
MORE = "variants"  # only of a file that has some


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, its result and one sentence. ``none`` says that there was nothing to check."""

    name: str
    result: Result
    says: str


@dataclass(frozen=True, slots=True)
class Verified:
    """All checks of one file. ``trusted`` is None where no key was given to hold the signature against."""

    digest: str
    name: str
    version: str
    checks: tuple[Check, ...]
    trusted: bool | None

    @property
    def whole(self) -> bool:
        """Nothing is damaged; a signature by another key is not damage."""
        return not any(c.result == "failed" for c in self.checks if c.name != "signature" or self.trusted is None)

    def to_doc(self) -> dict[str, Any]:
        return asdict(self) | {"whole": self.whole}


def verify(data: bytes, public_pems: Sequence[bytes] = ()) -> Verified:
    """Check an .assay file as ``Model.load`` does, and its signature against keys; what fails is said, not raised.

    Raises:
        InputError: what was given as a key is none. MissingExtra: a key was given and cryptography is not installed.
    """
    return _Checking(data, public_pems).run()


class _Checking:
    def __init__(self, data: bytes, public_pems: Sequence[bytes]) -> None:
        self.data, self.keys = data, {key_name(pem): pem for pem in public_pems}
        self.manifest: dict[str, Any] = {}
        self.files: dict[str, bytes] = {}
        self.trusted: bool | None = False if public_pems else None

    def run(self) -> Verified:
        steps: dict[str, Callable[[], Check]] = {
            "archive": self.archive, "digests": self.digests, "signature": self.signature, "schema": self.row_schema,
            "graph policy": self.graph, "golden rows": self.golden, "parity": self.parity,
            "variants": self.variants,
        }  # fmt: skip
        done: list[Check] = []
        for name in (*ORDER, MORE):
            if name == MORE and not any(p.startswith(VARIANTS) for p in self.files):
                continue
            if any(c.result == "failed" and c.name != "signature" for c in done):
                done.append(Check(name, "not reached", "what comes before it failed"))
                continue
            try:
                done.append(steps[name]())
            except BundleError as error:
                done.append(Check(name, "failed", str(error)))
        said = {k: v if isinstance(v := self.manifest.get(k), str) else "" for k in ("name", "version")}
        digest = hashlib.sha256(self.data).hexdigest()
        return Verified(digest, said["name"], said["version"], tuple(done), self.trusted)

    def archive(self) -> Check:
        entries = contents(self.data)
        return Check("archive", "ok", f"{len(entries)} entries in {len(self.data):,} bytes, as assay writes them")

    def digests(self) -> Check:
        self.manifest, self.files = unpack(self.data)
        for path in NEEDED:
            if path not in self.files:
                raise BundleError(f"the .assay file lacks {path!r}")
        for path in self.files:
            if path.endswith(".json"):
                from_json(self.files[path], path)
        return Check("digests", "ok", f"{len(self.files)} files are those that the manifest lists, by SHA-256")

    def signature(self) -> Check:
        signer = signer_of(self.data)
        if signer is None:
            asked = ", and a key was given" if self.keys else ""
            return Check("signature", "failed" if self.keys else "none", f"the file is not signed{asked}")
        if not self.keys:
            return Check("signature", "none", f"there is one by the key {signer[:16]}; name the public key with --key")
        if signer != "unnamed" and signer not in self.keys:
            return Check("signature", "failed", f"it is by the key {signer[:16]}, which was not given")
        self.trusted = None  # from here on a failure is damage
        signed = signed_by(self.data, list(self.keys.values()))
        assert signed is not None
        self.trusted = True
        return Check("signature", "ok", f"all {signed.files} files were signed by the key {signed.key[:16]}")

    def row_schema(self) -> Check:
        self.schema = schema.from_doc(from_json(self.files[SCHEMA], SCHEMA))
        said = self.manifest.get("schema")
        if isinstance(said, str) and said != hashlib.sha256(self.files[SCHEMA]).hexdigest():
            raise BundleError("'schema.json' is not the schema that the manifest names")
        return Check("schema", "ok", f"{len(self.schema.columns)} columns, {self.schema.task}")

    def graph(self) -> Check:
        check_graph(self.files[GRAPH], self.schema.imported)
        made = " of another maker" if self.schema.imported else ""
        size = len(self.files[GRAPH])
        return Check("graph policy", "ok", f"{size:,} bytes, known operators{made}, nothing outside the file")

    def golden(self) -> Check:
        session = Session(self.files[GRAPH], self.schema)

        def predict(feed: golden.Feed) -> F64:
            return np.asarray(session.run(feed), np.float64)

        worst = golden.replay(self.files, self.schema, session.main, predict)
        rows = len(self.files[EXPECTED].splitlines())
        return Check("golden rows", "ok", f"{rows} rows predicted again, the largest difference is {worst:.2g}")

    def parity(self) -> Check:
        if PARITY not in self.files:
            return Check("parity", "none", "there is no record of the graph against the trained model")
        record = from_json(self.files[PARITY], PARITY)
        try:
            rows, worst, limit = int(record["rows"]), float(record["max"]), float(record["limit"])
        except (KeyError, TypeError, ValueError):
            raise BundleError("'parity.json' in the .assay file is incomplete") from None
        if not worst <= min(limit, LIMIT):
            raise BundleError(f"the graph differed from the trained model by {worst:.2g}, more than {LIMIT:g}")
        return Check("parity", "ok", f"graph and trained model differed by at most {worst:.2g} on {rows:,} rows")

    def variants(self) -> Check:
        """Each variant's graph under the policy, its record, and its own answers on the golden rows."""
        found, told = sorted(p for p in self.files if p.startswith(VARIANTS) and p.endswith(".onnx")), []
        for path in found:
            name, beside = path[len(VARIANTS) : -5], f"{path[:-5]}.json"
            if beside not in self.files:
                raise BundleError(f"the variant {name} has no record of what it costs")
            record = from_json(self.files[beside], beside)
            replayed(self.files, self.schema, Session(self.files[path], self.schema), record, name)
            try:
                worst, bound = float(record["worst_change"]), record.get("within")
                size = float(record["unit_size"])
                if bound is not None and not worst <= float(bound) * size:
                    raise BundleError(f"the variant {name} strays by {worst / size:.2g}, beyond its bound {bound:g}")
                told.append(f"{name} differs by up to {worst / size:.2g} on {int(record['rows']):,} rows")
            except (KeyError, TypeError, ValueError):
                raise BundleError(f"the record of the variant {name} is incomplete") from None
        return Check("variants", "ok", "; ".join(told))
