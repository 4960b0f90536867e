"""Actions of site admins in the panel, which write entries in the audit log, and running jobs."""

import pytest
from support.application.site import site_fixture
from support.clients.forms import form_on
from support.people.accounts import try_login
from support.people.admins import ExampleCommunity, id_of, last_line, panel
from support.people.communities import site_admin
from support.people.page_readers import words
from support.programs.processes import wait_until

from koyjabo.base.jobs.running_jobs import RunningJobs
from koyjabo.reports.visits.visit_list import VisitFilter, VisitList

site = site_fixture(STARTING_TOTAL=4000)


@pytest.fixture
def admin(site):
    return panel(site)


@pytest.fixture
def example(site, admin):
    return ExampleCommunity(site)


def test_an_admin_archives_and_restores_a_community(site, admin, example):
    path = f"/admin/communities/{example.community}"
    admin.confirm(f"{path}/archive")
    assert last_line(site) == ("Rani", "community.archive", "Mirpur 10")
    assert example.member.get(f"/api/communities/{example.community}").status_code == 404
    assert f'action="{path}/restore"' in admin.get(admin.location)
    admin.send(f"{path}/restore")
    assert last_line(site) == ("Rani", "community.restore", "Mirpur 10")
    assert example.member.get(f"/api/communities/{example.community}").status_code == 200


def test_an_admin_disables_and_enables_accounts_except_their_own(site, admin, example):
    path = f"/admin/people/{example.member.id}"
    admin.confirm(f"{path}/disable")
    assert f'action="{path}/enable"' in admin.get(admin.location)
    assert last_line(site) == ("Rani", "user.disable", "babul@example.com")
    assert try_login(site, "babul").status_code == 401
    admin.send(f"{path}/enable")
    assert last_line(site) == ("Rani", "user.enable", "babul@example.com")
    assert try_login(site, "babul").status_code == 200
    own = f"/admin/people/{id_of(site, 'rani')}"
    assert f'action="{own}/disable"' not in admin.get(own)
    admin.confirm(f"{own}/disable", 403)


def test_the_page_of_a_person_leads_to_the_visits_of_that_person(admin, example):
    page = admin.get(f"/admin/people/{example.member.id}")
    assert 'href="/admin/visits?text=babul@example.com"' in page
    assert words(page).count(" Account ") == 1, "the heading of the card"


def test_visits_of_a_deleted_community_name_it_as_gone(site, admin, example):
    ordinal = site.register("ayesha", communityId=example.community).ordinal
    listed = f"/admin/visits?community_id={example.community}"
    assert "Community: Mirpur 10" in words(admin.get(listed))
    assert example.founder.delete(f"/api/communities/{example.community}").status_code == 204
    pages = [words(admin.get(path)) for path in (f"/admin/visits/{ordinal}", listed)]
    assert [("A community that is gone" in page, example.community in page) for page in pages] == [(True, False)] * 2


def test_an_admin_logs_a_user_out_everywhere(admin, example):
    admin.confirm(f"/admin/people/{example.member.id}/log-out")
    assert example.member.get("/api/auth/me").status_code == 401
    admin.get("/admin/")


def test_an_admin_erases_a_visitor_and_the_total_stays(site, admin):
    for number in range(3):
        site.register("ayesha", visitId=str(number))
    question = form_on(admin.send("/admin/server/erasure", 200, visitor_id=" ayesha "))
    assert 'id="password-error"' in admin.send(question.action, 422, **{**question.fields, "password": ""})
    admin.confirm("/admin/server/erasure", visitor_id=" ayesha ")
    wait_until(lambda: last_line(site)[1] == "visitor.forget", "it has ended")
    assert last_line(site)[0] == "Rani"
    assert site.rows("SELECT count(*) FROM visits WHERE visitor_id = 'ayesha'") == [(0,)]
    assert site.stats()["totalVisits"] == 4003
    for visitor in ("nobody", "", "x" * 129, "a b"):
        assert 'id="visitor_id-error"' in admin.send("/admin/server/erasure", 422, visitor_id=visitor), visitor


def test_an_export_is_shown_while_it_runs(site, admin):
    for number in range(3):
        site.register(f"v{number}")
    jobs, account = site.services[RunningJobs], site_admin(site)

    def begun():
        pieces = site.services[VisitList].export(account, VisitFilter(), jobs.reported("export"))
        next(pieces)
        next(pieces)
        return pieces

    pieces = begun()
    assert '<progress value="3" max="3"' in admin.get("/admin/server")
    assert list(pieces) == []
    assert "<progress" not in admin.get("/admin/server")

    pieces = begun()
    assert len(jobs.running()) == 1
    del pieces
    assert jobs.running() == ()
