"""Shared fixtures: a site on each kind of database, its people, and a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.application.site import Site
from support.people.accounts import Person, new_admin, sign_up
from support.servers.server import Server


@pytest.fixture(scope="module")
def site(module_database) -> Iterator[Site]:
    with Site(module_database.url) as site:
        yield site


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
