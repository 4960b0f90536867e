"""A site, and a user who has signed up."""

from __future__ import annotations

import pytest
from support.application.site import Site, site_fixture
from support.people.accounts import Person, sign_up

site = site_fixture()


@pytest.fixture
def ayesha(site: Site) -> Person:
    return sign_up(site)
