"""Which public tables precision.py sweeps: by their place in a digest, never by what is in them.

A source is a folder, or a git directory (files are then read from its newest commit). From each come the files that
look like tables, of 100 to 50,000 lines and at most 20 MB, in the order of the blake2b digest of their paths, at most
``most`` a source, less

    those whose names say that they are in the developer data or in scikit-learn,
    those whose column names are, four of five, those of a table of the sources left out,
    all but one of those with the same column names, wherever they come from.

A third, by another byte of the digest, is the reserve: read only after what was found on the rest led to a repair.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TABLES = (".csv", ".tsv", ".tab", ".csv.gz", ".json", ".jsonl", ".parquet")
LINES = (100, 50_000)
BYTES = 20_000_000
SHARE_OF_NAMES = 0.8  # so many names in common and it is one table, cut or widened
ELSEWHERE = re.compile(
    r"titanic|diamond|pima|wine|breast|iris|compas|adult(?!_)|census|bank_?marketing|telco|churn|bike|ames|housing|"
    r"boston|hedonic|kdd|elec2|heart|diabet|mammogra|oil_?spill|taxi|air_?quality|sms|spam|hospital|beer|digits|mnist|"
    r"linnerud|california|penguin|german_?credit|flights|caltech|newsgroup|rcv1|covertype|olivetti|lfw",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Source:
    """A folder or a git directory; ``label`` is the last part of its path that says something."""

    path: Path

    @property
    def git(self) -> bool:
        return (self.path / "objects").is_dir()

    @property
    def label(self) -> str:
        parts = [p for p in self.path.resolve().parts if p not in ("repo", ".git")]
        return parts[-1].removesuffix(".git")

    def paths(self) -> list[tuple[str, int]]:
        """Path and bytes of every file that looks like a table."""
        if not self.git:
            files = [p for p in self.path.rglob("*") if p.is_file()]
            sized = [(p.relative_to(self.path).as_posix(), p.stat().st_size) for p in files]
        else:
            command = ["git", "--git-dir", str(self.path), "ls-tree", "-rlz", "HEAD"]
            lines = subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8", "replace")
            parts = [line.split("\t", 1) for line in lines.split("\0") if "\t" in line]
            held = [(head.split()[-1], path) for head, path in parts]  # a blob that is not held has no size
            sized = [(path, int(size)) for size, path in held if size.isdigit()]
        return [(p, size) for p, size in sized if p.lower().endswith(TABLES) and 500 < size < BYTES]

    def read(self, path: str) -> bytes:
        if not self.git:
            return (self.path / path).read_bytes()
        command = ["git", "--git-dir", str(self.path), "show", f"HEAD:{path}"]
        return subprocess.run(command, capture_output=True, check=True).stdout


def digest(path: str) -> bytes:
    return hashlib.blake2b(path.encode("utf-8", "replace")).digest()


def in_reserve(path: str) -> bool:
    return digest(path)[-1] % 3 == 0


def names_of(path: str, content: bytes) -> frozenset[str] | None:
    """The column names of a text file, bare of case and signs; None for one that keeps them otherwise."""
    if path.lower().endswith((".parquet", ".json", ".jsonl")):
        return None
    line = content[:20_000].lstrip(b"\xef\xbb\xbf").decode("latin-1").replace("\r", "\n").split("\n", 1)[0]
    mark = max(",;\t|", key=line.count)
    cells = next(csv.reader([line.strip()], delimiter=mark), [])
    return frozenset(re.sub(r"[^a-z0-9]", "", cell.casefold()) for cell in cells) - {"", "rownames", "unnamed0"}


def same(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= SHARE_OF_NAMES * len(one | other)


def headers(sources: list[Source]) -> list[frozenset[str]]:
    """The column names of all tables in sources that are left out."""
    found = set()
    for source in sources:
        for path, _ in source.paths():
            content = source.read(path)
            found.add(names_of(path, gzip.decompress(content) if path.endswith(".gz") else content))
    return [names for names in found if names]


def tables(sources: list[Source], out: list[frozenset[str]], most: int) -> Iterator[tuple[str, str, bytes]]:
    """Label of the source, path and bytes of each table that is taken, in order."""
    seen: set[frozenset[str]] = set()
    for source in sorted(sources, key=lambda s: s.label):
        taken = 0
        for path, _ in sorted(source.paths(), key=lambda p: digest(p[0])):
            if taken == most:
                break
            if ELSEWHERE.search(path):
                continue
            content = source.read(path)
            text = gzip.decompress(content) if path.endswith(".gz") else content
            if (
                not path.endswith(".parquet")
                and not LINES[0] <= max(text.count(b"\n"), text.count(b"\r"), text.count(b"},")) <= LINES[1]
            ):
                continue
            names = names_of(path, text)
            if names is not None:
                if not 4 <= len(names) <= 60 or names in seen or any(same(names, o) for o in out):
                    continue
                seen.add(names)
            taken += 1
            yield source.label, path, content
