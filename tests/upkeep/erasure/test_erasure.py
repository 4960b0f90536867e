"""Erasing visitors: over HTTP, on the command line, in pieces, and in all places."""

import json
import logging
from contextlib import nullcontext
from itertools import count

import pytest
from click.testing import CliRunner
from support.application.site import Site, assert_error, nothing_counted
from support.clients.listener import PlainListener
from support.clients.worker_connections import only, two_workers, worker_connections
from support.people.accounts import sign_up
from support.people.communities import site_admin
from support.people.two_step import first_step, turn_on
from support.programs.processes import wait_until
from support.sites.full_site import use_small_pieces

from koyjabo.base.core.errors import UnknownVisitor
from koyjabo.base.core.extensions import db
from koyjabo.base.models import SITE, Scope
from koyjabo.base.network.user_agents import parsed, written
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits
from koyjabo.people.audit.audit import Audit
from koyjabo.reports.community_people import Reports
from koyjabo.upkeep.erasure import cli, erasure
from koyjabo.upkeep.erasure.erasure import Erasure

HERE, GONE = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b", "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11"
ANDROID = "Mozilla/5.0 (Linux; Android 14; SM-A155F) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36"
FORGET = "/api/visitor/forget"
ELSEWHERE = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.7"}}


@pytest.fixture
def site(database):
    with Site(database.url, STARTING_TOTAL=4000) as site:
        site.add_community(HERE)
        yield site


def forget(site: Site, visitor: str, **request):
    return site.post(FORGET, json={"visitorId": visitor}, **request)


def contents(site: Site) -> str:
    return json.dumps([site.rows(f"SELECT * FROM {table}") for table in db.metadata.tables], default=str)


def test_an_erased_visitor_who_returns_is_a_new_visitor(site):
    site.register("ayesha", visitId="1", communityId=HERE)
    site.forget("ayesha")
    again = site.register("ayesha", visitId="1", communityId=HERE)
    assert (again.ordinal, again.duplicate, again.stats["uniqueVisitors"]) == (4002, False, 2)
    site.forget("ayesha")
    assert site.rows("SELECT count(*) FROM visitors GROUP BY scope") == [(2,), (2,)]
    assert site.rows("SELECT * FROM forgotten_visitors") == []
    assert site.recount() == []


def test_no_table_contains_an_erased_visitor(sqlite_database):
    with Site(sqlite_database.url) as site:
        for community in (HERE, GONE):
            site.add_community(community)
            site.register("ayesha", communityId=community, visitId="the-visit", page="/map")
        site.services[Reports].convert("somebody", "ayesha")
        turn_on(sign_up(site, "karim"))
        first_step(site, "karim", visitorId="ayesha")
        site.register("ayesha", communityId=HERE)
        event = {"visitor_id": "ayesha", "event_id": "the-visit", "scope": "site", "at_ms": 1, "day": "d", "hour_s": 1}
        site.rows(
            "INSERT INTO events (visitor_id, event_id, scope, at_ms, day, hour_s, name) "
            "VALUES (:visitor_id, :event_id, :scope, :at_ms, :day, :hour_s, 'search')",
            **event,
        )
        site.rows("DELETE FROM counters WHERE scope = :gone", gone=GONE)  # as when the community is archived or deleted
        assert "ayesha" in contents(site)
        site.forget("ayesha")
        assert "ayesha" not in contents(site)
        assert "the-visit" not in contents(site)
        assert site.recount() == []


def test_the_visits_of_an_erased_visitor_share_one_random_id_and_lose_identifying_values(site):
    sent = {"userAgent": ANDROID, "referrer": "https://m.facebook.com/groups/ayesha", "timestamp": 5, "page": "/map"}
    karim = sign_up(site, "karim")
    site.post(json={"visitorId": "ayesha", **sent}, headers={"Authorization": f"Bearer {karim.access}"})
    site.register("ayesha", communityId=HERE, **sent)
    site.register("babul", **sent)
    site.forget("ayesha")
    columns = "visitor_id, visit_id, referrer, user_agent, client_ms, user_id, page"
    first, second, other = site.rows(f"SELECT {columns} FROM visits ORDER BY id")
    assert first[0] == second[0]
    assert first[0].startswith("~")
    assert (first[1], second[1]) == ("~1", "~2")
    assert first[2:] == ("https://m.facebook.com", written(parsed(ANDROID)), None, "~", "/map")
    assert second[2:] == (*first[2:5], None, "/map")
    assert other[2:5] == ("https://m.facebook.com/groups/ayesha", ANDROID, 5)


def test_the_forget_command_erases_a_visitor_and_todays_anonymous_visits(site):
    def run():
        return CliRunner().invoke(cli.forget, ["nila"], obj=lambda creates: nullcontext(site.services))

    site.register("nila")
    site.register("nila", anonymous=True)
    karim = site.register("karim").stats
    erased = run()
    assert (erased.exit_code, "nila" in contents(site)) == (0, False), erased.output
    visitors = [visitor for (visitor,) in site.rows("SELECT visitor_id FROM visits ORDER BY id")]
    assert [visitor[0] for visitor in visitors] == ["~", "~", "k"]
    assert isinstance(run().exception, UnknownVisitor)
    names = ("totalVisits", "todayVisits", "uniqueVisitors")
    assert [site.stats()[name] for name in names] == [karim[name] for name in names]
    assert site.recount() == []


def test_the_response_and_the_logs_do_not_reveal_an_erased_visitor(site, caplog):
    caplog.set_level(logging.DEBUG)
    admin = site_admin(site)
    site.register("ayesha-the-visitor")
    with nothing_counted(site):
        unknown = forget(site, "nobody")
    known = forget(site, "ayesha-the-visitor")
    assert (unknown.status_code, unknown.data) == (known.status_code, known.data)
    assert [name for name, _ in unknown.headers] == [name for name, _ in known.headers]
    assert "ayesha-the-visitor" not in caplog.text
    site.register("karim")
    site.services[Erasure].forget("karim")
    lines = site.services[Audit].page(admin).lines
    by_operator, by_oneself = (line for line in lines if line.action == "visitor.forget")
    assert (by_oneself.actor_id, by_oneself.actor, by_oneself.place) == ("", "", "")
    assert by_operator.actor_id is None
    for line in (by_operator, by_oneself):
        assert (line.target_kind, line.target_id, line.target, line.details) == ("visitor", "", "", {})


def test_any_page_can_erase_a_visitor_within_limits_and_an_invalid_id_is_refused(site):
    asked = site.client.options(FORGET, headers={"Origin": "https://app.example.com"})
    assert (asked.status_code, asked.headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    answer = forget(site, "ayesha", headers={"Origin": "https://app.example.com"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    for body in ({}, {"visitorId": ""}, {"visitorId": 7}, {"visitorId": "~a"}, {"visitorId": "a" * 129}):
        assert_error(site.post(FORGET, json=body), 400, "invalid_input", "visitorId")
    answers = [forget(site, "ayesha", **ELSEWHERE) for _ in range(31)]
    assert {answer.status_code for answer in answers[:30]} == {204}
    assert_error(answers[30], 429, "rate_limited")


def old_names(site: Site) -> list[tuple[int, str]]:
    """Id and scope of visits whose visitor still has a real id."""
    return site.rows("SELECT id, scope FROM visits WHERE visitor_id NOT LIKE '~%' ORDER BY id")


@pytest.fixture
def small_pieces(monkeypatch):
    use_small_pieces(monkeypatch, 3)


def many_visits(site: Site, count: int) -> None:
    for number in range(count):
        site.services[Visits].register(
            NewVisit("program", None, Scope(HERE if number % 2 else SITE), at_ms=site.time.ms)
        )


@pytest.mark.both_kinds
def test_a_visitor_with_many_visits_is_erased_in_pieces(site, small_pieces, monkeypatch):
    many_visits(site, 20)
    before = site.stats()
    monkeypatch.setattr(erasure, "PATIENCE_S", 0)
    answer = forget(site, "program")
    assert_error(answer, 503, "not_yet_forgotten")
    assert answer.headers["Retry-After"] == "1"
    assert len(old_names(site)) == 17
    assert site.recount() == []
    asked = 0
    while forget(site, "program").status_code == 503:
        asked += 1
        assert asked < 10
    assert old_names(site) == []
    assert site.rows("SELECT count(*), count(DISTINCT visitor_id) FROM visits") == [(20, 1)]
    assert site.rows("SELECT * FROM forgotten_visitors") == []
    assert site.recount() == []
    assert site.stats()["totalVisits"] == before["totalVisits"]


@pytest.mark.both_kinds
def test_every_visit_that_comes_during_an_erasure_is_erased(site, small_pieces):
    """These visits are in communities where the visitor is new."""
    many_visits(site, 8)
    coming = count(1)

    def register(visits: int) -> None:
        assert site.recount() == []
        community = f"{next(coming):08}{HERE[8:]}"
        site.add_community(community)
        site.services[Visits].register(NewVisit("program", None, Scope(community), at_ms=site.time.ms))

    site.services[Erasure].forget("program", register)
    ((last, scope),) = old_names(site)  # it arrived after all others were erased
    known = set(site.rows("SELECT scope, visitor_id, first_visit FROM visitors WHERE visitor_id NOT LIKE '~%'"))
    assert known == {(name, "program", last) for name in (SITE, scope)}
    assert site.recount() == []


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database, redis):
    return two_workers(module_servers(module_sqlite_database, REDIS_URL=redis.url))


def is_in_redis(redis, visitor: str) -> bool:
    """Whether a key or value about active visitors contains this visitor."""
    with redis.client() as client:
        return any(visitor in str(client.dump(key)) for key in client.scan_iter("koyjabo:active:*"))


def test_an_erased_visitor_is_active_on_no_worker(server, redis):
    """The visitor's pages stay open on both workers, which renew the leases of open pages."""
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
    with worker_connections(server) as each_worker:
        wait_until(
            lambda: all(connection.stats().active == 1 for connection in each_worker), "all know that one is active"
        )
        wait_until(lambda: not is_in_redis(redis, "ayesha"), "Redis knows of it no more")
        for connection in each_worker:
            status, body = connection.ask("POST", "/api/visitor/heartbeat", {"visitorId": "ayesha"})
            assert (status, body["code"]) == (404, "unknown_visitor")
        for page in pages:
            page.wait_for(lambda shown: shown.active == 1, "the page shows it")
            page.close()
        assert {connection.stats().active for connection in each_worker} == {1}
    assert not is_in_redis(redis, "ayesha")
    assert server.stats().unique == before + 2
