"""A set of images as a source: a folder with one sub-folder for each class, idx files, or an .npz archive.

Each file is opened once, its size is known from its header before a pixel is decoded, and what is kept of it are a few
numbers. Decoding is Pillow's, with the formats of ordinary image sets and no others.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import InputError, MissingExtra
from assay.core.images import CLASS, FILE, Images

from . import image_arrays
from .duck_table import DuckTable
from .image_measures import Measured, digests, measure, to_grey
from .looks import card_of
from .memory import table_from_arrow

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")  # others (EPS) run programs of their own
ENDINGS = {".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm"}
MOST_PIXELS = 100_000_000  # of one image; more are refused unread (decompression bombs)
MOST_BYTES = 500_000_000  # of one file
LONG = 256  # the longer side of what is measured
Progress = Callable[[str, float], None]


def is_images(source: Any) -> bool:
    """Whether a source is a set of images: a folder, an .npz archive, or idx files."""
    paths = source if isinstance(source, (list, tuple)) else [source]
    if not paths or not all(isinstance(p, (str, os.PathLike)) for p in paths):
        return False
    first = Path(os.fspath(paths[0]))
    if (first.is_dir() and card_of(first) is None) or first.suffix.lower() == ".npz":
        return first.exists()
    return first.is_file() and image_arrays.idx_shape(first) is not None


def open_images(source: Any, *, name: str | None = None, progress: Progress | None = None) -> tuple[DuckTable, Images]:
    """The table of a set of images (columns file and class, where there are classes) and what was measured.

    Raises:
        InputError: no images there, or none that can be read; one sentence.
        MissingExtra: a folder without Pillow.
    """
    paths = [Path(os.fspath(p)) for p in (source if isinstance(source, (list, tuple)) else [source])]
    label = name or paths[0].resolve().name
    if paths[0].is_dir():
        found, classes, notes = from_folder(paths[0], progress)
    else:
        found, classes, notes = from_arrays(paths)
    import pyarrow as pa

    columns: dict[str, Any] = {FILE: pa.array(found.file, pa.string())}
    if any(classes):
        columns[CLASS] = pa.array([c or None for c in classes], pa.string())
    return table_from_arrow(pa.table(columns), name=label, notes=notes, ids=[FILE]), found


def from_arrays(paths: list[Path]) -> tuple[Images, list[str], list[str]]:
    """Images of an .npz archive, or of an idx file with its labels: named too, or beside it."""
    parts: list[tuple[str, Iterable[Any], Any]] = []
    notes: list[str] = []
    if paths[0].suffix.lower() == ".npz":
        parts = [(key, [pixels], labels) for key, pixels, labels in image_arrays.read_npz(paths[0])]
    else:
        shapes = {p: image_arrays.idx_shape(p) for p in paths}
        sets = [p for p in paths if (s := shapes[p]) is not None and len(s[1]) in (3, 4)]
        named = [p for p in paths if (s := shapes[p]) is not None and len(s[1]) == 1]
        if len(sets) != 1:
            raise InputError(f"one idx file of images is expected (three or four dimensions); got {len(sets)}")
        beside = named[0] if named else image_arrays.labels_beside(sets[0])
        if beside is not None and not named:
            notes.append(f"labels are read from {beside.name}")
        labels = None if beside is None else np.concatenate([*image_arrays.read_idx(beside)] or [np.zeros(0)])
        parts = [("image", image_arrays.read_idx(sets[0]), labels)]
    files: list[str] = []
    measured: list[Measured] = []
    digest: list[Any] = []
    sizes: list[tuple[int, int, int]] = []
    mode: list[str] = []
    for key, blocks, labels in parts:
        count = 0
        for pixels in blocks:
            channels = pixels.shape[3] if pixels.ndim == 4 else 1
            sizes.append((len(pixels), pixels.shape[2], pixels.shape[1]))
            mode += [{1: "L", 3: "RGB", 4: "RGBA"}.get(channels, str(channels))] * len(pixels)
            measured.append(measure(to_grey(pixels)))
            digest.append(digests(pixels))
            files += [f"{key} {count + i}" for i in range(len(pixels))]
            count += len(pixels)
        if labels is not None and len(labels) != count:
            raise InputError(
                f"images and labels must be as many; there are {count:,} images and {len(labels):,} labels"
            )
    if not files:
        raise InputError(f"{paths[0].name} holds no image")
    known = [labels for _, _, labels in parts if labels is not None]
    classes = image_arrays.as_classes(known) if len(known) == len(parts) else [""] * len(files)
    number = np.concatenate([np.full(n, w, np.int64) for n, w, _ in sizes])
    tall = np.concatenate([np.full(n, h, np.int64) for n, _, h in sizes])
    whole: dict[str, Any] = {f: np.concatenate([getattr(m, f) for m in measured]) for f in Measured.__slots__}
    images = Images(
        tuple(files), ("",) * len(files), number, tall, tuple(mode), digest=np.concatenate(digest), **whole
    )  # fmt: skip
    return images, classes, notes


def from_folder(folder: Path, progress: Progress | None) -> tuple[Images, list[str], list[str]]:
    """Every image file under a folder; the class is the name of the folder that holds it."""
    found, others, empty = listed(folder)
    if not found:
        raise InputError(
            f"{folder} is a folder without images (of png, jpg, gif, bmp, tiff, webp); name a file, a pattern such as "
            f"{folder}/*.parquet, or a folder with one sub-folder of images for each class"
        )
    pillow()
    rows = []
    for i, path in enumerate(found):
        if progress and i % 64 == 0:
            progress("reading images", 0.5 * i / len(found))
        rows.append(one(path))
    if not any(why == "" for why, *_ in rows):
        raise InputError(f"none of the {len(found):,} images in {folder} can be read; the first: {rows[0][0]}")
    why, width, height, mode, digest, parts = (list(v) for v in zip(*rows, strict=True))
    whole: dict[str, Any] = {f: np.concatenate([getattr(m, f) for m in parts]) for f in Measured.__slots__}
    files = tuple(p.relative_to(folder).as_posix() for p in found)
    classes = [p.parent.name if p.parent != folder else "" for p in found]
    images = Images(
        files, tuple(why), np.array(width, np.int64), np.array(height, np.int64), tuple(mode),
        digest=np.array(digest, np.uint64), empty=empty, **whole,
    )  # fmt: skip
    notes = [f"files that are no images by their names, left out: {others:,}"] if others else []
    return images, classes, notes


def listed(folder: Path) -> tuple[list[Path], int, tuple[str, ...]]:
    """Image files by name, how many other files there are, and sub-folders without an image."""
    found: list[Path] = []
    others = 0
    empty: set[str] = set()
    full: set[str] = set()
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        own = [n for n in names if not n.startswith(".") and n != "Thumbs.db"]
        images = [n for n in own if Path(n).suffix.lower() in ENDINGS]
        others += len(own) - len(images)
        found += [Path(place) / n for n in images]
        if Path(place) != folder and not folders:
            (full if images else empty).add(Path(place).name)
    return sorted(found), others, tuple(sorted(empty - full))


def pillow() -> Any:
    """Pillow's Image module.

    Raises:
        MissingExtra: it is not installed; the command is named.
    """
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtra("pillow", "images", "a folder of images") from None
    return Image


def one(path: Path) -> tuple[str, int, int, str, int, Measured]:
    """Why it cannot be read (or ""), width, height, mode, digest of the bytes, and measurements of one file."""
    nothing = measure(np.zeros((1, 0, 0), np.uint8))
    width, height, mode, digest = 0, 0, "", 0
    try:
        size = path.stat().st_size
        if not 0 < size <= MOST_BYTES:
            return f"a file of {size:,} bytes", 0, 0, "", 0, nothing
        with path.open("rb") as source:
            digest = int.from_bytes(hashlib.file_digest(source, _blake).digest(), "big")
            source.seek(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which is not what is measured
                with pillow().open(source, formats=FORMATS) as image:
                    width, height, mode = image.width, image.height, image.mode
                    if width * height > MOST_PIXELS:
                        return f"{width:,} x {height:,} pixels", width, height, mode, digest, nothing
                    image.draft("L", (2 * LONG, 2 * LONG))
                    grey = np.asarray(shrunk(image), np.uint8)
    except MissingExtra:
        raise
    except MemoryError:
        return "too large for the memory", width, height, mode, digest, nothing
    except Exception as error:  # a damaged file makes a decoder raise anything
        why = "no image" if type(error).__name__ == "UnidentifiedImageError" else str(error).split("\n")[0][:80]
        return why or type(error).__name__, width, height, mode, digest, nothing
    return "", width, height, mode, digest, measure(grey[None])


def shrunk(image: Any) -> Any:
    """Grey, at most LONG pixels on the longer side, averaged over boxes so that noise is not taken for sharpness."""
    if image.mode.startswith("I") or image.mode == "F":
        return to_grey(np.asarray(image, np.float32)[None])[0][:: _step(image.height), :: _step(image.width)]
    grey = image.convert("L")
    long = max(grey.size)
    if long > LONG:
        grey = grey.resize([max(1, round(v * LONG / long)) for v in grey.size], resample=4)  # 4 is BOX
    return grey


def _step(size: int) -> int:
    return max(1, size // LONG)


def _blake() -> Any:
    return hashlib.blake2b(digest_size=8)
