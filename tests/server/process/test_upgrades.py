"""The last release and this version on one database: both count, and an upgrade loses nothing (decision 99)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import pytest
from support.assertions.ledger import assert_exact, assert_verified
from support.clients.concurrent_registrations import Crowd
from support.clients.listener import PlainListener, SocketioListener
from support.databases.database import Database
from support.servers.api_client import Caller
from support.servers.released_server import ReleasedServer
from support.servers.responses import Stats
from support.servers.server import START_S, Server


class SwitchingFront(Caller):
    """A proxy whose open connections stay with their server until either side closes them."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listening.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes up `accept`
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self.server.port))
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=_pass_on, args=ends, daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        source.shutdown(socket.SHUT_RDWR)


pytestmark = [
    pytest.mark.empty_database,
    pytest.mark.long(proved_by="base/database/test_migrations.py::test_migration_only_adds"),
]
SETUPS = pytest.mark.parametrize(
    ("database_kind", "with_redis"),
    [("sqlite", False), ("postgres", False), ("postgres", True)],
    indirect=["database_kind"],
    ids=["sqlite", "postgres", "postgres and redis"],
)
VISITS = 1200
KINDS = (PlainListener, lambda port: SocketioListener(port, transports=["websocket"]))


def assert_never_fell(shown: list[Stats]) -> None:
    assert [pair for pair in pairwise(stats.total for stats in shown) if pair[0] > pair[1]] == []


@pytest.fixture
def settings(request: pytest.FixtureRequest, with_redis: bool) -> dict[str, Any]:
    """The settings of both servers."""
    return {"REDIS_URL": request.getfixturevalue("disposable_redis").url, "WEB_CONCURRENCY": 2} if with_redis else {}


@pytest.fixture
def released(database: Database, settings: dict[str, Any], tmp_path: Path) -> Iterator[ReleasedServer]:
    (folder := tmp_path / "released").mkdir()
    server = ReleasedServer(database, folder, **settings)
    yield server.start()
    server.kill()


@SETUPS
def test_last_release_and_this_version_count_at_once(released, database, settings, new_server):
    """Both recognise retries, and pages of both show every visit."""
    begun = released.register("ayesha", "first")
    with ExitStack() as stack:
        server = new_server(database, **settings).start()
        pages = [stack.enter_context(kind(at.port)) for at in (released, server) for kind in KINDS]
        with Crowd([released, server], visits=VISITS) as crowd:
            pass
        again = [version.register("ayesha", "first") for version in (server, released)]
        for page in pages:
            page.wait_for_total(VISITS + 1)
            assert_never_fell(page.updates)
    assert [(receipt.ordinal, receipt.duplicate) for receipt in again] == [(1, True)] * 2
    assert {receipt.stats.epoch for receipt in again} == {begun.stats.epoch}, "it was taken for a rollback"
    assert_exact(crowd, server, before=1)


@SETUPS
def test_upgrade_under_load_loses_nothing_and_no_page_sees_a_total_fall(released, database, settings, new_server):
    with SwitchingFront(released) as front, ExitStack() as stack:
        pages = [stack.enter_context(kind(front.port)) for kind in KINDS]
        with Crowd([front], VISITS // 10, goes_on=True) as crowd:
            crowd.wait_for(VISITS // 10)
            front.server = server = new_server(database, **settings).start()
            crowd.wait_for_later()
            assert released.stop().status == 0
            later = [stack.enter_context(kind(front.port)) for kind in KINDS]
            crowd.wait_for_later()
        for page, again in zip(pages, later, strict=True):
            again.wait_for_total(crowd.acknowledged)
            assert page.has_ended
            assert_never_fell([*page.updates, *again.updates])
    assert crowd.refusals == [], released.log
    assert_exact(crowd, server)


@pytest.mark.parametrize("database_kind", ["sqlite", "postgres"], indirect=True)
@pytest.mark.parametrize("with_redis", [False])
def test_last_release_counts_on_until_it_ends_and_does_not_start_again(released, database, new_server):
    """The last release refuses a newer schema, as earlier releases do (decision 99). This version continues its
    count.
    """
    server = new_server(database).start()
    assert released.register("ayesha").ordinal == 1
    released.stop()
    assert released.launch().wait(START_S).status != 0
    assert "a newer version of this program made it" in released.log
    assert server.register("bashir").ordinal == 2
    assert_verified(server)
