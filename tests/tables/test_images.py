"""Sets of images as a source: folders, idx files and archives; what is broken is one clear sentence."""

from __future__ import annotations

import gzip
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from assay.cli.app import run
from assay.core.errors import InputError, MissingExtra
from assay.tables.image_measures import digests, measure, to_grey
from assay.tables.images import is_images, open_images
from assay.testing.clean_images import clean_images

Captured = pytest.CaptureFixture[str]


def folder(place: Path, n: int = 40) -> Path:
    image = pytest.importorskip("PIL.Image")
    pixels, classes = clean_images(n, 0)
    for i, (grey, name) in enumerate(zip(pixels, classes, strict=True)):
        (place / name).mkdir(parents=True, exist_ok=True)
        image.fromarray(grey).save(place / name / f"{i:03}.png")
    return place


def idx(array: np.ndarray) -> bytes:
    return (
        bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()
    )


def test_a_folder_has_a_row_a_file_and_a_class_a_folder(tmp_path: Path) -> None:
    place = folder(tmp_path / "set")
    table, images = open_images(place)
    assert [c.name for c in table.columns] == ["file", "class"]
    assert table.n_rows == len(images.file) == 40
    assert set(images.why) == {""}
    assert (images.width == 24).all() and set(images.mode) == {"L"}
    pixels, classes = clean_images(40, 0)
    own = measure(pixels)
    order = np.argsort([f"{c}/{i:03}.png" for i, c in enumerate(classes)])
    assert np.allclose(images.brightness, own.brightness[order])
    assert np.array_equal(images.thumb, own.thumb[order])


def test_broken_files_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    place = folder(tmp_path / "set", 10)
    good = next((place / "waves").glob("*.png")).read_bytes()
    (place / "waves" / "cut.png").write_bytes(good[: len(good) // 2])
    (place / "waves" / "empty.jpg").write_bytes(b"")
    (place / "waves" / "text.gif").write_bytes(b"hello")
    (place / "waves" / "eps.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    (place / "waves" / "notes.txt").write_text("x")
    (place / "ghost").mkdir()
    image.new("1", (20_000, 10_000)).save(place / "waves" / "bomb.png")
    table, images = open_images(place)
    why = dict(zip(images.file, images.why, strict=True))
    assert {k for k, v in why.items() if v} == {
        f"waves/{n}" for n in ("cut.png", "empty.jpg", "text.gif", "eps.png", "bomb.png")
    }
    assert "pixels" in why["waves/bomb.png"]
    assert images.empty == ("ghost",)
    assert any("left out: 1" in note for note in table.notes)


def test_idx_with_labels_beside_or_named(tmp_path: Path) -> None:
    pixels, classes = clean_images(30, 0)
    codes = (classes == "waves").astype(np.uint8)
    first = tmp_path / "t-images-idx3-ubyte.gz"
    first.write_bytes(gzip.compress(idx(pixels)))
    (tmp_path / "t-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(codes)))
    table, images = open_images(first)
    assert table.arrow()["class"].to_pylist() == [str(c) for c in codes]
    other = tmp_path / "other"
    other.write_bytes(idx(codes))
    table, images = open_images([first, other])
    assert table.arrow()["class"].to_pylist() == [str(c) for c in codes]
    assert np.array_equal(images.digest, digests(pixels))
    other.write_bytes(idx(codes[:20]))
    with pytest.raises(InputError, match="30 images and 20 labels"):
        open_images([first, other])


def test_npz_with_colours_and_parts(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {f"x_{p}": rng.integers(0, 256, (n, 8, 8, 3)).astype(np.uint8) for p, n in (("train", 20), ("test", 10))}
    arrays |= {f"y_{p}": rng.integers(0, 3, (n, 1)) for p, n in (("train", 20), ("test", 10))}
    np.savez(tmp_path / "c.npz", **arrays)
    table, images = open_images(tmp_path / "c.npz")
    assert table.n_rows == 30
    assert set(images.mode) == {"RGB"}
    assert table.arrow()["file"].to_pylist()[0] == "x_test 0"


def test_grey_of_floats_and_channels() -> None:
    assert to_grey(np.array([[[0.0, 1.0]]])).tolist() == [[[0, 255]]]
    assert to_grey(np.array([[[0, 300]]], np.int32)).tolist() == [[[0, 255]]]
    red = np.zeros((1, 1, 1, 3), np.uint8)
    red[..., 0] = 255
    assert to_grey(red).tolist() == [[[76]]]
    assert to_grey(np.array([[[np.nan, np.inf]]])).tolist() == [[[0, 0]]]


def test_digests_tell_single_pixels_and_places_apart() -> None:
    pixels = np.zeros((130, 8, 8), np.uint8)
    for i in range(64):
        pixels[i].flat[i] = 1
        pixels[64 + i].flat[i] = 2
    assert len(np.unique(digests(pixels))) == 129


BAD = {
    "no images": lambda p: (p / "bad" / "a").mkdir(parents=True) or (p / "bad" / "a" / "x.txt").write_text("x"),
    "not one readable": lambda p: (p / "bad" / "a").mkdir(parents=True) or (p / "bad" / "a" / "x.png").write_text("x"),
    "objects": lambda p: np.savez(p / "bad.npz", a=np.array([{1: 2}], dtype=object)),
    "no images inside": lambda p: np.savez(p / "bad.npz", a=np.arange(5)),
    "no archive": lambda p: (p / "bad.npz").write_bytes(b"PK\x03\x04 nothing"),
    "idx cut short": lambda p: (p / "bad.idx").write_bytes(idx(np.zeros((9, 5, 5)))[:-1]),
    "labels alone": lambda p: (p / "bad.idx").write_bytes(idx(np.zeros(9))),
    "idx of giants": lambda p: (p / "bad.idx").write_bytes(b"\0\0\x08\x03" + struct.pack(">3I", 2, 2**31, 2**31)),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_one_sentence(case: str, tmp_path: Path, capsys: Captured, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    BAD[case](tmp_path)
    (name,) = [p.name for p in tmp_path.iterdir()]
    assert run(["check", name, "--quiet"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1 and "Traceback" not in err


def test_without_pillow_the_command_is_named(tmp_path: Path, monkeypatch) -> None:
    place = folder(tmp_path / "set", 4)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra, match=r"pip install 'assay\[images\]'"):
        open_images(place)


def test_check_reads_a_folder_and_fit_says_why_not(tmp_path: Path, capsys: Captured, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "set")
    assert run(["check", "set", "--target", "class", "--quiet"]) == 0
    assert "40 x 2" in capsys.readouterr().out
    assert run(["fit", "set", "--target", "class", "-o", "m.assay", "--quiet"]) == 2
    assert "columns to learn from" in capsys.readouterr().err


def test_tables_are_no_images(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    assert not is_images(str(tmp_path / "t.csv"))
    assert not is_images({"a": [1]})
    assert not is_images("-")
    assert not is_images(str(tmp_path / "none.npz"))
