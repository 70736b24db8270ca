"""Keys: shown once, kept as digests, ended by dates and by revoking, read again when the file changes."""

from __future__ import annotations

import json
import os
import stat
import time

import pytest

from assay.core.errors import InputError, OutputError, SettingsError
from assay.serve import key_file
from assay.serve.key_file import KeyRing, read, revoke, write
from assay.serve.keys import SCOPES, make, moment, temporary


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.json"


def again(ring: KeyRing) -> None:
    ring._file.looked = -10.0


def test_the_file_never_holds_the_key(path):
    token, key = make("web", ("predict", "label"), budget=10)
    write(path, (key,))
    text = path.read_text()
    assert token not in text and token[15:] not in text and key.sha256 in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read(path) == (key,)


def test_keys_have_256_random_bits():
    tokens = [make("a")[0] for _ in range(200)]
    assert len(set(tokens)) == 200 and all(len(t.split("_", 2)[2]) == 43 for t in tokens)


def test_a_key_is_found_and_nothing_like_it(path):
    token, key = make("web")
    write(path, (key,))
    ring = KeyRing(path)
    assert ring.find(token) == key
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    for wrong in (changed, token[:-1], token + "A", token.upper(), "", "assay_", key.id, key.sha256, token[6:],
                  f"assay_{key.id}_", "x" * 10_000, "assay_\udcff"):  # fmt: skip
        assert ring.find(wrong) is None, wrong


def test_a_certificate_is_no_key_and_a_key_is_no_certificate(path):
    _, key = make("web")
    ring = KeyRing(None, (key,))
    assert ring.of_certificate(key.sha256) is None


def test_revoking_counts_without_a_restart(path):
    token, key = make("web")
    write(path, (key,))
    ring = KeyRing(path)
    assert ring.find(token).ended(time.time()) is None
    left, ended = revoke(read(path), "web", time.time())
    write(path, left)
    again(ring)
    assert ring.find(token).ended(time.time()) == "revoked" and ended.id == key.id


def test_a_new_key_counts_without_a_restart(path):
    write(path, ())
    ring = KeyRing(path)
    token, key = make("late")
    write(path, (key,))
    again(ring)
    assert ring.find(token) == key


def test_a_missing_file_lets_nobody_in_and_a_broken_one_changes_nothing(path):
    said: list[str] = []
    token, key = make("web")
    write(path, (key,))
    ring = KeyRing(path, warn=said.append)
    path.write_text("{")
    again(ring)
    assert ring.find(token) == key and "still count" in said[0]
    path.unlink()
    again(ring)
    assert ring.find(token) is None and "is gone" in said[1]


def test_expiry():
    _, key = make("web", expires="2030-01-01")
    assert key.ended(moment("2029-12-31T23:59:59Z")) is None
    assert key.ended(moment("2030-01-01T00:00:00Z")) == "expired"


@pytest.mark.parametrize(
    "asked",
    [{"name": ""}, {"name": "a\nb"}, {"name": "a" * 81}, {"name": "a", "scopes": ("predikt",)},
     {"name": "a", "scopes": ()}, {"name": "a", "budget": 0}, {"name": "a", "rate": -1.0},
     {"name": "a", "rate": float("nan")},
     {"name": "a", "expires": "soon"}],
)  # fmt: skip
def test_what_a_key_cannot_be(asked):
    with pytest.raises(SettingsError):
        make(**asked)


@pytest.mark.parametrize(
    "change",
    [{"format": "x"}, {"keys": [{"id": "abc"}]}, {"keys": "all"}, {"keys": [{"extra": 1}]}, {}],
)
def test_a_file_of_another_form_is_refused(path, change):
    path.write_text(json.dumps({"format": key_file.FORMAT, "keys": [{}]} | change))
    path.chmod(0o600)
    with pytest.raises(InputError, match="keys file"):
        read(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("scopes", ["root"]), ("sha256", "abc"), ("sha256", "zz" * 32), ("budget", -5), ("budget", True), ("rate", 0),
     ("expires", "never"), ("certificate", "no"), ("id", "x"), ("name", 7)],
)  # fmt: skip
def test_a_field_of_another_form_is_refused(path, field, value):
    _, key = make("web")
    write(path, (key,))
    doc = json.loads(path.read_text())
    doc["keys"][0][field] = value
    path.write_text(json.dumps(doc))
    with pytest.raises(InputError):
        read(path)


def test_two_keys_of_one_id_are_refused(path):
    _, key = make("web")
    write(path, (key, key))
    with pytest.raises(InputError):
        read(path)


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX")
def test_a_file_that_others_may_write_is_refused(path):
    write(path, (make("web")[1],))
    path.chmod(0o666)
    with pytest.raises(InputError, match="chmod 600"):
        KeyRing(path)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OutputError):
        write(tmp_path / "none" / "keys.json", ())
    with pytest.raises(InputError, match="assay keys new"):
        KeyRing(tmp_path / "none.json")


def test_a_disk_that_takes_nothing_leaves_the_old_keys(path):
    resource = pytest.importorskip("resource")
    write(path, (make("web")[1],))
    before, (soft, hard) = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        with pytest.raises(OutputError, match="choose another place with --keys"):
            write(path, (make("web")[1], make("app")[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before and len(list(path.parent.iterdir())) == 1


def test_revoking_needs_one_key(path):
    keys = (make("web")[1], make("web")[1])
    with pytest.raises(SettingsError, match="by its id"):
        revoke(keys, "web", 0.0)
    with pytest.raises(SettingsError, match="no key"):
        revoke(keys, "wed", 0.0)
    left, ended = revoke(keys, keys[1].id, 1.0)
    assert ended.revoked and left[0].revoked is None
    with pytest.raises(SettingsError, match="already"):
        revoke((ended,), "web", 1.0)


def test_the_one_time_token_travels_as_its_digest():
    token, key = temporary()
    assert KeyRing(None, (key,)).find(token) == key
    assert token not in repr(key) and set(key.scopes) <= set(SCOPES) and "admin" not in key.scopes
