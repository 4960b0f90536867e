"""The first run of a site: the line to paste, its first visit, and what the server lacks."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from support.application.site import Site
from support.people.accounts import sign_up
from support.people.admins import id_of, last_line, panel
from support.people.page_readers import Reader, words
from support.programs.processes import wait_until

from koyjabo.counting.records import Receipt
from koyjabo.counting.visit_listeners import VisitListeners

MISSING = re.compile(r'data-needs="(\w+)"')
STATE = re.compile(r'id="first-page" data-state="(\w+)"')
ALL = ["name", "zone", "total", "backups", "mail", "person", "second_factor"]
STEPS = "/admin/getting-started"
REPORTS = 'id="insights"'
FIRST_DAY = re.compile(r'data-first-day data-until="(\d+)"')


@pytest.fixture
def site(database):
    with Site(database.url, TIMEZONE="") as site:
        yield site


def missing(reader: Reader) -> list[str]:
    return MISSING.findall(reader.get("/admin/server"))


def first_page(reader: Reader) -> str | None:
    match = STATE.search(reader.get("/admin/"))
    return match and match[1]


def hide(reader: Reader, step: str, state: str = "hidden", status: int = 303) -> str:
    return reader.send(f"{STEPS}/{step}", status, state=state)


def visit(site: Site, **headers: str) -> None:
    assert site.post(json={"visitorId": "ayesha"}, headers=headers).status_code == 200


def is_seen(site: Site) -> bool:
    return bool(site.rows("SELECT host FROM starting_steps WHERE step = 'page'"))


def test_new_site_shows_the_line_to_paste_and_then_its_first_visit(site):
    admin = panel(site)
    site.set_total(4000)
    assert first_page(admin) == "empty"
    assert REPORTS not in admin.get("/admin/")
    assert "Visits: 4,000 · 0 today · 0 active in the last 5 minutes " in words(admin.get("/admin/"))
    visit(site)  # a page on this server
    assert first_page(admin) == "waiting"
    assert FIRST_DAY.search(admin.get("/admin/"))
    assert admin.get(f"{STEPS}/page", 204) == ""
    visit(site, Origin="https://Shop.example:8443")
    wait_until(lambda: is_seen(site), "the host is stored")
    for path in ("/admin/", f"{STEPS}/page"):
        assert "It works: visit no. 4,002 came from shop.example:8443." in words(admin.get(path))
    site.rows("UPDATE visits SET place = 'Dhaka, BD'")
    assert "came from shop.example:8443, Dhaka, Bangladesh. " in words(admin.get("/admin/"))
    site.time.pass_(minutes=9)
    assert first_page(admin) == "seen"
    site.time.pass_(minutes=1)
    assert first_page(admin) is None


def test_first_day_has_the_board_and_the_newest_visits_until_a_day_has_passed(site):
    admin = panel(site)
    site.set_total(4000)
    visit(site)
    page = admin.get("/admin/")
    assert REPORTS not in page
    assert FIRST_DAY.search(page)[1] == "4050"
    assert "4,000 visits are from an earlier counter." in words(page)
    assert 'href="/admin/visits/4001"' in page
    assert REPORTS in admin.get("/admin/?range=today")
    site.time.pass_(hours=23, minutes=59)
    assert REPORTS not in admin.get("/admin/")
    site.time.pass_(minutes=1)
    assert REPORTS in admin.get("/admin/")


def test_first_day_ends_with_the_fiftieth_visit(site):
    admin = panel(site)
    for number in range(49):
        site.register(f"visitor{number}", visitId="1")
    page = admin.get("/admin/")
    assert FIRST_DAY.search(page)[1] == "50"
    assert "earlier counter" not in page
    site.register("ayesha", visitId="1")
    assert REPORTS in admin.get("/admin/")


def test_line_to_paste_is_hidden_for_all_admins_until_that_is_taken_back(site):
    first, second = panel(site), panel(site, "nila")
    hide(first, "page")
    assert "Done, for all admins." in first.get(first.location)
    assert (first_page(second), REPORTS in second.get("/admin/")) == (None, True)
    assert last_line(site)[:2] == ("Rani", "setup.step")
    hide(second, "page", "shown")
    assert first_page(first) == "empty"


def test_receipt_before_the_first_visit_claims_nothing(site):
    assert "No visits yet." in panel(site).get("/receipt")


def test_health_lists_what_the_server_lacks(site):
    admin = panel(site)
    assert missing(admin) == ALL
    hide(admin, "mail", status=400)
    hide(admin, "total")
    assert missing(admin) == ["name", "zone", *ALL[3:]]
    site.set_total(4000)
    site.rows("UPDATE users SET second_factor_ms = 1")
    sign_up(site, "nila")
    assert missing(admin) == ["name", "zone", "backups", "mail", "person"]
    site.rows("UPDATE users SET is_admin = true, disabled_ms = 1 WHERE email = 'nila@example.com'")
    assert missing(admin) == ["name", "zone", "backups", "mail", "person"], "a disabled account cannot help"
    site.rows("UPDATE users SET disabled_ms = NULL")
    assert missing(admin) == ["name", "zone", "backups", "mail"]
    hide(admin, "all")
    assert missing(admin) == []
    hide(admin, "all", "shown")
    assert missing(admin) == ["name", "zone", "backups", "mail"]


def test_mail_and_backups_are_there_when_they_are_set_up(database, tmp_path):
    mail = {"SMTP_URL": "smtp://127.0.0.1:9?from=a@example.com&tls=off", "PUBLIC_URL": "https://a.example"}
    with Site(database.url, TIMEZONE="", BACKUP_DIR=str(tmp_path), **mail) as site:
        admin = panel(site)
        assert missing(admin) == ["name", "zone", "total", "email", "person", "second_factor"]
        assert "Invitations are emailed only once rani@example.com is confirmed." in admin.get("/admin/server")
        site.rows("UPDATE users SET verified_ms = 1")
        assert missing(admin) == ["name", "zone", "total", "person", "second_factor"]


def test_only_pages_of_other_hosts_are_seen(database):
    with Site(database.url, TIMEZONE="", PUBLIC_URL="https://live.example") as site:
        visit(site)  # a program
        visit(site, Origin="null")  # a file
        visit(site, Origin="http://localhost")  # this host, as the request names it
        visit(site, Origin="https://live.example")
        visit(site, Origin="https://behind.example", **{"Sec-Fetch-Site": "same-origin"})
        visit(site, Origin=f"https://{'a' * 300}.example")
        site.client.get("/v.gif", headers={"Referer": "https://live.example/"})
        assert not is_seen(site)
        site.client.get("/v.gif", headers={"Referer": "http://localhost:3000/a?b"})
        wait_until(lambda: is_seen(site), "the host is stored")
        assert site.rows("SELECT host FROM starting_steps") == [("localhost:3000",)]


def test_page_is_noticed_again_when_the_database_may_have_forgotten_it(site):
    for host in ("shop.example", "cafe.example"):
        visit(site, Origin=f"https://{host}")
        wait_until(lambda: is_seen(site), "the host is stored")
        assert site.rows("SELECT host FROM starting_steps") == [(host,)]
        site.rows("DELETE FROM starting_steps")
        site.set_total(0, new_epoch=True)
        assert site.stats()["totalVisits"] == 0  # the worker has read the new epoch


def test_pages_that_two_threads_notice_at_once_are_both_counted(site):
    listeners = site.services[VisitListeners]
    (notice,) = listeners

    def by_another_thread(receipt: Receipt, environ: Mapping[str, Any]) -> None:
        notice(receipt, environ)

    listeners.insert(0, by_another_thread)
    visit(site, Origin="https://shop.example")
    assert (site.stats()["totalVisits"], listeners) == (1, [by_another_thread])


def test_site_in_use_is_not_asked_for_a_page_and_a_total(site):
    admin = panel(site)
    for _ in range(3):
        visit(site)
        assert first_page(admin) == "waiting"
        assert missing(admin)[:3] == ["name", "zone", "total"]
        site.time.pass_(days=1)
    again = Reader(site).log_in("rani")
    assert first_page(again) is None
    assert not {"name", "zone", "total"} & set(missing(again))


def test_viewers_see_what_the_server_lacks_and_change_nothing(site):
    admin = panel(site)
    viewer = Reader(site).sign_up("nila")
    site.rows("UPDATE users SET is_viewer = true WHERE id = :id", id=id_of(site, "nila"))
    assert (first_page(viewer), missing(viewer)) == (None, ALL[:-1])
    hide(viewer, "all", status=403)
    admin.client.post(f"{STEPS}/all", data={"state": "hidden"})  # without the CSRF token
    assert "mail" in missing(admin)
