"""A running server that sends webhooks: repeats after a crash."""

import uuid
from typing import Any

import pytest
from support.clients.members import Member
from support.programs.processes import wait_until
from support.servers.server import Server
from support.servers.webhook_receiver import LOOPBACK, WebhookReceiver

SETTINGS = {"ENVIRONMENT": "development", "WEBHOOK_ALLOW": LOOPBACK}
SOME, AT_ONCE = 300, 500
MAX_REPEATED = 10

ADD = "INSERT INTO webhook_events (id, type, key, scope, at_ms, data) VALUES "


@pytest.fixture
def server(new_server, sqlite_database) -> Server:
    return new_server(sqlite_database, **SETTINGS).start()


def add(server: Server, *receivers: WebhookReceiver) -> None:
    admin = Member(server, "boss")
    server.database.rows("UPDATE users SET is_admin = true")
    for receiver in receivers:
        admin.call("POST", "/api/webhooks", {"url": receiver.url, "events": ["total.set"]}, status=201)


def record(server: Server, count: int) -> set[str]:
    """Record events, as other transactions do. Returns their ids."""
    ids = [str(uuid.uuid4()) for _ in range(count)]
    for first in range(0, count, AT_ONCE):
        rows = (f"('{id}', 'total.set', '{id}', 'site', {first}, '{{}}')" for id in ids[first : first + AT_ONCE])
        server.database.rows(ADD + ", ".join(rows))
    return set(ids)


def states(server: Server) -> dict[str, int]:
    rows: list[Any] = server.database.rows("SELECT state, count(*) FROM webhook_deliveries GROUP BY state")
    return dict(rows)


@pytest.mark.long(
    proved_by="integrations/webhooks/test_webhook_delivery.py::test_attempt_whose_mark_is_lost_is_made_again_under_the_same_id"
)
def test_kill_9_loses_no_event_and_repeats_few(server, receiver):
    add(server, receiver)
    ids = record(server, SOME)
    receiver.wait_for(SOME // 3)
    server.kill()
    server.database.rows("UPDATE nightly_work SET worker = '' WHERE name = 'webhooks'")  # as if a minute had passed
    server.start()
    wait_until(lambda: states(server) == {"delivered": SOME}, "all are delivered")
    assert set(receiver.ids) == ids
    assert len(receiver.ids) <= SOME + MAX_REPEATED
