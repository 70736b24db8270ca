"""Data in other people's tests: the function, the fixture, and a session of pytest that uses it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from assay.testing import assert_clean, clean_table


def test_silent_on_clean_rows_and_clear_on_a_leak():
    rows = clean_table(1500)
    assert_clean(rows, target="outcome", select=("D", "K"))
    leak = pa.array(np.where(np.array(rows["outcome"].to_pylist()) == "yes", "won", "lost"))
    with pytest.raises(AssertionError, match="CRITICAL K01 target-copy"):
        assert_clean(rows.append_column("result", leak), target="outcome", select=("K01",))
    assert_clean(rows.append_column("result", leak), target="outcome", select=("K01",), ignore=("K01",))


def test_the_fixture_is_there_wherever_assay_is_installed(tmp_path: Path):
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i % 7},1\n" for i in range(60)), "utf-8")
    (tmp_path / "test_data.py").write_text(
        "def test_fine(assert_clean):\n    assert_clean('t.csv', select=('D09',))\n"
        "def test_not(assert_clean):\n    assert_clean('t.csv', select=('D09',), level='advice')\n",
        "utf-8",
    )
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    made = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert "1 failed, 1 passed" in made.stdout, made.stdout
    assert "AssertionError: t.csv is not clean: 1 found at advice or worse" in made.stdout
