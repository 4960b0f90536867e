"""Activities of simulated visitors: they visit the site, sign up, and open the page of a community."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from random import Random
from uuid import uuid4

from demo import cast, openings, stays
from demo.audience import Kind
from demo.cast import Member
from demo.site import RELOAD, Page, Room, Site, Visitor
from demo.stays import Stay, actions

CHECK_S = 1.0
"""Interval (s) for checking whether the connection is lost or the demo ends."""

TWO_TABS, RELOADS = 0.15, 0.25
"""The shares of pages that are also opened in a second tab, and that are reloaded once."""

LONGEST_S = 600.0
MEAN_HIDDEN_S, LONGEST_HIDDEN_S = 60.0, 240.0
"""Mean and maximum time that a page stays open in the background, after being visible for at most LONGEST_S. An access
token is valid for longer, 900 s.
"""

RELOAD_S = 0.7


class Stage:
    """State shared by all visitors: the server, random numbers, and whether the demo is ending."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.dice = Random()
        self.leaving = threading.Event()

    def happens(self, share: float) -> bool:
        return self.dice.random() < share

    def register(self, visitor: Visitor, community_id: str | None = None, *, acted: bool = True) -> None:
        """Register a visit with everything that a browser sends, and the visitor's actions, if they act."""
        opening = openings.opening(datetime.now(), age_days=0, dice=self.dice)
        body = {
            "visitorId": visitor.id,
            "visitId": uuid4().hex,
            "timestamp": time.time_ns() // 1_000_000,
            "referrer": opening.referrer,
            "page": opening.address,
            **({"communityId": community_id} if community_id else {}),
        }
        self.site.call("POST", "/api/visitor/register", body, visitor)
        done = [
            {"id": uuid4().hex, "name": action.name, "page": action.page, "props": action.props}
            for action in (actions(opening.page, self.dice) if acted else [])
        ]
        if done:
            self.site.call("POST", "/api/events", {"visitorId": visitor.id, "events": done}, visitor)

    @contextmanager
    def page(self, visitor: Visitor, rooms: list[Room] | None = None) -> Iterator[Page]:
        """Open a page for the duration of the block."""
        page = Page(self.site, visitor, rooms or [])
        try:
            page.open()
            yield page
        finally:
            page.close()

    def browse(self, visitor: Visitor, community_id: str | None = None, rooms: list[Room] | None = None) -> None:
        """Register a visit and keep its page open for a while, sometimes in two tabs."""
        stay = stays.of(Kind.PERSON, self.dice)
        self.register(visitor, community_id, acted=stay.acted)
        with self.page(visitor, rooms) as page:
            if self.happens(TWO_TABS):
                page.show(visible=False)
                self.register(visitor, community_id, acted=stay.acted)
                with self.page(visitor, rooms) as second:
                    self._stay(second, stay)
            else:
                self._stay(page, stay)

    def _stay(self, page: Page, stay: Stay) -> None:
        """Look at the page, perhaps reload it, and leave it open in the background. Returns early when the demo ends or
        the page is closed.
        """
        page.show(stay.attended_ms > 0, stay.acted)
        if not self._wait(page, min(LONGEST_S, stay.attended_ms / 1000)) or stay.is_over_at_once:
            return
        if self.happens(RELOADS):
            page.close(RELOAD)
            self.leaving.wait(RELOAD_S)
            page.open()
        page.show(visible=False)
        self._wait(page, min(LONGEST_HIDDEN_S, self.dice.expovariate(1 / MEAN_HIDDEN_S)))

    def _wait(self, page: Page, duration_s: float) -> bool:
        until = time.monotonic() + duration_s
        while page.is_open and time.monotonic() < until:
            if self.leaving.wait(min(CHECK_S, max(0.0, until - time.monotonic()))):
                return False
        return page.is_open


@contextmanager
def logged_in(site: Site, member: Member, password: str) -> Iterator[Visitor]:
    """The member's browser, logged in for the duration of the block. Raises Refusal for a wrong password."""
    body = {"email": member.email, "password": password}
    token = site.call("POST", "/api/auth/login", body, member.visitor)["access_token"]
    visitor = member.visitor._replace(token=token)
    try:
        yield visitor
    finally:
        site.call("POST", "/api/auth/logout", visitor=visitor)


def visit(stage: Stage, community_id: str | None) -> None:
    """A visitor without an account, on the site or on the page of a community."""
    stage.browse(_new_visitor(stage.dice), community_id)


def convert(stage: Stage, community_id: str) -> None:
    """A visitor of a community who signs up and joins it."""
    visitor = _new_visitor(stage.dice)
    stage.browse(visitor, community_id)
    if stage.leaving.is_set():
        return
    body = {**_new_account(stage.dice), "visitorId": visitor.id}
    visitor = visitor._replace(token=stage.site.call("POST", "/api/auth/signup", body, visitor)["access_token"])
    stage.site.call("POST", f"/api/communities/{community_id}/join", {"visitorId": visitor.id}, visitor)
    stage.browse(visitor, community_id, [(community_id, "visitors")])
    stage.site.call("POST", "/api/auth/logout", visitor=visitor)


def attend(stage: Stage, member: Member, password: str, community_id: str) -> None:
    """A member in a community. Moderators and admins have the dashboard open as well."""
    rooms = [(community_id, "visitors")]
    if member.role != "member":
        rooms.append((community_id, "visitor-dashboard"))
    with logged_in(stage.site, member, password) as visitor:
        stage.browse(visitor, community_id, rooms)


def _new_visitor(dice: Random) -> Visitor:
    return cast.visitor(f"demo_{uuid4().hex[:12]}", dice)


def _new_account(dice: Random) -> dict[str, str]:
    """The first name of one member with the last name of another."""
    names = [member.name.split() for member in cast.MEMBERS if member.name.isascii()]
    name = f"{dice.choice(names)[0]} {dice.choice(names)[-1]}"
    email = f"{name.lower().replace(' ', '.')}.{uuid4().hex[:6]}@demo.example"
    return {"email": email, "password": uuid4().hex, "name": name}
