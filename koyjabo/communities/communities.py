"""Communities, who belongs to them, and what their roles allow (specification: Accounts and communities)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from koyjabo.accounts.credential_rules import email_key
from koyjabo.audit import log
from koyjabo.audit.log import Actor
from koyjabo.clock import Clock
from koyjabo.communities import archiving as archive
from koyjabo.communities import lifecycle, memberships, roles
from koyjabo.communities.archiving_queries import Overview, all_of_them
from koyjabo.communities.queries import Community, CommunityAccess, CommunityQueries, Member
from koyjabo.communities.roles import ADMIN, MEMBER, ROLES
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.database.paging import Page
from koyjabo.identity import Account, uuid_of

__all__ = ["ROLES", "Communities", "Community", "CommunityAccess", "Enrolment", "Member", "Overview", "Page", "uuid_of"]

Result = TypeVar("Result")


class Enrolment(NamedTuple):
    """A membership as it is now, and whether it has just begun."""

    member: Member
    is_new: bool


class Communities:
    """Every call is by an `account`, and does what that account may do there. Site admins are admin everywhere,
    without being members. Every change writes an audit record.

    Raises UnknownCommunity for an unknown id, an archived community, and one that the account may not see; Forbidden
    for a role that is too low; LedgerUnavailable. `on_revoked` is called with the id of the user whose permission was
    revoked, or of the community that has ended.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock, on_revoked: Callable[[str], object]) -> None:
        self._on_revoked = on_revoked
        self._database = database
        self._clock = clock

    def create(self, account: Account, name: str, description: str, is_open: bool, is_listed: bool) -> CommunityAccess:
        """Found a community, with `account` as its first admin."""
        community = Community(str(uuid.uuid4()), name, description, is_open, is_listed)
        self._write(lifecycle.create, self._actor(account), account, community)
        return CommunityAccess(community, ADMIN)

    def list(self, account: Account, start: int, count: int) -> Page[CommunityAccess]:
        """`count` of those `account` may know of, by name, after the first `start`."""
        page = self._list(CommunityQueries.list_access, account.id, account.is_admin, start, count)
        return page._replace(items=tuple(roles.as_seen_by(account, each) for each in page.items))

    def own(self, account: Account, start: int, count: int) -> Page[CommunityAccess]:
        """`count` of those `account` is a member of, by name, after the first `start`."""
        page = self._list(CommunityQueries.list_own_access, account.id, start, count)
        return page._replace(items=tuple(roles.as_seen_by(account, each) for each in page.items))

    def known(self, account: Account, community_id: str) -> CommunityAccess:
        """For all who may know of it. The role is that of the membership, also for site admins: None for no member."""
        return self._read(memberships.known, account, community_id)

    def get(self, account: Account, community_id: str) -> CommunityAccess:
        return self._read(memberships.allowed, account, community_id, MEMBER)

    def require(self, account: Account, community_id: str, role: str = MEMBER) -> None:
        """Raises Forbidden when the account's role is lower than `role`."""
        self._read(memberships.allowed, account, community_id, role)

    def change(self, account: Account, community_id: str, **values: Any) -> CommunityAccess:
        """Change any of name, description, is_open and is_listed."""
        return self._write(lifecycle.change, self._actor(account), account, community_id, values)

    def delete(self, account: Account, community_id: str) -> None:
        """End a community and all memberships. Its visits stay counted for the site."""
        self._write(lifecycle.delete, self._actor(account), account, community_id)
        self._on_revoked(community_id.lower())

    def join(self, account: Account, community_id: str) -> Enrolment:
        """Become a member, where everybody may; who knows the id of an open community needs no list to find it.

        A member stays what they are.
        """
        return Enrolment(*self._write(memberships.join, self._actor(account), account, community_id))

    def leave(self, account: Account, community_id: str) -> None:
        """Raises LastAdmin."""
        self._write(memberships.leave, self._actor(account), account, community_id)
        self._on_revoked(account.id)

    def members(self, account: Account, community_id: str, start: int, count: int) -> Page[Member]:
        """`count` of the members, those who came first first, after the first `start`.

        Site admins see emails, and nobody else: whoever founds a community may put anybody into it.
        """
        page = self._list(memberships.members, account, community_id, start, count)
        return page._replace(items=tuple(_as_seen_by(account, each) for each in page.items))

    def invite(self, account: Account, community_id: str, email: str, role: str) -> Enrolment:
        """`set_role` for the user with this email."""
        return self._enrol(account, community_id, CommunityQueries.user_with, email_key(email), role)

    def set_role(self, account: Account, community_id: str, user_id: str, role: str) -> Enrolment:
        """Give a user a role, and make them a member if they are none. Raises UnknownUser, LastAdmin."""
        return self._enrol(account, community_id, CommunityQueries.user, uuid_of(user_id) or "", role)

    def remove_member(self, account: Account, community_id: str, user_id: str) -> None:
        """End somebody's membership; anybody may end their own. Raises UnknownUser, LastAdmin."""
        if uuid_of(user_id) == account.id:
            return self.leave(account, community_id)
        self._write(memberships.remove, self._actor(account), account, community_id, uuid_of(user_id))
        self._on_revoked(user_id.lower())

    # For admins of the site; everybody else is Forbidden.

    def all(self, account: Account, query: str = "", start: int = 0, count: int = 20) -> Page[Overview]:
        """`count` of those with `query` in their names, archived or not, by name, after the first `start`."""
        account.require_site_admin()
        return self._database.report(all_of_them, query, start, count)

    def overview(self, account: Account, community_id: str) -> Overview:
        """One of them."""
        account.require_site_admin()
        return self._database.read(archive.overview, community_id)

    def archive(self, account: Account, community_id: str) -> None:
        """Put a community away: it is as if it were not there until it is restored. Done twice it is no error."""
        account.require_site_admin()
        self._database.write(archive.archive, self._actor(account), community_id)
        self._on_revoked(community_id.lower())

    def restore(self, account: Account, community_id: str) -> None:
        """Bring a community back, with all it had. Done twice it is no error."""
        account.require_site_admin()
        self._database.write(archive.restore, self._actor(account), community_id)

    def _enrol(
        self,
        account: Account,
        community_id: str,
        find: Callable[[CommunityQueries, str], str | None],
        whom: str,
        role: str,
    ) -> Enrolment:
        by = self._actor(account)
        member, before = self._write(memberships.give, by, account, community_id, find, whom, role)
        if before is not None and roles.is_lower(role, before):
            self._on_revoked(member.user_id)
        return Enrolment(_as_seen_by(account, member), before is None)

    def _actor(self, account: Account) -> Actor:
        return log.actor(account, self._clock)

    def _read(self, operation: Callable[..., Result], *args: Any) -> Result:
        return self._database.read(_on_records, operation, *args)

    def _list(self, operation: Callable[..., Result], *args: Any) -> Result:
        """A page of a list costs as much as all pages before it, so it runs as a report."""
        return self._database.report(_on_records, operation, *args)

    def _write(self, operation: Callable[..., Result], *args: Any) -> Result:
        result: Result = self._database.write(_on_records, operation, *args)
        return result


def _on_records(session: Any, operation: Callable[..., Result], *args: Any) -> Result:
    return operation(CommunityQueries(session), *args)


def _as_seen_by(account: Account, member: Member) -> Member:
    return member if account.is_admin else member._replace(email=None)
