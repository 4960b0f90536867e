"""An account with a row in every table that can refer to an account."""

from __future__ import annotations

import json

from sqlalchemy import Table

from koyjabo.base.core.extensions import db
from koyjabo.base.core.identity import OPERATOR
from koyjabo.people.accounts.services import AccountServices
from koyjabo.reports.community_people import Reports
from support.application.site import Site, everything
from support.people.accounts import PASSWORD, sign_up
from support.people.communities import found, give, invite
from support.people.two_step import App, first_step, turn_on

NAME = "Ayesha Siddiqua"
OWNING_COLUMNS = {"user_id", "person", "actor_id", "founder_id", "created_by", "email"}
"""Names of columns that contain an account, also without a foreign key."""

BY_SQL = """
INSERT INTO shares (id, token_digest, name, filters, created_ms, created_by)
VALUES ('s', 'the hash of a token', 'Traffic', '{}', 1, :id);
INSERT INTO email_links (id, user_id, purpose, email_key, expires_ms) VALUES ('l', :id, 'verify', :email, 1);
INSERT INTO outbox (kind, email, recipient, data, created_ms, due_ms, attempts)
VALUES ('verify', :email, 'a hash', '{}', 1, 1, 0);
INSERT INTO api_keys (id, name, scopes, community_id, prefix, digest, created_ms, created_by)
VALUES ('k', 'Grafana', 'stats:read', :hers, 'kj_00000000', 'the hash of a key', 1, :id);
INSERT INTO panel_invitations (id, email, email_key, role, invited_by, created_ms, expires_ms)
VALUES ('to', :email, :email, 'viewer', :boss, 1, 2), ('from', 'r@example.com', 'r@example.com', 'viewer', :id, 1, 2);
UPDATE users SET verified_ms = 1, weekly_report = true WHERE id = :id
"""


class AccountHistory:
    """Ayesha's history, with Karim and the site's admin. `app` is her authenticator app."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.karim, self.boss = sign_up(site, "karim"), sign_up(site, "boss")
        site.rows("UPDATE users SET is_admin = true WHERE id = :id", id=self.boss.id)
        self.theirs = found(self.karim, name="Banani")["id"]
        site.register("v1", communityId=self.theirs)  # before signing up
        self.ayesha = sign_up(site, "ayesha", visitorId="v1")
        self.ayesha.patch("/api/auth/me", json={"password": PASSWORD, "name": NAME})
        give(self.karim, self.theirs, self.ayesha, "member")
        give(self.karim, self.theirs, self.ayesha, "moderator")
        self._found()
        self._visit()
        site.services[AccountServices].users.unlock(OPERATOR, self.ayesha.id)
        for statement in BY_SQL.split(";"):
            named = {"id": self.ayesha.id, "email": self.ayesha.email, "boss": self.boss.id, "hers": self.hers}
            site.rows(statement, **{name: value for name, value in named.items() if f":{name}" in statement})
        invite(self.karim, self.theirs, self.ayesha.email, "admin")
        self.app: App = turn_on(self.ayesha)
        site.time.pass_(minutes=2)
        first_step(site)

    def _found(self) -> None:
        self.hers = found(self.ayesha, name="Mirpur 10")["id"]
        give(self.ayesha, self.hers, self.karim, "admin")
        invite(self.ayesha, self.hers, "rahim@example.com")

    def _visit(self) -> None:
        self.site.services[Reports].attend(self.hers, [self.ayesha.id], self.site.time())
        for number in range(3):
            self.site.time.pass_(hours=20)
            for community in (None, self.theirs, self.hers):
                visit = {"visitorId": "v1", "visitId": f"{number}:{community}", "communityId": community}
                answer = self.ayesha.post("/api/visitor/register", json=visit)
                assert answer.status_code == 200, answer.text
        event = {"visitorId": "v1", "events": [{"id": "e1", "name": "search"}]}
        assert self.ayesha.post("/api/events", json=event).status_code == 200
        self.site.register("v1", communityId=self.theirs)  # in the same browser, logged out


def tables_of_users() -> set[str]:
    """Tables with a foreign key to users, and tables that name an account."""

    def refers(table: Table) -> bool:
        has_key = any(key.column.table.name == "users" for key in table.foreign_keys)
        return has_key or not OWNING_COLUMNS.isdisjoint(table.columns.keys())

    return {table.name for table in db.metadata.sorted_tables if refers(table)}


def tables_with(site: Site, *texts: str) -> set[str]:
    texts_of = {table: json.dumps(rows, ensure_ascii=False) for table, rows in everything(site).items()}
    return {table for table, rows in texts_of.items() if any(text in rows for text in texts)}


def figures(history: AccountHistory) -> list[object]:
    """Every number shown on pages, and every stored sum."""
    reports = history.site.services[Reports]
    seen = [(history.site.stats() | {"timestamp": 0, "revision": 0, "activeUsers": 0, "locations": 0})]
    for community in (history.theirs, history.hers):
        seen += [reports.weekly(community).people, reports.conversion_rate(community)]
    sums = ("counters", "daily_visits", "hourly_visits", "returns", "hourly_people", "person_days")
    stored = everything(history.site)
    return [*seen, *([{**row, "revision": 0} for row in stored[table]] for table in sums)]
