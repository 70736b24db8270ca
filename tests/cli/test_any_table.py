"""Any bytes that call themselves a table: a verdict or one clear sentence, never a traceback, never exit 3."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.cli.app import run

CELL = st.one_of(
    st.just(""),
    st.sampled_from(
        ["NA", "?", "-999", "nan", "inf", "-inf", "1e400", "9" * 30, "0x1F", "12:30", "2024-02-30", "TRUE", "1,5"]
    ),
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=True).map(str),
    st.dates().map(str),
    st.text(string.printable, max_size=8),
    st.text(max_size=5),
)
NAME = st.one_of(st.sampled_from(["a", "a", "A", "y", "", "select", 'qu"ote', "naïve", "列"]), st.text(max_size=6))


@st.composite
def csv(draw: st.DrawFn) -> bytes:
    """A table with any cells, any names (also twice), sometimes ragged, in any of three encodings."""
    import csv as writer
    import io

    width = draw(st.integers(1, 4))
    out = io.StringIO()
    put = writer.writer(out, delimiter=draw(st.sampled_from([",", ";", "\t"])))
    put.writerow([draw(NAME) for _ in range(width)])
    column = [draw(st.lists(CELL, min_size=1, max_size=4)) for _ in range(width)]
    for i in range(draw(st.sampled_from([0, 1, 3, 60]))):
        put.writerow([c[i % len(c)] for c in column][: width - (i == 2 and draw(st.booleans()))])
    return out.getvalue().encode(draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"])), errors="replace")


FEW = settings(
    max_examples=25, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


@FEW
@given(data=st.one_of(csv(), st.binary(max_size=200)), target=st.sampled_from([None, "y", "a"]))
def test_any_csv(data: bytes, target: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(data)
    capsys.readouterr()
    code = run(["check", str(path), "--no-cache", "-q", *(["--target", target] if target else [])])
    told = capsys.readouterr()
    assert code in (0, 1, 2), told.err
    assert (told.err == "") if code < 2 else (told.err.startswith("error: ") and told.err.count("\n") == 1)
    assert "Traceback" not in told.err + told.out


@pytest.mark.slow
@settings(FEW, max_examples=300)
@given(data=st.one_of(csv(), st.binary(max_size=400)), target=st.sampled_from([None, "y", "a"]))
def test_any_csv_at_length(data: bytes, target: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    test_any_csv.hypothesis.inner_test(data, target, tmp_path, capsys)  # type: ignore[attr-defined]


def test_each_file_is_a_table_of_its_own_for_hooks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in (("a.csv", "1"), ("b.csv", "")):
        lines = [f"{i % 7},{value}" for i in range(60)]
        (tmp_path / name).write_text("x,y\n" + "\n".join(lines) + "\n", "utf-8")
    files = [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]
    assert run(["check", "--each", "-q", "--select", "D09", "--fail-on", "advice", *files]) == 1
    out = capsys.readouterr().out
    assert out.index("a.csv  60 x 2") < out.index("b.csv  60 x 2")
    assert run(["check", "--each", "-q", "-o", str(tmp_path / "r.json"), *files]) == 2
