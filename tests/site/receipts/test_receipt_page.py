"""/receipt for admins: the recount, and setting the total. Viewers can read the same; strangers see neither."""

import pytest
from support.application.site import Site
from support.people.admins import last_line, panel
from support.people.page_readers import Reader, words
from support.programs.processes import wait_until

from koyjabo.upkeep.recounts.recounts import Recounts


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, STARTING_TOTAL=4000) as site:
        yield site


@pytest.fixture
def admin(site):
    return panel(site)


def recount(site, admin) -> str:
    """Run a recount, and return the text of the page after it."""
    admin.send("/admin/receipt/recount")
    assert "The recount has started." in admin.get(admin.location)
    wait_until(lambda: site.services[Recounts].progress() is None, "the recount is over")
    return words(admin.get("/receipt"))


def test_recount_says_whether_all_agrees(site, admin):
    site.register("ayesha")
    assert "The first recount is not complete yet." in words(admin.get("/receipt"))
    assert "Yes: everything agreed at the last recount, 16 Dec 2025, 10:48 ." in recount(site, admin)
    site.rows("UPDATE daily_visits SET visits = 7")
    assert "No: recounted 16 Dec 2025, 10:48 , with 1 error. " in (page := recount(site, admin))
    assert "daily_visits: site 2025-12-16: visits is 7, but the ledger gives 1" in page


def test_recount_whose_worker_died_is_shown_as_interrupted(site, admin):
    recount(site, admin)
    site.rows("DELETE FROM audit_log WHERE action = 'ledger.recounted'")  # as if its worker had been lost
    site.rows("UPDATE nightly_work SET worker = 'lost' WHERE name = 'recount'")
    assert "Counting: 0 of 0 rows" in words(admin.get("/receipt"))
    site.time.pass_(seconds=61)
    assert "Interrupted 16 Dec 2025" in words(admin.get("/receipt"))


def test_total_is_set_and_the_next_visit_is_one_more(site, admin):
    admin.confirm("/admin/receipt/total", total=" 5000 ", reason="Counted by hand <b>before</b>")
    page = admin.get(admin.location)
    assert "The total was changed." in page
    assert "Set by an admin on 16 Dec 2025, 10:48 Counted by hand <b>before</b> 4,000 → 5,000 · by Rani" in words(page)
    assert last_line(site)[:2] == ("Rani", "total.set")
    assert "Counted by hand" in admin.get("/admin/audit")
    assert site.register("ayesha").ordinal == 5001


def test_total_falls_only_when_that_is_confirmed(site, admin):
    page = admin.send("/admin/receipt/total", 409, total="100", reason="too many")
    assert 'id="new_epoch-error" class="error">This would lower the total.' in page
    assert 'value="100"' in page
    assert site.stats()["totalVisits"] == 4000
    before = site.stats()["epoch"]
    admin.confirm("/admin/receipt/total", total="100", reason="too many", new_epoch="on")
    assert (site.stats()["totalVisits"], site.stats()["epoch"] > before) == (100, True)


def test_total_may_be_typed_as_pages_show_numbers(site, admin):
    for total in ("", "-1", "1.5", "x", "5,0", "5,,000", "9" * 18, "9" * 40):
        assert 'id="total-error"' in admin.send("/admin/receipt/total", 422, total=total, reason="because"), total
    assert 'id="reason-error"' in admin.send("/admin/receipt/total", 422, total="5000", reason=" ")
    assert site.stats()["totalVisits"] == 4000
    for total, read in (("5,000", 5000), ("৫,০০১", 5001)):
        admin.confirm("/admin/receipt/total", total=total, reason="because")
        assert site.stats()["totalVisits"] == read


def test_viewers_read_what_admins_read_and_strangers_see_neither(site, admin):
    recount(site, admin)
    viewer = Reader(site).sign_up("babul")
    site.rows("UPDATE users SET is_viewer = true WHERE email = 'babul@example.com'")
    readers = {"admin": admin, "viewer": viewer, "user": Reader(site).sign_up("karim"), "stranger": Reader(site)}
    pages = {who: reader.get("/receipt") for who, reader in readers.items()}
    assert [who for who, page in pages.items() if 'id="recount-label"' in page] == ["admin", "viewer"]
    assert [who for who, page in pages.items() if 'class="rooms"' in page] == ["admin", "viewer"]
    assert [who for who, page in pages.items() if "/admin/receipt/" in page] == ["admin"]
