"""In communities, each person counts once under their final identity, in any order of visits."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

import pytest
from support.application.site import Site
from support.models.people_model import AYESHA, HERE, HOUR_MS, KARIM, NILA, STARTS, THERE, World
from support.runs.short_run import EVERYTHING

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.models import SITE
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits
from koyjabo.reports.community_people import Reports

Result = TypeVar("Result")
QUICK = ("Europe/Berlin", "Australia/Lord_Howe")
STEPS = 120 if EVERYTHING else 40


@pytest.fixture
def world(database):
    world = World(database.url)
    yield world
    world.close()


def test_a_visitor_who_signs_up_is_one_person_who_converts_once(world):
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


def test_a_deleted_community_gets_no_conversions(world):
    world.commit((HERE, "a", None), (THERE, "a", None))
    world.site.rows("DELETE FROM counters WHERE scope = :s", s=HERE)
    world.reports.convert(AYESHA, "a")
    assert [conversion.scope for conversion in world.conversions] == [THERE]
    assert world.site.recount() == []


def repeated(do: Callable[[], Result]) -> Result:
    """Call `do` again, as clients do, if the server was too busy and refused it without a change."""
    while True:
        with suppress(LedgerUnavailable):
            return do()


@pytest.mark.both_kinds
def test_concurrent_visits_and_logins_on_two_servers_convert_each_visitor_once(world):
    visitors, users, scopes = [f"v{number}" for number in range(4)], (AYESHA, KARIM), (HERE, THERE)

    def register(number: int) -> None:
        visitor, at_ms = visitors[number // 2 % 4], world.time.ms + number % 3 * 24 * HOUR_MS
        servers[number % 2][Visits].register(NewVisit(visitor, None, scopes[number % 2], at_ms=at_ms))

    def convert(number: int) -> None:
        server = number // 4 % 2  # each visitor has a different user there
        servers[server][Reports].convert(users[server], visitors[number % 4])

    def attend(number: int) -> None:
        servers[number // 2 % 2][Reports].attend(scopes[number % 2], list(users), world.time.ms)

    with Site(world.site.database_url, world.time) as other_server:
        other_server.services.signals.visitor_converted.connect(world.conversions.append, weak=False)
        servers = [world.site.services, other_server.services]
        with ThreadPoolExecutor(8) as threads:
            tasks = [partial(task, number) for number in range(24) for task in (register, convert, register, attend)]
            for job in [threads.submit(repeated, task) for task in tasks]:
                job.result()
        for number in range(4):
            repeated(partial(convert, number))
        assert world.site.recount() == []
    announced = sorted((conversion.scope, conversion.id) for conversion in world.conversions)
    assert announced == sorted(world.site.rows("SELECT scope, id FROM conversions"))
    converted = world.site.rows("SELECT scope, visitor_id FROM conversions ORDER BY scope, visitor_id")
    assert converted == [(scope, visitor) for scope in scopes for visitor in visitors]


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
    "zone", [zone if zone in QUICK else pytest.param(zone, marks=pytest.mark.long) for zone in STARTS]
)
def test_the_people_of_communities_agree_with_a_model_after_random_actions(database, zone):
    world, chance = World(database.url, zone), random.Random(zone)
    try:
        for _ in range(STEPS // 20):
            for _ in range(20):
                something_happens(world, chance)
            world.check()
    finally:
        world.close()
