"""Changes of communities and members by external id, so that another system can keep them in sync."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import UnknownUser
from koyjabo.base.core.identity import Account, uuid_of
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.people.accounts import queries as account_queries
from koyjabo.people.accounts.users.external_people import ExternalPeople
from koyjabo.people.audit.log import community_subject
from koyjabo.people.audit.transaction import Changes, Transaction, transaction
from koyjabo.people.models import Community, Membership
from . import communities, member_queries, memberships, queries, roles
from .errors import ChangedMeanwhile, RefTaken
from .refs import CommunityRefs
from .roles import MODERATOR, Access

NAMED_IN_AUDIT = 50
"""Maximum number of external ids of each kind in a sync's audit entry. The entry also contains the full counts."""


class CommunitiesByRef(Changes):
    """Changes that site admins and API keys make by external id. Raises Forbidden for other accounts, UnknownCommunity,
    LedgerUnavailable. Each change has an audit entry with the external id. Members with an account are not changed.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        refs: CommunityRefs,
        people: ExternalPeople,
        on_revoked: Callable[[str], object],
    ) -> None:
        super().__init__(database, clock, on_revoked)
        self._refs = refs
        self._people = people

    def put(self, account: Account, ref: str, values: Mapping[str, Any]) -> tuple[Access, bool]:
        """Create the community with this external id, or change and restore it. Returns the community, and whether it
        is new. Idempotent.

        `values` contains the name, and optionally is_open, is_listed, public_count and members_see_online. Missing
        values are not changed; a new community gets the defaults of `Communities.create`. Raises RefTaken if `ref` is
        the id of a community here.
        """
        access, is_new = self._put(account, ref, values)
        self._refs.learn(access.community.id, ref)
        return access, is_new

    @transaction
    def _put(self, tx: Transaction, account: Account, ref: str, values: Mapping[str, Any]) -> tuple[Access, bool]:
        account.require_site_admin()
        row_id = _id_of(tx.session, ref)
        if row_id is None and (own_id := uuid_of(ref)) and queries.find(tx.session, own_id):
            raise RefTaken
        if row_id is None:
            community = communities.new_community(tx, ref=ref, **values)
            try:
                with tx.session.begin_nested():
                    tx.session.add(community)
            except IntegrityError:  # another call has just created it
                row_id = _id_of(tx.session, ref)
            else:
                communities.announce(tx, community)
                return Access(account, community, None), True
        community = communities.existing(tx.session, row_id or "", locked=True)
        communities.restore(tx, community)
        communities.set_values(tx, community, values)
        return Access(account, community, None), False

    @transaction
    def archive(self, tx: Transaction, account: Account, ref: str) -> None:
        """Archive a community. Idempotent. Raises UnknownCommunity for an unknown external id."""
        account.require_site_admin()
        row_id = _id_of(tx.session, ref)
        communities.archive(tx, communities.existing(tx.session, row_id or "", locked=True))

    @transaction
    def put_member(
        self,
        tx: Transaction,
        account: Account,
        community_id: str,
        ref: str,
        role: str,
        name: str,
        appear_offline: bool | None = None,
    ) -> tuple[Membership, str | None]:
        """Give a person a role and a name, and, in all communities, let them appear offline or not. Returns what
        `Memberships.set_role` returns. Idempotent.
        """
        community = _managed(tx, account, community_id)
        person = self._people.put(tx.session, {ref: name}, tx.at_ms)[ref]
        is_change = appear_offline is not None and account_queries.appear_offline(tx.session, person.id, appear_offline)
        given = memberships.give_role(tx, community, person.id, role)
        if is_change:
            tx.show_others(person.id)
        return given

    @transaction
    def remove_member(self, tx: Transaction, account: Account, community_id: str, ref: str) -> str:
        """Remove a member. Returns the person's id here. Raises UnknownUser if no member has this external id."""
        community = _managed(tx, account, community_id)
        person = self._people.found(tx.session, ref)
        if person is None:
            raise UnknownUser(memberships.NOT_A_MEMBER)
        memberships.remove(tx, community, person.id)
        return person.id

    @transaction
    def sync(
        self,
        tx: Transaction,
        account: Account,
        community_id: str,
        members: Mapping[str, tuple[str, str]],
        is_current: Callable[[str], bool],
    ) -> tuple[dict[str, list[str]], str]:
        """Make `members` (role and name by external id) the only members with an external id, in one transaction.
        Returns the ids of people who were added, changed and removed, and the new tag of the list.

        Raises ChangedMeanwhile unless `is_current` returns true for the current tag of the list
        (`Memberships.list_tag`).
        """
        community = _managed(tx, account, community_id)
        if not is_current(member_queries.tag(tx.session, community.id)):
            raise ChangedMeanwhile
        current = {member.user_id: member for member in member_queries.external_members(tx.session, community.id)}
        before = {user_id: (member.role, member.user.name) for user_id, member in current.items()}
        refs = {user_id: member.user.external_ref for user_id, member in current.items()}
        people = self._people.put(tx.session, {ref: name for ref, (_, name) in members.items()}, tx.at_ms)
        after = {person.id: members[ref] for ref, person in people.items()}
        refs |= {person.id: ref for ref, person in people.items()}
        kept = sorted(before.keys() & after.keys())
        parts = {
            "added": sorted(after.keys() - before.keys()),
            "changed": [user_id for user_id in kept if before[user_id] != after[user_id]],
            "removed": sorted(before.keys() - after.keys()),
        }
        for user_id in parts["added"]:
            member_queries.enrol(tx.session, community.id, user_id, after[user_id][0], tx.at_ms)
        for user_id in parts["changed"]:
            current[user_id].role = after[user_id][0]
        for user_id in parts["removed"]:
            tx.session.delete(current[user_id])
        if any(parts.values()):
            tx.log("member.sync", community_subject(community), **_sync_details(parts, refs))
        if parts["removed"] or any(roles.is_lower(after[user_id][0], before[user_id][0]) for user_id in kept):
            tx.revoke(community.id)
        return parts, member_queries.tag(tx.session, community.id)

    def person(self, account: Account, community_id: str, ref: str) -> str | None:
        """The id that the person with this external id has here, or None. The account must be a moderator."""

        def read(session: Any) -> str | None:
            memberships.allowed(session, account, community_id, MODERATOR)
            person = self._people.found(session, ref)
            return person.id if person else None

        return self._database.read(read)


def _id_of(session: Session, ref: str) -> str | None:
    return session.scalar(select(Community.id).where(Community.ref == ref))


def _managed(tx: Transaction, account: Account, community_id: str) -> Community:
    """Lock the community, for a site admin or an admin's key that acts for another system. Raises UnknownCommunity,
    Forbidden.
    """
    community = memberships.visible(tx.session, account, community_id, locked=True).community
    account.require_site_admin()
    return community


def _sync_details(parts: dict[str, list[str]], refs: Mapping[str, str | None]) -> dict[str, Any]:
    """The changes of a sync as audit log details. `refs` are external ids by user id."""
    counts = {name: len(user_ids) for name, user_ids in parts.items()}
    named = {
        f"{name}_refs": [refs[user_id] for user_id in user_ids[:NAMED_IN_AUDIT]]
        for name, user_ids in parts.items()
        if user_ids
    }
    return counts | named
