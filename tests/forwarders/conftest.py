"""Fixtures of all tests of forwarders and anchors."""

from __future__ import annotations

import pytest


@pytest.fixture
def running():
    """Stops, at the end, what was added to it."""
    added = []
    yield added
    for one in reversed(added):
        one.stop()
