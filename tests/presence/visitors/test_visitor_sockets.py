"""Matching open sockets to visitors, with a clock that tests set."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st
from support.application.site import SECRET, Site, Time, site_fixture
from support.runs.fuzz_effort import effort

from koyjabo.base.core.clock import Clock
from koyjabo.base.models import SITE
from koyjabo.presence.visitors import unmatched_visits
from koyjabo.presence.visitors.active_visitors_memory import MemoryActiveVisitors
from koyjabo.presence.visitors.visit_matcher import VisitMatcher
from koyjabo.presence.visitors.visitor_sockets import VisitorSockets

WINDOW_S = 300
DHAKA, SYLHET = "Dhaka, BD", "Sylhet, BD"
BROWSER = {"REMOTE_ADDR": "203.0.113.7", "HTTP_USER_AGENT": "a browser"}
OTHER_BROWSER = {**BROWSER, "HTTP_USER_AGENT": "another browser"}
OTHER_ADDRESS = {**BROWSER, "REMOTE_ADDR": "203.0.113.8"}


class World:
    """VisitorSockets with its dependencies. The ledger is a set of visitors who have registered."""

    def __init__(self) -> None:
        self.time = Time()
        clock = Clock(ZoneInfo("Asia/Dhaka"), self.time, self.time.elapsed_ms, release_ms=0)
        self.visitors = MemoryActiveVisitors(clock, WINDOW_S)
        self._seen_ms: dict[str, int] = {}
        touch = self.visitors.touch

        def noted_touch(scope, visitor_id, place):
            self._seen_ms[visitor_id] = self.time.ms
            touch(scope, visitor_id, place)

        self.visitors.touch = noted_touch
        self.registered: set[str] = set()
        self.dropped = 0
        self.sockets = VisitorSockets(
            self.visitors, clock, WINDOW_S, SECRET, VisitMatcher(), on_dropped=self._count_dropped
        )

    def _count_dropped(self, number: int) -> None:
        self.dropped += number

    def register(self, visitor, environ=BROWSER, place=DHAKA):
        self.registered.add(visitor)
        self.visitors.touch(SITE, visitor, place)
        self.sockets.visited(visitor, self.sockets.fingerprint(environ))

    def open(self, socket, environ=BROWSER, visitor=None, place=DHAKA):
        registered = visitor in self.registered
        if registered:
            self.visitors.touch(SITE, visitor, place)
        self.sockets.opened(socket, self.sockets.fingerprint(environ), visitor, registered)

    def close(self, *sockets):
        for socket in sockets:
            self.sockets.closed(socket)

    def pass_(self, seconds, every=WINDOW_S // 10):
        """Let time pass, and run the pulse."""
        for _ in range(0, seconds, every):
            self.time.pass_(seconds=every)
            self.sockets.renew()

    @property
    def active(self):
        here = {visitor for visitor, seen_ms in self._seen_ms.items() if seen_ms > self.time.ms - WINDOW_S * 1000}
        assert len(here) == sum(self.visitors.count(SITE).places.values())
        return here

    @property
    def remembered(self):
        """The number of entries in each collection that has any."""
        return {
            name: len(value)
            for name, value in vars(self.sockets).items()
            if name.startswith("_") and hasattr(value, "__len__")
        }


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize("first", ["visit", "socket"])
def test_an_unnamed_socket_is_matched_only_with_a_visit_of_its_browser_and_address(world, first):
    if first == "visit":
        world.register("ayesha")
    for socket, opened_by in ((1, OTHER_BROWSER), (2, OTHER_ADDRESS)):
        world.open(socket, opened_by)
    if first == "socket":
        world.register("ayesha")
    world.pass_(WINDOW_S)
    assert world.active == set()
    if first == "visit":
        world.register("ayesha")
    world.open("socket")
    if first == "socket":
        world.register("ayesha")
    world.pass_(3 * WINDOW_S)
    assert world.active == {"ayesha"}


def test_a_visit_is_matched_with_a_socket_only_within_the_window(world):
    world.register("karim")
    world.time.pass_(seconds=WINDOW_S)
    world.register("ayesha", place=SYLHET)
    for socket in range(2):
        world.open(socket, place=DHAKA)
    world.pass_(2 * WINDOW_S)
    assert world.active == {"ayesha"}
    assert world.visitors.count(SITE).places == {SYLHET: 1}


def test_an_unnamed_page_that_reloads_is_the_same_visitor(world):
    world.register("ayesha")
    world.open("before")
    world.pass_(2 * WINDOW_S)
    world.close("before")
    world.open("after")
    world.pass_(2 * WINDOW_S)
    assert world.active == {"ayesha"}


def test_a_name_replaces_a_guess_and_the_guessed_visit_goes_to_the_next_socket(world):
    world.register("ayesha", OTHER_ADDRESS)
    world.register("karim")
    world.open("hers")
    assert world.sockets.visitor_of("hers") == "karim"
    world.sockets.named("hers", "ayesha", registered=True)
    assert world.sockets.visitor_of("hers") == "ayesha"
    world.open("his")
    assert world.sockets.visitor_of("his") == "karim"


def test_visits_without_a_socket_have_a_limit_per_address(monkeypatch):
    monkeypatch.setattr(unmatched_visits, "MAX_UNMATCHED_VISITS", 100)
    world = World()
    world.register("ayesha", OTHER_ADDRESS)
    for number in range(400):
        world.register(f"v{number}", {**BROWSER, "HTTP_USER_AGENT": f"browser {number}"})
    assert max(world.remembered.values()) <= 100
    assert world.dropped == 15 * 21
    world.open("hers", OTHER_ADDRESS)
    world.open("socket", {**BROWSER, "HTTP_USER_AGENT": "browser 399"})
    world.pass_(2 * WINDOW_S)
    assert world.active == {"ayesha", "v399"}


def test_the_fingerprint_of_a_caller_is_a_hash_that_changes_every_day(world):
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
    st.tuples(st.just("name"), st.integers(0, 20), VISITORS),
    st.tuples(st.just("close"), st.integers(0, 20), st.none()),
    st.tuples(st.just("pass"), st.integers(1, WINDOW_S), st.none()),
)


@effort(100)
@given(st.lists(STEPS, max_size=40))
def test_named_visitors_are_active_while_a_socket_is_open(steps):
    """Only registered visitors are active, and the URL or a message identifies them."""
    world, opened = World(), {}
    empty = world.remembered
    for number, (step, what, how) in enumerate(steps):
        if step == "register":
            world.register(what, how)
        elif step == "open":
            opened[number] = what
            world.open(number, how, what)
        elif step == "pass":
            world.pass_(what, every=what)
        elif opened:
            socket = list(opened)[what % len(opened)]
            if step == "close":
                world.close(socket)
                del opened[socket]
            elif opened[socket] is None:
                opened[socket] = how
                world.sockets.named(socket, how, how in world.registered)
        assert world.registered & set(opened.values()) <= world.active <= world.registered
    world.close(*opened, "one that was never opened")
    world.pass_(WINDOW_S)
    assert world.active == set()
    assert world.remembered == empty


site = site_fixture(ACTIVE_WINDOW_SECONDS=WINDOW_S)


def active(site: Site) -> int:
    stats = site.stats()
    assert sum(place["count"] for place in stats["locations"].values()) == stats["activeUsers"]
    return stats["activeUsers"]


def test_a_visitor_is_active_for_exactly_one_window_after_each_call(site):
    assert site.register(visitId="first").stats["activeUsers"] == 1
    for sign_of_life in (site.heartbeat, site.register, lambda: site.register(visitId="first")):
        site.time.pass_(seconds=WINDOW_S - 1)
        sign_of_life()
        site.time.pass_(seconds=WINDOW_S, milliseconds=-1)
        assert active(site) == 1
        sign_of_life()
    site.time.pass_(seconds=WINDOW_S)
    assert active(site) == 0
    assert site.stats()["locations"] == {}
