"""Queries for communities and their members, within one transaction. The caller checks the rules.

Call `lock` before a change: no other transaction can then change that community or its members until the commit.

Visits are only counted for scopes with a row in `counters`. Archiving a community deletes that row, and restoring the
community recreates it from the sums. Neither changes other counting data.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, insert, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from koyjabo.base.core.identity import Account
from koyjabo.base.database.models import Counter
from koyjabo.base.database.rows import Slice, length, ordered_by
from koyjabo.base.database.search import has, has_words, sought
from koyjabo.base.models import SITE, Scope
from koyjabo.counting.models import Adjustment, Announcement, DailyVisits
from koyjabo.people.accounts.models import Invitation
from koyjabo.people.models import Community, Membership, User
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
    "name": func.lower(Community.name),
    "members": MEMBERS,
    "created": Community.created_ms,
}
"""Columns that site admins can order communities by."""

_BY_NAME = (func.lower(Community.name), Community.id)


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
    ordered = communities.order_by(*LIST_ORDERS[order], *_BY_NAME).offset(start).limit(count)
    return Slice(tuple(_read(session, account, ordered)), length(session, communities))


def has_listed(session: Session) -> bool:
    """Whether any community is listed."""
    return bool(session.scalar(select(exists().where(Community.is_listed, IS_NOT_ARCHIVED))))


def own(session: Session, account: Account, start: int, count: int) -> Slice[Access]:
    """The communities that the account is a member of, by name."""
    communities = _accesses(account).where(_is_own(account))
    page = communities.order_by(*_BY_NAME).offset(start).limit(count)
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


def ids(session: Session) -> list[Scope]:
    """The ids of all communities that are not archived."""
    return [Scope(community_id) for community_id in session.scalars(select(Community.id).where(IS_NOT_ARCHIVED))]


def with_public_count(session: Session, ids: Collection[str]) -> list[Community]:
    """The communities among `ids` that show everyone how many people are online."""
    return list(
        session.scalars(select(Community).where(Community.id.in_(ids), Community.public_count, IS_NOT_ARCHIVED))
    )


def sizes(session: Session, ids: Collection[str]) -> dict[str, int]:
    """Number of members, by community id."""
    members = select(Membership.community_id, func.count()).where(Membership.community_id.in_(ids))
    rows = session.execute(members.group_by(Membership.community_id)).all()
    return dict.fromkeys(ids, 0) | dict(rows)


def founded(session: Session, user_id: str) -> int:
    """Number of communities that this user has founded and that are neither deleted nor archived. Locks the user, so
    that no other transaction adds one until the commit.
    """
    session.execute(select(User.id).where(User.id == user_id).with_for_update())
    theirs = select(func.count()).where(Community.founder_id == user_id, IS_NOT_ARCHIVED)
    return session.scalars(theirs).one()


def add(session: Session, community: Community) -> None:
    """Insert a community without members."""
    session.add(community)
    session.flush()


def add_with_ref(session: Session, community: Community) -> bool:
    """Insert a community. Returns False, and inserts nothing, if its external id is already in use."""
    try:
        with session.begin_nested():
            add(session, community)
    except IntegrityError:
        return False
    return True


def open_counter(
    session: Session, community_id: str, now_ms: int, visits: int = 0, visitors: int = 0, adjusted: int = 0
) -> None:
    """Insert the counter in the site's epoch, so that visits count from now on. `adjusted` is the sum of the
    community's adjustments. Call this last in the transaction: it locks the site's counter, so that the epoch stays
    valid, and all registrations wait for that lock.
    """
    site = session.scalars(select(Counter).where(Counter.scope == SITE).with_for_update(read=True)).one()
    snapshot = {"epoch": site.epoch, "visits": visits, "total": visits + adjusted, "unique_visitors": visitors}
    counter = insert(Counter).values(scope=Scope(community_id), revision=max(site.revision, now_ms), **snapshot)
    session.execute(counter)


def remove(session: Session, community_id: str) -> None:
    """Delete the community, its memberships, invitations, counter, announcements and peaks. Its visits stay in the
    ledger.
    """
    session.execute(delete(Invitation).where(Invitation.community_id == community_id))
    session.execute(delete(Membership).where(Membership.community_id == community_id))
    session.execute(delete(Community).where(Community.id == community_id))
    session.execute(delete(Counter).where(Counter.scope == community_id))
    session.execute(delete(Peak).where(Peak.scope == community_id))
    session.execute(delete(Announcement).where(Announcement.scope == community_id))


# For site admins. These queries include archived communities.


def find(session: Session, community_id: str) -> Community | None:
    return session.scalar(select(Community).where(Community.id == community_id))


def everything(session: Session, query: str, start: int, count: int, order: str) -> Slice[Community]:
    """A page of communities. `query` is an id, or words that occur in its names. `order` is one of PANEL_ORDERS,
    prefixed with "-" for descending.
    """
    communities = select(Community)
    if part := sought(query):
        communities = communities.where(or_(Community.id == part.lower(), and_(*has_words(COMMUNITY_NAMES, part))))
    ordered = communities.order_by(ordered_by(PANEL_ORDERS, order), *_BY_NAME).offset(start).limit(count)
    return Slice(tuple(session.scalars(ordered)), length(session, communities))


def archive(session: Session, community: Community, now_ms: int) -> None:
    """Delete the counter. Waits if a batch of visits has locked it."""
    community.archived_ms = now_ms
    session.flush()
    session.execute(delete(Counter).where(Counter.scope == community.id))


def restore(session: Session, community: Community, now_ms: int) -> None:
    """Recreate the counter with its old totals, from the sums, which contain every visit, and from the adjustments
    for visits that the database has lost.
    """
    community.archived_ms = None
    sums = select(func.sum(DailyVisits.visits), func.sum(DailyVisits.new_visitors))
    visits, visitors = session.execute(sums.where(DailyVisits.scope == community.id)).one()
    changes = select(func.sum(Adjustment.total_after - Adjustment.total_before))
    adjusted = session.scalar(changes.where(Adjustment.scope == community.id))
    open_counter(session, community.id, now_ms, *(int(number or 0) for number in (visits, visitors, adjusted)))


# External ids.


def refs_of(session: Session, ids: Collection[str], refs: Collection[str]) -> dict[str, str | None]:
    """External ids by id, of the communities with one of these ids or external ids; at most IDS_PER_QUERY of each."""
    query = select(Community.id, Community.ref).where(or_(Community.id.in_(ids), Community.ref.in_(refs)))
    return {row.id: row.ref for row in session.execute(query)}


def id_of_ref(session: Session, ref: str) -> str | None:
    return session.scalar(select(Community.id).where(Community.ref == ref))
