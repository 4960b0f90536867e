"""Sets up a worker's WebSockets (plain and Socket.IO) and streams, checks them regularly, and closes them."""

import logging
import time

from koyjabo.base.core.extensions import socketio
from koyjabo.base.core.runtime import Runtime
from .connection_loop import SWEEP_INTERVAL_S, ConnectionLoop
from .engine import Engine
from .event_stream import EventStreams
from .websockets import WebSockets

log = logging.getLogger(__name__)

GOODBYE_S = 2.0
"""How long clients have to respond to our close frame before the process ends, s."""

GOODBYE_TICK_S = 0.05

LATE_SWEEP_S = 1.0
"""If a sweep is later than this, s, the machine or this worker was suspended."""

MAX_SLEEPS = 3
"""Maximum number of additional sleeps, so that silent clients do not stay open on a machine that is always slow."""


class Sockets:
    def __init__(self, runtime: Runtime, connections: ConnectionLoop) -> None:
        self._connections = connections
        self._engine = Engine(socketio.server, connections)
        self.websockets = WebSockets(connections)
        self.event_streams = EventStreams(connections)
        socketio.server.manager.initialize()
        runtime.start_task(self._sweep)

    def share(self) -> int | None:
        """Return `ConnectionLoop.share`."""
        return self._connections.share()

    def close_all(self) -> None:
        """End all polls and streams, and send a close frame to all WebSockets."""
        self._engine.end_polling()
        self._connections.close_all()

    def wait_until_closed(self) -> None:
        """Wait until all clients have responded, for at most GOODBYE_S."""
        deadline = time.monotonic() + GOODBYE_S
        while len(self._connections) and time.monotonic() < deadline:
            time.sleep(GOODBYE_TICK_S)

    def _sweep(self) -> None:
        while True:
            self._wait_until_due()
            try:
                self._engine.sweep()
                self._connections.sweep()
            except Exception:
                log.exception("sweep_failed")

    def _wait_until_due(self) -> None:
        """Sleep until an item is due. After a suspension, sleep again, so that frames that have arrived since are read
        before silent clients are dropped.
        """
        wanted_s = min(SWEEP_INTERVAL_S, self._engine.sweep_interval_s)
        for _ in range(MAX_SLEEPS):
            began = time.monotonic()
            time.sleep(wanted_s)
            if time.monotonic() - began <= wanted_s + LATE_SWEEP_S:
                return
