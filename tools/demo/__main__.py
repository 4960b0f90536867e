"""`make demo`"""

from __future__ import annotations

import signal
import threading
import time
from contextlib import closing, suppress
from datetime import datetime
from math import inf
from random import Random
from uuid import uuid4

import click

import config
from demo import people, site, visits
from demo.history import History
from demo.people import COMMUNITIES, GUIDE, MEMBERS, Browser, Member
from demo.site import FAILURES, CannotRun, Server, Visitor
from koyjabo.base.core.errors import KoyJaboError

ARRIVAL_S, LONGEST_S, HIDDEN_S = 0.4, 600.0, 60.0
"""Minimum time between two arrivals, maximum time that a page is visible, and mean time that it then stays open."""

MISSING_PAST = (
    "Nothing was written from {since:%d %B, %H:%M} on, because the database already had visits after that. For the "
    "whole past, close the site's pages, stop the server, delete its database, and start both again."
)
BY_MEMBERS, TO_COMMUNITIES = 0.4, 0.35
"""The share of members among arriving visitors, and the share of the others who visit a community."""


class Crowd:
    """Visitors of the running server. `communities` maps names to ids."""

    def __init__(self, server: Server, password: str) -> None:
        """Raises one of FAILURES."""
        self._server = server
        self._password = password
        self._dice = Random()
        self._away = list(MEMBERS)
        rows = server.call("GET", "/api/communities?per_page=100", headers=self._logged_in(GUIDE).headers)
        self._communities = {community["name"]: community["id"] for community in rows}

    def run(self, most: int, duration_s: float) -> None:
        """Keep up to `most` visitors on the site."""
        until = time.monotonic() + duration_s
        present: list[threading.Thread] = []
        while time.monotonic() < until:
            time.sleep(ARRIVAL_S)
            present = [visitor for visitor in present if visitor.is_alive()]
            if len(present) < most:
                present.append(threading.Thread(target=self._live, daemon=True))
                present[-1].start()

    def _live(self) -> None:
        with suppress(*FAILURES):  # the server may be restarted
            if self._away and self._dice.random() < BY_MEMBERS:
                self._attend(self._away.pop(self._dice.randrange(len(self._away))))
            else:
                headers = _headers(people.person(self._dice), self._dice.randrange(2, 250))
                community = self._dice.choice(COMMUNITIES).name if self._dice.random() < TO_COMMUNITIES else ""
                self._browse(Visitor(f"demo_{uuid4().hex[:12]}", headers), community, [])

    def _attend(self, member: Member) -> None:
        """A member in their community. Moderators and admins have the dashboard open as well."""
        try:
            rooms = ["visitors"] if member.role == "member" else ["visitors", "visitor-dashboard"]
            self._browse(self._logged_in(member), member.community, rooms)
        finally:
            self._away.append(member)

    def _logged_in(self, member: Member) -> Visitor:
        body = {"email": member.email, "password": self._password}
        headers = _headers(member.browser, 7)
        token = self._server.call("POST", "/api/auth/login", body, headers)["access_token"]
        return Visitor(member.id, {**headers, "Authorization": f"Bearer {token}"})

    def _browse(self, visitor: Visitor, community: str, rooms: list[str]) -> None:
        """Register a visit with all that a browser sends, and keep its page open for a while."""
        page, query, referrer = visits.opening(0, self._dice)
        attended_ms, acted = visits.stay(self._dice)
        body = {"visitorId": visitor.id, "visitId": uuid4().hex, "page": f"{page}?{query}", "referrer": referrer}
        if community:
            body["communityId"] = self._communities[community]
        self._server.call("POST", "/api/visitor/register", body, visitor.headers)
        if acted and (actions := visits.actions(page, self._dice)):
            events = [{"id": uuid4().hex, **action} for action in actions]
            self._server.call("POST", "/api/events", {"visitorId": visitor.id, "events": events}, visitor.headers)
        paths = [f"/ws/communities/{self._communities[community]}/{room}/" for room in rooms]
        with self._server.opened([f"/?visitorId={visitor.id}", *paths], visitor) as show:
            show(attended_ms > 0, acted)
            time.sleep(min(LONGEST_S, attended_ms / 1000))
            show(False, acted)
            time.sleep(min(LONGEST_S, self._dice.expovariate(1 / HIDDEN_S)))


def _headers(browser: Browser, number: int) -> dict[str, str]:
    """Headers of a browser. A development server trusts X-Forwarded-For from its own machine."""
    return {"X-Forwarded-For": f"{browser.network}.{number}", "User-Agent": browser.agent}


@click.command()
@click.option("--url", help="URL of the development server. Default: http://localhost:PORT.")
@click.option("--people", "most", type=click.IntRange(1, 500), default=80, show_default=True, help="Visitors at once.")
@click.option("--days", type=click.IntRange(14, 400), default=70, show_default=True, help="Days of past visits.")
@click.option("--minutes", type=click.FloatRange(0), default=inf, help="Stop after this time. Default: at Ctrl+C.")
def demo(url: str | None, most: int, days: int, minutes: float) -> None:
    """Simulate visitors on a development server.

    Visitors and members of three communities open pages and leave them. Into an empty database, the demo first writes
    past visits. The server must run on this machine, in development, with the same settings as this command.
    """
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.default_int_handler)
    try:
        settings = config.load()
        server = site.find(settings, url or f"http://localhost:{settings.port or 8000}")
        with closing(History(settings, days)) as history:
            click.echo(f"{history.write():,} past visits have been written.")
            if history.missing_ms is not None:
                since = datetime.fromtimestamp(history.missing_ms / 1000, settings.zone)
                click.echo(MISSING_PAST.format(since=since))
        password = people.password(settings.secret_key)
        crowd = Crowd(server, password)
    except config.SettingsError as error:
        raise CannotRun(str(error)) from None
    except (KoyJaboError, *FAILURES) as error:
        raise click.ClickException(f"The demo could not be prepared: {error}.") from None
    click.echo(f"Up to {most} people visit http://{server.netloc}. Press Ctrl+C to stop.")
    click.echo(f"Log in as {GUIDE.email} with the password {password} (an admin of {GUIDE.community}).")
    with suppress(KeyboardInterrupt):
        crowd.run(most, minutes * 60)


if __name__ == "__main__":
    demo()
