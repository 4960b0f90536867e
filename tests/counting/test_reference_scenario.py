"""4,000 becomes 4,001, over HTTP (specification: Original clients)."""

from __future__ import annotations

import pytest
from support.answers import Registered

pytestmark = pytest.mark.both_kinds

DOCUMENTED = {
    "visitorId": "visitor_1702757318000_a1b2c3d4e",
    "timestamp": 1702757318000,
    "userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)...",
    "referrer": "https://google.com",
}
REGISTER = "/api/visitor/register"
DOCUMENTED_KEYS = {"totalVisitors", "totalVisits", "todayVisits", "activeUsers", "uniqueVisitors", "locations"}


def test_4000_becomes_4001_everywhere_and_survives_a_restart(database, new_server):
    server = new_server(database, STARTING_TOTAL=4000).start()
    assert server.stats().total == 4000
    answer = server.post(REGISTER, json=DOCUMENTED, headers={"Idempotency-Key": "1"})
    assert answer.status_code == 200
    assert answer.json()["success"] is True
    stats = Registered.of(answer.json()).stats
    assert stats.raw.keys() >= DOCUMENTED_KEYS
    assert (stats.total, stats.today, stats.active, stats.unique) == (4001, 1, 1, 1)
    assert stats.locations == {"Unknown": {"count": 1}}
    assert server.stats() == stats
    assert server.stop().status == 0
    again = server.start().stats()
    assert (again.total, again.today, again.unique, again.epoch) == (4001, 1, 1, stats.epoch)
    retried = server.register(DOCUMENTED["visitorId"], visit="1")
    assert (retried.ordinal, retried.duplicate, retried.stats.total) == (4001, True, 4001)


def test_documented_body_posted_twice_counts_twice(shared_server):
    first, second = (Registered.of(shared_server.post(REGISTER, json=DOCUMENTED).json()) for _ in range(2))
    assert (first.duplicate, second.duplicate) == (False, False)
    assert second.ordinal == second.stats.total == first.ordinal + 1
    assert second.stats.unique == first.stats.unique


def test_documented_body_with_a_visit_id_posted_twice_counts_once(shared_server):
    body = {**DOCUMENTED, "visitId": "9f2c"}
    first, again = (Registered.of(shared_server.post(REGISTER, json=body).json()) for _ in range(2))
    assert (again.ordinal, again.duplicate) == (first.ordinal, True)
    assert shared_server.stats().total == first.ordinal


def test_idempotency_key_names_the_visit_too(shared_server):
    answers = [shared_server.post(REGISTER, json=DOCUMENTED, headers={"Idempotency-Key": '"k1"'}) for _ in range(2)]
    first, again = (Registered.of(answer.json()) for answer in answers)
    assert (again.ordinal, again.duplicate) == (first.ordinal, True)
    assert shared_server.register(DOCUMENTED["visitorId"], visit="k1").ordinal == first.ordinal


def test_same_visit_id_of_another_visitor_is_another_visit(shared_server):
    first = shared_server.register("ayesha", visit="1")
    other = shared_server.register("karim", visit="1")
    assert (other.ordinal, other.duplicate) == (first.ordinal + 1, False)
