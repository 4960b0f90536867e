"""A change on one server reaches all workers of another one, while both count visits."""

from __future__ import annotations

import re
import time

import pytest
import requests
from support.clients.concurrent_registrations import Crowd
from support.clients.worker_connections import only, two_workers
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.server import Server

WITHIN_S = 3.0
"""The promise (specification: Settings)."""

ORIGIN = "https://app.example.com"
CHANGES = {
    "zone": {"timezone": "Pacific/Kiritimati"},
    "retention": {"retention_days": "30"},
    "milestones": {"milestones": "4000"},
    "mail": {"host": "127.0.0.1", "security": "off", "sender": "a@b.example"},
    "sign-up": {"sign_up": "invited"},
    "origins": {"allowed_origins": ORIGIN},
    "name": {"site_name": "Rail Count"},
}


class Admin:
    """The first admin in a browser, on the first server. Its log has the password, and `newest` a valid link."""

    def __init__(self, server: Server, newest: Server) -> None:
        self._server, self._browser = server, requests.Session()
        self._password = re.search("with the password (.+) \\(", server.log)[1]
        self._browser.get(f"{server.url}{re.search('/login/link/.+', newest.log)[0]}", timeout=PATIENCE_S)

    def change(self, group: str, **fields: str) -> None:
        token = self._browser.cookies["csrf_access_token"]
        done = self._browser.post(
            f"{self._server.url}/admin/server/settings/{group}",
            {"csrf_token": token, "password": self._password, **fields},
            allow_redirects=False,
            timeout=PATIENCE_S,
        )
        assert done.headers.get("Location") == f"/admin/server#{group}", done.text


def shown(server: Server) -> list[tuple[object, ...]]:
    """What each worker shows: today's visits, and whether the new name is shown, email is on, anyone may sign up, and
    pages of ORIGIN may use accounts.
    """
    seen: list[tuple[object, ...]] = []
    for worker in server.workers():
        with only(server, worker), requests.Session() as browser:
            home, login = (browser.get(server.url + path, timeout=PATIENCE_S).text for path in ("/", "/login"))
            stats = browser.get(f"{server.url}/api/stats", timeout=PATIENCE_S).json()
            allowed = browser.options(f"{server.url}/api/auth/me", headers={"Origin": ORIGIN}, timeout=PATIENCE_S)
            seen.append(
                (
                    stats["todayVisits"],
                    "Rail Count" in home,
                    "/forgot-password" in login,
                    "/signup" in login,
                    allowed.headers.get("Access-Control-Allow-Origin") == ORIGIN,
                )
            )
    return seen


@pytest.mark.long(
    proved_by="upkeep/stored_settings/test_stored_settings.py::test_no_visit_is_lost_and_no_connection_ends_while_settings_change"
)
@pytest.mark.both_kinds
def test_change_on_one_server_works_on_both_without_a_lost_visit(database, new_server, redis):
    """Servers with several workers share a Redis, and servers with one worker do without."""
    is_large = database.kind == "postgres"
    settings = {"ENVIRONMENT": "development", "TIMEZONE": "", **({"REDIS_URL": redis.url} if is_large else {})}
    first, second = (new_server(database, **settings) for _ in range(2))
    for server in (first, second):
        two_workers(server) if is_large else server.start()
    admin = Admin(first, second)
    with Crowd([first, second], visits=6, clients=6, goes_on=True) as crowd:
        for group, fields in CHANGES.items():
            admin.change(group, **fields)
            changed = time.monotonic()
            crowd.wait_for_later()
    assert (crowd.lost, crowd.refusals, crowd.surprises) == (0, [], [])
    everything = [(True, True, False, True)] * (4 if is_large else 2)
    wait_until(
        lambda: [row[1:] for row in shown(first) + shown(second)] == everything, "all workers apply all settings"
    )
    assert time.monotonic() - changed < WITHIN_S
    assert first.stats().total == second.stats().total == crowd.acknowledged
    admin.change("zone", timezone="Etc/GMT+12")
    wait_until(lambda: all(row[0] == 0 for row in shown(first) + shown(second)), "it is another day")
    assert second.koyjabo("settings").stdout.count(" page ") == 8, "with PUBLIC_URL"
    assert "Traceback" not in first.log + second.log
