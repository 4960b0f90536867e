"""Shared fixtures: a site on each kind of database, its people, and a server."""

from __future__ import annotations

import pytest
from support.application.site import Site, site_fixture
from support.people.accounts import Person, new_admin, sign_up
from support.servers.server import Server

site = site_fixture(is_shared=True)


@pytest.fixture(scope="module")
def boss(site: Site) -> Person:
    return new_admin(site)


@pytest.fixture
def ayesha(site: Site) -> Person:
    return sign_up(site)


@pytest.fixture(scope="module")
def server(sqlite_server: Server) -> Server:
    """The server that `founder` and `community` are on."""
    return sqlite_server
