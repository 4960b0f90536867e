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
from koyjabo.counting.unsaved_visits import UnsavedVisits
from koyjabo.counting.visits import Visits
from koyjabo.upkeep.health.causes import CAUSE_SENTENCES

PEER = "10.0.0.9"
SEE = "/admin/server/rollback"


@pytest.fixture
def site(sqlite_database, monkeypatch):
    """A site on SQLite: PostgreSQL has its own clock, so a clock set by a test would be reported as wrong. The disk has
    room, however full this machine's disk is.
    """
    monkeypatch.setattr(free_space, "read_disk", lambda folder: Disk(free=10**11, total=2 * 10**11))
    with Site(sqlite_database.url) as site:
        yield site


@pytest.fixture
def admin(site):
    return panel(site)


def warning_of(reader: Reader, name: str) -> tuple[str, str] | None:
    """The warning's level and text. The text ends with the label of its button, if there is one."""
    shown = re.search(rf'(?s)<li id="warning-{name}" data-level="(\w+)">(.*?)</li>', reader.get("/admin/server"))
    return shown and (shown[1], words(shown[2]))


def test_a_problem_that_a_setup_step_solves_is_shown_only_as_the_step(site, admin):
    site.register("ayesha")
    site.rows("UPDATE visits SET at_ms = 1")
    page = admin.get("/admin/server")
    assert 'id="warnings-label"' not in page
    assert ('data-needs="backups"' in page, 'data-kind="warning"' in page) == (True, False)
    admin.send("/admin/getting-started/all", state="hidden")
    assert warning_of(admin, "backups")[0] == "warning"


def test_the_page_server_shows_the_address_of_every_proxy_and_the_one_in_use(sqlite_database):
    with Site(sqlite_database.url, TRUSTED_PROXIES="2") as site:
        admin = panel(site)
        forwarded = {"X-Forwarded-For": '", <script>, 198.51.100.7:5678, [2001:db8::1]:443, 10.0.0.1'}
        request = {"headers": {**admin.headers, **forwarded}, "environ_overrides": {"REMOTE_ADDR": PEER}}
        page = admin.client.get("/admin/server", **request).text
    rows = re.findall(r'data-label="Proxies">(\d+)</th>\s*<td[^>]*><code>([^<]*)</code>( <span)?', page)
    addresses = [PEER, "10.0.0.1", "2001:db8::1", "198.51.100.7", "&lt;script&gt;", "&#34;"]
    assert [address for _, address, _ in rows] == addresses
    assert [number for number, _, is_in_use in rows if is_in_use] == ["2"]


def refuse(_: object) -> None:
    raise OperationalError("", {}, Exception("away"))


def unsaved(admin: Reader) -> str:
    return json.loads(admin.get("/admin/state"))["unsaved"]


def test_an_open_page_of_the_panel_learns_why_visits_are_not_saved(site, admin, monkeypatch):
    assert unsaved(admin) == ""
    monkeypatch.setattr(DatabaseThread, "_connected", refuse)
    site.services[UnsavedVisits].since_ms = site.time.ms
    assert "10:48:38" in unsaved(admin)
    admin.get("/admin/people", 503)
    Reader(site).get("/admin/state", 303)
    site.services[UnsavedVisits].since_ms = None
    site.services[Visits].site.update(None)  # as the regular read does every second
    assert unsaved(admin) == CAUSE_SENTENCES["away"].sentence
    monkeypatch.setattr(TIMELINES, "refusal", "The server is on timeline 1, but timeline 2 was seen.")
    assert unsaved(admin) == CAUSE_SENTENCES["old_primary"].sentence
    assert warning_of(admin, "database")[1].startswith(CAUSE_SENTENCES["old_primary"].sentence)


def test_the_page_server_opens_for_recent_admins_while_the_database_does_not_respond(site, admin, monkeypatch):
    admin.get("/admin/server")
    with monkeypatch.context() as patch:
        patch.setattr(DatabaseThread, "_connected", refuse)
        assert warning_of(admin, "database")  # although the last regular read succeeded
        site.services[Visits].site.update(None)  # as the regular read does every second
        assert warning_of(admin, "database")[0] == "danger"
        assert 'id="the-database-does-not-answer"' in admin.get("/docs/troubleshooting.md")
        Reader(site).get("/admin/server", 303)
        site.services.signals.access_revoked.send("somebody")
        admin.get("/admin/server", 503)


def roll_back(site: Site, database, visits: int) -> None:
    remembered = database.remember()
    for _ in range(visits):
        site.register("ayesha")
    database.go_back(remembered)
    site.register("babul")


def test_a_loss_of_acknowledged_visits_is_red_until_an_admin_marks_it_as_seen(site, admin, sqlite_database):
    viewer = Reader(site).sign_up("nila")
    site.rows("UPDATE users SET is_viewer = true WHERE email = 'nila@example.com'")
    roll_back(site, sqlite_database, 2)
    site.time.pass_(seconds=11)
    roll_back(site, sqlite_database, 1)
    assert "Found: 0 Lost visits: 2" in words(admin.get("/admin/audit"))
    level, text = warning_of(admin, "rollback")
    assert (level, "lost: 3 " in text) == ("danger", True)
    assert text.endswith("Mark as seen")
    assert not warning_of(viewer, "rollback")[1].endswith("Mark as seen")
    at = re.search(r'name="at" value="(\d+)"', admin.get("/admin/server"))[1]
    viewer.send(SEE, 403, at=at)
    admin.send(SEE, at=int(at) - 1)  # from a page that does not show the latest rollback
    assert warning_of(admin, "rollback")[0] == "danger"

    for _ in range(2):
        admin.send(SEE, at=at)
    assert (admin.location, warning_of(admin, "rollback")) == ("/admin/server", None)
    assert last_line(site) == ("Rani", "ledger.rollback_seen", "")
    assert site.rows("SELECT count(*) FROM audit_log WHERE action = 'ledger.rollback_seen'") == [(1,)]

    roll_back(site, sqlite_database, 1)
    assert "lost: 1 " in warning_of(admin, "rollback")[1]
