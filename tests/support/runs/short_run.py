"""Selects the tests for `make test`. The others run only with `make test-all`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import pytest

from support.runs.durations import TESTS

EVERYTHING = os.environ.get("KINDS") == "all"
"""Run every test on both kinds of database, and every theme and width of a page."""

COLLECTED = pytest.StashKey[list[pytest.Item]]()  # key for the list of all collected tests, including deselected ones


@dataclass
class Promise:
    is_quick: bool = False
    """Whether `make test` runs it with at least one of its values."""

    proved_by: set[str] = field(default_factory=set)
    """Functions in `make test` that prove the same promise, from its `long` marks."""


def promises(config: pytest.Config) -> dict[str, Promise]:
    """Promises by name: `folder/test_module.py::test_name`. Skips the calling test unless all are collected."""
    items = config.stash[COLLECTED]
    modules = {item.path for item in items}
    if not modules.issuperset(TESTS.rglob("test_*.py")):
        pytest.skip("what proves what is known when all tests are collected")
    by_name: dict[str, Promise] = {}
    for item in items:
        promise = by_name.setdefault(name_of(item), Promise())
        marks = list(item.iter_markers("long"))
        promise.is_quick |= not marks
        promise.proved_by |= {mark.kwargs["proved_by"] for mark in marks if mark.kwargs}
    return by_name


def name_of(item: pytest.Item) -> str:
    """A test's name without its parameters."""
    path, _, name = item.nodeid.partition("::")
    return f"{path.removeprefix('tests/')}::{name.partition('[')[0]}"
