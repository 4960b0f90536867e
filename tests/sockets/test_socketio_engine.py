"""Engine.IO, revision 4, as its specification says, packet by packet; the application echoes what it is sent."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import websocket
from support.databases import SqliteDatabase
from support.echo_app import HASTY, MOST_BYTES
from support.echo_server import EchoEngineServer, HastyEchoEngineServer
from support.engine_client import CLOSE, MESSAGE, NOOP, PING, PONG, UPGRADE, Polling, Socket, url
from support.server import Server

pytestmark = pytest.mark.waits

PING_INTERVAL_MS, PING_TIMEOUT_MS = 25_000, 20_000
INTERVAL_S, TIMEOUT_S = HASTY["ping_interval"], HASTY["ping_timeout"]
SLACK_S = 4.0
"""Of a machine that is busy with other tests."""


@pytest.fixture(scope="module")
def port(tmp_path_factory, module_sqlite_database):
    yield from serving(EchoEngineServer(module_sqlite_database, tmp_path_factory.mktemp("echo")))


@pytest.fixture(scope="module")
def hasty_port(tmp_path_factory):
    """For those whose silence is what matters."""
    folder = tmp_path_factory.mktemp("hasty")
    yield from serving(HastyEchoEngineServer(SqliteDatabase(folder / "koyjabo.db"), folder))


def serving(server: Server) -> Iterator[int]:
    yield server.start().port
    log = server.log
    server.kill()
    assert "Traceback" not in log, log


def assert_handshake(handshake, upgrades):
    assert handshake.keys() == {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
    assert isinstance(handshake["sid"], str)
    assert handshake["upgrades"] == upgrades
    assert (handshake["pingInterval"], handshake["pingTimeout"]) == (PING_INTERVAL_MS, PING_TIMEOUT_MS)
    assert handshake["maxPayload"] == MOST_BYTES


# Handshake.


@pytest.mark.parametrize("query", ["j=0", "j=", "EIO=4&j=5&transport=polling"])
def test_jsonp_is_off(port, query):
    """A script of another site could read it."""
    address = f"http://127.0.0.1:{port}/socket.io/?EIO=4&transport=polling&{query}"
    answer = requests.get(address, timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/plain")
    assert "___eio" not in answer.text
    assert requests.post(address, data="d=40", timeout=10).status_code == 400


def test_handshake_by_polling_says_what_the_client_needs(port):
    assert_handshake(Polling(port).handshake, ["websocket"])


def test_handshake_by_websocket_says_what_the_client_needs(port):
    with Socket(port) as socket:
        assert_handshake(socket.handshake, [])


@pytest.mark.parametrize(
    "query",
    [{"EIO": None}, {"EIO": "abc"}, {"EIO": "3"}, {"transport": None}, {"transport": "abc"}],
    ids=["no EIO", "EIO=abc", "EIO=3", "no transport", "transport=abc"],
)
@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_handshake_with_a_wrong_query_is_refused_with_400(port, scheme, query):
    if scheme == "http":
        assert requests.get(url(port, **query), timeout=5).status_code == 400
    else:
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            websocket.create_connection(url(port, None, "ws", **query), timeout=5)
        assert refused.value.status_code == 400


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_handshake_by_another_method_is_refused_with_400(port, method):
    assert requests.request(method, url(port), timeout=5).status_code == 400


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_session_nobody_opened_is_refused_with_400(port, method):
    assert requests.request(method, url(port, "no-such-sid"), timeout=5).status_code == 400


def test_websocket_transport_without_an_upgrade_is_refused_with_400(port):
    assert requests.get(url(port, transport="websocket"), timeout=5).status_code == 400


# Messages.


@pytest.mark.parametrize(
    "packets",
    [["4hello"], ["4test1", "4test2", "4test3"], ["4hello", "b" + base64.b64encode(b"\1\2\3\4").decode()], ["4ঢাকা"]],
    ids=["text", "several", "binary", "not ASCII"],
)
def test_payload_is_posted_answered_with_ok_and_comes_back_by_polling(port, packets):
    session = Polling(port)
    posted = session.post(*packets)
    assert (posted.status_code, posted.text) == (200, "ok")
    received = []
    while len(received) < len(packets):
        received += session.next_packets()
    assert sorted(received) == sorted(packets)


@pytest.mark.parametrize("packet", ["4hello", "4ঢাকা", "4", b"\1\2\3\4", b""], ids=str)
def test_message_comes_back_by_websocket(port, packet):
    with Socket(port) as socket:
        if packet == b"":
            pytest.skip("websocket-client does not tell an empty message from the end")
        assert socket.send(packet).receive() == packet


def test_messages_come_back_in_order_by_websocket(port):
    sent = [f"4{number}" for number in range(200)]
    with Socket(port) as socket:
        for packet in sent:
            assert socket.send(packet).receive() == packet


@pytest.mark.parametrize("packet", ["abc", "x", "9", "4ok" + "\x1e" + "abc"], ids=["abc", "x", "9", "second of two"])
def test_invalid_packet_closes_the_session_by_polling(port, packet):
    session = Polling(port)
    assert session.post(packet).status_code == 400
    assert session.get().status_code == 400


@pytest.mark.parametrize("packet", ["abc", "x", "9"])
def test_invalid_packet_closes_the_session_by_websocket(port, packet):
    with Socket(port) as socket:
        socket.send(packet).until_closed()


def test_second_poll_at_the_same_time_closes_the_session(port):
    session = Polling(port)
    with ThreadPoolExecutor(2) as pool:
        answers = [each.result() for each in [pool.submit(session.get) for _ in range(2)]]
    first, second = sorted(answers, key=lambda answer: answer.status_code)  # whichever came first
    assert (first.status_code, first.text) == (200, CLOSE)
    assert second.status_code == 400
    assert session.get().status_code == 400


def test_body_over_the_limit_is_refused(port):
    session = Polling(port)
    assert session.post(MESSAGE + "a" * MOST_BYTES).status_code in (400, 413)
    assert session.get().status_code == 400


def test_message_as_large_as_the_driver_allows_comes_back(port):
    packet = MESSAGE + "a" * 100_000
    with Socket(port) as socket:
        assert socket.send(packet).receive() == packet


# Heartbeat.


def test_pings_come_by_polling_for_as_long_as_they_are_answered(hasty_port):
    session = Polling(hasty_port)
    for _ in range(3):
        asked_at = time.monotonic()
        assert session.poll() == [PING]
        assert time.monotonic() - asked_at < INTERVAL_S + SLACK_S
        assert session.post(PONG).status_code == 200


def test_pings_come_by_websocket_for_as_long_as_they_are_answered(hasty_port):
    answered_at = time.monotonic()
    with Socket(hasty_port) as socket:
        for _ in range(3):
            assert socket.receive(pings=True) == PING
            assert INTERVAL_S / 2 < time.monotonic() - answered_at < INTERVAL_S + SLACK_S
            answered_at = time.monotonic()
            socket.send(PONG)


def test_session_without_a_pong_is_closed_by_polling(hasty_port):
    session = Polling(hasty_port)
    time.sleep(INTERVAL_S + TIMEOUT_S)  # exactly as long as the handshake said
    assert session.get().status_code == 400


def test_session_without_a_pong_is_closed_by_websocket(hasty_port):
    began = time.monotonic()
    with Socket(hasty_port) as socket:
        assert socket.until_closed() in ([PING], [PING, CLOSE])
        assert INTERVAL_S < time.monotonic() - began < INTERVAL_S + TIMEOUT_S + SLACK_S


# Close.


def test_close_packet_by_polling_ends_the_poll_that_waits_with_noop(port):
    session = Polling(port)
    waiting = []
    poll = threading.Thread(target=lambda: waiting.append(session.get()))
    poll.start()
    time.sleep(0.05)
    assert session.post(CLOSE).status_code == 200
    poll.join()
    assert (waiting[0].status_code, waiting[0].text) == (200, NOOP)
    assert session.get().status_code == 400


def test_close_packet_by_polling_that_overtakes_its_poll_is_answered_the_same_once(port):
    session = Polling(port)
    assert session.post(CLOSE).status_code == 200
    answers = [session.get(), session.get()]
    assert [(answer.status_code, answer.text) for answer in answers[:1]] == [(200, NOOP)]
    assert answers[1].status_code == 400


def test_close_packet_by_websocket_closes_the_connection(port):
    with Socket(port) as socket:
        assert socket.send(CLOSE).until_closed() == []


# Upgrade.


def test_upgrade_ends_the_poll_that_waits_with_noop_and_then_all_goes_by_websocket(port):
    session = Polling(port)
    waiting = []
    poll = threading.Thread(target=lambda: waiting.append(session.get()))
    poll.start()
    with Socket(port, session.sid) as socket:
        assert socket.send(f"{PING}probe").receive() == f"{PONG}probe"
        poll.join()
        assert (waiting[0].status_code, waiting[0].text) == (200, NOOP)
        assert socket.send(UPGRADE, "4hello").receive() == "4hello"


def test_poll_during_an_upgrade_ends_with_noop(port):
    session = Polling(port)
    with Socket(port, session.sid) as socket:
        assert socket.send(f"{PING}probe").receive() == f"{PONG}probe"
        assert session.poll() == [NOOP]
        assert socket.send(UPGRADE, "4hello").receive() == "4hello"


def test_what_was_sent_before_the_upgrade_is_not_lost(port):
    session = Polling(port)
    session.post("4before")
    with Socket(port, session.sid) as socket:
        socket.send(f"{PING}probe")
        assert socket.receive() == f"{PONG}probe"
        polled = session.poll()
        socket.send(UPGRADE, "4after")
        received = [packet for packet in polled if packet != NOOP]
        while "4after" not in received:
            received.append(socket.receive())
    assert [packet for packet in received if packet != NOOP] == ["4before", "4after"]


def test_http_with_the_same_sid_is_refused_after_the_upgrade_and_the_websocket_goes_on(port):
    session = Polling(port)
    with Socket(port, session.sid) as socket:
        socket.send(f"{PING}probe", UPGRADE)
        assert socket.receive() == f"{PONG}probe"
        assert socket.send("4upgraded").receive() == "4upgraded"
        assert session.get().status_code == 400
        assert session.post("4hello").status_code == 400
        assert socket.send("4hello").receive() == "4hello"


def test_second_websocket_with_the_same_sid_is_closed_after_the_upgrade_and_the_first_goes_on(port):
    """It is accepted first: a browser would show a refusal as an error without a reason."""
    session = Polling(port)
    with Socket(port, session.sid) as socket:
        socket.send(f"{PING}probe", UPGRADE)
        assert socket.receive() == f"{PONG}probe"
        assert socket.send("4upgraded").receive() == "4upgraded"
        with Socket(port, session.sid) as second:
            assert second.until_closed() == []
        assert socket.send("4hello").receive() == "4hello"


@pytest.mark.parametrize("packet", ["4hello", PING, UPGRADE, "abc"])
def test_websocket_that_does_not_probe_is_closed_and_polling_goes_on(port, packet):
    session = Polling(port)
    with Socket(port, session.sid) as socket:
        assert socket.send(packet).until_closed() == []
    session.post(PONG, "4hello")
    assert "4hello" in session.next_packets()


def test_websocket_that_goes_away_while_it_upgrades_leaves_polling_as_it_was(port):
    session = Polling(port)
    with Socket(port, session.sid) as socket:
        assert socket.send(f"{PING}probe").receive() == f"{PONG}probe"
    session.post(PONG, "4hello")
    assert "4hello" in session.next_packets()
