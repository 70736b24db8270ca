"""The pytest plug-in: a fixture ``assert_clean``, the function of ``assay.testing``. Found by pytest itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def assert_clean() -> Callable[..., None]:
    """Fail where a table is not clean: ``def test_data(assert_clean): assert_clean("rows.csv", target="y")``."""
    from assay.testing.data import assert_clean

    return assert_clean
