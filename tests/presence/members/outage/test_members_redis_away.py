"""Who is here while Redis is gone or frozen (specification: Failures)."""

from __future__ import annotations

import time
from statistics import median

import pytest
from support.member_outages import fail
from support.member_worlds import GRACE_S, HIKERS, LEASE_S, counts
from support.processes import wait_until

from koyjabo.presence.members.online_members import Online, OnlineMember
from koyjabo.presence.members.redis_store import PEOPLE_PATIENCE_S, SILENCE_MS

pytestmark = pytest.mark.waits

QUICK_S = 0.005
"""A round of calls takes some 0.2 ms; most rounds are quick, even when the machine is busy with other tests."""
WAITING_S = 0.5
"""Whoever waited for Redis would wait for a second or more."""


def a_round_of_calls_s(members, people: list[str]) -> float:
    """How long it takes; one more person comes in it."""
    people.append(f"person{len(people)}")
    began = time.perf_counter()
    members.connect(HIKERS, people[-1], "1")
    members.connection_lost(HIKERS, "ayesha", "1")
    members.connect(HIKERS, "ayesha", "1")
    members.disconnect(HIKERS, "nobody", "1")
    members.online(HIKERS)
    members.apply_remote(HIKERS, Online(0, 7))
    members.refresh()
    members.resend()
    return time.perf_counter() - began


@pytest.mark.parametrize("failure", ["kill", "freeze"])
def test_nobody_waits_for_redis(world, two, failure):
    here, _ = two
    getattr(world.redis, failure)()
    people: list[str] = []
    took_s: list[float] = []
    ends = time.monotonic() + 2.5  # the outbox runs into its patience, and tries again
    while time.monotonic() < ends:
        took_s.append(a_round_of_calls_s(here.members, people))
        time.sleep(0.01)
    assert median(took_s) < QUICK_S
    assert sum(each >= WAITING_S for each in took_s) <= 1  # a busy machine may take its turn away, once
    assert counts(here) == [3 + len(people)]
    assert here.news[-1] == (HIKERS, 3 + len(people))


def test_arrival_is_a_guess_as_soon_as_redis_is_silent(world, two):
    here, _ = two
    world.redis.freeze()
    here.members.connect(HIKERS, "deepa", "1")
    assert counts(here) == [3]
    world.time.pass_(milliseconds=SILENCE_MS - 1)
    here.members.refresh()
    assert counts(here) == [3]
    world.time.pass_(milliseconds=1)
    here.members.refresh()
    assert counts(here) == [4]
    assert here.news == [(HIKERS, 4)]


def test_whoever_asks_for_a_settled_count_is_told_a_guess_when_patience_ends(world, two):
    here, _ = two
    world.redis.freeze()
    here.members.connect(HIKERS, "deepa", "1")
    began = time.monotonic()
    assert not here.members.wait_until_counted(HIKERS, "deepa", 0.3)
    assert 0.29 < time.monotonic() - began < 5
    assert here.members.online(HIKERS).count == 4
    assert here.members.online(HIKERS).is_estimate


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


def test_nobody_is_patient_with_a_redis_that_is_known_to_be_away(world, two):
    here, _ = two
    fail(world, here)
    here.members.connect(HIKERS, "deepa", "1")
    assert counts(here) == [4]
    began = time.monotonic()
    assert not here.members.wait_until_counted(HIKERS, "deepa", 5)
    assert here.members.wait_until_counted(HIKERS, "ayesha", 5)  # of her all was said before
    assert time.monotonic() - began < WAITING_S


def test_people_are_our_own_when_redis_is_away(world, two):
    here, _ = two
    begin_ms = world.time.ms - LEASE_S * 1000
    own = [OnlineMember("ayesha", begin_ms, 1), OnlineMember("chandra", begin_ms, 1)]
    world.redis.freeze()
    began = time.monotonic()
    assert here.members.people(HIKERS) == own
    assert time.monotonic() - began < PEOPLE_PATIENCE_S + WAITING_S
    wait_until(lambda: not here.outbox.reachable, "the outbox gives up")
    began = time.monotonic()
    assert here.members.people(HIKERS) == own
    assert time.monotonic() - began < WAITING_S


def test_others_go_on_being_counted_however_long_redis_is_away(world, two):
    here, _ = two
    fail(world, here)
    for _ in range(10):
        world.time.pass_(seconds=LEASE_S)
        here.members.refresh()
    assert counts(here) == [3]
    assert here.news == []


def test_own_people_come_and_go_while_redis_is_away(world, two):
    here, _ = two
    fail(world, here)
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


def test_one_who_is_known_to_be_on_another_worker_does_not_leave_with_us(world, two):
    here, _ = two
    fail(world, here)
    here.members.disconnect(HIKERS, "chandra", "1")
    here.members.refresh()
    assert counts(here) == [3]


def test_long_outage_costs_the_memory_of_those_who_came_in_it(world, two):
    here, _ = two
    fail(world, here)
    for number in range(5000):
        person = f"person{number % 50}"
        here.members.connect(HIKERS, person, f"{number}")
        here.members.disconnect(HIKERS, person, f"{number}")
        here.members.refresh()
    assert counts(here) == [3]
    assert len(here.members._mirrors[HIKERS].unconfirmed) <= 50
    assert here.members._own.count(HIKERS) == 2
