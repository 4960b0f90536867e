"""A visit and a socket on different workers are matched."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.visitor_workers import RedisLink, assert_none_waits
from support.programs.processes import wait_until

from koyjabo.presence.visitors.visitor_sockets_redis import MAX_OFFERED, RedisVisitMatcher

CAMPUS, HOME = b"\x01" * 12, b"\xff" * 12


class MatchingWorker(RedisLink):
    """One worker's exchange."""

    def __init__(self, url: str, window_s: int) -> None:
        super().__init__(url)
        self.exchange = RedisVisitMatcher(self.client, self.outbox, window_s)
        self.visitors: list[str] = []

    def offer(self, caller: bytes, *visitors: str) -> None:
        for visitor in visitors:
            self.exchange.offer(caller, visitor)
        self.flush()

    def ask(self, caller: bytes, times: int = 1) -> list[str]:
        """Ask, and return the visitors found by this question and all earlier ones."""
        for _ in range(times):
            self.exchange.ask(caller, self.visitors.append)
        self.flush()
        return self.visitors


@pytest.fixture
def new_worker(redis_server):
    made = []

    def make(window_s: int = 300) -> MatchingWorker:
        made.append(MatchingWorker(redis_server.url, window_s))
        return made[-1]

    yield make
    for connection in made:
        connection.client.close()


def test_offered_visitor_is_found_by_another_worker_once_and_the_newest_first(new_worker):
    here, there = new_worker(), new_worker()
    assert there.ask(CAMPUS) == []
    for visitor in ("ayesha", "babul", "ayesha"):
        here.offer(CAMPUS, visitor)
        time.sleep(0.002)  # Redis orders offers by the millisecond
    assert there.ask(HOME) == []
    assert there.ask(CAMPUS) == ["ayesha"]
    assert there.ask(CAMPUS, times=2) == ["ayesha", "babul"]
    assert here.ask(CAMPUS) == []


def test_offers_of_one_caller_are_bounded(new_worker, redis_server):
    here, there = new_worker(), new_worker()
    for number in range(3):
        here.offer(CAMPUS, *(f"visitor{number}-{index}" for index in range(MAX_OFFERED)))
    with redis_server.client() as client:
        assert client.zcard(f"koyjabo:lonely:{CAMPUS.hex()}") == MAX_OFFERED
        assert 0 < client.pttl(f"koyjabo:lonely:{CAMPUS.hex()}") <= 300_000
    assert len(set(there.ask(CAMPUS, times=MAX_OFFERED + 5))) == MAX_OFFERED


def test_offer_ends_with_the_window_although_others_follow(new_worker):
    here, there = new_worker(window_s=1), new_worker(window_s=1)
    here.offer(CAMPUS, "ayesha")
    began = time.monotonic()
    wait_until(lambda: here.offer(CAMPUS, "babul") or time.monotonic() > began + 1.01, "the window has passed")
    given = wait_until(lambda: here.offer(CAMPUS, "babul") or there.ask(CAMPUS, times=3), "the other one is offered")
    assert given == ["babul"]


def test_offered_visitor_goes_to_exactly_one_of_many_workers(new_worker):
    here, askers = new_worker(), [new_worker() for _ in range(4)]
    visitors = [f"visitor{number}" for number in range(40)]
    here.offer(CAMPUS, *visitors)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: askers[number % 4].ask(CAMPUS), range(80)))
    assert sorted(visitor for connection in askers for visitor in connection.visitors) == sorted(visitors)


def test_no_visitor_waits_while_redis_is_gone(disposable_redis):
    connection = MatchingWorker(disposable_redis.url, 300)

    def one_round() -> None:
        connection.exchange.offer(CAMPUS, "babul")
        connection.exchange.ask(CAMPUS, connection.visitors.append)

    disposable_redis.freeze()
    assert_none_waits(connection.outbox, one_round)
    disposable_redis.thaw()
    connection.offer(CAMPUS, "ayesha")
    assert "ayesha" in connection.ask(CAMPUS)
    connection.client.close()
