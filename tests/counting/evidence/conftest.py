"""Pages on one site, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator

import pytest
from support.application.site import Site, Time
from support.databases.database import Database

from koyjabo.counting.evidence.attendance_writer import AttendanceWriter
from koyjabo.presence.visitors.visitor_sockets import VisitorSockets


class Attended:
    """A site's worker, with its open sockets. The test calls its periodic work."""

    def __init__(self, database: Database, time: Time) -> None:
        self.site = Site(database.url, time)
        self.time = time
        self.attendance = self.site.services[AttendanceWriter]
        self.pages = self.attendance.open_pages
        self._sockets = self.site.services[VisitorSockets]

    def open(
        self,
        socket: Hashable,
        visitor: str | None = "ayesha",
        visit: str | None = None,
        source: object = None,
        address: str = "",
    ) -> None:
        """Open a socket, as `koyjabo.sockets.site_admission.admit` does."""
        self._sockets.opened(socket, self._sockets.fingerprint({}), visitor, True, address)
        self.pages.opened(socket, source, visit)

    def name(self, socket: Hashable, visit: str, visitor: str = "ayesha") -> None:
        """Name the visitor of a socket, as `koyjabo.sockets.site_admission.name_visitor` does."""
        self._sockets.named(socket, visitor, True)
        self.pages.named(socket, visit)

    def close(self, socket: Hashable) -> None:
        self.pages.closed(socket)
        self._sockets.closed(socket)

    def match(self, visitor: str) -> None:
        """Find the sockets' visitor by a visit from the same browser."""
        self._sockets.visited(visitor, self._sockets.fingerprint({}))

    def write(self) -> None:
        self.attendance.tick()

    def visit(self, visit: str) -> tuple[int | None, bool]:
        """(attended_ms, acted)"""
        ((attended_ms, acted),) = self.site.rows(
            "SELECT attended_ms, acted FROM visits WHERE visit_id = :visit", visit=visit
        )
        return attended_ms, bool(acted)

    def attended_s(self, visit: str) -> float:
        self.write()
        return (self.visit(visit)[0] or 0) / 1000


@pytest.fixture
def new_worker(database: Database) -> Iterator[Callable[..., Attended]]:
    """Make workers for one site that share a clock."""
    time, workers = Time(), []

    def make() -> Attended:
        workers.append(Attended(database, time))
        return workers[-1]

    yield make
    for worker in workers:
        worker.site.__exit__()


@pytest.fixture
def worker(new_worker) -> Attended:
    return new_worker()
