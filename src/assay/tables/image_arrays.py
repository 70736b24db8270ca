"""Images that come as arrays: idx files (as MNIST is kept) and .npz archives. Needs nothing but numpy."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import InputError

MOST_BYTES = 8 * 2**30  # an archive that unpacks to more is refused before it is unpacked
PIXELS = 16_000_000  # read at a time
IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
CHANNELS = (1, 3, 4)


def opened(path: Path) -> IO[bytes]:
    with path.open("rb") as start:
        packed = start.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]


def idx_shape(path: Path) -> tuple[str, tuple[int, ...]] | None:
    """Type and shape in the header of an idx file; None where it is none."""
    try:
        with opened(path) as source:
            head = source.read(4)
            if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in IDX_TYPES or not 1 <= head[3] <= 4:
                return None
            sizes = source.read(4 * head[3])
    except (OSError, EOFError, zlib.error):
        return None
    if len(sizes) < 4 * head[3]:
        return None
    return IDX_TYPES[head[2]], tuple(int(v) for v in np.frombuffer(sizes, ">u4"))


def read_idx(path: Path) -> Iterator[NDArray[Any]]:
    """The array of an idx file, some rows at a time, so that its size does not matter.

    Raises:
        InputError: the file ends before its header says so.
    """
    found = idx_shape(path)
    if found is None:
        raise InputError(f"{path.name} must be an idx file, as MNIST is kept; its first bytes are not of one")
    kind, shape = found
    each = int(np.prod(shape[1:], dtype=np.int64)) * np.dtype(kind).itemsize
    if each > MOST_BYTES // 8:
        raise InputError(f"{path.name} says that one image has {each:,} bytes; that is no image")
    step = max(1, PIXELS // max(1, each))
    try:
        with opened(path) as source:
            source.read(4 + 4 * len(shape))
            for at in range(0, shape[0], step):
                rows = min(step, shape[0] - at)
                data = source.read(rows * each)
                if len(data) < rows * each:
                    raise InputError(f"{path.name} must hold {shape[0]:,} items; it ends before that")
                yield np.frombuffer(data, kind).reshape(rows, *shape[1:])
    except (EOFError, OSError, zlib.error):
        raise InputError(f"{path.name} must be a whole idx file; it is cut short or damaged") from None


def labels_beside(path: Path) -> Path | None:
    """The labels that MNIST's naming puts beside a file of images: images -> labels, idx3 -> idx1."""
    name = path.name.replace("images", "labels").replace("idx3", "idx1")
    beside = path.with_name(name)
    return beside if name != path.name and beside.is_file() and idx_shape(beside) is not None else None


def read_npz(path: Path) -> list[tuple[str, NDArray[Any], NDArray[Any] | None]]:
    """(name, images, labels) of an archive; images are arrays (n, height, width) or with 1, 3 or 4 channels at the end.

    Labels are arrays of the same length, of the name that goes with the images (x_train, y_train) or the only ones.

    Raises:
        InputError: no archive, no images in it, too large, or with objects inside (which are never unpickled).
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(item.file_size for item in archive.infolist())
        if size > MOST_BYTES:
            raise InputError(f"{path.name} unpacks to {size / 2**30:,.1f} GiB; at most {MOST_BYTES / 2**30:g} are read")
        with np.load(path, allow_pickle=False) as held:
            arrays = {name: held[name] for name in sorted(held.files)}
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, zlib.error) as error:
        why = "it holds Python objects, which are not read" if "pickle" in str(error) else "it is damaged"
        raise InputError(f"{path.name} must be a whole .npz archive of plain arrays, but {why}") from None
    images = {name: pixels for name, array in arrays.items() if (pixels := as_images(array)) is not None}
    if not images:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in list(arrays.items())[:4]) or "nothing"
        raise InputError(f"{path.name} must hold images as arrays of n x height x width; it holds {shapes}")
    return [(name, pixels, _labels(name, len(pixels), arrays, len(images))) for name, pixels in images.items()]


def as_images(array: NDArray[Any]) -> NDArray[Any] | None:
    if array.dtype.kind not in "uif" or array.ndim not in (3, 4) or min(array.shape[1:3]) < 3:
        return None
    if array.ndim == 4 and array.shape[-1] not in CHANNELS:
        return np.moveaxis(array, 1, -1) if array.shape[1] in CHANNELS else None
    return array


def _labels(name: str, n: int, arrays: dict[str, NDArray[Any]], sets: int) -> NDArray[Any] | None:
    flat = {k: v.reshape(-1) for k, v in arrays.items() if v.size == n and v.ndim <= 2 and v.dtype.kind in "uifUSb"}
    tail = name.partition("_")[2]
    named = [k for k in flat if k.partition("_")[2] == tail] if tail else []
    alone = list(flat) if sets == 1 else []
    chosen = next(iter([*named, *alone]), None)
    return None if chosen is None else flat[chosen]


def as_classes(labels: Sequence[NDArray[Any]]) -> list[str]:
    """Labels as text, whole numbers without a point."""
    from assay.core.words import text_of

    values = np.concatenate(labels)
    names, codes = np.unique(values, return_inverse=True)
    words = [text_of(v.item()) or "" for v in names]
    return [words[c] for c in codes.ravel()]
