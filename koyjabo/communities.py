"""Communities, who belongs to them, and what their roles allow (SPEC: Accounts and communities)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from koyjabo import roles
from koyjabo.accounts import Account
from koyjabo.clock import Clock
from koyjabo.credentials import email_key
from koyjabo.errors import Forbidden, UnknownCommunity, UnknownUser
from koyjabo.roles import ADMIN, MEMBER, ROLES, uuid_of
from koyjabo.storage.communities import Community, Member, Page, Records, Standing
from koyjabo.storage.desk import Desk

__all__ = ["ROLES", "Communities", "Community", "Enrolment", "Member", "Page", "Standing", "uuid_of"]

Result = TypeVar("Result")


class Enrolment(NamedTuple):
    """A membership as it is now, and whether it has just begun."""

    member: Member
    is_new: bool


class Communities:
    """Every call is by an `account`, and does what that account may do there. Site admins are admin everywhere,
    without being members.

    Raises UnknownCommunity for an id that is none, and for what the account may not know of; Forbidden where its role
    does not do; LedgerUnavailable. `on_loss` is called with the id of the user who has lost a right, or of the
    community that has ended.
    """

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self.on_loss: Callable[[str], None] = lambda whose: None
        self._desk = desk
        self._clock = clock

    def create(self, account: Account, name: str, description: str, is_open: bool, is_listed: bool) -> Standing:
        """Found a community, with `account` as its first admin."""
        community = Community(str(uuid.uuid4()), name, description, is_open, is_listed)
        now_ms = self._clock.now_ms()

        def create(records: Records) -> None:
            records.add(community, now_ms)
            records.enrol(community.id, account.id, ADMIN, now_ms)
            records.open_counter(community.id, now_ms)

        self._write(create)
        return Standing(community, ADMIN)

    def list(self, account: Account, start: int, count: int) -> Page[Standing]:
        """`count` of those `account` may know of, by name, after the first `start`."""
        page = self._list(lambda records: records.standings(account.id, account.is_admin, start, count))
        return page._replace(items=tuple(roles.as_seen_by(account, each) for each in page.items))

    def get(self, account: Account, community_id: str) -> Standing:
        return self._read(lambda records: _allowed(records, account, community_id, MEMBER))

    def role_in(self, account: Account, community_id: str) -> str:
        """The role of `account`; Forbidden for one who may know of the community and is no member."""
        role = self.get(account, community_id).role
        assert role is not None
        return role

    def require(self, account: Account, community_id: str, role: str = MEMBER) -> None:
        """Raises Forbidden when the account's role is lower than `role`."""
        self._read(lambda records: _allowed(records, account, community_id, role))

    def change(self, account: Account, community_id: str, **values: Any) -> Standing:
        """Change any of name, description, is_open and is_listed."""

        def change(records: Records) -> Standing:
            standing = _managed(records, account, community_id)
            if values:
                records.change(standing.community.id, values)
            return standing._replace(community=standing.community._replace(**values))

        return self._write(change)

    def delete(self, account: Account, community_id: str) -> None:
        """End a community and all memberships. Its visits stay counted for the site."""

        def delete(records: Records) -> None:
            records.delete(_managed(records, account, community_id).community.id)
            records.note_loss()

        self._write(delete)
        self.on_loss(community_id.lower())

    def join(self, account: Account, community_id: str) -> Enrolment:
        """Become a member, where everybody may; who knows the id of an open community needs no list to find it.

        A member stays what they are.
        """
        now_ms = self._clock.now_ms()

        def join(records: Records) -> Enrolment:
            standing = _found(records, account, community_id, lock=True)
            if standing is None:
                raise UnknownCommunity
            key = (standing.community.id, account.id)
            if standing.role is None:
                roles.check_open(account, standing.community)
                records.enrol(*key, MEMBER, now_ms)
            return Enrolment(records.member(*key), standing.role is None)

        return self._write(join)

    def leave(self, account: Account, community_id: str) -> None:
        """Raises LastAdmin."""

        def leave(records: Records) -> None:
            standing = roles.known(account, _found(records, account, community_id, lock=True))
            if standing.role is None:
                raise Forbidden("You are not a member of this community.")
            _remove(records, standing.community.id, account.id, standing.role)

        self._write(leave)
        self.on_loss(account.id)

    def members(self, account: Account, community_id: str, start: int, count: int) -> Page[Member]:
        """`count` of the members, those who came first first, after the first `start`.

        Site admins see emails, and nobody else: whoever founds a community may put anybody into it.
        """

        def members(records: Records) -> Page[Member]:
            standing = _allowed(records, account, community_id, MEMBER)
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

        def remove(records: Records) -> None:
            community = _managed(records, account, community_id).community
            theirs = records.standing(community.id, uuid_of(user_id) or "")
            if theirs is None or theirs.role is None:
                raise UnknownUser("This community has no such member.")
            _remove(records, community.id, user_id.lower(), theirs.role)

        self._write(remove)
        self.on_loss(user_id.lower())

    def _enrol(
        self, account: Account, community_id: str, find: Callable[[Records], str | None], role: str
    ) -> Enrolment:
        now_ms = self._clock.now_ms()

        def enrol(records: Records) -> tuple[Enrolment, bool]:
            community = _managed(records, account, community_id).community
            user_id = find(records)
            if user_id is None:
                raise UnknownUser
            return _give(records, community.id, user_id, role, now_ms)

        enrolment, is_loss = self._write(enrol)
        if is_loss:
            self.on_loss(enrolment.member.user_id)
        return enrolment._replace(member=_as_seen_by(account, enrolment.member))

    def _read(self, errand: Callable[[Records], Result]) -> Result:
        return self._desk.read(lambda session: errand(Records(session)))

    def _list(self, errand: Callable[[Records], Result]) -> Result:
        """A page of a list costs as much as all that is before it: nobody else is to wait for that."""
        return self._desk.report(lambda session: errand(Records(session)))

    def _write(self, errand: Callable[[Records], Result]) -> Result:
        return self._desk.write(lambda session: errand(Records(session)))


def _as_seen_by(account: Account, member: Member) -> Member:
    return member if account.is_admin else member._replace(email=None)


def _found(records: Records, account: Account, community_id: str, lock: bool = False) -> Standing | None:
    """Where `account` stands; with `lock`, as nobody changes it before the commit."""
    known_id = uuid_of(community_id)
    if known_id is None:
        return None
    if lock:
        records.lock(known_id)
    return records.standing(known_id, account.id)


def _allowed(records: Records, account: Account, community_id: str, role: str) -> Standing:
    return roles.allowed(account, _found(records, account, community_id), role)


def _managed(records: Records, account: Account, community_id: str) -> Standing:
    return roles.allowed(account, _found(records, account, community_id, lock=True), ADMIN)


def _give(records: Records, community_id: str, user_id: str, role: str, now_ms: int) -> tuple[Enrolment, bool]:
    """The membership, and whether it allows less than before."""
    standing = records.standing(community_id, user_id)
    before = standing.role if standing else None
    is_loss = before is not None and roles.is_lower(role, before)
    if before is None:
        records.enrol(community_id, user_id, role, now_ms)
    else:
        _change_role(records, community_id, user_id, role, before)
    return Enrolment(records.member(community_id, user_id), before is None), is_loss


def _change_role(records: Records, community_id: str, user_id: str, role: str, before: str) -> None:
    if roles.is_lower(role, before):
        roles.spare_last_admin(records, community_id, user_id, before)
    records.set_role(community_id, user_id, role)
    if roles.is_lower(role, before):
        records.note_loss()


def _remove(records: Records, community_id: str, user_id: str, role: str) -> None:
    roles.spare_last_admin(records, community_id, user_id, role)
    records.remove(community_id, user_id)
    records.note_loss()
