"""The audit log: a chain that breaks where it is touched."""

from __future__ import annotations

import json

import pytest

from assay.cli.app import run
from assay.core.errors import InputError, OutputError
from assay.serve.audit_log import AuditLog, Broken, holds, in_order, verify


def fill(folder, n=5, **more):
    log = AuditLog(folder, **more)
    for k in range(n):
        log.put(1.8e9 + k, f"r{k}", "web", "/predict", 200, 1, "ab" * 32, "cd" * 32)
    log.close()
    return in_order(folder)[0]


def test_what_is_in_a_line(tmp_path):
    (path,) = fill(tmp_path, 2)
    first, second = map(json.loads, path.read_text().splitlines())
    assert first == {"n": 1, "at": "2027-01-15T08:00:00.000Z", "id": "r0", "caller": "web", "route": "/predict",
                     "status": 200, "rows": 1, "model": "ab" * 32, "body": "cd" * 32, "prev": "0" * 64}  # fmt: skip
    assert second["n"] == 2 and second["prev"] != first["prev"] and (path.stat().st_mode & 0o777) == 0o600


def test_a_chain_goes_on_over_starts(tmp_path):
    fill(tmp_path)
    found = verify(fill(tmp_path))
    assert (found.lines, found.first, found.last) == (10, 1, 10)


def test_a_disk_that_takes_nothing_is_told_at_the_start(tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        with pytest.raises(OutputError, match="choose another with --audit"):
            AuditLog(tmp_path / "audit")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def spoil_byte(lines):
    return [lines[0], lines[1].replace(b'"rows":1', b'"rows":2'), *lines[2:]]


@pytest.mark.parametrize(
    "spoil",
    [spoil_byte, lambda x: [x[0], *x[2:]], lambda x: [x[0], x[0], *x[1:]], lambda x: [x[1], x[0], *x[2:]],
     lambda x: [*x[:2], b"{}\n", *x[2:]], lambda x: [*x[:-1], x[-1][:-5]], lambda x: [*x[:1], b"\n", *x[1:]],
     lambda x: [x[0].replace(b"0" * 64, b"1" * 64), *x[1:]]],
)  # fmt: skip
def test_what_is_touched_is_seen(tmp_path, spoil):
    (path,) = fill(tmp_path)
    path.write_bytes(b"".join(spoil(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(Broken, match="line"):
        verify([path])


def test_what_is_cut_off_at_the_end_is_seen_by_the_last_hash(tmp_path):
    (path,) = fill(tmp_path)
    head = verify([path]).head
    assert holds([path], head)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert verify([path]).lines == 4 and not holds([path], head)


def test_a_line_that_a_kill_cut_off_is_taken_out_and_told(tmp_path):
    (path,) = fill(tmp_path, 3)
    with path.open("ab") as file:
        file.write(b'{"n":4,"at":"20')
    (path,) = fill(tmp_path, 1)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert verify([path]).lines == 5 and lines[3]["event"] == "recovered" and lines[3]["bytes_cut_off"] == 15


def test_large_files_are_put_aside_and_the_chain_goes_on(tmp_path):
    for _ in range(3):
        files = fill(tmp_path, 300, max_mb=0.05)
    assert len(files) > 3
    assert verify(files).lines == 900
    with pytest.raises(Broken):
        verify(files[::-1])
    files[-1].unlink()  # the newest is gone: the next goes on after the one before
    assert verify(fill(tmp_path, 5, max_mb=0.05)).lines > 5


def test_every_worker_has_its_own(tmp_path):
    logs = [AuditLog(tmp_path) for _ in range(2)]
    for log in logs:
        log.put(1.0, "r", "web", "/predict", 200, 1, "", "")
        log.close()
    assert [len(files) for files in in_order(tmp_path)] == [1, 1]


def test_a_full_disk_keeps_the_lines_for_later(tmp_path, monkeypatch):
    said: list[str] = []
    log = AuditLog(tmp_path, warn=said.append)
    write = log._write
    tries = []

    def failing():
        tries.append(1)
        if len(tries) < 3:
            raise OSError(28, "No space left on device")
        write()

    monkeypatch.setattr(log, "_write", failing)
    log.put(1.0, "r", "web", "/predict", 200, 1, "", "")
    for _ in range(200):
        if len(said) == 2:
            break
        log._thread.join(0.05)
    log.close()
    assert "cannot be written" in said[0] and "written again" in said[1] and verify(in_order(tmp_path)[0]).lines == 1


def test_more_than_can_wait_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("assay.serve.audit_log.MOST_WAITING", 3)
    monkeypatch.setattr("assay.serve.audit_log.EVERY", 60.0)
    log = AuditLog(tmp_path)
    for _ in range(10):
        log.put(1.0, "r", "web", "/predict", 200, 1, "", "")
    log.close()
    assert verify(in_order(tmp_path)[0]).missing == 7


def test_places_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="--audit"):
        AuditLog(tmp_path / "file")
    (tmp_path / "0.jsonl").write_text("hello\n")
    with pytest.raises(InputError, match="move it away"):
        AuditLog(tmp_path)
    with pytest.raises(InputError, match="no audit log"):
        in_order(tmp_path / "none")


def test_the_command(tmp_path, capsys):
    (path,) = fill(tmp_path)
    assert run(["keys", "audit", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "5 lines are whole" in said
    head = said.rpartition("head ")[2].strip()
    assert run(["keys", "audit", str(path), "--head", head, "--output-format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["logs"][0]["head"] == head
    assert run(["keys", "audit", str(path), "--head", "ab" * 32]) == 1
    path.write_bytes(path.read_bytes().replace(b'"r1"', b'"r7"'))
    assert run(["keys", "audit", str(path)]) == 1
    assert "line 3" in capsys.readouterr().err
    assert run(["keys", "audit", str(tmp_path / "none")]) == 2
