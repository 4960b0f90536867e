"""The first run of a site: the line to paste, its first visit, and what the server lacks."""

import re
from collections.abc import Mapping
from typing import Any

from support.application.site import Site, site_fixture
from support.people.accounts import sign_up
from support.people.admins import id_of, last_line, panel
from support.people.page_readers import Reader, words
from support.programs.processes import wait_until

from koyjabo.base.core.identity import OPERATOR
from koyjabo.counting.records import Receipt
from koyjabo.counting.visit_listeners import VisitListeners
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings

MISSING = re.compile(r'data-needs="(\w+)"')
STATE = re.compile(r'id="first-page" data-state="(\w+)"')
ALL = ["name", "zone", "total", "backups", "mail", "person", "app", "browser"]
STEPS = "/admin/getting-started"
REPORTS = 'id="insights"'
FIRST_DAY = re.compile(r'data-first-day data-until="(\d+)"')


site = site_fixture(TIMEZONE="")


def missing(reader: Reader) -> list[str]:
    return MISSING.findall(reader.get("/admin/server"))


def first_page(reader: Reader) -> str | None:
    match = STATE.search(reader.get("/admin/"))
    return match and match[1]


def set_step(reader: Reader, step: str, state: str = "hidden", status: int = 303) -> str:
    return reader.send(f"{STEPS}/{step}", status, state=state)


def visit(site: Site, **headers: str) -> None:
    assert site.post(json={"visitorId": "ayesha"}, headers=headers).status_code == 200


def is_seen(site: Site) -> bool:
    return bool(site.rows("SELECT host FROM starting_steps WHERE step = 'page'"))


def test_a_new_site_shows_the_snippet_and_then_its_first_visit(site):
    admin = panel(site)
    site.set_total(4000)
    assert first_page(admin) == "empty"
    assert REPORTS not in admin.get("/admin/")
    visit(site)  # a page on this server
    assert first_page(admin) == "waiting"
    assert FIRST_DAY.search(admin.get("/admin/"))
    assert admin.get(f"{STEPS}/page", 204) == ""
    visit(site, Origin="https://Shop.example:8443")
    wait_until(lambda: is_seen(site), "the host is stored")
    site.rows("UPDATE visits SET place = 'Dhaka, BD'")
    for path in ("/admin/", f"{STEPS}/page"):
        page = words(admin.get(path))
        assert [fact for fact in ("4,002", "shop.example:8443", "Dhaka, Bangladesh") if fact not in page] == []
    visit(site)
    site.time.pass_(hours=23, minutes=59)
    assert (first_page(admin), "Dhaka, Bangladesh" in words(admin.get("/admin/"))) == ("seen", True)
    site.time.pass_(minutes=1)
    assert first_page(admin) is None


def test_a_new_sites_list_of_visits_disappears_after_a_day_or_50_visits(site):
    admin = panel(site)
    site.set_total(4000)
    visit(site)
    page = admin.get("/admin/")
    assert REPORTS not in page
    assert FIRST_DAY.search(page)[1] == "4050"
    assert 'href="/admin/visits/4001"' in page
    assert REPORTS in admin.get("/admin/?range=today")
    site.time.pass_(hours=23, minutes=59)
    assert REPORTS not in admin.get("/admin/")
    site.time.pass_(minutes=1)
    assert REPORTS in admin.get("/admin/")
    site.time.pass_(days=-1)
    for number in range(48):
        site.register(f"visitor{number}", visitId="1")
    assert REPORTS not in admin.get("/admin/")
    site.register("ayesha", visitId="1")
    assert REPORTS in admin.get("/admin/")


def test_the_first_page_disappears_when_the_reports_appear(site):
    admin = panel(site)
    for number in range(9):
        site.register(f"visitor{number}", visitId="1")
    visit(site, Origin="https://shop.example")
    wait_until(lambda: is_seen(site), "the host is stored")
    site.time.pass_(minutes=1)
    for number in range(39):
        site.register(f"visitor{number}", visitId="2")
    assert (first_page(admin), REPORTS in admin.get("/admin/")) == ("seen", False)
    site.register("ayesha", visitId="2")
    assert (first_page(admin), REPORTS in admin.get("/admin/")) == (None, True)


def test_an_admin_hides_the_snippet_for_all_admins_and_shows_it_again(site):
    first, second = panel(site), panel(site, "nila")
    set_step(first, "page")
    assert (first_page(second), REPORTS in second.get("/admin/")) == (None, True)
    assert last_line(site)[:2] == ("Rani", "setup.step")
    set_step(second, "page", "shown")
    assert first_page(first) == "empty"


def test_the_page_server_lists_the_steps_that_are_not_done(site):
    admin = panel(site)
    assert missing(admin) == ALL
    set_step(admin, "mail", status=400)
    set_step(admin, "total")
    assert missing(admin) == ["name", "zone", *ALL[3:]]
    site.set_total(4000)
    site.services[StoredSettings].change(OPERATOR, APP_URL="https://app.example.com")
    sign_up(site, "nila")
    assert missing(admin) == ["name", "zone", "backups", "mail", "person", "browser"]
    set_step(admin, "browser")
    site.rows("UPDATE users SET is_admin = true, disabled_ms = 1 WHERE email = 'nila@example.com'")
    assert missing(admin) == ["name", "zone", "backups", "mail", "person"], "a disabled account cannot help"
    site.rows("UPDATE users SET disabled_ms = NULL")
    assert missing(admin) == ["name", "zone", "backups", "mail", "second_factor"]
    site.rows("UPDATE users SET second_factor_ms = 1")
    assert missing(admin) == ["name", "zone", "backups", "mail"]
    set_step(admin, "all")
    assert missing(admin) == []
    set_step(admin, "all", "shown")
    assert missing(admin) == ["name", "zone", "backups", "mail"]


def test_the_settings_for_mail_and_backups_complete_their_steps(database, tmp_path):
    mail = {"SMTP_URL": "smtp://127.0.0.1:9?from=a@example.com&tls=off", "PUBLIC_URL": "https://a.example"}
    with Site(database.url, TIMEZONE="", BACKUP_DIR=str(tmp_path), **mail) as site:
        admin = panel(site)
        assert missing(admin) == ["name", "zone", "total", "email", "person", "app", "browser"]
        site.rows("UPDATE users SET verified_ms = 1")
        assert missing(admin) == ["name", "zone", "total", "person", "app", "browser"]


def test_only_a_visit_from_another_host_completes_the_first_step(database):
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


def test_the_snippet_disappears_once_a_page_of_the_site_itself_has_a_visit(site):
    admin = panel(site)
    for page, state in (("/", "waiting"), ("/communities/1", "waiting"), ("/articles/1", None)):
        site.register("ayesha", visitId=page, page=page)
        assert first_page(admin) == state


def test_a_site_with_visits_on_three_days_has_no_step_for_a_page_or_total(site):
    admin = panel(site)
    for _ in range(3):
        visit(site)
        assert first_page(admin) == "waiting"
        assert missing(admin)[:3] == ["name", "zone", "total"]
        site.time.pass_(days=1)
    again = Reader(site).log_in("rani")
    assert first_page(again) is None
    assert not {"name", "zone", "total", "app"} & set(missing(again))
    assert "second_factor" in missing(again)


def test_a_viewer_sees_no_steps_and_cannot_change_them(site):
    admin = panel(site)
    viewer = Reader(site).sign_up("nila")
    site.rows("UPDATE users SET is_viewer = true WHERE id = :id", id=id_of(site, "nila"))
    assert (first_page(viewer), missing(viewer)) == (None, [])
    set_step(viewer, "all", status=403)
    admin.client.post(f"{STEPS}/all", data={"state": "hidden"})  # without the CSRF token
    assert "mail" in missing(admin)


def test_the_first_total_needs_no_confirmation_and_its_step_leads_back_to_the_list(site):
    admin = panel(site)
    assert 'value="/admin/server#steps"' in admin.get("/admin/server?edit=total")
    fields = {"reason": "earlier", "next": "/admin/server#steps"}
    admin.send("/admin/receipt/total", total="4000", **fields)
    assert (site.stats()["totalVisits"], admin.location) == (4000, "/admin/server#steps")
    assert 'name="listed"' in admin.get("/admin/server?edit=name")
    admin.send("/admin/server/settings/name", site_name="Rail Count", listed="1")
    assert admin.location == "/admin/server#steps"
    assert 'name="listed"' not in admin.get("/admin/server?edit=name").partition('id="name"')[2]
    visit(site)
    prompt = admin.send("/admin/receipt/total", 200, total="5000", **fields)
    assert re.search('<a href="/admin/server" aria-current="true">', prompt)


def test_a_refused_total_stays_in_its_form_and_an_accepted_one_is_listed(site):
    admin = panel(site)
    visit(site)
    for status, total, field in ((422, "x", "total"), (409, "0", "new_epoch")):
        page = admin.send("/admin/receipt/total", status, total=total, reason="earlier", listed="1")
        assert ('data-needs="total"' in page, f'id="{field}-error"' in page) == (True, True)
        assert '<a href="/admin/server" aria-current="true">' in page
    admin.send("/admin/getting-started/total", state="hidden")
    assert 'id="total-error"' in admin.send("/admin/receipt/total", 422, total="x", reason="earlier", listed="1")
    site.set_total(4000)
    row = admin.get("/admin/server").partition('href="/receipt"')[0].rpartition('class="setting"')[2]
    assert re.findall(r"\b[34],\d{3}\b", row) == ["4,000", "3,999"]


def test_a_visit_that_two_threads_announce_at_once_as_the_first_is_counted(site):
    listeners = site.services[VisitListeners]
    (announce,) = listeners

    def by_another_thread(receipt: Receipt, environ: Mapping[str, Any]) -> None:
        announce(receipt, environ)

    listeners.insert(0, by_another_thread)
    visit(site, Origin="https://shop.example")
    assert (site.stats()["totalVisits"], listeners) == (1, [by_another_thread])
