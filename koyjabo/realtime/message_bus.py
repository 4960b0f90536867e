"""The message queue between workers: python-socketio's, over Redis, without anybody waiting for it.

It may lose messages and nobody notices: a value is told whole, and every worker looks at the present state by itself
as well (decision 7).
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

from koyjabo.cluster.outbox import Outbox
from koyjabo.realtime.fanout import LocalFanout, OnSent, OnTold

log = logging.getLogger(__name__)

CHANNEL = "flask-socketio"
"""Flask-SocketIO's own name, so that `SocketIO(message_queue=REDIS_URL).emit(…)` reaches us from anywhere."""

VALUE = "koyjabo:value"
"""The event under which workers tell each other a room's state; it is never sent to a client."""

RETRY_S = 1.0
LISTEN_S = 1.0


class RoomManager(PubSubManager, LocalFanout):
    """The clients of this worker, and a line to the other workers.

    In this order of bases a message from the queue comes to `LocalFanout.emit`, like one from here.
    """

    name = "koyjabo"

    def __init__(
        self,
        client: redis.Redis,
        outbox: Outbox,
        on_value: Callable[[str, Any], object],
        on_sent: OnSent,
        on_told: OnTold,
    ) -> None:
        """`on_value` is called with a room and its state when another worker has published it."""
        self._on_sent = on_sent
        self._on_told = on_told
        super().__init__(channel=CHANNEL, logger=logging.getLogger("koyjabo.socketio"))
        self._on_value = on_value
        self._listening = False
        self._client = client
        self._outbox = outbox

    def initialize(self) -> None:
        """Begin to listen; python-socketio asks for it when the first client connects, our server before."""
        if not self._listening:
            self._listening = True
            super().initialize()

    def say(self, room: str, state: Callable[[], Any], part: str = "") -> None:
        """Tell the other workers the state of a room, or of one part of it, as it is when it is sent."""
        self._outbox.put((VALUE, room, part), lambda: self._send(self._value(room, state())))

    def _value(self, room: str, state: Any) -> dict[str, Any]:
        return {"method": "emit", "event": VALUE, "room": room, "data": [state], "host_id": self.host_id}

    def _send(self, message: dict[str, Any]) -> None:
        self._client.publish(self.channel, self.json.dumps(message))

    def _publish(self, data: dict[str, Any]) -> None:
        self._outbox.put_in_order(partial(self._send, data))

    def _handle_emit(self, message: dict[str, Any]) -> None:
        if message["event"] == VALUE:
            self._on_value(message["room"], message["data"][0])
        else:
            super()._handle_emit(message)

    def _objects(self, message: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
        """What python-socketio can look into; others may publish here, too."""
        with suppress(ValueError):
            said = self.json.loads(message["data"]) if message else None
            if isinstance(said, dict):
                yield said

    def _listen(self) -> Iterator[dict[str, Any]]:
        """What is published, for as long as the process lives. What is missed in a gap the pulse makes good."""
        while True:
            try:
                with self._client.pubsub(ignore_subscribe_messages=True) as line:
                    line.subscribe(self.channel)
                    while True:
                        yield from self._objects(line.get_message(timeout=LISTEN_S))
            except (redis.RedisError, OSError) as error:
                log.info("bus_interrupted cause=%r", str(error))
            time.sleep(RETRY_S)
