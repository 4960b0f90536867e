"""Queries for the members of communities, within one transaction, and for the rows that permissions depend on. The
caller checks the rules.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Row, Select, Text, and_, cast, delete, func, or_, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from koyjabo.base.core.identity import site_role
from koyjabo.base.database.rows import Page, has, length, sought
from koyjabo.base.settings.schema import Policy
from koyjabo.people.accounts.models import Invitation, LoginSession
from koyjabo.people.accounts.queries import FAMILY, Family, permitted
from koyjabo.people.accounts.users.invitation_queries import INVITER, InvitationRows
from koyjabo.people.models import Community, Membership, User
from .queries import IDS_PER_QUERY, NOT_ARCHIVED
from .roles import ADMIN

Item = TypeVar("Item")


def _members(community_id: str) -> Select[Membership]:
    return select(Membership).join(Membership.user).where(Membership.community_id == community_id)


def _with_names(members: Select[Membership], with_emails: bool = False) -> Select[Membership]:
    """Load the users' names and external ids and, if requested, their emails. Reading another column raises
    InvalidRequestError.
    """
    columns = (User.name, User.external_ref, *([User.email] if with_emails else []))
    return members.options(contains_eager(Membership.user).load_only(*columns, raiseload=True))


def find(session: Session, community_id: str, user_id: str) -> Membership | None:
    """A membership with its community and the user's names and email."""
    theirs = _members(community_id).where(Membership.user_id == user_id)
    return session.scalar(_with_names(theirs, with_emails=True).options(joinedload(Membership.community)))


def page(
    session: Session, community_id: str, text: str, role: str, start: int, count: int, with_emails: bool
) -> Page[Membership]:
    """Members in the order they joined, with `text` in their name and, if given, the role `role`."""
    matches = _members(community_id)
    if part := sought(text):
        matches = matches.where(has(User.name, part))
    if role:
        matches = matches.where(Membership.role == role)
    ordered = matches.order_by(Membership.joined_ms, Membership.user_id).offset(start).limit(count)
    return Page(tuple(session.scalars(_with_names(ordered, with_emails))), length(session, matches))


def external_members(session: Session, community_id: str) -> list[Membership]:
    """Members from another system."""
    return list(session.scalars(_with_names(_members(community_id).where(User.external_ref.is_not(None)))))


def roles(session: Session, community_id: str, user_ids: Collection[str]) -> dict[str, str]:
    """The roles of the given users who are members."""
    theirs = _members(community_id).where(Membership.user_id.in_(user_ids))
    return dict(session.execute(theirs.with_only_columns(Membership.user_id, Membership.role)).all())


def tag(session: Session, community_id: str) -> str:
    """The tag of the whole member list. It changes whenever a member, role or name changes.

    The database builds the hashed text, because reading the rows takes five times as long.
    """
    fields = (User.id, func.coalesce(User.external_ref, ""), Membership.role, Membership.joined_ms, User.name)
    line = fields[0].concat("\n")
    for field in fields[1:]:
        line = line.concat(cast(field, Text)).concat("\n")
    lines = _members(community_id).with_only_columns(line.label("line")).order_by(User.id).subquery()
    text = session.scalar(select(func.aggregate_strings(lines.c.line, "\n"))) or ""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def is_user(session: Session, user_id: str) -> bool:
    return session.scalar(select(User.id).where(User.id == user_id)) is not None


def has_other_admin(session: Session, community_id: str, user_id: str) -> bool:
    """Whether another admin exists who can log in."""
    admins = _members(community_id).where(Membership.user_id != user_id, Membership.role == ADMIN)
    able = User.disabled_ms.is_(None), User.external_ref.is_(None)
    return session.scalar(admins.where(*able).limit(1)) is not None


def enrol(session: Session, community_id: str, user_id: str, role: str, now_ms: int) -> None:
    session.add(Membership(community_id=community_id, user_id=user_id, role=role, joined_ms=now_ms))


def end_invitations(session: Session, community_id: str, user_id: str) -> None:
    """Revoke the invitations to this community for a user's email."""
    theirs = select(User.email_key).where(User.id == user_id)
    invitations = delete(Invitation).where(Invitation.community_id == community_id, Invitation.email_key.in_(theirs))
    session.execute(invitations.execution_options(synchronize_session=False))


def invitations_by(role: str) -> InvitationRows:
    """Invitations to communities that are not archived, by site admins and by members with this role."""

    def may_invite(query: Any) -> Any:
        joined = query.join(Community, Community.id == Invitation.community_id)
        is_theirs = and_(Membership.community_id == Invitation.community_id, Membership.user_id == INVITER.id)
        joined = joined.outerjoin(Membership, is_theirs).options(contains_eager(Invitation.community))
        return joined.where(NOT_ARCHIVED, or_(INVITER.is_admin, Membership.role == role))

    return InvitationRows(Invitation, may_invite)


class AccessFacts(NamedTuple):
    sessions: dict[str, Family]  # only active ones
    users: dict[str, str]  # their role on the site; only users that are not disabled
    communities: dict[str, Row[str, bool, bool, str | None]]  # their `is_listed`, `public_count` and `ref`
    roles: dict[tuple[str, str], str]  # by community and user


def access_facts(
    session: Session, sessions: Collection[str], users: Collection[str], communities: Collection[str], policy: Policy
) -> AccessFacts:
    """Look up these ids. The result leaves out revoked sessions, sessions of users who are not `permitted`, disabled
    users, archived communities and unknown ids.
    """
    live = select(*FAMILY).where(LoginSession.revoked_ms.is_(None))
    if policy != "none":
        live = live.join(User, User.id == LoginSession.user_id).where(*permitted(policy))
    enabled = select(User.id, User.is_admin, User.is_viewer).where(User.disabled_ms.is_(None))
    active = select(Community.id, Community.is_listed, Community.public_count, Community.ref).where(NOT_ARCHIVED)
    facts = AccessFacts({}, {}, {}, {})
    for ids in _chunks(sessions):
        rows = session.execute(live.where(LoginSession.id.in_(ids)))
        facts.sessions.update((row.id, Family._make(row)) for row in rows)
    for ids in _chunks(communities):
        facts.communities.update((row.id, row) for row in session.execute(active.where(Community.id.in_(ids))))
    for ids in _chunks(users):
        rows = session.execute(enabled.where(User.id.in_(ids)))
        facts.users.update((row.id, site_role(row.is_admin, row.is_viewer)) for row in rows)
        facts.roles.update(_roles(session, ids, communities))
    return facts


def _roles(session: Session, users: list[str], communities: Collection[str]) -> Iterator[tuple[tuple[str, str], str]]:
    memberships = select(Membership.community_id, Membership.user_id, Membership.role).where(
        Membership.user_id.in_(users)
    )
    for ids in _chunks(communities):
        for row in session.execute(memberships.where(Membership.community_id.in_(ids))):
            yield (row.community_id, row.user_id), row.role


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, IDS_PER_QUERY)):
        yield chunk
