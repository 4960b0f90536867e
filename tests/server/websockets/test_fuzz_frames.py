"""Random frames, valid or not, split anywhere, are read as the RFC requires, and disturb no other client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clients.unaffected_clients import UnaffectedClients, unaffected_clients
from support.clients.websocket import CLOSE, PONG, TEXT, Lost, SocketIO, WebSocket
from support.models.frames_model import LARGEST, cuts, expected, pieces, streams
from support.runs.fuzz_effort import effort

from koyjabo.server.websockets.connection import CloseFrame, FrameReader, ParseFailed, PingFrame

NORMAL, ABUSE = 1000, 1008


class Replies(NamedTuple):
    """The server's responses."""

    pongs: list[bytes]
    messages: list[Any]
    code: int | None
    was_reset: bool = False


@effort(400)
@given(data=streams(), cuts=cuts)
def test_frames_are_read_as_the_rfc_says_however_they_are_cut(data, cuts):
    read = _read(pieces(data, cuts))
    model = expected(data, LARGEST)
    assert read.messages == model.messages
    assert read.pongs == model.pongs
    assert read.code in model.codes


def _read(pieces: list[bytes]) -> Replies:
    """Read the pieces as a connection does: a reader is kept while something is incomplete."""
    received: list[Any] = []
    reader, code = FrameReader(LARGEST), None
    for piece in pieces:
        try:
            received += reader.feed(piece)
        except ParseFailed as error:
            received += error.received  # type: ignore[attr-defined]
            code = int(error.code)
            break
        reader = FrameReader(LARGEST) if reader.idle else reader
    for number, part in enumerate(received):
        if isinstance(part, CloseFrame):
            received, code = received[:number], None if part.code == 1005 else part.code
            break
    messages = [event for event in received if isinstance(event, str | bytes)]
    return Replies([event.payload for event in received if isinstance(event, PingFrame)], messages, code)


@pytest.fixture(scope="module")
def others(tmp_path_factory) -> Iterator[UnaffectedClients]:
    with unaffected_clients(tmp_path_factory.mktemp("server")) as others:
        yield others


@pytest.fixture(autouse=True)
def unharmed(others: UnaffectedClients) -> Iterator[None]:
    yield
    others.assert_unharmed()


def test_server_answers_frames_as_the_rfc_says(others):
    """On Socket.IO the connection may end earlier, with Socket.IO's own goodbye."""

    @effort(150)
    @given(data=streams(), cuts=cuts, early=st.integers(0, 20))
    def talk(data: bytes, cuts: list[float], early: int) -> None:
        plain = WebSocket(others.server.port, early=data[:early])
        replies, model = _answers(plain, pieces(data[early:], cuts)), expected(data, LARGEST)
        pongs, answers = model.pongs, len(model.messages)
        if replies.was_reset:  # the reset discards unread data
            pongs, answers = pongs[: len(replies.pongs)], min(answers, len(replies.messages))
        assert (replies.pongs, len(replies.messages)) == (pongs, answers)
        assert replies.was_reset or replies.code in model.codes
        replies = _answers(SocketIO(others.server.port), pieces(data, cuts))
        assert replies.pongs == model.pongs[: len(replies.pongs)]
        assert replies.was_reset or replies.code in {NORMAL, ABUSE, *model.codes}

    talk()


def _answers(client: WebSocket, sent: list[bytes]) -> Replies:
    """All responses to these frames, without the site's changing numbers. The client sends nothing afterwards."""
    payloads: dict[int, list[bytes]] = {PONG: [], TEXT: [], CLOSE: []}
    with client:
        with suppress(OSError):
            client.send(*sent)
            client.send_no_more()
        try:
            while not payloads[CLOSE]:
                opcode, payload = client.frame()
                payloads[opcode].append(payload)
            was_reset = False
            assert client.rest() == b"", "something was said after the close"
        except Lost as lost:
            was_reset = bool(lost.args)
    messages = [message for message in payloads[TEXT] if b"visitor_update" not in message]
    code = int.from_bytes(payloads[CLOSE][0][:2]) if payloads[CLOSE] else 0
    return Replies(payloads[PONG], messages, code or None, was_reset)
