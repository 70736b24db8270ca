"""D16: each fault of a set of images is found, clean sets and MNIST are left alone, odd sets give a verdict."""

from dataclasses import replace

import numpy as np
import pytest

from assay.audit.opening import open_subject
from assay.challenges.data import image_faults as d16
from assay.testing import clean_subject, judge
from assay.testing.clean_images import clean_images, image_subject
from tests.challenges.real import FOLDER, stands


def found(pixels: np.ndarray, classes: np.ndarray) -> dict[str, object]:
    return {c.about.slice: c for c in stands(d16, image_subject(pixels, classes))}


def test_mnist_is_left_alone() -> None:
    path = FOLDER / "mnist_t10k_images_idx3.gz"
    if not path.is_file():
        pytest.skip("mnist is not here")
    subject = open_subject(str(path), target="class")
    assert subject.table.n_rows == 10_000
    assert len(subject.roles.classes) == 10
    assert judge(d16, subject).decision.verdict == "clear"
    subject = open_subject([str(path), str(path).replace("images_idx3", "labels_idx1")])
    assert subject.table.column("class").kind == "category"


def test_digits_of_another_set_are_left_alone() -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    assert not found((digits.images * 15).astype(np.uint8), digits.target)


def blur(pixels: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    flat = gaussian_filter(pixels.astype(float), (0, 3, 3))
    flat -= flat.mean((1, 2), keepdims=True)
    return np.clip(128 + 40 * flat / flat.std((1, 2), keepdims=True), 0, 255).astype(np.uint8)


CHANGES = {
    "blank": lambda p: np.full_like(p, 90),
    "dark": lambda p: (p * 0.1).astype(np.uint8),
    "glaring": lambda p: (230 + p * 0.1).astype(np.uint8),
    "blurred": blur,
}


@pytest.mark.parametrize("fault", CHANGES)
def test_what_images_look_like(fault: str) -> None:
    pixels, classes = clean_images(400, 1)
    pixels[:8] = CHANGES[fault](pixels[:8])
    claims = found(pixels, classes)
    rows = set(claims[fault].about.rows.positions.tolist())
    assert rows <= set(range(8))
    assert len(rows) >= (6 if fault == "blurred" else 8)  # two of the eight are made of waves so long that they stay


def test_a_fault_of_the_whole_set_is_its_way() -> None:
    pixels, classes = clean_images(300, 2)
    assert not found((pixels * 0.1).astype(np.uint8), classes)


def test_repeats_near_repeats_and_two_labels() -> None:
    pixels, classes = clean_images(400, 3)
    pixels[:6] = pixels[100:106]
    classes[:6] = classes[100:106]
    classes[0] = "stripes" if classes[100] == "waves" else "waves"
    rng = np.random.default_rng(0)
    pixels[10:14] = np.clip(pixels[200:204].astype(int) + rng.normal(0, 3, (4, 24, 24)), 0, 255).astype(np.uint8)
    claims = found(pixels, classes)
    assert claims["repeats"].evidence["count"] == 6
    assert claims["two labels"].evidence["count"] == 2
    assert claims["near repeats"].evidence["count"] == 4


def test_odd_sizes_modes_and_unreadable_files() -> None:
    subject = clean_subject(300, 0, ("images",))
    images = subject.evidence["images"]
    width, mode, why = images.width.copy(), list(images.mode), list(images.why)
    width[:5], mode[5:7], why[7] = 100, ["RGB", "RGB"], "no image"
    broken = replace(images, width=width, mode=tuple(mode), why=tuple(why), empty=("ghost",))
    claims = {c.about.slice: c for c in stands(d16, replace(subject, evidence={"images": broken}))}
    assert claims["odd size"].evidence["count"] == 5
    assert claims["odd mode"].evidence["count"] == 2
    assert claims["unreadable"].evidence["count"] == 1
    assert "1 of 3 classes have no image that can be read (ghost)" in claims["empty classes"].says


@pytest.mark.parametrize("n", [0, 1, 2])
def test_sets_of_hardly_any_image(n: int) -> None:
    pixels, classes = clean_images(max(n, 1), 0)
    made = judge(d16, image_subject(pixels[:n], classes[:n]))
    assert made.run.error is None


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 5), (3, 3), (16, 16), (40, 7)])
def test_sizes_and_equal_images(height: int, width: int) -> None:
    pixels = np.full((50, height, width), 7, np.uint8)
    made = judge(d16, image_subject(pixels, np.array(["a", "b"] * 25)))
    assert made.run.error is None
    assert made.decision.verdict == "found"
