"""Who is here while Redis is gone or frozen (specification: Failures)."""

from __future__ import annotations

import time

import pytest
from support.member_worlds import GRACE_S, HIKERS, LEASE_S, counts
from support.processes import wait_until
from support.visitor_worlds import assert_nobody_waits

from koyjabo.presence.members import redis_store
from koyjabo.presence.members.online_members import Online, OnlineMember

pytestmark = pytest.mark.waits

LONG_S = 30
"""Who is told at once waits much less."""


@pytest.mark.parametrize("failure", ["kill", "freeze"])
def test_nobody_waits_for_redis(world, two, failure):
    here, _ = two
    people: list[str] = []

    def one_more_comes() -> None:
        people.append(f"person{len(people)}")
        here.members.connect(HIKERS, people[-1], "1")
        here.members.connection_lost(HIKERS, "ayesha", "1")
        here.members.connect(HIKERS, "ayesha", "1")
        here.members.disconnect(HIKERS, "nobody", "1")
        here.members.online(HIKERS)
        here.members.apply_remote(HIKERS, Online(0, 7))
        here.members.refresh()
        here.members.resend()

    getattr(world.redis, failure)()
    assert_nobody_waits(here.outbox, one_more_comes)
    assert counts(here) == [3 + len(people)]
    assert here.news[-1] == (HIKERS, 3 + len(people))


def test_arrival_is_a_guess_as_soon_as_redis_is_silent(world, two):
    here, _ = two
    world.redis.freeze()
    here.members.connect(HIKERS, "deepa", "1")
    assert counts(here) == [3]
    world.time.pass_(milliseconds=redis_store.SILENCE_MS - 1)
    here.members.refresh()
    assert counts(here) == [3]
    world.time.pass_(milliseconds=1)
    here.members.refresh()
    assert counts(here) == [4]
    assert here.news == [(HIKERS, 4)]


def test_who_asks_for_a_settled_count_is_told_a_guess_when_patience_ends(world, two):
    here, _ = two
    world.redis.freeze()
    here.members.connect(HIKERS, "deepa", "1")
    began = time.monotonic()
    assert not here.members.wait_until_counted(HIKERS, "deepa", 0.3)
    assert time.monotonic() - began > 0.29
    assert here.members.online(HIKERS)[1:] == (4, True)


def test_guess_made_while_the_answer_was_on_its_way_gives_way_to_it(world, two):
    here, _ = two
    ask = here.members._script.ask

    def slow(requests):
        answers = ask(requests)
        here.members.wait_until_counted(HIKERS, "deepa", 0)
        return answers

    world.time.put_right(days=10_000)  # so that the guess is newer than what Redis says
    here.members._script.ask = slow
    here.members.connect(HIKERS, "deepa", "1")
    wait_until(lambda: here.members.online(HIKERS).version > world.time.ms, "Redis's word is newer than the guess")
    assert here.members.online(HIKERS)[1:] == (4, False)
    assert here.news == [(HIKERS, 4)]


def test_nobody_is_patient_with_a_redis_that_is_known_to_be_away(world, two, monkeypatch):
    here, _ = two
    monkeypatch.setattr(redis_store, "PEOPLE_PATIENCE_S", 2 * LONG_S)
    world.fail(here)
    here.members.connect(HIKERS, "deepa", "1")
    assert counts(here) == [4]
    began = time.monotonic()
    assert not here.members.wait_until_counted(HIKERS, "deepa", 2 * LONG_S)
    assert here.members.wait_until_counted(HIKERS, "ayesha", 2 * LONG_S)  # of her all was said before
    assert [here.person for here in here.members.people(HIKERS)] == ["ayesha", "chandra", "deepa"]
    assert time.monotonic() - began < LONG_S


def test_people_are_our_own_when_redis_is_silent(world, two):
    here, _ = two
    begin_ms = world.time.ms - LEASE_S * 1000
    world.redis.freeze()
    assert here.members.people(HIKERS) == [OnlineMember(each, begin_ms, 1) for each in ("ayesha", "chandra")]


def test_those_on_other_workers_go_on_being_counted_however_long_redis_is_away(world, two):
    here, _ = two
    world.fail(here)
    for _ in range(10):
        world.time.pass_(seconds=LEASE_S)
        here.members.refresh()
    here.members.disconnect(HIKERS, "chandra", "1")  # who is on both
    here.members.refresh()
    assert counts(here) == [3]
    assert here.news == []


def test_own_people_come_and_go_while_redis_is_away(world, two):
    here, _ = two
    world.fail(here)
    changes = [("connect", "deepa", 4), ("connect", "ela", 5), ("disconnect", "ayesha", 4), ("connect", "ayesha", 5)]
    versions = []
    for change, person, count in changes:
        getattr(here.members, change)(HIKERS, person, "1")
        assert here.news[-1] == (HIKERS, count)
        versions.append(here.members.online(HIKERS).version)
    here.members.connection_lost(HIKERS, "deepa", "1")
    world.time.pass_(seconds=GRACE_S)
    here.members.refresh()
    assert here.news[-1] == (HIKERS, 4)
    assert versions == sorted(set(versions))


def test_long_outage_costs_the_memory_of_those_who_came_in_it(world, two):
    here, _ = two
    world.fail(here)
    for number in range(1000):
        person = f"person{number % 50}"
        here.members.connect(HIKERS, person, f"{number}")
        here.members.disconnect(HIKERS, person, f"{number}")
        here.members.refresh()
    assert counts(here) == [3]
    assert len(here.members._mirrors[HIKERS].unconfirmed) <= 50
    assert here.members._own.count(HIKERS) == 2
