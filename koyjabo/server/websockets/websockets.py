"""The WebSockets of a worker, of both kinds: made when it begins, swept while it serves, closed when it leaves."""

from __future__ import annotations

import logging
import time

from koyjabo.extensions import socketio
from koyjabo.network.rate_limiter import Rate
from koyjabo.server.process.loop import EventletRuntime
from koyjabo.server.websockets.connection_loop import SWEEP_INTERVAL_S, ConnectionLoop
from koyjabo.server.websockets.engineio import Engine
from koyjabo.server.websockets.handshake import WebSockets

log = logging.getLogger(__name__)

GOODBYE_S = 2.0
"""How long clients have to answer our goodbye; after that the process ends anyway."""

TICK_S = 0.05

LATE_S = 1.0
"""A sweep that comes so late was held up by more than other work: the machine or this worker had been stopped."""


class Sockets:
    def __init__(self, runtime: EventletRuntime, most: int, most_an_address: int, handshakes: Rate | None) -> None:
        self._connections = ConnectionLoop(runtime, runtime.epoll(), most, most_an_address, handshakes)
        self._engine = Engine(socketio.server, self._connections)
        self.websockets = WebSockets(self._connections)
        socketio.server.manager.initialize()
        runtime.start_task(self._sweep)

    def leave(self) -> None:
        """Say goodbye to everybody."""
        self._engine.end_polling()
        self._connections.close_all()

    def wait_until_left(self) -> None:
        """Until all have answered, GOODBYE_S at most."""
        patience_ends = time.monotonic() + GOODBYE_S
        while len(self._connections) and time.monotonic() < patience_ends:
            time.sleep(TICK_S)

    def _sweep(self) -> None:
        while True:
            self._rest()
            try:
                self._engine.sweep()
                self._connections.sweep()
            except Exception:
                log.exception("sweep_failed")

    def _rest(self) -> None:
        """Until something is due. After a stop, what clients have said meanwhile is read before anybody is judged."""
        wanted_s = min(SWEEP_INTERVAL_S, self._engine.sweep_interval_s)
        began = time.monotonic()
        time.sleep(wanted_s)
        if time.monotonic() - began > wanted_s + LATE_S:
            time.sleep(wanted_s)
