"""Parts that all pages share: their heads, flash messages, errors and links to the next page of a list."""

import json
import re
from html import unescape
from io import BytesIO

import pytest
from itsdangerous import URLSafeTimedSerializer
from PIL import Image
from pydantic import ValidationError
from support.application.site import assert_error
from support.people.admins import panel
from support.people.communities import roles_in
from support.people.page_readers import Reader, words

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.settings.schema import Settings
from koyjabo.people.mail.localizer import catalogue
from koyjabo.web.pages import flash
from koyjabo.web.schemas.bodies import sentence

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
LISTED_PER_PAGE = 20
NEXT = re.compile(r'rel="next" href="([^"]*)"')


REFUSED = {
    "SITE_NAME": "x" * 61,
    "SITE_SENTENCE_BN": "x" * 161,
    "APP_URL": "example.com",
    "PUBLIC_URL": "https://live.example.com/path",
    "TIMEZONE": "Lyon",
    "BACKUP_DIR": "backups",
    "BACKUP_AT": "25:00",
    "BACKUP_KEEP": "0",
    "RETENTION_DAYS": "many",
    "BOT_POLICY": "x",
    "HONOUR_PRIVACY_SIGNALS": "x",
    "MILESTONES": "x",
    "OWN_ADDRESSES": "x",
    "ALLOWED_ORIGINS": "x",
}
SMTP = (
    "mail.example.com",
    "smtp://h:99999?from=a@b.com",
    "smtp://h",
    "smtp://:p@h?from=a@b.com",
    "smtp://h?from=ঢাকা@b.com",
)

NAME = "100% <b>ঢাকা</b> %(name)s"

ICONS = {"/favicon.ico": {(16, 16), (32, 32), (48, 48)}, "/apple-touch-icon.png": {(180, 180)}}
PAGES = ["/", "/login", "/signup", "/communities", "/docs", "/forgot-password"]


@pytest.fixture(scope="module")
def client(site):
    return site.app.test_client()


@pytest.fixture(scope="module")
def admin(site) -> Reader:
    return panel(site)


def test_an_error_is_a_page_for_browsers_and_json_for_programs(client):
    answer = client.get("/<script>alert(1)</script>", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "<script>alert" not in answer.text
    for path, headers in (("/nothing", {}), ("/nothing", {"Accept": "application/json"}), ("/api/nothing", BROWSER)):
        assert_error(client.get(path, headers=headers), 404, "not_found")
    answer = client.put("/login", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (405, "text/html")
    assert "GET" in answer.headers["Allow"]


def test_a_session_is_looked_up_once_per_page_while_the_database_is_unavailable(site, monkeypatch):
    """A frozen database may take seconds to respond."""
    lookups = []

    def unavailable(session_id, refresh_id):
        lookups.append(session_id)
        raise LedgerUnavailable

    reader = Reader(site).sign_up("ayesha")
    monkeypatch.setattr(site.services.identities, "login_of", unavailable)
    for path, status in (("/account", 503), ("/admin/", 503), ("/", 200)):
        lookups.clear()
        assert 'href="/login' in reader.get(path, status)
        assert len(lookups) == 1


def reason(name: str, value: str) -> str:
    try:
        Settings.model_validate({name: value})
    except ValidationError as error:
        return sentence(error.errors()[0])
    return ""


def test_the_error_of_every_invalid_setting_has_a_bangla_translation():
    reasons = [reason(name, value) for name, value in REFUSED.items()] + [reason("SMTP_URL", value) for value in SMTP]
    templates = [getattr(text, "template", text) for text in reasons]
    assert [template for template in templates if catalogue("bn").gettext(template) == template] == []


def test_the_link_to_the_next_page_keeps_all_arguments(admin):
    for number in range(LISTED_PER_PAGE + 1):
        admin.send("/communities/new", name=f"Line {number}")
    for path in ("/communities", "/admin/communities"):
        for name in ("endpoint", "_method", "_external", "_scheme", "_anchor", "query"):
            (link,) = NEXT.findall(admin.get(f"{path}?{name}=line"))
            assert unescape(link) == f"{path}?{name}=line&page=2"


@pytest.fixture(scope="module")
def founder(site) -> Reader:
    return Reader(site).sign_up("founder")


def test_a_flash_message_escapes_the_name_of_its_subject_and_appears_once(founder):
    founder.send("/communities/new", name=NAME)
    path = founder.location
    assert "?" not in path
    page = founder.get(path)
    assert words(page.partition("data-outcome>")[2]).startswith(NAME)
    assert "<b>ঢাকা" not in page
    assert "data-outcome" not in founder.get(path)


def test_a_changed_role_can_be_undone_from_its_flash_message(site, founder):
    founder.send("/communities/new", name="Mirpur 10", open="on", listed="on")
    community = founder.location.rpartition("/")[2]
    member = Reader(site).sign_up("karim")
    member.send(f"/communities/{community}/join")
    (karim,) = (user for user, role in roles_in(site, community).items() if role == "member")
    founder.send(f"/communities/{community}/members/{karim}?query=k", role="moderator")
    page = founder.get(founder.location)
    assert f'action="/communities/{community}/members/{karim}?query=k"' in page
    assert '<input type="hidden" name="role" value="member">' in page


def page_with_cookie(site, key: str, salt: str) -> str:
    reader = Reader(site)
    cookie = str(URLSafeTimedSerializer(key, salt=salt).dumps(["You have won", None]))
    reader.client.set_cookie(flash.OUTCOME_COOKIE, cookie)
    return reader.get("/login")


def test_a_flash_message_is_shown_only_if_this_server_signed_it_recently(site, monkeypatch):
    key = site.app.config["SECRET_KEY"]
    assert "You have won" in page_with_cookie(site, key, flash.OUTCOME_COOKIE)
    assert "You have won" not in page_with_cookie(site, "another key", flash.OUTCOME_COOKIE)
    assert "You have won" not in page_with_cookie(site, key, "another purpose")
    monkeypatch.setattr(flash, "OUTCOME_S", -1)
    assert "You have won" not in page_with_cookie(site, key, flash.OUTCOME_COOKIE)


def test_browsers_find_the_icons_at_their_usual_paths(site):
    for path, sizes in ICONS.items():
        answer = site.client.get(path)
        image = Image.open(BytesIO(answer.data))
        assert getattr(image, "info", {}).get("sizes", {image.size}) == sizes
        assert answer.headers["Cache-Control"] == "public, max-age=300"
        assert len(answer.data) < 8_000


def test_the_manifest_lists_existing_icons(site):
    answer = site.client.get("/manifest.webmanifest")
    assert answer.mimetype == "application/manifest+json"
    icons = json.loads(answer.data)["icons"]
    for icon in icons:
        picture = site.client.get(icon["src"])
        assert (picture.status_code, picture.mimetype) == (200, icon["type"])
        if icon["sizes"] != "any":
            assert "x".join(map(str, Image.open(BytesIO(picture.data)).size)) == icon["sizes"]
    assert {"any", "192x192", "512x512"} <= {icon["sizes"] for icon in icons}
    page = site.client.get("/")
    assert 'rel="manifest" href="/manifest.webmanifest" crossorigin="use-credentials"' in page.text
    assert "manifest-src 'self'" in page.headers["Content-Security-Policy"]


def test_robots_txt_keeps_crawlers_out_of_the_panel_and_the_api(site):
    answer = site.client.get("/robots.txt")
    assert answer.mimetype == "text/plain"
    kept_out = {line.removeprefix("Disallow: ") for line in answer.text.splitlines() if line.startswith("Disallow")}
    assert {"/admin", "/api/", "/account"} <= kept_out
    assert not [path for path in PAGES if path.startswith(tuple(kept_out))]
