"""The last release and this version on one database: both count, and an upgrade loses nothing (decision 99)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.assertions.ledger import assert_exact, assert_verified
from support.clients.concurrent_registrations import Crowd
from support.clients.listener import PlainListener, SocketioListener
from support.databases.database import Database
from support.servers.released_server import ReleasedServer
from support.servers.responses import Stats
from support.servers.server import START_S
from support.servers.switching_front import SwitchingFront

pytestmark = [
    pytest.mark.empty_database,
    pytest.mark.long(proved_by="base/database/test_expanding_migrations.py::test_migration_only_adds"),
]
SETUPS = pytest.mark.parametrize(
    ("database_kind", "with_redis"),
    [("sqlite", False), ("postgres", False), ("postgres", True)],
    indirect=["database_kind"],
    ids=["sqlite", "postgres", "postgres and redis"],
)
VISITS = 1200


class Page:
    """An open page that reconnects when its server leaves."""

    def __init__(self, connect: Callable[[], PlainListener | SocketioListener]) -> None:
        self._connect = connect
        self._pages = [connect()]
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep_connected, daemon=True)

    def __enter__(self) -> Page:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        self._pages[-1].close()

    @property
    def connections(self) -> int:
        return len(self._pages)

    @property
    def shown(self) -> list[Stats]:
        """Stats from all its connections, in order."""
        return [stats for page in self._pages for stats in page.updates]

    def assert_shown(self, total: int) -> None:
        """Assert that the last total is `total`, and that none fell."""
        self._pages[-1].wait_for_total(total)
        fallen = [totals for totals in pairwise(stats.total for stats in self.shown) if totals[0] > totals[1]]
        assert fallen == []

    def _keep_connected(self) -> None:
        while not self._closing.wait(0.01):
            if self._pages[-1].has_ended:
                self._pages.append(self._connect())


def pages_of(port: int) -> list[Page]:
    return [
        Page(lambda: PlainListener(port)),
        Page(lambda: SocketioListener(port, transports=["websocket"])),
    ]


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
        pages = [stack.enter_context(page) for page in pages_of(released.port)]
        server = new_server(database, **settings).start()
        pages += [stack.enter_context(page) for page in pages_of(server.port)]
        with Crowd([released, server], visits=VISITS) as crowd:
            pass
        again = [version.register("ayesha", "first") for version in (server, released)]
        for page in pages:
            page.assert_shown(VISITS + 1)
    assert [(receipt.ordinal, receipt.duplicate) for receipt in again] == [(1, True)] * 2
    assert {receipt.stats.epoch for receipt in again} == {begun.stats.epoch}, "it was taken for a rollback"
    assert_exact(crowd, server, before=1)


@SETUPS
def test_upgrade_under_load_loses_nothing_and_no_page_sees_a_total_fall(released, database, settings, new_server):
    with SwitchingFront(released) as front, ExitStack() as stack:
        pages = [stack.enter_context(page) for page in pages_of(front.port)]
        with Crowd([front], VISITS // 10, goes_on=True) as crowd:
            crowd.wait_for(VISITS // 10)
            front.server = server = new_server(database, **settings).start()
            crowd.wait_for_later()
            assert released.stop().status == 0
            crowd.wait_for_later()
        for page in pages:
            page.assert_shown(crowd.acknowledged)
            assert page.connections == 2
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
