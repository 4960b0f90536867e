"""A site on SQLite, even when the tests run on both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.application.site import Site


@pytest.fixture
def site(sqlite_database) -> Iterator[Site]:
    with Site(sqlite_database.url) as site:
        yield site
