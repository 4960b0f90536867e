"""The Redis outbox while the resolver does not respond for Redis' name: nothing else waits for it."""

from __future__ import annotations

import time

import pytest
from support.application.visitor_workers import RedisLink
from support.clients.listener import PlainListener
from support.databases.database import SqliteDatabase
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.changed_server import ChangedServer

AWAY_S = 3.0
"""Long enough for a worker to try everything that it does regularly."""
BACK_S = PATIENCE_S


@pytest.fixture
def silent(tmp_path):
    """A file that keeps the server's resolver from responding while it exists."""
    return tmp_path / "silent"


@pytest.fixture
def server(tmp_path, disposable_redis, silent):
    database = SqliteDatabase.migrated(tmp_path / "koyjabo.db")
    url = f"redis://localhost:{disposable_redis.port}/0"
    server = ChangedServer(database, tmp_path, CHANGES="{}", SILENT=silent, REDIS_URL=url)
    yield server
    server.kill()


def ready(server) -> bool:
    return server.get("/readyz").status_code == 200


def test_server_that_starts_without_a_resolver_serves_and_goes_on_when_it_fails_again(server, silent, disposable_redis):
    """Otherwise these requests would wait until the file is removed."""
    silent.touch()
    server.start()
    with PlainListener(server.port) as page:

        def visit() -> None:
            page.wait_for_total(server.register("ayesha").ordinal)

        for _ in range(5):
            visit()
        silent.unlink()
        wait_until(lambda: ready(server), "Redis is found", BACK_S)
        silent.touch()
        before = server.log.count("redis_unreachable")
        disposable_redis.restart()  # so that its name is resolved again
        over = time.monotonic() + AWAY_S
        while time.monotonic() < over or server.log.count("redis_unreachable") == before:
            visit()
        assert not ready(server)
        assert server.worker.num_threads() < 12, "look-ups pile up"
        silent.unlink()
        wait_until(lambda: ready(server), "Redis is found again", BACK_S)


def test_only_a_response_from_redis_ends_an_outage_and_only_once(disposable_redis):
    returns = []
    link = RedisLink(disposable_redis.url, lambda: returns.append("Redis is back"))

    def send(what) -> None:
        link.outbox.send_newest("key", what)
        link.outbox.drain()

    disposable_redis.kill()
    for what in (link.client.probe, lambda: None):
        send(what)
        assert not link.outbox.reachable
    disposable_redis.start()
    send(link.client.probe)
    wait_until(lambda: link.outbox.reachable, "Redis is back")
    send(link.client.probe)
    assert len(returns) == 1
