"""Fixtures for the tests of what is on the wire, where the kind of database does not matter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.line import Line
from support.members import Member
from support.redis import Redis
from support.server import Server


@pytest.fixture(scope="module")
def sqlite_server(module_servers, module_sqlite_database) -> Server:
    """A running server for the tests of a module, which leave it as they would like to find it."""
    return module_servers(module_sqlite_database).start()


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    """A Redis for the tests of a module. What shares one is one site."""
    server = Redis().start()
    yield server
    server.kill()


@pytest.fixture
def line(sqlite_server: Server) -> Iterator[Line]:
    """A connection to it."""
    with Line(sqlite_server.port) as line:
        yield line


# For modules whose tests share one server.


@pytest.fixture(scope="module")
def founder(server: Server) -> Member:
    """Somebody who founds communities, and so is their admin."""
    return Member(server)


@pytest.fixture
def community(founder: Member) -> str:
    """A new one, with its founder alone in it."""
    return founder.found()
