"""The sentences of the panel, the receipt and the first run."""

import pytest
from support.application.site import Site, site_fixture
from support.people.accounts import PASSWORD, new_admin
from support.people.admins import panel
from support.people.page_readers import Reader, words
from support.people.share_links import share
from support.programs.processes import wait_until

from koyjabo.upkeep.recounts.recounts import Recounts

site = site_fixture(TIMEZONE="", RETENTION_DAYS="30")


@pytest.fixture
def admin(site) -> Reader:
    return panel(site)


def text_of(reader: Reader, path: str) -> str:
    return words(reader.get(path))


def test_the_pages_of_a_new_site_have_their_sentences(site, admin):
    assert "No visits yet." in text_of(admin, "/receipt")
    server = text_of(admin, "/admin/server")
    assert "Koy Jabo · The app for bus, train and rickshaw riders in Bangladesh." in server
    assert "Page numbers Off: no page shows its views." in server
    assert "Anonymise old visits After 30 days, they lose what leads to a person. · Set in the environment" in server


def test_a_shared_page_says_what_is_counted(site):
    path = f"/share/{share(new_admin(site))['token']}"
    assert "Visits to Koy Jabo Traffic · Counted once per session." in text_of(Reader(site), path)


def test_the_first_visit_from_another_host_is_announced(site, admin):
    assert site.post(json={"visitorId": "ayesha"}, headers={"Origin": "https://shop.example"}).status_code == 200
    wait_until(lambda: site.rows("SELECT host FROM starting_steps WHERE step = 'page'"), "the host is stored")
    assert "It works: visit no. 1 came from shop.example." in text_of(admin, "/admin/")


def test_the_receipt_has_a_sentence_for_each_result_of_a_recount(site, admin):
    site.register("ayesha")
    assert "The first recount is not complete yet." in text_of(admin, "/receipt")
    for damage, sentence in (
        ("", "Yes: everything agreed at the last recount, 16 Dec 2025, 10:48 ."),
        ("UPDATE daily_visits SET visits = 7", "No: recounted 16 Dec 2025, 10:48 , with 1 error."),
    ):
        if damage:
            site.rows(damage)
        admin.send("/admin/receipt/recount")
        assert "The recount has started." in text_of(admin, admin.location)
        wait_until(lambda: site.services[Recounts].progress() is None, "the recount is over")
        page = text_of(admin, "/receipt")
        assert sentence in page
        assert ("daily_visits: site 2025-12-16: visits is 7, but the ledger gives 1" in page) == bool(damage)


def test_a_changed_total_has_a_sentence_with_its_admin_and_reason(site: Site, admin: Reader):
    admin.send("/admin/receipt/total", total="5000", reason="counted by hand")
    page = text_of(admin, admin.location)
    assert "The total was changed." in page
    assert "Set by an admin on 16 Dec 2025, 10:48 counted by hand 0 → 5,000 · by Rani" in page


def test_an_admin_without_two_step_login_is_asked_to_set_it_up_first(admin):
    fields = {"require_two_factor": "admins", "password": PASSWORD}
    page = words(admin.send("/admin/server/settings/two-step", 422, **fields))
    assert "Set up two-step login for your own account first." in page


def test_the_panel_and_the_account_name_a_viewer(site, admin):
    viewer = Reader(site).sign_up("nila")
    site.rows("UPDATE users SET is_viewer = true WHERE email = 'nila@example.com'")
    assert "You are a viewer of this panel" in text_of(viewer, "/admin/")
    assert "Viewer of the panel" in text_of(viewer, "/account")
    assert "Nila Viewer nila@example.com" in text_of(admin, "/admin/people?query=nila")
