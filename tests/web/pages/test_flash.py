"""The flash message after a form: it names its subject, appears once, can offer undo, and only this server can write
it.
"""

import pytest
from itsdangerous import URLSafeTimedSerializer
from support.people.communities import roles_in
from support.people.page_readers import Reader, words

from koyjabo.web.pages import flash

NAME = "100% <b>ঢাকা</b> %(name)s"


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
