"""Images that cannot be read, show nothing, are unlike the rest, or are there more than once.

What it is
    A set of images with files that no decoder opens, blank, dark, glaring or blurred pictures, pictures of another
    size or kind than all others, the same picture twice - perhaps under two labels - and classes without a picture.

Why it matters
    An unreadable file stops a training run, or is skipped in silence. A blank picture has a label and no content.
    The same picture on both sides of a split inflates the score, and under two labels one of them is wrong.

How it is measured
    Every file is opened once. Counted exactly: *unreadable* files (damaged, empty, no image by their bytes, or above
    100 million pixels), *odd sizes* and *odd modes* (where nine in ten images share one size or mode, those that do
    not), *repeats* (equal bytes of a file, equal pixels of an array, beyond the first), the *same image under two
    labels*, and *empty classes* (a sub-folder without a readable image).
    As *looks like*, each where it is no habit of the whole set (under half of the images):
    - *blank*: grey levels spread by less than 2 of 255, the noise of a camera;
    - *dark* and *glaring*: the lightest half percent of pixels below 40, the darkest half percent above 215: five
      sixths of the range unused. A black background with a white stroke is neither;
    - *blurred*: the variance of the Laplacian, as a share of the variance, ten times below the middle of the set and
      four robust standard deviations below it, on the scale of logarithms;
    - *near repeats*: thumbnails of 16 x 16 that correlate at .998 or more, among pictures that are not equal. A
      picture that was resized or saved again keeps .999; two different digits of one writer reach .995.

Example
    >>> import tempfile, pathlib, numpy as np, assay
    >>> from assay.testing.clean_images import clean_images
    >>> pixels, names = clean_images(300)
    >>> pixels[:6] = pixels[6:12]
    >>> place = pathlib.Path(tempfile.mkdtemp()) / "set.npz"
    >>> np.savez(place, images=pixels, labels=names)
    >>> assay.check(str(place), target="class")["D16"].verdict
    'found'

Remedy
    Unsafe: leave the images out that cannot be read or show nothing, and all but one of equal ones.

Known false alarms
    Night pictures and blank controls that belong to the question; a set of icons, which are alike by nature. Crops,
    mirror images and rotations of one picture are not found.

Sources
    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR (2000), for the Laplacian; Zauner,
    "Implementation and benchmarking of perceptual image hash functions" (2010); Barz and Denzler, "Do we train on test
    data? Purging CIFAR of near-duplicates", Journal of Imaging 6 (2020).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Basis, Claim, Effect, Impact, ImpactKind
from assay.core.errors import InputError
from assay.core.finding import Finding
from assay.core.images import CLASS, FILE, SIDE, Images
from assay.core.remedy import Remedy
from assay.core.rows import Rows
from assay.core.subject import Planted, Subject
from assay.core.table import F64, I64, Mask
from assay.core.words import listed, percent

CHALLENGE = Challenge(
    code="D16",
    name="image-faults",
    title="images that cannot be read, show nothing, or are there twice",
    stage="data",
    needs=("images",),
    category="costs",
    scope="marginal",
    promise=Dose(0.03, 500, "one image in a hundred is blank, one a copy, one unreadable"),
    materiality=(
        Threshold("broken", 0.0, "share of images", "one is enough: an unreadable file stops a training run"),
        Threshold("images", 0.002, "share of images", "two in a thousand can move a score by its last digit"),
    ),
    proof="honesty",
    safety="unsafe",
)
USUAL, HABIT = 0.9, 0.5  # share of images that makes a size usual; above which a fault is the way of the whole set
FLAT, DARK, GLARING = 2.0, 40.0, 215.0  # grey levels of 255
BLUR, DEVIATIONS = 10.0, 4.0
ALIKE = 0.998  # correlation of thumbnails
FAINT = 8.0  # grey levels: of images with less contrast the thumbnail is noise
NEIGHBOURS, WAVES, CHUNK = 4, 4, 2_000


def measure(subject: Subject, options: Options) -> Iterator[Claim]:
    images: Images = subject.evidence["images"]
    order, names = joined(subject, images)
    n = len(order)
    if n == 0:
        return
    read = (np.array(images.why, dtype=np.str_) == "")[order]
    many, broken = options["images"], options["broken"]
    seen = int(read.sum())
    yield claim("unreadable", ~read, n, broken, "exact", "cannot be read", "voids", whys(images, order, read))
    yield empty_classes(images, order, names, read, broken)
    sizes, which = np.unique(np.stack([images.width, images.height], 1), axis=0, return_inverse=True)
    yield odd("size", [f"{w} x {h}" for w, h in sizes], which.ravel()[order], read, many)
    modes, which = np.unique(np.array(images.mode, dtype=np.str_), return_inverse=True)
    yield odd("mode", [str(m) for m in modes], which.ravel()[order], read, many)
    for fault, mask, what in looks(images, order, read):
        habit = int(mask.sum()) > HABIT * max(1, seen)
        yield claim(fault, mask & (not habit), n, many, "heuristic", what)
    yield from repeats(images, order, names, read, many)


def joined(subject: Subject, images: Images) -> tuple[I64, I64]:
    """For each row of the table, in source order: its image, and its class as a number (-1: none)."""
    table: Any = subject.table
    place = {name: i for i, name in enumerate(images.file)}
    arrow = subject.table.arrow()
    order = np.array([place.get(v, -1) for v in arrow[FILE].to_pylist()], np.int64)
    classes = table.codes(CLASS)[0].astype(np.int64) if CLASS in arrow.column_names else np.full(len(order), -1)
    known = order >= 0
    return order[known], classes[known]


def claim(
    fault: str, mask: Mask, n: int, m: float, basis: Basis, what: str, kind: ImpactKind = "costs",
    evidence: dict[str, Any] | None = None, rows: Mask | None = None,
) -> Claim:  # fmt: skip
    count = int(mask.sum())
    where = np.flatnonzero(mask if rows is None else rows)
    return Claim(
        About((FILE,), Rows.at(where), slice=fault),
        Effect(count / n, "share of images", m),
        basis,
        f"{count:,} of {n:,} images ({percent(count / n)}) {what}",
        n,
        impact=Impact(kind, why_unmeasured="needs a model of the pictures"),
        evidence={"fault": fault, "count": count} | (evidence or {}),
    )


def whys(images: Images, order: I64, read: Mask) -> dict[str, Any]:
    found: dict[str, int] = {}
    for i in order[~read][:10_000]:
        found[images.why[i]] = found.get(images.why[i], 0) + 1
    return {"why": dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))[:5])}


def empty_classes(images: Images, order: I64, names: I64, read: Mask, m: float) -> Claim:
    there = np.unique(names[names >= 0])
    blind = [int(c) for c in there if not read[names == c].any()]
    n = len(there) + len(images.empty)
    none = f" ({listed(images.empty)})" if images.empty else ""
    count = len(images.empty) + len(blind)
    return Claim(
        About((CLASS,), slice="empty classes"),
        Effect(count / max(1, n), "share of classes", m),
        "exact",
        f"{count:,} of {n:,} classes have no image that can be read{none}",
        len(order),
        impact=Impact("costs", why_unmeasured="nothing can be learned of a class without images"),
        evidence={"fault": "empty classes", "count": count},
    )


def odd(what: str, kinds: list[str], codes: I64, read: Mask, m: float) -> Claim:
    own = np.bincount(codes[read], minlength=len(kinds))
    usual = int(own.argmax())
    others = read & (codes != usual) if own[usual] >= USUAL * max(1, int(read.sum())) else np.zeros(len(read), bool)
    says = f"are of another {what} than the usual {kinds[usual]}"
    shown = {kinds[k]: int(own[k]) for k in np.argsort(-own, kind="stable")[:5]}
    return claim(f"odd {what}", others, len(codes), m, "exact", says, evidence={"counts": shown})


def looks(images: Images, order: I64, read: Mask) -> Iterator[tuple[str, Mask, str]]:
    spread, low, high = images.contrast[order], images.low[order], images.high[order]
    blank = read & (spread < FLAT)
    yield "blank", blank, "look blank: one grey level and noise"
    yield "dark", read & ~blank & (high < DARK), "look dark: five sixths of the range of light is unused"
    yield "glaring", read & ~blank & (low > GLARING), "look glaring: five sixths of the range of light is unused"
    sharp = images.sharpness[order]
    fine = read & ~blank & np.isfinite(sharp) & (sharp > 0)
    blurred = np.zeros(len(order), bool)
    if fine.sum() >= 30:
        value = np.log(np.where(fine, sharp, 1.0))
        middle = float(np.median(value[fine]))
        scale = (middle - float(np.quantile(value[fine], 0.1))) / 1.2816
        blurred = fine & (value < middle - np.log(BLUR)) & (value < middle - DEVIATIONS * scale)
    yield "blurred", blurred, f"look blurred: ten times less sharp than the middle of the {int(read.sum()):,} read"


def repeats(images: Images, order: I64, names: I64, read: Mask, m: float) -> Iterator[Claim]:
    n = len(order)
    _, code, size = np.unique(
        np.where(read, images.digest[order], np.uint64(0)), return_inverse=True, return_counts=True
    )
    code = code.ravel()
    again = read & (size[code] > 1)
    first = np.zeros(n, bool)
    first[np.unique(np.where(again, code, -1), return_index=True)[1]] = True
    extra = again & ~first
    kind: ImpactKind = "inflates" if extra.mean() >= 0.01 else "costs"
    yield claim(
        "repeats",
        extra,
        n,
        m,
        "exact",
        "repeat another image",
        kind,
        {"groups": int((again & first).sum())},
        again,
    )
    two = np.zeros(n, bool)
    if (names >= 0).any() and again.any():
        low, high = np.full(len(size), np.iinfo(np.int64).max), np.full(len(size), -1)
        labelled = again & (names >= 0)
        np.minimum.at(low, code[labelled], names[labelled])
        np.maximum.at(high, code[labelled], names[labelled])
        two = labelled & (low[code] < high[code])
    yield claim("two labels", two, n, m, "exact", "are the same image as one of another class", "voids")
    near = alike(images, order, read & (~again | first))
    says = "look like another image that was resized, retouched or saved again"
    yield claim("near repeats", near, n, m, "heuristic", says, "inflates")


def alike(images: Images, order: I64, use: Mask) -> Mask:
    """Images (beyond the first of each kind) whose thumbnail correlates with another's.

    Neighbours are searched in the lowest waves of a cosine transform, where no two lie further apart than in whole.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    out = np.zeros(len(order), bool)
    at = np.flatnonzero(use & (images.contrast[order] >= FAINT))
    if len(at) < 2:
        return out
    base = waves()
    low = np.concatenate([standard(images.thumb[order[at[k : k + CHUNK]]]) @ base for k in range(0, len(at), CHUNK)])
    far = float(np.sqrt(2 * (1 - ALIKE)))
    tree = cKDTree(low)
    left: list[I64] = []
    right: list[I64] = []
    for k in range(0, len(at), CHUNK):
        away, near = tree.query(low[k : k + CHUNK], k=min(NEIGHBOURS + 1, len(at)), distance_upper_bound=far + 1e-9)
        i, j = np.nonzero(np.isfinite(away))
        a, b = i + k, near[i, j]
        a, b = a[a < b], b[a < b]
        same = (standard(images.thumb[order[at[a]]]) * standard(images.thumb[order[at[b]]])).sum(1) >= ALIKE
        left.append(a[same])
        right.append(b[same])
    a, b = np.concatenate(left), np.concatenate(right)
    if len(a):
        _, part = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(len(at), len(at))))
        extra = np.ones(len(at), bool)
        extra[np.unique(part, return_index=True)[1]] = False
        out[at] = extra
    return out


def standard(thumb: Any) -> Any:
    """Thumbnails (n, 256) with mean 0 and length 1."""
    real = thumb.astype(np.float32)
    real -= real.mean(1, keepdims=True)
    return real / np.maximum(np.linalg.norm(real, axis=1, keepdims=True), 1e-6)


def waves() -> F64:
    """(256, 15) the lowest waves of the two-dimensional cosine transform, orthonormal, the constant left out."""
    k = np.arange(SIDE)
    one = np.cos(np.pi * (k[None, :] + 0.5) * np.arange(WAVES)[:, None] / SIDE) * np.sqrt(2 / SIDE)
    one[0] /= np.sqrt(2)
    both = np.einsum("ai,bj->abij", one, one).reshape(WAVES * WAVES, SIDE * SIDE)
    return np.asarray(both[1:].T, np.float64)


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    fault = finding.claim.evidence["fault"]
    if fault not in ("unreadable", "blank", "repeats"):
        return None
    which = (
        "all but the first of equal images" if fault == "repeats" else f"the {finding.claim.evidence['count']:,} images"
    )
    return Remedy("rows", "unsafe", "honesty", f"leave out {which}", rows=finding.claim.about.rows,
                  options={"keep": "first"} if fault == "repeats" else {})  # fmt: skip


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """A third of the share ``dose`` of the images cannot be read, a third is blank, a third a copy of another image."""
    images: Images | None = subject.evidence.get("images")
    if images is None:
        raise InputError("image-faults are planted in a set of images; the subject has none")
    n = len(images.file)
    each = round(dose * n / 3)
    hit = rng.permutation(n)[: 3 * each]
    lost, blank, copy = hit[:each], hit[each : 2 * each], hit[2 * each :]
    rest = np.setdiff1d(np.arange(n), hit)
    source = np.arange(n)
    source[copy] = rest[: len(copy)] if len(rest) >= len(copy) else source[copy]
    parts = {f: getattr(images, f)[source] for f in ("brightness", "contrast", "low", "high", "sharpness", "digest")}
    thumb = images.thumb[source]
    thumb[blank] = 128
    for name, value in (("brightness", 128.0), ("contrast", 0.0), ("low", 128.0), ("high", 128.0), ("sharpness", 0.0)):
        parts[name][blank] = value
    parts["digest"][blank] = rng.integers(1, 2**63, len(blank)).astype(np.uint64)
    gone = set(lost.tolist())
    why = tuple("planted" if i in gone else w for i, w in enumerate(images.why))
    broken = replace(images, why=why, thumb=thumb, **parts)
    made = replace(subject, evidence={**subject.evidence, "images": broken})
    return Planted(made, (FILE,), each / n if n else 0.0, Rows.at(np.sort(np.concatenate([lost, blank, copy]))))
