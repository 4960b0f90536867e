"""The product's server with smaller constants, and with routes for what clients cannot cause or see.

As a program, it reads environment variables:

- CHANGES: constants as JSON, such as `{"koyjabo.server.websockets.connection_loop.STALLED_CLIENT_S": 0.5}`.
- CLOCK, ELAPSED, AHEAD: files with ms to add to the wall clock, to the monotonic clock, and to the time that limits
connections (see `pass_`).
- WATCHED: log when a real thread uses something that belongs to the loop.
- NUMBERED: number the responses in a header.
- SILENT: names are not resolved while this file exists.

Draining takes up to an hour here, so that tests notice when a server waits for that limit.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TRESPASS = "a real thread is where only greenlets may be"
LEAVES_WITHIN_S = 10  # the limit promised to operators in the documents
CONNECTIONS = """http.connection http.connections http.server websockets.buffered_connection
websockets.websocket_connection websockets.connection_loop websockets.delay_line
websockets.engine websockets.engineio_socket websockets.sockets"""
"""Modules that read the clock to limit connections."""

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[3])
else:
    from struct import pack

    import psutil
    import requests

    from support.databases.database import SqliteDatabase
    from support.programs.patience import PATIENCE_S
    from support.programs.processes import wait_until
    from support.servers.server import Server

    class ChangedServer(Server):
        """A server that counts the objects it holds, and sends events on request."""

        program = (__file__,)
        ahead: Path
        ahead_s = 0.0

        @property
        def worker(self) -> psutil.Process:
            (worker,) = self.workers()
            return worker

        def resident(self) -> int:
            """Resident memory in bytes. Waits until the worker has loaded the user agent rules."""
            wait_until(lambda: self.get("/test/loaded").json()["loaded"], "the rules are loaded")
            return self.worker.memory_info().rss

        def allocated(self) -> int:
            """Bytes that the worker has allocated since the first call, and not freed."""
            (allocated,) = self.get("/test/allocated").json()
            return allocated

        def emit(self, count: int = 1, size: int = 100) -> list[int]:
            """Send `visitor_update` events of at least `size` bytes to all clients. Returns their revisions."""
            first, last = self.get("/test/emit", params={"count": count, "size": size}).json()
            return list(range(first, last + 1))

        def pass_(self, seconds: float) -> None:
            """Advance the connections' clock, and return after overdue connections are closed and the others pinged.

            Requires a `timed_server`.
            """
            self.ahead_s += seconds
            with self.ahead.open("r+b", buffering=0) as file:
                file.write(pack("=q", round(self.ahead_s * 1000)))
            # Use a new connection: a kept one may be closed to make room for others.
            assert requests.get(f"{self.url}/test/sweep", timeout=PATIENCE_S).ok

        def held(self) -> dict[str, int]:
            """The number of objects that the worker keeps for clients. All are 0 without clients."""
            return self.get("/test/held").json()

        def wait_until_held(self, sockets: int) -> None:
            wait_until(lambda: self.held()["connections"] == sockets, f"{sockets} sockets are open")

    def pings(interval_s: float, timeout_s: float, sweep_s: float = 0.05) -> dict[str, float]:
        """Changes that set the ping interval and timeout, so that closed clients are noticed quickly."""
        loop = "koyjabo.server.websockets.connection_loop"
        return {
            f"{loop}.PING_INTERVAL_S": interval_s,
            f"{loop}.PING_TIMEOUT_S": timeout_s,
            f"{loop}.CLOSE_TIMEOUT_S": timeout_s,
            "koyjabo.server.websockets.sockets.SWEEP_INTERVAL_S": sweep_s,
            "koyjabo.server.websockets.engine.UPGRADE_TIMEOUT_S": timeout_s,
            "socketio.ping_interval": interval_s,
            "socketio.ping_timeout": timeout_s,
        }

    @contextmanager
    def changed_server(folder: Path, changes: dict[str, Any] | None = None, **settings: Any) -> Iterator[ChangedServer]:
        """A running server on a new SQLite database in `folder`."""
        database = SqliteDatabase.migrated(folder / "koyjabo.db")
        server = ChangedServer(database, folder, CHANGES=json.dumps(changes or {}), **settings)
        try:
            yield server.start()
        finally:
            server.kill()

    @contextmanager
    def timed_server(folder: Path, changes: dict[str, Any] | None = None, **settings: Any) -> Iterator[ChangedServer]:
        """A `changed_server` whose clock for connections a test can advance."""
        (ahead := folder / "ahead").write_bytes(pack("=q", 0))
        with changed_server(folder, changes, AHEAD=ahead, **settings) as server:
            server.ahead = ahead
            yield server


def serve() -> int:
    """Serve until SIGTERM. Nothing may be imported before the worker has patched the standard library."""
    import koyjabo

    be_patient()
    if "SILENT" in os.environ:
        silence_resolver(Path(os.environ["SILENT"]))
    create_app = koyjabo.create_app

    def create_changed_app(*settings: Any, **wiring: Any):
        change(json.loads(os.environ["CHANGES"]))
        if "CLOCK" in os.environ or "ELAPSED" in os.environ:
            follow()
        if "AHEAD" in os.environ:
            limit_connections_by(Path(os.environ["AHEAD"]))
        if "WATCHED" in os.environ:
            watch_threads()
        app = create_app(*settings, **wiring)
        add_routes(app)
        if "NUMBERED" in os.environ:
            number_answers(app)
        return app

    koyjabo.create_app = create_changed_app

    from koyjabo.server import serve

    return serve()


def be_patient() -> None:
    """Allow an hour for draining."""
    from koyjabo.server.process import parent

    assert parent.WORKER_DRAIN_S < parent.KILL_AFTER_S <= LEAVES_WITHIN_S
    parent.WORKER_DRAIN_S = parent.KILL_AFTER_S = 3600.0
    parent.PROGRAM = parent.PROGRAM and __file__


def silence_resolver(silent: Path) -> None:
    """Replace getaddrinfo in `_socket`, which eventlet does not patch. Like the system's, it blocks the thread."""
    import _socket

    look_up, sleep = _socket.getaddrinfo, time.sleep

    def look_up_later(host, port, family=0, type=0, proto=0, flags=0):
        while silent.exists() and not flags & _socket.AI_NUMERICHOST:
            sleep(0.1)
        return look_up(host, port, family, type, proto, flags)

    _socket.getaddrinfo = look_up_later


def change(changes: dict[str, Any]) -> None:
    from importlib import import_module

    from koyjabo.base.core.extensions import socketio

    for name, value in changes.items():
        if name.startswith("socketio."):
            socketio.server_options[name.removeprefix("socketio.")] = value
            continue
        module, _, constant = name.rpartition(".")
        assert hasattr(import_module(module), constant), name
        setattr(import_module(module), constant, value)


def follow() -> None:
    """Add the ms in the files to the two clocks."""
    from koyjabo.base.core import clock

    ahead_ms, passed_ms = (
        read_of(Path(os.environ[name])) if name in os.environ else int for name in ("CLOCK", "ELAPSED")
    )
    clock.Clock.__init__.__defaults__ = (
        lambda: clock.system_now_ms() + ahead_ms(),
        lambda: clock.system_elapsed_ms() + passed_ms(),
        clock.RELEASE_MS,
    )


def limit_connections_by(number: Path) -> None:
    """Add the ms in the file to the clock that limits connections of all kinds."""
    from importlib import import_module
    from types import SimpleNamespace

    ahead_ms, monotonic = read_of(number), time.monotonic
    ahead = SimpleNamespace(time=time.time, sleep=time.sleep, monotonic=lambda: monotonic() + ahead_ms() / 1000)
    for name in CONNECTIONS.split():
        import_module(f"koyjabo.server.{name}").time = ahead


def read_of(number: Path) -> Callable[[], int]:
    """A function that reads the number in this file (see `support.faults.shared_numbers`)."""
    from mmap import ACCESS_READ, mmap
    from struct import unpack_from

    with number.open("rb") as file:
        mapped = mmap(file.fileno(), 0, access=ACCESS_READ)
    return lambda: unpack_from("=q", mapped)[0]


def watch_threads() -> None:
    """Log a trespass when a thread other than this one takes a green lock or waits on a hub."""
    from traceback import print_stack

    from eventlet import hubs, patcher, semaphore

    get_ident = patcher.original("_thread").get_ident
    loop = get_ident()

    def watched(call):
        def checked(*args, **options):
            if get_ident() != loop:
                sys.stderr.write(f"{TRESPASS}\n")
                print_stack()
            return call(*args, **options)

        return checked

    semaphore.Semaphore.acquire = watched(semaphore.Semaphore.acquire)
    hubs.use_hub = watched(hubs.use_hub)  # a thread calls this to get its own loop


def number_answers(app) -> None:
    """Number the responses in order, in the header X-Number."""
    from itertools import count

    numbers, answer = count(1), app.wsgi_app

    def numbered(environ, start_response):
        def start(status, headers, *error):
            return start_response(status, [*headers, ("X-Number", str(next(numbers)))], *error)

        return answer(environ, start)

    app.wsgi_app = numbered


def add_routes(app) -> None:
    from itertools import count

    from flask import request

    from koyjabo.base.core.extensions import socketio
    from koyjabo.counting.visits import Visits
    from koyjabo.presence.visitors.visitor_sockets import VisitorSockets
    from koyjabo.web.current import services_of

    newest = services_of(app)[Visits].newest()
    revisions = count(newest.revision + 10**9)  # higher than any revision of the server

    @app.get("/test/emit")
    def emit():
        """Send events, and switch to other greenlets after each one, as happens between real changes."""
        sent = []
        for _ in range(request.args.get("count", type=int)):
            sent.append(next(revisions))
            stats = {"revision": sent[-1], "filling": "x" * request.args.get("size", type=int)}
            socketio.emit("visitor_update", {"type": "visitor_update", "stats": stats}, to="stats")
            time.sleep(0)
        return [sent[0], sent[-1]]

    @app.get("/test/sweep")
    def sweep():
        """Run the regular sweep of connections, after other waiting requests."""
        time.sleep(0)
        request.environ["koyjabo.connection"]._server.connections.end_overdue()
        socketio.server.eio.engine.sweep()
        request.environ["koyjabo.websockets"]._loop.sweep()
        return {}

    @app.get("/test/loaded")
    def loaded():
        from koyjabo.base.network import user_agents

        return {"loaded": bool(user_agents.compiled_rules.cache_info().currsize)}

    @app.get("/test/allocated")
    def allocated():
        """Bytes that Python has allocated since the first call, and that are still in use."""
        import gc
        import tracemalloc

        gc.collect()
        if not tracemalloc.is_tracing():
            tracemalloc.start()
        return [tracemalloc.get_traced_memory()[0]]

    @app.get("/test/held")
    def held():
        connections = request.environ["koyjabo.websockets"]._loop
        fanout = socketio.server.manager
        streams = app.extensions.get("koyjabo.streams", {})
        return {
            "connections": len(connections),
            "reserved": connections._reserved,
            "addresses": sum(connections._by_address._counts.values()),
            "stalled": len(connections._stalled),
            "paused": len(connections._held),
            "members": fanout.member_count("stats"),
            "clients": len(fanout._clients),
            "engine": len(socketio.server.eio.sockets),
            "environments": len(socketio.server.environ),
            "paired": len(services_of(app)[VisitorSockets]._sockets),
            "errors": sum(len(stream._errors) for stream in streams.values()),
        }


if __name__ == "__main__":
    sys.exit(serve())
