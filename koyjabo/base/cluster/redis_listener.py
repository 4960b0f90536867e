"""Listens to channels of Redis."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import redis

from koyjabo.base.core.runtime import Runtime
from .redis_client import RedisClient, cause_of_error

log = logging.getLogger(__name__)

Receive = Callable[[str, bytes | None], object]
"""A function that receives a channel and a message published there, or None once Redis has confirmed the
subscription.
"""

LISTEN_RETRY_S = 1.0

MAX_CAUSES = 20
"""How many causes to refuse a message are logged, each of them once."""

LISTEN_S = 1.0
"""Redis is pinged when no message has arrived for this long, s."""

MAX_UNANSWERED_PINGS = 2
"""How many pings can go unanswered before Redis counts as unreachable."""


class Listener:
    """One connection to Redis, in its own task. Channels can be added and removed at any time."""

    def __init__(self, client: RedisClient, runtime: Runtime, channels: Iterable[str], receive: Receive) -> None:
        self.channels = set(channels)
        self.refused = 0
        """Number of messages that could not be used."""
        self._causes: set[str] = set()
        self._client = client
        self._runtime = runtime
        self._receive = receive
        self._connection: Any = None
        self._is_interrupted = False
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
            connection, pause_s = self._client.new_connection(), 0.0
            try:
                self._listen(connection)
            except (redis.RedisError, OSError) as error:
                pause_s = self._client.note("listen", error)
                if not pause_s and self._connection is not None and not self._is_interrupted:
                    log.info("bus_interrupted cause=%r", cause_of_error(error))
                    self._is_interrupted = True
            except Exception:
                log.exception("bus_failed")
            finally:
                self._connection = None
                connection.disconnect()
            time.sleep(pause_s or LISTEN_RETRY_S)

    def _listen(self, connection: Any) -> None:
        connection.connect()
        with self._lock:
            self._connection, self._held, self._changed = connection, set(), set(self.channels)
        self._subscribe()
        self._ping()
        unanswered = 0
        while not self._client.is_closed:
            if not self._client.serves(connection):
                raise redis.ConnectionError("another server is the master now")
            try:
                reply = connection.read_response(timeout=LISTEN_S, disconnect_on_error=False, push_request=True)
            except redis.TimeoutError:
                if unanswered == MAX_UNANSWERED_PINGS:
                    raise
                self._ping()
                unanswered += 1
                continue
            unanswered = 0
            self._take(reply if isinstance(reply, list) else [b"pong"])  # plain text in RESP3

    def _ping(self) -> None:
        with self._writing:
            self._connection.send_command("PING")

    def _take(self, reply: list[Any]) -> None:
        kind, *rest = reply
        if kind == b"message":
            self._deliver(*rest)
        elif kind == b"subscribe":
            self._deliver(rest[0], None)
        elif kind == b"pong":  # a Redis that loads its data accepts subscriptions and refuses pings
            self._client.note("listen")
            self._is_interrupted = False

    def _deliver(self, name: bytes, data: bytes | None) -> None:
        channel = name.decode(errors="replace")
        try:
            self._receive(channel, data)
        except ValueError as error:  # possible for a message in transit when a clock was set back
            self.refused += 1
            if len(self._causes) < MAX_CAUSES and str(error) not in self._causes:
                self._causes.add(str(error))
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
            log.info("bus_subscription_failed cause=%r", cause_of_error(error))

    def _write(self) -> None:
        with self._lock:
            connection, changed, self._changed = self._connection, self._changed, set()
            new = (changed & self.channels) - self._held
            gone = (changed & self._held) - self.channels
            self._held = (self._held | new) - gone
        commands = [(word, *channels) for word, channels in (("SUBSCRIBE", new), ("UNSUBSCRIBE", gone)) if channels]
        if commands and connection is not None:
            connection.send_packed_command(connection.pack_commands(commands))
