"""Members of communities, with permissions by role (specification: Accounts and communities)."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import and_, delete, literal, select, update

from koyjabo.base.core.errors import Forbidden, LastAdmin, UnknownCommunity, UnknownUser
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account, uuid_of
from koyjabo.base.database.rows import Slice, change_in_database, changed_rows
from koyjabo.counting.daily_people import SLOT_S, user
from koyjabo.counting.models import Person, PersonDay
from koyjabo.people.accounts.models import Invitation
from koyjabo.people.audit.log import community_subject
from koyjabo.people.audit.transaction import Changes, Transaction, transaction
from koyjabo.people.models import Community, Membership, User
from . import member_queries, queries, roles
from .roles import ADMIN, MEMBER, Access

NOT_A_MEMBER = N_("This person is not a member of this community.")

MEMBER_ACTIONS = {
    "member.add": N_("Member added"),
    "member.invite": N_("Person invited"),
    "member.withdraw": N_("Invitation revoked"),
    "member.accept": N_("Invitation accepted"),
    "member.decline": N_("Invitation declined"),
    "member.role": N_("Role changed"),
    "member.remove": N_("Member removed"),
    "member.sync": N_("Members synced"),
    "member.join": N_("Joined"),
    "member.leave": N_("Left"),
}


def visible(session: Any, account: Account, community_id: str, locked: bool = False) -> Access:
    """A community that the account may see. With `locked`, the community and its members are locked until the commit.
    Raises UnknownCommunity; Forbidden for another community's key.
    """
    row_id = uuid_of(community_id) or ""
    if locked:
        queries.lock(session, row_id)
    access = queries.access(session, account, row_id)
    if access is not None and access.is_visible:
        return access
    raise Forbidden(roles.OTHER_COMMUNITY) if account.moderates else UnknownCommunity


def allowed(session: Any, account: Account, community_id: str, role: str, locked: bool = False) -> Access:
    """`visible`, for an account whose effective role is at least `role`. Raises UnknownCommunity, Forbidden."""
    access = visible(session, account, community_id, locked)
    access.require(role)
    return access


class Memberships(Changes):
    """The members of communities. Every call checks the permissions of `account`, and every change writes an audit
    entry. Raises UnknownCommunity, Forbidden and LedgerUnavailable as `Communities` does.
    """

    def roles(self, community_id: str, user_ids: Collection[str]) -> dict[str, str]:
        """The roles of the given users who are members. The caller checks the permission."""
        query = select(Membership.user_id, Membership.role).where(Membership.community_id == community_id)
        query = query.where(Membership.user_id.in_(user_ids))
        return self._database.read(lambda session: dict(session.execute(query).all())) if user_ids else {}

    def last_here(self, community_id: str) -> tuple[str, int] | None:
        """The name of the member who came last and does not appear offline, and the start of that hour, s since 1970
        UTC. None if no member came. The caller checks the permission.
        """
        is_person = and_(Person.scope == community_id, Person.person == literal(user("")).concat(User.id))
        is_last_day = and_(PersonDay.person_id == Person.id, PersonDay.day == Person.last_day)
        days = member_queries.members_of(community_id).join(Person, is_person).join(PersonDay, is_last_day)
        columns = days.with_only_columns(User.name, PersonDay.began_s, PersonDay.slots).where(~User.appear_offline)
        newest = columns.order_by(PersonDay.began_s.desc(), PersonDay.slots.desc()).limit(1)
        row = self._database.read(lambda session: session.execute(newest).first())
        return (row.name, row.began_s + (row.slots.bit_length() - 1) * SLOT_S) if row else None

    def take_notice(self, account: Account, community_id: str) -> bool:
        """Whether the member has to read that members see who is online. Returns True once."""
        mine = Membership.community_id == community_id, Membership.user_id == account.id, Membership.is_notice_due
        if not self._database.read(lambda session: session.scalar(select(Membership.role).where(*mine))):
            return False
        shown = update(Membership).where(*mine).values(is_notice_due=False)
        return bool(self._database.write(lambda session: changed_rows(session, shown)))

    def page(
        self, account: Account, community_id: str, start: int, count: int, text: str = "", role: str = ""
    ) -> Slice[Membership]:
        """A page of `count` members in the order they joined, from the offset `start`. They have `text` in their name
        and, if given, the role `role`. Emails are only loaded for site admins.
        """

        def read(session: Any) -> Slice[Membership]:
            access = allowed(session, account, community_id, MEMBER)
            return member_queries.page(session, access.community.id, text, role, start, count, account.is_admin)

        # A report, because reading a page costs as much as reading all pages before it.
        return self._database.report(read)

    def list_tag(self, account: Account, community_id: str) -> str:
        """The tag of the complete list of members, which is the same for every page."""
        return self._database.report(
            lambda session: member_queries.tag(session, allowed(session, account, community_id, MEMBER).community.id)
        )

    @transaction
    def join(self, tx: Transaction, account: Account, community_id: str) -> tuple[Membership, bool]:
        """Join an open community, which may be unlisted. A member keeps their role. Returns the membership, and whether
        it is new.
        """
        row_id = uuid_of(community_id) or ""
        queries.lock(tx.session, row_id)
        access = queries.access(tx.session, account, row_id)
        if access is None:
            raise UnknownCommunity
        is_new = access.stored_role is None
        if is_new:
            _check_open(access)
            member_queries.enrol(tx.session, row_id, account.id, MEMBER, tx.at_ms)
            tx.log("member.join", community_subject(access.community))
        return member_of(tx.session, row_id, account.id), is_new

    @transaction
    def leave(self, tx: Transaction, account: Account, community_id: str) -> None:
        """End the account's own membership. Raises LastAdmin."""
        access = visible(tx.session, account, community_id, locked=True)
        membership = member_queries.find(tx.session, access.community.id, account.id)
        if membership is None:
            raise Forbidden(N_("You are not a member of this community."))
        _end(tx, membership)
        tx.log("member.leave", community_subject(access.community), role=membership.role)

    @transaction
    def set_role(
        self, tx: Transaction, account: Account, community_id: str, user_id: str, role: str
    ) -> tuple[Membership, str | None]:
        """Set a member's role. Returns the membership, and the previous role or None for a new member. Raises
        UnknownUser, LastAdmin.

        A site admin can also add a user who is not a member. Others invite them (`invitations`).
        """
        community = allowed(tx.session, account, community_id, ADMIN, locked=True).community
        row_id = uuid_of(user_id) or ""
        if tx.session.get(User, row_id) is None:
            raise UnknownUser
        if not account.is_admin and member_queries.find(tx.session, community.id, row_id) is None:
            raise UnknownUser(N_("This person is not a member of this community. Invite them by email."))
        return give_role(tx, community, row_id, role)

    def remove(self, account: Account, community_id: str, user_id: str) -> None:
        """End a membership; any member may end their own. Raises UnknownUser, LastAdmin."""
        if uuid_of(user_id) == account.id:
            self.leave(account, community_id)
        else:
            self._remove(account, community_id, user_id)

    @transaction
    def _remove(self, tx: Transaction, account: Account, community_id: str, user_id: str) -> None:
        community = allowed(tx.session, account, community_id, ADMIN, locked=True).community
        remove(tx, community, uuid_of(user_id) or "")

    def removable(self, account: Account, community_id: str, user_id: str) -> Membership:
        """The membership that `remove` would end. Raises the same errors."""
        role = MEMBER if uuid_of(user_id) == account.id else ADMIN

        def read(session: Any) -> Membership:
            community = allowed(session, account, community_id, role).community
            membership = member_of(session, community.id, uuid_of(user_id) or "")
            _require_another_admin(session, membership)
            return membership

        return self._database.read(read)


def _check_open(access: Access) -> None:
    """Check that a non-member may join. The id of an open community is enough, even if it is unlisted. Raises
    UnknownCommunity, Forbidden.
    """
    if access.community.is_open or access.account.is_admin:
        return
    if not access.community.is_listed:
        raise UnknownCommunity
    raise Forbidden(N_("This community is invitation only. Ask one of its admins to invite you."))


def give_role(tx: Transaction, community: Community, user_id: str, role: str) -> tuple[Membership, str | None]:
    """Set a user's role in a locked community. Returns what `Memberships.set_role` returns. Raises LastAdmin."""
    membership = member_queries.find(tx.session, community.id, user_id)
    if membership is None:
        member_queries.enrol(tx.session, community.id, user_id, role, tx.at_ms)
        membership = member_of(tx.session, community.id, user_id)
        tx.log("member.add", community_subject(community), **details(membership), role=role)
        return membership, None
    before = membership.role
    if role != before:
        is_lower = roles.is_lower(role, before)
        if is_lower:
            _require_another_admin(tx.session, membership)
        membership.role = role
        if is_lower:
            tx.revoke(user_id)
        tx.log("member.role", community_subject(community), **details(membership), role=role, before=before)
    return membership, before


def remove(tx: Transaction, community: Community, user_id: str) -> None:
    """Remove a member from a locked community, and revoke invitations for their email. Raises UnknownUser,
    LastAdmin.
    """
    membership = member_of(tx.session, community.id, user_id)
    _end(tx, membership)
    theirs = select(User.email_key).where(User.id == user_id)
    invitations = delete(Invitation).where(Invitation.community_id == community.id, Invitation.email_key.in_(theirs))
    change_in_database(tx.session, invitations)
    tx.log("member.remove", community_subject(community), **details(membership), role=membership.role)


def _end(tx: Transaction, membership: Membership) -> None:
    _require_another_admin(tx.session, membership)
    tx.session.delete(membership)
    tx.revoke(membership.user_id)


def member_of(session: Any, community_id: str, user_id: str) -> Membership:
    """The member. Raises UnknownUser."""
    membership = member_queries.find(session, community_id, user_id)
    if membership is None:
        raise UnknownUser(NOT_A_MEMBER)
    return membership


def _require_another_admin(session: Any, membership: Membership) -> None:
    """Raises LastAdmin if this member is the only admin who can log in. A community with an external id is managed by
    another system and needs no admin here.
    """
    if membership.role != ADMIN or membership.community.ref is not None:
        return
    admins = member_queries.members_of(membership.community_id).where(Membership.role == ADMIN)
    able = User.disabled_ms.is_(None), User.external_ref.is_(None)
    if session.scalar(admins.where(Membership.user_id != membership.user_id, *able).limit(1)) is None:
        raise LastAdmin


def details(membership: Membership) -> dict[str, Any]:
    """A member's details in an audit entry: their name, and their external id."""
    user = membership.user
    ref = {"ref": user.external_ref} if user.external_ref else {}
    return {"user_id": membership.user_id, "user": user.name, **ref}
