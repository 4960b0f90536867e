"""Bytes that claim to be frames, right, wrong, cut anywhere: read as the RFC says, and nobody else notices."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bystanders import Bystanders, bystanders
from support.frames_model import LARGEST, Expected, cuts, expected, pieces, streams
from support.fuzz_effort import effort
from support.websocket import CLOSE, PONG, TEXT, Frame, Lost, WebSocket

from koyjabo.server.websockets.frame_reader import Close, FrameReader, ParseFailed, Ping

pytestmark = pytest.mark.waits


class Said(NamedTuple):
    """What somebody answered."""

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


def _read(pieces: list[bytes]) -> Said:
    """By readers as a connection has them: one for as long as something is on its way."""
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
    for number, each in enumerate(received):
        if isinstance(each, Close):
            received, code = received[:number], None if each.code == 1005 else each.code
            break
    messages = [each for each in received if isinstance(each, str | bytes)]
    return Said([each.payload for each in received if isinstance(each, Ping)], messages, code)


@pytest.fixture(scope="module")
def others(tmp_path_factory) -> Iterator[Bystanders]:
    with bystanders(tmp_path_factory.mktemp("server")) as others:
        yield others


@pytest.fixture(autouse=True)
def unharmed(others: Bystanders) -> Iterator[None]:
    yield
    others.assert_unharmed()


def test_server_answers_frames_as_the_rfc_says(others):
    @effort(150)
    @given(data=streams(), cuts=cuts, early=st.integers(0, 20))
    def talk(data: bytes, cuts: list[float], early: int) -> None:
        said = _answers(WebSocket(others.server.port, early=data[:early]), pieces(data[early:], cuts))
        _assert_answered(said, expected(data, LARGEST))

    talk()


def _assert_answered(said: Said, model: Expected) -> None:
    told = [json.loads(each)["type"] for each in said.messages]
    answers = [_answer_to(each) for each in model.messages]
    if said.was_reset:
        assert (said.pongs, told) == (model.pongs[: len(said.pongs)], answers[: len(told)])
        return
    assert (said.pongs, told) == (model.pongs, answers)
    assert said.code in model.codes


def _answer_to(message: str | bytes) -> str:
    return "pong" if message == '{"type": "ping"}' else "error"


def _answers(client: WebSocket, sent: list[bytes]) -> Said:
    """To all that was sent, after which the client has nothing to say any more; without the numbers of the site."""
    frames: list[Frame] = []
    with client:
        with suppress(OSError):
            client.send(*sent)
            client.send_no_more()
        was_reset = _read_all(client, frames)
    assert CLOSE not in [each.opcode for each in frames[:-1]], "something was said after the close"
    messages = [each.payload for each in frames if each.opcode == TEXT]
    code = int.from_bytes(frames[-1].payload[:2], "big") if frames and frames[-1].opcode == CLOSE else 0
    return Said(
        [each.payload for each in frames if each.opcode == PONG],
        [each for each in messages if b"visitor_update" not in each],
        code or None,
        was_reset,
    )


def _read_all(client: WebSocket, frames: list[Frame]) -> bool:
    """Whether it ended with a reset, which takes with it what has not been read."""
    try:
        while True:
            frames.append(client.frame())
    except Lost as lost:
        was_reset = bool(lost.args)
    assert was_reset or not client._received, "half a frame"
    return was_reset
