"""The one Monte-Carlo tolerance here: the 99 % lower bound of an observed rate must not exceed the nominal one."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import beta


@pytest.fixture
def at_most() -> Callable[..., None]:
    """``at_most(p, levels)``: p-values simulated under H0 reject at most at each level, within Monte-Carlo error."""

    def check(p: np.ndarray, levels: tuple[float, ...] = (0.05, 0.025, 0.01), note: object = "") -> None:
        p = np.asarray(p, np.float64)
        assert np.isfinite(p).all() and (p >= 0).all() and (p <= 1).all()
        for level in levels:
            hits = int((p <= level).sum())
            low = beta.ppf(0.01, hits, len(p) - hits + 1) if hits else 0.0
            assert low <= level, f"level {hits / len(p):.4f} for nominal {level} {note}"

    return check
