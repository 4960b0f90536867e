"""The panel's report about visits lost in a database rollback."""

import re

import pytest
from support.application.site import Site
from support.people.admins import last_line, panel
from support.people.page_readers import Reader, words

from koyjabo.base.models import SITE, Scope
from koyjabo.reports.services import ReportServices
from koyjabo.reports.ui.figures import text

HERE = Scope("1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b")
TODAY = "2025-12-16"
LOST = "The database was rolled back on 16 Dec 2025, 10:48 . Acknowledged visits lost: {} docs/failover.md explains"
SEEN = "The database was rolled back on 16 Dec 2025, 10:48 (seen by an admin)."
SEE = "/admin/server/rollback"


@pytest.fixture
def site(sqlite_database):
    """A site on SQLite: PostgreSQL has its own clock, so a test's clock would make the whole Health page red."""
    with Site(sqlite_database.url) as site:
        site.add_community(HERE)
        yield site


@pytest.fixture
def admin(site):
    return panel(site)


def go_back(site: Site, database, *scopes: str) -> None:
    """Register a visit in each of these scopes, and roll the database back to before them."""
    remembered = database.remember()
    for scope in scopes:
        site.register("ayesha", **({} if scope == SITE else {"communityId": scope}))
    database.go_back(remembered)
    site.register("babul")


def check(page: str) -> tuple[str, str]:
    """The check's level and text. The text ends with the label of its button."""
    level, shown = re.search(r'(?s)<li id="check-rollback" data-level="(\w+)">(.*?)</li>', page).groups()
    return level, words(shown)


def test_every_loss_is_red_until_an_admin_acknowledges_it(site, admin, sqlite_database):
    viewer = Reader(site).sign_up("nila")
    site.rows("UPDATE users SET is_viewer = true WHERE email = 'nila@example.com'")
    go_back(site, sqlite_database, SITE, SITE)
    site.time.pass_(seconds=11)
    go_back(site, sqlite_database, SITE)
    page = admin.get("/admin/server")
    assert check(page)[0] == "danger"
    assert LOST.format(3) in check(page)[1]
    assert check(page)[1].endswith("Mark as seen")
    assert not check(viewer.get("/admin/server"))[1].endswith("Mark as seen")
    at = re.search(r'name="at" value="(\d+)"', page)[1]
    viewer.send(SEE, 403, at=at)
    admin.send(SEE, at=int(at) - 1)  # from a page that does not show the latest rollback
    assert check(admin.get("/admin/server"))[0] == "danger"

    admin.send(SEE, at=at)
    assert admin.location == "/admin/server"
    # without waiting ten seconds for the next check
    assert 'data-kind="danger" data-health' not in admin.get("/admin/")
    assert check(admin.get("/admin/server")) == ("good", f"Lost visits : Fine {SEEN}")
    assert last_line(site) == ("Rani", "ledger.rollback_seen", "")
    admin.send(SEE, at=at)
    assert site.rows("SELECT count(*) FROM audit_log WHERE action = 'ledger.rollback_seen'") == [(1,)]

    go_back(site, sqlite_database, SITE)
    level, shown = check(admin.get("/admin/server"))
    assert (level, LOST.format(1) in shown) == ("danger", True)


def test_loss_is_shown_in_the_audit_log_on_charts_and_with_totals(site, admin, sqlite_database):
    go_back(site, sqlite_database, *[SITE] * 11, HERE)
    audited = words(admin.get("/admin/audit"))
    assert "Database rolled back Acknowledged: 12 Found: 0 Lost visits: 12 The operator" in audited
    assert "Database rolled back Acknowledged: 1 Found: 0 Lost visits: 1 The operator" in audited
    assert "Lost when the database was rolled back on 16 Dec 2025, 10:48 0 → 12" in words(admin.get("/receipt"))
    assert annotations_of(site, SITE) == [(TODAY, "The database was rolled back: 12 visits lost")]
    assert annotations_of(site, HERE) == [(TODAY, "The database was rolled back: 1 visit lost")]
    for path in ("/admin/?range=30d", "/admin/annotations"):
        assert "The database was rolled back: 12 visits lost" in admin.get(path)
    assert annotations_of(site, SITE, "bn") == [(TODAY, "ডাটাবেস পিছিয়ে গেছে: ১২টি ভিজিট হারিয়েছে")]


def annotations_of(site: Site, scope: Scope, language: str = "en") -> list[tuple[str, str]]:
    annotations = site.services[ReportServices].annotations.between(scope, TODAY, TODAY)
    with site.app.test_request_context(headers={"Accept-Language": language}):
        return [
            (annotation.day, text(annotation)) for annotation in annotations if annotation.action != "server.version"
        ]
