"""The WebSockets of a worker, of both kinds, and its streams: sets them up, sweeps them regularly, and closes them at
the end.
"""

from __future__ import annotations

import logging
import time

from koyjabo.core.extensions import socketio
from koyjabo.core.runtime import Runtime
from koyjabo.network.rate_limiter import Rate
from koyjabo.server.loop.poller import Poller
from koyjabo.server.websockets.connection_loop import SWEEP_INTERVAL_S, ConnectionLoop
from koyjabo.server.websockets.engineio import Engine
from koyjabo.server.websockets.event_stream import EventStreams
from koyjabo.server.websockets.handshake import WebSockets

log = logging.getLogger(__name__)

GOODBYE_S = 2.0
"""How long clients have to answer our close frame before the process ends."""

TICK_S = 0.05

LATE_S = 1.0
"""A sweep that is later than this means that the machine or this worker was suspended."""

MOST_SLEEPS = 3
"""A machine that is slow all the time must not keep silent clients open."""


class Sockets:
    def __init__(
        self,
        runtime: Runtime,
        poller: Poller,
        most: int,
        most_an_address: int,
        most_a_network: int,
        handshakes: Rate | None,
    ) -> None:
        self._connections = ConnectionLoop(runtime, poller, most, most_an_address, most_a_network, handshakes)
        self._engine = Engine(socketio.server, self._connections)
        self.websockets = WebSockets(self._connections)
        self.event_streams = EventStreams(self._connections)
        socketio.server.manager.initialize()
        runtime.start_task(self._sweep)

    def share(self) -> int | None:
        """See `ConnectionLoop.share`."""
        return self._connections.share()

    def close_all(self) -> None:
        """End all polls and streams, and send a close frame to all WebSockets."""
        self._engine.end_polling()
        self._connections.close_all()

    def wait_until_closed(self) -> None:
        """Wait until all clients have answered, GOODBYE_S at most."""
        deadline = time.monotonic() + GOODBYE_S
        while len(self._connections) and time.monotonic() < deadline:
            time.sleep(TICK_S)

    def _sweep(self) -> None:
        while True:
            self._wait_until_due()
            try:
                self._engine.sweep()
                self._connections.sweep()
            except Exception:
                log.exception("sweep_failed")

    def _wait_until_due(self) -> None:
        """Sleep until an item is due. After a suspension, sleep again, so that frames that arrived meanwhile are read
        before silent clients are dropped.
        """
        wanted_s = min(SWEEP_INTERVAL_S, self._engine.sweep_interval_s)
        for _ in range(MOST_SLEEPS):
            began = time.monotonic()
            time.sleep(wanted_s)
            if time.monotonic() - began <= wanted_s + LATE_S:
                return
