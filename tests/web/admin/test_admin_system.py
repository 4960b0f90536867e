"""The system page: what serves, whom it takes one for, the recount, and the total set by hand."""

from __future__ import annotations

import re

import pytest
from support.admin_calls import last_line, panel
from support.app_fixtures import Site
from support.page_calls import words
from support.processes import wait_until

from koyjabo.network import geolocation

PEER = "10.0.0.9"
FORWARDED = "198.51.100.7, 203.0.113.5, 10.0.0.1"


@pytest.fixture
def site(database):
    with Site(database.url, STARTING_TOTAL=4000) as site:
        yield site


@pytest.fixture
def admin(site):
    return panel(site)


def hops(page):
    """Address by number of proxies, and the number that is in force."""
    found = re.findall(r'data-label="Proxies">(\d+)</th>\s*<td[^>]*><code>([^<]*)</code>( <span)?', page)
    return [address for _, address, _ in found], [int(number) for number, _, is_in_force in found if is_in_force]


def seen_from(site, admin, **headers):
    environ = {"REMOTE_ADDR": PEER}
    answer = admin.client.get("/admin/system", headers={**admin.headers, **headers}, environ_overrides=environ)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_what_serves_is_said(admin):
    page = words(admin.get("/admin/system"))
    for said in ("Version", "Database", "Not used (single worker)", "Starting total 4,000", "Sockets", "Asia/Dhaka"):
        assert said in page
    assert re.search(r"(SQLite|PostgreSQL), \d+\.\d ms", page)


def test_missing_countries_are_said_with_what_to_do(database, monkeypatch, tmp_path):
    monkeypatch.setattr(geolocation, "COUNTRIES", tmp_path / "missing.mmdb")
    with Site(database.url) as site:
        page = words(panel(site).get("/admin/system"))
    assert "places are unknown. Run make assets, then restart the server." in page


def test_countries_that_are_there_are_not_called_missing(admin):
    assert "make assets" not in words(admin.get("/admin/system"))


def test_nothing_secret_is_said(site, admin):
    page = admin.get("/admin/system")
    assert site.settings["SECRET_KEY"] not in page
    assert site.database_url not in page
    assert "koyjabo.db" not in page


def test_address_is_shown_as_each_number_of_proxies_gives_it_and_kept_nowhere(site, admin):
    page = seen_from(site, admin, **{"X-Forwarded-For": FORWARDED})
    assert hops(page) == ([PEER, "10.0.0.1", "203.0.113.5", "198.51.100.7"], [0])
    assert f"The server sees your address as {PEER} ." in words(page)
    tables = ("audit_log", "visits", "sessions", "users", "communities")
    kept = "".join(str(site.rows(f"SELECT * FROM {table}")) for table in tables)
    assert not any(address in kept for address in (PEER, "203.0.113.5", "198.51.100.7"))


def test_address_is_the_one_of_the_number_in_force(database):
    with Site(database.url, TRUSTED_PROXIES="2") as site:
        admin = panel(site)
        page = seen_from(site, admin, **{"X-Forwarded-For": FORWARDED})
        assert hops(page) == ([PEER, "10.0.0.1", "203.0.113.5", "198.51.100.7"], [2])
        assert "The server sees your address as 203.0.113.5 ." in words(page)


def test_addresses_are_shown_as_they_are_counted_without_ports(database):
    with Site(database.url, TRUSTED_PROXIES="2") as site:
        said = '", 198.51.100.7:5678, [2001:db8::1]:443, 10.0.0.1'
        page = seen_from(site, panel(site), **{"X-Forwarded-For": said})
        assert hops(page) == ([PEER, "10.0.0.1", "2001:db8::1", "198.51.100.7", "&#34;"], [2])
        assert "The server sees your address as 2001:db8::1 ." in words(page)


def test_forwarded_addresses_that_are_none_do_no_harm(site, admin):
    page = seen_from(site, admin, **{"X-Forwarded-For": ", <script>alert(1)</script>,," + "1.1.1.1," * 50})
    assert "<script>alert" not in page
    assert len(hops(page)[0]) == 11


def test_recount_says_that_all_agrees(site, admin):
    site.register("ayesha")
    assert "No recount yet." in words(admin.get("/admin/system"))
    admin.send("/admin/system/recount")
    assert "The recount has started." in admin.get(admin.location)
    wait_until(lambda: last_line(site)[1] == "ledger.recounted", "the recount ends")
    assert "All numbers agree" in words(admin.get("/admin/system"))


def test_recount_says_what_does_not_agree(site, admin):
    site.register("ayesha")
    site.rows("UPDATE daily_visits SET visits = 7")
    admin.send("/admin/system/recount")
    wait_until(lambda: last_line(site)[1] == "ledger.recounted", "the recount ends")
    page = words(admin.get("/admin/system"))
    assert "Some numbers do not agree" in page
    assert "problems" in page


def test_recount_that_nobody_ends_is_shown_as_interrupted(site, admin):
    admin.send("/admin/system/recount")
    wait_until(lambda: last_line(site)[1] == "ledger.recounted", "the recount ends")
    site.rows("DELETE FROM audit_log WHERE action = 'ledger.recounted'")  # as if its worker had been sent away
    assert "Counting: 0 of 0 rows" in words(admin.get("/admin/system"))
    site.time.pass_(seconds=5)
    assert "Interrupted 16 Dec 2025" in words(admin.get("/admin/system"))


def test_total_is_set_and_the_next_visit_is_one_more(site, admin):
    admin.confirm("/admin/system/total", total=" 5000 ", reason="Counted by hand <b>before</b>")
    page = admin.get(admin.location)
    assert "The total was changed." in page
    assert "4,000 5,000 Counted by hand" in words(page).replace("<b>", "")
    assert last_line(site)[:2] == ("Rani", "total.set")
    assert "Counted by hand" in admin.get("/admin/audit")
    assert site.register("ayesha").ordinal == 5001


def test_total_falls_only_when_that_is_confirmed(site, admin):
    page = admin.send("/admin/system/total", 409, total="100", reason="too many")
    assert 'id="new_epoch-error" class="error">This would lower the total.' in page
    assert 'value="100"' in page
    assert site.stats()["totalVisits"] == 4000
    before = site.stats()["epoch"]
    admin.confirm("/admin/system/total", total="100", reason="too many", new_epoch="on")
    assert (site.stats()["totalVisits"], site.stats()["epoch"] > before) == (100, True)


@pytest.mark.parametrize("total", ["", "-1", "1.5", "x", "৫০০০", "9" * 18, "9" * 40])
def test_total_that_is_none_is_refused_at_the_field(site, admin, total):
    assert 'id="total-error"' in admin.send("/admin/system/total", 422, total=total, reason="because")
    assert 'id="reason-error"' in admin.send("/admin/system/total", 422, total="5000", reason=" ")
    assert site.stats()["totalVisits"] == 4000


@pytest.mark.parametrize("may_be_lost", [True, False])
def test_storage_that_the_next_deploy_deletes_is_warned_of(sqlite_database, monkeypatch, may_be_lost):
    monkeypatch.setattr("os.path.ismount", lambda _: False)  # the tests' files may lie on a disk of their own
    with Site(sqlite_database.url, ALLOW_EPHEMERAL_STORAGE=str(int(may_be_lost))) as site:
        assert ("The next deploy will delete" in panel(site).get("/admin/system")) is may_be_lost
