"""The community of a page, with the permissions of the user who requests it, and how many are online."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import Response, make_response, render_template

from koyjabo.communities import roles
from koyjabo.communities.communities import CommunityDetails
from koyjabo.communities.services import CommunityServices
from koyjabo.core.identity import Account
from koyjabo.models import Scope
from koyjabo.webkit.current import current
from koyjabo.webkit.login import page_login


class EnteredCommunity(NamedTuple):
    """A community, and the role of the current user in it."""

    account: Account
    community: CommunityDetails
    role: str | None  # the effective one: site admins have the role admin in all communities
    is_member: bool

    @property
    def scope(self) -> Scope:
        return Scope(self.community.id)

    def may(self, role: str) -> bool:
        return self.role is not None and not roles.is_lower(self.role, role)


def enter(community_id: str, role: str | None = None) -> EnteredCommunity:
    """The community for the logged-in user, who must have at least `role`, if given.

    Raises Unauthenticated, UnknownCommunity, Forbidden, LedgerUnavailable; for forms, WrongCsrfToken.
    """
    account = page_login.require()
    access = current()[CommunityServices].directory.known(account, community_id)
    effective = roles.allowed(account, access, role) if role else roles.as_seen_by(account, access)
    return EnteredCommunity(account, access.community, effective.role, access.role is not None)


def page(name: str, at: EnteredCommunity, status: int = 200, **values: Any) -> Response:
    """The page of a template about the community, which gets `at` and `values`."""
    return make_response(render_template(f"{name}.html", at=at, **values), status)


def online(communities: list[str]) -> dict[str, int]:
    """The number of people online, by the id of the community. Callers check the permission."""
    return dict(zip(communities, current()[CommunityServices].people.online(*communities), strict=True))
