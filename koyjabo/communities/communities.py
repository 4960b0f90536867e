"""Communities, with permissions by role (specification: Accounts and communities).

An archived community is treated as unknown by lists, members and visits, and its sockets are closed. Its members, stats
and reports are kept, and are available again once it is restored.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session

from koyjabo.base.core.errors import LedgerUnavailable, UnknownCommunity
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account, uuid_of
from koyjabo.base.database.models import Counter
from koyjabo.base.database.rows import Slice, length, ordered_by, slice_of
from koyjabo.base.database.search import has_words, sought
from koyjabo.base.models import SITE, Scope
from koyjabo.counting.models import Adjustment, DailyVisits
from koyjabo.people.audit.log import community_subject
from koyjabo.people.audit.transaction import Changes, Transaction, transaction
from koyjabo.people.models import Community, Membership, User
from . import member_queries, memberships, queries
from .errors import TooManyCommunities
from .queries import BY_NAME, COMMUNITY_NAMES, IS_NOT_ARCHIVED, PANEL_ORDERS
from .roles import ADMIN, MEMBER, Access

MAX_FOUNDED_COMMUNITIES = 20
"""Maximum number of communities that one user may found, not counting archived ones. Site admins have no limit."""

LISTED_POLL_S = 1.0
"""Interval between calls to `refresh_listed`, s."""

COMMUNITY_ACTIONS = {
    **memberships.MEMBER_ACTIONS,
    "community.create": N_("Community created"),
    "community.change": N_("Community changed"),
    "community.archive": N_("Community archived"),
    "community.restore": N_("Community restored"),
    "community.delete": N_("Community deleted"),
}


class Communities(Changes):
    """Communities. Every call checks the permissions of `account`, and every change writes an audit entry. Site admins
    have the role admin in all communities without being members.

    Raises UnknownCommunity for an unknown id, an archived community, or a community that the account may not see;
    Forbidden if the role is too low; LedgerUnavailable. `values` are columns: name, name_bn, description,
    description_bn, is_open, is_listed, count_anonymous, public_count, members_see_online.
    """

    has_listed = False
    """Whether any community is listed, as of `refresh_listed`. Every page shows it, even without a database."""

    @transaction
    def create(self, tx: Transaction, account: Account, values: Mapping[str, Any]) -> Access:
        """Create a community, with `account` as its first admin. It is open and listed by default. Raises
        TooManyCommunities.
        """
        if not account.is_admin:
            tx.session.execute(select(User.id).where(User.id == account.id).with_for_update())  # until it is founded
            founded = select(Community.id).where(Community.founder_id == account.id, IS_NOT_ARCHIVED)
            if length(tx.session, founded) >= MAX_FOUNDED_COMMUNITIES:
                raise TooManyCommunities
        community = new_community(tx, founder_id=account.id, **values)
        tx.session.add(community)
        tx.session.flush()
        member_queries.enrol(tx.session, community.id, account.id, ADMIN, tx.at_ms)
        announce(tx, community)
        return Access(account, community, ADMIN)

    def list(self, account: Account, start: int, count: int, text: str = "", order: str = "members") -> Slice[Access]:
        """A page of `count` communities that `account` may see, from the offset `start`. `text` is part of a
        name, and `order` one of ORDERS.
        """
        # A report, because reading a page costs as much as reading all pages before it.
        return self._database.report(queries.listed, account, text, order, start, count)

    def refresh_listed(self) -> None:
        """Read whether any community is listed. Without a database, the last value stays."""
        query = select(exists().where(Community.is_listed, IS_NOT_ARCHIVED))
        with suppress(LedgerUnavailable):
            self.has_listed = bool(self._database.read(lambda session: session.scalar(query)))

    def own(self, account: Account, start: int, count: int) -> Slice[Access]:
        """A page of `count` communities that `account` is a member of, ordered by name, from the offset `start`."""
        return self._database.report(queries.own, account, start, count)

    def home(self, account: Account) -> Community | None:
        """The only community that `account` moderates or, if there is none, the only one that it is a member of."""
        joined = self._database.read(queries.homes, account)
        moderated = [access for access in joined if access.own_role != MEMBER]
        homes = moderated or joined
        return homes[0].community if len(homes) == 1 else None

    def public(self, ids: Collection[str]) -> Sequence[Community]:
        """The communities among `ids` that are listed and show everyone how many people are online."""
        shown = self._database.read(_with_public_count, ids)
        return [community for community in shown if community.is_listed]

    def with_public_count(self, community_id: str) -> Community:
        """A community that shows everyone how many people are online. Raises UnknownCommunity for other communities."""
        for community in self._database.read(_with_public_count, [uuid_of(community_id) or ""]):
            return community
        raise UnknownCommunity

    def seen(self, account: Account, ids: Collection[str]) -> Sequence[Access]:
        """The communities among `ids` that `account` may see. Invalid ids are ignored."""
        existing = self._database.read(queries.accesses, account, list(filter(uuid_of, ids)))
        return [access for access in existing if access.is_visible]

    def ids(self) -> Collection[Scope]:
        """The ids of all communities that are not archived."""
        query = select(Community.id).where(IS_NOT_ARCHIVED)
        return self._database.report(lambda session: list(map(Scope, session.scalars(query))))

    def sizes(self, communities: Iterable[Community]) -> dict[str, int]:
        """Number of members, by community id. The caller checks the permission."""
        ids = [community.id for community in communities]
        members = select(Membership.community_id, func.count()).where(Membership.community_id.in_(ids))
        members = members.group_by(Membership.community_id)
        return self._database.report(lambda session: dict.fromkeys(ids, 0) | dict(session.execute(members).all()))

    def visible(self, account: Account, community_id: str) -> Access:
        """A community that `account` may see, in any role or none."""
        return self._database.read(memberships.visible, account, community_id)

    def require(self, account: Account, community_id: str, role: str = MEMBER) -> Access:
        """A community, for an account whose effective role is at least `role`."""
        return self._database.read(memberships.allowed, account, community_id, role)

    @transaction
    def change(self, tx: Transaction, account: Account, community_id: str, values: Mapping[str, Any]) -> Access:
        """Change the given columns. Writes an audit entry only if a value differs."""
        access = memberships.allowed(tx.session, account, community_id, ADMIN, locked=True)
        set_values(tx, access.community, values)
        return access

    @transaction
    def delete(self, tx: Transaction, account: Account, community_id: str) -> None:
        """Delete a community and its memberships. Its visits stay in the site's total."""
        community = memberships.allowed(tx.session, account, community_id, ADMIN, locked=True).community
        tx.log("community.delete", community_subject(community))
        queries.remove(tx.session, community.id)
        tx.revoke(community.id)

    # Only site admins may call these methods. Viewers may call the ones that change nothing. Others get Forbidden.

    def all(
        self, account: Account, query: str = "", start: int = 0, count: int = 20, order: str = "name"
    ) -> Slice[Community]:
        """A page of `count` communities from the offset `start`, including archived ones. `query` is an id, or words
        that occur in the name. `order` is one of PANEL_ORDERS, prefixed with "-" for descending.
        """
        account.require_site_viewer()
        communities = select(Community).order_by(ordered_by(PANEL_ORDERS, order), *BY_NAME)
        if part := sought(query):
            has_part = and_(*has_words(COMMUNITY_NAMES, part))
            communities = communities.where(or_(Community.id == part.lower(), has_part))
        return self._database.report(slice_of, communities, start, count)

    def find(self, account: Account, community_id: str) -> Community:
        """A community, archived or not."""
        account.require_site_viewer()
        return self._database.read(existing, community_id)

    @transaction
    def archive(self, tx: Transaction, account: Account, community_id: str) -> None:
        """Archive a community: members, visits and sockets then treat it as unknown. Idempotent."""
        account.require_site_admin()
        archive(tx, existing(tx.session, community_id, locked=True))

    @transaction
    def restore(self, tx: Transaction, account: Account, community_id: str) -> Community:
        """Restore an archived community with all its data. Idempotent."""
        account.require_site_admin()
        return restore(tx, existing(tx.session, community_id, locked=True))


def new_community(tx: Transaction, **values: Any) -> Community:
    defaults = {
        "name_bn": "",
        "description": "",
        "description_bn": "",
        "is_open": True,
        "is_listed": True,
        "count_anonymous": False,
        "public_count": False,
        "members_see_online": False,
    }
    return Community(id=str(uuid.uuid4()), created_ms=tx.at_ms, **defaults | values)


def announce(tx: Transaction, community: Community) -> None:
    """Start counting a new community's visits, and write the audit entry. Call this last in the transaction."""
    optional = {"name_bn": community.name_bn, "ref": community.ref}
    given = {name: value for name, value in optional.items() if value}
    tx.log(
        "community.create", community_subject(community), open=community.is_open, listed=community.is_listed, **given
    )
    open_counter(tx.session, community.id, tx.at_ms)


def existing(session: Any, community_id: str, locked: bool = False) -> Community:
    """A community, archived or not, locked until the commit if requested. Raises UnknownCommunity."""
    row_id = uuid_of(community_id) or ""
    if locked:
        queries.lock(session, row_id)
    community = queries.find(session, row_id)
    if community is None:
        raise UnknownCommunity
    return community


def set_values(tx: Transaction, community: Community, values: Mapping[str, Any]) -> None:
    """Change columns of a locked community."""
    before = {name: getattr(community, name) for name in values}
    changed = {name: value for name, value in values.items() if value != before[name]}
    if not changed:
        return
    was = {name: before[name] for name in changed}
    tx.log("community.change", community_subject(community), was=was, now=changed)  # with the name before the change
    for name, value in changed.items():
        setattr(community, name, value)
    if "members_see_online" in changed:  # before `revoke`, because this locks memberships
        others = update(Membership).where(Membership.community_id == community.id, Membership.user_id != tx.by.id)
        tx.session.execute(others.values(is_notice_due=community.members_see_online))
        tx.show_others(community.id)
    if changed.get("public_count") is False:
        tx.revoke(community.id)


def archive(tx: Transaction, community: Community) -> None:
    """Archive a locked community, unless it is archived. Its counter is deleted, so that its visits are no
    longer counted. Other counting data stays.
    """
    if community.archived_ms is None:
        tx.log("community.archive", community_subject(community))
        community.archived_ms = tx.at_ms
        tx.session.flush()
        tx.session.execute(delete(Counter).where(Counter.scope == community.id))  # waits for a batch of its visits
        tx.revoke(community.id)


def restore(tx: Transaction, community: Community) -> Community:
    """Restore a locked community, if it is archived. Its counter gets the old totals: the sums, which contain every
    visit, and the adjustments for visits that the database has lost.
    """
    if community.archived_ms is not None:
        tx.log("community.restore", community_subject(community))
        community.archived_ms = None
        sums = select(func.sum(DailyVisits.visits), func.sum(DailyVisits.new_visitors))
        visits, visitors = tx.session.execute(sums.where(DailyVisits.scope == community.id)).one()
        changes = select(func.sum(Adjustment.total_after - Adjustment.total_before))
        adjusted = tx.session.scalar(changes.where(Adjustment.scope == community.id))
        numbers = (int(number or 0) for number in (visits, visitors, adjusted))
        open_counter(tx.session, community.id, tx.at_ms, *numbers)
    return community


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


def _with_public_count(session: Session, ids: Collection[str]) -> Sequence[Community]:
    """The communities among `ids` that show everyone how many people are online."""
    query = select(Community).where(Community.id.in_(ids), Community.public_count, IS_NOT_ARCHIVED)
    return session.scalars(query).all()
