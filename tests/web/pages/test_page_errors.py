"""Error pages, links to the next page of a list, and templates that use missing attributes."""

import re
from fractions import Fraction
from html import unescape

import pytest
from jinja2.exceptions import UndefinedError
from support.application.site import assert_error
from support.people.accounts import PASSWORD
from support.people.admins import panel
from support.people.page_readers import Reader

from koyjabo.base.core.errors import LedgerUnavailable

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
LISTED_PER_PAGE = 20
NEXT = re.compile(r'rel="next" href="([^"]*)"')
ERROR = re.compile(r'(?s)<(?:small id="[^"]*" class="error"|p class="notice warning" role="alert")>(.*?)</')
ENGLISH = re.compile(r"[A-Za-z]{2,}")
EXAMPLE_EMAIL = "ayesha@example.com"
INVALID_FORMS = [
    ("/signup", {"name": "a", "email": "a", "password": "1234567"}, 2),
    ("/signup", {"name": "a", "email": "a" * 300 + "@b.cd", "password": "1" * 129}, 2),
    ("/account/password", {"current_password": "another", "new_password": "rickshaws"}, 1),
    ("/account/password", {"current_password": PASSWORD, "new_password": "1"}, 1),
    ("/communities/new", {"name": " ", "description": "a" * 2001}, 2),
    ("/communities/new", {"name": "a" * 201, "description": ""}, 1),
    ("/admin/receipt/total", {"total": "x", "reason": " "}, 2),
    ("/admin/receipt/total", {"total": "9" * 17, "reason": "why not"}, 1),
    ("/admin/data/export", {"first_day": "x", "last_day": "y", "community_id": "z"}, 3),
    ("/admin/data/export", {"first_day": "2025-12-17", "last_day": "2025-12-16"}, 1),
]
"""Paths and fields of forms, with the number of errors."""


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


def test_the_errors_of_a_form_are_in_bangla_on_a_bangla_page(site, admin):
    admin.headers["Accept-Language"] = "bn"
    for path, fields, count in INVALID_FORMS:
        reader = Reader(site, "bn") if path == "/signup" else admin
        answer = reader.client.post(path, headers=reader.headers, data={"csrf_token": reader.csrf, **fields})
        assert answer.status_code in (400, 401, 403, 422), answer.text
        texts = [unescape(text).replace(EXAMPLE_EMAIL, "") for text in ERROR.findall(answer.text)]
        assert len(texts) == count, (path, fields)
        assert [text for text in texts if ENGLISH.search(text)] == []


def test_a_template_that_uses_a_missing_attribute_of_an_object_fails(site):
    template = site.app.jinja_env.from_string("{% if result.total %}x{% endif %}")
    with pytest.raises(UndefinedError, match="Fraction has no attribute 'total'"):
        template.render(result=Fraction(1))


def test_the_link_to_the_next_page_keeps_all_arguments(admin):
    for number in range(LISTED_PER_PAGE + 1):
        admin.send("/communities/new", name=f"Line {number}")
    for path in ("/communities", "/admin/communities"):
        for name in ("endpoint", "_method", "_external", "_scheme", "_anchor", "query"):
            (link,) = NEXT.findall(admin.get(f"{path}?{name}=line"))
            assert unescape(link) == f"{path}?{name}=line&page=2"
