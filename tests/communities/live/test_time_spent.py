"""The time that members are connected to a community: by day, each member once at a time, on any number of workers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from support.account_calls import Person, sign_up
from support.app_fixtures import Site
from support.community_calls import found, give
from support.seats import seat_of

from koyjabo.communities.live.time_spent import TimeSpent
from koyjabo.errors import LedgerUnavailable
from koyjabo.models import Scope
from koyjabo.runtime import ThreadRuntime

TODAY, TOMORROW = "2025-12-16", "2025-12-17"
MINUTE_MS = 60_000


@pytest.fixture
def site(database) -> Iterator[Site]:
    with Site(database.url) as site:
        yield site


@pytest.fixture
def ayesha(site) -> Person:
    return sign_up(site)


@pytest.fixture
def metro(ayesha) -> Scope:
    return Scope(found(ayesha)["id"])


def worker(site: Site) -> TimeSpent:
    return TimeSpent(site.services.audit._database, ThreadRuntime(), site.services.clock)


def spent(site: Site, scope: Scope, first: str = TODAY, last: str = TODAY) -> dict[str, tuple[int, float]]:
    """Members, and minutes."""
    found = site.services.communities.time_spent.by_day(scope, first, last)
    return {day: (each.members, each.spent_ms / MINUTE_MS) for day, each in found.items()}


def test_member_with_two_tabs_on_two_workers_counts_once_at_a_time(site, ayesha, metro):
    one, two = worker(site), worker(site)
    one.opened(metro, ayesha.id, "phone")
    site.time.pass_(minutes=1)
    two.opened(metro, ayesha.id, "laptop")
    site.time.pass_(seconds=30)
    two.write()
    one.closed(metro, ayesha.id, "phone")
    site.time.pass_(minutes=1)
    one.write()
    one.write()
    two.closed(metro, ayesha.id, "laptop")
    two.closed(metro, ayesha.id, "laptop")
    site.time.pass_(minutes=5)
    two.write()
    assert spent(site, metro) == {TODAY: (1, 2.5)}


def test_members_add_up_and_midnight_divides(site, ayesha, metro):
    karim, time = sign_up(site, "karim"), worker(site)
    give(ayesha, metro, karim, "member")
    site.time.go_to("2025-12-16T23:50:00+06:00")
    time.opened(metro, ayesha.id, "a")
    time.opened(metro, karim.id, "k")
    site.time.pass_(minutes=5)
    time.closed(metro, karim.id, "k")
    site.time.pass_(minutes=20)
    time.write()
    assert spent(site, metro, TODAY, TOMORROW) == {TODAY: (2, 15.0), TOMORROW: (1, 15.0)}
    assert spent(site, metro, TOMORROW, TOMORROW) == {TOMORROW: (1, 15.0)}


def test_workers_that_write_at_once_add_each_moment_once(site, ayesha, metro):
    workers, gate = [worker(site) for _ in range(4)], Barrier(4)
    for number, each in enumerate(workers):
        each.opened(metro, ayesha.id, f"tab {number}")
    for _ in range(3):
        site.time.pass_(minutes=1)
        with ThreadPoolExecutor(4) as threads:
            for done in [threads.submit(lambda each=each: (gate.wait(), each.write())) for each in workers]:
                done.result()
    assert spent(site, metro) == {TODAY: (1, 3.0)}


def test_what_was_not_written_is_written_later_and_once(site, ayesha, metro, monkeypatch):
    time = worker(site)
    write = time._database.write

    def unreached(operation, *arguments):
        raise LedgerUnavailable

    def unanswered(operation, *arguments):
        write(operation, *arguments)
        raise LedgerUnavailable

    time.opened(metro, ayesha.id, "a")
    for fails in (unreached, unanswered):
        site.time.pass_(minutes=1)
        with monkeypatch.context() as patch:
            patch.setattr(time._database, "write", fails)
            time.write()
    site.time.pass_(minutes=1)
    time.closed(metro, ayesha.id, "a")
    time.write()
    assert spent(site, metro) == {TODAY: (1, 3.0)}


def test_corrected_clock_adds_no_time(site, ayesha, metro):
    time = worker(site)
    time.opened(metro, ayesha.id, "a")
    site.time.pass_(minutes=1)
    site.time.put_right(minutes=7)
    time.write()
    site.time.pass_(minutes=1)
    time.closed(metro, ayesha.id, "a")
    time.write()
    assert spent(site, metro) == {TODAY: (1, 2.0)}


def test_it_is_written_once_a_minute_and_at_the_end(site, ayesha, metro):
    seat, rooms = seat_of(site, ayesha, metro), site.services.communities.rooms
    rooms.join(seat)
    site.time.pass_(seconds=59)
    rooms.tick()
    assert spent(site, metro) == {}
    site.time.pass_(seconds=31)
    rooms.leave(seat)
    site.time.pass_(minutes=1)
    site.restart()
    assert spent(site, metro) == {TODAY: (1, 1.5)}


def test_deleted_communities_and_accounts_leave_nothing(site, ayesha, metro):
    karim, time = sign_up(site, "karim"), worker(site)
    banani = Scope(found(karim)["id"])
    for scope, person in ((metro, ayesha), (banani, karim), (metro, karim)):
        time.opened(scope, person.id, "a")
    site.time.pass_(minutes=1)
    time.write()
    assert karim.delete(f"/api/communities/{banani}").status_code == 204
    assert karim.delete("/api/auth/me", json={"password": "rickshaw at dawn"}).status_code == 204
    site.time.pass_(minutes=1)
    time.write()
    assert site.rows("SELECT scope, user_id FROM member_spans") == [(metro, ayesha.id)]
    assert site.rows("SELECT scope FROM time_spent") == [(metro,)]
    assert spent(site, metro) == {TODAY: (2, 3.0)}
