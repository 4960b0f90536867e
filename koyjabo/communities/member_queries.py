"""Queries for the members of communities, within one transaction. The caller checks the rules."""

import hashlib
from typing import Any

from sqlalchemy import Select, Text, and_, cast, func, or_, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from koyjabo.base.database.rows import Slice, length
from koyjabo.base.database.search import has, sought
from koyjabo.people.accounts.models import Invitation
from koyjabo.people.accounts.users.invitation_queries import INVITER, InvitationRows
from koyjabo.people.models import Community, Membership, User
from .queries import IS_NOT_ARCHIVED


def members_of(community_id: str) -> Select[Membership]:
    return select(Membership).join(Membership.user).where(Membership.community_id == community_id)


def _with_names(members: Select[Membership], with_emails: bool = False) -> Select[Membership]:
    """Load the users' names and external ids and, if requested, their emails. Reading another column raises
    InvalidRequestError.
    """
    columns = (User.name, User.external_ref, *([User.email] if with_emails else []))
    return members.options(contains_eager(Membership.user).load_only(*columns, raiseload=True))


def find(session: Session, community_id: str, user_id: str) -> Membership | None:
    """A membership with its community and the user's names and email."""
    theirs = members_of(community_id).where(Membership.user_id == user_id)
    return session.scalar(_with_names(theirs, with_emails=True).options(joinedload(Membership.community)))


def page(
    session: Session, community_id: str, text: str, role: str, start: int, count: int, with_emails: bool
) -> Slice[Membership]:
    """Members in the order they joined, with `text` in their name and, if given, the role `role`."""
    matches = members_of(community_id)
    if part := sought(text):
        matches = matches.where(has(User.name, part))
    if role:
        matches = matches.where(Membership.role == role)
    ordered = matches.order_by(Membership.joined_ms, Membership.user_id).offset(start).limit(count)
    return Slice(tuple(session.scalars(_with_names(ordered, with_emails))), length(session, matches))


def external_members(session: Session, community_id: str) -> list[Membership]:
    """Members from another system."""
    return list(session.scalars(_with_names(members_of(community_id).where(User.external_ref.is_not(None)))))


def tag(session: Session, community_id: str) -> str:
    """The tag of the whole member list. It changes whenever a member, role or name changes.

    The database builds the hashed text, because reading the rows takes five times as long.
    """
    fields = (User.id, func.coalesce(User.external_ref, ""), Membership.role, Membership.joined_ms, User.name)
    line = fields[0].concat("\n")
    for field in fields[1:]:
        line = line.concat(cast(field, Text)).concat("\n")
    lines = members_of(community_id).with_only_columns(line.label("line")).order_by(User.id).subquery()
    text = session.scalar(select(func.aggregate_strings(lines.c.line, "\n"))) or ""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def enrol(session: Session, community_id: str, user_id: str, role: str, now_ms: int) -> None:
    session.add(Membership(community_id=community_id, user_id=user_id, role=role, joined_ms=now_ms))


def invitations_by(role: str) -> InvitationRows:
    """Invitations to communities that are not archived, by site admins and by members with this role."""

    def may_invite(query: Any) -> Any:
        joined = query.join(Community, Community.id == Invitation.community_id)
        is_theirs = and_(Membership.community_id == Invitation.community_id, Membership.user_id == INVITER.id)
        joined = joined.outerjoin(Membership, is_theirs).options(contains_eager(Invitation.community))
        return joined.where(IS_NOT_ARCHIVED, or_(INVITER.is_admin, Membership.role == role))

    return InvitationRows(Invitation, may_invite)
