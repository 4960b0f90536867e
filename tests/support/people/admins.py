"""The admin panel: `panel(site)` is a client logged in as an admin."""

from __future__ import annotations

from typing import Any

from werkzeug.routing import Rule

from support.application.site import Site
from support.people.accounts import Person, sign_up
from support.people.communities import found, give
from support.people.page_readers import Reader


def panel(site: Site, name: str = "rani") -> Reader:
    reader = Reader(site).sign_up(name)
    site.rows("UPDATE users SET is_admin = true WHERE email = :email", email=f"{name}@example.com")
    return reader


def id_of(site: Site, name: str) -> str:
    return site.rows("SELECT id FROM users WHERE email = :email", email=f"{name}@example.com")[0][0]


def address(site: Site, rule: Rule, **values: str) -> str:
    """The URL of a route, with values for its parameters."""
    values = {
        "earlier": "users",
        "rest": "x",
        "group": "name",
        "digest": "0",
        "kind": "svg",
        "icon_file": "favicon.ico",
        **values,
    }
    with site.app.test_request_context():
        return rule.build({name: values[name] for name in rule.arguments})[1]  # type: ignore[index]


class ExampleCommunity:
    """A community with its founder and a member, for admin actions."""

    def __init__(self, site: Site, founder: str = "ayesha", member: str = "babul", **fields: Any) -> None:
        self.founder: Person = sign_up(site, founder)
        self.member: Person = sign_up(site, member)
        self.community: str = found(self.founder, **fields)["id"]
        answer = give(self.founder, self.community, self.member, "member")
        assert answer.status_code == 201, answer.text
        ids = {"community_id": self.community, "user_id": self.member.id}
        self.values = {**ids, "share_id": "none", "key_id": "none"}


def last_line(site: Site) -> tuple:
    """The latest entry in the audit log."""
    return site.rows("SELECT actor, action, target FROM audit_log ORDER BY id DESC LIMIT 1")[0]
