"""Communities and their members, with permissions by role (specification: Accounts and communities)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.identity import Account, uuid_of
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.database.rows import Page
from koyjabo.base.database.throttle import Throttle
from koyjabo.base.models import Scope
from koyjabo.communities import archiving, memberships, roles
from koyjabo.communities.archiving_queries import Overview, overviews
from koyjabo.communities.queries import (
    CommunityAccess,
    CommunityDetails,
    CommunityQueries,
    CommunitySearch,
    ListedCommunity,
    Member,
    MemberSearch,
)
from koyjabo.communities.roles import ADMIN, MEMBER
from koyjabo.people.audit import log
from koyjabo.people.audit.log import Actor

Result = TypeVar("Result")

ANY_COMMUNITY, ANY_MEMBER = CommunitySearch(), MemberSearch()


class Enrolment(NamedTuple):
    """A membership, and whether the call created it."""

    member: Member
    is_new: bool
    role_before: str | None = None  # the previous role, if the call set an existing member's role


class Communities:
    """Communities and their members. Every call checks the permissions of `account`, and every change writes an audit
    entry. Site admins have the role admin in all communities without being members.

    Raises UnknownCommunity for an unknown id, an archived community, or a community that the account may not see;
    Forbidden if the role is too low; LedgerUnavailable.

    After a commit, `on_revoked` is called with the id of the user who lost a permission, or of the community that was
    deleted or archived.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock, on_revoked: Callable[[str], object]) -> None:
        self._on_revoked = on_revoked
        self._database = database
        self._clock = clock

    def create(
        self,
        account: Account,
        name: str,
        description: str,
        is_open: bool,
        is_listed: bool,
        count_anonymous: bool = False,
        public_count: bool = False,
    ) -> CommunityAccess:
        """Create a community, with `account` as its first admin. Raises TooManyCommunities."""
        flags = is_open, is_listed, count_anonymous, public_count
        community = CommunityDetails(str(uuid.uuid4()), name, description, *flags)
        self._write(archiving.create, self._actor(account), account, community)
        return CommunityAccess(community, ADMIN)

    def list(
        self, account: Account, start: int, count: int, search: CommunitySearch = ANY_COMMUNITY
    ) -> Page[ListedCommunity]:
        """A page of `count` communities that `account` may see, from the offset `start`."""
        page = self._list(CommunityQueries.list_access, account, search, start, count)
        seen = (listed._replace(access=roles.as_seen_by(account, listed.access)) for listed in page.items)
        return page._replace(items=tuple(seen))

    def own(self, account: Account, start: int, count: int) -> Page[CommunityAccess]:
        """A page of `count` communities that `account` is a member of, ordered by name, from the offset `start`."""
        page = self._list(CommunityQueries.list_own_access, account, start, count)
        return page._replace(items=tuple(roles.as_seen_by(account, access) for access in page.items))

    def home(self, account: Account) -> CommunityAccess | None:
        """The only community that `account` moderates or, if there is none, the only one that it is a member of."""
        joined = self._read(CommunityQueries.homes, account)
        moderated = [access for access in joined if access.role != MEMBER]
        homes = moderated or joined
        return homes[0] if len(homes) == 1 else None

    def roles(self, community_id: str, user_ids: Collection[str]) -> dict[str, str]:
        """The roles of the given users who are members. The caller checks the permission."""
        return self._read(CommunityQueries.roles, community_id, user_ids) if user_ids else {}

    def public(self, ids: Collection[str]) -> tuple[CommunityDetails, ...]:
        """The communities among `ids` that are listed and show everyone how many people are online."""
        return tuple(self._read(CommunityQueries.public, ids))

    def seen(self, account: Account, ids: Collection[str]) -> tuple[CommunityAccess, ...]:
        """The communities among `ids` that `account` may see. Invalid ids are ignored."""
        known = self._read(CommunityQueries.listed_access, account.id, list(filter(uuid_of, ids)))
        return tuple(access for access in known if roles.is_visible(account, access))

    def ids(self) -> Collection[Scope]:
        """The ids of all communities that are not archived."""
        return self._list(CommunityQueries.ids)

    def sizes(self, community_ids: Collection[str]) -> dict[str, int]:
        """Number of members, by community id."""
        return self._list(CommunityQueries.sizes, community_ids)

    def known(self, account: Account, community_id: str) -> CommunityAccess:
        """A community that `account` may see. The role is the membership's, even for site admins; None for
        non-members.
        """
        return self._read(memberships.visible, account, community_id)

    def get(self, account: Account, community_id: str) -> CommunityAccess:
        return self._read(memberships.allowed, account, community_id, MEMBER)

    def with_public_count(self, community_id: str) -> CommunityDetails:
        """A community that shows everyone how many people are online. Raises UnknownCommunity for other communities."""
        return self._read(memberships.with_public_count, community_id)

    def require(self, account: Account, community_id: str, role: str = MEMBER) -> None:
        """Raises Forbidden if the account's role is lower than `role`."""
        self._read(memberships.allowed, account, community_id, role)

    def change(self, account: Account, community_id: str, **values: Any) -> CommunityAccess:
        """Change any of name, description, is_open, is_listed, count_anonymous and public_count."""
        changed: CommunityAccess = self._write(archiving.change, self._actor(account), account, community_id, values)
        if values.get("public_count") is False:
            self._on_revoked(changed.community.id)
        return changed

    def delete(self, account: Account, community_id: str) -> None:
        """Delete a community and its memberships. Its visits stay in the site's total."""
        self._write(archiving.delete, self._actor(account), account, community_id)
        self._on_revoked(community_id.lower())
        with suppress(LedgerUnavailable):  # otherwise the events are deleted after 30 days
            Throttle(self._database).repeat(_in_steps, CommunityQueries.delete_events, community_id.lower())

    def join(self, account: Account, community_id: str) -> Enrolment:
        """Join an open community, which may be unlisted. A member keeps their role."""
        return Enrolment(*self._write(memberships.join, self._actor(account), account, community_id))

    def leave(self, account: Account, community_id: str) -> None:
        """End the account's own membership. Raises LastAdmin."""
        self._write(memberships.leave, self._actor(account), account, community_id)
        self._on_revoked(account.id)

    def members(
        self, account: Account, community_id: str, start: int, count: int, search: MemberSearch = ANY_MEMBER
    ) -> Page[Member]:
        """A page of `count` members in the order they joined, from the offset `start`.

        Only site admins see emails.
        """
        page = self._list(memberships.members, account, community_id, search, start, count)
        return page._replace(items=tuple(_as_shown_to(account, member) for member in page.items))

    def list_tag(self, account: Account, community_id: str) -> str:
        """The tag of the complete list of members, which is the same for every page."""
        return self._list(memberships.list_tag, account, community_id)

    def set_role(self, account: Account, community_id: str, user_id: str, role: str) -> Enrolment:
        """Set a member's role. Raises UnknownUser, LastAdmin.

        A site admin can also add a user who is not a member. Others invite them (`invitations`).
        """
        by = self._actor(account)
        member, before = self._write(memberships.set_role, by, account, community_id, uuid_of(user_id) or "", role)
        if before is not None and roles.is_lower(role, before):
            self._on_revoked(member.user_id)
        return Enrolment(_as_shown_to(account, member), before is None, before)

    def remove_member(self, account: Account, community_id: str, user_id: str) -> None:
        """End a membership; any member may end their own. Raises UnknownUser, LastAdmin."""
        if uuid_of(user_id) == account.id:
            return self.leave(account, community_id)
        self._write(memberships.remove, self._actor(account), account, community_id, uuid_of(user_id))
        self._on_revoked(user_id.lower())

    def removable(self, account: Account, community_id: str, user_id: str) -> tuple[CommunityDetails, Member]:
        """The community and the membership that `remove_member` would end. Raises the same errors."""
        community, member = self._read(memberships.removable, account, community_id, uuid_of(user_id))
        return community, _as_shown_to(account, member)

    # Only site admins may call these methods. Viewers may call the ones that change nothing. Others get Forbidden.

    def all(
        self, account: Account, query: str = "", start: int = 0, count: int = 20, order: str = "name"
    ) -> Page[Overview]:
        """A page of `count` communities from the offset `start`, including archived ones. `query` is an id, or words
        that occur in the name. `order` is one of PANEL_ORDERS, prefixed with "-" for descending.
        """
        account.require_site_viewer()
        return self._database.report(overviews, query, start, count, order)

    def overview(self, account: Account, community_id: str) -> Overview:
        account.require_site_viewer()
        return self._database.read(archiving.overview, community_id)

    def archive(self, account: Account, community_id: str) -> None:
        """Archive a community: members, visits and sockets then treat it as unknown. Idempotent."""
        account.require_site_admin()
        self._database.write(archiving.archive, self._actor(account), community_id)
        self._on_revoked(community_id.lower())

    def restore(self, account: Account, community_id: str) -> None:
        """Restore an archived community with all its data. Idempotent."""
        account.require_site_admin()
        self._database.write(archiving.restore, self._actor(account), community_id)

    def _actor(self, account: Account) -> Actor:
        return log.actor(account, self._clock)

    def _read(self, operation: Callable[..., Result], *args: Any) -> Result:
        return self._database.read(_on_records, operation, *args)

    def _list(self, operation: Callable[..., Result], *args: Any) -> Result:
        """Read a list on the report executor, because reading a page costs as much as reading all pages before it."""
        return self._database.report(_on_records, operation, *args)

    def _write(self, operation: Callable[..., Result], *args: Any) -> Result:
        result: Result = self._database.write(_on_records, operation, *args)
        return result


def _on_records(session: Any, operation: Callable[..., Result], *args: Any) -> Result:
    return operation(CommunityQueries(session), *args)


def _in_steps(session: Any, operation: Callable[..., Result], *args: Any, size: int) -> Result:
    return operation(CommunityQueries(session), *args, size)


def _as_shown_to(account: Account, member: Member) -> Member:
    return member if account.is_admin else member._replace(email=None)
