"""A refused form comes back filled in and can be sent again."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from support.application.site import Site, site_fixture
from support.clients.forms import CONFIRMED, TYPED, FormOnPage, form_on
from support.people.accounts import PASSWORD, sign_up
from support.people.page_readers import Reader, words
from support.people.permissions import RULES, WITHOUT_SESSION
from support.people.routes import CHANGING, path_of, rules
from support.servers.mailbox import PUBLIC_URL

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.database.executor import DatabaseThread
from koyjabo.people.accounts.services import AccountServices
from koyjabo.web.forms.sent_form import SECRET_LABELS, TEXT_FIELDS

TEMPLATES = Path(__file__).resolve().parents[3] / "koyjabo" / "templates"
VALID = {
    **dict.fromkeys(("first_day", "last_day", "until", "day"), "2025-12-16"),
    **dict.fromkeys(("email", "confirmation", "sender"), "nobody@example.com"),
    "name": 'Banani "<b>"',
    "description": "By bus\r\nand by boat",
    "descriptionBn": "বাসে\r\nও নৌকায়",
    "total": "5000",
    "visitor_id": "ayesha",
    "timezone": "Asia/Kolkata",
    "host": "mail.example.com",
    "port": "587",
    "public_url": "https://live.example.com",
}
CHOSEN = {"role": "moderator", "open": "on", "token": "t0ken", "visitorId": "visitor_1"}
CHOSEN |= {CONFIRMED: "0af", TYPED: "Banani"}
SECRET = dict.fromkeys(SECRET_LABELS, "rickshaw at dawn")
RETRY = "data-countdown"
MAIL_SERVER = "smtp://127.0.0.1:9?from=live@example.com&tls=off"  # no server listens there
NEEDS_NO_DATABASE = {"pages_preferences.choose_language", "pages_preferences.choose_theme"}

PAGES = sorted(
    endpoint for endpoint in RULES if endpoint.startswith(("pages_", "panel_")) and endpoint not in NEEDS_NO_DATABASE
)


@pytest.fixture(scope="module")
def site(module_sqlite_database) -> Iterator[Site]:
    """A site that sends email, so that it has all forms."""
    with Site(module_sqlite_database.url, SMTP_URL=MAIL_SERVER, PUBLIC_URL=PUBLIC_URL) as site:
        yield site


@contextmanager
def database_away() -> Iterator[None]:
    def fail(thread: DatabaseThread) -> None:
        raise OperationalError("SELECT 1", {}, Exception("the server is away"))

    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(DatabaseThread, "_connected", fail)
        yield


@pytest.fixture(scope="module")
def boss(site, cast) -> Reader:
    cast.kept_community()
    return Reader(site).log_in("site_admin")


def written() -> dict[str, str]:
    """A value for each text field. The features have added theirs once there is a site."""
    return {name: f"the {name}" for name in TEXT_FIELDS if name != TYPED} | VALID


def assert_comes_back(page: str, reader: Reader) -> FormOnPage:
    form = form_on(page)
    assert form.unmasked == {**written(), **CHOSEN, **dict.fromkeys(SECRET_LABELS, ""), "csrf_token": reader.csrf}
    seen = {name for name, kind in form.kinds.items() if kind != "hidden"} | {"description", "descriptionBn"}
    assert seen == {*TEXT_FIELDS, *SECRET_LABELS}
    assert set(form.labels) == seen
    assert {form.kinds[name] for name in SECRET_LABELS} == {"password"}
    assert "rickshaw" not in page
    return form


def test_every_form_is_redisplayed_with_its_fields_while_the_database_is_unavailable(site, cast, boss):
    forms = [endpoint for endpoint in PAGES if (rules(site)[endpoint].methods or set()) & CHANGING]
    paths = {endpoint: path_of(site, cast, rules(site)[endpoint], cast.kept_community()) for endpoint in forms}
    with database_away():
        for endpoint, path in paths.items():
            reader = Reader(site) if endpoint in WITHOUT_SESSION else boss
            page = reader.send(f"{path}?next=/communities", 503, **written(), **CHOSEN, **SECRET)
            assert assert_comes_back(page, reader).action == f"{path}?next=/communities"
            assert "no-store" in reader.headers_of_answer["Cache-Control"]
            wait_s = int(reader.headers_of_answer["Retry-After"])
            assert f'<button class="primary" data-countdown="{wait_s}">' in page
            assert f" {wait_s} " in words(page), "also without scripts"


def test_only_a_form_of_this_site_is_redisplayed(boss):
    """With a valid token, clicking it would do what another site wants."""
    with database_away():
        assert RETRY not in boss.get("/account", 503)
        for token in ("", "x" * 36):
            page = boss.send("/communities/new", 503, csrf_token=token, name="Theirs")
            assert "Theirs" not in page
            assert RETRY not in page


limited = site_fixture(RATE_LIMIT_CHANGES="4")


def test_a_login_after_too_many_attempts_is_redisplayed_without_its_password(limited, monkeypatch):
    sign_up(limited)
    reader, values = Reader(limited, "bn"), {"email": "ayesha@example.com", "visitorId": "visitor_1"}
    for _ in range(10):
        reader.send("/login?next=/account", 422, **values, password="rickshaw at noon")
    page = reader.send("/login?next=/account", 429, **values, password=PASSWORD)
    assert PASSWORD not in page
    form = form_on(page)
    assert form.fields == {**values, "password": "", "csrf_token": ""}
    later = time.monotonic() + int(reader.headers_of_answer["Retry-After"])
    monkeypatch.setattr(time, "monotonic", lambda: later)
    reader.send(form.action, **{**form.fields, "password": PASSWORD})
    assert reader.location == "/account"


def test_a_login_succeeds_although_the_earlier_session_cannot_be_ended(sqlite_database, monkeypatch):
    """The login is already stored: a 503 would ask for another one."""

    def fail(session_id: str) -> None:
        raise LedgerUnavailable

    with Site(sqlite_database.url) as site:
        reader = Reader(site).sign_up("ayesha")
        monkeypatch.setattr(site.services[AccountServices].credentials, "log_out", fail)
        reader.log_in("ayesha")
        reader.get("/account")


def test_every_field_of_a_template_is_listed_as_a_text_or_as_a_secret():
    """Fields that are not listed come back hidden, and a password must not."""
    texts = [path.read_text() for path in TEMPLATES.rglob("*.html")]
    typed = {name for text in texts for name in re.findall(r'forms\.(?:long_)?text\([\w.]+, "(\w+)"', text)}
    typed |= set(re.findall(r'\{\{ (?:long_)?text\(form, "(\w+)"', (TEMPLATES / "webkit" / "forms.html").read_text()))
    assert typed == {*TEXT_FIELDS, *SECRET_LABELS, TYPED}
    passwords = {name for text in texts for name in re.findall(r'"(\w+)", [^{}]*?type="password"', text)}
    assert passwords <= set(SECRET_LABELS)
