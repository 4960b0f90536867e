"""Clients that have gone without a word, and those that have been here long enough: found by the sweep of pings."""

from __future__ import annotations

import time

import pytest
from support.changed_server import changed_server
from support.listeners import Listeners
from support.processes import suspended, wait_until
from support.websocket import CLOSE, KINDS, PING, PONG, SOCKETIO, WebSocket, close, frame, say

pytestmark = pytest.mark.waits

GOING_AWAY, ABUSE = 1001, 1008
INTERVAL_S, TIMEOUT_S = 0.8, 0.7
PATIENT_INTERVAL_S, PATIENT_TIMEOUT_S = 2.0, 3.0
"""For those who are to answer in time, whatever else the machine has to do."""

SWEEP_S = 0.05
SOME_S = 3.0
"""For a machine that is busy with other tests."""

ROUNDS = 2
"""In which who was not taken to have answered would be dropped."""

MOST_FRAMES = 500
OPEN = "/socket.io/?EIO=4&transport=polling"
CONNECTIONS = "koyjabo.server.websockets.connection_loop"
LONGEST_LIFE, SPREAD = f"{CONNECTIONS}.LONGEST_LIFE_S", f"{CONNECTIONS}.SPREAD"


def pings(interval_s: float, timeout_s: float) -> dict[str, float]:
    return {
        f"{CONNECTIONS}.PING_INTERVAL_S": interval_s,
        f"{CONNECTIONS}.PING_TIMEOUT_S": timeout_s,
        f"{CONNECTIONS}.CLOSE_TIMEOUT_S": timeout_s,
        f"{CONNECTIONS}.SWEEP_INTERVAL_S": SWEEP_S,
        "koyjabo.server.websockets.engineio.UPGRADE_TIMEOUT_S": timeout_s,
        "socketio.ping_interval": interval_s,
        "socketio.ping_timeout": timeout_s,
    }


SHORT_PINGS = pings(INTERVAL_S, TIMEOUT_S)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with changed_server(tmp_path_factory.mktemp("server"), SHORT_PINGS) as server:
        yield server


@pytest.fixture(scope="module")
def patient_server(tmp_path_factory):
    with changed_server(
        tmp_path_factory.mktemp("patient"), pings(PATIENT_INTERVAL_S, PATIENT_TIMEOUT_S)
    ) as patient_server:
        yield patient_server


@pytest.mark.parametrize("kind", KINDS)
def test_client_that_answers_no_ping_is_dropped(server, kind):
    born = time.monotonic()
    with KINDS[kind](server.port) as client:
        client.event()
        pinged = client.frame()
        assert pinged.opcode == PING or pinged.payload == b"2"
        client.rest()
        lived_s = time.monotonic() - born
    assert INTERVAL_S + TIMEOUT_S - SWEEP_S < lived_s < INTERVAL_S + TIMEOUT_S + SOME_S
    wait_until(lambda: not any(server.held().values()), "nothing is left of it")


@pytest.mark.parametrize("kind", KINDS)
def test_client_that_answers_pings_stays(patient_server, kind):
    with KINDS[kind](patient_server.port) as client:
        client.event()
        for _ in range(ROUNDS):
            answer_a_ping(client)
        assert patient_server.held()["members"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_client_that_answers_while_its_worker_is_stopped_stays(patient_server, kind):
    """As on a machine that is put to sleep, or moved: the answer is there before anybody looks for it."""
    with KINDS[kind](patient_server.port) as client:
        client.event()
        said = client.frame()
        with suspended([patient_server.worker]):
            assert answer(client, said)
            time.sleep(PATIENT_INTERVAL_S + PATIENT_TIMEOUT_S + 1)  # and it is late enough for the sweep to see it
        answer_a_ping(client)


def test_client_that_says_anything_at_all_is_alive(patient_server):
    """A plain one: whatever comes after a ping is as good as a pong."""
    with WebSocket(patient_server.port) as client:
        client.event()
        for _ in range(ROUNDS):
            assert client.frame().opcode == PING
            client.send(say(type="ping"))
            assert client.event()["type"] == "pong"


@pytest.mark.parametrize("kind", KINDS)
def test_client_may_send_as_much_again_after_each_ping(patient_server, kind):
    """What is a flood in one interval is not one in a day."""
    with KINDS[kind](patient_server.port) as client:
        client.event()
        for _ in range(ROUNDS):
            client.send(frame("", PONG) * (MOST_FRAMES // 2))
            answer_a_ping(client)
        assert client.is_answered()


def test_listening_crowd_stays_and_the_silent_ones_among_it_are_dropped(patient_server):
    silent = [KINDS[kind](patient_server.port) for kind in list(KINDS) * 3]
    with Listeners(patient_server.port, 60) as crowd:
        crowd.hear_first()
        crowd.run_for(ROUNDS * (PATIENT_INTERVAL_S + PATIENT_TIMEOUT_S))
        assert patient_server.held()["members"] == 60
    for each in silent:
        each.rest()
        each.end()
    wait_until(lambda: not any(patient_server.held().values()), "nothing is left of them")


def test_polling_client_that_does_not_come_back_is_dropped(server):
    open_polling(server)
    wait_until(lambda: server.held()["members"] == 1, "it is a member")
    wait_until(lambda: not any(server.held().values()), "nothing is left of it", INTERVAL_S + TIMEOUT_S + SOME_S)


def test_polling_client_that_polls_but_answers_no_ping_is_dropped(server):
    sid = open_polling(server)
    assert "visitor_update" in poll_until(server, sid, "42")
    assert "2" in poll_until(server, sid, "2")
    wait_until(lambda: not server.get(f"{OPEN}&sid={sid}").ok, "its session is no more", TIMEOUT_S + SOME_S)
    wait_until(lambda: not any(server.held().values()), "nothing is left of it")


def test_polling_client_that_answers_pings_stays(patient_server):
    sid = open_polling(patient_server)
    poll_until(patient_server, sid, "42")
    for _ in range(ROUNDS):
        answer_a_poll(patient_server, sid)
    assert patient_server.held()["members"] == 1
    end_polling(patient_server, sid)


def test_websocket_that_does_not_finish_its_upgrade_is_closed_and_its_client_goes_on_polling(tmp_path):
    """Its pings are slower than those of the others: it does not poll while it waits to be closed."""
    slow = {"socketio.ping_interval": SOME_S / 2, "socketio.ping_timeout": SOME_S}
    with changed_server(tmp_path, {**SHORT_PINGS, **slow}) as server:
        sid = open_polling(server)
        with WebSocket(server.port, path=f"{SOCKETIO}&sid={sid}") as unfinished:
            assert unfinished.goodbye().code == ABUSE
            assert unfinished.rest() == b""
            answer_a_poll(server, sid)
            assert server.held()["members"] == 1
        server.wait_until_held(sockets=0)


@pytest.mark.parametrize("kind", KINDS)
def test_client_that_answers_no_close_is_dropped(server, kind):
    with KINDS[kind](server.port) as client:
        client.event()
        client.send(frame("", 0x3))
        assert client.goodbye().code == 1002
        assert client.rest() == b""
    wait_until(lambda: not any(server.held().values()), "nothing is left of it")


@pytest.mark.parametrize("kind", KINDS)
def test_socket_that_is_about_a_day_old_is_told_to_come_back(tmp_path, kind):
    day_s, shortest_s = 1.2, 1.1
    with (
        changed_server(tmp_path, {**SHORT_PINGS, LONGEST_LIFE: day_s}) as server,
        KINDS[kind](server.port) as client,
    ):
        born = time.monotonic()
        client.event()
        while (said := client.frame()).opcode != CLOSE:
            answer(client, said)
            assert time.monotonic() - born < day_s + INTERVAL_S + SOME_S
        assert int.from_bytes(said.payload[:2]) == GOING_AWAY
        assert time.monotonic() - born > shortest_s - SWEEP_S
        client.send(close(GOING_AWAY))
        assert client.rest() == b""
        with KINDS[kind](server.port) as again:
            assert again.event()["type"] == "visitor_update"


@pytest.mark.parametrize("kind", KINDS)
def test_crowd_that_came_together_need_not_come_back_together(tmp_path, kind):
    """As it comes after a deploy. What takes two hours is made most of a day here, so that it can be seen."""
    day_s, spread = 5.0, 0.8
    with (
        changed_server(tmp_path, {**SHORT_PINGS, LONGEST_LIFE: day_s, SPREAD: spread}) as server,
        Listeners(server.port, 60, [kind]) as crowd,
    ):
        ended: dict[object, float] = {}
        crowd.run(lambda each: each.code and ended.setdefault(each, time.monotonic()), "they are told to come back")
        assert {each.code for each in crowd.all} == {GOING_AWAY}
        first, *_, last = sorted(ended.values())
        assert last - first > day_s * spread / 2


def answer_a_ping(client: WebSocket) -> None:
    assert answer(client, client.frame()), "not a ping"


def answer(client: WebSocket, said) -> bool:
    if said.opcode == PING:
        client.send(frame(said.payload, PONG))
    elif said.payload == b"2":
        client.send(frame("3"))
    else:
        return False
    return True


def open_polling(server) -> str:
    """A Socket.IO client that polls; its session."""
    sid = server.get(OPEN).text.split('"sid":"')[1].split('"')[0]
    assert server.post(f"{OPEN}&sid={sid}", data="40").ok
    return sid


def answer_a_poll(server, sid: str) -> None:
    poll_until(server, sid, "2")
    assert server.post(f"{OPEN}&sid={sid}", data="3").ok


def end_polling(server, sid: str) -> None:
    """It says goodbye and never comes back."""
    assert server.post(f"{OPEN}&sid={sid}", data="1").ok
    wait_until(
        lambda: not any(server.held().values()),
        "nothing is left of it",
        PATIENT_INTERVAL_S + PATIENT_TIMEOUT_S + SOME_S,
    )


def poll_until(server, sid: str, begin: str) -> str:
    """Poll until a packet comes that begins so."""
    deadline = time.monotonic() + SOME_S + PATIENT_INTERVAL_S
    while time.monotonic() < deadline:
        answered = server.get(f"{OPEN}&sid={sid}")
        assert answered.ok, answered.text
        for packet in answered.text.split("\x1e"):
            if packet.startswith(begin):
                return packet
    raise AssertionError(f"no packet {begin} came")
