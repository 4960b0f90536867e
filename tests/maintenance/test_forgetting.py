"""Visitors who are forgotten: on every worker, whatever is open; and at the command line."""

from __future__ import annotations

import pytest
from support.checks import assert_verified
from support.listener import PlainListener
from support.processes import wait_until
from support.workers import desks, only, two_workers


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database, redis):
    return two_workers(module_servers(module_sqlite_database, REDIS_URL=redis.url))


def is_in_redis(redis, visitor: str) -> bool:
    """Whether any key or value of who is active has this name."""
    with redis.client() as client:
        return any(visitor in str(client.dump(key)) for key in client.scan_iter("koyjabo:active:*"))


def test_one_who_is_forgotten_is_active_on_no_worker(server, redis):
    """Though pages of theirs stay open on both, and each worker renews the leases of those whose page is open."""
    before = server.stats().unique
    server.register("ayesha")
    server.register("karim")
    pages = []
    for worker in server.workers():
        with only(server, worker):
            pages.append(PlainListener(server.port, "ayesha"))
            pages[-1].first()
    wait_until(lambda: is_in_redis(redis, "ayesha"), "Redis knows of it")
    assert server.post("/api/visitor/forget", json={"visitorId": "ayesha"}).status_code == 204
    with desks(server) as each_worker:
        wait_until(lambda: all(desk.stats().active == 1 for desk in each_worker), "all know that one is active")
        wait_until(lambda: not is_in_redis(redis, "ayesha"), "Redis knows of it no more")
        for desk in each_worker:
            status, said = desk.ask("POST", "/api/visitor/heartbeat", {"visitorId": "ayesha"})
            assert (status, said["code"]) == (404, "unknown_visitor")
        for page in pages:
            page.wait_for(lambda shown: shown.active == 1, "the page shows it")
            page.close()
        assert {desk.stats().active for desk in each_worker} == {1}
    assert not is_in_redis(redis, "ayesha")
    assert server.stats().unique == before + 2


def test_operator_forgets_somebody_and_the_anonymous_visits_of_the_day_as_well(server, redis):
    server.register("nila")
    server.register("nila", anonymous=True)
    before = server.stats()
    with PlainListener(server.port, "nila") as page:
        page.wait_for(lambda shown: shown.active == before.active, "the other worker knows of both")
        forgotten = server.koyjabo("forget", "nila")
        assert "visits: 2" in forgotten.stdout, forgotten.stderr
        page.wait_for(lambda shown: shown.active == before.active - 2, "it is known on the other worker")
    assert not is_in_redis(redis, "nila")
    unknown = server.koyjabo("forget", "nila")
    assert unknown.returncode == 1
    assert "visitorId" in unknown.stderr
    after = server.stats()
    assert (after.total, after.unique, after.today) == (before.total, before.unique, before.today)
    for said in ({}, {"anonymous": True}):
        assert server.post("/api/visitor/heartbeat", json={"visitorId": "nila", **said}).status_code == 404
    assert_verified(server)
