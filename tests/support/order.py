"""The order of the test modules: those that mostly wait are spread among the others, which have the processors."""

from __future__ import annotations

from pathlib import Path

import pytest

LAST_SHARE = 4
"""No module that waits begins in the last part of so many: nothing would be left to run beside it."""


def spread(items: list[pytest.Item]) -> list[pytest.Item]:
    modules: dict[Path, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.path, []).append(item)
    waiting = [tests for tests in modules.values() if any(test.get_closest_marker("waits") for test in tests)]
    others = [tests for tests in modules.values() if tests not in waiting]
    early = len(others) - len(others) // LAST_SHARE
    places = [(index * early / len(waiting), 0, tests) for index, tests in enumerate(waiting)]
    places += [(index, 1, tests) for index, tests in enumerate(others)]
    return [test for _, _, tests in sorted(places, key=lambda place: place[:2]) for test in tests]
