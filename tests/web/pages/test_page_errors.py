"""Error pages, links to the next page of a list, and templates that use missing attributes."""

import re
from fractions import Fraction
from html import unescape

import pytest
from jinja2.exceptions import UndefinedError
from support.application.site import Site, assert_error
from support.databases.database import SqliteDatabase
from support.people.accounts import PASSWORD
from support.people.admins import id_of, panel
from support.people.page_readers import Reader

from koyjabo.base.core.errors import LedgerUnavailable

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def client(site):
    return site.app.test_client()


def test_missing_pages_are_html_for_browsers_and_json_for_programs(client):
    for path in ("/nothing", "/communities/x/y/z"):
        answer = client.get(path, headers=BROWSER)
        assert (answer.status_code, answer.mimetype) == (404, "text/html")
        assert "There is no page at this address." in answer.text
    for path, headers in (("/nothing", {}), ("/nothing", {"Accept": "application/json"}), ("/api/nothing", BROWSER)):
        assert_error(client.get(path, headers=headers), 404, "not_found")


def test_form_sent_to_a_page_that_takes_none_is_answered_by_a_page(client):
    answer = client.put("/login", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (405, "text/html")
    assert "GET" in answer.headers["Allow"]


def test_path_that_was_asked_for_is_not_repeated(client):
    assert "<script>alert" not in client.get("/<script>alert(1)</script>", headers=BROWSER).text


def test_sentences_are_shown_as_text_whatever_is_in_them(client):
    app = client.application
    with app.test_request_context("/"):
        shown = app.jinja_env.from_string("{{ sentence | translated }}").render(sentence="100 % of <b>it</b> %(x)s")
    assert shown == "100 % of &lt;b&gt;it&lt;/b&gt; %(x)s"


def test_reader_is_looked_up_once_while_the_database_is_away(site, monkeypatch):
    """A frozen database may take seconds to respond."""
    asked = []

    def away(session_id, refresh_id):
        asked.append(session_id)
        raise LedgerUnavailable

    reader = Reader(site).sign_up("ayesha")
    monkeypatch.setattr(site.services.identities, "login_of", away)
    for path, status in (("/account", 503), ("/admin/", 503), ("/", 200)):
        asked.clear()
        assert "Log in" in reader.get(path, status)
        assert len(asked) == 1


ERROR = re.compile(r'(?s)<(?:small id="[^"]*" class="error"|p class="notice warning" role="alert")>(.*?)</')
ENGLISH = re.compile(r"[A-Za-z]{2,}")
EXAMPLES = "ayesha@example.com"
SENT = {
    "no email, short password": ("/signup", {"name": "a", "email": "a", "password": "1234567"}, 2),
    "long email, long password": ("/signup", {"name": "a", "email": "a" * 300 + "@b.cd", "password": "1" * 129}, 2),
    "another password": ("/account/password", {"current_password": "another", "new_password": "rickshaws"}, 1),
    "a short new password": ("/account/password", {"current_password": PASSWORD, "new_password": "1"}, 1),
    "no name, long description": ("/communities/new", {"name": " ", "description": "a" * 2001}, 2),
    "a long name": ("/communities/new", {"name": "a" * 201, "description": ""}, 1),
    "no total, no reason": ("/admin/receipt/total", {"total": "x", "reason": " "}, 2),
    "a total too large": ("/admin/receipt/total", {"total": "9" * 17, "reason": "why not"}, 1),
    "an export of no days": ("/admin/data/export", {"first_day": "x", "last_day": "y", "community_id": "z"}, 3),
    "an export backwards": ("/admin/data/export", {"first_day": "2025-12-17", "last_day": "2025-12-16"}, 1),
}


@pytest.fixture(scope="module")
def admin(site) -> Reader:
    reader = panel(site)
    reader.headers = {**reader.headers, "Accept-Language": "bn"}
    return reader


@pytest.mark.parametrize(("path", "said", "errors"), SENT.values(), ids=SENT)
def test_errors_of_forms_are_in_bangla(site, admin, path, said, errors):
    reader = Reader(site, "bn") if path == "/signup" else admin
    answer = reader.client.post(path, headers=reader.headers, data={"csrf_token": reader.csrf, **said})
    assert answer.status_code in (400, 401, 403, 422), answer.text
    check(answer.text, errors)


def check(page: str, errors: int) -> None:
    texts = [unescape(text).replace(EXAMPLES, "") for text in ERROR.findall(page)]
    assert len(texts) == errors, page
    assert [text for text in texts if ENGLISH.search(text)] == []


@pytest.fixture(scope="module")
def render(module_sqlite_database):
    with Site(module_sqlite_database.url) as site:
        yield lambda text, **values: site.app.jinja_env.from_string(text).render(values)


def test_missing_attribute_of_a_result_is_an_error(render):
    with pytest.raises(UndefinedError, match="Fraction has no attribute 'total'"):
        render("{% if result.total %}x{% endif %}", result=Fraction(1))


def test_missing_variables_and_keys_are_empty(render):
    assert render("{{ total }}{{ row.total }}{{ none_.total }}", row={}, none_=None) == ""


PER_PAGE = 20
NEXT = re.compile(r'rel="next" href="([^"]*)"')


@pytest.fixture(scope="module")
def owner(tmp_path_factory):
    with Site(SqliteDatabase.migrated(tmp_path_factory.mktemp("lists") / "site.db").url) as site:
        owner = panel(site)
        owner.id = id_of(site, "rani")
        for number in range(PER_PAGE + 1):
            owner.send("/communities/new", name=f"Line {number}")
        yield owner


def next_page(page: str) -> str:
    (link,) = NEXT.findall(page)
    return link.replace("&amp;", "&")


def test_arguments_of_an_address_are_nothing_but_arguments(owner):
    for path in ("/communities", "/admin/communities"):
        for name in ("endpoint", "_method", "_external", "_scheme", "_anchor", "query"):
            assert next_page(owner.get(f"{path}?{name}=line")) == f"{path}?{name}=line&page=2"
