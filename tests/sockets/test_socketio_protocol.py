"""Socket.IO, revision 5, as its specification says, packet by packet; the application has handlers of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import socketio
from support.databases import SqliteDatabase
from support.echo_app import HASTY
from support.echo_server import EchoServer, HastyEchoServer
from support.engine_client import Polling, Socket
from support.server import Server

SLACK_S = 4.0


@pytest.fixture(scope="module")
def port(tmp_path_factory, module_sqlite_database):
    yield from serving(EchoServer(module_sqlite_database, tmp_path_factory.mktemp("echo")))


@pytest.fixture(scope="module")
def hasty_port(tmp_path_factory):
    """For those whose silence is what matters."""
    folder = tmp_path_factory.mktemp("hasty")
    yield from serving(HastyEchoServer(SqliteDatabase(folder / "koyjabo.db"), folder))


def serving(server: Server) -> Iterator[int]:
    yield server.start().port
    log = server.log
    server.kill()
    assert "Traceback" not in log, log


@pytest.fixture
def socket(port):
    with connected(port) as socket:
        yield socket


@contextmanager
def connected(port: int) -> Iterator[Socket]:
    """To the main namespace."""
    with Socket(port) as socket:
        socket.send("40")
        assert socket.receive().startswith("40{")
        assert socket.receive() == '42["auth",{}]'
        yield socket


# Connect.


@pytest.mark.parametrize("payload", ["", '{"token":"123"}'], ids=["no payload", "payload"])
@pytest.mark.parametrize("namespace", ["", "/custom,"], ids=["main", "custom"])
def test_connect_is_answered_with_a_sid_and_hands_the_payload_to_the_application(port, namespace, payload):
    with Socket(port) as socket:
        answer = socket.send(f"40{namespace}{payload}").receive()
        assert answer.startswith(f"40{namespace}")
        handshake = json.loads(answer[len(f"40{namespace}") :])
        assert handshake.keys() == {"sid"}
        assert handshake["sid"] != socket.handshake["sid"]
        assert socket.receive() == f'42{namespace}["auth",{payload or "{}"}]'


def test_connect_to_an_unknown_namespace_is_refused_by_the_protocol(port):
    with Socket(port) as socket:
        assert socket.send("40/random").receive() == '44/random,{"message":"Invalid namespace"}'
        assert socket.send("40").receive().startswith("40{"), "the connection is still good for others"


def test_client_hears_why_an_unknown_namespace_is_refused(port):
    client = socketio.Client(reconnection=False)
    said = []
    client.on("connect_error", said.append, namespace="/random")
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(f"http://127.0.0.1:{port}", namespaces=["/random"], wait_timeout=15)
    assert said == [{"message": "Invalid namespace"}]


@pytest.mark.parametrize("packet", ["4abc", '42["message","too early"]', "4", "43[]", "41"])
def test_anything_but_connect_at_first_is_not_served(hasty_port, packet):
    """The connection is closed, or the packet is ignored until the heartbeat closes it; nothing is echoed."""
    with Socket(hasty_port) as socket:
        came = socket.send(packet).until_closed()
    assert [each for each in came if each not in ("2", "1")] == []


def test_client_that_never_connects_to_a_namespace_is_closed(hasty_port):
    began = time.monotonic()
    with Socket(hasty_port) as socket:
        socket.until_closed()
        assert time.monotonic() - began < HASTY["ping_interval"] + HASTY["ping_timeout"] + SLACK_S


def test_connecting_to_a_namespace_twice_is_refused_and_the_first_stays(socket):
    assert socket.send("40").receive().startswith("44{")
    assert socket.send('42["message",1]').receive() == '42["message-back",1]'


# Disconnect.


def test_after_disconnecting_from_the_main_namespace_the_connection_stays_without_it(hasty_port):
    with connected(hasty_port) as socket:
        socket.send("41", '42["message","nobody hears it"]')
        assert socket.receive(pings=True) == "2"


def test_after_disconnecting_from_a_namespace_the_others_go_on(socket):
    socket.send("40/custom")
    assert socket.receive().startswith("40/custom,{")
    assert socket.receive() == '42/custom,["auth",{}]'
    socket.send("41/custom", '42/custom,["message","nobody hears it"]', '42["message","to the main namespace"]')
    assert socket.receive() == '42["message-back","to the main namespace"]'


# Events.


@pytest.mark.parametrize("said", ['1,"2",{"3":[true]}', "", '"ঢাকা"', "null"])
def test_event_comes_back(socket, said):
    comma = "," if said else ""
    answer = socket.send(f'42["message"{comma}{said}]').receive()
    assert answer.startswith("42[")
    assert json.loads(answer[2:]) == json.loads(f'["message-back"{comma}{said}]')


def test_event_is_acknowledged_with_what_the_handler_returns(socket):
    answer = socket.send('42456["message-with-ack",1,"2",{"3":[false]}]').receive()
    assert answer == '43456[1,"2",{"3":[false]}]'


def test_event_with_attachments_comes_back(socket):
    two = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
    socket.send(f'452-["message",{two}]', b"\1\2\3", b"\4\5\6")
    assert [socket.receive() for _ in range(3)] == [f'452-["message-back",{two}]', b"\1\2\3", b"\4\5\6"]


def test_event_with_attachments_is_acknowledged_with_them(socket):
    two = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
    socket.send(f'452-789["message-with-ack",{two}]', b"\1\2\3", b"\4\5\6")
    assert [socket.receive() for _ in range(3)] == [f"462-789[{two}]", b"\1\2\3", b"\4\5\6"]


def test_events_of_a_custom_namespace_come_back_there(socket):
    socket.send("40/custom")
    socket.receive()
    socket.receive()
    assert socket.send('42/custom,["message",1]').receive() == '42/custom,["message-back",1]'


def test_events_and_attachments_by_polling(port):
    session = Polling(port)
    session.post("40")
    packets = []
    while len(packets) < 2:
        packets += session.next_packets()
    session.post('451-7["message-with-ack",{"_placeholder":true,"num":0}]', "bAQIDBA==")
    packets = []
    while len(packets) < 2:
        packets += session.next_packets()
    assert packets == ['461-7[{"_placeholder":true,"num":0}]', "bAQIDBA=="]


# Packets that are none.


@pytest.mark.parametrize(
    "packet",
    ["4abc", "42{}", '42abc["message-with-ack",1]', "4", "42", "42[", "42[]", "49[]", '42["message"', "45x-[]"],
)
def test_invalid_packet_closes_the_connection_at_once(socket, packet):
    socket.send(packet).until_closed()


def test_text_where_an_attachment_belongs_closes_the_connection(socket):
    socket.send('451-["message",{"_placeholder":true,"num":0}]', '42["message",1]').until_closed()


def test_attachment_nobody_announced_closes_the_connection(socket):
    socket.send(b"\1\2\3").until_closed()
