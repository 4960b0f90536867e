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


def test_new_account_is_welcomed_where_it_can_go_on(site):
    reader = Reader(site).sign_up("ayesha")
    assert reader.location == "/communities"
    assert "Welcome, Ayesha. Your account was created." in words(reader.get(reader.location))


def test_outcome_names_its_subject_as_text_and_is_said_once(founder):
    founder.send("/communities/new", name=NAME)
    assert "?" not in founder.location
    path = founder.location
    page = founder.get(path)
    assert f"{NAME} was created." in words(page)
    assert "<b>ঢাকা" not in page
    assert "was created." not in founder.get(path)


def test_change_of_a_role_is_taken_back_by_its_outcome(site, founder):
    founder.send("/communities/new", name="Mirpur 10", open="on", listed="on")
    community = founder.location.rpartition("/")[2]
    member = Reader(site).sign_up("karim")
    member.send(f"/communities/{community}/join")
    (karim,) = (user for user, role in roles_in(site, community).items() if role == "member")
    founder.send(f"/communities/{community}/members/{karim}?query=k", role="moderator")
    page = founder.get(founder.location)
    assert "The role of Karim was changed. Undo" in words(page)
    assert f'action="/communities/{community}/members/{karim}?query=k"' in page
    assert '<input type="hidden" name="role" value="member">' in page


def page_with_cookie(site, key: str, salt: str) -> str:
    reader = Reader(site)
    reader.client.set_cookie(
        flash.OUTCOME_COOKIE, str(URLSafeTimedSerializer(key, salt=salt).dumps(["You have won", None]))
    )
    return reader.get("/login")


def test_only_this_server_writes_outcomes_and_late_ones_are_dropped(site, monkeypatch):
    key = site.app.config["SECRET_KEY"]
    assert "You have won" in page_with_cookie(site, key, flash.OUTCOME_COOKIE)
    assert "You have won" not in page_with_cookie(site, "another key", flash.OUTCOME_COOKIE)
    assert "You have won" not in page_with_cookie(site, key, "another purpose")
    monkeypatch.setattr(flash, "OUTCOME_S", -1)
    assert "You have won" not in page_with_cookie(site, key, flash.OUTCOME_COOKIE)
