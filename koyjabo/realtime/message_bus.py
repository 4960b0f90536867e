"""Socket.IO's message queue between processes: python-socketio's protocol over the Redis bus, without making requests
wait.
"""

import logging
import queue
from collections.abc import Iterator
from typing import Any

from socketio import PubSubManager

from koyjabo.base.cluster.redis_bus import SOCKETIO_CHANNEL, RedisBus
from .fanout import LocalFanout

MAX_WAITING_MESSAGES = 1000
"""Maximum number of messages that have been read but not yet handled. Beyond this, reading from the bus pauses."""


class RoomManager(PubSubManager, LocalFanout):
    """The clients of this worker, and the queue to the other workers. The order of the base classes makes
    `LocalFanout.emit` handle messages from this worker and from the queue alike.
    """

    name = "koyjabo"

    def __init__(self, bus: RedisBus) -> None:
        super().__init__(channel=SOCKETIO_CHANNEL, logger=logging.getLogger("koyjabo.socketio"))
        self._bus = bus
        self._listening = False
        self._received: queue.Queue[dict[str, Any]] = queue.Queue(MAX_WAITING_MESSAGES)

    def initialize(self) -> None:
        """Start listening. Idempotent: our server calls this on startup, and python-socketio whenever a client
        connects.
        """
        if not self._listening:
            self._listening = True
            super().initialize()
            self._bus.start(self._received.put)

    def emit(self, *values: Any, ignore_queue: bool = False, **options: Any) -> None:
        # For this worker, python-socketio would drop the revision.
        (LocalFanout if ignore_queue else PubSubManager).emit(self, *values, **options)

    def _publish(self, data: dict[str, Any]) -> None:
        self._bus.send_to_queue(self.json.dumps(data))

    def _listen(self) -> Iterator[dict[str, Any]]:
        while True:
            yield self._received.get()
