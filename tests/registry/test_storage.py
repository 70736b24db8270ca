"""What the storage holds against: changes of the history, damage, several writers, places that cannot be used."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

import assay
from assay.core.errors import AssayError, BundleError, InputError, OutputError
from assay.registry import Registry, open_registry

from .conftest import fresh


def filled(place: Path | str, files: list[bytes]) -> Registry:
    made = open_registry(place)
    for data in files[:2]:
        made.add(data, "late", by="ann")
    made.promote("late", "champion", "0.1.0")
    return made


@pytest.mark.parametrize(
    "change",
    ["UPDATE {e} SET who = 'eve' WHERE seq = 2", "DELETE FROM {e} WHERE seq = 3",
     "INSERT INTO {e} SELECT seq + 7, at, kind, name, version, digest, alias, who, why, more, previous || 'x', hash || "
     "'x' FROM {e} WHERE seq = 3"],
    ids=["update", "delete", "insert"],
)  # fmt: skip
def test_the_storage_itself_refuses_to_change_history(place: str, files: list[bytes], change: str) -> None:
    with filled(place, files) as registry:
        if place.startswith("postgresql"):
            import psycopg

            with psycopg.connect(place) as con, pytest.raises(psycopg.Error, match="events can only be added"):
                con.execute(change.format(e="assay_events"))
        else:
            con = sqlite3.connect(Path(place) / "registry.sqlite")
            with pytest.raises(sqlite3.DatabaseError, match="events can only be added"):
                con.execute(change.format(e="events"))
            con.close()
        assert registry.check().problems == ()


def test_check_sees_what_was_changed_past_the_guards(tmp_path: Path, files: list[bytes]) -> None:
    with filled(tmp_path / "r", files) as registry:
        head = registry.check().head
        digest = registry.resolve("late@0.1.1")
        path = tmp_path / "r" / "blobs" / "sha256" / digest[:2] / digest
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + b"?")
        assert "late 0.1.1" in registry.check().problems[0]
        with pytest.raises(BundleError, match="changed or damaged"):
            registry.read(digest)
        registry.add(files[1], "late")
        assert registry.check().problems == (), "adding it again heals the file"
        path.unlink()
        assert "is missing" in registry.check().problems[0]
        registry.add(files[1], "late")
    con = sqlite3.connect(tmp_path / "r" / "registry.sqlite", isolation_level=None)
    con.execute("DROP TRIGGER events_stay")
    con.execute("DROP TRIGGER events_are_kept")
    con.execute("DELETE FROM events WHERE seq = 3")
    with open_registry(tmp_path / "r") as registry:
        assert registry.check().problems == () and "its end was cut off" in registry.check(head).problems[0]
    con.execute("UPDATE events SET who = 'eve' WHERE seq = 1")
    con.close()
    with open_registry(tmp_path / "r") as registry:
        assert "changed at event 1" in registry.check().problems[0]


def test_writers_at_once_lose_nothing(place: str, files: list[bytes]) -> None:
    def work(k: int) -> None:
        try:
            with open_registry(place) as own:
                for n in range(8):
                    own.add(files[k], "late", f"{k}.{n}.0")
                    own.promote("late", f"alias{k}", f"{k}.{n}.0")
        except BaseException as error:  # a thread's error would be lost
            failed.append(error)

    failed: list[BaseException] = []
    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with open_registry(place) as registry:
        assert registry.changed() == 48 and registry.check().problems == ()
        assert [a.version for a in registry.live()] == ["0.7.0", "1.7.0", "2.7.0"]


def test_removal_beside_a_writer_that_adds_the_same_file(place: str, files: list[bytes]) -> None:
    """The file is stored, then removed by gc as nobody's, then recorded: it must be there in the end."""
    with open_registry(place) as registry, open_registry(place) as other:
        put, done = registry.store.put, []

        def slow(digest: str, data: bytes) -> None:
            put(digest, data)
            if not done:
                done.append(other.gc(everything=True).files)

        registry.store.put = slow  # type: ignore[method-assign]
        added = registry.add(files[0], "late")
        assert [d for d, *_ in done[0]] == [added.digest]
        assert registry.read(added.digest) == files[0] and registry.check().problems == ()


def test_a_registry_moves_with_its_history(tmp_path: Path, place: str, files: list[bytes]) -> None:
    with filled(tmp_path / "old", files) as old, open_registry(place) as new:
        assert old.copy_to(new) == (3, 2)
        assert new.check(old.check().head).problems == () and new.history() == old.history()
        assert new.read(new.resolve("late@champion")) == files[0]
        new.promote("late", "champion", "0.1.1")
        with pytest.raises(InputError, match="is not empty"):
            old.copy_to(new)


def test_a_folder_that_cannot_be_written_can_be_read(tmp_path: Path, files: list[bytes]) -> None:
    """As a server mounts it; run by the user nobody, since root may write anywhere."""
    if os.name == "nt" or os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root, to become somebody who may not write")
    folder = Path(tempfile.mkdtemp(prefix="registry"))
    try:
        filled(folder / "r", files).close()
        folder.chmod(0o755)
        code = (
            "import sys; sys.path[:0] = sys.argv[2].split(':')\n"
            "import assay.registry as r\n"
            "from assay.core.errors import AssayError\n"
            "book = r.open_registry(sys.argv[1])\n"
            "print(book.resolve('late@champion')[:6], book.changed(), book.check().problems)\n"
            "try: book.promote('late', 'champion', '0.1.1')\n"
            "except AssayError as error: print('refused:', error)"
        )
        who = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-B", "-c", code]
        source = str(Path(assay.__file__).parents[1])
        done = subprocess.run([*who, str(folder / "r"), f"{source}:{numpy_home()}"], capture_output=True, text=True)
        if "Permission denied" in done.stderr and not done.stdout:
            pytest.skip("the interpreter is not readable by others here")
        assert done.stdout.startswith(f"{hashlib.sha256(files[0]).hexdigest()[:6]} 3 ()"), done.stderr
        assert "refused: the registry in" in done.stdout and "cannot be written" in done.stdout
    finally:
        shutil.rmtree(folder)


def numpy_home() -> str:
    import numpy

    return str(Path(numpy.__file__).parents[1])


def test_places_that_cannot_be_used_are_told_in_a_sentence(tmp_path: Path, files: list[bytes]) -> None:
    with pytest.raises(InputError, match="there is no registry in"):
        open_registry(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="no registry could be made"):
        open_registry(tmp_path / "file")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "registry.sqlite").write_bytes(b"not a database, by far" * 50)
    with pytest.raises(InputError, match="damaged"):
        open_registry(tmp_path / "odd")
    with filled(tmp_path / "newer", files):
        pass
    con = sqlite3.connect(tmp_path / "newer" / "registry.sqlite")
    con.execute("PRAGMA user_version = 2")
    con.close()
    with pytest.raises(InputError, match="of format 2"):
        open_registry(tmp_path / "newer")
    with pytest.raises(InputError, match="mysql"):
        open_registry("mysql://me:secret@host/db")


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, files: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with filled(tmp_path / "r", files) as registry:

        def full(handle: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(OutputError, match="No space left on device"):
                registry.add(files[2], "late")
        assert {d for d, _ in registry.store.stored()} == {hashlib.sha256(f).hexdigest() for f in files[:2]}
        assert list((tmp_path / "r" / "blobs").rglob(".*")) == [] and registry.changed() == 3


def test_a_fork_gets_a_connection_of_its_own(tmp_path: Path, files: list[bytes]) -> None:
    registry = filled(tmp_path / "r", files)
    first = registry.store.con  # type: ignore[attr-defined]
    registry.store.pid = -1  # type: ignore[attr-defined]  # as a forked process sees it
    assert registry.changed() == 3 and registry.store.con is not first  # type: ignore[attr-defined]
    first.close()
    registry.close()


def test_no_password_in_any_message(postgres: str, files: list[bytes]) -> None:
    from assay.core.addresses import hidden, shown

    place = fresh(postgres).replace("assay@", "assay:s3cr%40t@")
    with open_registry(place) as registry:
        registry.add(files[0], "late")
        assert "s3cr" not in registry.place and "options" not in registry.place
    for address in (
        "postgresql://me:s3cr%40t@127.0.0.1:1/db?connect_timeout=2", "postgresql://me:s3cr@t@127.0.0.1:x1/db",
        "postgresql://127.0.0.1:1/db?user=me&password=s3cr%40t&connect_timeout=2", "postgresql://me:s3cr%4@h/db?x=s3cr",
    ):  # fmt: skip
        with pytest.raises(AssayError) as error:
            open_registry(address)
        assert "s3cr" not in str(error.value) and "registry" in str(error.value)
        assert error.value.__cause__ is None and error.value.__suppress_context__
    url = "postgresql://me:s3cr%40t@h:5/db"
    assert shown(url) == "postgresql://me@h:5/db"
    assert hidden(f"failed: {url}: s3cr@t is wrong", url) == "failed: postgresql://me@h:5/db: *** is wrong"


def test_the_folder_needs_nothing_but_numpy(tmp_path: Path, files: list[bytes]) -> None:
    filled(tmp_path / "r", files).close()
    code = (
        "import sys, assay.registry as r\n"
        f"with r.open_registry({str(tmp_path / 'r')!r}) as book: print(len(book.read(book.resolve('late@champion'))))\n"
        "print([m for m in ('duckdb', 'pyarrow', 'onnx', 'onnxruntime', 'scipy', 'sklearn', 'psycopg') if m in "
        "sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split("\n")[:2] == [str(len(files[0])), "[]"]
