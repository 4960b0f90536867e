"""What every presence promises, in memory as in Redis (koyjabo.presence)."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from support.visitor_worlds import DHAKA, SYLHET, WINDOW_S, MemoryWorld, active, redis_world

from koyjabo.models import SITE, Scope
from koyjabo.network.geolocation import OTHER, UNKNOWN
from koyjabo.presence.visitors.active_visitors import ActiveCount

HIKERS, RIDERS = Scope("hikers"), Scope("riders")


@pytest.fixture(params=["memory", "redis"])
def world(request):
    if request.param == "memory":
        yield MemoryWorld()
    else:
        with redis_world(request.getfixturevalue("redis_server")) as world:
            yield world


def places(world, scope: Scope = SITE) -> dict[str, int]:
    """What is counted at once, which is also what is counted when all is said."""
    at_once = dict(world.visitors.count(scope).places)
    world.settle()
    assert world.visitors.count(scope).places == at_once
    return at_once


@pytest.mark.parametrize("waits", [True, False])
def test_one_who_is_forgotten_is_nowhere(world, waits):
    for visitor, place in (("ayesha", DHAKA), ("karim", SYLHET)):
        for scope in (SITE, HIKERS):
            world.visitors.touch(scope, visitor, place)
    if waits:
        world.settle()
    world.visitors.forget(SITE, "ayesha")
    world.visitors.forget(SITE, "nobody")
    world.settle()
    assert not world.visitors.keep_alive(SITE, "ayesha")
    assert places(world) == {SYLHET: 1}
    assert places(world, HIKERS) == {DHAKA: 1, SYLHET: 1}
    world.visitors.touch(SITE, "ayesha", DHAKA)
    assert places(world) == {DHAKA: 1, SYLHET: 1}


def test_nobody_is_active_at_first(world):
    assert places(world) == {}


def test_visitor_is_counted_once(world):
    for _ in range(3):
        world.visitors.touch(SITE, "ayesha", DHAKA)
        assert places(world) == {DHAKA: 1}


def test_touches_that_come_together_are_one_visitor(world):
    for _ in range(50):
        world.visitors.touch(SITE, "ayesha", DHAKA)
    assert places(world) == {DHAKA: 1}


def test_visitor_is_in_one_place(world):
    for place in (DHAKA, SYLHET, DHAKA, UNKNOWN, SYLHET):
        world.visitors.touch(SITE, "ayesha", place)
        assert places(world) == {place: 1}


def test_moves_that_come_together_end_in_the_last_place(world):
    world.visitors.touch(SITE, "ayesha", DHAKA)
    world.settle()
    for place in (SYLHET, DHAKA, SYLHET, None):
        world.visitors.touch(SITE, "ayesha", place)
    assert places(world) == {SYLHET: 1}


@pytest.mark.parametrize("waits", [True, False])
def test_none_leaves_the_place_as_it_is(world, waits):
    world.visitors.touch(SITE, "ayesha", SYLHET)
    if waits:
        world.settle()
    world.visitors.touch(SITE, "ayesha", None)
    assert places(world) == {SYLHET: 1}


def test_visitor_of_whom_no_place_was_said_is_in_an_unknown_one(world):
    world.visitors.touch(SITE, "ayesha", None)
    world.settle()
    assert places(world) == {UNKNOWN: 1}
    world.visitors.touch(SITE, "ayesha", DHAKA)
    assert places(world) == {DHAKA: 1}


def test_visitor_is_active_for_the_window(world):
    world.visitors.touch(SITE, "ayesha", DHAKA)
    world.pass_(seconds=WINDOW_S - 30)
    assert places(world) == {DHAKA: 1}
    world.pass_(seconds=30)
    world.settle()
    assert places(world) == {}
    world.visitors.touch(SITE, "ayesha", SYLHET)
    assert places(world) == {SYLHET: 1}


@pytest.mark.parametrize("sign", [lambda each: each.touch(SITE, "a", None), lambda each: each.keep_alive(SITE, "a")])
def test_sign_of_life_begins_the_window_anew(world, sign):
    for visitor in "ab":
        world.visitors.touch(SITE, visitor, DHAKA)
    world.pass_(seconds=WINDOW_S - 30)
    sign(world.visitors)
    world.pass_(seconds=WINDOW_S - 30)
    world.settle()
    assert places(world) == {DHAKA: 1}


def test_only_one_who_is_known_to_be_active_is_renewed(world):
    assert not world.visitors.keep_alive(SITE, "ayesha")
    world.visitors.touch(SITE, "ayesha", DHAKA)
    assert world.visitors.keep_alive(SITE, "ayesha")
    assert not world.visitors.keep_alive(HIKERS, "ayesha")
    world.pass_(seconds=WINDOW_S)
    assert not world.visitors.keep_alive(SITE, "ayesha")
    world.settle()
    assert places(world) == {}


def test_lease_renewed_does_not_change_the_version(world):
    world.visitors.touch(SITE, "ayesha", DHAKA)
    world.settle()
    before = world.visitors.count(SITE)
    for sign in (
        lambda: world.visitors.keep_alive(SITE, "ayesha"),
        lambda: world.visitors.touch(SITE, "ayesha", DHAKA),
    ):
        sign()
        assert world.visitors.count(SITE) is before
        world.settle()
        assert world.visitors.count(SITE) is before


def test_version_grows_with_each_change(world):
    newest = world.visitors.count(SITE).version
    for change in (
        lambda: world.visitors.touch(SITE, "ayesha", DHAKA),
        lambda: world.visitors.touch(SITE, "ayesha", SYLHET),
        lambda: world.visitors.touch(SITE, "babul", SYLHET),
        lambda: world.pass_(seconds=WINDOW_S),
    ):
        change()
        world.settle()
        before, newest = newest, world.visitors.count(SITE).version
        assert newest > before


def test_twenty_largest_places_then_other_and_unknown(world):
    numbers = count(1)
    for number, size in enumerate([*range(3, 25), 50], 1):
        for _ in range(size):
            world.visitors.touch(SITE, f"visitor{next(numbers)}", UNKNOWN if size == 50 else f"Place {number}")
    world.settle()
    expected = {f"Place {number}": number + 2 for number in range(22, 2, -1)} | {OTHER: 3 + 4, UNKNOWN: 50}
    assert list(places(world).items()) == list(expected.items())


def test_of_places_of_one_size_the_first_by_name_are_shown(world):
    for number in random.sample(range(30), 30):
        world.visitors.touch(SITE, f"visitor{number}", f"Place {number:02}")
    world.settle()
    assert places(world) == {f"Place {number:02}": 1 for number in range(20)} | {OTHER: 10}


def test_place_may_have_any_name(world):
    for visitor, place in enumerate(["Cox’s Bazar, BD", "ঢাকা", OTHER, "a b", "-5"]):
        world.visitors.touch(SITE, f"visitor{visitor}", place)
    assert places(world) == {"Cox’s Bazar, BD": 1, "ঢাকা": 1, OTHER: 1, "a b": 1, "-5": 1}


def test_scopes_do_not_mix(world):
    world.visitors.touch(HIKERS, "ayesha", DHAKA)
    world.visitors.touch(RIDERS, "ayesha", SYLHET)
    world.visitors.touch(RIDERS, "babul", SYLHET)
    assert [places(world, scope) for scope in (SITE, HIKERS, RIDERS)] == [{}, {DHAKA: 1}, {SYLHET: 2}]
    world.pass_(seconds=WINDOW_S - 10)
    world.visitors.keep_alive(RIDERS, "babul")
    world.pass_(seconds=10)
    world.settle()
    assert [places(world, scope) for scope in (SITE, HIKERS, RIDERS)] == [{}, {}, {SYLHET: 1}]


def test_older_census_changes_nothing(world):
    world.visitors.touch(SITE, "ayesha", DHAKA)
    world.settle()
    newest = world.visitors.count(SITE)
    for version in (0, -5, newest.version - 1, newest.version):
        world.visitors.apply_remote(SITE, ActiveCount(version, {SYLHET: 7}))
        assert world.visitors.count(SITE) is newest


def test_sum_is_who_is_active_at_any_moment(world):
    """Eight threads touch visitors of their own, again and again and in moving places."""
    presence, threads, begun, done = world.visitors, 8, [], []

    def touch_many(thread: int) -> None:
        choose = random.Random(thread)
        for number in range(100):
            begun.append(number)
            presence.touch(SITE, f"{thread}-{number}", f"Place {choose.randrange(40)}")
            done.append(number)
            presence.touch(SITE, f"{thread}-{choose.randrange(number + 1)}", f"Place {choose.randrange(40)}")

    def read_until(finished: threading.Event) -> None:
        while not finished.is_set():
            least = len(done)
            found = active(presence)
            assert least <= found <= len(begun)

    with ThreadPoolExecutor(threads + 1) as pool:
        finished = threading.Event()
        reader = pool.submit(read_until, finished)
        for each in [pool.submit(touch_many, thread) for thread in range(threads)]:
            each.result()
        finished.set()
        reader.result()
    assert active(presence) == threads * 100
    world.settle()
    assert active(presence) == threads * 100
