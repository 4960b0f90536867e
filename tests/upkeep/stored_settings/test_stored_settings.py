"""Stored settings: the environment wins, and values apply at once, on every worker, without a lost visit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from support.application.site import SECRET, Site, site_fixture
from support.clients.concurrent_registrations import Crowd
from support.clients.worker_connections import only, two_workers
from support.databases.at_once import hold_for_two
from support.people.accounts import PASSWORD, bare, sign_up
from support.people.admins import panel
from support.people.page_readers import Reader, words
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.server import Server
from support.sites.backups import back_up, restore

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.network.address_owners import AddressOwners
from koyjabo.base.settings.schema import Settings
from koyjabo.counting.anonymity import Anonymity
from koyjabo.counting.milestones import Milestones
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.upkeep.backups.backups import Backups
from koyjabo.upkeep.retention.retention import Retention
from koyjabo.upkeep.stored_settings.stored_settings import INVALID_VALUE, UNREADABLE_SECRET, StoredSettings

MAIL = "smtp://sender:hush@mail.example.com:587?from=live@example.com"
CRAWLER = "Googlebot/2.1 (+http://www.google.com/bot.html)"


site = site_fixture(TIMEZONE="")


def change(site: Site, **values: str) -> None:
    site.services[StoredSettings].change(OPERATOR, **values)


def is_refused(site: Site, **values: str) -> bool:
    with pytest.raises(InvalidInput):
        change(site, **values)
    return True


def test_a_refused_switch_is_named_with_the_values_that_the_documents_give(site):
    with pytest.raises(InvalidInput) as refused:
        change(site, HONOUR_PRIVACY_SIGNALS="maybe")
    assert refused.value.details == {"HONOUR_PRIVACY_SIGNALS": "should be 1 or 0"}


def test_the_environment_overrides_a_stored_value_until_the_variable_is_removed(site):
    change(site, SITE_NAME="Rail Count")
    assert "Rail Count" in site.client.get("/").text
    with Site(site.database_url, SITE_NAME="Bus Count") as other:
        assert "Bus Count" in other.client.get("/").text
        assert other.services[StoredSettings].source("SITE_NAME") == "environment"
        assert is_refused(other, SITE_NAME="x")
    site.restart()
    assert "Rail Count" in site.client.get("/").text
    change(site, SITE_NAME="")
    assert "Koy Jabo" in site.client.get("/").text
    assert site.services[StoredSettings].source("SITE_NAME") == "default"


INVALID = (
    *({"TIMEZONE": "Asia/Dhakka"}, {"RETENTION_DAYS": "0"}, {"SMTP_URL": MAIL}, {"BACKUP_DIR": "/proc/backups"}),
    {"SITE_NAME": "a\udcff"},  # an argument that is not UTF-8
    {"PORT": "80"},  # is set only in the environment
)


def test_a_stored_value_is_checked_like_a_value_of_the_environment(site):
    for values in INVALID:
        assert is_refused(site, **values), values
    assert site.rows("SELECT * FROM stored_settings") == []
    change(site, SMTP_URL=MAIL, PUBLIC_URL="https://live.example.com")
    assert is_refused(site, PUBLIC_URL=""), "email needs it"


def test_a_stored_secret_is_sealed_and_only_its_change_is_audited(site):
    change(site, PUBLIC_URL="https://live.example.com")
    change(site, SMTP_URL=MAIL)
    assert site.services[MailOutbox].is_on
    ((stored,),) = site.rows("SELECT value FROM stored_settings WHERE name = 'SMTP_URL'")
    ((details,),) = site.rows("SELECT details FROM audit_log WHERE action = 'settings.change' ORDER BY id DESC LIMIT 1")
    assert "hush" not in stored + details
    assert '"now": {"SMTP_URL": "changed"}' in details
    change(site, SMTP_URL=MAIL)
    assert len(site.rows("SELECT id FROM audit_log WHERE action = 'settings.change'")) == 2, "nothing changed"


def test_after_a_change_of_the_time_zone_earlier_visits_keep_their_day(site):
    """It is 10:48 on 16 December in Dhaka, and 23:48 on the 15th in New York."""
    site.register("ayesha")
    assert site.stats()["todayVisits"] == 1
    change(site, TIMEZONE="America/New_York")
    assert site.stats()["todayVisits"] == 0
    site.register("karim")
    assert site.stats()["todayVisits"] == 1
    days = "SELECT day, visits FROM daily_visits WHERE scope = 'site' ORDER BY day"
    assert site.rows(days) == [("2025-12-15", 1), ("2025-12-16", 1)]
    site.time.pass_(minutes=12)
    assert site.stats()["todayVisits"] == 1, "midnight in New York begins the 16th"
    change(site, TIMEZONE="")
    assert site.stats()["todayVisits"] == 1
    site.restart()
    assert site.stats()["todayVisits"] == 1


def test_every_stored_setting_applies_at_once_without_a_restart(site, tmp_path):
    change(site, BOT_POLICY="ignore", MILESTONES="7", RETENTION_DAYS="30", HONOUR_PRIVACY_SIGNALS="0")
    change(site, OWN_ADDRESSES="203.0.113.7", ALLOWED_ORIGINS="https://app.example.com", BACKUP_DIR=str(tmp_path))
    answer = site.post(json={"visitorId": "crawler", "userAgent": CRAWLER})
    assert (answer.status_code, site.stats()["totalVisitors"]) == (200, 0)
    services = site.services
    assert services[Milestones].after(0) == 7
    assert services[Retention].first_kept() == "2025-11-16"
    assert not services[Anonymity].is_requested({"HTTP_DNT": "1"})
    assert services[AddressOwners].is_own("203.0.113.7")
    preflight = site.client.options("/api/auth/me", headers={"Origin": "https://app.example.com"})
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert services[Backups].is_on
    change(site, BACKUP_DIR="")
    assert not services[Backups].is_on


@pytest.mark.both_kinds
def test_two_conflicting_changes_at_once_cannot_both_be_saved(site, database):
    """On one server, an admin turns email on, while on another one, the public address that emails need is removed."""
    change(site, PUBLIC_URL="https://live.example.com")

    def attempt(admin: Site, **values: str) -> bool:
        try:
            change(admin, **values)
        except InvalidInput:
            return False
        return True

    with (
        Site(site.database_url, TIMEZONE="") as other,
        ThreadPoolExecutor(2) as pool,
        hold_for_two(database, "DELETE FROM stored_settings"),
    ):
        email, address = pool.submit(attempt, site, SMTP_URL=MAIL), pool.submit(attempt, other, PUBLIC_URL="")
        done = [email.result(), address.result()]
    site.services[StoredSettings].refresh()
    assert sorted(done) == [False, True]
    settings = site.services[Settings]
    assert bool(settings.smtp_url) == bool(settings.public_url) == done[0]


def test_a_stored_value_that_the_environment_no_longer_allows_is_left_out(site):
    """The site's database moves from a development server, and its public address is no longer set."""
    with Site(site.database_url, ENVIRONMENT="development", PUBLIC_URL="https://live.example.com") as earlier:
        change(earlier, APP_URL="http://app.example", SMTP_URL=MAIL, SITE_NAME="Rail Count")
    site.restart()
    settings = site.services[Settings]
    assert (settings.app_url, settings.smtp_url, settings.site_name) == ("", "", "Rail Count")
    assert "not in use. Public address is missing" in words(panel(site).get("/admin/server"))


def test_a_server_starts_without_damaged_and_invalid_values_and_names_them(site):
    site.rows("INSERT INTO stored_settings VALUES ('SMTP_URL', 'smtp://a@b'), ('RETENTION_DAYS', '0')")
    site.restart()
    stored = site.services[StoredSettings]
    assert stored.left_out == {"SMTP_URL": UNREADABLE_SECRET, "RETENTION_DAYS": INVALID_VALUE}
    assert stored.settings.retention_days == 365
    change(site, SITE_NAME="Rail Count")
    change(site, RETENTION_DAYS="30")
    assert list(stored.left_out) == ["SMTP_URL"]


def test_a_restored_secret_without_its_secret_key_is_named_and_not_used(site, tmp_path):
    change(site, PUBLIC_URL="https://live.example.com", SITE_NAME="Rail Count")
    change(site, SMTP_URL=MAIL)
    panel(site)
    file = back_up(site, tmp_path / "koyjabo.backup")
    with Site(site.database_url, SECRET_KEY=SECRET[::-1]) as other:
        restore(other, file, force=True)
        other.services[StoredSettings].refresh()
        assert list(other.services[StoredSettings].left_out) == ["SMTP_URL"]
        assert not other.services[MailOutbox].is_on
        assert "Rail Count" in other.client.get("/").text
        assert "another SECRET_KEY" in words(Reader(other).log_in("rani").get("/admin/server"))


def test_only_invited_people_can_sign_up_while_the_sign_up_is_closed(site):
    panel(site)
    change(site, SIGN_UP="invited")
    signup = {"email": "karim@example.com", "password": PASSWORD}
    refused = bare(site).post("/api/auth/signup", json=signup)
    assert (refused.status_code, refused.json["code"]) == (403, "sign_up_closed")
    outsider = Reader(site)
    for path in ("/signup", "/signup?next=/invitations/forged"):
        assert 'name="password"' not in outsider.get(path)
    assert "/signup" not in outsider.get("/login") + outsider.get("/communities")
    outsider.send("/signup?next=/invitations/forged", 403, **signup)
    token = _invite(site, "karim@example.com")
    guest = Reader(site)
    assert f"/signup?next=/invitations/{token}" in guest.get(f"/invitations/{token}")
    guest.send(f"/signup?next=/invitations/{token}", name="Karim", **signup)
    assert guest.location == "/admin/"
    change(site, SIGN_UP="open")
    sign_up(site, "nila")


def _invite(site: Site, email: str) -> str:
    rani = bare(site)
    login = rani.post("/api/auth/login", json={"email": "rani@example.com", "password": PASSWORD}).json
    headers = {"Authorization": f"Bearer {login['access_token']}"}
    body = {"email": email, "role": "viewer", "password": PASSWORD}
    answer = rani.post("/api/invitations", json=body, headers=headers)
    return answer.json["link"].rpartition("/invitations/")[2]


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database, redis) -> Server:
    return two_workers(module_servers(module_sqlite_database, REDIS_URL=redis.url, TIMEZONE=""))


def home_pages(server: Server) -> list[str]:
    pages = []
    for worker in server.workers():
        with only(server, worker):
            pages.append(requests.get(server.url, timeout=PATIENCE_S).text)
    return pages


def test_a_name_set_on_the_command_line_is_shown_by_all_workers(server):
    assert server.koyjabo("settings", "set", "SITE_NAME", "Rail Count").returncode == 0
    wait_until(lambda: all("Rail Count" in page for page in home_pages(server)), "both workers have the name")


def test_no_visit_is_lost_and_no_connection_closes_while_settings_change(server):
    before = server.stats().total
    with Crowd([server], visits=6, clients=6, goes_on=True) as crowd:
        for setting in (("TIMEZONE", "America/New_York"), ("BOT_POLICY", "ignore")):
            assert server.koyjabo("settings", "set", *setting).returncode == 0
            crowd.wait_for_later()
    assert (crowd.lost, crowd.refusals, crowd.surprises) == (0, [], [])
    assert server.stats().total - before == crowd.acknowledged
