"""People get pages, programs get JSON."""

from __future__ import annotations

import pytest
from support.app_fixtures import assert_error
from support.page_calls import Reader

from koyjabo.errors import LedgerUnavailable

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def client(site):
    return site.app.test_client()


def test_browsers_get_a_page_and_programs_get_json_of_what_is_not_there(client):
    for path in ("/nothing", "/communities/x/y/z"):
        answer = client.get(path, headers=BROWSER)
        assert (answer.status_code, answer.mimetype) == (404, "text/html")
        assert "There is no page at this address." in answer.text
    for path, headers in (("/nothing", {}), ("/nothing", {"Accept": "application/json"}), ("/api/nothing", BROWSER)):
        assert_error(client.get(path, headers=headers), 404, "not_found")


def test_forms_sent_to_a_page_that_takes_none_are_told_so_on_a_page(client):
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


def test_who_looks_is_asked_for_once_while_the_database_is_away(site, monkeypatch):
    """Each time may take seconds, when it is frozen."""
    asked = []

    def away(session_id, refresh_id):
        asked.append(session_id)
        raise LedgerUnavailable

    reader = Reader(site).sign_up("ayesha")
    monkeypatch.setattr(site.services.accounts.credentials, "login_of", away)
    for path, status in (("/account", 503), ("/admin/", 503), ("/", 200)):
        asked.clear()
        assert "Log in" in reader.get(path, status)
        assert len(asked) == 1
