"""Open sockets of visitors, with a clock that tests set."""

from __future__ import annotations

from collections import Counter
from zoneinfo import ZoneInfo

from koyjabo.clock import Clock
from koyjabo.models import SITE
from koyjabo.presence.visitors.memory_store import MemoryActiveVisitors
from koyjabo.presence.visitors.visit_matcher import NoMatcher
from koyjabo.presence.visitors.visitor_sockets import VisitorSockets
from support.app_fixtures import SECRET, Time

WINDOW_S = 300
DHAKA, SYLHET = "Dhaka, BD", "Sylhet, BD"
BROWSER = {"REMOTE_ADDR": "203.0.113.7", "HTTP_USER_AGENT": "a browser"}
OTHER_BROWSER = {**BROWSER, "HTTP_USER_AGENT": "another browser"}
OTHER_ADDRESS = {**BROWSER, "REMOTE_ADDR": "203.0.113.8"}


class World:
    """VisitorSockets with its dependencies; the ledger is a set of visitors who have registered."""

    def __init__(self) -> None:
        self.time = Time()
        clock = Clock(ZoneInfo("Asia/Dhaka"), self.time, self.time.elapsed_ms)
        self.visitors = MemoryActiveVisitors(clock, WINDOW_S)
        self.touches: Counter[str] = Counter()
        self._seen_ms: dict[str, int] = {}
        touch = self.visitors.touch

        def counted_touch(scope, visitor_id, place):
            self.touches[visitor_id] += 1
            self._seen_ms[visitor_id] = self.time.ms
            touch(scope, visitor_id, place)

        self.visitors.touch = counted_touch
        self.registered: set[str] = set()
        self.sockets = VisitorSockets(self.visitors, clock, WINDOW_S, SECRET, NoMatcher())

    def register(self, visitor, environ=BROWSER, place=DHAKA):
        self.registered.add(visitor)
        self.visitors.touch(SITE, visitor, place)
        self.sockets.visited(visitor, self.sockets.fingerprint(environ))

    def open(self, socket, environ=BROWSER, visitor=None, place=DHAKA):
        registered = visitor in self.registered
        if registered:
            self.visitors.touch(SITE, visitor, place)
        self.sockets.opened(socket, self.sockets.fingerprint(environ), visitor, registered)

    def close(self, *sockets):
        for socket in sockets:
            self.sockets.closed(socket)

    def pass_(self, seconds, every=WINDOW_S // 10):
        """Time passes, and the pulse beats."""
        for _ in range(0, seconds, every):
            self.time.pass_(seconds=every)
            self.sockets.renew()

    @property
    def active(self):
        here = {visitor for visitor, seen_ms in self._seen_ms.items() if seen_ms > self.time.ms - WINDOW_S * 1000}
        assert len(here) == sum(self.visitors.count(SITE).places.values())
        return here

    @property
    def remembered(self):
        """How much is kept, in each of the places where something is."""
        return {
            name: len(value)
            for name, value in vars(self.sockets).items()
            if name.startswith("_") and hasattr(value, "__len__")
        }
