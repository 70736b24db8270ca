"""A set of images without faults, made of waves: sharp, of one size, each unlike the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.audit.opening import settle
from assay.core.images import CLASS, FILE, Images
from assay.core.subject import Subject
from assay.tables import guess_roles, open_table
from assay.tables.image_measures import Measured, digests, measure

SIDE, CLASSES = 24, ("stripes", "waves")


def clean_images(n: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Pixels (n, 24, 24) and class names (n,): two crossing waves in random directions, and grain."""
    rng = np.random.default_rng([seed, 16])
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    kind = rng.integers(0, 2, n)
    out = np.empty((n, SIDE, SIDE), np.uint8)
    for at in range(0, n, 2_000):
        m = min(2_000, n - at)
        turn, wave, shift = (
            rng.uniform(0, np.pi, (2, m)),
            rng.uniform(1.5, 4, (2, m)),
            rng.uniform(0, 2 * np.pi, (2, m)),
        )
        field = np.zeros((m, SIDE, SIDE), np.float32)
        for a, k, s in zip(turn, wave, shift, strict=True):
            along = x * np.cos(a)[:, None, None] + y * np.sin(a)[:, None, None]
            field += np.sin(2 * np.pi * k[:, None, None] * along + s[:, None, None])
        hard = np.where(kind[at : at + m, None, None] == 0, np.sign(field), field)
        grain = rng.normal(0, 0.15, field.shape)
        out[at : at + m] = np.clip(128 + 55 * (hard + grain), 0, 255)
    return out, np.array(CLASSES)[kind]


def clean_image_subject(n: int, seed: int = 0) -> Subject:
    """A subject over ``clean_images``: columns file and class, and what was measured as evidence."""
    pixels, classes = clean_images(n, seed)
    return image_subject(pixels, classes, seed)


def image_subject(pixels: NDArray[Any], classes: NDArray[Any], seed: int = 0) -> Subject:
    """A subject over grey pixels (n, height, width) and their classes; the class is the target where it has two."""
    files = [f"image {i}" for i in range(len(pixels))]
    table = open_table({FILE: files, CLASS: [str(c) for c in classes]}, name=f"images-{seed}")
    word = {"id": FILE} | ({"target": CLASS} if len(set(classes.tolist())) > 1 else {})
    subject = settle(table, guess_roles(table, word), seed)
    n, height, width = pixels.shape
    made = measure(pixels)
    whole: dict[str, Any] = {f: getattr(made, f) for f in Measured.__slots__}
    found = Images(
        tuple(files), ("",) * n, np.full(n, width), np.full(n, height), ("L",) * n, digest=digests(pixels), **whole
    )
    return replace(subject, evidence={"images": found})
