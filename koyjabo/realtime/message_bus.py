"""The message queue between workers: python-socketio's, over Redis, through the outbox, so that no request waits.

A lost message does no harm: messages carry whole values, and every worker also reads the present state regularly
(decision 7).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import redis
from socketio import PubSubManager

from koyjabo.cluster.outbox import RedisOutbox
from koyjabo.realtime.fanout import Epoch, LocalFanout, OnSent, OnTold

log = logging.getLogger(__name__)

CHANNEL = "flask-socketio"
"""Flask-SocketIO's default name, so that `SocketIO(message_queue=REDIS_URL).emit(…)` of any process reaches us."""

VALUE = "koyjabo:value"
"""The event with which workers publish a room's state to each other; it is never sent to a client."""

RETRY_S = 1.0
LISTEN_S = 1.0


class RoomManager(PubSubManager, LocalFanout):
    """The clients of this worker, and the queue to the other workers.

    The order of the bases makes `LocalFanout.emit` handle messages from the queue and messages of this worker alike.
    """

    name = "koyjabo"

    def __init__(
        self,
        client: redis.Redis,
        outbox: RedisOutbox,
        on_value: Callable[[str, Any], object],
        on_sent: OnSent,
        on_sent_to_one: OnTold,
        epoch: Epoch,
    ) -> None:
        """`on_value` is called with a room and its state when another worker has published it."""
        self._on_sent = on_sent
        self._on_sent_to_one = on_sent_to_one
        self._epoch = epoch
        super().__init__(channel=CHANNEL, logger=logging.getLogger("koyjabo.socketio"))
        self._on_value = on_value
        self._listening = False
        self._client = client
        self._outbox = outbox

    def initialize(self) -> None:
        """Start listening. Idempotent: our server calls it at the start, python-socketio when a client connects."""
        if not self._listening:
            self._listening = True
            super().initialize()

    def publish(self, room: str, state: Callable[[], Any], part: str = "") -> None:
        """Publish the state of a room, or of one part of it; `state` is called when the message is sent."""
        self._outbox.send_newest((VALUE, room, part), lambda: self._send(self._state_message(room, state())))

    def _state_message(self, room: str, state: Any) -> dict[str, Any]:
        return {"method": "emit", "event": VALUE, "room": room, "data": [state], "host_id": self.host_id}

    def _send(self, message: dict[str, Any]) -> None:
        self._client.publish(self.channel, self.json.dumps(message))

    def _publish(self, data: dict[str, Any]) -> None:
        self._outbox.send_in_order(partial(self._send, data))

    def _handle_emit(self, message: dict[str, Any]) -> None:
        if message["event"] == VALUE:
            self._on_value(message["room"], message["data"][0])
        else:
            super()._handle_emit(message)

    def _parse(self, message: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
        """Yield the message if it is a JSON object, which python-socketio expects; other programs may publish here."""
        with suppress(ValueError):
            parsed = self.json.loads(message["data"]) if message else None
            if isinstance(parsed, dict):
                yield parsed

    def _listen(self) -> Iterator[dict[str, Any]]:
        """Yield published messages for ever. Messages missed in an outage are made up for by the regular reads."""
        while True:
            try:
                with self._client.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
                    subscription.subscribe(self.channel)
                    while True:
                        yield from self._parse(subscription.get_message(timeout=LISTEN_S))
            except (redis.RedisError, OSError) as error:
                log.info("bus_interrupted cause=%r", str(error))
            time.sleep(RETRY_S)
