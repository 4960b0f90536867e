"""The audit log: each action writes an entry in its own transaction, and a failed action writes none."""

import json

import pytest
from sqlalchemy import text
from support.application.site import Site
from support.people.accounts import PASSWORD, disable, promote, sign_up
from support.people.communities import PATH, account_of, found, give

from koyjabo.base.core.errors import LastAdmin
from koyjabo.base.network import client_address
from koyjabo.base.network.location_finder import LocationFinder
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.audit import log
from koyjabo.people.audit.audit import Audit
from koyjabo.people.audit.queries import AuditRecord
from koyjabo.web.login.claims import Tokens

ADDRESS = "103.48.16.1"  # an address in Bangladesh


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
def site(module_sqlite_database):
    with Site(module_sqlite_database.url) as site:
        yield site


@pytest.fixture(scope="module")
def shared_panel(site) -> Panel:
    return Panel(site)


@pytest.fixture
def panel(shared_panel) -> Panel:
    shared_panel.clear()
    client_address.current_place.set("")
    return shared_panel


# Actions through the API, with actor and entry.

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


@pytest.mark.parametrize("action", COMMUNITY_ACTIONS)
def test_change_of_a_community_writes_an_audit_entry(panel, action):
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


def test_long_text_is_kept_as_its_beginning_and_its_length(panel):
    """Otherwise one account could fill the log with long descriptions."""
    community = found(panel.ayesha, description="ট" * 2000)["id"]
    panel.clear()
    answer = panel.ayesha.patch(f"{PATH}/{community}", json={"name": "n" * 200, "description": "🛺" * 2000})
    assert answer.status_code == 200, answer.text
    cut = "… (2,000 characters)"
    assert panel.only_line().details == {
        "was": {"name": "Mirpur 10", "description": "ট" * 200 + cut},
        "now": {"name": "n" * 200, "description": "🛺" * 200 + cut},
    }


def test_line_says_the_place_and_no_address(panel):
    answer = panel.ayesha.post(PATH, json={"name": "Ours"}, environ_overrides={"REMOTE_ADDR": ADDRESS})
    assert answer.status_code == 201
    assert panel.only_line().place == panel.services[LocationFinder].locate(ADDRESS) != "Unknown"
    assert ADDRESS not in json.dumps(panel.site.rows("SELECT * FROM audit_log"), default=str)
    panel.clear()
    found(panel.ayesha)
    assert panel.only_line().place == "Unknown"  # not the location of the previous request


def test_operator_leaves_lines_without_a_name(panel):
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


def test_own_password_is_changed_in_ones_own_name_and_not_logged(panel):
    new, nila = "another rickshaw", sign_up(panel.site, "nila")
    login = panel.services[AccountServices].credentials.login_of(panel.services[Tokens].read(nila.access).session_id)
    panel.clear()
    panel.services[AccountServices].credentials.change_password(login, PASSWORD, new)
    line = panel.only_line()
    assert (line.action, line.actor_id, line.target_id) == ("user.password", nila.id, nila.id)
    stored = str(panel.site.rows("SELECT * FROM audit_log"))
    assert new not in stored
    assert "argon2" not in stored


def test_refused_change_writes_no_audit_entry(panel):
    assert panel.karim.patch(f"{PATH}/{panel.community}", json={"name": "Ours"}).status_code == 403
    assert panel.ayesha.post(f"{PATH}/{panel.community}/leave").status_code == 409
    with pytest.raises(LastAdmin):
        panel.services[AccountServices].users.set_role(panel.admin, panel.boss.id, "member")
    assert panel.lines() == ()


def test_line_and_action_are_there_together_or_not_at_all(panel, monkeypatch):
    def broken(entry, session):
        session.execute(text("INSERT INTO nowhere VALUES (1)"))

    before = panel.site.rows("SELECT * FROM memberships ORDER BY user_id")
    monkeypatch.setattr(AuditRecord, "store", broken)
    answer = panel.ayesha.delete(f"{PATH}/{panel.community}/members/{panel.karim.id}")
    assert answer.status_code in (500, 503)
    monkeypatch.undo()
    assert panel.site.rows("SELECT * FROM memberships ORDER BY user_id") == before
    assert panel.lines() == ()


def test_line_outlives_what_it_is_about(panel):
    ours = found(panel.ayesha, name="Ours")["id"]
    panel.ayesha.delete(f"{PATH}/{ours}")
    panel.site.rows("UPDATE users SET name = 'Somebody else' WHERE id = :id", id=panel.ayesha.id)
    assert {(line.actor, line.target) for line in panel.lines()} == {("Ayesha", "Ours")}
    panel.site.rows("UPDATE users SET name = 'Ayesha' WHERE id = :id", id=panel.ayesha.id)
