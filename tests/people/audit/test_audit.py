"""The audit log: each action writes an entry in its own transaction. The page shows it without internal names."""

import json
import re

import pytest
from sqlalchemy import text
from support.application.site import SPEC_MOMENT, Site
from support.people.accounts import PASSWORD, disable, promote, sign_up
from support.people.communities import PATH, account_of, found, give
from support.people.page_readers import words
from support.programs.processes import ROOT

from koyjabo.base.network import client_address
from koyjabo.base.network.location_finder import LocationFinder
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.audit import admin, log
from koyjabo.people.audit.audit import Audit
from koyjabo.people.audit.log import ACTION_LABELS
from koyjabo.people.audit.queries import AuditRecord

ADDRESS = "103.48.16.1"  # an address in Bangladesh
COMMUNITY_ACTIONS = {
    "community.change": ("ayesha", "PATCH", "", {"name": "New", "open": True}, {"was": {}, "now": {"name": "New"}}),
    "member.role": ("ayesha", "PUT", "/members/{karim}", {"role": "member"}, {"role": "member", "before": "moderator"}),
    "member.remove": ("ayesha", "DELETE", "/members/{karim}", None, {"role": "moderator", "user": "Karim"}),
    "member.leave": ("karim", "POST", "/leave", None, {"role": "moderator"}),
    "member.join": ("boss", "POST", "/join", {}, {}),
    "member.add": ("boss", "PUT", "/members/{boss}", {"role": "member"}, {"role": "member", "user": "Boss"}),
    "member.invite": ("ayesha", "POST", "/members", {"email": "x@example.com", "role": "member"}, {"role": "member"}),
    "community.delete": ("ayesha", "DELETE", "", None, {}),
}
AYESHA_ID, MIRPUR_ID = "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11", "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a22"
DETAILS = {
    "member.add": {"user_id": AYESHA_ID, "user": "Karim", "role": "moderator"},
    "member.role": {"user_id": AYESHA_ID, "user": "Karim", "role": "moderator", "before": "member"},
    "member.accept": {"role": "member", "invited_by": AYESHA_ID},
    "community.create": {"open": True, "listed": False},
    "community.change": {"was": {"is_open": False, "name": "Old"}, "now": {"is_open": True, "name": "New"}},
    "login.fail": {"failures": 3},
    "session.begin": {"second_factor": "totp"},
    "session.revoke": {"browser": "Chrome Android", "from": "Dhaka, BD"},
    "user.create": {"is_admin": False},
    "user.change": {"fields": "name, email"},
    "user.role": {"role": "viewer", "before": "member"},
    "second_factor.add": {"method": "totp"},
    "total.set": {"before": 22352, "after": 223520, "new_epoch": True, "reason": "Counted by hand"},
    "ledger.recounted": {"agrees": True, "problems": [], "problem_count": 0, "rows": 12, "seconds": 0.1},
    "ledger.rolled_back": {"scope": "site", "from": 1212, "to": 1200, "lost": 12, "at": "2026-11-23T21:00:00.000Z"},
    "visits.export": {"first_day": "2026-11-01", "text": True},
    "setup.step": {"step": "page", "state": "hidden"},
    "server.version": {"version": "1.2.0", "before": "1.1.0"},
}
OF = "Community: Mirpur 10"
EXPECTED = {
    "member.role": [OF, "User: Karim", "Role: Moderator", "Before: Member"],
    "community.change": [OF, "Open: No → Yes", "Name: Old → New"],
    "login.fail": ["User: Mirpur 10", "Failed logins in a row: 3"],
    "total.set": ["Before: 22,352", "After: 223,520", "Reason: Counted by hand", "New count: Yes"],
}
RAW = re.compile(r"%\(|\b\w+_\w+\b|\b(true|false|null|None|True|False)\b|[A-Za-z_]\w*\.\w+\b(?<!example\.com)")
"""Placeholders, and internal names and values."""
STORED = re.compile(r"""(?:entry|_change|_log|tx\.log)\([^"]{0,60}"([a-z_]+\.[a-z_]+)\"""")


class Panel:
    """A site, its admin, and the audit log."""

    def __init__(self, site: Site) -> None:
        self.site, self.services = site, site.services
        self.boss, self.ayesha, self.karim = (sign_up(site, name) for name in ("boss", "ayesha", "karim"))
        site.rows("UPDATE users SET is_admin = true WHERE id = :id", id=self.boss.id)
        self.admin = account_of(self.boss)._replace(is_admin=True, name="Boss", email="boss@example.com")
        self.community = found(self.ayesha)["id"]
        give(self.ayesha, self.community, self.karim, "moderator")
        self.clear()

    def clear(self) -> None:
        self.site.rows("DELETE FROM audit_log")

    def lines(self) -> tuple[AuditRecord, ...]:
        return self.services[Audit].page(self.admin).lines

    def only_line(self) -> AuditRecord:
        (line,) = self.lines()
        return line


@pytest.fixture(scope="module")
def shared_panel(site) -> Panel:
    return Panel(site)


@pytest.fixture
def panel(shared_panel) -> Panel:
    shared_panel.clear()
    client_address.current_place.set("")
    return shared_panel


# Actions through the API, with actor and entry.


@pytest.mark.parametrize("action", COMMUNITY_ACTIONS)
def test_a_change_of_a_community_writes_an_audit_entry(panel, action):
    who, method, path, body, details = COMMUNITY_ACTIONS[action]
    community = found(panel.ayesha, name="Before")["id"]
    give(panel.ayesha, community, panel.karim, "moderator")
    panel.clear()
    caller = getattr(panel, who)
    path = path.format(karim=panel.karim.id, boss=panel.boss.id)
    answer = caller.call(method, f"{PATH}/{community}{path}", **({} if body is None else {"json": body}))
    assert answer.status_code < 300, answer.text
    line = panel.only_line()
    assert (line.action, line.actor_id, line.actor) == (action, caller.id, who.capitalize())
    assert (line.target_kind, line.target_id, line.target) == ("community", community, "Before")
    assert line.at_ms == panel.site.time.ms
    if action == "community.change":
        assert line.details == {"was": {"name": "Before"}, "now": {"name": "New"}}
    else:
        assert {name: line.details[name] for name in details} == details
    assert action in log.ACTION_LABELS


def test_an_audit_entry_has_the_place_of_the_caller_and_no_address(panel):
    answer = panel.ayesha.post(PATH, json={"name": "Ours"}, environ_overrides={"REMOTE_ADDR": ADDRESS})
    assert answer.status_code == 201
    assert panel.only_line().place == panel.services[LocationFinder].locate(ADDRESS) != "Unknown"
    assert ADDRESS not in json.dumps(panel.site.rows("SELECT * FROM audit_log"), default=str)
    panel.clear()
    found(panel.ayesha)
    assert panel.only_line().place == "Unknown"  # not the location of the previous request


def test_an_operators_audit_entries_have_no_name(panel):
    accounts = panel.services[AccountServices].credentials
    accounts.create("rima@example.com", PASSWORD)
    promote(panel.site, "rima@example.com")
    promote(panel.site, "rima@example.com", is_admin=False)
    disable(panel.site, "rima@example.com")
    disable(panel.site, "rima@example.com", disabled=False)
    accounts.set_password("rima@example.com", PASSWORD)
    panel.site.set_total(9000)
    community = found(panel.ayesha, name="Ours")["id"]
    (founded, *lines) = panel.lines()
    assert (founded.action, founded.actor_id) == ("community.create", panel.ayesha.id)
    assert (founded.target_id, founded.target) == (community, "Ours")
    actions = "user.create user.promote user.demote user.disable user.enable user.password total.set"
    assert [line.action for line in reversed(lines)] == actions.split()
    assert {(line.actor_id, line.actor, line.place) for line in lines} == {(None, "", "")}
    assert {line.target for line in lines[1:]} == {"rima@example.com"}
    assert lines[0].details == {"before": 0, "after": 9000, "new_epoch": False, "reason": "koyjabo total set"}
    panel.site.set_total(0, new_epoch=True)


def test_an_action_and_its_audit_entry_are_stored_together_or_not_at_all(panel, monkeypatch):
    def broken(entry, session):
        session.execute(text("INSERT INTO nowhere VALUES (1)"))

    before = panel.site.rows("SELECT * FROM memberships ORDER BY user_id")
    monkeypatch.setattr(AuditRecord, "store", broken)
    answer = panel.ayesha.delete(f"{PATH}/{panel.community}/members/{panel.karim.id}")
    assert answer.status_code in (500, 503)
    monkeypatch.undo()
    assert panel.site.rows("SELECT * FROM memberships ORDER BY user_id") == before
    assert panel.lines() == ()


def texts_of(site: Site, language: str, record: AuditRecord) -> list[str]:
    """The person, followed by the details."""
    with site.app.test_request_context(headers={"Accept-Language": language}):
        shown = [(detail.label, detail.before, words(str(detail.value))) for detail in admin.details(record)]
        lines = [f"{label}: {f'{before} → ' if before else ''}{value}" for label, before, value in shown]
        return [words(str(admin._who(record))), *lines]


def record_of(action: str, **values: object) -> AuditRecord:
    kind, _, _ = action.partition(".")
    kinds = {"member": "community", "login": "user", "session": "user", "second_factor": "user", "ledger": "total"}
    line = AuditRecord(1, SPEC_MOMENT, AYESHA_ID, "Rani", action, kinds.get(kind, kind), MIRPUR_ID, "Mirpur 10", {}, "")
    return line._replace(details=DETAILS.get(action, {}), **values)


def test_the_details_of_an_audit_entry_have_labels_and_the_subject_comes_first(site):
    assert {action: texts_of(site, "en", record_of(action)) for action in EXPECTED} == {
        action: ["Rani", *details] for action, details in EXPECTED.items()
    }
    assert texts_of(site, "en", record_of("session.begin", target_id=AYESHA_ID)) == ["Rani"], "their own account"


def test_the_audit_log_shows_no_internal_name(site):
    for action, label in ACTION_LABELS.items():
        for language in ("en", "bn"):
            texts = (label, *texts_of(site, language, record_of(action)))
            assert [match for text in texts for match in RAW.findall(text)] == [], (action, language)


def test_every_stored_action_has_a_label(site):
    sources = (file.read_text() for file in (ROOT / "koyjabo").glob("**/*.py"))
    stored = {action for source in sources for action in STORED.findall(source)}
    assert {"community.create", "user.sign_up", "user.unlock", "key.rotate"} <= stored <= set(ACTION_LABELS)
