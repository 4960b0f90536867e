"""In communities, each person counts once under their final identity, in any order of visits."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import Site
from support.models.people_model import AYESHA, HERE, HOUR_MS, KARIM, NILA, STARTS, THERE, World
from support.runs.short_run import EVERYTHING

from koyjabo.base.models import SITE
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits
from koyjabo.reports.community_people import Reports


@pytest.fixture
def world(database):
    world = World(database.url)
    yield world
    world.close()


def test_visitor_who_signs_up_is_one_person_who_converts_once(world):
    world.commit((HERE, "a", None), (HERE, "b", None), (THERE, "a", None))
    world.time.pass_(days=1)
    world.commit((HERE, "a", None), (THERE, "c", KARIM), (SITE, "d", None))
    world.attend(HERE, AYESHA)
    assert world.reports.today(HERE).people == (1, 1)
    world.convert(AYESHA, "a")
    assert world.reports.today(HERE).people == (1, 0)
    assert world.reports.weekly(HERE).people == (1, 1)
    assert {conversion.scope: conversion.rate for conversion in world.conversions} == {HERE: 50.0, THERE: 100.0}
    world.commit((HERE, "a", None))
    for user, visitor in ((AYESHA, "a"), (KARIM, "a"), (KARIM, "c"), (AYESHA, "d"), (AYESHA, "nobody")):
        world.convert(user, visitor)
        assert world.conversions == [], visitor
    assert world.reports.today(HERE).people == (1, 0)
    world.check()


def test_community_that_is_gone_keeps_what_it_had(world):
    world.commit((HERE, "a", None), (THERE, "a", None))
    world.site.rows("DELETE FROM counters WHERE scope = :s", s=HERE)
    world.reports.convert(AYESHA, "a")
    assert [conversion.scope for conversion in world.conversions] == [THERE]
    assert world.site.recount() == []


ROUNDS = 2


@pytest.fixture
def other_server(world):
    """Another server on the same database."""
    with Site(world.site.database_url, world.time) as site:
        site.services.signals.visitor_converted.connect(world.conversions.append, weak=False)
        yield site


@pytest.mark.both_kinds
def test_conversions_and_visits_at_once_lose_nothing(world, other_server):
    servers = [world.site.services, other_server.services]

    def register(round_: int, number: int) -> None:
        scope, at_ms = (HERE, THERE)[number % 2], world.time.ms + number % 3 * 24 * HOUR_MS
        servers[number % 2][Visits].register(NewVisit(f"v{round_}-{number // 2 % 4}", None, scope, at_ms=at_ms))

    def convert(round_: int, number: int) -> None:
        server = number // 4 % 2  # each visitor has a different user there
        servers[server][Reports].convert((AYESHA, KARIM)[server], f"v{round_}-{number % 4}")

    def attend(round_: int, number: int) -> None:
        servers[number // 2 % 2][Reports].attend((HERE, THERE)[number % 2], [AYESHA, KARIM], world.time.ms)

    with ThreadPoolExecutor(16) as threads:
        for round_ in range(ROUNDS):
            work = [task for task in (register, convert, register, attend) for _ in range(2)]
            jobs = [threads.submit(task, round_, number) for number in range(16) for task in work]
            for job in jobs:
                job.result()
            assert world.site.recount() == []
    conversions = [(conversion.scope, conversion.id) for conversion in world.conversions]
    assert world.site.rows("SELECT count(*) FROM conversions") == [(len(set(conversions)),)]
    assert len(conversions) == len(set(conversions)) > 2
    converted = world.site.rows("SELECT scope, visitor_id FROM conversions")
    assert len(converted) == len(set(converted))


QUICK = ("Europe/Berlin", "Australia/Lord_Howe")
STEPS = 120 if EVERYTHING else 40


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


@pytest.mark.both_kinds
@pytest.mark.parametrize(
    "zone",
    [zone if zone in QUICK else pytest.param(zone, marks=pytest.mark.long) for zone in STARTS],
)
def test_people_are_what_a_model_makes_of_them(database, zone):
    world, chance = World(database.url, zone), random.Random(zone)
    try:
        for _ in range(STEPS // 20):
            for _ in range(20):
                something_happens(world, chance)
            world.check()
    finally:
        world.close()
