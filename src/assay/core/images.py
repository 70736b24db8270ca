"""What is measured of a set of images, one row an image: what challenges read of pictures that they never open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .table import F64, I64, U64

FILE, CLASS = "file", "class"  # the columns of the table of a set of images
SIDE = 16  # a thumbnail is SIDE x SIDE grey levels


@dataclass(frozen=True, slots=True)
class Images:
    """Arrays (n,), NaN or 0 where an image cannot be read; ``why`` then says why, and is empty for all others.

    ``file`` are the values of the table's column of that name: rows are joined by it. ``brightness`` and ``contrast``
    are mean and standard deviation of the grey levels (0 to 255), ``low`` and ``high`` their .5 % and 99.5 % points.
    ``sharpness`` is the variance of the Laplacian as a share of the variance. ``digest`` is equal for equal bytes
    (files) or pixels (arrays); ``thumb`` (n, 256) holds uint8 grey levels of 16 x 16. ``empty`` are classes without
    any file.
    """

    file: tuple[str, ...]
    why: tuple[str, ...]
    width: I64
    height: I64
    mode: tuple[str, ...]
    brightness: F64
    contrast: F64
    low: F64
    high: F64
    sharpness: F64
    digest: U64
    thumb: NDArray[np.uint8]
    empty: tuple[str, ...] = ()
