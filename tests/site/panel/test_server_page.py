"""The page Server: what is not done yet, settings with their values and forms, and who may change them."""

from __future__ import annotations

import re
from html import unescape

import pytest
from support.application.page_numbers import when_counted
from support.application.site import Site
from support.people.accounts import PASSWORD, log_in
from support.people.admins import last_line, panel
from support.people.page_readers import Reader, words
from support.people.two_step import turn_on

from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.settings.catalogue import PAGE_SETTINGS
from koyjabo.base.settings.schema import Settings
from koyjabo.base.settings.smtp_url import parse
from koyjabo.upkeep.backups.backups import Backups
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings

PAGE, CHANGE = "/admin/server", "/admin/server/settings/"
MAIL = {
    **{"host": "mail.example.com", "port": "465", "security": "tls", "user": "live@example.com"},
    **{"smtp_password": "hush/@:?", "sender": "live@example.com", "sender_name": "Rail Count"},
}
PROVED = ["app", "address", "mail", "backups", "sign-up", "two-step", "origins"]
VALUES = {
    **{"SITE_NAME": "Rail Count", "SITE_NAME_BN": "রেল", "SITE_SENTENCE": "Trains", "SITE_SENTENCE_BN": "ট্রেন"},
    **{"APP_URL": "https://app.example.com", "PUBLIC_URL": "https://live.example.com", "TIMEZONE": "Asia/Kolkata"},
    **{"BACKUP_DIR": "/tmp", "BACKUP_AT": "04:00", "BACKUP_KEEP": "3", "RETENTION_DAYS": "31"},
    **{"BOT_POLICY": "ignore", "OWN_ADDRESSES": "203.0.113.7", "MILESTONES": "7", "PAGE_NUMBERS": "*"},
    **{"SIGN_UP": "invited", "REQUIRE_TWO_FACTOR": "none", "HONOUR_PRIVACY_SIGNALS": "0"},
    **{"ALLOWED_ORIGINS": "https://a.example", "SMTP_URL": ""},
}
WORDS = "words that pages show; they are escaped"
WITHOUT_PROOF = {
    **dict.fromkeys(("SITE_NAME", "SITE_NAME_BN", "SITE_SENTENCE", "SITE_SENTENCE_BN"), WORDS),
    "TIMEZONE": "visits stay, and only later ones are filed by the new days",
    "RETENTION_DAYS": "a longer time destroys nothing; a shorter one needs a proof",
    "BOT_POLICY": "decides only what is counted from now on",
    "OWN_ADDRESSES": "marks visits, and can be undone",
    "MILESTONES": "totals to celebrate",
    "PAGE_NUMBERS": "shows numbers of pages, no person and no credential",
    "HONOUR_PRIVACY_SIGNALS": "decides only how later visits are counted",
}
"""Why a stolen session may change these settings. All others decide where a credential or the database goes, or who
gets in.
"""


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, TIMEZONE="", RETENTION_DAYS="30") as site:
        yield site


@pytest.fixture
def admin(site) -> Reader:
    return panel(site)


def row(page: str, name: str) -> str:
    return words(page.partition(f' id="{name}"')[2].partition('<div class="setting"')[0].partition(">")[2])


def shown(page: str, group: str) -> str:
    form = page.partition(f'action="{CHANGE}{group}"')[2]
    return unescape(re.findall('name="shown" value="([^"]*)"', form)[0])


def test_admin_changes_a_setting_and_the_page_shows_it(site, admin):
    assert row(admin.get(PAGE), "name").endswith("Keep Change : Name")
    form = admin.get(f"{PAGE}?edit=name")
    assert 'name="site_name" type="text" autocomplete="off"\n    value="Koy Jabo"' in form
    admin.send(CHANGE + "name", site_name=" Rail Count ", site_name_bn="রেল")
    assert admin.location == f"{PAGE}#name"
    assert row(admin.get(PAGE), "name") == "Name Rail Count Change : Name"
    assert last_line(site) == ("Rani", "settings.change", "")
    assert "Name: Koy Jabo → Rail Count" in words(admin.get("/admin/audit"))


def test_invalid_value_is_shown_again_with_its_reason(site, admin):
    page = admin.send(CHANGE + "zone", 422, timezone="Asia/Dhakka")
    assert 'value="Asia/Dhakka"' in page
    assert "is not a time zone; use an IANA name such as Asia/Dhaka" in words(page)
    assert site.services[Settings].timezone == "Asia/Dhaka"
    admin.send(CHANGE + "nothing", 404)


def test_pages_that_show_their_number_are_set_on_the_page(site, admin):
    assert row(admin.get(PAGE), "page-numbers").startswith("Page numbers Off: no page shows its views.")
    page = admin.send(CHANGE + "page-numbers", 422, page_numbers="posts/*")
    assert 'value="posts/*"' in page
    assert "should be * or paths such as /posts/*,/about, without ? and #" in words(page)
    site.register("ayesha", page="/posts/a")
    admin.send(CHANGE + "page-numbers", page_numbers=" /posts/* , /about ")
    assert row(admin.get(PAGE), "page-numbers").startswith("Page numbers /posts/*,/about")
    assert when_counted(site, "/api/pages?path=/posts/a").json["pages"][0]["views"] == 1
    assert "Page numbers: off → /posts/*,/about" in words(admin.get("/admin/audit"))
    admin.send(CHANGE + "page-numbers", page_numbers="")
    assert site.client.get("/api/pages?path=/posts/a").json["code"] == "page_numbers_off"


@pytest.mark.parametrize(
    ("group", "fields"),
    [
        ("name", {"site_name": "x" * 61}),
        ("name", {"site_sentence": "x" * 161}),
        ("app", {"app_url": "app.example.com"}),
        ("mail", {**MAIL, "sender": "nobody"}),
        ("backups", {"backup_dir": "backups"}),
        ("milestones", {"milestones": "many"}),
        ("page-numbers", {"page_numbers": "posts/*"}),
    ],
)
def test_reasons_are_in_the_language_of_the_page(site, admin, group, fields):
    admin.headers["Accept-Language"] = "bn"
    page = row(admin.send(CHANGE + group, 422, password=PASSWORD, **fields), group)
    assert re.search("should|valid", page) is None
    assert re.search("হতে হবে|সঠিক নয়", page)


def test_two_admins_can_change_different_fields_of_a_form(site, admin, tmp_path):
    admin.send(CHANGE + "backups", password=PASSWORD, backup_dir=str(tmp_path))
    fields = {"backup_dir": str(tmp_path), "backup_at": "03:30", "backup_keep": "14"}
    fields["shown"] = shown(admin.get(f"{PAGE}?edit=backups"), "backups")
    admin.send(CHANGE + "backups", **{**fields, "backup_keep": "30", "password": PASSWORD})
    site.time.pass_(minutes=10)
    fields["shown"] = shown(admin.send(CHANGE + "backups", 422, **fields), "backups")
    admin.send(CHANGE + "backups", **{**fields, "backup_at": "04:00", "password": PASSWORD})
    assert (site.services[Settings].backup_at, site.services[Settings].backup_keep) == ("04:00", 30)


@pytest.mark.parametrize("path", [PAGE, f"{PAGE}?edit=name"])
def test_form_from_before_another_admin_named_the_site_keeps_that_name(site, admin, path):
    earlier = shown(admin.get(path), "name")
    admin.send(CHANGE + "name", site_name="Rail Count", site_name_bn="রেল")
    admin.send(CHANGE + "name", site_name="Koy Jabo", shown=earlier)
    assert (site.services[Settings].site_name, site.services[Settings].site_name_bn) == ("Rail Count", "রেল")


def test_setting_of_the_environment_is_shown_and_cannot_be_changed(site, admin):
    assert row(admin.get(PAGE), "retention").startswith("Visits are reduced After 30 days.")
    assert "Set in the environment" in row(admin.get(PAGE), "retention")
    assert "edit=retention" not in admin.get(PAGE)
    assert CHANGE + "retention" not in admin.get(f"{PAGE}?edit=retention")
    admin.send(CHANGE + "retention", retention_days="7")
    assert site.services[Settings].retention_days == 30


@pytest.mark.parametrize("name", PAGE_SETTINGS)
def test_every_setting_needs_a_proof_or_has_a_reason_for_none(sqlite_database, name):
    """A new setting fails here until it has a value, and a reason or a proof."""
    setting = PAGE_SETTINGS[name]
    value = VALUES[name] if name in VALUES else [*setting.words, setting.example][-1]
    with Site(sqlite_database.url, TIMEZONE="") as site:
        site.services[StoredSettings].change(OPERATOR, RETENTION_DAYS="30")
        panel(site).send(CHANGE + setting.row, 303 if name in WITHOUT_PROOF else 422, **{name.lower(): value})


@pytest.mark.parametrize("days", ["29", "1", "029", "30 "])
def test_visits_are_kept_for_a_shorter_time_only_with_a_proof(sqlite_database, days):
    with Site(sqlite_database.url) as site:
        site.services[StoredSettings].change(OPERATOR, RETENTION_DAYS="400" if days == "30 " else "30")
        admin = panel(site)
        assert 'name="password"' not in admin.get(f"{PAGE}?edit=retention")
        page = admin.send(CHANGE + "retention", 422, retention_days=days)
        assert 'name="password"' in page
        assert f'value="{days.strip()}"' in page
        admin.send(CHANGE + "retention", retention_days=days, password=PASSWORD)
        assert site.services[Settings].retention_days == int(days)


def test_the_default_may_be_a_shorter_time(sqlite_database):
    with Site(sqlite_database.url) as site:
        site.services[StoredSettings].change(OPERATOR, RETENTION_DAYS="1000")
        panel(site).send(CHANGE + "retention", 422, retention_days="")
        assert site.services[Settings].retention_days == 1000


@pytest.mark.parametrize("group", PROVED)
def test_change_that_a_stolen_session_must_not_make_needs_the_password(site, admin, group):
    fields = {"sign_up": "invited", "require_two_factor": "none", "allowed_origins": "https://a.example", **MAIL}
    fields |= {"public_url": "https://live.example.com", "app_url": "https://app.example.com"}
    admin.send(CHANGE + group, 422, **fields)
    admin.send(CHANGE + group, 422, **fields, password="something else")
    assert site.rows("SELECT * FROM stored_settings") == []
    admin.send(CHANGE + group, password=PASSWORD, **fields)


def test_account_with_an_authenticator_also_needs_its_code(site, admin):
    app = turn_on(log_in(site, "rani"))
    page = admin.send("/login", 200, email="rani@example.com", password=PASSWORD)
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert token
    admin.send("/login/second-factor", token=token[1], code=app.next_code())
    admin.send(CHANGE + "sign-up", 422, sign_up="invited", password=PASSWORD)
    assert site.services[Settings].sign_up == "open"
    admin.send(CHANGE + "sign-up", sign_up="invited", password=PASSWORD, code=app.next_code())
    assert site.services[Settings].sign_up == "invited"


def test_mail_server_is_one_setting_whose_password_is_kept(site, admin):
    admin.send(CHANGE + "mail", password=PASSWORD, **MAIL)
    settings = site.services[Settings]
    assert settings.smtp == parse(settings.smtp_url)
    assert settings.smtp is not None
    assert settings.smtp._asdict() == {
        **{"host": "mail.example.com", "port": 465, "user": "live@example.com", "password": "hush/@:?"},
        **{"sender_name": "Rail Count", "sender": "live@example.com", "security": "tls"},
    }
    assert settings.public_url == "http://localhost", "the address of the page, because there was none"
    form = admin.get(f"{PAGE}?edit=mail")
    assert "hush" not in form
    admin.send(
        CHANGE + "mail", password=PASSWORD, **{**MAIL, "smtp_password": "", "port": "587", "security": "starttls"}
    )
    assert settings.smtp.password == "hush/@:?"
    assert (settings.smtp.port, settings.smtp.security) == (587, "starttls")
    admin.send(CHANGE + "mail", password=PASSWORD, host="")
    assert settings.smtp is None


@pytest.mark.parametrize("other", [{"host": "mail.example.net"}, {"user": "other@example.com"}])
def test_stored_password_is_not_sent_to_another_mail_server(site, admin, other):
    admin.send(CHANGE + "mail", password=PASSWORD, **MAIL)
    page = admin.send(CHANGE + "mail", 422, password=PASSWORD, **{**MAIL, "smtp_password": "", **other})
    assert "type the password again" in page.partition('id="smtp_password-error"')[2][:80]
    assert site.services[Settings].smtp.host == "mail.example.com"


def test_spaces_around_passwords_belong_to_them(site, admin):
    admin.send("/account/password", current_password=PASSWORD, new_password=f" {PASSWORD} ")
    admin.send(CHANGE + "mail", password=f" {PASSWORD} ", **{**MAIL, "smtp_password": " hush "})
    assert site.services[Settings].smtp.password == " hush "


def test_two_step_login_is_required_only_by_an_admin_who_has_it(site, admin):
    page = admin.send(CHANGE + "two-step", 422, require_two_factor="admins", password=PASSWORD)
    assert "Set up two-step login for your own account first." in words(page)
    assert site.services[Settings].require_two_factor == "none"


def test_viewers_see_values_without_forms_and_secrets(site, admin, tmp_path):
    admin.send(CHANGE + "mail", password=PASSWORD, **MAIL)
    admin.send(CHANGE + "backups", password=PASSWORD, backup_dir=str(tmp_path))
    admin.send(CHANGE + "own", own_addresses="203.0.113.7")
    viewer = panel(site, "babul")
    site.rows("UPDATE users SET is_admin = false, is_viewer = true WHERE email = 'babul@example.com'")
    page = viewer.get(f"{PAGE}?edit=mail")
    hidden = {"mail.example.com", "live@example.com", "203.0.113.7/32", str(tmp_path)}
    assert not hidden & set(re.split(r"[\s<>\"]", page))
    assert CHANGE not in page
    viewer.send(CHANGE + "name", 403, site_name="x")


def test_saved_backups_begin_at_once(site, admin, tmp_path, monkeypatch):
    monkeypatch.setattr(Backups, "_run", lambda backups: True)
    admin.send(CHANGE + "backups", password=PASSWORD, backup_dir=str(tmp_path), now="1")
    assert admin.location.endswith("/admin/data#backups-label")
    assert site.rows("SELECT actor FROM audit_log WHERE action = 'backup.begin'") == [("Rani",)]


def test_backup_needs_a_place_and_the_form_suggests_one(site, admin, tmp_path):
    assert 'instance/backups"' in admin.get(f"{PAGE}?edit=backups")
    page = admin.send(CHANGE + "backups", 422, password=PASSWORD, backup_dir="", now="1")
    assert "Choose a folder." in page.partition('id="backup_dir-error"')[2][:50]
    assert site.rows("SELECT actor FROM audit_log WHERE action = 'backup.begin'") == []


def test_steps_of_a_new_site_are_finished_where_they_are(site, admin):
    says = "Koy Jabo · The app for bus, train and rickshaw riders in Bangladesh. Every visit is counted here, live."
    assert row(admin.get(PAGE), "name").startswith(f"Name Your home page says: {says} Keep")
    admin.send(CHANGE + "name", site_name="Koy Jabo")
    admin.send(CHANGE + "zone", timezone="Asia/Dhaka")
    assert 'data-needs="zone"' not in admin.get(PAGE)
    assert row(admin.get(PAGE), "name") == f"Name {says} Change : Name"
    assert 'name="reason" value="Continues another counter"' in admin.get(f"{PAGE}?edit=total")
    admin.confirm("/admin/receipt/total", total="4,000", reason="Continues another counter", next=PAGE)
    assert (admin.location, site.stats()["totalVisits"]) == (PAGE, 4000)
