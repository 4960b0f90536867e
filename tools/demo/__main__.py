"""`make demo`"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from datetime import datetime, timedelta
from functools import partial
from http.client import HTTPException
from math import inf

import click

import config
from demo import blog, cast, history, rhythm, stage, target_site
from demo.backdated import Backdated
from demo.cast import COMMUNITIES, Member, Plan
from demo.founding import Founding
from demo.site import CONNECTION_ERRORS, Refusal, Site
from demo.stage import Stage, logged_in
from demo.target_site import CannotRun
from koyjabo.base.core.errors import EmailTaken, KoyJaboError
from koyjabo.base.settings.schema import Settings

FAILURES = (*CONNECTION_ERRORS, Refusal, HTTPException, ValueError)
"""Failures that end only one visitor's stay, because the server may be restarted."""

ARRIVAL_S = 0.4
"""Minimum time between two arrivals."""

MEMBERS, TO_COMMUNITIES = 0.4, 0.35
"""The share of members among arriving visitors, and the share of the others who visit a community."""

CONVERSION_S, REPORT_S = 40.0, 15.0
LEAVE_S = 10.0
OPEN = [plan for plan in COMMUNITIES if plan.is_open]


class Crowd:
    """Keeps up to `most` visitors on the site. `communities` maps names to ids."""

    def __init__(self, stage: Stage, most: int, communities: Mapping[str, str], password: str) -> None:
        self._stage = stage
        self._most = most
        self._communities = communities
        self._password = password
        self._away = [member for member in cast.MEMBERS if member.community in communities]
        self._people: set[threading.Thread] = set()
        self._converted_at = time.monotonic()

    def run(self, duration_s: float, report: Callable[[str], None]) -> None:
        began = reported_at = time.monotonic()
        while (elapsed_s := time.monotonic() - began) < duration_s:
            time.sleep(ARRIVAL_S)
            self._people = {person for person in self._people if person.is_alive()}
            if len(self._people) < self._most * rhythm.crowd(elapsed_s):
                self._begin(self._next())
            if time.monotonic() - reported_at >= REPORT_S:
                reported_at = time.monotonic()
                report(self._figures(rhythm.simulated_hour(elapsed_s)))

    def _next(self) -> Callable[[], None]:
        """The activity of the next visitor."""
        if self._away and self._stage.happens(MEMBERS):
            return partial(self._attend, self._away.pop(self._stage.dice.randrange(len(self._away))))
        if time.monotonic() - self._converted_at > CONVERSION_S and (community_id := self._community(OPEN)):
            self._converted_at = time.monotonic()
            return partial(stage.convert, self._stage, community_id)
        community_id = self._community(COMMUNITIES) if self._stage.happens(TO_COMMUNITIES) else None
        return partial(stage.visit, self._stage, community_id)

    def _community(self, plans: Sequence[Plan]) -> str | None:
        """The id of a random community, chosen by weight, or None if none exists."""
        existing = [plan for plan in plans if plan.name in self._communities]
        if not existing:
            return None
        (plan,) = self._stage.dice.choices(existing, [plan.weight for plan in existing])
        return self._communities[plan.name]

    def _attend(self, member: Member) -> None:
        try:
            stage.attend(self._stage, member, self._password, self._communities[member.community])
        finally:
            self._away.append(member)

    def _begin(self, life: Callable[[], None]) -> None:
        def live() -> None:
            with suppress(*FAILURES):
                life()

        person = threading.Thread(target=live, daemon=True)
        self._people.add(person)
        person.start()

    def _figures(self, hour: float) -> str:
        visitors = f"simulated time {int(hour):02}:{int(hour % 1 * 60):02}  {len(self._people):>3} visitors"
        try:
            stats = self._stage.site.call("GET", "/api/stats")
            return f"{visitors}, {stats['activeUsers']:>3} active, {stats['totalVisits']:,} visits"
        except FAILURES:
            return f"{visitors}; the server does not respond"

    def leave(self) -> None:
        """Close all pages, and log all members out."""
        self._stage.leaving.set()
        until = time.monotonic() + LEAVE_S
        for person in self._people:
            person.join(max(0.0, until - time.monotonic()))


UNAUTHORIZED = 401
NO_PAST = "The database already has visits, so no past visits are written: the ledger is in chronological order."
OTHER_PASSWORDS = (
    "The members of an earlier demo have other passwords, because SECRET_KEY has changed. Use the earlier SECRET_KEY, "
    "or another database."
)

Report = Callable[[str], None]


def prepare(settings: Settings, site: Site, days: int, report: Report) -> dict[str, str]:
    """Write what is missing, with at most `days` of past visits. Returns the ids of the communities by name.

    Raises CannotRun, Refusal, OSError, HTTPException, ValueError, LedgerUnavailable.
    """
    password = cast.password(settings.secret_key)
    with closing(Backdated(settings.database, settings.zone)) as backdated:
        is_new = backdated.count() == 0
        if not is_new:
            report(NO_PAST)
        if not _has_members(site, password):
            _write(backdated, settings, password, days if is_new else 0, report)
        if not settings.page_numbers:
            backdated.set_if_missing("PAGE_NUMBERS", blog.SHOWN)
    with logged_in(site, cast.GUIDE, password) as guide:
        communities = site.call("GET", "/api/communities?per_page=100", visitor=guide)
    return {community["name"]: community["id"] for community in communities}


def _has_members(site: Site, password: str) -> bool:
    try:
        with logged_in(site, cast.GUIDE, password):
            return True
    except Refusal as refusal:
        if refusal.status != UNAUTHORIZED:
            raise
        return False


def _write(backdated: Backdated, settings: Settings, password: str, days: int, report: Report) -> None:
    """Write visits, accounts and communities. If `days` is 0, no visits are written."""
    now = datetime.now(settings.zone) - timedelta(minutes=1)
    founding = Founding(backdated, password, history.ms(history.begins(now, days) if days else now), history.ms(now))
    try:
        if days:
            report(f"Writing {days} days of visits…")
            report(f"{history.write(backdated, founding, now, days):,} visits are in the ledger.")
        founding.advance(history.ms(now))
    except EmailTaken:
        raise CannotRun(OTHER_PASSWORDS) from None


MINUTE_S = 60


@click.command()
@click.option("--url", help="URL of the development server. Default: http://localhost:PORT.")
@click.option("--people", type=click.IntRange(1, 500), default=80, show_default=True, help="Visitors at rush hour.")
@click.option(
    "--days",
    type=click.IntRange(history.MIN_DAYS, history.MAX_DAYS),
    default=history.DAYS,
    show_default=True,
    help="Days of past visits to write into an empty database.",
)
@click.option("--minutes", type=click.FloatRange(0), default=inf, help="Stop after this time. Default: at Ctrl+C.")
def demo(url: str | None, people: int, days: int, minutes: float) -> None:
    """Simulate visitors on a development server.

    Visitors and members of four communities open pages and leave them. A simulated day lasts ten minutes. On an empty
    database, the demo first writes several months of visits. The server must run on this machine, in development, with
    the same settings as this command. A small blog shows the views of its posts.
    """
    try:
        settings = config.load()
        stage = Stage(target_site.find(settings, url or f"http://localhost:{settings.port or 8000}"))
        _run(settings, stage, people, days, minutes * MINUTE_S)
    except (config.SettingsError, target_site.CannotRun) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except KoyJaboError as error:
        raise click.ClickException(str(error)) from None
    except (OSError, HTTPException, Refusal) as error:
        raise click.ClickException(f"The server did not respond as expected: {error}.") from None


def _run(settings: Settings, stage: Stage, people: int, days: int, duration_s: float) -> None:
    communities = prepare(settings, stage.site, days, click.echo)
    password = cast.password(settings.secret_key)
    click.echo(f"Up to {people} people visit {stage.site.url}. Press Ctrl+C to stop.")
    click.echo(f"Log in as {cast.GUIDE.email} with the password {password} (an admin of {cast.GUIDE.community}).")
    crowd = Crowd(stage, people, communities, password)
    for stop in (signal.SIGINT, signal.SIGTERM):  # raise an exception, because a handler must not wait for a lock
        signal.signal(stop, signal.default_int_handler)
    with suppress(KeyboardInterrupt), blog.served(stage.site.url) as url:
        click.echo(f"A blog whose posts show their views: {url}")
        crowd.run(duration_s, click.echo)
    crowd.leave()
    click.echo("All visitors have left.")


if __name__ == "__main__":
    demo()
