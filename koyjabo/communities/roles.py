"""What a role in a community allows. Rules alone: who is asking and what the rows say go in."""

from __future__ import annotations

from koyjabo.communities.queries import Community, CommunityAccess, CommunityQueries
from koyjabo.errors import Forbidden, LastAdmin, UnknownCommunity
from koyjabo.identity import Account
from koyjabo.text import N_

ROLES = ("member", "moderator", "admin")
"""Each may do what those before it may."""

MEMBER, MODERATOR, ADMIN = ROLES

REFUSALS = {
    MEMBER: N_("Only members of this community may do that. Join it first."),
    MODERATOR: N_("Only moderators and admins of this community may do that."),
    ADMIN: N_("Only admins of this community may do that."),
}


def is_lower(role: str, than: str) -> bool:
    return ROLES.index(role) < ROLES.index(than)


def known(account: Account, access: CommunityAccess | None) -> CommunityAccess:
    """Raises UnknownCommunity for what `account` may not know of: it is no member, and it is not listed."""
    if access is None or not (access.role or access.community.is_listed or account.is_admin):
        raise UnknownCommunity
    return access


def as_seen_by(account: Account, access: CommunityAccess) -> CommunityAccess:
    """With the role that counts: site admins are admin everywhere."""
    return access._replace(role=ADMIN) if account.is_admin else access


def allowed(account: Account, found: CommunityAccess | None, role: str) -> CommunityAccess:
    """What `account` sees, when it may do what takes `role`. Raises UnknownCommunity, Forbidden."""
    access = as_seen_by(account, known(account, found))
    if access.role is None or is_lower(access.role, role):
        raise Forbidden(REFUSALS[role if access.role else MEMBER])
    return access


def check_open(account: Account, community: Community) -> None:
    """May `account`, no member, join by itself? Knowing the id of an open community is enough."""
    if community.is_open or account.is_admin:
        return
    if not community.is_listed:
        raise UnknownCommunity
    raise Forbidden(N_("This community is invitation only. Ask one of its admins to add you."))


def spare_last_admin(records: CommunityQueries, community_id: str, user_id: str, role: str) -> None:
    """Raises LastAdmin when nobody else could look after the community that `user_id`, in `role`, is to leave."""
    if role == ADMIN and not records.has_admin_besides(community_id, user_id):
        raise LastAdmin
