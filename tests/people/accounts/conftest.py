"""A site, and a user who has signed up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.application.site import Site
from support.people.accounts import Person, sign_up


@pytest.fixture
def site(database) -> Iterator[Site]:
    with Site(database.url) as site:
        yield site


@pytest.fixture
def ayesha(site) -> Person:
    return sign_up(site)
