"""Queries for communities and their members, within one transaction. The caller checks the rules."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Text, and_, cast, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased, contains_eager

from koyjabo.base import models
from koyjabo.base.core.identity import Account
from koyjabo.base.database.rows import Page, changed_rows, length
from koyjabo.base.database.text_search import has, sought
from koyjabo.base.models import SITE, Counter, Invitation, Membership, Scope, User
from koyjabo.people.accounts.queries import record_revocation
from koyjabo.people.accounts.users.invitation_queries import INVITER, InvitationRows
from koyjabo.people.audit.queries import AuditEntry


class CommunityDetails(NamedTuple):
    id: str
    name: str
    description: str
    is_open: bool  # all users may join
    is_listed: bool  # non-members may see it
    count_anonymous: bool = False  # counts visits by non-members even if it is not open
    public_count: bool = False  # everyone sees how many are online
    ref: str | None = None  # the external id


class CommunityAccess(NamedTuple):
    """A community, and a user's role in it, which is None for a non-member."""

    community: CommunityDetails
    role: str | None


class ListedCommunity(NamedTuple):
    access: CommunityAccess
    members: int  # number of members


class CommunitySearch(NamedTuple):
    """A search for communities whose name contains `text`, sorted by one of ORDERS."""

    text: str = ""
    order: str = "members"


class MemberSearch(NamedTuple):
    """A search for members with `text` in their name and, if given, the role `role`."""

    text: str = ""
    role: str = ""


class Member(NamedTuple):
    user_id: str
    name: str
    email: str | None  # None if the reader may not see it
    role: str
    joined_ms: int
    ref: str | None = None  # external id of a person from another system


COMMUNITY = (
    models.Community.id,
    models.Community.name,
    models.Community.description,
    models.Community.is_open,
    models.Community.is_listed,
    models.Community.count_anonymous,
    models.Community.public_count,
    models.Community.ref,
)
EVENTS_PER_DELETION = 1_000
"""Number of webhook events deleted in the transaction that deletes their community."""

NOT_ARCHIVED = models.Community.archived_ms.is_(None)
"""Queries treat an archived community as unknown, except those in `archiving_queries`."""

_EVERY = aliased(Membership)  # because queries join the user's own membership
MEMBERS = select(func.count()).where(_EVERY.community_id == models.Community.id).scalar_subquery()
"""Number of members in a community."""

ORDERS = {
    "mine": (Membership.role.is_(None), MEMBERS.desc()),
    "members": (MEMBERS.desc(),),
    "name": (),
    "new": (models.Community.created_ms.desc(),),
}
"""Sort orders: own communities first, largest first, by name, newest first. Ties are sorted by name."""

MEMBER = (User.id, User.name, User.email, Membership.role, Membership.joined_ms, User.external_ref)


class CommunityQueries:
    """Queries within one transaction. Call `lock` before a change: no other transaction can then change that community
    or its members until the commit.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def lock(self, community_id: str) -> None:
        """Lock a community. This is a separate statement, so that later statements see what other transactions
        committed while it waited.
        """
        row = select(models.Community.id).where(models.Community.id == community_id)
        self._session.execute(row.with_for_update())

    def access(self, community_id: str, user_id: str) -> CommunityAccess | None:
        """The community, with the user's role; None if it is unknown or archived."""
        row = self._session.execute(_list_access(user_id).where(models.Community.id == community_id)).first()
        return _access(row) if row else None

    def ids(self) -> list[Scope]:
        return [
            Scope(community_id)
            for community_id in self._session.scalars(select(models.Community.id).where(NOT_ARCHIVED))
        ]

    def sizes(self, community_ids: Collection[str]) -> dict[str, int]:
        """Number of members, by community id."""
        members = select(Membership.community_id, func.count()).where(Membership.community_id.in_(community_ids))
        return {row[0]: row[1] for row in self._session.execute(members.group_by(Membership.community_id))}

    def list_access(self, account: Account, search: CommunitySearch, start: int, count: int) -> Page[ListedCommunity]:
        """The listed communities and the account's own; users with access to the panel see all communities."""
        communities = _list_access(account.id).add_columns(MEMBERS)
        if not account.sees_panel:
            communities = communities.where(or_(models.Community.is_listed, _own(account)))
        if part := sought(search.text):
            communities = communities.where(has(models.Community.name, part))
        rows = self._page(communities, start, count, *ORDERS[search.order])
        return Page(tuple(ListedCommunity(_access(row[:-1]), row[-1]) for row in rows.items), rows.total)

    def public(self, ids: Collection[str]) -> list[CommunityDetails]:
        """The communities among `ids` that are listed and show everyone how many people are online."""
        shown = models.Community.id.in_(ids), models.Community.is_listed, models.Community.public_count, NOT_ARCHIVED
        return [CommunityDetails._make(row) for row in self._session.execute(select(*COMMUNITY).where(*shown))]

    def listed_access(self, user_id: str, ids: Collection[str]) -> list[CommunityAccess]:
        """The communities among `ids` that exist, with the user's role."""
        rows = self._session.execute(_list_access(user_id).where(models.Community.id.in_(ids)))
        return [_access(row) for row in rows]

    def homes(self, account: Account) -> list[CommunityAccess]:
        """Up to two communities that the account is a member of, the ones it moderates first."""
        own = _list_access(account.id).where(_own(account))
        rows = self._session.execute(own.order_by(Membership.role == "member", models.Community.id).limit(2))
        return [_access(row) for row in rows]

    def roles(self, community_id: str, user_ids: Collection[str]) -> dict[str, str]:
        """The roles of the given users who are members."""
        theirs = select(Membership.user_id, Membership.role).where(_of(community_id), Membership.user_id.in_(user_ids))
        return {row.user_id: row.role for row in self._session.execute(theirs)}

    def list_own_access(self, account: Account, start: int, count: int) -> Page[CommunityAccess]:
        """The communities that the account is a member of, by name."""
        rows = self._page(_list_access(account.id).where(_own(account)), start, count)
        return Page(tuple(map(_access, rows.items)), rows.total)

    def _page(self, query: Select[*tuple[Any, ...]], start: int, count: int, *first: ColumnElement[Any]) -> Page[Any]:
        """A page ordered by `first`, then by name."""
        ordered = query.order_by(*first, func.lower(models.Community.name), models.Community.id)
        return Page(tuple(self._rows(ordered, start, count)), length(self._session, query))

    def member(self, community_id: str, user_id: str) -> Member:
        """The member. Raises NoResultFound for a non-member."""
        return Member._make(self._session.execute(_members(community_id).where(User.id == user_id)).one())

    def members(self, community_id: str, search: MemberSearch, start: int, count: int) -> Page[Member]:
        """Members in the order they joined."""
        members = _members(community_id)
        if part := sought(search.text):
            members = members.where(has(User.name, part))
        if search.role:
            members = members.where(Membership.role == search.role)
        rows = self._rows(members.order_by(Membership.joined_ms, User.id), start, count)
        return Page(tuple(Member._make(row) for row in rows), length(self._session, members))

    def external_members(self, community_id: str) -> list[Member]:
        """Members from another system."""
        rows = self._session.execute(_members(community_id).where(User.external_ref.is_not(None)))
        return [Member._make(row) for row in rows]

    def list_text(self, community_id: str) -> str:
        """The complete list of members as one text, without emails. It changes whenever a member, role or name changes.
        The database builds it, because reading the rows takes five times as long (decision 93).
        """
        fields = (User.id, func.coalesce(User.external_ref, ""), Membership.role, Membership.joined_ms, User.name)
        line = fields[0].concat("\n")
        for field in fields[1:]:
            line = line.concat(cast(field, Text)).concat("\n")
        lines = _members(community_id).with_only_columns(line.label("line")).order_by(User.id).subquery()
        return self._session.scalar(select(func.aggregate_strings(lines.c.line, "\n"))) or ""

    def user(self, user_id: str) -> str | None:
        """The user's id, if the user exists."""
        return self._session.scalar(select(User.id).where(User.id == user_id))

    def has_other_admin(self, community_id: str, user_id: str) -> bool:
        """Whether another admin exists who can log in."""
        others = (Membership.community_id == community_id, Membership.user_id != user_id, Membership.role == "admin")
        admins = select(User.id).join(Membership, Membership.user_id == User.id).where(*others)
        able = User.disabled_ms.is_(None), User.external_ref.is_(None)
        return self._session.scalar(admins.where(*able).limit(1)) is not None

    def founded(self, user_id: str) -> int:
        """Number of communities that this user has founded and that are neither deleted nor archived. Locks the user,
        so that no other transaction adds one until the commit.
        """
        self._session.execute(select(User.id).where(User.id == user_id).with_for_update())
        own = select(func.count()).where(models.Community.founder_id == user_id, NOT_ARCHIVED)
        return self._session.scalars(own).one()

    def add(self, community: CommunityDetails, founder_id: str | None, now_ms: int) -> None:
        """Insert a community without members."""
        values = {**community._asdict(), "founder_id": founder_id, "created_ms": now_ms}
        self._session.execute(insert(models.Community).values(**values))

    def open_counter(
        self, community_id: str, now_ms: int, visits: int = 0, visitors: int = 0, adjusted: int = 0
    ) -> None:
        """Insert the counter in the site's epoch, so that visits count from now on. `adjusted` is the sum of the
        community's adjustments. Call this last in the transaction: it locks the site's counter, so that the epoch stays
        valid, and all registrations wait for that lock.
        """
        site = self._session.scalars(select(Counter).where(Counter.scope == SITE).with_for_update(read=True)).one()
        snapshot = {"epoch": site.epoch, "visits": visits, "total": visits + adjusted, "unique_visitors": visitors}
        counter = insert(Counter).values(scope=Scope(community_id), revision=max(site.revision, now_ms), **snapshot)
        self._session.execute(counter)

    def change(self, community_id: str, values: dict[str, Any]) -> None:
        self._session.execute(update(models.Community).where(models.Community.id == community_id).values(**values))

    def delete(self, community_id: str) -> None:
        """Delete the community, its memberships, invitations, counter, milestones and peaks. Its visits stay in the
        ledger. Call `delete_events` until it returns False.
        """
        self._session.execute(delete(Invitation).where(Invitation.community_id == community_id))
        self._session.execute(delete(Membership).where(Membership.community_id == community_id))
        self._session.execute(delete(models.Community).where(models.Community.id == community_id))
        self._session.execute(delete(Counter).where(Counter.scope == community_id))
        self._session.execute(delete(models.Peak).where(models.Peak.scope == community_id))
        self.delete_events(community_id, EVENTS_PER_DELETION)

    def delete_events(self, community_id: str, size: int) -> bool:
        """Delete up to `size` webhook events of a community. Returns whether there may be more."""
        event = models.WebhookEvent
        some = select(event.id).where(event.scope == community_id).limit(size)
        removal = delete(event).where(event.id.in_(some)).execution_options(synchronize_session=False)
        return changed_rows(self._session, removal) == size

    def enrol(self, community_id: str, user_id: str, role: str, now_ms: int) -> None:
        ids = {"community_id": community_id, "user_id": user_id}
        self._session.execute(insert(Membership).values(**ids, role=role, joined_ms=now_ms))

    def set_role(self, community_id: str, user_id: str, role: str) -> None:
        self._session.execute(update(Membership).where(*_is(community_id, user_id)).values(role=role))

    def remove(self, community_id: str, user_id: str) -> None:
        self._session.execute(delete(Membership).where(*_is(community_id, user_id)))

    def end_invitations(self, community_id: str, user_id: str) -> None:
        """Revoke the invitations to this community for a user's email."""
        mine = select(User.email_key).where(User.id == user_id)
        self._session.execute(
            delete(Invitation)
            .where(Invitation.community_id == community_id, Invitation.email_key.in_(mine))
            .execution_options(synchronize_session=False)
        )

    def store(self, entry: AuditEntry) -> None:
        entry.store(self._session)

    def record_revocation(self) -> None:
        record_revocation(self._session)

    def _rows(self, ordered: Select[*tuple[Any, ...]], start: int, count: int) -> Iterable[Any]:
        return self._session.execute(ordered.offset(start).limit(count)).all()


def invitations_by(role: str) -> InvitationRows:
    """Invitations to communities that are not archived, by site admins and by members with this role."""

    def may_invite(query: Any) -> Any:
        joined = query.join(models.Community, models.Community.id == Invitation.community_id)
        is_theirs = and_(Membership.community_id == Invitation.community_id, Membership.user_id == INVITER.id)
        joined = joined.outerjoin(Membership, is_theirs).options(contains_eager(Invitation.community))
        return joined.where(NOT_ARCHIVED, or_(INVITER.is_admin, Membership.role == role))

    return InvitationRows(Invitation, may_invite)


def _list_access(user_id: str) -> Select[*tuple[Any, ...]]:
    theirs = and_(Membership.community_id == models.Community.id, Membership.user_id == user_id)
    return select(*COMMUNITY, Membership.role).outerjoin(Membership, theirs).where(NOT_ARCHIVED)


def _own(account: Account) -> ColumnElement[bool]:
    """Whether the account is a member, according to the row of `_list_access` or to its token."""
    if account.by_token is None or account.by_token.claimed is None:
        return Membership.role.is_not(None)
    return models.Community.ref.in_(dict(account.by_token.claimed))


def _access(row: Any) -> CommunityAccess:
    return CommunityAccess(CommunityDetails._make(row[:-1]), row[-1])


def _members(community_id: str) -> Select[*tuple[Any, ...]]:
    return select(*MEMBER).join(Membership, Membership.user_id == User.id).where(_of(community_id))


def _of(community_id: str) -> Any:
    return Membership.community_id == community_id


def _is(community_id: str, user_id: str) -> tuple[Any, Any]:
    return _of(community_id), Membership.user_id == user_id


IDS_PER_QUERY = 500
"""Number of ids per query."""


def refs_of(session: Session, ids: Collection[str], refs: Collection[str]) -> dict[str, str | None]:
    """External ids by id, of the communities with one of these ids or external ids; at most IDS_PER_QUERY of each."""
    row_id, ref = models.Community.id, models.Community.ref
    query = select(row_id, ref).where(or_(row_id.in_(ids), ref.in_(refs)))
    return {row.id: row.ref for row in session.execute(query)}


def id_of_ref(session: Session, ref: str) -> str | None:
    return session.scalar(select(models.Community.id).where(models.Community.ref == ref))


def is_id(session: Session, community_id: str) -> bool:
    return session.scalar(select(models.Community.id).where(models.Community.id == community_id)) is not None


def add_with_ref(session: Session, community: CommunityDetails, now_ms: int) -> bool:
    """Insert a community without a founder. Returns False, and inserts nothing, if its external id is already in
    use.
    """
    try:
        with session.begin_nested():
            CommunityQueries(session).add(community, None, now_ms)
    except IntegrityError:
        return False
    return True
