"""python-socketio's client, on every transport it has."""

from __future__ import annotations

import threading

import pytest
import socketio
from support.echo_server import EchoServer
from support.listener import SocketioListener, leave

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


def test_binary_and_namespaces_of_an_application(tmp_path, sqlite_database):
    """And a client hears why an unknown namespace is refused."""
    server = EchoServer(sqlite_database, tmp_path).start()
    client, heard, refusals = socketio.Client(reconnection=False), {}, []
    came = {name: threading.Event() for name in ("/", "/custom")}

    def note(namespace: str, *said: object) -> None:
        heard[namespace] = said
        came[namespace].set()

    for name in came:
        client.on("message-back", lambda *said, name=name: note(name, *said), namespace=name)
    said = (1, "ঢাকা", {"binary": b"\0\1\2", "list": [b"\3"]})
    try:
        client.connect(server.url, namespaces=list(came), wait_timeout=15)
        client.emit("message", said)
        client.emit("message", "two", namespace="/custom")
        assert all(each.wait(10) for each in came.values())
        assert heard == {"/": said, "/custom": ("two",)}
        assert client.call("message-with-ack", ({"a": b"\4"}, 2), timeout=10) == ({"a": b"\4"}, 2)
        other = socketio.Client(reconnection=False)
        other.on("connect_error", refusals.append, namespace="/random")
        with pytest.raises(socketio.exceptions.ConnectionError):
            other.connect(server.url, namespaces=["/random"], wait_timeout=15)
        assert refusals == [{"message": "Invalid namespace"}]
    finally:
        leave(client)
        server.kill()


@pytest.mark.long(
    proved_by="sockets/test_socketio_clients.py::test_updates_and_acknowledgements_come_by_every_transport"
)
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
