"""What those who play have in common: the server, the dice, and the moment at which all leave."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from uuid import uuid4

from demo import cast
from demo.pages import RELOAD, Page, PlainPage, Room, SocketioPage
from demo.site import Device, Site

LOOK_S = 1.0
"""How soon somebody notices that the line is lost, or that all leave."""

RELOADS, SOCKETIO = 0.25, 0.35
"""How many reload their page once, and how many use Socket.IO."""

SHORTEST_S, MEAN_S, LONGEST_S = 15.0, 180.0, 900.0
RELOAD_S = 0.7


class Scene:
    def __init__(self, site: Site) -> None:
        self.site = site
        self.dice = Random()
        self.leaving = threading.Event()

    def happens(self, share: float) -> bool:
        return self.dice.random() < share

    def register(
        self, visitor_id: str, device: Device, community_id: str | None = None, token: str | None = None
    ) -> None:
        """One visit, with all that a browser says of it."""
        body = {
            "visitorId": visitor_id,
            "visitId": uuid4().hex,
            "timestamp": time.time_ns() // 1_000_000,
            "referrer": cast.one_of(cast.REFERRERS, self.dice)[0],
            "page": cast.one_of(cast.PAGES, self.dice)[0],
            **({"communityId": community_id} if community_id else {}),
        }
        self.site.call("POST", "/api/visitor/register", body, device, token)

    @contextmanager
    def page(
        self, visitor_id: str, device: Device, token: str | None = None, rooms: list[Room] | None = None
    ) -> Iterator[Page]:
        """Open while it is held."""
        kind = SocketioPage if self.happens(SOCKETIO) else PlainPage
        page = kind(self.site, device, visitor_id, token, rooms or [])
        try:
            page.open()
            yield page
        finally:
            page.close()

    def stay(self, page: Page) -> None:
        """Look at it for a while, and perhaps reload it. Returns early when all leave, or the line is lost."""
        stay_s = min(LONGEST_S, SHORTEST_S + self.dice.expovariate(1 / MEAN_S))
        if self.happens(RELOADS) and self._look(page, stay_s / 2):
            page.close(RELOAD)
            self.leaving.wait(RELOAD_S)
            page.open()
        self._look(page, stay_s / 2)

    def _look(self, page: Page, how_long_s: float) -> bool:
        until = time.monotonic() + how_long_s
        while page.is_open and time.monotonic() < until:
            if self.leaving.wait(LOOK_S):
                return False
        return page.is_open
