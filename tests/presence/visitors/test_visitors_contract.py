"""What every presence promises, in memory as in Redis (koyjabo.presence.visitors.active_visitors)."""

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


def test_visitor_is_counted_once_and_in_one_place(world):
    assert places(world) == {}
    for place in (DHAKA, DHAKA, SYLHET, DHAKA, UNKNOWN, SYLHET):
        world.visitors.touch(SITE, "ayesha", place)
        assert places(world) == {place: 1}


def test_touches_that_come_together_are_one_visitor_in_the_last_place(world):
    for place in [DHAKA] * 30 + [SYLHET, DHAKA, SYLHET, None]:
        world.visitors.touch(SITE, "ayesha", place)
    assert places(world) == {SYLHET: 1}


@pytest.mark.parametrize("waits", [True, False])
def test_none_leaves_the_place_as_it_is_or_unknown(world, waits):
    world.visitors.touch(SITE, "ayesha", SYLHET)
    if waits:
        world.settle()
    world.visitors.touch(SITE, "ayesha", None)
    world.visitors.touch(SITE, "babul", None)
    world.settle()
    assert places(world) == {SYLHET: 1, UNKNOWN: 1}
    world.visitors.touch(SITE, "babul", DHAKA)
    assert places(world) == {SYLHET: 1, DHAKA: 1}


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


def test_version_grows_with_each_change_and_with_nothing_else(world):
    changes = [
        (1, lambda: world.visitors.touch(SITE, "ayesha", DHAKA)),
        (0, lambda: world.visitors.touch(SITE, "ayesha", DHAKA)),
        (0, lambda: world.visitors.keep_alive(SITE, "ayesha")),
        (1, lambda: world.visitors.touch(SITE, "ayesha", SYLHET)),
        (1, lambda: world.visitors.touch(SITE, "babul", SYLHET)),
        (1, lambda: world.pass_(seconds=WINDOW_S)),
    ]
    newest = world.visitors.count(SITE)
    for is_news, change in changes:
        change()
        assert is_news or world.visitors.count(SITE) is newest
        world.settle()
        before, newest = newest, world.visitors.count(SITE)
        assert newest.version > before.version if is_news else newest is before
    for version in (0, -5, newest.version - 1, newest.version):
        world.visitors.apply_remote(SITE, ActiveCount(version, {SYLHET: 7}))
        assert world.visitors.count(SITE) is newest, "an older census changes nothing"


def test_twenty_largest_places_then_other_and_unknown(world):
    """Of places of one size, the first by name."""
    numbers = count(1)
    sizes = {f"Place {number:02}": max(2, number // 3) for number in range(10, 32)} | {UNKNOWN: 20}
    for place in random.sample(list(sizes), len(sizes)):
        for _ in range(sizes[place]):
            world.visitors.touch(SITE, f"visitor{next(numbers)}", place)
    world.settle()
    ranked = sorted(set(sizes) - {UNKNOWN}, key=lambda place: (-sizes[place], place))
    expected = {place: sizes[place] for place in ranked[:20]} | {OTHER: 3 + 3, UNKNOWN: 20}
    assert list(places(world).items()) == list(expected.items())


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


def test_sum_is_who_is_active_at_any_moment(world):
    """Eight threads touch visitors of their own, again and again and in moving places."""
    presence, threads, begun, done = world.visitors, 8, [], []

    def touch_many(thread: int) -> None:
        choose = random.Random(thread)
        for number in range(60):
            begun.append(number)
            presence.touch(SITE, f"{thread}-{number}", f"Place {choose.randrange(40)}")
            done.append(number)
            presence.touch(SITE, f"{thread}-{choose.randrange(number + 1)}", f"Place {choose.randrange(40)}")

    def read_until(is_over: threading.Event) -> None:
        while not is_over.is_set():
            least = len(done)
            found = active(presence)
            assert least <= found <= len(begun)

    with ThreadPoolExecutor(threads + 1) as pool:
        is_over = threading.Event()
        reader = pool.submit(read_until, is_over)
        for each in [pool.submit(touch_many, thread) for thread in range(threads)]:
            each.result()
        is_over.set()
        reader.result()
    assert active(presence) == threads * 60
    world.settle()
    assert active(presence) == threads * 60
