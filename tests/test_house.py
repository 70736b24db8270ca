"""The house holds: rooms import only from below, files stay short, the package imports light, names are exact."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import assay

SOURCE = Path(assay.__file__).parent
# One entry a floor, top to bottom. Rooms on one floor do not import each other.
FLOORS = [
    {"cli"}, {"api"}, {"serve", "watch", "deep"}, {"registry", "log"}, {"bundle"}, {"fit"}, {"prove"}, {"testing"},
    {"audit"}, {"challenges"}, {"probes"}, {"learn"}, {"tables", "report"}, {"core"}, {"stats"},
]  # fmt: skip
FLOOR = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(p for p in SOURCE.rglob("*.py") if p != SOURCE / "__init__.py")


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Rooms that a file imports, at the top or inside functions, absolute or relative."""
    package = ["assay", *path.relative_to(SOURCE).parts[:-1]]
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            names = [stem, *(f"{stem}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            if parts[0] == "assay" and len(parts) > 1 and parts[1] in FLOOR:
                found.add(parts[1])
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_rooms_import_only_from_below(path: Path):
    own = room(path)
    assert own in FLOOR, f"{own} has no floor in the house"
    above = {r for r in imported_rooms(path) - {own} if FLOOR[r] <= FLOOR[own]}
    assert not above, f"{path.name} in {own} imports {above}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_are_a_page_that_a_stranger_reads_once(path: Path):
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= 400, f"{path.name} has {lines} lines"
    assert path.stem not in {"utils", "helpers", "common", "manager"}


def test_dynamic_imports_only_in_discovery():
    allowed = {SOURCE / "audit" / "catalogue.py", SOURCE / "audit" / "own_code.py"}  # own_code: what the user names
    for path in FILES:
        text = path.read_text("utf-8")
        assert path in allowed or ("import_module(" not in text and "__import__(" not in text), path


def test_no_pickle_and_no_eval():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = {a.name for a in node.names} if isinstance(node, ast.Import) else set()
            assert not names & {"pickle", "joblib", "dill", "marshal", "shelve"}, path
            call = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            assert call not in {"eval", "exec"}, path


def test_public_names_are_exact():
    assert assay.__all__ == sorted(assay.__all__)
    assert len(assay.__all__) <= 25
    assert set(assay.__all__) == set(assay.HOMES)
    for name in assay.__all__:
        assert getattr(assay, name) is not None
    with pytest.raises(AttributeError):
        assay.nothing_of_that_name  # noqa: B018


def test_the_room_fit_does_not_hide_the_verb_fit():
    from assay.fit import fit as race

    assert callable(race) and callable(assay.fit) and assay.fit.__module__ == "assay.api"


def test_import_is_light():
    heavy = [
        "sklearn",
        "lightgbm",
        "scipy",
        "pandas",
        "polars",
        "altair",
        "onnx",
        "onnxruntime",
        "duckdb",
        "pyarrow",
        "vl_convert",
        "jinja2",
    ]
    code = f"import assay, sys; print([m for m in {heavy!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]", out.stdout
