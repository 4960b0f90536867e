"""What open sockets cost: how many there may be, how often they are renewed, and what they leave behind."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.app_fixtures import SECRET
from support.fuzz_effort import effort
from support.visitor_socket_world import BROWSER, OTHER_ADDRESS, OTHER_BROWSER, WINDOW_S, World

from koyjabo.errors import TooManyRequests
from koyjabo.presence.visitors import unmatched_visits
from koyjabo.presence.visitors.visit_matcher import NoMatcher
from koyjabo.presence.visitors.visitor_sockets import VisitorSockets


@pytest.fixture
def world():
    return World()


def test_sockets_of_a_visitor_are_limited_at_each_address(world):
    world.sockets = VisitorSockets(world.visitors, world.sockets._clock, WINDOW_S, SECRET, NoMatcher(), most_tabs=2)
    empty = world.remembered
    for number in range(2):
        world.sockets.opened(f"stranger's {number}", b"1", "ayesha", False, "203.0.113.8")
    with pytest.raises(TooManyRequests):
        world.sockets.opened("stranger's", b"1", "ayesha", False, "203.0.113.8")
    world.sockets.opened("hers", b"2", "ayesha", False, "203.0.113.7")
    world.sockets.opened("also hers", b"2", None, False, "203.0.113.7")
    world.sockets.named("also hers", "ayesha", registered=False)
    world.sockets.opened("third", b"2", None, False, "203.0.113.7")
    with pytest.raises(TooManyRequests):
        world.sockets.named("third", "ayesha", registered=False)
    for number in range(3):
        world.sockets.opened(f"without a limit {number}", b"3", "ayesha", False)
    world.close(*(f"without a limit {number}" for number in range(3)))
    world.close("hers", "also hers", "third", "stranger's 0", "stranger's 1")
    world.pass_(WINDOW_S)
    assert world.remembered == empty


def test_leases_are_renewed_at_half_their_time_and_not_more_often(world):
    for number in range(10):
        world.open(f"socket {number}", visitor=f"v{number}")
        world.register(f"v{number}")
        world.time.pass_(seconds=WINDOW_S // 20)
    world.touches.clear()
    world.sockets.renew()
    assert world.touches == Counter(["v0"]), "only the one whose time has come"
    world.pass_(10 * WINDOW_S, every=1)
    assert (world.touches["v0"], world.touches["v9"]) == (21, 20)


def test_closed_sockets_leave_nothing_behind(world):
    empty = world.remembered
    world.register("ayesha")
    for number in range(50):
        world.open(f"same {number}")
        world.open(f"other {number}", {**BROWSER, "HTTP_USER_AGENT": f"browser {number}"})
        world.open(f"said {number}", visitor=f"v{number % 7}")
        world.register(f"v{number}", {**BROWSER, "REMOTE_ADDR": f"203.0.113.{number}"})
    for kind in ("same", "other", "said"):
        world.close(*(f"{kind} {number}" for number in range(50)))
    world.close("one that was never opened")
    world.pass_(WINDOW_S)
    assert world.remembered == empty


def test_visits_whose_socket_never_comes_are_a_bounded_number(world, monkeypatch):
    monkeypatch.setattr(unmatched_visits, "MAX_UNMATCHED", 100)
    for number in range(400):
        world.register(f"v{number}", {**BROWSER, "HTTP_USER_AGENT": f"browser {number % 300}"})
    assert max(world.remembered.values()) <= 100
    world.open("socket", {**BROWSER, "HTTP_USER_AGENT": "browser 99"})  # of v399, the newest
    world.pass_(2 * WINDOW_S)
    assert world.active == {"v399"}


def test_caller_is_a_hash_that_says_nothing_tomorrow(world):
    today = world.sockets.fingerprint(BROWSER)
    assert today == world.sockets.fingerprint(dict(BROWSER))
    assert len({today, world.sockets.fingerprint(OTHER_BROWSER), world.sockets.fingerprint(OTHER_ADDRESS)}) == 3
    world.time.pass_(days=1)
    assert world.sockets.fingerprint(BROWSER) != today
    assert b"203" not in today


AGENTS = st.sampled_from([BROWSER, OTHER_BROWSER, OTHER_ADDRESS])
VISITORS = st.sampled_from(["ayesha", "karim", "fatima"])
STEPS = st.one_of(
    st.tuples(st.just("register"), VISITORS, AGENTS),
    st.tuples(st.just("open"), st.none() | VISITORS, AGENTS),
    st.tuples(st.just("close"), st.integers(0, 20), st.none()),
    st.tuples(st.just("pass"), st.integers(1, WINDOW_S), st.none()),
)


@effort(200)
@given(st.lists(STEPS, max_size=40))
def test_whatever_happens_only_the_registered_are_active_and_in_the_end_nothing_is_left(steps):
    world = World()
    empty, opened = world.remembered, []
    for step, what, environ in steps:
        if step == "register":
            world.register(what, environ)
        elif step == "open":
            opened.append(f"socket {len(opened)}")
            world.open(opened[-1], environ, what)
        elif step == "close" and opened:
            world.close(opened[what % len(opened)])
        elif step == "pass":
            world.pass_(what, every=what)
        assert world.active <= world.registered
    world.close(*opened)
    world.pass_(WINDOW_S)
    assert world.active == set()
    assert world.remembered == empty
