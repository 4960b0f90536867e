"""A change of the settings reaches two real workers, and a restart, without a lost visit."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from support.clients.continuous_registrations import RegistrationLoad
from support.clients.worker_connections import only, two_workers
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.server import Server

WITHIN_S = 3.0
"""The promise (specification: Settings)."""


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database, redis) -> Server:
    return two_workers(module_servers(module_sqlite_database, REDIS_URL=redis.url, TIMEZONE=""))


def home_pages(server: Server) -> list[str]:
    """The home page of each worker."""
    pages = []
    for worker in server.workers():
        with only(server, worker):
            pages.append(requests.get(server.url, timeout=PATIENCE_S).text)
    return pages


def test_name_from_the_command_line_is_shown_by_all_workers_and_after_a_restart(server):
    changed = server.koyjabo("settings", "set", "SITE_NAME", "Rail Count")
    assert (changed.returncode, changed.stdout) == (0, "Set SITE_NAME.\n")
    began = time.monotonic()
    wait_until(lambda: all("Rail Count" in page for page in home_pages(server)), "both workers have the name")
    assert time.monotonic() - began < WITHIN_S
    assert "SITE_NAME page Rail Count" in server.koyjabo("settings").stdout.splitlines()
    server.stop()
    two_workers(server)
    assert all("Rail Count" in page for page in home_pages(server))
    assert server.koyjabo("settings", "unset", "SITE_NAME").stdout == "Unset SITE_NAME.\n"
    wait_until(lambda: all("Koy Jabo" in page for page in home_pages(server)), "both workers have the default")


def test_no_visit_is_lost_and_no_connection_ends_while_settings_change(server):
    before = server.stats().total
    with ThreadPoolExecutor(1) as operator, RegistrationLoad(server.port, clients=6) as load:
        changes = operator.submit(change_some, server)
        answered = 0.0
        while not changes.done():
            began = time.monotonic()
            answered += load.run_for(0.5) * (time.monotonic() - began)  # fails if a response is not 200
        assert changes.result() == [0, 0, 0]
        assert load.open == 6
    wait_until(lambda: server.stats().total - before >= round(answered), "every acknowledged visit is counted")


def change_some(server: Server) -> list[int]:
    changes = ("TIMEZONE", "America/New_York"), ("BOT_POLICY", "ignore"), ("TIMEZONE", "Asia/Dhaka")
    return [server.koyjabo("settings", "set", *setting).returncode for setting in changes]
