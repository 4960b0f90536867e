"""Communities, who belongs to them, and what their roles allow (specification: Accounts and communities)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

from koyjabo.accounts.credential_rules import email_key
from koyjabo.audit import log
from koyjabo.audit.log import Author
from koyjabo.clock import Clock
from koyjabo.communities import archiving as archive
from koyjabo.communities import memberships, roles
from koyjabo.communities.archiving_queries import Overview, all_of_them
from koyjabo.communities.memberships import allowed, known, managed, target
from koyjabo.communities.queries import Community, Member, Records, Standing
from koyjabo.communities.roles import ADMIN, MEMBER, ROLES
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.database.paging import Page
from koyjabo.errors import UnknownUser
from koyjabo.identity import Account, uuid_of

__all__ = ["ROLES", "Communities", "Community", "Enrolment", "Member", "Overview", "Page", "Standing", "uuid_of"]

Result = TypeVar("Result")


class Enrolment(NamedTuple):
    """A membership as it is now, and whether it has just begun."""

    member: Member
    is_new: bool


class Communities:
    """Every call is by an `account`, and does what that account may do there. Site admins are admin everywhere,
    without being members. Whoever changes something leaves a line in the audit log.

    Raises UnknownCommunity for an id that is none, for what is archived, and for what the account may not know of;
    Forbidden where its role does not do; LedgerUnavailable. `on_loss` is called with the id of the user who has lost a
    right, or of the community that has ended.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock) -> None:
        self.on_loss: Callable[[str], None] = lambda whose: None
        self._database = database
        self._clock = clock

    def create(self, account: Account, name: str, description: str, is_open: bool, is_listed: bool) -> Standing:
        """Found a community, with `account` as its first admin."""
        community = Community(str(uuid.uuid4()), name, description, is_open, is_listed)
        by = self._author(account)

        def create(records: Records) -> None:
            records.add(community, by.at_ms)
            records.enrol(community.id, account.id, ADMIN, by.at_ms)
            records.note(by.did("community.create", target(community), open=is_open, listed=is_listed))
            records.open_counter(community.id, by.at_ms)

        self._write(create)
        return Standing(community, ADMIN)

    def list(self, account: Account, start: int, count: int) -> Page[Standing]:
        """`count` of those `account` may know of, by name, after the first `start`."""
        page = self._list(lambda records: records.standings(account.id, account.is_admin, start, count))
        return page._replace(items=tuple(roles.as_seen_by(account, each) for each in page.items))

    def own(self, account: Account, start: int, count: int) -> Page[Standing]:
        """`count` of those `account` is a member of, by name, after the first `start`."""
        page = self._list(lambda records: records.own_standings(account.id, start, count))
        return page._replace(items=tuple(roles.as_seen_by(account, each) for each in page.items))

    def known(self, account: Account, community_id: str) -> Standing:
        """For all who may know of it. The role is that of the membership, also for site admins: None for no member."""
        return self._read(lambda records: known(records, account, community_id))

    def get(self, account: Account, community_id: str) -> Standing:
        return self._read(lambda records: allowed(records, account, community_id, MEMBER))

    def role_in(self, account: Account, community_id: str) -> str:
        """The role of `account`; Forbidden for one who may know of the community and is no member."""
        role = self.get(account, community_id).role
        assert role is not None
        return role

    def require(self, account: Account, community_id: str, role: str = MEMBER) -> None:
        """Raises Forbidden when the account's role is lower than `role`."""
        self._read(lambda records: allowed(records, account, community_id, role))

    def change(self, account: Account, community_id: str, **values: Any) -> Standing:
        """Change any of name, description, is_open and is_listed."""
        by = self._author(account)

        def change(records: Records) -> Standing:
            standing = managed(records, account, community_id)
            before = standing.community._asdict()
            changed = {name: value for name, value in values.items() if value != before[name]}
            if changed:
                records.change(standing.community.id, changed)
                was = {name: before[name] for name in changed}
                records.note(by.did("community.change", target(standing.community), was=was, now=changed))
            return standing._replace(community=standing.community._replace(**changed))

        return self._write(change)

    def delete(self, account: Account, community_id: str) -> None:
        """End a community and all memberships. Its visits stay counted for the site."""
        by = self._author(account)

        def delete(records: Records) -> None:
            community = managed(records, account, community_id).community
            records.note(by.did("community.delete", target(community)))
            records.delete(community.id)
            records.note_loss()

        self._write(delete)
        self.on_loss(community_id.lower())

    def join(self, account: Account, community_id: str) -> Enrolment:
        """Become a member, where everybody may; who knows the id of an open community needs no list to find it.

        A member stays what they are.
        """
        by = self._author(account)
        return Enrolment(*self._write(lambda records: memberships.join(records, by, account, community_id)))

    def leave(self, account: Account, community_id: str) -> None:
        """Raises LastAdmin."""
        by = self._author(account)
        self._write(lambda records: memberships.leave(records, by, account, community_id))
        self.on_loss(account.id)

    def members(self, account: Account, community_id: str, start: int, count: int) -> Page[Member]:
        """`count` of the members, those who came first first, after the first `start`.

        Site admins see emails, and nobody else: whoever founds a community may put anybody into it.
        """

        def members(records: Records) -> Page[Member]:
            standing = allowed(records, account, community_id, MEMBER)
            page = records.members(standing.community.id, start, count)
            return page._replace(items=tuple(_as_seen_by(account, each) for each in page.items))

        return self._list(members)

    def invite(self, account: Account, community_id: str, email: str, role: str) -> Enrolment:
        """`set_role` for the user with this email."""
        return self._enrol(account, community_id, lambda records: records.user_with(email_key(email)), role)

    def set_role(self, account: Account, community_id: str, user_id: str, role: str) -> Enrolment:
        """Give a user a role, and make them a member if they are none. Raises UnknownUser, LastAdmin."""
        return self._enrol(account, community_id, lambda records: records.user(uuid_of(user_id) or ""), role)

    def remove_member(self, account: Account, community_id: str, user_id: str) -> None:
        """End somebody's membership; anybody may end their own. Raises UnknownUser, LastAdmin."""
        if uuid_of(user_id) == account.id:
            return self.leave(account, community_id)
        by = self._author(account)

        def remove(records: Records) -> None:
            community = managed(records, account, community_id).community
            memberships.remove(records, by, community, uuid_of(user_id))

        self._write(remove)
        self.on_loss(user_id.lower())

    # For admins of the site; everybody else is Forbidden.

    def all(self, account: Account, query: str = "", start: int = 0, count: int = 20) -> Page[Overview]:
        """`count` of those with `query` in their names, archived or not, by name, after the first `start`."""
        account.require_site_admin()
        return self._database.report(partial(all_of_them, query=query, start=start, count=count))

    def overview(self, account: Account, community_id: str) -> Overview:
        """One of them."""
        account.require_site_admin()
        return self._database.read(lambda session: archive.overview(session, community_id))

    def archive(self, account: Account, community_id: str) -> None:
        """Put a community away: it is as if it were not there until it is restored. Done twice it is no error."""
        account.require_site_admin()
        by = self._author(account)
        self._database.write(lambda session: archive.archive(session, by, community_id))
        self.on_loss(community_id.lower())

    def restore(self, account: Account, community_id: str) -> None:
        """Bring a community back, with all it had. Done twice it is no error."""
        account.require_site_admin()
        by = self._author(account)
        self._database.write(lambda session: archive.restore(session, by, community_id))

    def _enrol(
        self, account: Account, community_id: str, find: Callable[[Records], str | None], role: str
    ) -> Enrolment:
        by = self._author(account)

        def enrol(records: Records) -> tuple[Member, str | None]:
            community = managed(records, account, community_id).community
            user_id = find(records)
            if user_id is None:
                raise UnknownUser
            return memberships.give(records, by, community, user_id, role)

        member, before = self._write(enrol)
        if before is not None and roles.is_lower(role, before):
            self.on_loss(member.user_id)
        return Enrolment(_as_seen_by(account, member), before is None)

    def _author(self, account: Account) -> Author:
        return log.author(account, self._clock)

    def _read(self, errand: Callable[[Records], Result]) -> Result:
        return self._database.read(lambda session: errand(Records(session)))

    def _list(self, errand: Callable[[Records], Result]) -> Result:
        """A page of a list costs as much as all that is before it: nobody else is to wait for that."""
        return self._database.report(lambda session: errand(Records(session)))

    def _write(self, errand: Callable[[Records], Result]) -> Result:
        return self._database.write(lambda session: errand(Records(session)))


def _as_seen_by(account: Account, member: Member) -> Member:
    return member if account.is_admin else member._replace(email=None)
