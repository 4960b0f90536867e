"""A site that files are imported into."""

from __future__ import annotations

import pytest
from support.application.site import Site

from koyjabo.base.jobs import child_process


@pytest.fixture(autouse=True)
def not_the_last(monkeypatch):
    """Use normal priority: other tests keep all cores busy, and a low-priority process would wait."""
    monkeypatch.setattr(child_process, "NICENESS", 1)


@pytest.fixture
def site(database):
    with Site(database.url) as site:
        yield site
