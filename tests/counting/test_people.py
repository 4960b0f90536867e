"""People of communities: in whatever order visits come, people are counted once, and as what they turned out to be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.engine import make_url
from support.app_fixtures import Site
from support.people_world import AYESHA, HERE, HOUR_MS, KARIM, THERE, World

from koyjabo.counting.ledger import open_store
from koyjabo.counting.records import NewVisit
from koyjabo.models import SITE

NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def world(database):
    world = World(database.url)
    yield world
    world.close()


def test_who_comes_before_and_after_signing_up_is_one_person_who_converts_once(world):
    world.commit((HERE, "a", None), (HERE, "b", None), (THERE, "a", None))
    world.time.pass_(days=1)
    world.commit((HERE, "a", None), (THERE, "c", KARIM), (SITE, "d", None))
    world.attend(HERE, AYESHA)
    assert world.reports.today(HERE).people == (1, 1)
    world.convert(AYESHA, "a")
    assert world.reports.today(HERE).people == (1, 0)
    assert world.reports.weekly(HERE).people == (1, 1)
    assert {each.scope: each.rate for each in world.told} == {HERE: 50.0, THERE: 100.0}
    world.commit((HERE, "a", None))
    for user, visitor in ((AYESHA, "a"), (KARIM, "a"), (KARIM, "c"), (AYESHA, "d"), (AYESHA, "nobody")):
        world.convert(user, visitor)
        assert world.told == [], visitor
    assert world.reports.today(HERE).people == (1, 0)
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
    for zone in ("Asia/Kathmandu", "America/New_York", "Pacific/Kiritimati"):
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


ROUNDS = 2


@pytest.fixture
def other_server(world):
    """Another server on the same database."""
    with Site(world.site.database_url, world.time) as site:
        site.services.signals.visitor_converted.connect(world.told.append, weak=False)
        yield site


@pytest.mark.both_kinds
def test_conversions_and_visits_at_once_lose_nothing(world, other_server):
    servers = [world.site.services, other_server.services]

    def visit(round_: int, number: int) -> None:
        scope, at_ms = (HERE, THERE)[number % 2], world.time.ms + number % 3 * 24 * HOUR_MS
        servers[number % 2].counting.visits.register(NewVisit(f"v{round_}-{number // 2 % 4}", None, scope, at_ms=at_ms))

    def convert(round_: int, number: int) -> None:
        server = number // 4 % 2  # and each visitor with another user there
        servers[server].analytics.reports.convert((AYESHA, KARIM)[server], f"v{round_}-{number % 4}")

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
    assert len(told) == len(set(told)) > 2
    converted = world.site.rows("SELECT scope, visitor_id FROM conversions")
    assert len(converted) == len(set(converted))
