"""Defines the permissions of each role in a community. Makes no queries."""

from __future__ import annotations

from contextlib import suppress

from koyjabo.base.core.errors import Forbidden, LastAdmin, UnknownCommunity
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.communities.queries import CommunityAccess, CommunityDetails, CommunityQueries

OTHER_COMMUNITY = N_("This API key belongs to another community.")

ROLES = ("member", "moderator", "admin")
"""Roles, lowest first. Each has all permissions of the roles before it."""

MEMBER, MODERATOR, ADMIN = ROLES

REFUSALS = {
    MEMBER: N_("Only members of this community may do that. Join it first."),
    MODERATOR: N_("Only moderators and admins of this community may do that."),
    ADMIN: N_("Only admins of this community may do that."),
}


def is_lower(role: str, than: str) -> bool:
    return ROLES.index(role) < ROLES.index(than)


def by_token(account: Account, access: CommunityAccess) -> CommunityAccess:
    """The access with the role that another system's token claims, if it claims one."""
    if account.by_token is None:
        return access
    role = account.by_token.role_in(access.community.ref, access.role)
    return access._replace(role=role)


def visible(account: Account, access: CommunityAccess | None) -> CommunityAccess:
    """The access, if `account` may see the community. Raises UnknownCommunity unless the community is listed or
    `account` is a member, or an admin or viewer of the site; Forbidden for another community's key.
    """
    access = by_token(account, access) if access is not None else None
    if account.moderates:
        if access is None or access.community.id != account.moderates:
            raise Forbidden(OTHER_COMMUNITY)
        return access
    if access is None or not (access.role or access.community.is_listed or account.sees_panel):
        raise UnknownCommunity
    return access


def is_visible(account: Account, access: CommunityAccess) -> bool:
    with suppress(UnknownCommunity, Forbidden):
        return bool(visible(account, access))
    return False


def as_seen_by(account: Account, access: CommunityAccess) -> CommunityAccess:
    """The access with its effective role. Site admins are admins of all communities, site viewers at least members, and
    a community's key is a moderator of its community.
    """
    if account.is_admin:
        return access._replace(role=ADMIN)
    if account.is_viewer:
        return access._replace(role=access.role or MEMBER)
    access = by_token(account, access)
    return access._replace(role=MODERATOR) if account.moderates == access.community.id else access


def allowed(account: Account, stored: CommunityAccess | None, role: str) -> CommunityAccess:
    """The access with the effective role, if that is at least `role`. Raises UnknownCommunity, Forbidden."""
    access = as_seen_by(account, visible(account, stored))
    if access.role is None or is_lower(access.role, role):
        raise Forbidden(REFUSALS[role if access.role else MEMBER])
    return access


def check_open(account: Account, community: CommunityDetails) -> None:
    """Check that a non-member may join. The id of an open community is enough, even if it is unlisted. Raises
    UnknownCommunity, Forbidden.
    """
    if community.is_open or account.is_admin:
        return
    if not community.is_listed:
        raise UnknownCommunity
    raise Forbidden(N_("This community is invitation only. Ask one of its admins to invite you."))


def require_another_admin(records: CommunityQueries, community: CommunityDetails, user_id: str, role: str) -> None:
    """Raises LastAdmin if `user_id`, whose role is `role`, is the only admin who can log in. A community with an
    external id is managed by another system and needs no admin here.
    """
    if role == ADMIN and community.ref is None and not records.has_other_admin(community.id, user_id):
        raise LastAdmin
