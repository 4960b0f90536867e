"""The warnings on the page Server, and the address that the server sees for a visitor."""

import json
import re

import pytest
from sqlalchemy.exc import OperationalError
from support.application.site import Site
from support.people.admins import last_line, panel
from support.people.page_readers import Reader, words

from koyjabo.base.database import free_space
from koyjabo.base.database.executor import DatabaseThread
from koyjabo.base.database.free_space import Disk
from koyjabo.base.database.timelines import TIMELINES
from koyjabo.base.models import SITE, Scope
from koyjabo.counting.unsaved_visits import UnsavedVisits
from koyjabo.counting.visits import Visits

PEER = "10.0.0.9"
FORWARDED = "198.51.100.7, 203.0.113.5, 10.0.0.1"


@pytest.fixture
def site(sqlite_database, monkeypatch):
    """A site on SQLite: PostgreSQL has its own clock, so a clock set by a test would be reported as wrong. The disk has
    room, however full this machine's disk is.
    """
    monkeypatch.setattr(free_space, "read_disk", lambda folder: Disk(free=10**11, total=2 * 10**11))
    with Site(sqlite_database.url, STARTING_TOTAL=4000) as site:
        yield site


@pytest.fixture
def admin(site):
    return panel(site)


def hops(page):
    """Addresses by number of proxies, and the current number."""
    matches = re.findall(r'data-label="Proxies">(\d+)</th>\s*<td[^>]*><code>([^<]*)</code>( <span)?', page)
    return [address for _, address, _ in matches], [int(number) for number, _, is_in_force in matches if is_in_force]


def seen_from(site, admin, **headers):
    environ = {"REMOTE_ADDR": PEER}
    answer = admin.client.get("/admin/server", headers={**admin.headers, **headers}, environ_overrides=environ)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_warning_that_a_step_mends_is_shown_only_by_the_step(site, admin):
    site.register("ayesha")
    site.rows("UPDATE visits SET at_ms = 1")
    page = admin.get("/admin/server")
    assert 'id="warnings-label"' not in page
    assert '<span class="status" data-kind="warning"><span>Nightly backup' in page
    admin.send("/admin/getting-started/all", state="hidden")
    page = words(admin.get("/admin/server"))
    assert "Warnings No backup yet. Turn on nightly backups : the server then" in page


def warning_of(reader: Reader, name: str) -> tuple[str, str] | None:
    """The warning's level and text. The text ends with the label of its button, if there is one."""
    shown = re.search(rf'(?s)<li id="warning-{name}" data-level="(\w+)">(.*?)</li>', reader.get("/admin/server"))
    return shown and (shown[1], words(shown[2]))


def test_page_shows_no_secret_and_no_missing_countries(site, admin):
    page = admin.get("/admin/server")
    assert "make assets" not in words(page)
    assert site.settings["SECRET_KEY"] not in page
    assert site.database_url not in page
    assert "koyjabo.db" not in page


def test_address_in_use_is_shown_without_its_port(sqlite_database):
    with Site(sqlite_database.url, TRUSTED_PROXIES="2") as site:
        header = '", <script>, 198.51.100.7:5678, [2001:db8::1]:443, 10.0.0.1'
        page = seen_from(site, panel(site), **{"X-Forwarded-For": header})
        assert hops(page) == ([PEER, "10.0.0.1", "2001:db8::1", "198.51.100.7", "&lt;script&gt;", "&#34;"], [2])
        assert "The server sees your address as 2001:db8::1 ." in words(page)


def test_page_works_while_the_database_does_not_respond(site, admin, monkeypatch):
    """Open pages must learn that visits are not being saved; `/readyz` shows the same to everyone."""
    assert json.loads(admin.get("/admin/state")) == {"unsaved": ""}
    monkeypatch.setattr(DatabaseThread, "_connected", away)
    site.services[UnsavedVisits].since_ms = site.time.ms
    assert unsaved(admin) == "Visits have not been saved since 10:48:38."
    admin.get("/admin/people", 503)
    Reader(site).get("/admin/state", 303)
    site.services[UnsavedVisits].since_ms = None
    site.services[Visits].site.update(None)  # as the regular read does every second
    assert unsaved(admin) == "The database does not respond."
    monkeypatch.setattr(TIMELINES, "refusal", "The server is on timeline 1, but timeline 2 was seen.")
    assert unsaved(admin).startswith("An old primary database server is back")
    assert warning_of(admin, "database")[1].startswith("An old primary database server is back")


def unsaved(admin: Reader) -> str:
    return json.loads(admin.get("/admin/state"))["unsaved"]


def test_page_opens_for_recent_admins_while_the_database_is_away(site, admin, monkeypatch):
    admin.get("/admin/server")
    with monkeypatch.context() as patch:
        patch.setattr(DatabaseThread, "_connected", away)
        assert warning_of(admin, "database")  # although the last regular read succeeded
        site.services[Visits].site.update(None)  # as the regular read does every second
        level, text = warning_of(admin, "database")
        assert (level, text[:30]) == ("danger", "The database does not respond.")
        admin.get("/admin/people", 503)
        assert 'id="the-database-does-not-answer"' in admin.get("/docs/troubleshooting.md")
        Reader(site).get("/admin/server", 303)
        site.services.signals.access_revoked.send("somebody")
        admin.get("/admin/server", 503)


def away(_):
    raise OperationalError("", {}, Exception("away"))


HERE = Scope("1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b")
TODAY = "2025-12-16"
LOST = "The database was rolled back on 16 Dec 2025, 10:48 . Acknowledged visits lost: {} docs/failover.md explains"
SEE = "/admin/server/rollback"


@pytest.fixture
def site_with_community(sqlite_database):
    """A site on SQLite: PostgreSQL has its own clock, so a test's clock would cause a warning."""
    with Site(sqlite_database.url) as site_with_community:
        site_with_community.add_community(HERE)
        yield site_with_community


@pytest.fixture
def admin_of_community(site_with_community):
    return panel(site_with_community)


def go_back(site_with_community: Site, database, *scopes: str) -> None:
    """Register a visit in each of these scopes, and roll the database back to before them."""
    remembered = database.remember()
    for scope in scopes:
        site_with_community.register("ayesha", **({} if scope == SITE else {"communityId": scope}))
    database.go_back(remembered)
    site_with_community.register("babul")


def test_every_loss_is_red_until_an_admin_acknowledges_it(site_with_community, admin_of_community, sqlite_database):
    viewer = Reader(site_with_community).sign_up("nila")
    site_with_community.rows("UPDATE users SET is_viewer = true WHERE email = 'nila@example.com'")
    go_back(site_with_community, sqlite_database, SITE, SITE)
    site_with_community.time.pass_(seconds=11)
    go_back(site_with_community, sqlite_database, SITE)
    level, text = warning_of(admin_of_community, "rollback")
    assert (level, LOST.format(3) in text) == ("danger", True)
    assert text.endswith("Mark as seen")
    assert not warning_of(viewer, "rollback")[1].endswith("Mark as seen")
    at = re.search(r'name="at" value="(\d+)"', admin_of_community.get("/admin/server"))[1]
    viewer.send(SEE, 403, at=at)
    admin_of_community.send(SEE, at=int(at) - 1)  # from a page that does not show the latest rollback
    assert warning_of(admin_of_community, "rollback")[0] == "danger"

    admin_of_community.send(SEE, at=at)
    assert admin_of_community.location == "/admin/server"
    assert warning_of(admin_of_community, "rollback") is None
    assert last_line(site_with_community) == ("Rani", "ledger.rollback_seen", "")
    admin_of_community.send(SEE, at=at)
    assert site_with_community.rows("SELECT count(*) FROM audit_log WHERE action = 'ledger.rollback_seen'") == [(1,)]

    go_back(site_with_community, sqlite_database, SITE)
    assert LOST.format(1) in warning_of(admin_of_community, "rollback")[1]


def test_loss_is_shown_in_the_audit_log_and_with_totals(site_with_community, admin_of_community, sqlite_database):
    go_back(site_with_community, sqlite_database, *[SITE] * 11, HERE)
    audited = words(admin_of_community.get("/admin/audit"))
    assert "Database rolled back Acknowledged: 12 Found: 0 Lost visits: 12 The operator" in audited
    assert "Database rolled back Acknowledged: 1 Found: 0 Lost visits: 1 The operator" in audited
    assert "Lost when the database was rolled back on 16 Dec 2025, 10:48 0 → 12" in words(
        admin_of_community.get("/receipt")
    )
