"""Engine.IO 4 and Socket.IO 5 packet by packet, as specified, with an application's handlers."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from support.clients.engine_client import CLOSE, NOOP, OPEN, PING, PONG, UPGRADE, Polling, url
from support.programs.patience import SILENT_PATIENCE_S
from support.programs.processes import ROOT
from support.servers.echo_app import MAX_BYTES
from support.servers.server import Server
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

SAID, HEARD = '42["message",1]', '42["message-back",1]'
TWO = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'


class Socket:
    """A WebSocket to Engine.IO. With `sid`, it upgrades that polling session."""

    def __init__(self, port: int, sid: str | None = None) -> None:
        self.socket = connect(url(port, sid, "ws"), open_timeout=SILENT_PATIENCE_S, ping_interval=None, proxy=None)
        if sid is None:
            opened = self.receive()
            assert opened[0] == OPEN
            self.handshake = json.loads(opened[1:])

    def __enter__(self) -> "Socket":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *packets: str | bytes) -> "Socket":
        for packet in packets:
            self.socket.send(packet)
        return self

    def receive(self) -> str | bytes:
        """The next packet. Answers pings before it."""
        while (packet := self.socket.recv(SILENT_PATIENCE_S)) == PING:
            self.socket.send(PONG)
        return packet

    def packets_until_close(self) -> list[str | bytes]:
        return list(self.socket)


@pytest.fixture(scope="module")
def port(tmp_path_factory, module_sqlite_database) -> Iterator[int]:
    server = Server(module_sqlite_database, tmp_path_factory.mktemp("echo"))
    server.program = (str(ROOT / "tests" / "support" / "servers" / "echo_app.py"),)
    server.start()
    yield server.port
    log = server.log
    server.kill()
    assert "Traceback" not in log, log


@pytest.fixture
def session(port) -> Polling:
    session = Polling(port)
    session.post("40")
    assert next_packets(session, 2)[1] == '42["auth",{}]'
    return session


@pytest.fixture
def socket(port) -> Iterator[Socket]:
    with Socket(port) as socket:
        assert socket.send("40").receive().startswith("40{")
        assert socket.receive() == '42["auth",{}]'
        yield socket


@pytest.fixture
def while_it_polls(session) -> Callable[[Callable[[], object]], tuple[int, str]]:
    """`while_it_polls(act)` returns the response to a poll that waits while `act` runs."""

    def polled(act: Callable[[], object]) -> tuple[int, str]:
        with ThreadPoolExecutor(1) as pool:
            poll = pool.submit(session.get)
            time.sleep(0.05)  # a later poll gets the same response
            act()
            return poll.result().status_code, poll.result().text

    return polled


def next_packets(session: Polling, count: int) -> list[str]:
    packets: list[str] = []
    while len(packets) < count:
        packets += session.next_packets()
    return packets


def assert_ended(session: Polling) -> None:
    assert session.get().status_code == 400


def test_an_engineio_handshake_contains_the_session_and_its_intervals(port):
    with Socket(port) as socket:
        for handshake, upgrades in ((Polling(port).handshake, ["websocket"]), (socket.handshake, [])):
            sid = handshake.pop("sid")
            assert isinstance(sid, str)
            expected = {"upgrades": upgrades, "pingInterval": 25_000, "pingTimeout": 20_000, "maxPayload": MAX_BYTES}
            assert handshake == expected


def test_an_invalid_engineio_request_gets_400(port):
    """JSONP is refused as well: another site's script could read the response."""
    wrong = [{"EIO": None}, {"EIO": "abc"}, {"EIO": "3"}, {"transport": None}, {"transport": "abc"}]
    asked = [("GET", url(port, **query)) for query in [*wrong, {"transport": "websocket"}, {"j": "0"}, {"j": ""}]]
    asked += [("POST", url(port)), ("PUT", url(port)), ("POST", url(port, j="0"))]
    asked += [(method, url(port, "no-such-sid")) for method in ("GET", "POST")]
    with httpx.Client(trust_env=False, timeout=SILENT_PATIENCE_S) as http:
        answers = {request: http.request(*request, data={"d": "40"}) for request in asked}
    assert {query: answer.status_code for query, answer in answers.items()} == dict.fromkeys(asked, 400)
    assert not [query for query, answer in answers.items() if "___eio" in answer.text]
    assert "version 3 or newer" in answers["GET", url(port, EIO="3")].text
    for query in wrong:
        with pytest.raises(InvalidStatus) as refused:
            connect(url(port, None, "ws", **query), open_timeout=SILENT_PATIENCE_S, proxy=None)
        assert refused.value.response.status_code == 400, query


def test_a_posted_payload_is_echoed_by_polling(session):
    dhaka = json.dumps("ঢাকা")
    posted = session.post(SAID, '42["message","ঢাকা"]', '451-["message",{"_placeholder":true,"num":0}]', "bAQIDBA==")
    assert (posted.status_code, posted.text) == (200, "ok")
    expected = [f'42["message-back",{dhaka}]', HEARD, '451-["message-back",{"_placeholder":true,"num":0}]', "bAQIDBA=="]
    received = next_packets(session, 4)
    assert sorted(received) == sorted(expected)
    assert received.index(expected[3]) == received.index(expected[2]) + 1, "what is attached follows"


@pytest.mark.parametrize(
    "posted", [["9"], [SAID, "abc"], ["4" + "a" * MAX_BYTES]], ids=["no packet", "second of two", "too long"]
)
def test_an_invalid_packet_closes_the_polling_session(session, posted):
    assert session.post(*posted).status_code in (400, 413)
    assert_ended(session)


def test_a_second_poll_at_the_same_time_closes_the_session(session):
    with ThreadPoolExecutor(2) as pool:
        answers = [future.result() for future in [pool.submit(session.get) for _ in range(2)]]
    first, second = sorted(answers, key=lambda answer: answer.status_code)  # whichever came first
    assert (first.status_code, first.text, second.status_code) == (200, CLOSE, 400)
    assert_ended(session)


def test_a_close_packet_ends_the_waiting_poll_with_noop(session, while_it_polls):
    assert while_it_polls(lambda: session.post(CLOSE)) == (200, NOOP)
    assert_ended(session)


def probe(socket: Socket) -> None:
    assert socket.send(f"{PING}probe").receive() == f"{PONG}probe"


def test_an_upgrade_ends_the_waiting_poll_and_loses_no_message(port, session, while_it_polls):
    with Socket(port, session.sid) as socket:
        assert while_it_polls(lambda: probe(socket)) == (200, NOOP)
        session.post('42["message","before"]')
        received = session.poll()  # ends at once during the upgrade
        socket.send(UPGRADE, SAID)
        while HEARD not in received:
            received.append(socket.receive())
    assert [packet for packet in received if packet != NOOP] == ['42["message-back","before"]', HEARD]


def test_a_session_can_be_used_only_by_its_websocket_after_an_upgrade(port, session):
    """A WebSocket is accepted first: a browser would show a refusal as an error without a reason."""
    with Socket(port, session.sid) as socket:
        probe(socket)
        assert socket.send(UPGRADE, SAID).receive() == HEARD
        assert (session.get().status_code, session.post(SAID).status_code) == (400, 400)
        with Socket(port, session.sid) as second:
            assert second.packets_until_close() == []
        assert socket.send(SAID).receive() == HEARD


def test_connect_is_the_first_packet_and_returns_a_sid(port):
    with Socket(port) as socket:
        socket.send(SAID, '420["message-with-ack"]', "41")  # ignored
        for namespace, payload in (("", '{"token":"123"}'), ("/custom,", "")):
            answer = socket.send(f"40{namespace}{payload}").receive()
            assert answer.startswith(f"40{namespace}")
            handshake = json.loads(answer[len(f"40{namespace}") :])
            assert handshake.keys() == {"sid"}
            assert handshake["sid"] != socket.handshake["sid"]
            assert socket.receive() == f'42{namespace}["auth",{payload or "{}"}]'
        assert socket.send('42/custom,["message",1]').receive() == '42/custom,["message-back",1]'


def test_an_event_is_acknowledged_with_the_result_and_attachments_of_its_handler(socket):
    for arguments in (',1,"2",{"3":[true]}', "", ',"ঢাকা"', ",null"):
        answer = socket.send(f'42["message"{arguments}]').receive()
        assert json.loads(answer.removeprefix("42")) == json.loads(f'["message-back"{arguments}]')
    assert socket.send('42456["message-with-ack",1,"2",{"3":[false]}]').receive() == '43456[1,"2",{"3":[false]}]'
    for sent, received in (
        (f'452-["message",{TWO}]', f'452-["message-back",{TWO}]'),
        (f'452-789["message-with-ack",{TWO}]', f"462-789[{TWO}]"),
    ):
        socket.send(sent, b"\1\2\3", b"\4\5\6")
        assert [socket.receive() for _ in range(3)] == [received, b"\1\2\3", b"\4\5\6"]
