"""python-socketio's client, on every transport it has."""

from __future__ import annotations

import pytest
from support.listener import SocketioListener

POLLING, WEBSOCKET, BOTH = ["polling"], ["websocket"], ["polling", "websocket"]


@pytest.mark.parametrize("transports", [POLLING, WEBSOCKET, BOTH], ids="+".join)
def test_updates_and_acknowledgements_come_by_every_transport(sqlite_server, transports):
    """To a client that comes again, too."""
    for _ in range(2):
        with SocketioListener(sqlite_server.port, transports=transports) as page:
            before = page.first()
            assert before == sqlite_server.stats()
            assert page.transport == transports[-1]
            assert page.ask("ping")["ok"] is True
            for number in range(3):
                stats = sqlite_server.register(f"v{number}").stats
                assert page.wait_for_total(stats.total) == stats
            assert page.ask("request_count")["stats"] == sqlite_server.stats().raw
            revisions = [stats.revision for stats in page.updates[:4]]
            assert revisions == sorted({before.revision, *revisions})
