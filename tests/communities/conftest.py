"""A site for the tests of a module, on a database of each kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.application.site import Site


@pytest.fixture(scope="module")
def site(module_database) -> Iterator[Site]:
    with Site(module_database.url) as site:
        yield site
