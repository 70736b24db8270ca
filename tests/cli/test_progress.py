"""Progress: nothing where nobody looks or where it is quick, one line with the time left where it is slow."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = """
import sys, time
import assay.cli.progress as room
room.PATIENCE = {patience}
with room.Progress({quiet}) as progress:
    for i in range(6):
        progress("racing lightgbm", i / 6)
        time.sleep(0.1)
print("done")
"""


@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals there")
@pytest.mark.parametrize(("patience", "quiet", "seen"), [(0.1, False, True), (5.0, False, False), (0.1, True, False)])
def test_on_a_terminal(patience: float, quiet: bool, seen: bool) -> None:
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", CODE.format(patience=patience, quiet=quiet)], stdout=subprocess.PIPE, stderr=theirs
    )
    out, _ = process.communicate(timeout=60)
    os.close(theirs)
    drawn = b""
    try:
        while chunk := os.read(ours, 65536):
            drawn += chunk
    except OSError:
        pass  # the other end is closed: that is how a pseudo-terminal says that all was read
    os.close(ours)
    assert out == b"done\n"
    assert (b"racing lightgbm" in drawn and b"left" in drawn) if seen else drawn == b""


def test_into_a_file_nothing_is_drawn() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(patience=0.0, quiet=False)], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
