"""The Redis bus: one channel per room, one for all workers, and Socket.IO's queue.

A lost message does no harm: messages carry whole values, and every worker also reads the current state regularly
(decision 7).
"""

import itertools
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Collection, Hashable, Iterable
from functools import partial
from typing import Any

import redis

from koyjabo.base.core.runtime import Runtime, Waiter
from koyjabo.base.core.signals import Signals
from .bus import Bus
from .outbox import PACE_S, RedisOutbox
from .redis_client import RedisClient

log = logging.getLogger(__name__)

RETRY_S = 1.0
LISTEN_S = 1.0
"""Redis is pinged when no message has arrived for this long, s."""

MAX_UNANSWERED = 2
"""How many pings can go unanswered before Redis counts as unreachable."""

Receive = Callable[[str, bytes | None], object]
"""A function that receives a channel and a message published there, or None once Redis has confirmed the
subscription.
"""


class Listener:
    """One connection to Redis, in its own task. Channels can be added and removed at any time."""

    def __init__(self, client: RedisClient, runtime: Runtime, channels: Iterable[str], receive: Receive) -> None:
        self.channels = set(channels)
        self._client = client
        self._runtime = runtime
        self._receive = receive
        self._connection: Any = None
        self._held: set[str] = set()  # the channels that this connection has subscribed to
        self._changed: set[str] = set()
        self._lock = threading.Lock()  # guards all of these; never wait while holding it
        self._writing = threading.Lock()  # only one task writes

    def add(self, channel: str) -> None:
        """Subscribe to a channel. Idempotent. Does not wait for Redis."""
        if channel not in self.channels:
            self.channels.add(channel)
            self._change_soon(channel)

    def remove(self, channel: str) -> None:
        """Unsubscribe. Idempotent. Does not wait for Redis."""
        if channel in self.channels:
            self.channels.discard(channel)
            self._change_soon(channel)

    def run(self) -> None:
        """Listen until the client is closed. Messages missed during an outage do no harm, because workers read the
        state regularly.
        """
        while not self._client.is_closed:
            connection = self._client.new_connection()
            try:
                self._listen(connection)
            except (redis.RedisError, OSError) as error:
                if not self._client.note("listen", error):
                    log.info("bus_interrupted cause=%r", str(error))
            except Exception:
                log.exception("bus_failed")
            finally:
                self._connection = None
                connection.disconnect()
            time.sleep(RETRY_S)

    def _listen(self, connection: Any) -> None:
        connection.connect()
        with self._lock:
            self._connection, self._held, self._changed = connection, set(), set(self.channels)
        self._subscribe()
        unanswered = 0
        while not self._client.is_closed:
            if not self._client.serves(connection):
                raise redis.ConnectionError("another server is the master now")
            try:
                reply = connection.read_response(timeout=LISTEN_S, disconnect_on_error=False, push_request=True)
            except redis.TimeoutError:
                if unanswered == MAX_UNANSWERED:
                    raise
                with self._writing:
                    connection.send_command("PING")
                unanswered += 1
                continue
            unanswered = 0
            if isinstance(reply, list):
                self._take(reply)

    def _take(self, reply: list[Any]) -> None:
        kind, *rest = reply
        if kind == b"message":
            self._deliver(*rest)
        elif kind == b"subscribe":
            self._client.note("listen")
            self._deliver(rest[0], None)

    def _deliver(self, name: bytes, data: bytes | None) -> None:
        channel = name.decode(errors="replace")
        try:
            self._receive(channel, data)
        except ValueError as error:  # possible for a message in transit when a clock was set back
            log.warning("bus_message_refused channel=%s cause=%r", channel, str(error))
        except Exception:
            log.exception("bus_message_failed channel=%s", channel)

    def _change_soon(self, channel: str) -> None:
        with self._lock:
            if self._connection is None:
                return  # the next connection starts with all channels
            is_first = not self._changed
            self._changed.add(channel)
        if is_first:
            self._runtime.start_task(self._subscribe)

    def _subscribe(self) -> None:
        """Subscribe to added channels, and unsubscribe from removed ones."""
        try:
            with self._writing:
                self._write()
        except (redis.RedisError, OSError) as error:  # the listening task notices the error as well, and reconnects
            log.info("bus_subscription_failed cause=%r", str(error))

    def _write(self) -> None:
        with self._lock:
            connection, changed, self._changed = self._connection, self._changed, set()
            new = (changed & self.channels) - self._held
            gone = (changed & self._held) - self.channels
            self._held = (self._held | new) - gone
        commands = [(word, *channels) for word, channels in (("SUBSCRIBE", new), ("UNSUBSCRIBE", gone)) if channels]
        if commands and connection is not None:
            connection.send_packed_command(connection.pack_commands(commands))


QUEUE = "flask-socketio"
"""Flask-SocketIO's default channel, so that `SocketIO(message_queue=REDIS_URL).emit(…)` reaches us from any process."""

WORKERS = "koyjabo:workers"
ECHO_S = 1.0
"""How long `broadcast` waits to receive its own message, s."""

ROOM = "koyjabo:room:"
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
        self._listener = Listener(client, runtime, (QUEUE, WORKERS), self._receive)
        self._newly_heard: dict[str, None] = {}
        self._numbers = itertools.count()
        self._echoes: dict[Any, Waiter] = {}  # by number of the message this worker waits to receive
        self._on_queue: Callable[[bytes], object] = lambda data: None

    @property
    def heard(self) -> Collection[str]:
        return [channel.removeprefix(ROOM) for channel in list(self._listener.channels) if channel.startswith(ROOM)]

    def publish(self, room: str, state: Callable[[], Any], part: str = "", is_presence: bool = False) -> None:
        channel = ROOM + room
        send = partial(self._send_state, channel, state)
        queue = partial(self._outbox.send_newest, (channel, part), send)
        if is_presence:
            queue()
        else:
            self._pace.run((channel, part), queue)

    def send_to_workers(self, subject: str, message: Any, key: Hashable = None) -> None:
        send = partial(self._send, WORKERS, self._encoded(subject, message))
        if key is None:
            self._outbox.send_in_order(send)
        else:
            self._outbox.send_newest((WORKERS, subject, key), send)

    def broadcast(self, subject: str, message: Any) -> bool:
        number, waiter = next(self._numbers), self._runtime.waiter()
        if not self._outbox.reachable:
            return False
        self._echoes[number] = waiter
        message_with_echo = {**self._envelope(subject, message), "echo": number}
        self._outbox.send_in_order(partial(self._send, WORKERS, json.dumps(message_with_echo)))
        self._runtime.later(ECHO_S, waiter.wake)
        waiter.wait()
        return self._echoes.pop(number, None) is None

    def send_changes(self, subject: str, take: Callable[[], Any], put_back: Callable[[Any], object]) -> None:
        send = partial(self._send_changes, subject, take, put_back)
        self._outbox.send_newest((WORKERS, subject), send)

    def _encoded(self, subject: str, message: Any) -> str:
        return json.dumps(self._envelope(subject, message))

    def _envelope(self, subject: str, message: Any) -> dict[str, Any]:
        return {"from": self._worker, "subject": subject, "message": message}

    def send_to_queue(self, message: str) -> None:
        """Send a message to Socket.IO's queue, in the order of calls."""
        self._outbox.send_in_order(partial(self._send, QUEUE, message))

    def hear(self, room: str) -> None:
        self._listener.add(ROOM + room)

    def leave(self, room: str) -> None:
        self._listener.remove(ROOM + room)

    def start(self, on_queue: Callable[[bytes], object]) -> None:
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
                self._send(WORKERS, self._encoded(subject, changes))
            except (redis.RedisError, OSError):
                put_back(changes)
                raise

    def _send(self, channel: str, text: str) -> None:
        self._client.run("PUBLISH", channel, text)

    # The following methods run in the listener's task.

    def _receive(self, channel: str, data: bytes | None) -> None:
        """Handle a message. `data` is None when Redis has confirmed the subscription."""
        if channel == QUEUE:
            if data is not None:
                self._on_queue(data)
        elif data is None:
            if channel.startswith(ROOM):
                self._announce_soon(channel.removeprefix(ROOM))
        elif message := _parsed(data):
            if message.get("from") != self._worker:
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
        if channel == WORKERS:
            self._signals.message_received.send(message["subject"], message=message["message"])
        else:
            self._signals.value_received.send(channel.removeprefix(ROOM), state=message["state"])


def _parsed(data: bytes) -> dict[str, Any] | None:
    """The message as a JSON object; None for anything else, because other programs may publish here."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


class Pace:
    """Limits how often the work for a key runs: the first call runs at once, further calls once per interval, and the
    last call always runs.
    """

    def __init__(self, runtime: Runtime, interval_s: float) -> None:
        self._runtime = runtime
        self._interval_s = interval_s
        self._waiting: dict[Hashable, Callable[[], object] | None] = {}
        self._lock = threading.Lock()

    def run(self, key: Hashable, call: Callable[[], object]) -> None:
        with self._lock:
            if key in self._waiting:
                self._waiting[key] = call
                return
            self._waiting[key] = None
        self._runtime.later(self._interval_s, partial(self._end, key))
        call()

    def _end(self, key: Hashable) -> None:
        with self._lock:
            call = self._waiting.pop(key)
        if call is not None:
            self.run(key, call)


class Unpaced:
    """Runs every call at once, because the outbox already limits the rate."""

    def run(self, key: Hashable, call: Callable[[], object]) -> None:
        call()
