"""Listens to one server of Redis: one connection, in a task of its own, so that a server that hangs stops no other."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import redis
from redis.crc import key_slot
from redis.exceptions import MovedError

from koyjabo.cluster.redis_client import RedisClient

log = logging.getLogger(__name__)

RETRY_S = 1.0
LISTEN_S = 1.0
"""After this time without a message the server is asked whether it is there."""

MOVED_PAUSE_S = 0.02
"""Until servers agree who has a slot."""

MOST_UNANSWERED = 2
"""With so many questions unanswered it counts as gone."""

MESSAGES, CONFIRMATIONS, ENDS = (
    (b"message", b"smessage"),
    (b"subscribe", b"ssubscribe"),
    (b"unsubscribe", b"sunsubscribe"),
)
END_OF = {"SUBSCRIBE": "UNSUBSCRIBE", "SSUBSCRIBE": "SUNSUBSCRIBE"}

Receive = Callable[[str, bytes | None], object]
"""Is given a channel and what was published there; None when Redis has confirmed the subscription."""


class Listener:
    """`wanted` returns the channels of a shard, with the command that subscribes to each."""

    def __init__(
        self, shard: str, client: RedisClient, wanted: Callable[[str], Mapping[str, str]], receive: Receive
    ) -> None:
        self.shard = shard
        self._client = client
        self._wanted = wanted
        self._receive = receive
        self._connection: Any = None
        self._held: dict[str, str] = {}  # channel → the command that has subscribed to it
        self._changes: dict[str, str | None] = {}
        self._lock = threading.Lock()  # one task writes
        self._is_retired = False

    def retire(self) -> None:
        """Its shard has nothing more: end within LISTEN_S."""
        self._is_retired = True

    def change(self, channel: str, word: str | None) -> None:
        """Subscribe to a channel with this command, or end that, with the next `flush`."""
        self._changes[channel] = word

    def update(self) -> None:
        """Subscribe to what is wanted now, and to nothing else."""
        wanted = self._wanted(self.shard)
        self._changes = {**dict.fromkeys(self._held.keys() - wanted.keys()), **wanted}
        self.flush()

    def flush(self) -> None:
        """Does not wait for Redis. A failure is noticed by the task that listens, which then subscribes to all."""
        try:
            with self._lock:
                if self._changes and self._connection is not None:
                    self._write(self._connection)
        except (redis.RedisError, OSError) as error:
            log.info("bus_subscription_failed cause=%r", str(error))

    def run(self) -> None:
        """Listen for ever. Messages missed in an outage are made up for by the regular reads."""
        while not self._is_retired:
            connection = None
            try:
                connection = self._client.new_connection(self.shard)
                self._listen(connection)
            except (redis.RedisError, OSError) as error:
                log.info("bus_interrupted cause=%r", str(error))
            except Exception:
                log.exception("bus_failed")
            finally:
                self._close(connection)
            if not self._is_retired:
                time.sleep(RETRY_S)
                self._learn(self.shard)

    def _listen(self, connection: Any) -> None:
        connection.connect()
        self._connection, self._held = connection, {}
        self.update()
        unanswered = 0
        while not self._is_retired:
            if not self._client.serves(connection):
                raise redis.ConnectionError("another server is the master now")
            try:
                answer = connection.read_response(timeout=LISTEN_S, disconnect_on_error=False, push_request=True)
            except redis.TimeoutError:
                if unanswered == MOST_UNANSWERED:
                    raise
                with self._lock:
                    connection.send_command("PING")
                unanswered += 1
                continue
            except MovedError as error:
                self._give_up(error.slot_id)
                continue
            unanswered = 0
            if isinstance(answer, list):
                self._take(answer)

    def _give_up(self, slot: int) -> None:
        """Another server has the slot, and hears the subscription that this one refused."""
        with self._lock:
            self._held = {each: word for each, word in self._held.items() if key_slot(each.encode()) != slot}
        time.sleep(MOVED_PAUSE_S)
        self._learn("")
        self.update()

    def _take(self, answer: list[Any]) -> None:
        kind, channel = answer[0], answer[1]
        if kind in MESSAGES:
            self._deliver(channel.decode(errors="replace"), answer[2])
        elif kind in CONFIRMATIONS:
            self._deliver(channel.decode(errors="replace"), None)
        elif kind in ENDS and self._held.pop(channel.decode(errors="replace"), ""):
            self._learn("")  # Redis has ended it: the slot was moved
            self.update()

    def _deliver(self, channel: str, data: bytes | None) -> None:
        try:
            self._receive(channel, data)
        except ValueError as error:  # a clock that was just put back makes one of a message that was under way
            log.warning("bus_message_refused channel=%s cause=%r", channel, str(error))
        except Exception:
            log.exception("bus_message_failed channel=%s", channel)

    def _learn(self, failed: str) -> None:
        try:
            self._client.learn(failed)
        except (redis.RedisError, OSError) as error:
            log.info("cluster_unknown cause=%r", str(error))

    def _write(self, connection: Any) -> None:
        """Each channel has a command of its own: in a cluster, two of them may be in different slots."""
        changes, self._changes, commands = self._changes, {}, []
        for channel, word in changes.items():
            if word and channel not in self._held:
                self._held[channel] = word
                commands.append((word, channel))
            elif not word and (held := self._held.pop(channel, None)):
                commands.append((END_OF[held], channel))
        if commands:
            connection.send_packed_command(connection.pack_commands(commands))

    def _close(self, connection: Any) -> None:
        self._connection, self._held = None, {}
        if connection is not None:
            connection.disconnect()
