"""`make test` leaves out what is marked `long`. No promise falls out of it unnoticed."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from support.short_run import COLLECTED, is_short

ROOT = Path(__file__).parent


@pytest.fixture
def modules(pytestconfig) -> dict[str, list[pytest.Item]]:
    """Tests by the path of their module below `tests/`."""
    found = defaultdict(list)
    for item in pytestconfig.stash[COLLECTED]:
        found[str(item.path.relative_to(ROOT))].append(item)
    return found


def test_module_without_a_short_test_names_one_that_proves_its_promise(modules):
    for path, items in modules.items():
        if any(map(is_short, items)):
            continue
        named = {marker.kwargs.get("proved_by") for item in items for marker in item.iter_markers("long")} - {None}
        assert named, f"{path}: pytest.mark.long(proved_by=...) says where its promise is proved by `make test`"
        for other in named:
            assert (ROOT / other).is_file(), (path, other)
            assert other not in modules or any(map(is_short, modules[other])), (path, other)
