"""python-socketio's client, on every transport it has."""

from __future__ import annotations

import threading

import pytest
import socketio
from support.echo_server import EchoServer
from support.listener import SocketioListener, leave
from support.processes import wait_until

TRANSPORTS = [["polling"], ["websocket"], ["polling", "websocket"]]
in_all_ways = pytest.mark.parametrize("transports", TRANSPORTS, ids="+".join)


@pytest.fixture(scope="module")
def echo_port(tmp_path_factory, module_sqlite_database):
    server = EchoServer(module_sqlite_database, tmp_path_factory.mktemp("echo")).start()
    yield server.port
    server.kill()


@in_all_ways
def test_updates_and_acknowledgements_come_by_every_transport(sqlite_server, transports):
    with SocketioListener(sqlite_server.port, transports=transports) as page:
        before = page.first()
        assert page.transport == transports[-1]
        assert page.ask("ping")["ok"] is True
        for number in range(3):
            stats = sqlite_server.register(f"v{number}").stats
            assert page.wait_for_total(stats.total) == stats
        assert page.ask("request_count")["stats"] == sqlite_server.stats().raw
        revisions = [stats.revision for stats in page.updates[:4]]
        assert revisions == sorted({before.revision, *revisions})


@in_all_ways
def test_client_that_disconnects_is_gone_and_may_come_again(sqlite_server, transports):
    for _ in range(3):
        with SocketioListener(sqlite_server.port, transports=transports) as page:
            assert page.first() == sqlite_server.stats()


@in_all_ways
def test_events_with_binary_and_acknowledgements_of_an_application(echo_port, transports):
    client = socketio.Client(reconnection=False)
    heard, came = [], threading.Event()
    client.on("message-back", lambda *said: (heard.append(said), came.set()))
    client.connect(f"http://127.0.0.1:{echo_port}", transports=transports, wait_timeout=15)
    try:
        client.emit("message", (1, "ঢাকা", {"binary": b"\0\1\2", "list": [b"\3"]}))
        assert came.wait(5)
        assert heard == [(1, "ঢাকা", {"binary": b"\0\1\2", "list": [b"\3"]})]
        assert client.call("message-with-ack", ({"a": b"\4"}, 2), timeout=5) == ({"a": b"\4"}, 2)
    finally:
        leave(client)


def test_namespaces_of_an_application_live_beside_each_other(echo_port):
    client = socketio.Client(reconnection=False)
    heard = []
    for namespace in ("/", "/custom"):
        client.on(
            "message-back", lambda said, namespace=namespace: heard.append((namespace, said)), namespace=namespace
        )
    client.connect(f"http://127.0.0.1:{echo_port}", namespaces=["/", "/custom"], wait_timeout=15)
    try:
        client.emit("message", "one", namespace="/")
        client.emit("message", "two", namespace="/custom")
        wait_until(lambda: sorted(heard) == [("/", "one"), ("/custom", "two")], "each hears its own")
    finally:
        leave(client)


def test_unknown_namespace_is_refused(sqlite_server):
    client = socketio.Client(reconnection=False)
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(f"http://127.0.0.1:{sqlite_server.port}", namespaces=["/admin"], wait_timeout=15)
    assert not client.connected


def test_100_clients_connect_at_once_and_all_hear_the_next_visit(sqlite_server):
    """With the upgrades of all of them on the way."""
    pages, failed = [], []

    def connect():
        try:
            pages.append(SocketioListener(sqlite_server.port, agent="one of many"))
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=connect) for _ in range(100)]
    for thread in threads:
        thread.start()
    numbers = [sqlite_server.register(f"meanwhile-{number}").ordinal for number in range(20)]
    for thread in threads:
        thread.join()
    assert failed == []
    try:
        total = sqlite_server.register("afterwards").ordinal
        assert total == numbers[-1] + 1
        for page in pages:
            page.wait_for_total(total)
            revisions = [stats.revision for stats in page.updates]
            assert sorted(set(revisions)) == sorted(revisions), "the same value twice"
    finally:
        for page in pages:
            page.close()
