"""The checks on the page Server, their advice, and the address that the server sees for a visitor."""

import json
import re

import pytest
from sqlalchemy.exc import OperationalError
from support.application.site import Site
from support.people.admins import last_line, panel
from support.people.page_readers import Reader, words
from support.sites.backup_files import add_backup, add_failure
from support.sites.full_site import in_context, quiet

from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.database import free_space
from koyjabo.base.database.executor import DatabaseThread
from koyjabo.base.database.free_space import Disk
from koyjabo.base.database.timelines import TIMELINES
from koyjabo.base.models import SITE, Scope
from koyjabo.base.network import geolocation
from koyjabo.counting.ledger import Unsaved
from koyjabo.counting.services import CountingServices
from koyjabo.reports.services import ReportServices
from koyjabo.reports.ui.figures import text
from koyjabo.upkeep.backups.backups import Backups
from koyjabo.upkeep.health.findings import CAUSES, CHECKS, DANGER, FINDINGS, WARNING, HealthCheck
from koyjabo.upkeep.health.health import Health
from koyjabo.upkeep.health.system import System
from koyjabo.upkeep.stored_settings.stored_settings import NAMES
from koyjabo.web.pages.guides import guide

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


def test_page_shows_every_check_with_its_level(site, admin):
    site.register("ayesha")
    page = admin.get("/admin/server")
    levels = dict(re.findall(r'<li id="check-(\w+)" data-level="(\w+)"', page))
    report = site.services[Health].report(OPERATOR, False)
    assert levels == {check.name: check.level for check in report.checks}
    assert "5 things before you go live</h2>" in page
    assert "Everything works" not in words(page.partition('id="checks"')[2])
    admin.send("/admin/getting-started/all", state="hidden")
    assert "Everything works" in words(admin.get("/admin/server").partition('id="checks"')[2])
    assert re.search(r"(SQLite|PostgreSQL) responds within 1 ms; the database is [\d.]+ [kMG]?B\.", words(page))
    for sentence in (
        "Not used (single worker)",
        "Visits are saved at once. Stored: 1",
        "No backups are made at night. Turn on nightly backups : the server",
    ):
        assert sentence in words(page)


def test_check_that_a_step_mends_is_shown_only_by_the_step(site, admin):
    site.register("ayesha")
    site.rows("UPDATE visits SET at_ms = 1")
    page = admin.get("/admin/server")
    assert 'id="check-backups"' not in page
    assert '<span class="status" data-kind="warning">Nightly backup' in page
    admin.send("/admin/getting-started/all", state="hidden")
    page = words(admin.get("/admin/server"))
    assert "Needs attention Backups : Needs attention No backup yet. Turn on nightly backups :" in page


def test_page_shows_what_the_backups_verified(sqlite_database, tmp_path):
    """BACKUP_AT is 03:30, and it is 10:48 on 16 December."""
    with Site(sqlite_database.url, BACKUP_DIR=str(tmp_path)) as site:
        admin = panel(site)
        assert of_backups(admin) == ("off", "The first one will be made on 17 Dec 2025, 03:30 .")
        add_backup(site, hours_ago=3)
        proven = "estored 16 Dec 2025, 07:48 : 22,121 = 22,121."
        assert of_backups(admin) == ("good", f"R{proven}")
        assert 'data-age="10800412"' in admin.get("/admin/server")
        add_failure(site)
        failed = f"No space is left on /backups. The last verified one was r{proven} Data shows why."
        level, text = of_backups(admin)
        assert (level, failed in text) == ("danger", True)
        admin.headers["Accept-Language"] = "bn"
        assert "২২,১২১ = ২২,১২১" in of_backups(admin)[1]
        assert '<span lang="en">No space is left on /backups.</span>' in admin.get("/admin/server")
        assert 'data-kind="danger" data-health' in admin.get("/admin/")
        with in_context(site):
            site.services[Backups].make(quiet)
        site.time.pass_(seconds=1)
        assert 'data-kind="danger" data-health' not in admin.get("/admin/")  # a red page is checked again each second


def of_backups(admin: Reader) -> tuple[str, str]:
    """Level and texts of the check."""
    check = admin.get("/admin/server").partition('<li id="check-backups" data-level="')[2].partition("</li>")[0]
    return check.partition('"')[0], words(check.partition("<p>")[2]).partition(" Data</a>")[0].removesuffix(" Data")


def test_every_page_of_the_panel_shows_the_level(site, admin):
    good = r'data-kind="good" data-health>\s*<span class="hidden-text">Everything works<'
    site.register("ayesha")
    for path in ("/admin/", "/admin/people", "/admin/data"):
        assert re.search(good, admin.get(path))
    site.rows("UPDATE visits SET at_ms = 0")  # a week without a backup
    site.time.pass_(seconds=11)
    assert 'data-kind="warning" data-health>' in admin.get("/admin/")


def test_problems_have_sections_of_the_guide_and_name_no_setting_with_a_form():
    names = [(*name.split("."), finding) for name, finding in FINDINGS.items()]
    findings = [HealthCheck(name, finding.level, code) for name, code, finding in names]
    assert {check.name for check in findings} == set(CHECKS)
    sections = {check.section for check in findings if check.section} | {cause.section for cause in CAUSES.values()}
    assert [name for name in sections if f' id="{name}"' not in guide("troubleshooting").html] == []
    wrong = [check for check in findings if check.level in (WARNING, DANGER)]
    assert {check.name for check in wrong if check.advice and not check.section} == set()
    texts = " ".join(text for finding in FINDINGS.values() for text in finding)
    assert set(re.findall(r"[A-Z_]{3,}", texts)) & set(NAMES) == set()


def test_missing_countries_are_shown_with_advice(sqlite_database, monkeypatch, tmp_path):
    monkeypatch.setattr(geolocation, "COUNTRIES", tmp_path / "missing.mmdb")
    with Site(sqlite_database.url) as site:
        page = words(panel(site).get("/admin/server"))
    assert "locations are unknown. Run make assets, then restart the server." in page


def test_page_shows_no_secret_and_no_missing_countries(site, admin):
    page = admin.get("/admin/server")
    assert "make assets" not in words(page)
    assert site.settings["SECRET_KEY"] not in page
    assert site.database_url not in page
    assert "koyjabo.db" not in page


def test_address_is_shown_for_every_number_of_proxies_and_not_stored(site, admin):
    page = seen_from(site, admin, **{"X-Forwarded-For": FORWARDED})
    assert hops(page) == ([PEER, "10.0.0.1", "203.0.113.5", "198.51.100.7"], [0])
    assert f"The server sees your address as {PEER} ." in words(page)
    tables = ("audit_log", "visits", "sessions", "users", "communities")
    kept = "".join(str(site.rows(f"SELECT * FROM {table}")) for table in tables)
    assert not any(address in kept for address in (PEER, "203.0.113.5", "198.51.100.7"))


def test_address_in_use_is_shown_without_its_port(sqlite_database):
    with Site(sqlite_database.url, TRUSTED_PROXIES="2") as site:
        header = '", 198.51.100.7:5678, [2001:db8::1]:443, 10.0.0.1'
        page = seen_from(site, panel(site), **{"X-Forwarded-For": header})
        assert hops(page) == ([PEER, "10.0.0.1", "2001:db8::1", "198.51.100.7", "&#34;"], [2])
        assert "The server sees your address as 2001:db8::1 ." in words(page)


def test_invalid_forwarded_addresses_are_ignored(site, admin):
    page = seen_from(site, admin, **{"X-Forwarded-For": ", <script>alert(1)</script>,," + "1.1.1.1," * 50})
    assert "<script>alert" not in page
    assert len(hops(page)[0]) == 11


def test_page_works_while_the_database_does_not_respond(site, admin, monkeypatch):
    """Open pages must learn that visits are not being saved; `/readyz` shows the same to everyone."""
    assert json.loads(admin.get("/admin/state")) == {"unsaved": "", "health": "good", "words": "Everything works"}
    monkeypatch.setattr(DatabaseThread, "_connected", away)
    site.services[CountingServices].unsaved.since_ms = site.time.ms
    state = json.loads(admin.get("/admin/state"))
    assert (state["unsaved"], state["health"]) == ("Visits have not been saved since 10:48:38.", "danger")
    admin.get("/admin/people", 503)
    Reader(site).get("/admin/state", 303)
    site.services[CountingServices].unsaved.since_ms = None
    site.time.pass_(seconds=11)
    assert json.loads(admin.get("/admin/state"))["health"] == "danger"
    monkeypatch.setattr(TIMELINES, "refusal", "The server is on timeline 1, but timeline 2 was seen.")
    assert json.loads(admin.get("/admin/state"))["words"].startswith("An old primary database server is back")


def test_time_on_another_day_is_shown_with_the_day(site, admin):
    site.services[CountingServices].unsaved.since_ms = site.time.ms - 86_400_000
    assert "since 15 Dec, 10:48:38." in json.loads(admin.get("/admin/state"))["unsaved"]


def test_health_opens_for_recent_admins_while_the_database_is_away(site, admin, monkeypatch):
    admin.get("/admin/server")
    with monkeypatch.context() as patch:
        patch.setattr(DatabaseThread, "_connected", away)
        site.services[CountingServices].visits.site.update(None)  # as the regular read does every second
        page = admin.get("/admin/server")
        assert "The database cannot be read. Some of these numbers are from" in words(page)
        assert re.search(r'id="check-database" data-level="danger"', page)
        assert "Reports Unknown Not available while the database cannot be read." in words(page)
        admin.get("/admin/people", 503)
        assert 'id="the-database-does-not-answer"' in admin.get("/docs/troubleshooting.md")
        Reader(site).get("/admin/server", 303)
        site.services.signals.access_revoked.send("somebody")
        admin.get("/admin/server", 503)


def away(_):
    raise OperationalError("", {}, Exception("away"))


def test_problem_is_shown_with_its_cause_and_its_section(site, admin, monkeypatch):
    system = site.services[System]
    monkeypatch.setattr(system._counting.unsaved, "now", lambda: Unsaved(site.time.ms, "locked", 14))
    page = admin.get("/admin/server")
    assert "Refused since then: 14. Open pages keep them and send them again. Another program has" in words(page)
    assert 'href="/docs/troubleshooting.md#the-database-is-locked">Troubleshooting' in page
    assert "#redis-is-down-redis_unreachable" not in page


HERE = Scope("1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b")
TODAY = "2025-12-16"
LOST = "The database was rolled back on 16 Dec 2025, 10:48 . Acknowledged visits lost: {} docs/failover.md explains"
SEEN = "The database was rolled back on 16 Dec 2025, 10:48 (seen by an admin)."
SEE = "/admin/server/rollback"


@pytest.fixture
def site_with_community(sqlite_database):
    """A site on SQLite: PostgreSQL has its own clock, so a test's clock would make the whole Health page red."""
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


def check(page: str) -> tuple[str, str]:
    """The check's level and text. The text ends with the label of its button."""
    level, shown = re.search(r'(?s)<li id="check-rollback" data-level="(\w+)">(.*?)</li>', page).groups()
    return level, words(shown)


def test_every_loss_is_red_until_an_admin_acknowledges_it(site_with_community, admin_of_community, sqlite_database):
    viewer = Reader(site_with_community).sign_up("nila")
    site_with_community.rows("UPDATE users SET is_viewer = true WHERE email = 'nila@example.com'")
    go_back(site_with_community, sqlite_database, SITE, SITE)
    site_with_community.time.pass_(seconds=11)
    go_back(site_with_community, sqlite_database, SITE)
    page = admin_of_community.get("/admin/server")
    assert check(page)[0] == "danger"
    assert LOST.format(3) in check(page)[1]
    assert check(page)[1].endswith("Mark as seen")
    assert not check(viewer.get("/admin/server"))[1].endswith("Mark as seen")
    at = re.search(r'name="at" value="(\d+)"', page)[1]
    viewer.send(SEE, 403, at=at)
    admin_of_community.send(SEE, at=int(at) - 1)  # from a page that does not show the latest rollback
    assert check(admin_of_community.get("/admin/server"))[0] == "danger"

    admin_of_community.send(SEE, at=at)
    assert admin_of_community.location == "/admin/server"
    # without waiting ten seconds for the next check
    assert 'data-kind="danger" data-health' not in admin_of_community.get("/admin/")
    assert check(admin_of_community.get("/admin/server")) == ("good", f"Lost visits : Fine {SEEN}")
    assert last_line(site_with_community) == ("Rani", "ledger.rollback_seen", "")
    admin_of_community.send(SEE, at=at)
    assert site_with_community.rows("SELECT count(*) FROM audit_log WHERE action = 'ledger.rollback_seen'") == [(1,)]

    go_back(site_with_community, sqlite_database, SITE)
    level, shown = check(admin_of_community.get("/admin/server"))
    assert (level, LOST.format(1) in shown) == ("danger", True)


def test_loss_is_shown_in_the_audit_log_on_charts_and_with_totals(
    site_with_community, admin_of_community, sqlite_database
):
    go_back(site_with_community, sqlite_database, *[SITE] * 11, HERE)
    audited = words(admin_of_community.get("/admin/audit"))
    assert "Database rolled back Acknowledged: 12 Found: 0 Lost visits: 12 The operator" in audited
    assert "Database rolled back Acknowledged: 1 Found: 0 Lost visits: 1 The operator" in audited
    assert "Lost when the database was rolled back on 16 Dec 2025, 10:48 0 → 12" in words(
        admin_of_community.get("/receipt")
    )
    assert annotations_of(site_with_community, SITE) == [(TODAY, "The database was rolled back: 12 visits lost")]
    assert annotations_of(site_with_community, HERE) == [(TODAY, "The database was rolled back: 1 visit lost")]
    for path in ("/admin/?range=30d", "/admin/annotations"):
        assert "The database was rolled back: 12 visits lost" in admin_of_community.get(path)
    assert annotations_of(site_with_community, SITE, "bn") == [(TODAY, "ডাটাবেস পিছিয়ে গেছে: ১২টি ভিজিট হারিয়েছে")]


def annotations_of(site_with_community: Site, scope: Scope, language: str = "en") -> list[tuple[str, str]]:
    annotations = site_with_community.services[ReportServices].annotations.between(scope, TODAY, TODAY)
    with site_with_community.app.test_request_context(headers={"Accept-Language": language}):
        return [
            (annotation.day, text(annotation)) for annotation in annotations if annotation.action != "server.version"
        ]
