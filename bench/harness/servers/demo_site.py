"""A server with the demo's history in its database, and its pages."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from support.databases.database import SqliteDatabase
from support.programs.processes import wait_until

from harness.folders import ROOT
from harness.reporting.machine import all_cores
from harness.servers.databases import SETTINGS, settings_on
from harness.servers.server import Server
from harness.servers.versions import THIS

sys.path.insert(0, str(ROOT / "tools"))

from demo import cast
from pictures import ADMIN, MEMBER, NOBODY, PAGES, SITE_ADMIN

CROWD, ENOUGH, PATIENCE_S = 60, 40, 120
LEFT_OUT = {"missing", "forbidden"}
"""Entries of PAGES that are error pages."""


class Reader(NamedTuple):
    """A user: the cookies and Authorization header of a session, and values for page paths."""

    cookies: dict[str, str]
    header: dict[str, str]
    names: dict[str, str]


class Subject(NamedTuple):
    """A page to measure."""

    name: str
    path: str
    cookies: dict[str, str]


@contextmanager
def full_site(folder: Path) -> Iterator[Server]:
    """A server as deployed, with the demo's history, one worker and no further activity."""
    settings = settings_on(SqliteDatabase(folder / "koyjabo.db"))
    settings |= {"ADMIN_EMAIL": ADMIN, "ADMIN_PASSWORD": cast.password(SETTINGS["SECRET_KEY"])}
    development = {**settings, "ENVIRONMENT": "development"}
    with Server(THIS.server, development, all_cores(), folder) as server:
        _fill(server, development)
    with Server(THIS.server, settings, all_cores(), folder) as server:
        yield server


def subjects(server: Server, names: tuple[str, ...]) -> list[Subject]:
    """The pages with these names, or all pages except LEFT_OUT if no names are given."""
    password = cast.password(SETTINGS["SECRET_KEY"])
    readers = {who: _log_in(server, who, password) for who in (MEMBER, SITE_ADMIN)} | {NOBODY: Reader({}, {}, {})}
    values = {"visit": str(stats(server)["totalVisits"])}
    values |= _made_by(server, readers[SITE_ADMIN], password)
    return [
        Subject(name, path.format(**values, **readers[who].names), readers[who].cookies)
        for name, (who, path) in PAGES.items()
        if (name in names if names else name not in LEFT_OUT)
    ]


def stats(server: Server) -> dict[str, Any]:
    return json.loads(server.ask("GET", "/api/stats")[1])


def _fill(server: Server, env: dict[str, str]) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "demo", "--url", f"http://localhost:{server.port}", "--people", str(CROWD)],
        cwd=ROOT,
        env={**os.environ, **env, "PYTHONPATH": "tools"},
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: stats(server)["activeUsers"] >= ENOUGH, "the demo brings visitors", PATIENCE_S, 1)
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(30)


def _log_in(server: Server, email: str, password: str) -> Reader:
    status, answer, headers = server.post("/api/auth/login", {"email": email, "password": password})
    assert status == 200, answer
    cookies = dict(cookie.partition(";")[0].split("=", 1) for cookie in headers.get_all("Set-Cookie"))  # type: ignore[attr-defined]
    bearer = {"Authorization": f"Bearer {json.loads(answer)['access_token']}"}
    communities = json.loads(server.ask("GET", "/api/communities?per_page=100", headers=bearer)[1])
    (community,) = (community["id"] for community in communities if community["name"] == cast.GUIDE.community)
    return Reader(cookies, bearer, {"community": community, "user": json.loads(answer)["user"]["id"]})


def _made_by(server: Server, admin: Reader, password: str) -> dict[str, str]:
    """Create two share links, one with a password, and a webhook. Returns their tokens and id."""
    requests = {
        "share": ("shares", "token", {"name": "share", "filters": {"channel": ["search"]}}),
        "locked": ("shares", "token", {"name": "locked", "password": password}),
        "webhook": ("webhooks", "id", {"url": "https://hooks.example.com/koyjabo", "events": ["total.set"]}),
    }
    made = {}
    for name, (kind, field, fields) in requests.items():
        status, answer, _ = server.post(f"/api/{kind}", fields, admin.header)
        assert status == 201, answer
        made[name] = json.loads(answer)[field]
    return made
