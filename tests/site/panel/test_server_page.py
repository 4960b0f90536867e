"""The page Server: what is not done yet, settings with their values and forms, and who may change them."""

from __future__ import annotations

import re
from html import unescape

import pytest
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
    **{"SITE_BANGLA": "0", "SITE_COLOUR": "#ff7700"},
    **{"BACKUP_DIR": "/tmp", "BACKUP_AT": "04:00", "BACKUP_KEEP": "3", "RETENTION_DAYS": "31"},
    **{"BOT_POLICY": "ignore", "OWN_ADDRESSES": "203.0.113.7", "MILESTONES": "7", "PAGE_NUMBERS": "*"},
    **{"SIGN_UP": "invited", "REQUIRE_TWO_FACTOR": "none", "HONOUR_PRIVACY_SIGNALS": "0"},
    **{"ALLOWED_ORIGINS": "https://a.example", "SMTP_URL": ""},
}
SITE_TEXTS = ("SITE_NAME", "SITE_NAME_BN", "SITE_SENTENCE", "SITE_SENTENCE_BN")
WITHOUT_PROOF = {
    **dict.fromkeys(SITE_TEXTS, "texts on pages, which are escaped"),
    "SITE_BANGLA": "shows and hides fields and a switch",
    "SITE_COLOUR": "colours of pages, which stay legible",
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
    """The text of a setting's row."""
    return words(page.partition(f' id="{name}"')[2].partition('<div class="setting"')[0].partition(">")[2])


def shown(page: str, group: str) -> str:
    form = page.partition(f'action="{CHANGE}{group}"')[2]
    return unescape(re.findall('name="shown" value="([^"]*)"', form)[0])


def test_a_viewer_sees_the_same_parts_of_a_setting_on_every_page(sqlite_database):
    """Texts in Bangla are on pages in Bangla."""
    with Site(sqlite_database.url, TIMEZONE="") as site:
        admin, viewer, log = panel(site), Reader(site).sign_up("nila"), "/admin/audit"
        mail = "smtps://live:hush@mail.example.com?from=a@b.cd"
        site.services[StoredSettings].change(OPERATOR, **(VALUES | {"SMTP_URL": mail}))
        site.rows("UPDATE users SET is_viewer = true WHERE email = 'nila@example.com'")
        page, admins_log = viewer.get(PAGE), words(admin.get(log))
        texts = filter(str.isascii, VALUES.values())
        hidden = {value for value in texts if value in admins_log and value not in words(page)}
        assert hidden >= {VALUES["BACKUP_DIR"], VALUES["OWN_ADDRESSES"]}
        assert [value for value in hidden if value in words(viewer.get(log))] == []
        assert "•••" in row(page, "own")


def test_an_admin_changes_a_setting_on_the_page(site, admin):
    assert 'data-needs="name"' in admin.get(PAGE)
    form = admin.get(f"{PAGE}?edit=name")
    assert 'name="site_name" type="text" autocomplete="off"\n    value="Koy Jabo"' in form
    assert "placeholder=" in form.partition('id="site_sentence"')[2].partition(">")[0], "the sentence in force"
    untouched = {"shown": shown(form, "name"), "site_colour": "#006a4e"}
    admin.send(CHANGE + "name", site_name=" Rail Count ", site_name_bn="রেল", **untouched)
    assert admin.location == f"{PAGE}#name"
    assert site.services[StoredSettings].source("SITE_COLOUR") == "default", "it follows the name"
    page = admin.get(PAGE)
    assert "Rail Count" in row(page, "name")
    assert 'data-needs="name"' not in page
    assert last_line(site) == ("Rani", "settings.change", "")
    assert ": Koy Jabo → Rail Count" in words(admin.get("/admin/audit"))


def test_the_panel_of_a_site_without_bangla_has_no_field_and_no_switch_for_it(site, admin):
    def of_bangla() -> list[bool]:
        pages = [admin.get(path) for path in (PAGE, "/communities/new", f"/communities/{with_text}/settings")]
        return ['name="language"' in pages[0], *("descriptionBn" in page for page in pages[1:])]

    admin.send("/communities/new", name="Commuters", descriptionBn="যাত্রী")
    with_text = admin.location.split("/")[2].partition("?")[0]
    assert of_bangla() == [True, True, True]
    untouched = {"site_bangla": "1", "shown": shown(admin.get(f"{PAGE}?edit=name"), "name")}
    admin.send(CHANGE + "name", site_name="Le Blog", **untouched)
    assert of_bangla() == [False, False, True]
    assert re.search('<option value="0" selected', admin.get(f"{PAGE}?edit=name"))
    admin.send(CHANGE + "name", site_name="Le Blog", site_bangla="1")
    assert of_bangla() == [True, True, True]


def test_an_invalid_value_is_redisplayed_with_its_error_in_the_language_of_the_page(site, admin):
    admin.headers["Accept-Language"] = "bn"
    for group, fields, value in (
        ("zone", {"timezone": "Asia/Dhakka"}, "Asia/Dhakka"),
        ("mail", {**MAIL, "sender": "nobody"}, "nobody"),
        ("page-numbers", {"page_numbers": "posts/*"}, "posts/*"),
    ):
        page = admin.send(CHANGE + group, 422, password=PASSWORD, **fields)
        assert f'value="{value}"' in page
        assert 'data-address="/admin/server"' in page, "another address would make the page leave its form"
        (error,) = re.findall(r'class="error">([^<]*)<', page)
        assert re.search("হতে হবে|সঠিক নয়|নয়|নেই|শুধু", error), error
    assert site.rows("SELECT * FROM stored_settings") == []
    admin.send(CHANGE + "nothing", 404)


def test_two_admins_can_change_different_fields_of_a_form_at_once(site, admin, tmp_path):
    admin.send(CHANGE + "backups", password=PASSWORD, backup_dir=str(tmp_path))
    fields = {"backup_dir": str(tmp_path), "backup_at": "03:30", "backup_keep": "14"}
    fields["shown"] = shown(admin.get(f"{PAGE}?edit=backups"), "backups")
    admin.send(CHANGE + "backups", **{**fields, "backup_keep": "30", "password": PASSWORD})
    site.time.pass_(minutes=10)
    fields["shown"] = shown(admin.send(CHANGE + "backups", 422, **fields), "backups")
    admin.send(CHANGE + "backups", **{**fields, "backup_at": "04:00", "password": PASSWORD})
    assert (site.services[Settings].backup_at, site.services[Settings].backup_keep) == ("04:00", 30)


def test_an_older_form_does_not_undo_the_change_of_another_admin(site, admin):
    earlier = shown(admin.get(f"{PAGE}?edit=name"), "name")
    admin.send(CHANGE + "name", site_name="Rail Count", site_name_bn="রেল")
    admin.send(CHANGE + "name", site_name="Koy Jabo", shown=earlier)
    assert (site.services[Settings].site_name, site.services[Settings].site_name_bn) == ("Rail Count", "রেল")


def test_a_setting_of_the_environment_is_shown_and_cannot_be_changed(site, admin):
    page = admin.get(PAGE)
    assert " 30 " in row(page, "retention")
    assert "edit=retention" not in page
    assert CHANGE + "retention" not in admin.get(f"{PAGE}?edit=retention")
    admin.send(CHANGE + "retention", retention_days="7")
    assert site.services[Settings].retention_days == 30


def test_a_form_shows_the_values_of_the_environment_in_fields_that_cannot_be_changed(sqlite_database):
    with Site(sqlite_database.url, SITE_NAME="Carnet") as site:
        page = panel(site).get(f"{PAGE}?edit=name")
    assert re.search('<input id="site_name" value="Carnet"[^>]* disabled>', page)


def test_every_setting_needs_a_password_or_has_a_reason_for_none(sqlite_database):
    """A new setting fails here until it has a value, and a reason or a password."""
    with Site(sqlite_database.url, TIMEZONE="") as site:
        site.services[StoredSettings].change(OPERATOR, RETENTION_DAYS="30")
        admin = panel(site)
        for name, setting in PAGE_SETTINGS.items():
            value = VALUES[name] if name in VALUES else [*setting.words, setting.example][-1]
            admin.send(CHANGE + setting.row, 303 if name in WITHOUT_PROOF else 422, **{name.lower(): value})


def test_a_shorter_retention_needs_the_password(sqlite_database):
    with Site(sqlite_database.url) as site:
        admin = panel(site)
        for stored, days in (("30", "29"), ("30", "1"), ("30", "029"), ("400", "30 "), ("1000", "")):
            site.services[StoredSettings].change(OPERATOR, RETENTION_DAYS=stored)
            assert 'name="password"' not in admin.get(f"{PAGE}?edit=retention")
            page = admin.send(CHANGE + "retention", 422, retention_days=days)
            assert 'name="password"' in page
            assert f'value="{days.strip()}"' in page
            assert site.services[Settings].retention_days == int(stored)
        admin.send(CHANGE + "retention", retention_days="29", password=PASSWORD)
        assert site.services[Settings].retention_days == 29


def test_a_change_that_a_stolen_session_must_not_make_needs_the_password(site, admin):
    fields = {"sign_up": "invited", "require_two_factor": "none", "allowed_origins": "https://a.example", **MAIL}
    fields |= {"public_url": "https://live.example.com", "app_url": "https://app.example.com"}
    for group in PROVED:
        admin.send(CHANGE + group, 422, **fields)
        admin.send(CHANGE + group, 422, **fields, password="something else")
    assert site.rows("SELECT * FROM stored_settings") == []
    for group in PROVED:
        admin.send(CHANGE + group, password=PASSWORD, **fields)


def test_an_account_with_an_authenticator_also_needs_its_code(site, admin):
    app = turn_on(log_in(site, "rani"))
    page = admin.send("/login", 200, email="rani@example.com", password=PASSWORD)
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert token
    admin.send("/login/second-factor", token=token[1], code=app.next_code())
    admin.send(CHANGE + "sign-up", 422, sign_up="invited", password=PASSWORD)
    assert site.services[Settings].sign_up == "open"
    admin.send(CHANGE + "sign-up", sign_up="invited", password=PASSWORD, code=app.next_code())
    assert site.services[Settings].sign_up == "invited"


def test_a_mail_server_keeps_its_password_when_its_other_fields_change(site, admin):
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
    later = {**MAIL, "smtp_password": "", "port": "587", "security": "starttls"}
    admin.send(CHANGE + "mail", password=PASSWORD, **later)
    assert settings.smtp.password == "hush/@:?"
    assert (settings.smtp.port, settings.smtp.security) == (587, "starttls")
    admin.send(CHANGE + "mail", password=PASSWORD, host="")
    assert settings.smtp is None


def test_the_stored_password_of_a_mail_server_is_not_sent_to_another_server(site, admin):
    admin.send(CHANGE + "mail", password=PASSWORD, **MAIL)
    for other in ({"host": "mail.example.net"}, {"user": "other@example.com"}):
        page = admin.send(CHANGE + "mail", 422, password=PASSWORD, **{**MAIL, "smtp_password": "", **other})
        assert 'id="smtp_password-error"' in page
    assert site.services[Settings].smtp.host == "mail.example.com"


def test_a_viewer_sees_settings_without_forms_and_secrets(site, admin, tmp_path):
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


def test_a_backup_begins_once_its_form_has_a_folder(site, admin, tmp_path, monkeypatch):
    monkeypatch.setattr(Backups, "_run", lambda backups: True)
    assert 'instance/backups"' in admin.get(f"{PAGE}?edit=backups")
    page = admin.send(CHANGE + "backups", 422, password=PASSWORD, backup_dir="", now="1")
    assert 'id="backup_dir-error"' in page
    assert site.rows("SELECT actor FROM audit_log WHERE action = 'backup.begin'") == []
    admin.send(CHANGE + "backups", password=PASSWORD, backup_dir=str(tmp_path), now="1")
    assert admin.location.endswith("/admin/server#backups")
    assert site.rows("SELECT actor FROM audit_log WHERE action = 'backup.begin'") == [("Rani",)]
