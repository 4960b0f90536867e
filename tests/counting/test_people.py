"""People of communities: whoever comes in whatever order, they are counted once, and as what they turned out to be."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations_with_replacement, count
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.engine import make_url
from support.app_fixtures import Site, Time
from support.people_model import Crowd, shifted
from support.short_run import EVERYTHING

from koyjabo.analytics.reports import Conversion
from koyjabo.counting.ledger import open_store
from koyjabo.counting.records import NewVisit
from koyjabo.models import SITE

pytestmark = pytest.mark.both_kinds

HERE, THERE = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b", "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11"
NOWHERE = "00000000-0000-4000-8000-000000000000"
AYESHA, KARIM, NILA = (f"{n}{n}{n}{n}0000-0000-4000-8000-000000000000" for n in "123")
STARTS = {
    "Asia/Dhaka": "2025-12-16T21:00:00+06:00",
    "Asia/Kathmandu": "2025-12-31T22:50:00+05:45",
    "Europe/Berlin": "2026-03-28T20:30:00+01:00",  # 23 hours tomorrow,
    "America/Havana": "2026-10-31T20:30:00-04:00",  # 25, with midnight twice,
    "Australia/Lord_Howe": "2026-04-04T21:15:00+11:00",  # and 24 and a half
}
HOUR_MS = 3_600_000


class World:
    """A site with two communities, and the model of what happens there."""

    told: list[Conversion]

    def __init__(self, url: str, zone: str = "Asia/Dhaka") -> None:
        self.time = Time()
        self.time.go_to(STARTS[zone])
        self.site = Site(url, self.time, TIMEZONE=zone)
        for community in (HERE, THERE):
            self.site.add_community(community)
        self.reports = self.site.services.analytics.reports
        self.told = []
        self.site.services.signals.visitor_converted.connect(self.told.append, weak=False)
        self.crowd = Crowd(ZoneInfo(zone))
        self.store = open_store(make_url(url), self.site.services.clock)
        self._names = count()

    def close(self) -> None:
        self.store.close()
        self.site.close()

    def commit(self, *visits: tuple[str, str, str | None], at_ms: tuple[int, ...] = ()) -> None:
        """(scope, visitor, user) of each, together."""
        batch = []
        for number, (scope, visitor, user) in enumerate(visits):
            moment = at_ms[number] if at_ms else self.time.ms
            name = str(next(self._names))
            batch.append((NewVisit(visitor, name, scope, at_ms=moment, user_id=user), name))
            if scope != SITE:
                self.crowd.visit(scope, visitor, user, moment)
        with self.store.writing():
            receipts = self.store.commit(batch)
        assert [receipt.own.scope for receipt in receipts] == [scope for scope, *_ in visits]

    def attend(self, scope: str, *users: str) -> bool:
        for user in users:
            self.crowd.attend(scope, user, self.time.ms)
        return self.reports.attend(scope, list(users), self.time.ms)

    def convert(self, user: str, visitor: str) -> None:
        self.told.clear()
        self.reports.convert(user, visitor)
        expected = self.crowd.convert(user, visitor)
        told = {each.scope: each for each in self.told}
        assert set(told) == expected
        assert {scope: each.rate for scope, each in told.items()} == {s: self.crowd.rate(s) for s in expected}

    def check(self) -> None:
        assert self.site.recount() == []
        for scope in (HERE, THERE):
            days = self.crowd.days() or ["2025-01-01"]
            for start, end in combinations_with_replacement(days, 2):
                expected = self.crowd.between(scope, start, end)
                assert self.reports.visitors(scope, start, end).people == expected, (scope, start, end)
            first, last = shifted(days[0], -2), shifted(days[-1], 2)
            for day, people in self.reports.trend(scope, "daily", first, last):
                assert people == self.crowd.between(scope, day, day)
            rows = self.site.rows(
                "SELECT hour_s, authenticated, anonymous FROM hourly_people WHERE scope = :s", s=scope
            )
            hours = {hour_s: (authenticated, anonymous) for hour_s, authenticated, anonymous in rows}
            for hour_s in hours.keys() | self.crowd.hours():
                assert hours.get(hour_s, (0, 0)) == self.crowd.in_hour(scope, hour_s)


@pytest.fixture
def world(database):
    world = World(database.url)
    yield world
    world.close()


def something_happens(world: World, chance: random.Random) -> None:
    people = ["a", "b", "c", "d"]
    users = [AYESHA, KARIM, NILA]
    match chance.choice(["visits"] * 5 + ["attend", "attend", "convert", "time", "time", "put right"]):
        case "visits":
            visits = [
                (chance.choice([HERE, HERE, THERE, SITE]), chance.choice(people), chance.choice([None, None, *users]))
                for _ in range(chance.randint(1, 5))
            ]
            around = [world.time.ms + chance.choice([0, 0, -HOUR_MS * 5, 1000]) for _ in visits]
            world.commit(*visits, at_ms=tuple(around))
        case "attend":
            world.attend(chance.choice([HERE, THERE]), *chance.sample(users, chance.randint(1, 3)))
        case "convert":
            world.convert(chance.choice(users), chance.choice(people))
        case "time":
            world.time.pass_(hours=chance.choice([0.5, 1, 7, 24, 75]))
        case "put right":
            world.time.put_right(hours=chance.choice([-80, -25, -1, 3]))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2, 3))])
@pytest.mark.parametrize("zone", STARTS)
def test_people_are_what_a_model_makes_of_them_on_sqlite(sqlite_database, zone, seed):
    follow(World(sqlite_database.url, zone), random.Random(f"{zone} {seed}"), steps=60)


@pytest.mark.parametrize("zone", STARTS)
def test_people_are_what_a_model_makes_of_them_on_postgres(postgres, zone):
    follow(World(postgres.new_database().url, zone), random.Random(zone), steps=40)


def follow(world: World, chance: random.Random, steps: int) -> None:
    try:
        for step in range(1, steps + 1):
            something_happens(world, chance)
            if step % 20 == 0:
                world.check()
    finally:
        world.close()


def test_who_comes_with_a_token_is_known_by_it_without_one(world):
    """The first visit of a browser says whose it is; others may log in there, and are themselves."""
    world.commit((HERE, "a", AYESHA), (HERE, "a", None), (HERE, "a", KARIM))
    today = world.site.services.clock.today()
    assert world.reports.visitors(HERE, today, today).people == (2, 0)
    world.check()


def test_who_comes_before_and_after_signing_up_is_one_person(world):
    world.commit((HERE, "a", None), (HERE, "b", None))
    world.time.pass_(days=1)
    world.commit((HERE, "a", None))
    world.attend(HERE, AYESHA)
    assert world.reports.today(HERE).people == (1, 1)
    world.convert(AYESHA, "a")
    assert world.reports.today(HERE).people == (1, 0)
    assert world.reports.weekly(HERE).people == (1, 1)
    assert [(each.scope, each.rate) for each in world.told] == [(HERE, 50.0)]
    world.check()


def test_conversion_happens_once(world):
    world.commit((HERE, "a", None), (THERE, "a", None))
    world.convert(AYESHA, "a")
    assert {each.scope for each in world.told} == {HERE, THERE}
    for user in (AYESHA, KARIM):
        world.convert(user, "a")
        assert world.told == []
    world.commit((HERE, "a", None))
    world.convert(KARIM, "a")
    assert world.told == []
    assert world.reports.today(HERE).people == (1, 0)
    world.check()


def test_who_was_never_anonymous_is_no_conversion(world):
    world.commit((HERE, "a", AYESHA), (SITE, "b", None))
    for visitor in ("a", "b", "nobody"):
        world.convert(AYESHA, visitor)
    assert world.told == []


def test_days_that_come_late_go_where_they_belong(world):
    """The clock was put back: the day in between begins a new chain, however often."""
    for days in (0, 10, -5, -10, 7, 0):
        world.time.put_right(days=days)
        world.commit((HERE, "a", None))
        world.attend(HERE, AYESHA)
        world.check()
    world.convert(AYESHA, "a")
    world.check()


def test_attending_again_changes_nothing(world):
    assert world.reports.today(HERE).people == (0, 0)
    assert world.attend(HERE, AYESHA, KARIM)
    assert world.reports.today(HERE).people == (2, 0)
    before = world.site.rows("SELECT revision FROM counters WHERE scope = :s", s=HERE)
    assert not world.attend(HERE, KARIM, AYESHA)
    assert not world.attend(HERE)
    assert not world.reports.attend(NOWHERE, [AYESHA], world.time.ms)
    assert world.site.rows("SELECT revision FROM counters WHERE scope = :s", s=HERE) == before
    world.time.pass_(hours=1)
    assert world.attend(HERE, AYESHA)
    assert world.site.stats()["totalVisits"] == 0
    world.check()


def test_community_that_is_gone_keeps_what_it_had(world):
    world.commit((HERE, "a", None), (THERE, "a", None))
    world.site.rows("DELETE FROM counters WHERE scope = :s", s=HERE)
    world.reports.convert(AYESHA, "a")
    assert [each.scope for each in world.told] == [THERE]
    assert world.site.recount() == []


def test_people_survive_a_change_of_timezone(world):
    """The hours of the past stay what they were, and those of the day itself are told apart."""
    world.commit((HERE, "a", None), (HERE, "b", None))
    world.attend(HERE, AYESHA)
    world.store.close()
    for zone in ("Asia/Kathmandu", "America/New_York", "Pacific/Kiritimati", "Asia/Dhaka"):
        world.site.settings["TIMEZONE"] = zone
        world.site.restart()
        reports = world.site.services.analytics.reports
        world.site.services.counting.visits.register(NewVisit("a", None, HERE, at_ms=world.time.ms))
        reports.attend(HERE, [AYESHA], world.time.ms)
        assert world.site.recount() == []
        world.time.pass_(hours=2)
    reports.convert(AYESHA, "a")
    assert world.site.recount() == []
    world.store = open_store(make_url(world.site.database_url), world.site.services.clock)


ROUNDS = 20 if EVERYTHING else 6


@pytest.fixture
def other_server(world):
    """Another server on the same database."""
    with Site(world.site.database_url, world.time) as site:
        site.services.signals.visitor_converted.connect(world.told.append, weak=False)
        yield site


def test_conversions_and_visits_at_once_lose_nothing(world, other_server):
    servers = [world.site.services, other_server.services]

    def visit(round_: int, number: int) -> None:
        scope, at_ms = (HERE, THERE)[number % 2], world.time.ms + number % 3 * 24 * HOUR_MS
        servers[number % 2].counting.visits.register(NewVisit(f"v{round_}-{number // 2 % 4}", None, scope, at_ms=at_ms))

    def convert(round_: int, number: int) -> None:
        servers[number // 4 % 2].analytics.reports.convert((AYESHA, KARIM)[number % 2], f"v{round_}-{number % 4}")

    def attend(round_: int, number: int) -> None:
        servers[number // 2 % 2].analytics.reports.attend((HERE, THERE)[number % 2], [AYESHA, KARIM], world.time.ms)

    with ThreadPoolExecutor(16) as threads:
        for round_ in range(ROUNDS):
            work = [each for each in (visit, convert, visit, attend) for _ in range(2)]
            jobs = [threads.submit(each, round_, number) for number in range(16) for each in work]
            for job in jobs:
                job.result()
            assert world.site.recount() == []
    told = [(each.scope, each.id) for each in world.told]
    assert world.site.rows("SELECT count(*) FROM conversions") == [(len(set(told)),)]
    assert len(told) == len(set(told)) > ROUNDS


def test_two_servers_that_convert_a_visitor_at_once_do_it_once(world, other_server):
    servers = [world.site.services, other_server.services]
    with ThreadPoolExecutor(2) as threads:
        for round_ in range(ROUNDS):
            world.commit((HERE, f"v{round_}", None))
            jobs = [
                threads.submit(server.analytics.reports.convert, user, f"v{round_}")
                for server, user in zip(servers, (AYESHA, KARIM), strict=True)
            ]
            for job in jobs:
                job.result()
    assert len(world.told) == ROUNDS
    assert world.site.recount() == []
