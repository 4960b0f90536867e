"""The Redis bus: one channel per room, one for all workers, and Socket.IO's queue.

A lost message does no harm: messages carry whole values, and every worker also reads the current state regularly
(decision 7).
"""

import itertools
import json
import logging
import uuid
from collections.abc import Callable, Collection, Hashable
from functools import partial
from typing import Any

import redis

from koyjabo.base.core.runtime import Runtime, Waiter
from koyjabo.base.core.signals import Signals
from .bus import Bus
from .outbox import PACE_S, RedisOutbox
from .pace import Pace, Unpaced
from .redis_client import RedisClient
from .redis_listener import Listener

log = logging.getLogger(__name__)

SOCKETIO_CHANNEL = "flask-socketio"
"""Flask-SocketIO's default channel, so that `SocketIO(message_queue=REDIS_URL).emit(…)` reaches us from any process."""

WORKERS_CHANNEL = "koyjabo:workers"
ECHO_S = 1.0
"""How long `broadcast` waits to receive its own message, s."""

PICKLE_START = b"\x80"

ROOM_CHANNEL = "koyjabo:room:"
"""Prefix of room channels."""


class RedisBus(Bus):
    """Sends messages to the other workers, and receives theirs, through Redis."""

    def __init__(
        self, client: RedisClient, outbox: RedisOutbox, runtime: Runtime, signals: Signals, interval_s: float
    ) -> None:
        self._client = client
        self._outbox = outbox
        self._runtime = runtime
        self._signals = signals
        self._worker = uuid.uuid4().hex
        self._pace = Pace(runtime, interval_s) if interval_s > PACE_S else Unpaced()
        self._listener = Listener(client, runtime, (SOCKETIO_CHANNEL, WORKERS_CHANNEL), self._receive)
        self._newly_heard: dict[str, None] = {}
        self._numbers = itertools.count()
        self._echoes: dict[Any, Waiter] = {}  # by number of the message this worker waits to receive
        self._on_queue: Callable[[dict[str, Any]], object] = lambda message: None

    @property
    def heard(self) -> Collection[str]:
        return [
            channel.removeprefix(ROOM_CHANNEL)
            for channel in list(self._listener.channels)
            if channel.startswith(ROOM_CHANNEL)
        ]

    @property
    def refused(self) -> int:
        return self._listener.refused

    def publish(self, room: str, state: Callable[[], Any], part: str = "", is_presence: bool = False) -> None:
        channel = ROOM_CHANNEL + room
        send = partial(self._send_state, channel, state)
        queue = partial(self._outbox.send_newest, (channel, part), send)
        if is_presence:
            queue()
        else:
            self._pace.run((channel, part), queue)

    def send_to_workers(self, subject: str, message: Any, key: Hashable = None) -> None:
        send = partial(self._send, WORKERS_CHANNEL, self._encoded(subject, message))
        if key is None:
            self._outbox.send_in_order(send)
        else:
            self._outbox.send_newest((WORKERS_CHANNEL, subject, key), send)

    def broadcast(self, subject: str, message: Any) -> bool:
        number, waiter = next(self._numbers), self._runtime.waiter()
        if not self._outbox.reachable:
            return False
        self._echoes[number] = waiter
        message_with_echo = {**self._envelope(subject, message), "echo": number}
        self._outbox.send_in_order(partial(self._send, WORKERS_CHANNEL, json.dumps(message_with_echo)))
        self._runtime.later(ECHO_S, waiter.wake)
        waiter.wait()
        return self._echoes.pop(number, None) is None

    def send_changes(self, subject: str, take: Callable[[], Any], put_back: Callable[[Any], object]) -> None:
        send = partial(self._send_changes, subject, take, put_back)
        self._outbox.send_newest((WORKERS_CHANNEL, subject), send)

    def _encoded(self, subject: str, message: Any) -> str:
        return json.dumps(self._envelope(subject, message))

    def _envelope(self, subject: str, message: Any) -> dict[str, Any]:
        return {"from": self._worker, "subject": subject, "message": message}

    def send_to_queue(self, message: str) -> None:
        """Send a message to Socket.IO's queue, in the order of calls."""
        self._outbox.send_in_order(partial(self._send, SOCKETIO_CHANNEL, message))

    def hear(self, room: str) -> None:
        self._listener.add(ROOM_CHANNEL + room)

    def leave(self, room: str) -> None:
        self._listener.remove(ROOM_CHANNEL + room)

    def start(self, on_queue: Callable[[dict[str, Any]], object]) -> None:
        """Start listening. Call this once. `on_queue` is called with each message from Socket.IO's queue, in the
        listening task.
        """
        self._on_queue = on_queue
        self._runtime.start_task(self._listener.run)
        self._runtime.start_task(self._client.watch)

    # The following methods run in the outbox's task, which may wait for Redis.

    def _send_state(self, channel: str, state: Callable[[], Any]) -> None:
        self._send(channel, json.dumps({"from": self._worker, "state": state()}))

    def _send_changes(self, subject: str, take: Callable[[], Any], put_back: Callable[[Any], object]) -> None:
        if changes := take():
            try:
                self._send(WORKERS_CHANNEL, self._encoded(subject, changes))
            except (redis.RedisError, OSError):
                put_back(changes)
                raise

    def _send(self, channel: str, text: str) -> None:
        self._client.run("PUBLISH", channel, text)

    # The following methods run in the listener's task.

    def _receive(self, channel: str, data: bytes | None) -> None:
        """Handle a message. `data` is None when Redis has confirmed the subscription. Raises ValueError for a message
        of another program.
        """
        if data is None:
            if channel.startswith(ROOM_CHANNEL):
                self._announce_soon(channel.removeprefix(ROOM_CHANNEL))
        elif data:  # not of RedisClient.probe
            message = _parsed(data)
            if channel == SOCKETIO_CHANNEL:
                self._on_queue(message)
            elif message.get("from") != self._worker:
                self._dispatch(channel, message)
            elif echo := self._echoes.pop(message.get("echo"), None):  # otherwise the sender has given up
                self._dispatch(channel, message)
                self._runtime.soon(echo.wake)

    def _announce_soon(self, room: str) -> None:
        """Announce rooms in batches. After an interruption there may be many, and each announcement makes receivers
        read the database.
        """
        is_first = not self._newly_heard
        self._newly_heard[room] = None
        if is_first:
            self._runtime.start_task(self._announce)

    def _announce(self) -> None:
        while self._newly_heard:
            try:
                self._signals.room_heard.send(self._newly_heard.popitem()[0])
            except Exception:
                log.exception("catching_up_failed")

    def _dispatch(self, channel: str, message: dict[str, Any]) -> None:
        if channel == WORKERS_CHANNEL:
            self._signals.message_received.send(message["subject"], message=message["message"])
        else:
            self._signals.value_received.send(channel.removeprefix(ROOM_CHANNEL), state=message["state"])


def _parsed(data: bytes) -> dict[str, Any]:
    """The message as a JSON object. Raises ValueError for anything else, because other programs may publish here."""
    if data.startswith(PICKLE_START):  # never read, because it may contain code
        raise ValueError("it is pickled, as by python-socketio before 5.14: upgrade it where the message comes from")
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(message, dict):
        raise ValueError("it is not a JSON object")
    return message
