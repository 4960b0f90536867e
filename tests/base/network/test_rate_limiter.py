"""Rate limits: what they count, what that costs, and how much each network of an IPv6 customer may use."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product, repeat
from types import SimpleNamespace

import pytest

from koyjabo.base.network import rate_limiter
from koyjabo.base.network.client_address import AddressCounter, neighbourhood as key
from koyjabo.base.network.rate_limiter import DailyRate, Rate, share


@pytest.fixture
def now(monkeypatch):
    """The clock in seconds, set by the tests."""
    moment = [1000.0]
    monkeypatch.setattr(rate_limiter, "time", SimpleNamespace(time=time.time, monotonic=lambda: moment[0]))
    return moment


def test_minute_is_over_when_it_was_said_to_be(now):
    rate = Rate(1)
    before_s, first = time.time(), rate.use("ayesha")
    assert before_s + 60 <= first.resets_at_s <= time.time() + 61
    now[0] += 59.9
    assert rate.use("ayesha").is_exceeded
    assert rate.use("ayesha").retry_after_s in (1, 2)  # whole seconds, and never too early
    now[0] += 0.2
    assert not rate.use("ayesha").is_exceeded


def test_many_names_fill_no_memory_and_lift_no_limit(monkeypatch, now):
    monkeypatch.setattr(rate_limiter, "MAX_KEYS", 100)
    rate = Rate(2)
    for _ in range(3):
        used = rate.use("ayesha")
    assert used.is_exceeded
    assert not any(rate.use(f"visitor{number}").is_exceeded for number in range(1000))
    assert len(rate._counts) == 100
    assert rate.use("ayesha").is_exceeded
    now[0] += 60
    rate.use("ayesha")
    assert len(rate._counts) == 1


def test_of_the_many_addresses_of_a_day_the_lightest_are_forgotten(monkeypatch, now):
    monkeypatch.setattr(rate_limiter, "MAX_KEYS", 100)
    rate = DailyRate(1000)
    assert not rate.use("heavy", uses=1000).is_exceeded
    for number in range(1000):
        rate.use(f"light{number}", uses=10)
    assert len(rate._counts) <= 100
    assert rate.use("heavy").is_exceeded
    assert rate.use("heavy").resets_at_s % 86_400 < 60
    now[0] += 86_400
    assert not rate.use("heavy").is_exceeded


def test_of_many_at_once_as_many_get_through_as_may():
    rate = Rate(500)
    with ThreadPoolExecutor(8) as pool:
        used = list(pool.map(rate.use, repeat("ayesha", 2000)))
    assert sum(not usage.is_exceeded for usage in used) == 500


def test_limit_is_shared_out():
    assert [share(*limits) for limits in ((600, 1, 1), (600, 4, 1), (3, 64, 1), (60, 64, 10))] == [600, 150, 1, 10]


LIMIT = 3


def of_prefix(subnet: int, home: int = 0) -> str:
    """A /64 in the /48 `2001:db8:1::`. Its last byte is `subnet`, and the byte before that selects the /56."""
    return key(f"2001:db8:1:{home:02x}{subnet:02x}::1")


@pytest.fixture(params=["rate", "counter"])
def use(request):
    """`use(address)` counts one more use if it is within the limit, and returns whether it is."""
    rate, counter = Rate(LIMIT), AddressCounter()

    def count(address: str) -> bool:
        if not counter.has_room(address, LIMIT):
            return False
        counter.add(address)
        return True

    return count if request.param == "counter" else lambda address: not rate.use_address(address).is_exceeded


@pytest.mark.parametrize(
    ("addresses", "uses", "another"),
    [
        (["192.0.2.1"] * 8, 1, "192.0.2.2"),
        ([f"2001:db8:1:1::{n:x}" for n in range(8)], 1, "2001:db8:1:2::"),
        ([f"2001:db8:1:{n:02x}::" for n in range(8)] * 2, 4, "2001:db8:1:100::"),
    ],
    ids=["IPv4", "customer with a /64", "customer with a /56"],
)
def test_network_of_a_customer_has_a_limited_number_of_uses(use, addresses, uses, another):
    used = [use(key(address)) for address in addresses]
    assert used == [True] * uses * LIMIT + [False] * (len(addresses) - uses * LIMIT)
    assert use(key(another))


def test_customer_with_a_48_is_sixteen_addresses(use):
    used = [use(of_prefix(n, home)) for n, home in product(range(LIMIT), range(17))]
    assert sum(used) == 16 * LIMIT
    assert not use(of_prefix(9, home=200))
    assert use(key("2001:db8:2::")), "another /48"


def test_flood_of_one_address_uses_up_nothing_of_its_neighbours(use):
    for _ in range(100 * LIMIT):
        use(of_prefix(0))
    assert [use(of_prefix(1)) for _ in range(LIMIT)] == [True] * LIMIT


def test_allowance_that_was_given_back_is_free_again():
    counter = AddressCounter()
    for n in range(LIMIT * 16):
        counter.add(of_prefix(n % 4, n))
    assert not counter.has_room(of_prefix(0, 99), LIMIT)
    counter.remove(of_prefix(0, 0))
    assert counter.has_room(of_prefix(0, 99), LIMIT)
    for n in range(1, LIMIT * 16):
        counter.remove(of_prefix(n % 4, n))
    assert not counter._counts


def test_use_that_is_taken_back_may_be_used_again():
    rate = Rate(1)
    assert not rate.use_address(of_prefix(0), "ayesha").is_exceeded
    assert rate.use_address(of_prefix(0), "ayesha").is_exceeded
    rate.take_back(of_prefix(0), "ayesha")
    assert not rate.use_address(of_prefix(0), "ayesha").is_exceeded
    rate.take_back(of_prefix(0), "babul")
    assert rate.use_address(of_prefix(0), "ayesha").is_exceeded


def test_tightest_of_the_levels_is_reported():
    rate = Rate(LIMIT)
    uses = [rate.use_address(of_prefix(n)) for n in range(4 * LIMIT)]
    assert [(use.limit, use.left) for use in uses[:2]] == [(LIMIT, LIMIT - 1)] * 2
    assert [(use.limit, use.left) for use in uses[-2:]] == [(4 * LIMIT, 1), (4 * LIMIT, 0)]
