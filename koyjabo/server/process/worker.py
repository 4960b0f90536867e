"""A worker process: the application on eventlet's WSGI server, and a way out that loses nothing."""

from __future__ import annotations

import gc
import logging
import os
import resource
import signal
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from koyjabo.runtime import Runtime

RESERVED_FILES = 50
"""For the database, the log and the like."""

FEWEST_REQUESTS = 1000
"""Connections for HTTP that sockets leave room for, where files are few."""

MOST_REQUESTS = 5000
"""Connections for HTTP at once: one that says nothing costs 20 KB. When all are taken, those that have let us wait
longest give way.
"""

CLOSE_S = 1.0
"""To commit what waits, whatever became of those who asked."""

TICK_S = 0.1
SWEEP_INTERVAL_S = 5.0
RETRY_S = 1.0


def work(listener: socket.socket, parent: int, ready: int, drain_s: float) -> int:
    """Serve `listener` until SIGTERM, or until the process `parent` is gone. Writes a byte to `ready` when it begins.

    On the way out: stop accepting, answer what is in flight, commit what was handed over, for at most `drain_s`
    seconds. Returns the exit status.
    """
    from koyjabo.server.process import loop, patching  # takes the real threads before they are patched away

    os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")  # 9 MB; see `lookups`
    patching.patch()
    import eventlet

    leaving: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: leaving.append(1))  # it may interrupt the hub: only make a note

    def stay() -> bool:
        return not leaving and os.getppid() == parent

    import config
    from koyjabo.observability import logs
    from koyjabo.server.process.dns import look_up_on_threads

    settings = config.load()
    logs.configure(settings.log_level, settings.log_format)
    runtime = loop.EventletRuntime()
    look_up_on_threads(runtime)
    app = _make_app(runtime, stay)
    if app is None:
        return 0
    from koyjabo.application.services import Services
    from koyjabo.network.rate_limiter import Rate, share
    from koyjabo.server.http.connections import Connections
    from koyjabo.server.websockets.websockets import Sockets

    services = Services.of(app)
    logs.count_errors(services.observability.metrics.error)
    most_sockets, most_requests = _allow_files(settings.max_connections)
    most_an_address, handshakes = settings.rate_limit_sockets or most_sockets, settings.rate_limit_handshakes
    rate = Rate(share(handshakes, settings.web_concurrency)) if handshakes else None
    sockets = Sockets(runtime, most_sockets, most_an_address, rate)
    services.start()
    connections = Connections(most_requests)
    acceptor = _accept(listener, app, connections, sockets)
    os.write(ready, b"\0")
    sweep_at = 0.0
    while stay() and not acceptor.dead:
        eventlet.sleep(TICK_S)
        if time.monotonic() >= sweep_at:
            connections.end_the_late()
            sweep_at = time.monotonic() + SWEEP_INTERVAL_S
    with eventlet.Timeout(drain_s, False):
        connections.hear_no_more()
        acceptor.kill()
        listener.close()
        sockets.leave()
        connections.waitall()
        sockets.wait_until_left()
    with eventlet.Timeout(CLOSE_S, False):
        services.close()
    return 0


def _make_app(runtime: Runtime, stay) -> Flask | None:
    """The application, as soon as its database can be reached; None if we are told to leave before that."""
    import eventlet

    from koyjabo import create_app
    from koyjabo.errors import DatabaseInUse, LedgerUnavailable

    said = False
    while stay():
        try:
            app = create_app(runtime=runtime)
        except (LedgerUnavailable, DatabaseInUse) as error:
            if not said:
                cause = str(error.__cause__ or error).strip()
                logging.getLogger(__name__).error("database_unreachable cause=%r", cause)
                said = True
            eventlet.sleep(RETRY_S)
            continue
        gc.collect()
        gc.freeze()  # what is here now stays: the collector need not look at it again
        gc.set_threshold(20_000, 20, 20)  # a request leaves few cycles; looking less often is worth 5 % of the rate
        return app
    return None


def _accept(listener: socket.socket, app: Flask, connections, sockets):
    """Start eventlet's server in a greenlet of its own."""
    import eventlet
    from eventlet import wsgi

    from koyjabo.server.http.connections import Listener
    from koyjabo.server.http.protocol import Protocol

    return eventlet.spawn(
        wsgi.server,
        Listener(listener),
        app,
        log=logging.getLogger("koyjabo.server.wsgi"),
        environ={
            "wsgi.input_terminated": True,  # its input ends where the body does, chunked or not
            "koyjabo.websockets": sockets.websockets,
            "koyjabo.unhurried": connections.unhurried,
        },
        custom_pool=connections,
        log_output=False,
        debug=False,
        protocol=Protocol,
        capitalize_response_headers=False,
    )


def _allow_files(wanted: int) -> tuple[int, int]:
    """Raise the limit on open files as far as the system lets us, for `wanted` WebSockets and as many requests.

    Returns how many of each that is enough for. A server that runs out of files would stop accepting for good; one
    whose pool of requests is full lets callers wait.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = wanted + max(FEWEST_REQUESTS, min(wanted, MOST_REQUESTS)) + RESERVED_FILES
    allowed = files if most == resource.RLIM_INFINITY else min(files, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    sockets = min(wanted, max(1, allowed - RESERVED_FILES - FEWEST_REQUESTS))
    if sockets < 0.9 * wanted:
        logging.getLogger(__name__).warning("max_connections wanted=%d allowed=%d", wanted, sockets)
    return sockets, max(1, allowed - RESERVED_FILES - sockets)
