"""A worker process: serves the application on an event loop, and stops without losing requests or visits."""

import gc
import logging
import os
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from flask import Flask

import koyjabo
from koyjabo.base.core.errors import DatabaseInUse, LedgerUnavailable, Unusable, UnusableDatabase
from koyjabo.base.core.runtime import EventLoop, Waiter
from koyjabo.base.database.outage_causes import reason_of
from koyjabo.base.network.rate_limiter import Rate, share
from koyjabo.base.observability import logs
from koyjabo.base.observability.observability_services import ObservabilityServices
from koyjabo.base.settings.schema import Settings
from koyjabo.server.http.body_limits import BodyLimits
from koyjabo.server.http.server import HttpServer, everything
from koyjabo.server.loop import eventlet_loop
from koyjabo.server.loop.fair_queue import FairQueue
from koyjabo.server.loop.poller import Poller
from koyjabo.server.websockets.connection_loop import ConnectionLoop
from koyjabo.server.websockets.sockets import Sockets
from koyjabo.web.current import services_of
from koyjabo.web.http import body_sizes, response_headers
from koyjabo.web.schemas.bodies import MAX_BODY_BYTES
from .children import CLOSE_S, READY_REPORT
from .listening_socket import ListeningSocket
from .lookups import look_up_on_threads

Application: TypeAlias = tuple[Settings, Flask]


RESERVED_FILES = 50
"""Number of files reserved for the database, the log and others."""

MIN_REQUESTS = 1000
"""Number of HTTP connections that files are reserved for, if the limit on open files is low. They get at most half."""

MAX_REQUESTS = 25_000
"""Maximum number of HTTP connections. Beyond this, the ones that have kept the server waiting longest are closed."""

SOCKETS_NETWORK_DIVISOR = 4
"""A /24 or /48 gets at most a quarter of the sockets and streams."""

HANDSHAKES_OF_A_SOCKET = 3
"""Sockets that one address may open per minute, as a multiple of RATE_LIMIT_SOCKETS. A campus may reconnect at once."""

GARBAGE = (20_000, 20, 20)
"""Thresholds for Python's garbage collector. Requests leave few cycles, so collecting less often raises throughput by 5
%.
"""

MAX_SENTENCE = 600
"""Maximum length of the sentence about an unusable database, so that a report stays shorter than PIPE_BUF."""

SERVING_TICK_S = 0.1
OVERDUE_INTERVAL_S = 5.0
START_RETRY_S = 1.0


def work(listener: ListeningSocket, parent: int, writer: int, drain_s: float, application: Application) -> int:
    """Serve `listener` until SIGTERM, or until the process `parent` ends, and report to `writer` when ready. Returns
    the exit status. `application` consists of the settings and an app with its routes.

    To stop, the worker finishes running requests for at most `drain_s` seconds, then commits pending writes for at most
    CLOSE_S. The standard library must already be patched, and the event loop must be unused.
    """
    settings, routed = application
    signals: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: signals.append(1))  # it may interrupt the loop, so it only sets a flag

    def goes_on() -> bool:
        return not signals and os.getppid() == parent

    runtime = _make_runtime()
    try:
        app = _make_app(runtime, goes_on, routed)
    except (Unusable, UnusableDatabase) as error:
        with suppress(BrokenPipeError):
            os.write(writer, str(error)[:MAX_SENTENCE].encode())
        return 1
    if app is not None:
        server = _Server(app, runtime, settings, listener)
        with suppress(BrokenPipeError):  # the parent has ended, which `goes_on` notices
            os.write(writer, READY_REPORT.encode())
        server.run(goes_on)
        server.stop(drain_s)
    return 0


def _make_runtime() -> EventLoop:
    eventlet_loop.use_own_hub()
    runtime = eventlet_loop.EventletRuntime()
    look_up_on_threads(runtime)
    return runtime


def _make_app(runtime: EventLoop, goes_on: Callable[[], bool], routed: Flask | None) -> Flask | None:
    """Complete `routed` as soon as the database can be reached; after a failed attempt, complete a new application
    instead. Returns None if the worker has to stop before that. Raises UnusableDatabase,
    and Unusable for REDIS_URL.
    """
    is_logged = False
    while goes_on():
        try:
            app = koyjabo.create_app(runtime=runtime, app=routed)
        except (LedgerUnavailable, DatabaseInUse) as error:
            if not is_logged:
                logging.getLogger(__name__).error(
                    "database_unreachable cause=%r try='check DATABASE_URL; the server waits for it'", reason_of(error)
                )
                is_logged = True
            routed = None  # it already has some of its services
            time.sleep(START_RETRY_S)
            continue
        gc.collect()
        gc.freeze()  # existing objects are permanent: exempt them from collection
        gc.set_threshold(*GARBAGE)
        return app
    return None


class _Server:
    """The application with its HTTP connections and WebSockets, on `listener`."""

    def __init__(self, app: Flask, runtime: EventLoop, settings: Settings, listener: ListeningSocket) -> None:
        """Start serving."""
        self._runtime = runtime
        self._services = services_of(app)
        logs.count_errors(self._services[ObservabilityServices].metrics.error)
        most_sockets, most_requests = _allow_files(settings.max_connections)
        poller = Poller(runtime)
        fair_queue = FairQueue(runtime, poller)
        self._sockets = _make_sockets(runtime, poller, fair_queue, settings, most_sockets)
        self._services.start()
        sizes = body_sizes.body_sizes_of(app)
        bodies = BodyLimits(MAX_BODY_BYTES + 1, lambda path: sizes.largest_at(path) + 1, settings.trusted_proxies)
        environ = {
            "koyjabo.websockets": self._sockets.websockets,
            "koyjabo.event_streams": self._sockets.event_streams,
        }
        self._http = HttpServer(runtime, fair_queue, listener.socket, app, most_requests, bodies, environ)
        self._http.cors = lambda origin: response_headers.cors_lines(settings.origins, origin)
        self._leaves_waiting = listener.is_passed
        self._http.start(self._sockets.share if settings.web_concurrency > 1 else everything)

    def run(self, goes_on: Callable[[], bool]) -> None:
        """Serve as long as `goes_on` returns True."""
        sweep_at = 0.0
        while goes_on():
            time.sleep(SERVING_TICK_S)
            if time.monotonic() >= sweep_at:
                self._http.connections.end_overdue()
                sweep_at = time.monotonic() + OVERDUE_INTERVAL_S

    def stop(self, drain_s: float) -> None:
        """Finish running requests and close all sockets, within `drain_s` seconds. Then commit pending writes, within
        CLOSE_S.
        """
        with self._runtime.limit(drain_s):
            self._http.leave(accepts_waiting=not self._leaves_waiting)
            self._sockets.close_all()
            self._http.wait_until_answered()
            self._sockets.wait_until_closed()
        closed = self._runtime.waiter()
        self._runtime.start_task(lambda: self._close(closed))
        with self._runtime.limit(CLOSE_S):
            closed.wait()

    def _close(self, closed: Waiter) -> None:
        """Close the services in a task. If the time limit expires while one service is being closed, the task still
        closes the next one.
        """
        try:
            self._services.close()
        finally:
            closed.wake()


def _make_sockets(runtime: EventLoop, poller: Poller, fair_queue: FairQueue, settings: Settings, most: int) -> Sockets:
    """Create the WebSocket server for at most `most` connections, with limits per address and per network."""
    an_address = settings.rate_limit_sockets
    handshakes = share(an_address * HANDSHAKES_OF_A_SOCKET, settings.web_concurrency, fewest=an_address)
    rate = Rate(handshakes) if an_address else None
    a_network = max(1, most // SOCKETS_NETWORK_DIVISOR) if an_address else most
    connections = ConnectionLoop(runtime, poller, fair_queue.begin, most, an_address or most, a_network, rate)
    return Sockets(runtime, connections)


def _allow_files(connections: int) -> tuple[int, int]:
    """Raise the limit on open files as far as the system allows, for `connections` WebSockets and as many requests.
    Returns how many WebSockets and requests the limit allows. Further clients have to wait; a server that ran out of
    files would stop accepting for good.
    """
    allowed = _raise_limit_of_files(connections + max(MIN_REQUESTS, min(connections, MAX_REQUESTS)) + RESERVED_FILES)
    free = allowed - RESERVED_FILES
    sockets = min(connections, max(1, free - min(MIN_REQUESTS, free // 2)))
    if sockets < 0.9 * connections:
        logging.getLogger(__name__).warning("max_connections wanted=%d allowed=%d", connections, sockets)
    return sockets, max(1, free - sockets)


def _raise_limit_of_files(files: int) -> int:
    """Set the limit to `files`, or to the system's maximum. Returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = files if hard == resource.RLIM_INFINITY else min(files, hard)
    while allowed > soft:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            return allowed
        except (ValueError, OSError):  # macOS reports "unlimited" and refuses more than kern.maxfilesperproc
            allowed = max(soft, allowed // 2)
    return allowed
