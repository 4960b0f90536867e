"""A site that files are imported into."""

from __future__ import annotations

import pytest
from support.application.site import Site


@pytest.fixture
def site(database, usual_priority):
    with Site(database.url) as site:
        yield site
