"""Connections to a chosen worker: kept HTTP connections, and open pages of both kinds."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Any

import psutil

from support.clients.listener import PlainListener, SocketioListener
from support.programs.patience import PATIENCE_S
from support.programs.processes import is_stopped, wait_until
from support.servers.api_client import Registered, Stats
from support.servers.server import START_S, Server

Page = PlainListener | SocketioListener
WEBSOCKET = ["websocket"]


def two_workers(server: Server) -> Server:
    """Start the server, and return when both workers serve."""
    server.settings |= {"WEB_CONCURRENCY": 2}
    server.start()
    wait_until(lambda: all_ready(server, 2), "two workers serve", START_S)
    return server


def all_ready(server: Server, count: int) -> bool:
    workers = server.workers()
    if len(workers) != count:
        return False
    for worker in workers:
        with only(server, worker), WorkerConnection(server, 2) as connection:
            try:
                connection.status("/healthz")
            except OSError:
                return False
    return True


@contextmanager
def only(server: Server, chosen: psutil.Process) -> Iterator[None]:
    """Freeze the other workers, so that each new connection inside the block goes to `chosen`. Keep the block short."""
    others = [worker for worker in server.workers() if worker.pid != chosen.pid]
    try:
        wait_until(lambda: _freeze(server, others), "none of the frozen holds the database")
        yield
    finally:
        for worker in others:
            worker.resume()


def _freeze(server: Server, workers: list[psutil.Process]) -> bool:
    """Freeze these workers. Returns False, with all of them resumed, if the chosen one would wait for one of them."""
    for worker in workers:
        worker.suspend()
    wait_until(lambda: all(map(is_stopped, workers)), "they are frozen", every_s=0.001)
    if not server.database.is_free() or not server.database.may_be_opened():
        for worker in workers:
            worker.resume()
        return False
    return True


class WorkerConnection:
    """An HTTP connection to the worker that accepts it. It never reconnects."""

    def __init__(self, server: Server, timeout_s: float = PATIENCE_S) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout_s)
        self._connection.connect()
        self._connection.auto_open = 0

    def __enter__(self) -> WorkerConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, body_json: Any = None, token: str | None = None) -> tuple[int, Any]:
        """Status and JSON of the response; None for an empty body."""
        body = None if body_json is None else json.dumps(body_json)
        login = {"Authorization": f"Bearer {token}"} if token else {}
        self._connection.request(method, path, body, {"Content-Type": "application/json", **login})
        answer = self._connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None

    def status(self, path: str) -> int:
        return self.ask("GET", path)[0]

    def stats(self) -> Stats:
        status, answer = self.ask("GET", "/api/stats")
        assert status == 200, answer
        return Stats.of(answer)

    def register(self, visitor: str, visit: str | None = None) -> Registered:
        body = {"visitorId": visitor, **({"visitId": visit} if visit else {})}
        status, answer = self.ask("POST", "/api/visitor/register", body)
        assert status == 200, answer
        return Registered.of(answer)


@contextmanager
def worker_connections(server: Server) -> Iterator[list[WorkerConnection]]:
    """A kept HTTP connection to each worker."""
    with ExitStack() as stack:
        connections = []
        for worker in server.workers():
            with only(server, worker):
                connection = stack.enter_context(WorkerConnection(server))
                assert connection.status("/healthz") == 200
            connections.append(connection)
        yield connections


@contextmanager
def pages(server: Server, of_each: int = 1) -> Iterator[list[list[Page]]]:
    """Open pages of both kinds on each worker, in the order of `server.workers()`, with their first event."""
    with ExitStack() as stack:
        yield [_open_pages(stack, server, worker, of_each) for worker in server.workers()]


def _open_pages(stack: ExitStack, server: Server, worker: psutil.Process, of_each: int) -> list[Page]:
    with only(server, worker):
        opened: list[Page] = []
        for _ in range(of_each):
            opened.append(stack.enter_context(PlainListener(server.port)))
            opened.append(stack.enter_context(SocketioListener(server.port, transports=WEBSOCKET)))
        for page in opened:
            page.first()
    return opened


def flat(groups: list[list[Page]]) -> list[Page]:
    return [page for group in groups for page in group]


def assert_never_fell(page: Page) -> None:
    """Assert that totals never fell within an epoch, revisions only grew, and locations added up."""
    for earlier, later in pairwise(page.updates):
        assert later.revision > earlier.revision, f"{earlier}, and then {later}"
        assert later.epoch > earlier.epoch or (later.epoch == earlier.epoch and later.total >= earlier.total)
    for shown in page.updates:
        assert sum(place["count"] for place in shown.locations.values()) == shown.active


def assert_received(worker_connections: list[WorkerConnection], open_pages: list[Page], visits: int = 10) -> None:
    """Register visits on each worker in turn, and wait until every page shows each visit."""
    for number in range(visits):
        receipt = worker_connections[number % len(worker_connections)].register("ayesha")
        for page in open_pages:
            page.wait_for(
                lambda shown, receipt=receipt: (shown.epoch, shown.total) == (receipt.stats.epoch, receipt.ordinal),
                "it",
            )
