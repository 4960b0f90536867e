"""What `make test` leaves to `make test-all`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import pytest

from support.runs.durations import TESTS

EVERYTHING = os.environ.get("KINDS") == "all"
"""Both kinds of database for every test that takes one, and every look of a page."""

COLLECTED = pytest.StashKey[list[pytest.Item]]()
"""In the stash of the configuration: all tests that were found, also those that are not run now."""


@dataclass
class Promise:
    """A test function, with all its values."""

    is_quick: bool = False
    """Whether `make test` runs it, if only with some values."""

    proved_by: set[str] = field(default_factory=set)
    """The functions that prove its promise in `make test`, by its marks."""


def promises(config: pytest.Config) -> dict[str, Promise]:
    """By name: `folder/test_module.py::test_name`. Skips the test that asks if some modules were not collected."""
    items = config.stash[COLLECTED]
    modules = {item.path for item in items}
    if not modules.issuperset(TESTS.rglob("test_*.py")):
        pytest.skip("what proves what is known when all tests are collected")
    found: dict[str, Promise] = {}
    for item in items:
        promise = found.setdefault(name_of(item), Promise())
        marks = list(item.iter_markers("long"))
        promise.is_quick |= not marks
        promise.proved_by |= {mark.kwargs["proved_by"] for mark in marks if mark.kwargs}
    return found


def name_of(item: pytest.Item) -> str:
    """Without its values."""
    path, _, name = item.nodeid.partition("::")
    return f"{path.removeprefix('tests/')}::{name.partition('[')[0]}"
