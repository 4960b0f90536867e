"""Socket.IO clients that poll count like all others, whatever they say they would upgrade to."""

from __future__ import annotations

import json

import pytest
from support.changed_server import changed_server
from support.engine_client import PATH, url
from support.line import Line

pytestmark = pytest.mark.waits

MOST = 3
FORWARDED = "X-Forwarded-For: 203.0.113.7"
UPGRADES = (("Upgrade: x",), ("Upgrade: websocket",), ("Upgrade: websocket", "Connection: Upgrade"))


def test_polling_client_is_counted_whatever_it_would_upgrade_to(tmp_path):
    with changed_server(tmp_path, TRUSTED_PROXIES=1, RATE_LIMIT_SOCKETS=MOST) as server:
        came = [opened(server.port, *upgrade) for upgrade in UPGRADES]
        assert all(came), "there is room for so many"
        assert [opened(server.port, *upgrade) for upgrade in UPGRADES] == [None] * len(UPGRADES)
        for sid in came:
            goodbye(server, sid)
        assert not any(server.held().values()), "their places are free again"


def opened(port: int, *headers: str) -> str | None:
    """The session of a new client that polls; None for one that is refused."""
    with Line(port) as line:
        answer = line.ask("GET", f"{PATH}?EIO=4&transport=polling", FORWARDED, *headers)
    assert answer.status in (200, 401), answer
    return json.loads(answer.body[1:])["sid"] if answer.status == 200 else None


def goodbye(server, sid: str | None) -> None:
    at = url(server.port, sid).removeprefix(server.url)
    assert server.post(at, data="1").status_code == 200
    server.get(at)
