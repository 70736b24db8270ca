"""What a prediction is meant to be: a class, a class of an order, a mean, a quantile or a count, and its loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .errors import SettingsError, did_you_mean
from .table import F64, I64

Kind = Literal["class", "ordinal", "mean", "quantile", "count"]
WORDS = ("mean", "median", "quantile:0.9", "count", "ordinal")
FALLING = ("log-loss", "MAE", "pinball loss", "mean class distance")  # measures of which lower is better
TINY = 1e-7  # probabilities and rates are kept this far from 0 before a logarithm (float32 graphs resolve no less)


@dataclass(frozen=True, slots=True)
class Aim:
    """The word of the user on what is predicted, and all that follows from it: loss, score, what nothing known gives.

    ``level`` is the share of rows below a quantile; ``order`` the classes of an ordinal target, lowest first, as far
    as the user gave them.

    Every loss here is lowest, on average, at the truth that the kind names, so a race by it finds that truth: log-loss
    for classes, squared error for the mean, pinball loss for a quantile (Koenker and Bassett, Econometrica 46 (1978)
    33), Poisson deviance for a count (McCullagh and Nelder, Generalized Linear Models, 1989, section 2.3).
    """

    kind: Kind
    level: float = 0.5
    order: tuple[str, ...] = ()

    @property
    def values(self) -> bool:
        """Whether a prediction is a value; else it is a probability for each class."""
        return self.kind in ("mean", "quantile", "count")

    @property
    def word(self) -> str:
        """As ``read_aim`` takes it; empty for a class, which needs no word."""
        if self.kind == "quantile":
            return "median" if self.level == 0.5 else f"quantile:{self.level:g}"
        return {"class": "", "ordinal": ":".join(("ordinal", ",".join(self.order))).rstrip(":")}.get(
            self.kind, self.kind
        )

    @property
    def says(self) -> str:
        """What one prediction is, in a report."""
        if self.kind == "quantile":
            return "the median" if self.level == 0.5 else f"the value that {100 * self.level:g} % of rows stay below"
        return {"mean": "the mean", "count": "the expected count"}.get(self.kind, "a class")

    @property
    def metric(self) -> str:
        """The share of the loss that knowing the row takes away: R2 for the mean, D2 for the other values."""
        return {"quantile": f"D2 (pinball, {self.level:g})", "count": "D2 (Poisson)"}.get(self.kind, "R2")

    @property
    def loss_name(self) -> str:
        names: Mapping[str, str] = {
            "mean": "squared error", "quantile": "pinball loss", "count": "Poisson deviance"
        }  # fmt: skip
        return names.get(self.kind, "log-loss")

    def losses(self, output: F64, y: F64) -> F64:
        """(n,) the loss of each row: ``output`` (n, classes) probabilities, or (n,) values; ``y`` index or value."""
        if self.kind == "mean":
            return np.asarray((output - y) ** 2, np.float64)
        if self.kind == "quantile":
            short = y - output
            return np.asarray(np.maximum(self.level * short, (self.level - 1.0) * short), np.float64)
        if self.kind == "count":
            rate = np.maximum(output, TINY)
            told = np.where(y > 0, y * np.log(np.maximum(y, TINY) / rate), 0.0)
            return np.asarray(np.maximum(2.0 * (told - y + rate), 0.0), np.float64)
        own = output[np.arange(len(y)), y.astype(np.int64)]
        return np.asarray(-np.log(np.clip(own, TINY, 1.0)), np.float64)

    def decided(self, output: F64) -> I64:
        """(n,) the class that (n, classes) probabilities name: the likeliest; of ordered classes the median of their
        distribution, which has the least expected distance to the truth."""
        if self.kind == "ordinal":
            return np.asarray((np.cumsum(output, axis=1) >= 0.5).argmax(1), np.int64)
        return np.asarray(output.argmax(1), np.int64)

    def constant(self, y: F64, outputs: int, weight: F64 | None = None) -> F64:
        """The one answer with the least mean loss on ``y``: (1,) a value, or (outputs,) shares of the classes."""
        w = np.ones(len(y)) if weight is None else weight
        if self.kind == "quantile":
            order = np.argsort(y, kind="stable")
            share = np.cumsum(w[order])
            at = int(np.searchsorted(share, self.level * share[-1] * (1.0 - 1e-12)))
            return np.array([y[order[min(at, len(y) - 1)]]])
        if self.values:
            return np.array([float(np.average(y, weights=w))])
        count = np.bincount(y.astype(np.int64), weights=w, minlength=outputs)
        return np.asarray(count / count.sum())

    def everywhere(self, answer: F64, n: int) -> F64:
        """``answer`` of ``constant`` for ``n`` rows, in the shape of an output."""
        return np.full(n, answer[0]) if self.values else np.tile(answer, (n, 1))


def aim_of(task: str) -> Aim:
    """What is predicted where the user says nothing."""
    return Aim("mean" if task == "regression" else "class")


def read_aim(word: str) -> Aim | None:
    """Read the user's word; None where it is empty.

    Raises:
        SettingsError: none of ``WORDS``, or a quantile that does not lie between 0 and 1.
    """
    name, _, rest = word.strip().partition(":")
    if not name:
        return None
    if name == "ordinal":
        return Aim("ordinal", order=tuple(c.strip() for c in rest.split(",") if c.strip()))
    if name == "quantile":
        try:
            level = float(rest)
        except ValueError:
            level = float("nan")
        if not 0.0 < level < 1.0:
            raise SettingsError(f"a quantile must lie between 0 and 1, as in quantile:0.9; got {word!r}")
        return Aim("quantile", level)
    if rest or name not in ("mean", "median", "count"):
        near = did_you_mean(name, ("mean", "median", "quantile", "count", "ordinal"))
        raise SettingsError(f"what is predicted must be one of {', '.join(WORDS)}; got {word!r}{near}")
    return Aim("quantile") if name == "median" else Aim("mean" if name == "mean" else "count")
