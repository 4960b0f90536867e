"""People of communities are what a model makes of the same visits, in time zones of all kinds."""

from __future__ import annotations

import random

import pytest
from support.people_world import AYESHA, HERE, HOUR_MS, KARIM, NILA, STARTS, THERE, World
from support.short_run import EVERYTHING

from koyjabo.models import SITE

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
