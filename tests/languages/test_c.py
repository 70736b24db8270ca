"""The exported C predicts what the graph predicts, on every row that anybody may type."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from assay.bundle.exports import c, c_trees
from assay.bundle.exports.patterns import table_of
from assay.core.errors import SettingsError
from assay.core.patterns import NUMBER, any_date, as_python, same_text
from tests.bundle.conftest import CASES, Case

from .compiled import COMPILER, STRICT, Compiled, compile_, write
from .models import awkward, everything

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")


def same(model, got, feed) -> float:
    """Asserts that labels and sets are the graph's too; gives the largest difference of the main output."""
    want = model._session.run(feed).astype(np.float64)
    main, label, sets = got
    np.testing.assert_array_equal(np.isnan(main), np.isnan(want))
    far = np.nan_to_num(np.abs(main - want) / np.maximum(1.0, np.abs(want)))
    near = model._session.run(feed, "set")
    if model.classes:
        names = model._session.run(feed, "label")
        tied = np.ptp(np.sort(want, 1)[:, -2:], axis=1) < 1e-6
        assert (np.array(model.classes, object)[label] == names)[~tied].all()
        assert (sets.astype(bool) == near).mean() > 0.9995
    else:
        np.testing.assert_allclose(sets, near, rtol=1e-6, atol=1e-6)
    return float(far.max())


def checked(source, *flags: str, compiler: str | None = None) -> str:
    """What the file says when it replays its own golden rows."""
    out = compile_(source, *flags, "-DLATE_CHECK", compiler=compiler)
    run = subprocess.run([out], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr[:3000]
    return run.stdout


def test_c_is_the_graph_on_golden_and_awkward_rows(tmp_path):
    model = everything("binary")
    compiled = Compiled(model, tmp_path)
    feed = awkward(model, 2000)
    assert same(model, compiled.predict(feed), feed) <= 1e-6
    assert "golden rows, largest difference" in checked(tmp_path / "late.c", *STRICT, "-O0")


def test_a_changed_threshold_fails_the_check_of_the_file(tmp_path):
    source = write(everything("binary", members="linear"), tmp_path)
    text = source.read_text("utf-8")
    assert text.count("(1.0 + exp(") == 2
    source.write_text(text.replace("(1.0 + exp(", "(1.01 + exp("), "utf-8")
    out = compile_(source, *STRICT, "-O0", "-DLATE_CHECK")
    run = subprocess.run([out], capture_output=True, text=True, check=False)
    assert run.returncode == 1 and "largest difference 0.00" in run.stdout


@pytest.mark.parametrize(
    "pattern", [NUMBER, any_date("iso"), any_date("dmy"), same_text(["Straße", "n/a", "ﬁx", "é😀"])]
)
def test_tables_of_states_match_what_the_pattern_matches(pattern):
    rng = np.random.default_rng(0)
    table, python = table_of(pattern), as_python(pattern)
    seeds = ["1.5e3", " -.5 ", "1e200", "1" * 101, "2024-1-2T3:04Z", "31.12.1999", "1/2/2024 23:59:59.5+0200",
             "STRASSE", " N/A", "FIX", "É😀", "nan", ""]  # fmt: skip
    for _ in range(3000):
        text = list(rng.choice(seeds))
        for _ in range(rng.integers(0, 3)):
            text.insert(int(rng.integers(len(text) + 1)), str(rng.choice(list(" 019.eE+-:TZ/aäßſ\n"))))
        joined = "".join(text)
        assert table.matches(joined) == bool(python.fullmatch(joined)), joined


def test_what_cannot_be_exported_is_refused_in_one_sentence():
    model = everything("binary", members="linear")
    with pytest.raises(SettingsError, match="a name for C must be letters, digits and underscores"):
        c.files(model, "late flights")
    assert set(c.files(model)) == {"every_step_1.h", "every_step_1.c"}


def test_nothing_that_a_column_is_called_ends_a_comment_or_a_text():
    from assay.bundle.exports.c_text import literal, remark

    assert remark("a */ int x; /* ??/ \\ \n") == "a * / int x; / * ? ?/ / ?"
    assert literal('"\\??/é\n') == '"\\042\\134\\077\\077/\\303\\251\\012"'


@pytest.mark.slow
@pytest.mark.parametrize(("task", "family"), CASES)
def test_every_family_on_awkward_rows(task, family, tmp_path):
    model = Case(task, family).build()
    feed = awkward(model, 5000, seed=2)
    assert same(model, Compiled(model, tmp_path).predict(feed), feed) <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(("task", "layout"), [("binary", "code"), ("multiclass", "table"), ("regression", "code")])
def test_every_step_under_the_sanitizers(task, layout, tmp_path, monkeypatch):
    if layout == "table":
        monkeypatch.setattr(c_trees, "MOST_CODE", 0)
    model = everything(task, seed=5)
    source = write(model, tmp_path)
    said = checked(source, *STRICT, "-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    assert "golden rows" in said
    # awkward rows too: the library is loaded under the sanitizer's own runtime, in a process of its own
    runtime = subprocess.run(
        [COMPILER, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    code = (
        "import sys; sys.path.insert(0, '.')\n"
        "from pathlib import Path\n"
        "from tests.languages.compiled import Compiled\n"
        "from tests.languages.models import awkward, everything\n"
        "from tests.languages.test_c import same\n"
        "from assay.bundle.exports import c_trees\n"
        f"c_trees.MOST_CODE = {c_trees.MOST_CODE}\n"
        f"model = everything({task!r}, seed=5)\n"
        "feed = awkward(model, 1000, seed=6)\n"
        "flags = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']\n"
        f"made = Compiled(model, Path({str(tmp_path)!r}), *flags)\n"
        "assert same(model, made.predict(feed), feed) <= 1e-6\n"
    )
    quiet = os.environ | {"LD_PRELOAD": runtime, "ASAN_OPTIONS": "detect_leaks=0"}
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, env=quiet, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("flags", [("-O2",), ("-Os",), ("-O3", "-march=native")])
def test_no_warning_and_the_same_answers_however_it_is_optimised(flags, tmp_path):
    assert "golden rows" in checked(write(everything("multiclass"), tmp_path), *STRICT, *flags)


@pytest.mark.slow
@pytest.mark.parametrize("standard", ["c++11", "c++17", "c++20"])
def test_cpp_takes_the_same_file(standard, tmp_path):
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    source = write(everything("binary"), tmp_path)
    assert "golden rows" in checked(
        source, f"-std={standard}", "-x", "c++", "-Wall", "-Wextra", "-Werror", compiler=compiler
    )
