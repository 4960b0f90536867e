"""Silent clients end; those whose answer has not been read yet do not, as after a pause of the machine."""

from __future__ import annotations

import socket

import pytest

from koyjabo.realtime.frames import PONG, frame
from koyjabo.runtime import ThreadRuntime
from koyjabo.server.websockets import connection_loop
from koyjabo.server.websockets.connection import Connection
from koyjabo.server.websockets.connection_loop import ConnectionLoop


class PausedPoller:
    """Has not looked at any file yet."""

    def add(self, fd: int, watcher: object, events: int) -> None: ...

    def change(self, fd: int, events: int) -> None: ...

    def remove(self, fd: int) -> None: ...


class Everybody:
    """An owner of connections that answer pings."""

    largest_message = 1024
    pings = True

    def received(self, connection: Connection, message: str | bytes) -> None: ...

    def ended(self, connection: Connection, code: int) -> None: ...


@pytest.fixture
def loop(monkeypatch):
    monkeypatch.setattr(connection_loop, "PING_INTERVAL_S", 0.0)
    monkeypatch.setattr(connection_loop, "PING_TIMEOUT_S", 0.0)
    return ConnectionLoop(ThreadRuntime(), PausedPoller(), most=10, most_an_address=10)


@pytest.fixture
def pair():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    with theirs, ours:
        yield ours, theirs


def test_pong_that_waits_to_be_read_keeps_the_client(loop, pair):
    ours, theirs = pair
    connection = loop.add(ours, "", Everybody(), b"", b"")
    connection.start()
    loop.sweep()
    assert theirs.recv(16) == frame("", 0x9)
    theirs.sendall(masked_pong())
    loop.sweep()
    assert connection.is_open


def test_client_without_a_pong_is_dropped(loop, pair):
    connection = loop.add(pair[0], "", Everybody(), b"", b"")
    connection.start()
    loop.sweep()
    loop.sweep()
    assert not connection.is_open
    assert len(loop) == 0


def masked_pong() -> bytes:
    """With a mask of zeros, as clients have to mask (RFC 6455, 5.1)."""
    opcode, length = frame("", PONG)
    return bytes([opcode, 0x80 | length]) + bytes(4)
