"""Changes memberships, each in one transaction: checks the rules of `roles` and writes the audit entry."""

from __future__ import annotations

import hashlib

from koyjabo.base.core.errors import Forbidden, UnknownCommunity, UnknownUser
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account, uuid_of
from koyjabo.base.database.rows import Page
from koyjabo.communities import roles
from koyjabo.communities.queries import CommunityAccess, CommunityDetails, CommunityQueries, Member, MemberSearch
from koyjabo.communities.roles import ADMIN, MEMBER
from koyjabo.people.audit.log import ARRIVALS, CHANGES, Actor, Subject

NOBODY = ""
"""An id that no user has."""

CHANGES |= {
    "community.create": N_("Community created"),
    "community.change": N_("Community changed"),
    "community.archive": N_("Community archived"),
    "community.restore": N_("Community restored"),
    "community.delete": N_("Community deleted"),
    "member.add": N_("Member added"),
    "member.invite": N_("Person invited"),
    "member.withdraw": N_("Invitation revoked"),
    "member.accept": N_("Invitation accepted"),
    "member.decline": N_("Invitation declined"),
    "member.role": N_("Role changed"),
    "member.remove": N_("Member removed"),
    "member.sync": N_("Members synced"),
}
ARRIVALS |= {
    "member.join": N_("Joined"),
    "member.leave": N_("Left"),
}


def _access(
    records: CommunityQueries, account: Account, community_id: str, lock: bool = False
) -> CommunityAccess | None:
    """The access of `account`, or None. With `lock`, the community and its members are locked until the commit."""
    known_id = uuid_of(community_id)
    if known_id is None:
        return None
    if lock:
        records.lock(known_id)
    return records.access(known_id, account.id)


def visible(records: CommunityQueries, account: Account, community_id: str) -> CommunityAccess:
    """A community that the account may see. Raises UnknownCommunity."""
    return roles.visible(account, _access(records, account, community_id))


def allowed(records: CommunityQueries, account: Account, community_id: str, role: str) -> CommunityAccess:
    return roles.allowed(account, _access(records, account, community_id), role)


def with_public_count(records: CommunityQueries, community_id: str) -> CommunityDetails:
    """A community whose numbers are public. Raises UnknownCommunity."""
    access = records.access(uuid_of(community_id) or "", NOBODY)
    if access is None or not access.community.public_count:
        raise UnknownCommunity
    return access.community


def managed(records: CommunityQueries, account: Account, community_id: str) -> CommunityAccess:
    """Lock the community, for an account that may manage it. Raises UnknownCommunity, Forbidden."""
    return roles.allowed(account, _access(records, account, community_id, lock=True), ADMIN)


def managed_by_system(records: CommunityQueries, account: Account, community_id: str) -> CommunityDetails:
    """Lock the community, for a site admin or an admin's key that acts for another system. Raises UnknownCommunity,
    Forbidden.
    """
    community = roles.visible(account, _access(records, account, community_id, lock=True)).community
    account.require_site_admin()
    return community


def join(records: CommunityQueries, by: Actor, account: Account, community_id: str) -> tuple[Member, bool]:
    """Join a community. Returns the membership, and whether it is new. Raises UnknownCommunity, Forbidden."""
    access = _access(records, account, community_id, lock=True)
    if access is None:
        raise UnknownCommunity
    key = (access.community.id, account.id)
    if access.role is None:
        roles.check_open(account, access.community)
        records.enrol(*key, MEMBER, by.at_ms)
        records.store(by.entry("member.join", subject(access.community)))
    return records.member(*key), access.role is None


def leave(records: CommunityQueries, by: Actor, account: Account, community_id: str) -> None:
    access = roles.visible(account, _access(records, account, community_id, lock=True))
    if access.role is None:
        raise Forbidden(N_("You are not a member of this community."))
    _end(records, access.community, account.id, access.role)
    records.store(by.entry("member.leave", subject(access.community), role=access.role))


def members(
    records: CommunityQueries, account: Account, community_id: str, search: MemberSearch, start: int, count: int
) -> Page[Member]:
    access = allowed(records, account, community_id, MEMBER)
    return records.members(access.community.id, search, start, count)


def list_tag(records: CommunityQueries, account: Account, community_id: str) -> str:
    return tag_of(records, allowed(records, account, community_id, MEMBER).community)


def tag_of(records: CommunityQueries, community: CommunityDetails) -> str:
    """The tag of the whole member list. It changes whenever a member, role or name changes."""
    return hashlib.sha256(records.list_text(community.id).encode()).hexdigest()[:32]


def set_role(
    records: CommunityQueries, by: Actor, account: Account, community_id: str, user_id: str, role: str
) -> tuple[Member, str | None]:
    """Set a user's role. Returns the membership and the previous role, or None for a new member, whom only site admins
    can add without an invitation. Raises UnknownUser, LastAdmin.
    """
    community = managed(records, account, community_id).community
    if records.user(user_id) is None:
        raise UnknownUser
    access = records.access(community.id, user_id)
    if not account.is_admin and (access is None or access.role is None):
        raise UnknownUser(N_("This person is not a member of this community. Invite them by email."))
    return give_role(records, by, community, user_id, role)


def give_role(
    records: CommunityQueries, by: Actor, community: CommunityDetails, user_id: str, role: str
) -> tuple[Member, str | None]:
    """Set a role in a locked community. Returns what `set_role` returns. Raises LastAdmin."""
    access = records.access(community.id, user_id)
    before = access.role if access else None
    if before is None:
        records.enrol(community.id, user_id, role, by.at_ms)
    elif before != role:
        _change_role(records, community, user_id, role, before)
    member = records.member(community.id, user_id)
    if before is None:
        records.store(by.entry("member.add", subject(community), **details(member), role=role))
    elif before != role:
        records.store(by.entry("member.role", subject(community), **details(member), role=role, before=before))
    return member, before


def remove(records: CommunityQueries, by: Actor, account: Account, community_id: str, user_id: str | None) -> None:
    """Remove a member. Raises UnknownUser, LastAdmin."""
    end(records, by, managed(records, account, community_id).community, user_id)


def end(records: CommunityQueries, by: Actor, community: CommunityDetails, user_id: str | None) -> None:
    """End a membership in a locked community. Raises UnknownUser, LastAdmin."""
    member = _member(records, community, user_id)
    _end(records, community, member.user_id, member.role)
    records.end_invitations(community.id, member.user_id)
    records.store(by.entry("member.remove", subject(community), **details(member), role=member.role))


def removable(
    records: CommunityQueries, account: Account, community_id: str, user_id: str | None
) -> tuple[CommunityDetails, Member]:
    """The community and the membership that `remove` or `leave` would end for `account`. Raises the same errors."""
    community = allowed(records, account, community_id, MEMBER if user_id == account.id else ADMIN).community
    member = _member(records, community, user_id)
    roles.require_another_admin(records, community, member.user_id, member.role)
    return community, member


def _member(records: CommunityQueries, community: CommunityDetails, user_id: str | None) -> Member:
    """The member. Raises UnknownUser."""
    access = records.access(community.id, user_id or "")
    if user_id is None or access is None or access.role is None:
        raise UnknownUser(N_("This person is not a member of this community."))
    return records.member(community.id, user_id)


def subject(community: CommunityDetails) -> Subject:
    return Subject("community", community.id, community.name)


def details(member: Member) -> dict[str, str]:
    """A person's details in an audit entry: their name here, and their external id."""
    return {"user_id": member.user_id, "user": member.name, **({"ref": member.ref} if member.ref else {})}


def _change_role(records: CommunityQueries, community: CommunityDetails, user_id: str, role: str, before: str) -> None:
    if roles.is_lower(role, before):
        roles.require_another_admin(records, community, user_id, before)
    records.set_role(community.id, user_id, role)
    if roles.is_lower(role, before):
        records.record_revocation()


def _end(records: CommunityQueries, community: CommunityDetails, user_id: str, role: str) -> None:
    roles.require_another_admin(records, community, user_id, role)
    records.remove(community.id, user_id)
    records.record_revocation()
