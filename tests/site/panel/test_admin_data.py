"""The Data page: erasing, backups, and running jobs."""

import pytest
from support.application.site import Site
from support.people.admins import last_line, panel
from support.people.communities import site_admin
from support.people.page_readers import words
from support.programs.processes import wait_until

from koyjabo.base.jobs.running_jobs import RunningJobs
from koyjabo.reports.visits.visit_list import VisitFilter, VisitList


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, STARTING_TOTAL=4000) as site:
        yield site


@pytest.fixture
def admin(site):
    return panel(site)


def test_visitor_is_erased_by_an_admin_and_the_total_stays(site, admin):
    for number in range(3):
        site.register("ayesha", visitId=str(number))
    admin.confirm("/admin/data/erasure", visitor_id=" ayesha ")
    assert "Erasing has started." in admin.get(admin.location)
    wait_until(lambda: last_line(site)[1] == "visitor.forget", "it has ended")
    assert last_line(site)[0] == "Rani"
    assert site.rows("SELECT count(*) FROM visits WHERE visitor_id = 'ayesha'") == [(0,)]
    assert site.stats()["totalVisits"] == 4003


def test_a_visitor_who_is_not_known_is_no_reason_for_a_confirmation(admin):
    for visitor in ("nobody", "", "x" * 129, "a b"):
        assert 'id="visitor_id-error"' in admin.send("/admin/data/erasure", 422, visitor_id=visitor), visitor


def test_export_is_shown_while_it_runs(site, admin):
    for number in range(3):
        site.register(f"v{number}")
    jobs, account = site.services[RunningJobs], site_admin(site)

    def begun():
        pieces = site.services[VisitList].export(account, VisitFilter(), jobs.reported("export"))
        next(pieces)
        next(pieces)
        return pieces

    pieces = begun()
    assert "Export 3 of 3 rows" in words(admin.get("/admin/data"))
    assert list(pieces) == []
    assert "of 3 rows" not in words(admin.get("/admin/data"))

    pieces = begun()
    assert len(jobs.running()) == 1
    del pieces
    assert jobs.running() == ()
