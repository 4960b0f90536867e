"""The bus over Redis: a channel for each room, one for all workers, and the queue of Socket.IO.

A lost message does no harm: messages carry whole values, and every worker also reads the present state regularly
(decision 7).
"""

from __future__ import annotations

import itertools
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Collection, Hashable
from functools import partial
from typing import Any

import redis

from koyjabo.cluster.outbox import PACE_S, Outboxes
from koyjabo.cluster.redis_client import Command, RedisClient
from koyjabo.cluster.redis_listener import RETRY_S, Listener
from koyjabo.core.runtime import Runtime, Waiter
from koyjabo.core.signals import Signals

log = logging.getLogger(__name__)

QUEUE = "flask-socketio"
"""Flask-SocketIO's default name, so that `SocketIO(message_queue=REDIS_URL).emit(…)` of any process reaches us."""

WORKERS = "koyjabo:workers"
ECHO_S = 1.0
"""How long a message may take to come back."""

ROOM = "koyjabo:room:"
"""The beginning of the names of rooms' channels."""


class RedisBus:
    """`on_queue` is called with each message of Socket.IO's queue, from the task that listens."""

    def __init__(
        self, client: RedisClient, outboxes: Outboxes, runtime: Runtime, signals: Signals, interval_s: float
    ) -> None:
        self._client = client
        self._outboxes = outboxes
        self._runtime = runtime
        self._signals = signals
        self._worker = uuid.uuid4().hex
        self._pace = Pace(runtime, interval_s) if interval_s > PACE_S else Unpaced()
        self._wanted: dict[str, str] = {QUEUE: "SUBSCRIBE", WORKERS: "SUBSCRIBE"}  # channel → command
        self._listeners: dict[str, Listener] = {}
        self._changes: dict[str, str | None] = {}  # what the listeners have not been told; None: no longer wanted
        self._newly_heard: dict[str, None] = {}
        self._numbers = itertools.count()
        self._echoes: dict[Any, Waiter] = {}  # of messages that this worker, too, is to receive
        self._is_started = False
        self._lock = threading.Lock()  # guards the listeners; its holder must not wait
        self.on_queue: Callable[[bytes], object] = lambda data: None
        client.on_learned = self._shards_changed

    @property
    def heard(self) -> Collection[str]:
        return [each.removeprefix(ROOM) for each in list(self._wanted) if each.startswith(ROOM)]

    def publish(self, room: str, state: Callable[[], Any], part: str = "", is_presence: bool = False) -> None:
        channel = ROOM + room
        send = partial(self._send_state, channel, state)
        queue = partial(self._outboxes.of(channel).send_newest, (channel, part), send)
        if is_presence:
            queue()
        else:
            self._pace.run((channel, part), queue)

    def tell_workers(self, subject: str, message: Any, key: Hashable = None) -> None:
        send, outbox = partial(self._send, "PUBLISH", WORKERS, self._told(subject, message)), self._outboxes.of(WORKERS)
        if key is None:
            outbox.send_in_order(send)
        else:
            outbox.send_newest((WORKERS, subject, key), send)

    def tell_everybody(self, subject: str, message: Any) -> bool:
        outbox, number, waiter = self._outboxes.of(WORKERS), next(self._numbers), self._runtime.waiter()
        if not outbox.reachable:
            return False
        self._echoes[number] = waiter
        told = {**self._told_object(subject, message), "echo": number}
        outbox.send_in_order(partial(self._send, "PUBLISH", WORKERS, json.dumps(told)))
        self._runtime.later(ECHO_S, waiter.wake)
        waiter.wait()
        return self._echoes.pop(number, None) is None

    def tell_changes(self, subject: str, take: Callable[[], Any], put_back: Callable[[Any], object]) -> None:
        send = partial(self._send_changes, subject, take, put_back)
        self._outboxes.of(WORKERS).send_newest((WORKERS, subject), send)

    def _told(self, subject: str, message: Any) -> str:
        return json.dumps(self._told_object(subject, message))

    def _told_object(self, subject: str, message: Any) -> dict[str, Any]:
        return {"from": self._worker, "subject": subject, "message": message}

    def send_to_queue(self, message: str) -> None:
        """Send a message to Socket.IO's queue, after all earlier ones."""
        self._outboxes.of(QUEUE).send_in_order(partial(self._send, "PUBLISH", QUEUE, message))

    def hear(self, room: str) -> None:
        channel = ROOM + room
        if channel not in self._wanted:
            self._wanted[channel] = self._client.subscribe_to_room
            self._change_soon(channel, self._client.subscribe_to_room)

    def leave(self, room: str) -> None:
        if self._wanted.pop(ROOM + room, None):
            self._change_soon(ROOM + room, None)

    def start(self) -> None:
        """Start to listen. Idempotent: our server calls it at the start, python-socketio when a client connects."""
        if not self._is_started:
            self._is_started = True
            self._runtime.start_task(self._open)
            self._runtime.start_task(self._client.watch)

    def _open(self) -> None:
        while not self._client.shards:
            try:
                self._client.learn()
            except (redis.RedisError, OSError):
                time.sleep(RETRY_S)
        self._shards_changed()

    def _shards_changed(self) -> None:
        """Have a listener at each shard that has something to hear."""
        if not self._is_started:
            return
        with self._lock:
            shards = self._client.shards
            for gone in self._listeners.keys() - shards:
                self._listeners.pop(gone).retire()
            new = [
                Listener(each, self._client, self._wanted_at, self._receive) for each in shards - self._listeners.keys()
            ]
            self._listeners.update({each.shard: each for each in new})
            old = [each for each in self._listeners.values() if each not in new]
        for each in new:
            self._runtime.start_task(each.run)
        for each in old:
            each.update()

    def _wanted_at(self, shard: str) -> dict[str, str]:
        return {
            channel: word for channel, word in list(self._wanted.items()) if self._client.shard_of(channel) == shard
        }

    def _change_soon(self, channel: str, word: str | None) -> None:
        with self._lock:
            if not self._is_started:
                return  # listeners begin with all that is wanted
            is_first = not self._changes
            self._changes[channel] = word
        if is_first:
            self._runtime.start_task(self._change)

    def _change(self) -> None:
        with self._lock:
            changes, self._changes = self._changes, {}
            listeners = dict(self._listeners)
        for channel, word in changes.items():
            if listener := listeners.get(self._client.shard_of(channel)):
                listener.change(channel, word)
        for listener in listeners.values():
            listener.flush()

    # In the outbox's task, which may wait for Redis.

    def _send_state(self, channel: str, state: Callable[[], Any]) -> None:
        self._send(self._client.publish_to_room, channel, json.dumps({"from": self._worker, "state": state()}))

    def _send_changes(self, subject: str, take: Callable[[], Any], put_back: Callable[[Any], object]) -> None:
        if changes := take():
            try:
                self._send("PUBLISH", WORKERS, self._told(subject, changes))
            except (redis.RedisError, OSError):
                put_back(changes)
                raise

    def _send(self, word: str, channel: str, text: str) -> None:
        self._client.run(Command(channel, (word, channel, text)))

    # In the task of a listener.

    def _receive(self, channel: str, data: bytes | None) -> None:
        """`data` is None when Redis has confirmed the subscription."""
        if channel == QUEUE:
            if data is not None:
                self.on_queue(data)
        elif data is None:
            if channel.startswith(ROOM):
                self._announce_soon(channel.removeprefix(ROOM))
        elif message := _parsed(data):
            if message.get("from") != self._worker:
                self._dispatch(channel, message)
            elif echo := self._echoes.pop(message.get("echo"), None):  # or else it was given up
                self._dispatch(channel, message)
                self._runtime.soon(echo.wake)

    def _announce_soon(self, room: str) -> None:
        """Together: after an interruption there may be many, and their receivers read the database."""
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
    """None unless it is a JSON object: other programs may publish here."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


class Pace:
    """Runs what is done for a key at a limited rate: the first call at once, then one an interval, always the last."""

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
    """For the interval that the outbox keeps anyway."""

    def run(self, key: Hashable, call: Callable[[], object]) -> None:
        call()
