"""People in every role, and their communities."""

from __future__ import annotations

from typing import Any

from koyjabo.base.core.identity import Account
from support.application.site import Site
from support.people.accounts import Person, bare, sign_up

PATH = "/api/communities"


class Cast:
    """One person per role, a site admin without memberships, an outsider, and two people for others to act on."""

    def __init__(self, site: Site) -> None:
        self.site = site
        parts = ("member", "moderator", "admin", "site_admin", "outsider", "other", "newcomer")
        self._kept: dict[str, str] = {}
        self.people = {part: sign_up(site, part) for part in parts}
        site.rows("UPDATE users SET is_admin = true WHERE id = :id", id=self["site_admin"].id)

    def __getitem__(self, part: str) -> Person:
        return self.people[part]

    def community(self, **fields: Any) -> str:
        """A new community where each person has their role, and `other` is a moderator. Returns its id."""
        community = found(self["admin"], **fields)["id"]
        for part, role in (("member", "member"), ("moderator", "moderator"), ("other", "moderator")):
            answer = give(self["site_admin"], community, self[part], role)
            assert answer.status_code == 201, answer.text
        return community

    def kept_community(self, **fields: Any) -> str:
        """A community of the same people, shared by tests that change nothing."""
        key = str(fields)
        if key not in self._kept:
            self._kept[key] = self.community(**fields)
        return self._kept[key]

    def call(self, who: str, method: str, path: str, body: Any = None) -> Any:
        """Call as `who`, a member of the cast. `"nobody"` is a caller who is not logged in."""
        caller = self.people.get(who) or bare(self.site)
        return getattr(caller, method.lower())(path, **({} if body is None else {"json": body}))


def found(person: Person, **fields: Any) -> dict[str, Any]:
    answer = person.post(PATH, json={"name": "Mirpur 10", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json


def give(by: Person, community: str, to: Person, role: str) -> Any:
    """Give `to` a role: change a member's role, or invite another user and accept the invitation."""
    answer = by.put(f"{PATH}/{community}/members/{to.id}", json={"role": role})
    return accept(to, invite(by, community, to.email, role)) if answer.status_code == 404 else answer


def invite(by: Person, community: str, email: str, role: str = "member") -> str:
    """Invite a user, and return the invitation's token."""
    answer = by.post(f"{PATH}/{community}/members", json={"email": email, "role": role})
    assert answer.status_code == 202, answer.text
    assert answer.json["status"] == "invited"
    return answer.json["link"].rpartition("/invitations/")[2]


def accept(person: Person, token: str) -> Any:
    return person.post(f"/api/invitations/{token}/accept")


def account_of(person: Person) -> Account:
    return Account(person.id, "", "", False)


def site_admin(site: Site, name: str = "boss") -> Account:
    person = sign_up(site, name)
    site.rows("UPDATE users SET is_admin = true WHERE id = :id", id=person.id)
    return Account(person.id, person.email, name.capitalize(), True)


def roles_in(site: Site, community: str) -> dict[str, str]:
    rows = site.rows("SELECT user_id, role FROM memberships WHERE community_id = :id", id=community)
    return {user: role for user, role in rows}  # noqa: C416


def losses(site: Site) -> int:
    return site.rows("SELECT version FROM access_version")[0][0]
