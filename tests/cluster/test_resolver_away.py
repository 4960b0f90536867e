"""A resolver that does not answer, when the name of Redis has to be looked up: nobody waits for it but that."""

from __future__ import annotations

import time

import pytest
from support.changed_server import ChangedServer
from support.databases import SqliteDatabase
from support.processes import wait_until
from support.websocket import KINDS

pytestmark = pytest.mark.waits

AT_MOST_S = 4.0
"""What a request may take on a noisy machine; usually it is some milliseconds."""

AWAY_S = 6.0
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


def test_requests_and_pushes_go_on_while_no_name_can_be_looked_up(server, silent, mortal_redis):
    server.start()
    wait_until(lambda: server.get("/readyz").status_code == 200, "it is ready")
    with KINDS["plain"](server.port) as page:
        page.event()
        silent.touch()
        mortal_redis.restart()  # so that it has to be found again
        total, longest_s, over = 0, 0.0, time.monotonic() + AWAY_S
        while time.monotonic() < over:
            began = time.monotonic()
            assert server.get("/healthz").status_code == 200
            total = server.register("ayesha").ordinal
            while page.event().get("stats", {}).get("totalVisits") != total:
                pass
            longest_s = max(longest_s, time.monotonic() - began)
        assert server.get("/readyz").status_code == 503
        assert "redis_unreachable" in server.log
        assert longest_s < AT_MOST_S
        assert server.worker.num_threads() < 12, "look-ups pile up"
        silent.unlink()
        wait_until(lambda: server.get("/readyz").status_code == 200, "Redis is found again", BACK_S)
    assert server.stats().total == total


def test_server_that_starts_without_a_resolver_serves(server, silent):
    silent.touch()
    server.start()
    for number in range(1, 20):
        began = time.monotonic()
        assert server.register("ayesha").ordinal == number
        assert time.monotonic() - began < AT_MOST_S
    silent.unlink()
    wait_until(lambda: server.get("/readyz").status_code == 200, "Redis is found", BACK_S)
