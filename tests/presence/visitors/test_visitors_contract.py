"""The contract of presence, in memory and in Redis (koyjabo.presence.visitors.active_visitors)."""

import random
from collections import Counter
from itertools import count

import pytest
from hypothesis import example, given, strategies as st
from support.application.visitor_workers import DHAKA, SYLHET, WINDOW_S, MemoryWorld, redis_world
from support.runs.fuzz_effort import effort

from koyjabo.base.models import SITE, Scope
from koyjabo.base.network.location_names import OTHER_LOCATIONS, UNKNOWN_LOCATION
from koyjabo.presence.visitors.active_visitors import ActiveCount

HIKERS = Scope("hikers")


@pytest.fixture(params=["memory", "redis_server"])
def world(request):
    if request.param == "memory":
        yield MemoryWorld()
    else:
        with redis_world(request.getfixturevalue("redis_server")) as world:
            yield world


VISITORS, PLACES = (
    st.sampled_from("ab"),
    st.sampled_from([DHAKA, SYLHET, "ঢাকা", OTHER_LOCATIONS, UNKNOWN_LOCATION, None]),
)
SCOPES = st.sampled_from([SITE, HIKERS])
STEPS = st.one_of(
    st.tuples(st.just("touch"), SCOPES, VISITORS, PLACES),
    st.tuples(st.sampled_from(["keep_alive", "forget"]), SCOPES, VISITORS),
    st.tuples(st.just("resend")),
    st.tuples(st.just("pass"), st.sampled_from([30, 150, 270, WINDOW_S])),
)


SEEN = ("touch", SITE, "a", DHAKA)
WINDOW = [SEEN, ("pass", 270), SEEN, ("pass", 270), ("keep_alive", SITE, "a"), ("pass", 270), ("pass", 30)]


@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_the_visitors_of_the_window_are_active_where_they_were_last_seen(kind, request):
    """There are up to three workers, and any of them may see a visitor first."""

    @effort(200 if kind == "memory" else 24)
    @given(st.lists(st.tuples(st.integers(0, 2), STEPS), max_size=30))
    @example([(0, second) for second in WINDOW])
    def live_through(steps):
        if kind == "memory":
            return happen([MemoryWorld()] * 3, steps)
        server = request.getfixturevalue("redis_server")
        with server.client() as client:
            client.flushall()
        with redis_world(server) as world:
            return happen([world.new_worker() for _ in range(3)], steps, world)

    live_through()


def happen(workers, steps, world=None) -> None:
    world = world or workers[0]
    seen: dict[tuple[Scope, str], tuple[int, str]] = {}
    for number, (what, *values) in steps:
        visitors = workers[number].visitors
        if what == "pass":
            world.pass_(seconds=values[0])
        elif what == "resend":
            getattr(visitors, "resend", lambda: None)()  # resending does not show new activity
        elif what == "forget":
            seen.pop(tuple(values), None)
            for worker in workers:
                worker.visitors.forget(*values)
        else:
            scope, visitor = values[:2]
            answer = getattr(visitors, what)(*values)
            known = seen.pop((scope, visitor), None)
            if what == "touch":
                seen[scope, visitor] = world.time.ms, values[2] or (known[1] if known else UNKNOWN_LOCATION)
            elif known:
                seen[scope, visitor] = (world.time.ms if answer else known[0]), known[1]
            assert what == "touch" or answer == bool(known) or (known and len(set(workers)) > 1)
        for worker in workers:
            worker.visitors.count(HIKERS)  # a community is read only while it has readers
        world.settle()
        seen = {who: last for who, last in seen.items() if last[0] > world.time.ms - WINDOW_S * 1000}
        for scope in (SITE, HIKERS):
            places = Counter(place for (where, _), (_, place) in seen.items() if where == scope)
            assert [worker.visitors.count(scope).places for worker in workers] == [places] * 3


def test_the_version_grows_exactly_when_the_active_visitors_change(world):
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


def test_the_twenty_largest_locations_are_followed_by_other_and_unknown_ones(world):
    """Locations with equal counts are ordered by name."""
    numbers = count(1)
    sizes = {f"Place {number:02}": max(2, number // 3) for number in range(10, 32)} | {UNKNOWN_LOCATION: 20}
    for place in random.sample(list(sizes), len(sizes)):
        for _ in range(sizes[place]):
            world.visitors.touch(SITE, f"visitor{next(numbers)}", place)
    world.settle()
    ranked = sorted(set(sizes) - {UNKNOWN_LOCATION}, key=lambda place: (-sizes[place], place))
    expected = {place: sizes[place] for place in ranked[:20]} | {OTHER_LOCATIONS: 3 + 3, UNKNOWN_LOCATION: 20}
    assert list(world.visitors.count(SITE).places.items()) == list(expected.items())
