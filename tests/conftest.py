"""What all tests share: networks learn for a few epochs only, where a test is not about networks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def short_networks() -> Iterator[None]:
    """Most of a small fit's time would go into epochs; ``tests/learn/test_network.py`` trains them in full."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("assay.learn.network.MOST_EPOCHS", 6)
        yield
