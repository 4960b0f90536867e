"""Anonymous visits count like any other, and stored data cannot link one day to another."""

import re

import pytest
from support.application.site import Site, Time, everything, site_fixture
from support.people.accounts import sign_up
from support.people.communities import found
from support.sites.full_site import in_context, quiet

from koyjabo.base.network.location_finder import LocationFinder
from koyjabo.counting import anonymity as anonymity_module
from koyjabo.counting.anonymity import Anonymity
from koyjabo.upkeep.backups import backup, restore

GPC, DNT = {"Sec-GPC": "1"}, {"DNT": "1"}
PHONE = (
    "Mozilla/5.0 (Linux; Android 14; SM-A055F) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile "
    "Safari/537.36"
)
NOON, LATE = "2025-12-16T12:00:00+06:00", "2025-12-16T23:58:00+06:00"
EARLY, ONE = "2025-12-17T00:30:00+06:00", "2025-12-17T01:00:00+06:00"
HASHED = re.compile(r"anonymous_[0-9a-f]{32}")


site = site_fixture(NOON, RATE_LIMIT_LOGINS="0")


@pytest.fixture
def time(site) -> Time:
    return site.time


def call(site: Site, what: str = "register", headers=None, visitor: str = "ayesha", **fields):
    return site.post(f"/api/visitor/{what}", json={"visitorId": visitor, **fields}, headers=headers)


def register(site: Site, headers=GPC, **fields) -> tuple[int, bool]:
    answer = call(site, headers=headers, **fields)
    assert answer.status_code == 200, answer.text
    return answer.json["visit"]["ordinal"], answer.json["visit"]["duplicate"]


def newest(site: Site) -> dict:
    return everything(site)["visits"][-1]


def visitor_ids(site: Site) -> list[str]:
    return [row["visitor_id"] for row in everything(site)["visits"]]


@pytest.mark.parametrize(("headers", "fields"), [(GPC, {}), (DNT, {}), ({}, {"anonymous": True})])
def test_an_anonymous_visit_keeps_no_value_that_leads_to_a_person(site, headers, fields, monkeypatch):
    places = site.services[LocationFinder]
    monkeypatch.setattr(places, "locate", lambda _, has_city=True: "Dhaka, BD" if has_city else "Bangladesh")
    sent = {**headers, "Authorization": f"Bearer {sign_up(site, 'karim').access}", "Accept-Language": "bn-BD,bn;q=0.9"}
    body = {"visitId": "ayesha-1", "timestamp": 5, "userAgent": PHONE, "referrer": "https://News.example:8443/a/b?c"}
    assert register(site, sent, **body, **fields, page="/history?x&utm_source=fb") == (1, False)
    row = newest(site)
    assert HASHED.fullmatch(row["visitor_id"])
    assert re.fullmatch("[0-9a-f]{32}", row["visit_id"])
    kept = ("place", "referrer", "user_agent", "page", "user_id", "client_ms", "language", "campaign")
    expected = ("Bangladesh", "news.example", "Chrome on Android", "/history", None, None, "bn", "utm_source=fb")
    assert tuple(row[name] for name in kept) == expected
    assert "ayesha" not in str(everything(site))
    assert list(site.stats()["locations"]) == ["Bangladesh"]


def test_a_visit_without_a_privacy_signal_is_stored_as_sent(site):
    for headers in ({}, {"Sec-GPC": "0"}, {"DNT": "0"}, {"Sec-GPC": "yes"}):
        register(site, headers, userAgent=PHONE, referrer="https://news.example/a", timestamp=5, anonymous=None)
        kept = {name: newest(site)[name] for name in ("visitor_id", "user_agent", "client_ms", "referrer")}
        expected = {"visitor_id": "ayesha", "user_agent": PHONE, "client_ms": 5, "referrer": "https://news.example/a"}
        assert kept == expected, headers
    assert everything(site)["day_secrets"] == []


def test_the_setting_ignores_privacy_headers_but_not_the_field_of_the_page(database):
    with Site(database.url, HONOUR_PRIVACY_SIGNALS="0") as site:
        register(site)
        register(site, {}, anonymous=True)
        named, hashed = visitor_ids(site)
        assert named == "ayesha"
        assert HASHED.fullmatch(hashed)


def test_an_anonymous_visitor_is_one_visitor_all_day_and_another_the_next_day(site, time, database, monkeypatch):
    assert register(site)[0] == 1
    with Site(database.url, time) as other:
        register(other)
    site.restart()
    register(site)
    with monkeypatch.context() as known:
        known.setattr(anonymity_module.Anonymity, "_load", lambda *_: pytest.fail("the secret is read again"))
        register(site, visitor="babul")
    stats = site.stats()
    assert (stats["totalVisits"], stats["uniqueVisitors"], stats["activeUsers"]) == (4, 2, 2)
    time.pass_(days=1)
    register(site)
    ayesha, *same, babul, next_day = visitor_ids(site)
    assert same == [ayesha] * 2
    assert len({ayesha, babul, next_day}) == 3
    assert site.recount() == []


def test_a_retry_of_an_anonymous_visit_is_recognised_until_an_hour_after_midnight(site, time):
    time.go_to(LATE)
    assert register(site, visitId="1") == (1, False)
    for then in (LATE, "2025-12-16T23:59:30+06:00", "2025-12-17T00:01:00+06:00", "2025-12-17T00:59:59.999+06:00"):
        time.go_to(then)
        assert register(site, visitId="1") == (1, True), then
        assert site.stats()["activeUsers"] == 1, then
    time.go_to(ONE)
    assert register(site, visitId="1") == (2, False)
    assert call(site, "heartbeat", GPC).status_code == 204
    assert len(set(visitor_ids(site))) == 2
    # On two workers, a visit may be committed after its retry, with midnight in between.
    for moment, receipt in (
        ("2025-12-18T00:00:00.100+06:00", (3, False)),
        ("2025-12-17T23:59:59.900+06:00", (3, True)),
    ):
        time.go_to(moment)
        assert register(site, visitId="2") == receipt
    assert site.recount() == []


def test_the_secret_of_a_day_is_deleted_an_hour_after_midnight(site, time):
    time.go_to(LATE)
    register(site, visitId="1")
    (secret,) = everything(site)["day_secrets"]
    time.go_to("2025-12-17T00:59:59.999+06:00")
    site.services[Anonymity].sweep()
    assert secret in everything(site)["day_secrets"]
    time.go_to(ONE)
    site.restart()  # nothing was swept
    assert register(site, visitId="1") == (2, False)
    assert secret in everything(site)["day_secrets"]
    site.services[Anonymity].sweep()
    assert [row["day"] for row in everything(site)["day_secrets"]] == ["2025-12-17"]


def test_an_erasure_finds_the_visitors_named_visits_and_todays_anonymous_ones(site, time):
    register(site, {})
    time.go_to(LATE)
    register(site)
    register(site, visitor="babul")
    time.go_to(EARLY)
    register(site)
    before = site.stats()
    assert call(site, "forget").status_code == 204
    assert len([visitor for visitor in visitor_ids(site) if not visitor.startswith("~")]) == 1
    assert len(set(visitor_ids(site))) == 4
    for name in ("totalVisits", "todayVisits", "uniqueVisitors", "epoch"):
        assert site.stats()[name] == before[name]
    assert call(site, "heartbeat", GPC).status_code == 404
    assert site.recount() == []


@pytest.mark.parametrize(("headers", "conversions"), [({}, 1), (GPC, 0)])
def test_a_login_with_a_privacy_signal_is_no_conversion(site, headers, conversions):
    here = found(sign_up(site, "karim"), name="Mirpur")["id"]
    register(site, {}, communityId=here)
    body = {"email": "nila@example.com", "password": "ferry at noon", "visitorId": "ayesha"}
    assert site.post("/api/auth/signup", json=body, headers=headers).status_code == 201
    assert len(everything(site)["conversions"]) == conversions


def test_a_backup_contains_no_secrets_and_a_restore_keeps_the_secret_of_the_day(site, tmp_path):
    register(site)
    secrets = everything(site)["day_secrets"]
    path = tmp_path / "koyjabo.backup"
    with in_context(site):
        head = backup.back_up(path, False, site.services.clock, quiet)
        assert "day_secrets" not in head.rows
        restore.restore_file(path, True, site.services.clock, quiet)
    assert everything(site)["day_secrets"] == secrets
    site.restart()
    register(site)
    assert (len(set(visitor_ids(site))), site.recount()) == (1, [])
