"""How much events may store: limits of a day's sums, of bytes by address, and of a disk that is almost full."""

from __future__ import annotations

from collections import Counter
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from support.application.site import Site, assert_error

from koyjabo.network import rate_limiter
from koyjabo.reports.engine import event_sum_queries
from koyjabo.reports.events import sum_limits
from koyjabo.reports.events.records import MOST_EVENTS, USE_BYTES
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.services import ReportServices
from koyjabo.retention.retention import Retention
from koyjabo.webkit.limits.limits import MOST_USES
from koyjabo.webkit.schemas.bodies import LARGEST_BODY

DAY = "2025-12-16"
numbers = count()


@pytest.fixture
def site(database, monkeypatch):
    """Two names of events, three properties and two values of each fit into the sums of a day."""
    for name, most in (("MOST_NAMES", 2), ("MOST_PROPERTIES", 3), ("MOST_VALUES", 2)):
        monkeypatch.setattr(sum_limits, name, most)
    with Site(database.url, RETENTION_DAYS=1) as site:
        yield site


def send(site: Site, name: str, *props: dict[str, Any], visitor: str = "ayesha", **fields: Any):
    events = [{"id": str(next(numbers)), "name": name, "props": each, **fields} for each in props]
    return site.post("/api/events", json={"visitorId": visitor, "events": events})


def sums(site: Site) -> Counter[tuple[str, str]]:
    wanted = "SELECT dimension, value, count FROM event_sums WHERE scope = 'site' AND dimension LIKE 'event%'"
    return Counter({(dimension, value): count for dimension, value, count in site.rows(wanted)})


def ask(site: Site, by: str) -> tuple[dict[str | None, tuple[int, bool]], int]:
    found = site.services[ReportServices].reports.breakdown(Question(DAY, DAY), by, limit=100)
    return {row.value: (row.sums.count, row.at_least) for row in found.rows}, found.other.count


@pytest.mark.both_kinds
def test_beyond_the_limits_of_a_day_sums_have_other(site, database):
    """With two workers and after a restart, too. Reports read the rows as long as these are kept."""
    with Site(database.url, RETENTION_DAYS=1) as other:
        send(site, "search", {"to": "a"}, {"to": "b"})
        send(other, "search", {"to": "b"}, {"to": "c"}, {"to": "c"}, {"n": 1})
        send(site, "signup", {"plan": "x"}, {"why": "y"})
    site.restart()
    send(site, "bang", {"to": "d"}, {})
    send(site, "search", {"to": "b", "n": 1}, {"to": "d"}, {"far": 1}, {})
    stored = sums(site)
    assert {value: stored["event", value] for value in ("search", "signup", "~other")} == {
        "search": 10, "signup": 2, "~other": 2,
    }  # fmt: skip
    assert {key[1]: n for key, n in stored.items() if key[0] == "event:search:to"} == {"a": 1, "b": 3, "~other": 3}
    assert stored["event:search:n", "1"] == 2
    assert stored["event:~other", "~other"] == 3  # why of signup, to of bang, far of search
    assert ask(site, "event") == ({"search": (10, False), "signup": (2, False), "bang": (2, False)}, 0)
    exact = {"a": (1, False), "b": (3, False), "c": (2, False), "d": (1, False), None: (3, False)}
    assert ask(site, "event:search:to") == (exact, 0)
    assert ask(site, "event:bang:to") == ({"d": (1, False), None: (1, False)}, 0)
    site.time.pass_(days=2)
    retention = site.services[Retention]
    retention.prune(retention.past())
    assert ask(site, "event") == ({"search": (10, False), "signup": (2, False)}, 2)
    assert ask(site, "event:search:to") == ({"a": (1, False), "b": (3, False), None: (3, True)}, 3)
    assert site.rows("SELECT count(*) FROM event_sums WHERE dimension = 'property'") == [(0,)]


def test_reports_read_the_events_of_days_whose_sums_lack_values_alone(site, monkeypatch):
    """Not those of folded days, which have no rows, nor those of the days between."""
    read, real = set(), event_sum_queries.event_ids

    def spied(session, asked, clock):
        read.add((asked.first, asked.last))
        return real(session, asked, clock)

    monkeypatch.setattr(event_sum_queries, "event_ids", spied)
    days = []
    for names in (("search", "signup", "bang"), ("search",), ("search", "signup", "bang")):
        for name in names:
            send(site, name, {})
        days.append(site.services.clock.today())
        site.time.pass_(days=1)

    def counts() -> dict[str | None, int | None]:
        read.clear()
        found = site.services[ReportServices].reports.breakdown(Question(days[0], days[-1]), "event")
        return {row.value: row.sums.count for row in found.rows}

    assert counts() == {"search": 3, "signup": 2, "bang": 2}
    assert read == {(days[0], days[0]), (days[2], days[2])}
    retention = site.services[Retention]
    retention.prune(retention.past())
    assert counts() == {"search": 3, "signup": 2, "bang": 1}
    assert read == {(days[2], days[2])}


def test_a_value_whose_sum_was_erased_is_not_remembered(site):
    """Other workers have put it into other since, where it has to stay."""
    send(site, "search", {"to": "a"}, visitor="babul")
    send(site, "search", {"to": "b"}, {"to": "c"})
    assert site.post("/api/visitor/forget", json={"visitorId": "babul"}).status_code == 204
    send(site, "search", {"to": "a"})
    assert {key[1]: n for key, n in sums(site).items() if key[0] == "event:search:to"} == {"b": 1, "~other": 2}


def test_a_value_in_other_is_erased_from_it(site):
    """So that a folded day says of the event what its row said: it has no value."""
    send(site, "search", {"to": "a"}, {"to": "b"}, {"to": "c"})
    send(site, "search", {"to": "c"}, {"to": "d"}, visitor="babul")
    assert site.post("/api/visitor/forget", json={"visitorId": "babul"}).status_code == 204
    assert ask(site, "event:search:to") == ({"a": (1, False), "b": (1, False), "c": (1, False), None: (2, False)}, 0)
    site.time.pass_(days=2)
    retention = site.services[Retention]
    retention.prune(retention.past())
    assert ask(site, "event:search:to") == ({"a": (1, False), "b": (1, False), None: (2, True)}, 1)


PHONE = {"REMOTE_ADDR": "203.0.113.7"}
MINUTE_S, DAY_S = 60, 86_400
BANGLA = {"to": "\u0995" * 120}


@pytest.fixture
def now(monkeypatch):
    """A clock of limits that tests set, s. Its day has begun."""
    moment = [float(20_000 * DAY_S)]
    clock = SimpleNamespace(time=lambda: moment[0], monotonic=lambda: moment[0])
    monkeypatch.setattr(rate_limiter, "time", clock)
    return moment


def test_long_texts_are_several_events_of_the_limits_a_minute(sqlite_database):
    """60 uses: of a visitor who sends 360 bytes an event, 49 are accepted."""
    with Site(sqlite_database.url, RATE_LIMIT_VISITOR=6) as site:
        answers = [send(site, "search", *[BANGLA] * 7).status_code for _ in range(7)]
        assert answers == [200] * 6 + [429]


def test_the_largest_request_is_within_the_uses_that_every_limit_allows():
    assert max(MOST_EVENTS, -(-LARGEST_BODY // USE_BYTES)) <= MOST_USES


def size(site: Site, kind: str) -> int:
    """Bytes."""
    if kind == "sqlite":
        return site.rows("PRAGMA page_count")[0][0] * site.rows("PRAGMA page_size")[0][0]
    return site.rows("SELECT pg_total_relation_size('events') + pg_total_relation_size('event_sums')")[0][0]


@pytest.mark.both_kinds
def test_an_address_may_fill_a_part_of_the_disk_in_a_day(database, database_kind, now):
    """1 MB here, with its sums and indexes; retries are not charged, and the next day is another one."""
    with Site(database.url, RATE_LIMIT_HEARTBEATS=10, RATE_LIMIT_VISITOR=0) as site:
        site.client.environ_base |= PHONE
        before = size(site, database_kind)
        for _ in range(100):
            now[0] += MINUTE_S
            props = {f"p{number}": f"{next(numbers)}" + "\u0995" * 110 for number in range(10)}
            body = {"visitorId": "ayesha", "events": [{"id": str(next(numbers)), "name": "search", "props": props}] * 2}
            answer = site.post("/api/events", json=body)
            if answer.status_code != 200:
                break
        assert_error(answer, 429, "rate_limited")
        assert MINUTE_S < int(answer.headers["Retry-After"]) <= DAY_S
        assert 400_000 < size(site, database_kind) - before < 1_050_000
        small = {"visitorId": "ayesha", "events": [{"id": "small", "name": "search"}]}
        for time in range(50):
            now[0] += MINUTE_S
            assert site.post("/api/events", json=small).json["accepted"] == int(time == 0)
        now[0] += DAY_S
        assert site.post("/api/events", json=body).json == {"accepted": 1, "duplicates": 1}


def test_visits_are_counted_without_texts_beyond_what_their_address_may_store(sqlite_database, now):
    """Texts that are known take nothing more."""
    with Site(sqlite_database.url, RATE_LIMIT_HEARTBEATS=10, RATE_LIMIT_VISITOR=0) as site:
        site.client.environ_base |= PHONE
        known = {"page": "/known", "referrer": "https://a.example/", "userAgent": "A"}
        site.register("ayesha", **known)
        for number in range(150):
            site.register("ayesha", page=f"/{number}" + "\u0995" * 400, userAgent=f"{number}" + "x" * 500)
        site.register("ayesha", **known)
        site.services[ReportServices].projection.catch_up()
        wanted = "SELECT count(*), count(page), count(user_agent), count(*) FILTER (WHERE page = '/known') FROM visits"
        ((visits, pages, agents, same),) = site.rows(wanted)
        assert (visits, same) == (152, 2)
        assert 50 < pages == agents < 70
        now[0] += DAY_S
        site.register("ayesha", page="/new")
        assert site.rows("SELECT count(*) FROM visits WHERE page = '/new'") == [(1,)]
