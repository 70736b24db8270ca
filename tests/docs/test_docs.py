"""Documentation says what the code does: generated pages are fresh, every example runs, every name is written down."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

import assay
from assay.audit.catalogue import catalogue

from . import generate


@pytest.mark.parametrize("path", list(generate.pages()), ids=lambda p: p.name)
def test_generated_pages_are_fresh(path):
    assert path.is_file(), f"{path.name} is missing: run make docs"
    fresh = generate.pages()[path].rstrip() + "\n"
    assert path.read_text("utf-8") == fresh, f"{path.name} lags behind the code: run make docs"


@pytest.mark.parametrize("module", list(catalogue().values()), ids=list(catalogue()))
def test_examples_of_challenges_run(module: ModuleType):
    tried = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert tried.attempted > 0, f"{module.__name__} has no example"
    assert tried.failed == 0


def test_example_of_the_package_runs():
    assert doctest.testmod(assay).failed == 0


def test_every_public_name_has_a_page():
    text = (generate.ROOT / "docs" / "api.md").read_text("utf-8")
    assert all(f"## {name}" in text for name in assay.__all__)


def test_no_address_of_a_registry_or_machine():
    bad = ("index-" + "url", "/simp" + "le/", "/wo" + "rk/main", "find-" + "links")
    suffixes = {".py", ".md", ".toml", ".txt", ".json", ".jinja", ".css", ""}
    for path in generate.ROOT.rglob("*"):
        parts = path.relative_to(generate.ROOT).parts
        if path.is_file() and path.suffix in suffixes and not parts[0].startswith(".") and parts[0] != "out":
            text = path.read_text("utf-8", errors="ignore")
            assert not [b for b in bad if b in text], path
