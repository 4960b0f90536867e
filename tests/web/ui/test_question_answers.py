"""What is confirmed is what was asked: nothing else is done, only by those who may, and not if it has changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.app_fixtures import Site
from support.forms import CONFIRMED, TYPED, answer, form_on
from support.page_calls import Reader, words
from support.questions import Cases
from support.routes import stored


@pytest.fixture(scope="module")
def cases(module_sqlite_database) -> Iterator[Cases]:
    with Site(module_sqlite_database.url, STARTING_TOTAL=4000) as site:
        yield Cases(site)


@pytest.fixture
def site(cases) -> Site:
    return cases.site


@pytest.mark.parametrize("endpoint", ["admin.promote", "pages.delete_community"])
def test_confirmation_of_one_who_may_is_worth_nothing_to_others(site, cases, endpoint):
    given, other = cases.make(endpoint), cases.stranger()
    form, before = answer(given.ask()), stored(site)
    other.send(form.action, 403, **{**form.fields, "csrf_token": other.csrf})
    assert stored(site) == before


@pytest.mark.parametrize(
    ("endpoint", "fields", "wrong", "right"),
    [
        ("admin.promote", {}, "rani@example.com", " MEMBER{number}@Example.com "),
        ("pages.delete_community", {}, "Mirpur", "mirpur\u00a0১০"),
        ("admin.set_total", {"total": "1234", "new_epoch": "on"}, "12340", "১,২৩৪"),
        ("admin.set_total", {"total": "123456", "new_epoch": "on"}, "", "123456"),
    ],
)
def test_what_is_to_be_typed_is_typed_and_need_not_be_pretty(site, cases, endpoint, fields, wrong, right):
    given = cases.make(endpoint, **fields)
    form, before = answer(given.ask()), stored(site)
    page = given.reader.send(form.action, 422, **{**form.fields, TYPED: wrong})
    assert 'id="typed-error" class="error">does not match' in page
    assert form_on(page).fields[TYPED] == wrong
    assert stored(site) == before
    right = right.format(number=given.named["member"].removeprefix("Member"))
    given.reader.send(form.action, **{**form.fields, TYPED: right})
    assert stored(site) != before


CHANGED = {
    "another name of the person": ("admin.promote", "UPDATE users SET name = 'Rahim Uddin' WHERE id = :user", "Rahim"),
    "another name of the community": (
        "pages.delete_community",
        "UPDATE communities SET name = 'Mirpur 11' WHERE id = :community",
        "Delete Mirpur 11?",
    ),
    "another role": (
        "admin.remove_member",
        "UPDATE memberships SET role = 'moderator' WHERE user_id = :user AND community_id = :community",
        "Role: Moderator",
    ),
    "fewer sessions": (
        "admin.log_out",
        "UPDATE sessions SET revoked_ms = 1 WHERE id = (SELECT min(id) FROM sessions WHERE user_id = :user)",
        "Sessions that end: 1",
    ),
    "one member more": (
        "admin.archive_community",
        "INSERT INTO memberships (community_id, user_id, role, joined_ms) "
        "SELECT :community, id, 'member', 1 FROM users WHERE email = 'rani@example.com' AND :user <> ''",
        "Members: 3",
    ),
}


@pytest.mark.parametrize(("endpoint", "change", "shown"), CHANGED.values(), ids=CHANGED)
def test_question_whose_facts_have_changed_is_asked_again(site, cases, endpoint, change, shown):
    given = cases.make(endpoint)
    form = answer(given.ask())
    values = {"user": given.scene.member.id, "community": given.scene.community}
    site.rows(change, **{name: value for name, value in values.items() if f":{name}" in change})
    before = stored(site)
    page = given.reader.send(form.action, 409, **form.fields)
    assert "Something has changed since you were asked." in words(page)
    assert shown in words(page)
    assert form_on(page).fields.get(TYPED, "") == ""
    assert stored(site) == before
    form = answer(page)
    given.reader.send(form.action, **form.fields)
    assert stored(site) != before


def test_visits_go_on_while_the_total_is_asked_for_and_another_total_is_asked_again(site, cases):
    given = cases.make("admin.set_total")
    form = answer(given.ask())
    site.register("visitor")
    given.reader.send(form.action, **form.fields)
    assert site.stats()["totalVisits"] == 5000
    given = cases.make("admin.set_total")
    form = answer(given.ask())
    site.set_total(4500)
    page = given.reader.send(form.action, 409, **form.fields)
    assert "Now 4,500 After 5,000 Difference +500" in words(page)
    assert site.stats()["totalVisits"] == 4500


def test_what_was_confirmed_is_what_is_done(site, cases):
    """Neither another number nor another person."""
    given = cases.make("admin.set_total")
    form = answer(given.ask())
    page = given.reader.send(form.action, 409, **{**form.fields, "total": "50000"})
    assert "Change the total to 50,000?" in words(page)
    assert site.stats()["totalVisits"] == 4000
    given, other = cases.make("admin.disable"), cases.make("admin.disable")
    form = answer(given.ask())
    given.reader.send(other.path, 409, **form.fields)
    given.reader.send(given.path, 409, **{**form.fields, CONFIRMED: "ঢাকা"})
    for each in (given, other):
        assert site.rows("SELECT disabled_ms FROM users WHERE id = :id", id=each.scene.member.id) == [(None,)]


def test_question_and_its_answer_are_one_change_each(sqlite_database):
    with Site(sqlite_database.url, RATE_LIMIT_CHANGES="3") as site:
        reader = Reader(site).sign_up("ayesha")
        reader.send("/communities/new", name="Mirpur 10")
        reader.confirm(f"{reader.location.partition('?')[0]}/delete")
        reader.send("/communities/new", 429, name="One more")
