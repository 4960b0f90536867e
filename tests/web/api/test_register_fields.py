"""POST /api/visitor/register, field by field: what is refused, and what is kept of what is not."""

from __future__ import annotations

import json

import pytest
from support.app_fixtures import Site, assert_error, nothing_counted
from support.databases import SqliteDatabase


class _Missing:
    """Stands for a field that is not sent; the same in every process that collects the tests."""

    def __repr__(self) -> str:
        return "missing"


ABSENT = _Missing()
HUGE = int("9" * 400)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(SqliteDatabase.migrated(tmp_path_factory.mktemp("site") / "koyjabo.db").url) as site:
        site.register("somebody")
        yield site


def send(site: Site, headers: dict[str, str] | None = None, **fields: object):
    body = {"visitorId": "ayesha", **fields}
    written = json.dumps({name: value for name, value in body.items() if value is not ABSENT})
    return site.post(data=written, content_type="application/json", headers=headers)


def kept(site: Site, column: str, headers: dict[str, str] | None = None, **fields: object) -> object:
    """What the ledger has in `column` of a visit with these fields."""
    answer = send(site, headers, **fields)
    assert answer.status_code == 200, answer.text
    return site.rows(f"SELECT {column} FROM visits ORDER BY id DESC LIMIT 1")[0][0]


BAD_FIELDS = [
    *[("visitorId", bad) for bad in (ABSENT, None, 5, True, [], {}, "", "a" * 129, "আয়েশা")],
    *[("visitorId", bad) for bad in ("a b", " a", "a\n", "a/b", "a\0")],
    *[("timestamp", bad) for bad in ("abc", "", "12.5", "0x10", "1_000", "१२", 12.5, True, False, [], {})],
    *[("timestamp", bad) for bad in (float("nan"), float("inf"), [1702757318000])],
    *[(text, bad) for text in ("userAgent", "referrer", "page") for bad in (5, 1.5, True, ["x"], {"x": 1})],
    *[("visitId", bad) for bad in ("", "a" * 129, "a b", "~made-up", "é", "a\n", 5, True, ["1"])],
    *[("communityId", bad) for bad in (5, True, ["x"], {})],
]


@pytest.mark.parametrize(("field", "bad"), BAD_FIELDS, ids=lambda value: repr(value)[:24])
def test_bad_field_is_refused_by_name(site, field, bad):
    with nothing_counted(site):
        assert_error(send(site, **{field: bad}), 400, "invalid_input", field)


def test_every_bad_field_is_named_at_once(site):
    with nothing_counted(site):
        answer = send(site, visitorId="", timestamp="soon", page=[], visitId="a b")
        assert_error(answer, 400, "invalid_input", "visitorId", "timestamp", "page", "visitId")


@pytest.mark.parametrize("good", ["a", "a" * 128, "visitor_1702757318000_a1b2c3d4e", "A-z_0.9:"])
def test_visitor_id_is_kept_as_it_came(site, good):
    assert kept(site, "visitor_id", visitorId=good) == good


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (1702757318000, 1702757318000),
        ("1702757318000", 1702757318000),
        (1702757318000.0, 1702757318000),
        (-5, -5),
        ("-5", -5),
        (0, 0),
        (2**63 - 1, 2**63 - 1),
        (None, None),
        (ABSENT, None),
        (2**63, None),  # an integer, and no database holds it
        (HUGE, None),
        (str(HUGE), None),
        (-HUGE, None),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_timestamp_is_kept_as_the_clients_word(site, sent, stored):
    assert kept(site, "client_ms", timestamp=sent) == stored


def test_days_go_by_the_servers_clock(site):
    assert kept(site, "at_ms", timestamp=5) == site.time.ms
    assert kept(site, "day", timestamp=5) == "2025-12-16"


@pytest.mark.parametrize("community", ["", "00000000-0000-4000-8000-000000000000", "site", "x" * 600, "a\0b", "\ud800"])
def test_unknown_community_is_not_found(site, community):
    with nothing_counted(site):
        assert_error(send(site, communityId=community), 404, "unknown_community")


@pytest.mark.both_kinds
def test_known_community_counts_for_itself_and_for_the_site(either_site):
    either_site.add_community("c1")
    assert send(either_site, communityId="c1").json["stats"]["totalVisits"] == 1
    assert send(either_site, communityId=None).json["stats"]["totalVisits"] == 2
    counted = "SELECT scope, visits, total, unique_visitors FROM counters ORDER BY scope"
    assert either_site.rows(counted) == [("c1", 1, 1, 1), ("site", 2, 2, 1)]
    assert either_site.recount() == []


@pytest.fixture
def either_site(database):
    with Site(database.url) as site:
        yield site


@pytest.mark.parametrize("key", ["", '""', "a b", "~x", "a" * 129, '"a" "b"'])
def test_bad_idempotency_key_is_refused(site, key):
    with nothing_counted(site):
        assert_error(send(site, {"Idempotency-Key": key}), 400, "invalid_input", "Idempotency-Key")


@pytest.mark.parametrize(("first", "again"), [("bare", "bare"), ('"quoted"', '"quoted"'), ("both", '"both"')])
def test_idempotency_key_names_the_visit(site, first, again):
    one = send(site, {"Idempotency-Key": first}).json["visit"]
    two = send(site, {"Idempotency-Key": again}).json["visit"]
    assert (one["duplicate"], two) == (False, {**one, "duplicate": True})


def test_visit_id_wins_over_idempotency_key(site):
    assert kept(site, "visit_id", {"Idempotency-Key": "of-header"}, visitId="of-body") == "of-body"
    assert kept(site, "visit_id", {"Idempotency-Key": "of-header"}) == "of-header"


def test_visit_id_is_the_visitors_own(site):
    one, two = (send(site, visitorId=visitor, visitId="+/=1").json["visit"] for visitor in ("babul", "chandni"))
    assert (one["duplicate"], two["duplicate"], two["ordinal"]) == (False, False, one["ordinal"] + 1)


def test_visits_without_a_name_are_all_counted(site):
    one, two = (send(site).json["visit"] for _ in range(2))
    assert (two["duplicate"], two["ordinal"]) == (False, one["ordinal"] + 1)


@pytest.mark.parametrize(
    ("header", "language"),
    [("bn-BD,bn;q=0.9,en;q=0.8", "bn"), ("EN", "en"), ("*", None), ("", None), ("x" * 5000, None)],
)
def test_the_first_language_of_the_header_is_kept_without_its_country(site, header, language):
    assert kept(site, "language", headers={"Accept-Language": header}) == language


def test_the_campaign_is_taken_from_the_page_before_its_query_is_cut(site):
    long = "/map?fbclid=" + "x" * 3000 + "&utm_source=newsletter&utm_term=" + "y" * 300 + "#top"
    assert kept(site, "page", page=long) == "/map"
    assert kept(site, "campaign", page=long) == "utm_source=newsletter&utm_term=" + "y" * 120
    assert kept(site, "campaign", page="/map?from=utm_source") is None
    assert kept(site, "page", page="/" + "z" * 600 + "?utm_source=a") == "/" + "z" * 511
