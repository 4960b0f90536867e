"""/receipt for admins: the recount, and setting the total. Viewers can read the same; strangers see neither."""

import pytest
from support.application.site import site_fixture
from support.people.admins import last_line, panel
from support.people.page_readers import Reader, words
from support.programs.processes import wait_until

from koyjabo.upkeep.recounts.recounts import Recounts

site = site_fixture(STARTING_TOTAL=4000)


@pytest.fixture
def admin(site):
    return panel(site)


def recount(site, admin) -> str:
    """Run a recount, and return the text of the page after it."""
    admin.send("/admin/receipt/recount")
    wait_until(lambda: site.services[Recounts].progress() is None, "the recount is over")
    return words(admin.get("/receipt"))


def test_a_recount_whose_worker_died_is_interrupted_after_a_minute(site, admin):
    recount(site, admin)
    site.rows("DELETE FROM audit_log WHERE action = 'ledger.recounted'")  # as if its worker had been lost
    site.rows("UPDATE nightly_work SET worker = 'lost' WHERE name = 'recount'")
    assert "<progress" in admin.get("/receipt")
    site.time.pass_(seconds=61)
    page = admin.get("/receipt").partition('id="recount"')[2]
    assert ("<progress" in page, 'class="status" data-kind="danger"' in page) == (False, True)


def test_an_admin_sets_the_total_and_the_next_visit_is_one_more(site, admin):
    site.register()
    admin.confirm("/admin/receipt/total", total=" 5000 ", reason="Counted by hand <b>before</b>")
    assert "Counted by hand &lt;b&gt;before&lt;/b&gt;" in admin.get("/receipt")
    assert last_line(site)[:2] == ("Rani", "total.set")
    assert "Counted by hand" in admin.get("/admin/audit")
    assert site.register("ayesha").ordinal == 5001


def test_the_total_is_lowered_only_in_a_new_epoch(site, admin):
    page = admin.send("/admin/receipt/total", 409, total="100", reason="too many")
    assert 'id="new_epoch-error" class="error"' in page
    assert 'value="100"' in page
    assert site.stats()["totalVisits"] == 4000
    before = site.stats()["epoch"]
    admin.send("/admin/receipt/total", total="100", reason="too many", new_epoch="on")
    assert (site.stats()["totalVisits"], site.stats()["epoch"] > before) == (100, True)


def test_a_total_may_have_separators_and_bangla_digits(site, admin):
    for total in ("", "-1", "1.5", "x", "5,0", "5,,000", "1,234.567", "9" * 18, "9" * 40):
        assert 'id="total-error"' in admin.send("/admin/receipt/total", 422, total=total, reason="because"), total
    assert 'id="reason-error"' in admin.send("/admin/receipt/total", 422, total="5000", reason=" ")
    assert site.stats()["totalVisits"] == 4000
    for total, read in (("5,000", 5000), ("৫,০০১", 5001), ("5\u202f002", 5002), ("5.003", 5003), ("5 004", 5004)):
        admin.send("/admin/receipt/total", total=total, reason="because")
        assert site.stats()["totalVisits"] == read


def test_only_admins_and_viewers_see_the_recount_and_only_admins_its_forms(site, admin):
    recount(site, admin)
    viewer = Reader(site).sign_up("babul")
    site.rows("UPDATE users SET is_viewer = true WHERE email = 'babul@example.com'")
    readers = {"admin": admin, "viewer": viewer, "user": Reader(site).sign_up("karim"), "stranger": Reader(site)}
    pages = {who: reader.get("/receipt") for who, reader in readers.items()}
    assert [who for who, page in pages.items() if 'id="recount-label"' in page] == ["admin", "viewer"]
    assert [who for who, page in pages.items() if 'class="rooms"' in page] == ["admin", "viewer"]
    assert [who for who, page in pages.items() if "/admin/receipt/" in page] == ["admin"]
