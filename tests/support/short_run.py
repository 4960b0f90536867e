"""What `make test` leaves out."""

from __future__ import annotations

import os

import pytest

EVERYTHING = os.environ.get("KINDS") == "all"
"""Both kinds of database for every test that takes one, and every look of a page."""

COLLECTED = pytest.StashKey[list[pytest.Item]]()
"""In the stash of the configuration: all tests that were found, also those that are not run now."""


def is_short(item: pytest.Item) -> bool:
    """Whether `make test` runs it."""
    return item.get_closest_marker("long") is None
