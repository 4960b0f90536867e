"""Queries for communities and their members, within one transaction. The caller checks the rules.

Call `lock` before a change: no other transaction can then change that community or its members until the commit.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select
from sqlalchemy.orm import Session, aliased

from koyjabo.base.core.identity import Account
from koyjabo.base.database.models import Counter
from koyjabo.base.database.rows import Slice, length
from koyjabo.base.database.search import has, lowered, sought
from koyjabo.counting.models import StoredMilestone
from koyjabo.people.accounts.models import Invitation
from koyjabo.people.models import Community, Membership
from koyjabo.presence.members.models import Peak
from .roles import MEMBER, Access

IS_NOT_ARCHIVED = Community.archived_ms.is_(None)
"""Queries treat an archived community as unknown, except the queries for site admins."""

COMMUNITY_NAMES = (Community.name, Community.name_bn)
"""Searches find a community by either name."""

_EVERY = aliased(Membership)  # because queries join the user's own membership
MEMBERS = select(func.count()).where(_EVERY.community_id == Community.id).scalar_subquery()
"""Number of members in a community."""

LIST_ORDERS = {
    "mine": (Membership.role.is_(None), MEMBERS.desc()),
    "members": (MEMBERS.desc(),),
    "name": (),
    "new": (Community.created_ms.desc(),),
}
"""Sort orders: own communities first, largest first, by name, newest first. Ties are sorted by name."""

PANEL_ORDERS: dict[str, Any] = {
    "name": lowered(Community.name),
    "members": MEMBERS,
    "created": Community.created_ms,
}
"""Columns that site admins can order communities by."""

BY_NAME = (lowered(Community.name), Community.id)


IDS_PER_QUERY = 500
"""Number of ids per query."""


def lock(session: Session, community_id: str) -> None:
    """Lock a community. This is a separate statement, so that later statements see what other transactions committed
    while it waited.
    """
    session.execute(select(Community.id).where(Community.id == community_id).with_for_update())


def access(session: Session, account: Account, community_id: str) -> Access | None:
    """An account's access to a community; None if the community is unknown or archived."""
    matches = accesses(session, account, [community_id])
    return matches[0] if matches else None


def accesses(session: Session, account: Account, ids: Collection[str]) -> list[Access]:
    """An account's access to the communities among `ids` that exist."""
    return _read(session, account, _accesses(account).where(Community.id.in_(ids)))


def listed(session: Session, account: Account, text: str, order: str, start: int, count: int) -> Slice[Access]:
    """The listed communities and the account's own with `text` in a name, sorted by one of LIST_ORDERS. Users with
    access to the panel see all communities.
    """
    communities = _accesses(account)
    if not account.sees_panel:
        communities = communities.where(or_(Community.is_listed, _is_own(account)))
    if part := sought(text):
        communities = communities.where(or_(*(has(name, part) for name in COMMUNITY_NAMES)))
    ordered = communities.order_by(*LIST_ORDERS[order], *BY_NAME).offset(start).limit(count)
    return Slice(tuple(_read(session, account, ordered)), length(session, communities))


def own(session: Session, account: Account, start: int, count: int) -> Slice[Access]:
    """The communities that the account is a member of, by name."""
    communities = _accesses(account).where(_is_own(account))
    page = communities.order_by(*BY_NAME).offset(start).limit(count)
    return Slice(tuple(_read(session, account, page)), length(session, communities))


def homes(session: Session, account: Account) -> list[Access]:
    """Up to two communities that the account is a member of, the ones it moderates first."""
    mine = _accesses(account).where(_is_own(account))
    return _read(session, account, mine.order_by(Membership.role == MEMBER, Community.id).limit(2))


def _accesses(account: Account) -> Select[Community, str]:
    theirs = and_(Membership.community_id == Community.id, Membership.user_id == account.id)
    return select(Community, Membership.role).outerjoin(Membership, theirs).where(IS_NOT_ARCHIVED)


def _is_own(account: Account) -> ColumnElement[bool]:
    """Whether the account is a member, according to the row of `_accesses` or to its token."""
    if account.by_token is None or account.by_token.claimed is None:
        return Membership.role.is_not(None)
    return Community.ref.in_(dict(account.by_token.claimed))


def _read(session: Session, account: Account, query: Select[Community, str]) -> list[Access]:
    return [Access(account, community, role) for community, role in session.execute(query)]


def remove(session: Session, community_id: str) -> None:
    """Delete the community, its memberships, invitations, counter, milestones and peaks. Its visits stay in the
    ledger.
    """
    columns: tuple[Any, ...] = (Invitation.community_id, Membership.community_id, Community.id, Counter.scope)
    for column in (*columns, Peak.scope, StoredMilestone.scope):
        session.execute(delete(column.class_).where(column == community_id))


def find(session: Session, community_id: str) -> Community | None:
    """A community, archived or not."""
    return session.scalar(select(Community).where(Community.id == community_id))


def refs_of(session: Session, ids: Collection[str], refs: Collection[str]) -> dict[str, str | None]:
    """External ids by id, of the communities with one of these ids or external ids; at most IDS_PER_QUERY of each."""
    query = select(Community.id, Community.ref).where(or_(Community.id.in_(ids), Community.ref.in_(refs)))
    return {row.id: row.ref for row in session.execute(query)}
