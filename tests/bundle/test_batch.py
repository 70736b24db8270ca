"""Tables larger than memory: the same answers as at once, whatever the batches, the form and the interruptions."""

from __future__ import annotations

import gzip
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.bundle.batch import Scores, Source, Target, score
from assay.bundle.model import Model
from assay.cli.app import run
from assay.core.errors import InputError, OutputError, SettingsError
from assay.tables.spool import Spool, folder_for

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from registry_kills import bundle

N = 1_000


@pytest.fixture(scope="module")
def small() -> Model:
    return Model.load(bundle(0))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same rows in every form."""
    folder = tmp_path_factory.mktemp("rows")
    rng = np.random.default_rng(3)
    colours = [None if k % 17 == 0 else ("red", "blue", "grün", 'a "b", c')[k % 4] for k in range(N)]
    x = pa.array([None if k % 11 == 0 else float(v) for k, v in enumerate(rng.normal(size=N).round(3))])
    table = pa.table({"id": [f"r{k}" for k in range(N)], "x": x, "colour": colours, "note": ["n"] * N})
    pq.write_table(table, folder / "t.parquet")
    with pa.OSFile(str(folder / "t.arrow"), "wb") as out, pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table, 100)
    with duckdb.connect(str(folder / "t.duckdb")) as con:
        con.register("given", table)
        con.execute("CREATE TABLE rows AS SELECT * FROM given")
        con.execute(f"COPY rows TO '{folder / 't.csv'}' (FORMAT csv, HEADER)")
        con.execute(f"COPY rows TO '{folder / 't.jsonl'}' (FORMAT json)")
    (folder / "t.csv.gz").write_bytes(gzip.compress((folder / "t.csv").read_bytes()))
    lite = sqlite3.connect(folder / "t.sqlite")
    lite.execute("CREATE TABLE rows (id TEXT, x REAL, colour TEXT, note TEXT)")
    lite.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", zip(*(c.to_pylist() for c in table.columns), strict=True))
    lite.commit()
    lite.close()
    return folder


def read(path: Path) -> pa.Table:
    return pq.read_table(path)


@pytest.mark.parametrize("form", ["parquet", "arrow", "csv", "csv.gz", "jsonl", "sqlite", "duckdb"])
def test_every_form_in_gives_the_answers_of_the_whole(small: Model, rows: Path, tmp_path: Path, form: str) -> None:
    whole = small.score_table(rows / "t.parquet", coverage=0.9)
    out = tmp_path / "out.parquet"
    place, table = str(rows / f"t.{form}"), None
    if form in ("sqlite", "duckdb"):
        place, table = f"{form}:///{place}", "rows"
    done, _ = score(small, Source(place, table=table), Target(str(out)), Scores(coverage=0.9), size=77)
    assert done == N and read(out).equals(whole)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.parquet"]


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "csv", "tsv", "json", "jsonl"])
def test_the_bytes_do_not_depend_on_the_batches(small: Model, rows: Path, tmp_path: Path, suffix: str) -> None:
    made = set()
    for size in (1_000, 333, 64):
        out = tmp_path / f"out{size}.{suffix}"
        score(small, Source(str(rows / "t.parquet")), Target(str(out)), Scores(columns=("id",)), size=size)
        made.add(out.read_bytes())
    assert len(made) == 1
    if suffix == "csv":
        assert made.pop().split(b"\n")[1].startswith(b"r0,")


def test_reasons_and_intervals_too(small: Model, rows: Path, tmp_path: Path) -> None:
    some = read(rows / "t.parquet").slice(0, 60)
    pq.write_table(some, tmp_path / "some.parquet")
    out = tmp_path / "out.parquet"
    score(small, Source(str(tmp_path / "some.parquet")), Target(str(out)), Scores(reasons=2), size=7)
    assert read(out).equals(small.score_table(some, reasons=2))


def test_a_bad_cell_is_told_by_its_row_and_nothing_is_left(small: Model, rows: Path, tmp_path: Path) -> None:
    lines = (rows / "t.csv").read_text("utf-8").splitlines()
    lines[501] = "r500,soon,red,n"
    (tmp_path / "bad.csv").write_text("\n".join(lines), "utf-8")
    with pytest.raises(InputError, match="row 500 holds 'soon'"):
        score(small, Source(str(tmp_path / "bad.csv")), Target(str(tmp_path / "out.csv")), size=77)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.csv"]
    empty = read(rows / "t.parquet").slice(0, 0)
    pq.write_table(empty, tmp_path / "none.parquet")
    assert score(small, Source(str(tmp_path / "none.parquet")), Target(str(tmp_path / "none.csv")))[0] == 0
    assert (tmp_path / "none.csv").read_text().startswith("prediction,p_no,p_yes")


SLOW = """
import sys, time
from assay.bundle import batch
from assay.bundle.model import Model
made = batch._scored
def slow(*given):
    out = made(*given)
    print(given[3], flush=True)
    time.sleep(0.02)
    return out
batch._scored = slow
place, out, model, resume = sys.argv[1:]
batch.score(Model.load(model), batch.Source(place), batch.Target(out), resume=resume == "resume", size=50)
"""


def test_killed_and_taken_up_the_bytes_are_the_same(rows: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.assay"
    model.write_bytes(bundle(0))
    whole, out = tmp_path / "whole.csv", tmp_path / "out.csv"
    score(Model.load(model), Source(str(rows / "t.csv")), Target(str(whole)))
    code = [sys.executable, "-c", SLOW, str(rows / "t.csv"), str(out), str(model)]
    first = subprocess.Popen([*code, "no"], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    seen = [int(first.stdout.readline()) for _ in range(6)]
    time.sleep(0.01)
    first.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
    first.wait()
    first.stdout.close()
    assert seen == [0, 50, 100, 150, 200, 250] and not out.exists() and folder_for(out).is_dir()
    again = subprocess.run([*code, "resume"], capture_output=True, text=True)
    assert int(again.stdout.splitlines()[0]) >= 250, again.stderr
    assert out.read_bytes() == whole.read_bytes() and not folder_for(out).exists()


@pytest.mark.parametrize(
    "ctrl_c", [(KeyboardInterrupt,), (RuntimeError, "Query interrupted")], ids=["python", "duckdb"]
)
def test_resume_goes_on_at_the_last_whole_batch(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ctrl_c: tuple[Any, ...]
) -> None:
    from assay.bundle import batch

    model = Model.load(bundle(0))
    whole, out = tmp_path / "whole.csv", tmp_path / "out.csv"
    score(model, Source(str(rows / "t.csv")), Target(str(whole)))
    made, firsts = batch._scored, []

    def stops(*given):  # type: ignore[no-untyped-def]
        firsts.append(given[3])
        if len(firsts) == 5:
            raise ctrl_c[0](*ctrl_c[1:])
        return made(*given)

    monkeypatch.setattr(batch, "_scored", stops)
    with pytest.raises(KeyboardInterrupt):
        score(model, Source(str(rows / "t.csv")), Target(str(out)), size=50)
    assert not out.exists() and firsts == [0, 50, 100, 150, 200]
    with (folder_for(out) / "rows").open("ab") as torn:
        torn.write(b"half a batch")
    with pytest.raises(InputError, match="of another coverage"):
        score(model, Source(str(rows / "t.csv")), Target(str(out)), Scores(coverage=0.9), resume=True)
    with pytest.raises(InputError, match="of another model"):
        score(Model.load(bundle(1)), Source(str(rows / "t.csv")), Target(str(out)), resume=True)
    done, _ = score(model, Source(str(rows / "t.csv")), Target(str(out)), resume=True, size=70)
    assert done == N and firsts[5] == 200 and out.read_bytes() == whole.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.csv", "whole.csv"]


def test_who_stops_it_is_told_that_the_rows_are_kept(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from assay.bundle import batch

    (tmp_path / "m.assay").write_bytes(bundle(0))
    made = batch._scored

    def stops(*given):  # type: ignore[no-untyped-def]
        if given[3] >= limit:
            raise KeyboardInterrupt
        return made(*given)

    monkeypatch.setattr(batch, "_scored", stops)
    words = [
        "predict",
        str(tmp_path / "m.assay"),
        str(rows / "t.csv"),
        "-o",
        str(tmp_path / "o.csv"),
        "--batch-rows",
        "50",
    ]
    for limit, told in ((0, "stopped; nothing was written"), (100, "the same with --resume goes on")):  # noqa: B007
        assert run(words) == 2 and told in capsys.readouterr().err
    limit = N
    assert run([*words, "--resume"]) == 0


@pytest.mark.parametrize("place", ["t.csv", "*.csv", "../in/t.csv"])
def test_the_output_never_takes_the_place_of_what_is_read(rows: Path, tmp_path: Path, small: Model, place: str) -> None:
    (tmp_path / "in").mkdir()
    table = tmp_path / "in" / "t.csv"
    table.write_bytes((rows / "t.csv").read_bytes())
    with pytest.raises(OutputError, match="is the table itself"):
        score(small, Source(str(tmp_path / "in" / place)), Target(str(table)))
    assert table.read_bytes() == (rows / "t.csv").read_bytes() and len(list((tmp_path / "in").iterdir())) == 1


def test_one_output_has_one_writer(rows: Path, tmp_path: Path, small: Model) -> None:
    held = Spool(folder_for(tmp_path / "out.csv"), {})
    with pytest.raises(OutputError, match="another process writes this output now"):
        score(small, Source(str(rows / "t.csv")), Target(str(tmp_path / "out.csv")))
    held.remove()


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_into_a_database(small: Model, rows: Path, tmp_path: Path, kind: str) -> None:
    target = Target(f"{kind}:///{tmp_path / 'out.db'}", "scored")
    source, scores = Source(str(rows / "t.csv")), Scores(columns=("id",), number=True)
    score(small, source, target, scores, size=300)
    with pytest.raises(InputError, match="is there already"):
        score(small, source, target, scores)
    score(small, source, Target(target.place, "scored", append=True), scores)
    with pytest.raises(InputError, match="--append needs the table other"):
        score(small, source, Target(target.place, "other", append=True), scores)
    asked = "SELECT count(*), count(DISTINCT id), max(row), sum(p_yes) FROM scored"
    if kind == "sqlite":
        con = sqlite3.connect(tmp_path / "out.db")
        got = con.execute(asked).fetchone()
        con.close()
    else:
        with duckdb.connect(str(tmp_path / "out.db"), read_only=True) as engine:
            got = engine.execute(asked).fetchone()
    total = 2 * small.predict_proba(rows / "t.parquet")[:, 1].sum()
    assert got[:3] == (2 * N, N, N - 1) and got[3] == pytest.approx(total)


def test_from_the_command_line(rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "m.assay"
    model.write_bytes(bundle(0))
    out = tmp_path / "out.csv"
    address, text = f"sqlite:///{rows / 't.sqlite'}", str(rows / "t.csv")
    said = [
        "predict",
        str(model),
        address,
        "--query",
        "SELECT id, x, colour FROM rows ORDER BY id DESC",
        "--with",
        "id",
    ]
    assert run([*said, "-o", str(out), "--batch-rows", "99"]) == 0
    assert out.read_text("utf-8").splitlines()[1].startswith("r999,") and "1,000 rows" in capsys.readouterr().err
    for words, why in (
        ([address], "either --query 'SELECT ...' or --from TABLE"), ([address, "--query", "SELEC 1"], "failed"),
        ([text, "--into", "x"], "for databases"), ([text, "--from", "x"], "for databases"),
        ([text, "--resume"], "--resume needs -o"), ([text, "--with", "idd"], "did you mean"),
        ([text, "-o", str(tmp_path / "o.xml")], "must end in"),
        ([text, "-o", f"duckdb:///{tmp_path / 'd.db'}"], "--into TABLE"),
        ([f"duckdb:///{tmp_path / 'none.db'}", "--from", "x"], "there is no file"),
    ):  # fmt: skip
        assert run(["predict", str(model), *words]) == 2
        assert why in " ".join(capsys.readouterr().err.split())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.assay", "out.csv"]


def test_settings_that_make_no_sense(small: Model, rows: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="standard input cannot be read again"):
        score(small, Source("-"), Target(str(tmp_path / "o.csv")), resume=True)
    pq.write_table(read(rows / "t.parquet").append_column("p_no", pa.array([0] * N)), tmp_path / "t.parquet")
    with pytest.raises(SettingsError, match="'p_no' of their own"):
        score(small, Source(str(tmp_path / "t.parquet")), Target(str(tmp_path / "o.csv")), Scores(columns=("p_no",)))


def test_dates_that_are_read_at_once_are_those_that_are_read_one_by_one() -> None:
    from assay.bundle.feed import _date, _plain_dates

    good = ["2020-01-05", "2020-02-29 10:00:00", "1969-12-31T23:59:59", "0001-01-01", None, "9999-12-31 23:59:59"]
    got = _plain_dates(pa.array(good))
    assert got is not None
    assert [None if np.isnan(v) else v for v in got] == [None if t is None else _date(t, "iso") for t in good]
    for odd in (
        "2020-02-30",
        "2020/01/05",
        "2020-1-1 10:00:00",
        "2020-01-01 10:00:60",
        "0000-01-01",
        "2020-01-01T10+01",
    ):
        assert _plain_dates(pa.array(["2020-01-05", odd])) is None


def odd_text(folder: Path) -> Path:
    """Columns in which landing and reading as it lies could differ."""
    path = folder / "odd.csv"
    lines = ["x,colour,whole,mixed,flag,zeros"]
    for k in range(300):
        x = ("1.5", " 2 ", "NA", "", "-3e2", "+4", "inf", " nan ")[k % 8]
        mixed = "1.0" if k < 299 else "red"
        lines.append(f"{x},{('red', 'blue')[k % 2]},{k % 3}.0,{mixed},{('TRUE', 'false', '')[k % 3]},00{k % 5}")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_text_as_it_lies_says_what_a_landed_copy_says(small: Model, tmp_path: Path) -> None:
    from assay.tables import open_table
    from assay.tables.direct import open_direct

    path = odd_text(tmp_path)
    typed = ["colour", "whole", "mixed", "flag", "zeros"]
    direct = open_direct(str(path), ["x", *typed], ["x"], ["colour"])
    assert direct is not None and direct.n_rows == 300
    landed = open_table(path, cache=False).arrow()
    made = pa.concat_tables(list(direct.read(typed, 64)))
    assert made.equals(landed.select(typed))
    out = tmp_path / "out.parquet"
    score(small, Source(str(path)), Target(str(out)), size=64)
    assert read(out).equals(small.score_table(path))
    assert open_direct("-", [], [], []) is None


def test_lines_that_do_not_fit_are_told(small: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,colour\n" + "1,red\n" * 20 + "2\n" + "3,blue\n" * 20, "utf-8")
    rows, notes = score(small, Source(str(path)), Target(str(tmp_path / "o.csv")), size=7)
    assert rows == 40 and notes == (
        "t.csv: 1 of 41 lines left out, their fields do not fit the columns (first: line 22)",
    )
    path.write_text("x,colour\n" + "1,red\n" * 3 + "2\n" * 9, "utf-8")
    with pytest.raises(InputError, match="same number of fields"):
        score(small, Source(str(path)), Target(str(tmp_path / "o.csv")))


def test_several_files_are_one_table_in_the_order_of_their_names(small: Model, rows: Path, tmp_path: Path) -> None:
    lines = (rows / "t.csv").read_text("utf-8").splitlines()
    for k, part in enumerate((lines[1:400], lines[400:401], lines[401:])):
        (tmp_path / f"part{k}.csv").write_text("\n".join([lines[0], *part]) + "\n", "utf-8")
    out = tmp_path / "out.parquet"
    score(small, Source(str(tmp_path / "part*.csv")), Target(str(out)), Scores(columns=("id",)), size=99)
    assert read(out)["id"].to_pylist() == [f"r{k}" for k in range(N)]
    assert read(out).drop_columns(["id"]).equals(small.score_table(rows / "t.parquet"))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_killed_at_random_points_until_it_is_done(rows: Path, tmp_path: Path) -> None:
    """Landing, scoring, keeping, writing: wherever it is killed, the next try goes on, and the bytes are the same."""
    rng = np.random.default_rng(0)
    model = tmp_path / "m.assay"
    model.write_bytes(bundle(0))
    for suffix in ("csv", "parquet"):
        whole, out = tmp_path / f"whole.{suffix}", tmp_path / f"out.{suffix}"
        score(Model.load(model), Source(str(rows / "t.csv")), Target(str(whole)))
        code = [sys.executable, "-c", SLOW, str(rows / "t.csv"), str(out), str(model), "resume"]
        kills = 0
        while not out.exists():
            run_ = subprocess.Popen(code, stdout=subprocess.PIPE)
            assert run_.stdout is not None
            run_.stdout.readline()  # past the imports: the first batch is scored
            time.sleep(float(rng.random() * 0.12))
            run_.kill()
            run_.wait()
            run_.stdout.close()
            kills += 1
        assert kills > 3 and out.read_bytes() == whole.read_bytes()
