"""Dangerous actions need a confirmation, which names the people or numbers, and the effect. Only that is then done."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

import pytest
from support.application.site import Site
from support.clients.forms import CONFIRMED, TYPED, answer, form_on
from support.people.accounts import promote
from support.people.admins import ExampleCommunity, address, panel
from support.people.page_readers import Reader, words
from support.people.permissions import ASKS, RULES
from support.people.routes import CHANGING, rules, stored
from support.people.share_links import of_community, share
from support.programs.processes import wait_until

from koyjabo.base.core.identity import OPERATOR
from koyjabo.integrations.api_keys.api_keys import ApiKeys
from koyjabo.web.login.claims import Tokens

SET = {"total": "5000", "reason": "counted by hand"}
BY_ADMINS = (
    "pages_communities.remove_member",
    "pages_communities.delete_community",
    "pages_community_shares.end_share",
)


class Case(NamedTuple):
    """A form, the person who sends it, and its target."""

    reader: Reader
    path: str
    fields: dict[str, str]
    example: ExampleCommunity
    named: dict[str, str]

    def ask(self) -> str:
        return self.reader.send(self.path, 200, **self.fields)


class Cases:
    """Makes cases. `rani` is an admin of the site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.rani = panel(site)
        self._numbers = count()

    def make(self, endpoint: str, **fields: str) -> Case:
        number = next(self._numbers)
        example = ExampleCommunity(self.site, f"founder{number}", f"member{number}")
        values = dict(example.values)
        reader = Reader(self.site).log_in(f"member{number}")
        if endpoint.startswith("panel_") or endpoint in BY_ADMINS:
            reader = self.rani
        if endpoint == "panel_users.demote":
            promote(self.site, example.member.email)
        if endpoint == "panel_receipts.set_total":
            self.site.set_total(4000, new_epoch=True)
            fields = {**SET, **fields}
        if endpoint == "panel_erasure.erase_visitor":
            self.site.register(f"visitor{number}")
            fields = {"visitor_id": f"visitor{number}", **fields}
        if endpoint.endswith("end_share"):
            values["share_id"] = share(example.founder, **of_community(example.community))["id"]
        if endpoint.endswith("revoke_key"):
            key, _text = self.site.services[ApiKeys].create(OPERATOR, "Grafana", ("stats:read",))
            values["key_id"] = key.id
        session = self.site.services[Tokens].read(example.member.access).session_id
        path = address(self.site, rules(self.site)[endpoint], **values, session_id=session)
        named = {"member": f"Member{number}", "email": example.member.email, "community": "Mirpur 10"}
        return Case(reader, path, fields, example, named)

    def stranger(self) -> Reader:
        return Reader(self.site).sign_up(f"stranger{next(self._numbers)}")


FACTS = {  # the names and numbers that each confirmation shows: people, members, sessions, totals
    "pages_communities.remove_member": ("{member}", "{community}"),
    "pages_communities.leave_community": ("{community}",),
    "pages_communities.delete_community": ("{community}", ": 2"),
    "pages_account.end_session": ("Werkzeug",),
    "pages_account.end_other_sessions": (": 1",),
    "panel_communities.archive_community": ("{community}", ": 2"),
    "panel_users.promote": ("{member}", "{email}"),
    "panel_users.demote": ("{member}", "{email}"),
    "panel_users.make_viewer": ("{member}", "{email}"),
    "panel_users.disable": ("{member}", "{email}", ": 2"),
    "panel_users.log_out": ("{member}", "{email}", ": 2"),
    "panel_users.reset_second_factor": ("{member}", "{email}"),
    "panel_shares.end_share": ("Traffic",),
    "panel_keys.revoke_key": ("Grafana",),
    "pages_community_shares.end_share": ("Traffic",),
    "panel_erasure.erase_visitor": (),
    "panel_receipts.set_total": ("4,000", "5,000", "+1,000"),
}
TYPED_TEXTS = {
    "pages_communities.delete_community": "Mirpur 10",
    "panel_users.promote": "{email}",
    "panel_receipts.set_total": "5,000",
}

ASK_FOR_PASSWORD = {
    f"pages_{name}"
    for name in (
        *("personal_data.change_password", "personal_data.delete_account", "account.change_details"),
        *("second_factor.begin_totp", "second_factor.remove_totp", "second_factor.renew_recovery_codes"),
    )
} | {"panel_server.change_settings", "panel_clock.answer_clock", "panel_users.invite_to_panel"}
REVERSIBLE = """
    pages_login.do_sign_up pages_login.do_log_in pages_login.second_factor pages_login.enrol pages_login.log_out
    pages_preferences.choose_language pages_preferences.choose_theme pages_second_factor.confirm_totp
    pages_communities.create_community pages_communities.change_community pages_communities.join_community
    pages_communities.invite_member pages_communities.set_role pages_communities.revoke_invitation
    pages_communities.accept_invitation pages_communities.decline_invitation
    pages_account.do_forgot_password pages_account.do_reset_password pages_account.do_verify_email
    pages_account.send_verification pages_weekly_report.choose_mails
    panel_communities.restore_community panel_users.withdraw_panel_invitation panel_users.enable
    panel_receipts.recount panel_backups.back_up panel_exports.export panel_mail.test_mail
    panel_keys.create_key panel_keys.rotate_key panel_shares.create_share pages_community_shares.create_share
    pages_shares.unlock_share panel_health.mark_rollback_seen panel_getting_started.change_step
"""
"""Forms that can be undone with the same form, or that only add something."""


@pytest.fixture(scope="module")
def cases(module_sqlite_database) -> Iterator[Cases]:
    with Site(module_sqlite_database.url, STARTING_TOTAL=4000) as site:
        site.register("counted")  # before the first visit, a change of the total needs no confirmation
        yield Cases(site)


@pytest.fixture
def site(cases) -> Site:
    return cases.site


def test_every_form_asks_for_a_confirmation_or_a_password_or_is_reversible(site):
    pages = {endpoint for endpoint in RULES if endpoint.startswith(("pages_", "panel_"))}
    forms = {endpoint for endpoint in pages if rules(site)[endpoint].methods & CHANGING}
    assert forms == ASKS | ASK_FOR_PASSWORD | set(REVERSIBLE.split())
    assert set(FACTS) == ASKS


@pytest.mark.parametrize("endpoint", sorted(ASKS))
def test_a_dangerous_action_is_done_only_after_a_confirmation_that_shows_its_facts(site, cases, endpoint):
    given = cases.make(endpoint)
    before = stored(site)
    page = given.ask()
    text = words(page.partition("<main")[2])
    assert [fact for fact in FACTS[endpoint] if fact.format(**given.named) not in text] == []
    assert "no-store" in given.reader.headers_of_answer["Cache-Control"]
    back = page.rpartition('<a class="button" href="')[2].partition('"')[0]
    given.reader.get(back)
    assert stored(site) == before
    form, typed = answer(page), TYPED_TEXTS.get(endpoint)
    assert form.fields.get(TYPED) == (typed and typed.format(**given.named))
    given.reader.send(form.action, 303, **form.fields)
    wait_until(lambda: stored(site) != before, "the action is done")


def test_a_confirmation_for_one_admin_is_refused_from_another_user(site, cases):
    given, other = cases.make("panel_users.promote"), cases.stranger()
    form, before = answer(given.ask()), stored(site)
    other.send(form.action, 403, **{**form.fields, "csrf_token": other.csrf})
    assert stored(site) == before


@pytest.mark.parametrize(
    ("endpoint", "fields", "wrong", "right"),
    [
        ("panel_users.promote", {}, "rani@example.com", " MEMBER{number}@Example.com "),
        ("pages_communities.delete_community", {}, "Mirpur", "mirpur\u00a0১০"),
        ("panel_receipts.set_total", {"total": "1234", "new_epoch": "on"}, "12340", "১,২৩৪"),
        ("panel_receipts.set_total", {"total": "123456", "new_epoch": "on"}, "", "123456"),
    ],
)
def test_a_typed_confirmation_is_compared_without_its_case_and_spaces(site, cases, endpoint, fields, wrong, right):
    given = cases.make(endpoint, **fields)
    form, before = answer(given.ask()), stored(site)
    page = given.reader.send(form.action, 422, **{**form.fields, TYPED: wrong})
    assert 'id="typed-error" class="error"' in page
    assert form_on(page).fields[TYPED] == wrong
    assert stored(site) == before
    right = right.format(number=given.named["member"].removeprefix("Member"))
    given.reader.send(form.action, **{**form.fields, TYPED: right})
    assert stored(site) != before


NEW_NAME = "UPDATE users SET name = 'Rahim Uddin' WHERE id = :user"
NEW_ROLE = "UPDATE memberships SET role = 'moderator' WHERE user_id = :user AND community_id = :community"
FEWER_SESSIONS = "UPDATE sessions SET revoked_ms = 1 WHERE id = (SELECT min(id) FROM sessions WHERE user_id = :user)"


@pytest.mark.parametrize(
    ("endpoint", "change", "shown"),
    [
        ("panel_users.promote", NEW_NAME, "Rahim"),
        ("pages_communities.remove_member", NEW_ROLE, ": Moderator"),
        ("panel_users.log_out", FEWER_SESSIONS, ": 1"),
    ],
)
def test_a_confirmation_is_requested_again_if_its_facts_have_changed(site, cases, endpoint, change, shown):
    given = cases.make(endpoint)
    form = answer(given.ask())
    values = {"user": given.example.member.id, "community": given.example.community}
    site.rows(change, **{name: value for name, value in values.items() if f":{name}" in change})
    before = stored(site)
    page = given.reader.send(form.action, 409, **form.fields)
    assert shown in words(page)
    assert form_on(page).fields.get(TYPED, "") == ""
    assert stored(site) == before
    form = answer(page)
    given.reader.send(form.action, **form.fields)
    assert stored(site) != before


def test_a_confirmation_of_a_total_survives_visits_but_not_another_total(site, cases):
    given = cases.make("panel_receipts.set_total")
    form = answer(given.ask())
    site.register("visitor")
    given.reader.send(form.action, **form.fields)
    assert site.stats()["totalVisits"] == 5000
    given = cases.make("panel_receipts.set_total")
    form = answer(given.ask())
    site.set_total(4500)
    page = words(given.reader.send(form.action, 409, **form.fields))
    assert [number for number in ("4,500", "5,000", "+500") if number not in page] == []
    assert site.stats()["totalVisits"] == 4500


def test_a_confirmation_is_valid_only_for_its_number_and_its_person(site, cases):
    given = cases.make("panel_receipts.set_total")
    form = answer(given.ask())
    given.reader.send(form.action, 409, **{**form.fields, "total": "50000"})
    assert site.stats()["totalVisits"] == 4000
    given, other = cases.make("panel_users.disable"), cases.make("panel_users.disable")
    form = answer(given.ask())
    given.reader.send(other.path, 409, **form.fields)
    given.reader.send(given.path, 409, **{**form.fields, CONFIRMED: "ঢাকা"})
    for token in (given, other):
        assert site.rows("SELECT disabled_ms FROM users WHERE id = :id", id=token.example.member.id) == [(None,)]
