"""Grey pixels to numbers: brightness, contrast, sharpness, a thumbnail and a digest, for many images at a time.

Sharpness: variance of the Laplacian (Pech-Pacheco et al., ICPR 2000), here over the variance of the image itself, so
that a dark or faint image is not taken for a blurred one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.images import SIDE
from assay.core.table import F64, U64

from .rowid import mix

U8 = NDArray[np.uint8]
TAIL = 0.005  # share of pixels beyond the low and the high grey level
PIXELS = 4_000_000  # measured at a time
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@dataclass(frozen=True, slots=True)
class Measured:
    """Arrays (n,), as ``core.images.Images`` has them."""

    brightness: F64
    contrast: F64
    low: F64
    high: F64
    sharpness: F64
    thumb: U8


def measure(grey: U8) -> Measured:
    """Measure images (n, height, width) of grey levels, a few million pixels at a time."""
    n, height, width = grey.shape
    size = max(1, PIXELS // max(1, height * width))
    parts = [_measure(grey[at : at + size]) for at in range(0, n, size)] or [_measure(grey)]
    return Measured(*(np.concatenate([getattr(p, f) for p in parts]) for f in Measured.__slots__))


def _measure(grey: U8) -> Measured:
    n, height, width = grey.shape
    flat = grey.reshape(n, height * width)
    if n == 0 or flat.shape[1] == 0:
        none = np.full(n, np.nan)
        return Measured(none, none, none, none, none, np.zeros((n, SIDE * SIDE), np.uint8))
    k = int(TAIL * flat.shape[1])
    ends = np.partition(flat, (k, flat.shape[1] - 1 - k), axis=1)
    real = grey.astype(np.float32)
    mean = real.mean((1, 2), dtype=np.float64)
    spread = real.std((1, 2), dtype=np.float64)
    thumb = _weights(height) @ real @ _weights(width).T
    sharp = np.full(n, np.nan)
    if height >= 3 and width >= 3:
        wide = grey.astype(np.int16)
        edge = wide[:, :-2, 1:-1] + wide[:, 2:, 1:-1] + wide[:, 1:-1, :-2] + wide[:, 1:-1, 2:] - 4 * wide[:, 1:-1, 1:-1]
        power = edge.reshape(n, edge.shape[1] * edge.shape[2]).astype(np.float32).var(axis=1, dtype=np.float64)
        sharp = np.divide(power, spread**2, out=np.full(n, np.nan), where=spread > 0)
    return Measured(
        mean, spread, ends[:, k].astype(np.float64), ends[:, -1 - k].astype(np.float64), sharp,
        np.clip(np.round(thumb), 0, 255).astype(np.uint8).reshape(n, -1),
    )  # fmt: skip


@cache
def _weights(size: int) -> NDArray[np.float32]:
    """(SIDE, size): how much of each old pixel lies in each new one."""
    edges = np.linspace(0, size, SIDE + 1)
    left, right = edges[:-1, None], edges[1:, None]
    own = np.arange(size)[None, :]
    overlap = np.clip(np.minimum(right, own + 1) - np.maximum(left, own), 0, None)
    return np.asarray(overlap / overlap.sum(1, keepdims=True), np.float32)


def to_grey(pixels: NDArray[Any]) -> U8:
    """(n, height, width) or (n, height, width, channels) of any number type, as grey levels 0 to 255."""
    if pixels.ndim == 4:
        pixels = pixels[..., 0] if pixels.shape[-1] < 3 else pixels[..., :3].astype(np.float32) @ GREY
    if pixels.dtype == np.uint8:
        return pixels
    real = np.nan_to_num(pixels.astype(np.float32), posinf=0, neginf=0)
    lo, hi = (float(real.min()), float(real.max())) if real.size else (0.0, 0.0)
    if lo >= 0 and hi <= 1:
        real = real * 255
    elif lo < 0 or hi > 255:
        real = (real - lo) * (255 / (hi - lo))
    return np.asarray(np.clip(np.round(real), 0, 255), np.uint8)


def digests(pixels: NDArray[Any]) -> U64:
    """(n,) equal for equal pixels: every eight bytes mixed with their place, and summed."""
    n = len(pixels)
    if n == 0:
        return np.zeros(0, np.uint64)
    flat = np.ascontiguousarray(pixels).reshape(n, -1).view(np.uint8).reshape(n, -1)
    gap = -flat.shape[1] % 8
    words = np.ascontiguousarray(np.pad(flat, ((0, 0), (0, gap)))).view(np.uint64)
    with np.errstate(over="ignore"):
        place = np.arange(1, words.shape[1] + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        return np.asarray(mix(words ^ mix(place)[None, :]).sum(1, dtype=np.uint64))
