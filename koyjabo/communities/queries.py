"""Communities and the people in them, as rows: what one transaction looks up and changes. Rules are the caller's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from koyjabo import models
from koyjabo.accounts.access_version_queries import record_revocation
from koyjabo.audit.queries import Entry
from koyjabo.database.paging import Page, length
from koyjabo.models import SITE, Counter, Membership, Scope, User


class Community(NamedTuple):
    id: str
    name: str
    description: str
    is_open: bool  # whoever likes may join
    is_listed: bool  # those who are no members may know of it


class CommunityAccess(NamedTuple):
    """A community, and the role that somebody has in it: None for one who is no member."""

    community: Community
    role: str | None


class Member(NamedTuple):
    user_id: str
    name: str
    email: str | None  # None for those who are not to see it
    role: str
    joined_ms: int


COMMUNITY = (
    models.Community.id,
    models.Community.name,
    models.Community.description,
    models.Community.is_open,
    models.Community.is_listed,
)
STANDS = models.Community.archived_ms.is_(None)
"""An archived community is as if it were not there (`storage.archive`)."""

MEMBER = (User.id, User.name, User.email, Membership.role, Membership.joined_ms)


class CommunityQueries:
    """The rows as one transaction sees them.

    Whoever writes calls `lock` first: then nobody else changes that community or its members until the commit.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def lock(self, community_id: str) -> None:
        """A statement of its own: what is read after it is what the lock may have waited for."""
        row = select(models.Community.id).where(models.Community.id == community_id)
        self._session.execute(row.with_for_update())

    def access(self, community_id: str, user_id: str) -> CommunityAccess | None:
        """None when there is no such community, or it is archived."""
        found = self._session.execute(_list_access(user_id).where(models.Community.id == community_id)).first()
        return _access(found) if found else None

    def list_access(self, user_id: str, everything: bool, start: int, count: int) -> Page[CommunityAccess]:
        """Those a user belongs to and those that are listed, or all there are; by name."""
        wanted = _list_access(user_id)
        if not everything:
            wanted = wanted.where(or_(models.Community.is_listed, Membership.role.is_not(None)))
        return self._by_name(wanted, start, count)

    def list_own_access(self, user_id: str, start: int, count: int) -> Page[CommunityAccess]:
        """Those a user belongs to; by name."""
        return self._by_name(_list_access(user_id).where(Membership.role.is_not(None)), start, count)

    def _by_name(self, wanted: Select[*tuple[Any, ...]], start: int, count: int) -> Page[CommunityAccess]:
        ordered = wanted.order_by(func.lower(models.Community.name), models.Community.id)
        return Page(tuple(_access(row) for row in self._stretch(ordered, start, count)), length(self._session, wanted))

    def member(self, community_id: str, user_id: str) -> Member:
        """Raises NoResultFound for one who is no member."""
        return Member._make(self._session.execute(_members(community_id).where(User.id == user_id)).one())

    def members(self, community_id: str, start: int, count: int) -> Page[Member]:
        """Those who came first, first."""
        wanted = _members(community_id)
        rows = self._stretch(wanted.order_by(Membership.joined_ms, User.id), start, count)
        return Page(tuple(Member._make(row) for row in rows), length(self._session, wanted))

    def user(self, user_id: str) -> str | None:
        """The id, if it is a user's."""
        return self._session.scalar(select(User.id).where(User.id == user_id))

    def user_with(self, email_key: str) -> str | None:
        """The id of the user with this email, as it is compared."""
        return self._session.scalar(select(User.id).where(User.email_key == email_key))

    def has_admin_besides(self, community_id: str, user_id: str) -> bool:
        """Is there another admin who can still log in?"""
        others = (Membership.community_id == community_id, Membership.user_id != user_id, Membership.role == "admin")
        usable = select(User.id).join(Membership, Membership.user_id == User.id).where(*others)
        return self._session.scalar(usable.where(User.disabled_ms.is_(None)).limit(1)) is not None

    def add(self, community: Community, now_ms: int) -> None:
        """A community without members."""
        self._session.execute(insert(models.Community).values(**community._asdict(), created_ms=now_ms))

    def open_counter(self, community_id: str, now_ms: int, visits: int = 0, visitors: int = 0) -> None:
        """Let visits count for it, in the site's epoch, after those it has. The lock keeps that what it is, and every
        visit waits for it: it comes last.
        """
        site = self._session.scalars(select(Counter).where(Counter.scope == SITE).with_for_update(read=True)).one()
        snapshot = {"epoch": site.epoch, "visits": visits, "total": visits, "unique_visitors": visitors}
        counter = insert(Counter).values(scope=Scope(community_id), revision=max(site.revision, now_ms), **snapshot)
        self._session.execute(counter)

    def change(self, community_id: str, values: dict[str, Any]) -> None:
        self._session.execute(update(models.Community).where(models.Community.id == community_id).values(**values))

    def delete(self, community_id: str) -> None:
        """The community, its memberships and its counter. What was counted in it stays in the ledger."""
        self._session.execute(delete(Membership).where(Membership.community_id == community_id))
        self._session.execute(delete(models.Community).where(models.Community.id == community_id))
        self._session.execute(delete(Counter).where(Counter.scope == community_id))
        self._session.execute(delete(models.Peak).where(models.Peak.scope == community_id))

    def enrol(self, community_id: str, user_id: str, role: str, now_ms: int) -> None:
        ids = {"community_id": community_id, "user_id": user_id}
        self._session.execute(insert(Membership).values(**ids, role=role, joined_ms=now_ms))

    def set_role(self, community_id: str, user_id: str, role: str) -> None:
        self._session.execute(update(Membership).where(*_one(community_id, user_id)).values(role=role))

    def remove(self, community_id: str, user_id: str) -> None:
        self._session.execute(delete(Membership).where(*_one(community_id, user_id)))

    def store(self, entry: Entry) -> None:
        """Store an entry of the audit log."""
        entry.store(self._session)

    def record_revocation(self) -> None:
        """Somebody has lost a right: every server is to notice."""
        record_revocation(self._session)

    def _stretch(self, ordered: Select[*tuple[Any, ...]], start: int, count: int) -> Iterable[Any]:
        return self._session.execute(ordered.offset(start).limit(count)).all()


def _list_access(user_id: str) -> Select[*tuple[Any, ...]]:
    theirs = and_(Membership.community_id == models.Community.id, Membership.user_id == user_id)
    return select(*COMMUNITY, Membership.role).outerjoin(Membership, theirs).where(STANDS)


def _access(row: Any) -> CommunityAccess:
    return CommunityAccess(Community._make(row[:-1]), row[-1])


def _members(community_id: str) -> Select[*tuple[Any, ...]]:
    return select(*MEMBER).join(Membership, Membership.user_id == User.id).where(_of(community_id))


def _of(community_id: str) -> Any:
    return Membership.community_id == community_id


def _one(community_id: str, user_id: str) -> tuple[Any, Any]:
    return _of(community_id), Membership.user_id == user_id
