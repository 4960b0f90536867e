"""Erasing a visitor: what it removes and keeps, as pages and documents list it."""

import json
import logging
import re
from itertools import count

import pytest
from support.application.site import Site, assert_error, nothing_counted
from support.assertions.ledger import assert_verified
from support.clients.listener import PlainListener
from support.clients.worker_connections import only, two_workers, worker_connections
from support.people.accounts import sign_up
from support.people.admins import panel
from support.people.communities import site_admin
from support.people.page_readers import words
from support.people.second_factor import first_step, turn_on
from support.programs.processes import ROOT, wait_until

from koyjabo.base.core.errors import UnknownVisitor
from koyjabo.base.database import executor
from koyjabo.base.models import SITE, Scope, Visit
from koyjabo.counting.records import NewVisit
from koyjabo.counting.services import CountingServices
from koyjabo.people.audit.log import Audit
from koyjabo.reports.services import PeopleServices
from koyjabo.upkeep.retention import erasure
from koyjabo.upkeep.retention.erasure import Erasure
from koyjabo.upkeep.retention.retention import Retention

HERE, GONE = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b", "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11"
ANDROID = "Mozilla/5.0 (Linux; Android 14; SM-A155F) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36"
FORGET = "/api/visitor/forget"
ELSEWHERE = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.7"}}


@pytest.fixture
def site_with_community(database):
    with Site(database.url, STARTING_TOTAL=4000) as site_with_community:
        site_with_community.add_community(HERE)
        yield site_with_community


def forget(site_with_community: Site, visitor: str, **request):
    return site_with_community.post(FORGET, json={"visitorId": visitor}, **request)


def contents(site_with_community: Site) -> str:
    """Everything in every table, as text."""
    tables = site_with_community.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")
    return json.dumps([site_with_community.rows(f"SELECT * FROM {table}") for (table,) in tables], default=str)


def test_erased_visitor_is_removed_from_a_waiting_two_step_login(site_with_community):
    site_with_community.register("ayesha")
    turn_on(sign_up(site_with_community, "karim"))
    first_step(site_with_community, "karim", visitorId="ayesha")
    site_with_community.forget("ayesha")
    assert site_with_community.rows("SELECT visitor_id FROM pending_steps") == [(None,)]


@pytest.mark.both_kinds
def test_visitor_who_comes_back_is_a_new_one(site_with_community):
    site_with_community.register("ayesha", visitId="1", communityId=HERE)
    site_with_community.forget("ayesha")
    again = site_with_community.register("ayesha", visitId="1", communityId=HERE)
    assert (again.ordinal, again.duplicate, again.stats["uniqueVisitors"]) == (4002, False, 2)
    site_with_community.forget("ayesha")
    assert site_with_community.rows("SELECT count(*) FROM visitors GROUP BY scope") == [(2,), (2,)]
    assert site_with_community.rows("SELECT * FROM forgotten_visitors") == []
    assert site_with_community.recount() == []


def test_no_table_contains_an_erased_visitor(sqlite_database):
    with Site(sqlite_database.url) as site_with_community:
        for community in (HERE, GONE):
            site_with_community.add_community(community)
            site_with_community.register("ayesha", communityId=community, visitId="the-visit", page="/map")
        site_with_community.services[PeopleServices].reports.convert("somebody", "ayesha")
        site_with_community.register("ayesha", communityId=HERE)
        event = {"visitor_id": "ayesha", "event_id": "the-visit", "scope": "site", "at_ms": 1, "day": "d", "hour_s": 1}
        site_with_community.rows(
            "INSERT INTO events (visitor_id, event_id, scope, at_ms, day, hour_s, name) "
            "VALUES (:visitor_id, :event_id, :scope, :at_ms, :day, :hour_s, 'search')",
            **event,
        )
        site_with_community.rows(
            "DELETE FROM counters WHERE scope = :gone", gone=GONE
        )  # as when the community is archived or deleted
        assert "ayesha" in contents(site_with_community)
        site_with_community.forget("ayesha")
        assert "ayesha" not in contents(site_with_community)
        assert "the-visit" not in contents(site_with_community)
        assert site_with_community.recount() == []


def test_erased_visits_keep_one_name_and_lose_identifying_values(site_with_community):
    sent = {"userAgent": ANDROID, "referrer": "https://m.facebook.com/groups/ayesha", "timestamp": 5, "page": "/map"}
    karim = sign_up(site_with_community, "karim")
    site_with_community.post(json={"visitorId": "ayesha", **sent}, headers={"Authorization": f"Bearer {karim.access}"})
    site_with_community.register("ayesha", communityId=HERE, **sent)
    site_with_community.register("babul", **sent)
    site_with_community.forget("ayesha")
    columns = "visitor_id, visit_id, referrer, user_agent, client_ms, user_id, page"
    first, second, other = site_with_community.rows(f"SELECT {columns} FROM visits ORDER BY id")
    assert first[0] == second[0]
    assert first[0].startswith("~")
    assert (first[1], second[1]) == ("~1", "~2")
    assert first[2:] == ("https://m.facebook.com", "Chrome on Android (phone)", None, "~", "/map")
    assert second[2:] == ("https://m.facebook.com", "Chrome on Android (phone)", None, None, "/map")
    assert other[2:5] == ("https://m.facebook.com/groups/ayesha", ANDROID, 5)


def test_response_and_logs_do_not_reveal_the_erased_visitor(site_with_community, caplog):
    caplog.set_level(logging.DEBUG)
    admin = site_admin(site_with_community)
    site_with_community.register("ayesha-the-visitor")
    with nothing_counted(site_with_community):
        unknown = forget(site_with_community, "nobody")
    known = forget(site_with_community, "ayesha-the-visitor")
    assert (unknown.status_code, unknown.data) == (known.status_code, known.data)
    assert [name for name, _ in unknown.headers] == [name for name, _ in known.headers]
    assert "ayesha-the-visitor" not in caplog.text
    site_with_community.register("karim")
    site_with_community.services[Erasure].forget("karim")
    by_operator, by_oneself = site_with_community.services[Audit].page(admin, action="visitor.forget").lines
    assert (by_oneself.actor_id, by_oneself.actor, by_oneself.place) == ("", "", "")
    assert by_operator.actor_id is None
    for line in (by_operator, by_oneself):
        assert (line.target_kind, line.target_id, line.target, line.details) == ("visitor", "", "", {})


def test_any_page_may_erase_within_limits_and_invalid_ids_are_refused(site_with_community):
    asked = site_with_community.client.options(FORGET, headers={"Origin": "https://app.example.com"})
    assert (asked.status_code, asked.headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    answer = forget(site_with_community, "ayesha", headers={"Origin": "https://app.example.com"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    for body in ({}, {"visitorId": ""}, {"visitorId": 7}, {"visitorId": "~a"}, {"visitorId": "a" * 129}):
        assert_error(site_with_community.post(FORGET, json=body), 400, "invalid_input", "visitorId")
    answers = [forget(site_with_community, "ayesha", **ELSEWHERE) for _ in range(31)]
    assert {answer.status_code for answer in answers[:30]} == {204}
    assert_error(answers[30], 429, "rate_limited")


def old_names(site_with_community: Site) -> list[tuple[int, str]]:
    """Id and scope of visits whose visitor still has a real id."""
    return site_with_community.rows("SELECT id, scope FROM visits WHERE visitor_id NOT LIKE '~%' ORDER BY id")


@pytest.fixture
def small_pieces(monkeypatch):
    for name in ("FIRST", "FEWEST", "MOST"):
        monkeypatch.setattr(executor, name, 3)


def many_visits(site_with_community: Site, count: int) -> None:
    for number in range(count):
        site_with_community.services[CountingServices].visits.register(
            NewVisit("program", None, Scope(HERE if number % 2 else SITE), at_ms=site_with_community.time.ms)
        )


@pytest.mark.both_kinds
def test_visitor_with_many_visits_is_erased_in_pieces(site_with_community, small_pieces, monkeypatch):
    many_visits(site_with_community, 20)
    before = site_with_community.stats()
    monkeypatch.setattr(erasure, "PATIENCE_S", 0)
    answer = forget(site_with_community, "program")
    assert_error(answer, 503, "not_yet_forgotten")
    assert answer.headers["Retry-After"] == "1"
    assert len(old_names(site_with_community)) == 17
    assert site_with_community.recount() == []
    asked = 0
    while forget(site_with_community, "program").status_code == 503:
        asked += 1
        assert asked < 10
    assert old_names(site_with_community) == []
    assert site_with_community.rows("SELECT count(*), count(DISTINCT visitor_id) FROM visits") == [(20, 1)]
    assert site_with_community.rows("SELECT * FROM forgotten_visitors") == []
    assert site_with_community.recount() == []
    assert site_with_community.stats()["totalVisits"] == before["totalVisits"]


def test_interrupted_erasure_continues_with_the_same_random_id(site_with_community, small_pieces):
    many_visits(site_with_community, 2)
    site_with_community.time.pass_(days=2)
    retention = site_with_community.services[Retention]
    assert retention.prune(retention.past(1)).visits == 2
    many_visits(site_with_community, 12)

    def interrupted(visits: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        site_with_community.services[Erasure].forget("program", interrupted)
    assert site_with_community.recount() == []
    assert 0 < site_with_community.services[Erasure].count("program") < 12
    site_with_community.services[Erasure].forget("program")
    assert old_names(site_with_community) == []
    assert site_with_community.rows("SELECT count(*), count(DISTINCT visitor_id) FROM visits") == [(12, 1)]
    assert site_with_community.rows("SELECT count(*) FROM visitors GROUP BY scope") == [(1,), (1,)]
    assert site_with_community.rows("SELECT * FROM forgotten_visitors") == []
    assert site_with_community.recount() == []
    with pytest.raises(UnknownVisitor):
        site_with_community.services[Erasure].forget("program")


@pytest.mark.both_kinds
def test_visits_during_an_erasure_are_erased(site_with_community, small_pieces):
    """These visits are in communities where the visitor is new."""
    many_visits(site_with_community, 8)
    coming = count(1)

    def register(visits: int) -> None:
        assert site_with_community.recount() == []
        community = f"{next(coming):08}{HERE[8:]}"
        site_with_community.add_community(community)
        site_with_community.services[CountingServices].visits.register(
            NewVisit("program", None, Scope(community), at_ms=site_with_community.time.ms)
        )

    site_with_community.services[Erasure].forget("program", register)
    ((last, scope),) = old_names(site_with_community)  # it arrived after all others were erased
    known = set(
        site_with_community.rows("SELECT scope, visitor_id, first_visit FROM visitors WHERE visitor_id NOT LIKE '~%'")
    )
    assert known == {(name, "program", last) for name in (SITE, scope)}
    assert site_with_community.recount() == []


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database, redis):
    return two_workers(module_servers(module_sqlite_database, REDIS_URL=redis.url))


def is_in_redis(redis, visitor: str) -> bool:
    """Whether a key or value about active visitors contains this visitor."""
    with redis.client() as client:
        return any(visitor in str(client.dump(key)) for key in client.scan_iter("koyjabo:active:*"))


def test_erased_visitor_is_active_on_no_worker(server, redis):
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


def test_operator_erases_a_visitor_and_todays_anonymous_visits(server, redis):
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
    for fields in ({}, {"anonymous": True}):
        assert server.post("/api/visitor/heartbeat", json={"visitorId": "nila", **fields}).status_code == 404
    assert_verified(server)


NOT_SAID: tuple[str, str] = ("", "")
SAID: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "visitor_id visit_id": (
        ("the random numbers of the browser and the visit", "ব্রাউজার ও ভিজিটের এলোমেলো নম্বর"),
        NOT_SAID,
    ),
    "user_id": (("the link to an account", "অ্যাকাউন্টের সঙ্গে সংযোগ"), NOT_SAID),
    "user_agent": (("the exact browser version", "ব্রাউজারের সঠিক সংস্করণ"), ("kind of browser", "ব্রাউজারের ধরন")),
    "client_ms": (("the device's clock", "ডিভাইসের ঘড়ি"), NOT_SAID),
    "referrer": (
        ("the exact page that led here", "যে পাতা থেকে আসা তার পুরো ঠিকানা"),
        ("the site that led here", "যে সাইট থেকে আসা"),
    ),
    "campaign": (
        ("the search term and ad of a campaign", "ক্যাম্পেইনের খোঁজার শব্দ ও বিজ্ঞাপন"),
        ("the campaign", "ক্যাম্পেইন"),
    ),
    "id ordinal day_number": (NOT_SAID, ("number", "নম্বর")),
    "at_ms day hour_s waited_ms": (NOT_SAID, ("time", "সময়")),
    "scope": (NOT_SAID, ("community", "কমিউনিটি")),
    "page": (NOT_SAID, ("page", "পাতা")),
    "place": (NOT_SAID, ("location", "স্থান")),
    "language": (NOT_SAID, ("language", "ভাষা")),
    "network own": (NOT_SAID, ("kind of network", "নেটওয়ার্কের ধরন")),
    "attended_ms acted": (NOT_SAID, ("how the page was used", "পাতাটি কীভাবে ব্যবহৃত হয়েছে")),
    "is_bot automated": (NOT_SAID, ("kind of browser", "ব্রাউজারের ধরন")),
}
"""Names of a visit's columns in the texts, in English and Bangla."""


REMOVED, KEPT = 0, 1
RENAMED = dict.fromkeys(("visitor_id", "visit_id", "user_id"), "reduced")
"""Columns that have a different, meaningless value afterwards."""


def test_pages_say_whether_erasing_removes_a_column(site):
    admin = panel(site)
    for n, language in enumerate(("en", "bn")):
        admin.headers["Accept-Language"] = language
        for address in ("/", "/admin/data"):
            assert in_the_page(admin.get(address)) == [texts_of(REMOVED, n), texts_of(KEPT, n)], (language, address)
    assert in_the_guide() == [texts_of(REMOVED, 0), texts_of(KEPT, 0)]
    fates = {column.name: column.info.get("forgotten", "lost") for column in Visit.__table__.columns}
    assert fates == {name: fate_of(row) for names, row in SAID.items() for name in names.split()} | RENAMED


def texts_of(fate: int, language: int) -> set[str]:
    return {row[fate][language] for row in SAID.values() if row[fate] != NOT_SAID}


def fate_of(row: tuple[tuple[str, str], tuple[str, str]]) -> str:
    removed, kept = (fate != NOT_SAID for fate in row)
    return "reduced" if removed and kept else "kept" if kept else "lost"


def in_the_page(page: str) -> list[set[str]]:
    return [items(text) for text in re.findall(r"<span data-(?:removed|kept)>(.+?)</span>", page)]


def in_the_guide() -> list[set[str]]:
    guide = (ROOT / "docs" / "personal-data.md").read_text()
    lists = r"^- \*\*(?:Removed|Kept)\*\*: (.+?)\.$"
    return [items(text) for text in re.findall(lists, guide, re.DOTALL | re.MULTILINE)]


def items(text: str) -> set[str]:
    return {re.sub(r"^(and|এবং) ", "", item) for item in words(text).split(", ")}
