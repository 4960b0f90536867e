"""A resolver that does not answer, when the name of Redis has to be looked up: nobody waits for it but that."""

from __future__ import annotations

import time

import pytest
from support.changed_server import ChangedServer
from support.databases import SqliteDatabase
from support.listener import PlainListener
from support.processes import wait_until

AWAY_S = 3.0
"""In which the worker tries everything that it does regularly."""
BACK_S = 20.0


@pytest.fixture
def silent(tmp_path):
    """While this file is there, the resolver of the server does not answer."""
    return tmp_path / "silent"


@pytest.fixture
def server(tmp_path, mortal_redis, silent):
    database = SqliteDatabase.migrated(tmp_path / "koyjabo.db")
    url = f"redis://localhost:{mortal_redis.port}/0"
    server = ChangedServer(database, tmp_path, CHANGES="{}", SILENT=silent, REDIS_URL=url)
    yield server
    server.kill()


def ready(server) -> bool:
    return server.get("/readyz").status_code == 200


def test_server_that_starts_without_a_resolver_serves_and_goes_on_when_it_fails_again(server, silent, mortal_redis):
    """What is answered here would otherwise wait until the file is gone."""
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
        mortal_redis.restart()  # so that it has to be found again
        over = time.monotonic() + AWAY_S
        while time.monotonic() < over or "redis_unreachable" not in server.log:
            visit()
        assert not ready(server)
        assert server.worker.num_threads() < 12, "look-ups pile up"
        silent.unlink()
        wait_until(lambda: ready(server), "Redis is found again", BACK_S)
