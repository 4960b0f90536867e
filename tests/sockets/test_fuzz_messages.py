"""Any message from a connected client is answered or refused with a reason, and disturbs no other client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, strategies as st
from support.clients.members import Member
from support.clients.unaffected_clients import UnaffectedClients, unaffected_clients
from support.clients.websocket import BINARY, CLOSE, TEXT, Frame, SocketIO, WebSocket, frame
from support.runs.fuzz_effort import effort

from koyjabo.realtime.strict_packets import RESERVED_EVENTS

NAMES = ("ping", "request_count", "join", "leave", "message", "error", "visitor_update", "")
NAMESPACES = ("", "", "", "/,", "/x,", "/?a=b,", "/\N{BENGALI LETTER KA},")

numbers = st.integers() | st.floats() | st.sampled_from([10**90, -(2**63) - 1, float("inf")])
words = st.sampled_from(NAMES) | st.text(max_size=20) | st.sampled_from(["\0", "\ud800", "🛺" * 50, "__proto__"])
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda some: st.lists(some, max_size=3) | st.dictionaries(words, some, max_size=3),
    max_leaves=6,
)
texts = (
    st.fixed_dictionaries({"type": st.sampled_from(["ping", "ping", "request_count"]) | words | values}).map(json.dumps)
    | values.map(json.dumps)
    | st.text(max_size=50)
    | st.sampled_from(
        ['{"type": "ping"', '{"type": "ping"}}', "[" * 2000, "\ufeff{}", '{"type":"x","type":"ping"}', "0" * 4096]
    )
)


def rooms(community: str, token: str) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {
            "room": st.sampled_from(["visitors", "visitors", "visitor_dashboard"]) | values,
            "communityId": st.sampled_from([community, community, community.upper()]) | values,
        },
        optional={"token": st.just(token) | words | values},
    )


def events(arguments: st.SearchStrategy[Any], reserved: bool = False) -> st.SearchStrategy[list[Any]]:
    names = st.sampled_from([*NAMES, *sorted(RESERVED_EVENTS)]) | st.text(max_size=10)
    names = names if reserved else names.filter(lambda name: name not in RESERVED_EVENTS)
    return st.builds(lambda name, arguments: [name, *arguments], names, st.lists(arguments, max_size=2))


@st.composite
def packets(draw: st.DrawFn, arguments: st.SearchStrategy[Any]) -> list[str | bytes]:
    """A Socket.IO packet and its attachments, valid or with one mistake."""
    kind = draw(st.sampled_from("222225503614") | st.sampled_from("0123456789"))
    attachments = draw(st.lists(st.binary(max_size=10), max_size=2)) if kind in "56" else []
    announced = draw(st.sampled_from([len(attachments)] * 3 + [0, 1, 11, 10**12]))
    places = [{"_placeholder": True, "num": draw(st.integers(-1, 2))} for _ in attachments]
    payload: Any = [*draw(events(arguments, reserved=True)), *places] if kind in "25" else draw(values)
    text = "".join((
        f"4{kind}",
        f"{announced}-" if kind in "56" else "",
        draw(st.sampled_from(NAMESPACES)),
        draw(st.sampled_from(["", "", "7", "007", "9" * 30])),
        "" if kind in "014" and draw(st.booleans()) else json.dumps(payload),
    ))  # fmt: skip
    if draw(st.sampled_from([False] * 5 + [True])):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.text(max_size=2)) + text[at + draw(st.integers(0, 2)) :]
    return [text, *attachments[: draw(st.sampled_from([2, 2, 2, 1, 0]))]]


NORMAL, ABUSE = 1000, 1008
MAX_ERRORS = 10
PRESENT = {"/": "visitor_update", "visitors/": "visitor_count", "visitor-dashboard/": "dashboard_update"}
"""Responses to `request_count` by path."""


NO_ENGINEIO = frame("9")  # Ends a Socket.IO connection after everything before it was handled


@pytest.fixture(scope="module")
def others(tmp_path_factory) -> Iterator[UnaffectedClients]:
    changes = {"koyjabo.server.websockets.websocket_connection.MAX_FRAMES": 10_000}
    with unaffected_clients(tmp_path_factory.mktemp("server"), changes, LEAVE_GRACE_SECONDS=1) as others:
        yield others


@pytest.fixture(autouse=True)
def unharmed(others: UnaffectedClients) -> Iterator[None]:
    yield
    others.assert_unharmed()


@pytest.fixture(scope="module")
def moderator(others: UnaffectedClients) -> Member:
    return Member(others.server)


@pytest.fixture(scope="module")
def community(moderator: Member) -> str:
    return moderator.found()


@pytest.mark.parametrize("path", PRESENT)
def test_every_message_on_a_plain_socket_gets_a_response(others, moderator, community, path):
    where = path if path == "/" else f"/ws/communities/{community}/{path}"

    @effort(40)
    @given(sent=st.lists(texts | st.binary(max_size=20), max_size=14))
    def talk(sent: list[str | bytes]) -> None:
        with WebSocket(others.server.port, f"Authorization: Bearer {moderator.token}", path=where) as client:
            assert client.event()["type"] == PRESENT[path]
            client.send(*(_as_frame(packet) for packet in sent))
            expected = [_answer_to(packet, PRESENT[path]) for packet in sent]
            _assert_received(client, expected, PRESENT[path])

    talk()


def _assert_received(client: WebSocket, expected: list[str], present: str) -> None:
    """Responses to `request_count` are queued. Everything else is answered at once, in order."""
    is_abuse = expected.count("error") >= MAX_ERRORS
    if is_abuse:
        last = [number for number, answer in enumerate(expected) if answer == "error"][MAX_ERRORS - 1]
        expected = expected[: last + 1]
    received: list[str] = []
    while len([answer for answer in received if answer != present]) < len(
        [answer for answer in expected if answer != present]
    ):
        received.append(client.event()["type"])
    assert [answer for answer in received if answer != present] == [answer for answer in expected if answer != present]
    if is_abuse:
        assert client.close_frame().code == ABUSE
    else:
        missing = expected.count(present) - received.count(present)
        assert [client.event()["type"] for _ in range(missing)] == [present] * missing
        assert client.is_answered()


def _as_frame(packet: str | bytes) -> bytes:
    return frame(packet, TEXT if isinstance(packet, str) else BINARY)


def _answer_to(packet: str | bytes, present: str) -> str:
    """The expected response. `texts` never generates `visitor`, because a valid id gets no response."""
    with suppress(ValueError, RecursionError, KeyError, TypeError):
        kind = json.loads(packet)["type"] if isinstance(packet, str) else None
        return {"ping": "pong", "request_count": present}.get(kind, "error")
    return "error"


def test_any_socketio_packet_is_accepted_or_closes_the_connection(others, moderator, community):
    @effort(100)
    @given(sent=st.lists(packets(values | rooms(community, moderator.token)), min_size=1, max_size=8))
    def talk(sent: list[list[str | bytes]]) -> None:
        with SocketIO(others.server.port) as client:
            client.send(*(_as_frame(part) for packet in sent for part in packet))
            frames = _until_the_end(client)
        assert frames[-1].opcode == CLOSE
        assert int.from_bytes(frames[-1].payload[:2], "big") in {NORMAL, ABUSE}

    talk()


def _until_the_end(client: WebSocket) -> list[Frame]:
    """Everything received until the server closes."""
    frames: list[Frame] = []
    with suppress(ConnectionError):
        client.send(NO_ENGINEIO)
    while not frames or frames[-1].opcode != CLOSE:
        frames.append(client.frame())
    return frames
