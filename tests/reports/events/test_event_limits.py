"""Limits on what events may store: bytes per address, and a disk that is almost full."""

from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from support.application.site import Site, assert_error

from koyjabo.base.network import rate_limiter
from koyjabo.reports.events.records import MAX_EVENTS, USE_BYTES
from koyjabo.web.limits.limits import MAX_USES
from koyjabo.web.schemas.bodies import LARGEST_BODY

numbers = count()


def send(site: Site, name: str, *props: dict[str, Any], visitor: str = "ayesha", **fields: Any):
    events = [{"id": str(next(numbers)), "name": name, "props": prop, **fields} for prop in props]
    return site.post("/api/events", json={"visitorId": visitor, "events": events})


PHONE = {"REMOTE_ADDR": "203.0.113.7"}
MINUTE_S, DAY_S = 60, 86_400
LETTERS = [chr(0x0985 + number) for number in range(50)]
"""Letters of 3 bytes each. Random texts made of them do not compress well."""


@pytest.fixture
def now(monkeypatch):
    """The rate limiter's clock in seconds, set by the tests. It starts at the beginning of a day."""
    moment = [float(20_000 * DAY_S)]
    clock = SimpleNamespace(time=lambda: moment[0], monotonic=lambda: moment[0])
    monkeypatch.setattr(rate_limiter, "time", clock)
    return moment


def test_long_texts_are_several_events_of_the_limits_a_minute(sqlite_database):
    """60 uses a minute: at 360 bytes an event, a visitor may send 49."""
    with Site(sqlite_database.url, RATE_LIMIT_VISITOR=6) as site:
        answers = [send(site, "search", *[{"to": "\u0995" * 120}] * 7).status_code for _ in range(7)]
        assert answers == [200] * 6 + [429]


def test_the_largest_request_is_within_the_uses_that_every_limit_allows():
    assert max(MAX_EVENTS, -(-LARGEST_BODY // USE_BYTES)) <= MAX_USES


def size(site: Site, kind: str) -> int:
    """The size of the SQLite database, or of PostgreSQL's events table, in bytes."""
    if kind == "sqlite":
        return site.rows("PRAGMA page_count")[0][0] * site.rows("PRAGMA page_size")[0][0]
    return site.rows("SELECT pg_total_relation_size('events')")[0][0]


@pytest.mark.both_kinds
def test_an_address_may_fill_a_part_of_the_disk_in_a_day(database, database_kind, now):
    """The limit here is 1 MB, including indexes. Retries are free, and the limit starts again the next day."""
    with Site(database.url, RATE_LIMIT_REGISTRATIONS=2, RATE_LIMIT_VISITOR=0) as site:
        site.client.environ_base |= PHONE
        before, chosen = size(site, database_kind), Random(1)
        for _ in range(300):
            now[0] += MINUTE_S
            props = {f"p{number}": "".join(chosen.choices(LETTERS, k=112)) for number in range(10)}
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
    """Texts that are already stored take no more space."""
    with Site(sqlite_database.url, RATE_LIMIT_REGISTRATIONS=2, RATE_LIMIT_VISITOR=0) as site:
        site.client.environ_base |= PHONE
        known = {"page": "/known", "referrer": "https://a.example/", "userAgent": "A"}
        site.register("ayesha", **known)
        for number in range(150):
            now[0] += MINUTE_S
            site.register("ayesha", page=f"/{number}" + "\u0995" * 400, userAgent=f"{number}" + "x" * 500)
        site.register("ayesha", **known)
        site.store_blocks()
        counts = "SELECT count(*), count(page), count(user_agent), count(*) FILTER (WHERE page = '/known') FROM visits"
        ((visits, pages, agents, same),) = site.rows(counts)
        assert (visits, same) == (152, 2)
        assert 80 < pages == agents < 120
        now[0] += DAY_S
        site.register("ayesha", page="/new")
        assert site.rows("SELECT count(*) FROM visits WHERE page = '/new'") == [(1,)]
