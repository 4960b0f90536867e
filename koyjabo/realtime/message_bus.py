"""Socket.IO's message queue between processes: python-socketio's, over the bus, so that no request waits."""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from socketio import PubSubManager

from koyjabo.cluster.redis_bus import QUEUE, RedisBus
from koyjabo.realtime.fanout import Epoch, LocalFanout, OnSent, OnTold

MOST_WAITING = 1000
"""Messages that have been read and not handled; then the bus is not read further."""


VALUE_OF_1_0 = "koyjabo:value"
"""The event as which workers of release 1.0.0 send values to each other on this queue. No client may receive it."""


class RoomManager(PubSubManager, LocalFanout):
    """The clients of this worker, and the queue to the other workers.

    The order of the bases makes `LocalFanout.emit` handle messages from the queue and messages of this worker alike.
    """

    name = "koyjabo"

    def __init__(self, bus: RedisBus, on_sent: OnSent, on_sent_to_one: OnTold, epoch: Epoch) -> None:
        self._on_sent = on_sent
        self._on_sent_to_one = on_sent_to_one
        self._epoch = epoch
        super().__init__(channel=QUEUE, logger=logging.getLogger("koyjabo.socketio"))
        self._bus = bus
        self._listening = False
        self._received: queue.Queue[bytes] = queue.Queue(MOST_WAITING)

    def initialize(self) -> None:
        """Start listening. Idempotent: our server calls it at the start, python-socketio when a client connects."""
        if not self._listening:
            self._listening = True
            super().initialize()
            self._bus.on_queue = self._received.put
            self._bus.start()

    def _publish(self, data: dict[str, Any]) -> None:
        self._bus.send_to_queue(self.json.dumps(data))

    def _listen(self) -> Iterator[dict[str, Any]]:
        """Yield messages for ever: those that are JSON objects, as other programs may publish here. Workers of 1.0.0
        do in an upgrade; what they count is read from the database.
        """
        while True:
            with suppress(ValueError, RecursionError):
                parsed = self.json.loads(self._received.get())
                if isinstance(parsed, dict) and parsed.get("event") != VALUE_OF_1_0:
                    yield parsed
