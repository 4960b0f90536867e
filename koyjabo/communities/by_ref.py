"""Communities and members by external id, so that another system can keep them in sync (decision 93).

Each call changes only people from that system. Members with an account are not changed.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import UnknownCommunity, UnknownUser
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account, uuid_of
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.communities import archiving, memberships, queries, roles
from koyjabo.communities.communities import Enrolment
from koyjabo.communities.errors import ChangedMeanwhile, RefTaken
from koyjabo.communities.queries import CommunityAccess, CommunityDetails, CommunityQueries, Member
from koyjabo.communities.refs import CommunityRefs
from koyjabo.communities.roles import ADMIN
from koyjabo.people.accounts.users.external_people import ExternalPeople
from koyjabo.people.audit import log
from koyjabo.people.audit.log import Actor

NAMED_IN_AUDIT = 50
"""Maximum number of external ids of each kind in a sync's audit entry. The entry also contains the full counts."""


class RefMember(NamedTuple):
    """A member, as sent by the other system."""

    ref: str
    role: str
    name: str


class Synced(NamedTuple):
    """The result of a sync: how many members were added and changed, the ids of removed ones, and the new tag of the
    list.
    """

    added: int
    changed: int
    removed: Sequence[str]
    tag: str


class CommunitiesByRef:
    """Changes that site admins and API keys make by external id. Raises Forbidden for other accounts, UnknownCommunity,
    LedgerUnavailable. After a commit, `on_revoked` is called as in `Communities`. Each change has an audit entry with
    the external id.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        refs: CommunityRefs,
        people: ExternalPeople,
        on_revoked: Callable[[str], object],
    ) -> None:
        self._database = database
        self._clock = clock
        self._refs = refs
        self._people = people
        self._on_revoked = on_revoked

    def put(self, account: Account, ref: str, values: Mapping[str, Any]) -> tuple[CommunityAccess, bool]:
        """Create the community with this external id, or change and restore it. Returns the community, and whether it
        is new. Idempotent.

        `values` contains the name, and optionally is_open, is_listed and public_count. Missing values are not changed;
        a new community gets the defaults of `Communities.create`. Raises RefTaken if `ref` is the id of a community
        here.
        """
        account.require_site_admin()
        by = log.actor(account, self._clock)
        access, is_new = self._database.write(_put, by, account, ref, values)
        self._refs.learn(access.community.id, ref)
        if not is_new and values.get("public_count") is False:
            self._on_revoked(access.community.id)
        return access, is_new

    def archive(self, account: Account, ref: str) -> None:
        """Archive a community. Idempotent. Raises UnknownCommunity for an unknown external id."""
        account.require_site_admin()
        self._on_revoked(self._database.write(_archive, log.actor(account, self._clock), ref))

    def put_member(self, account: Account, community_id: str, member: RefMember) -> Enrolment:
        """Give a person a role and a name. Idempotent."""
        by = log.actor(account, self._clock)
        stored, before = self._database.write(_put_member, by, account, self._people, community_id, member)
        if before is not None and roles.is_lower(member.role, before):
            self._on_revoked(stored.user_id)
        return Enrolment(stored, before is None, before)

    def remove_member(self, account: Account, community_id: str, ref: str) -> str:
        """Remove a member. Returns the person's id here. Raises UnknownUser if no member has this external id."""
        by = log.actor(account, self._clock)
        person_id = self._database.write(_remove_member, by, account, self._people, community_id, ref)
        self._on_revoked(person_id)
        return person_id

    def sync(
        self, account: Account, community_id: str, members: Sequence[RefMember], is_current: Callable[[str], bool]
    ) -> Synced:
        """Make `members` the only members with an external id, in one transaction.

        Raises ChangedMeanwhile unless `is_current` returns true for the current tag of the list
        (`Communities.list_tag`).
        """
        by = log.actor(account, self._clock)
        synced, lost = self._database.write(_sync, by, account, self._people, community_id, members, is_current)
        if lost:
            self._on_revoked(lost)
        return synced

    def person(self, account: Account, community_id: str, ref: str) -> str | None:
        """The id that the person with this external id has here, or None. The account must be a moderator."""
        return self._database.read(_person, account, self._people, community_id, ref)


def _put(
    session: Any, by: Actor, account: Account, ref: str, values: Mapping[str, Any]
) -> tuple[CommunityAccess, bool]:
    known_id = queries.id_of_ref(session, ref)
    if known_id is None and (own := uuid_of(ref)) and queries.is_id(session, own):
        raise RefTaken
    if known_id is None:
        defaults = {"is_open": True, "is_listed": True, "description": ""}
        community = CommunityDetails(id=str(uuid.uuid4()), ref=ref, **{**defaults, **values})
        if queries.add_with_ref(session, community, by.at_ms):
            archiving.announce(CommunityQueries(session), by, community)
            return CommunityAccess(community, ADMIN), True
        known_id = queries.id_of_ref(session, ref)  # another call has just created it
    archiving.restore(session, by, known_id or "")
    return archiving.change(CommunityQueries(session), by, account, known_id or "", dict(values)), False


def _archive(session: Any, by: Actor, ref: str) -> str:
    community_id = queries.id_of_ref(session, ref)
    if community_id is None:
        raise UnknownCommunity
    archiving.archive(session, by, community_id)
    return community_id


def _put_member(
    session: Any, by: Actor, account: Account, people: ExternalPeople, community_id: str, member: RefMember
) -> tuple[Member, str | None]:
    records = CommunityQueries(session)
    community = memberships.managed_by_system(records, account, community_id)
    person = people.put(session, {member.ref: member.name}, by.at_ms)[member.ref]
    return memberships.give_role(records, by, community, person.id, member.role)


def _remove_member(
    session: Any, by: Actor, account: Account, people: ExternalPeople, community_id: str, ref: str
) -> str:
    records = CommunityQueries(session)
    community = memberships.managed_by_system(records, account, community_id)
    person = people.found(session, ref)
    if person is None:
        raise UnknownUser(N_("This person is not a member of this community."))
    memberships.end(records, by, community, person.id)
    return person.id


def _sync(
    session: Any,
    by: Actor,
    account: Account,
    people: ExternalPeople,
    community_id: str,
    members: Sequence[RefMember],
    is_current: Callable[[str], bool],
) -> tuple[Synced, str]:
    """Sync. Also returns the community's id if someone has lost a permission, otherwise ""."""
    records = CommunityQueries(session)
    community = memberships.managed_by_system(records, account, community_id)
    if not is_current(memberships.tag_of(records, community)):
        raise ChangedMeanwhile
    known = {member.user_id: member for member in records.external_members(community.id)}
    named = people.put(session, {member.ref: member.name for member in members}, by.at_ms)
    new = {named[member.ref].id: member for member in members}
    changes = _Changes(known, new)
    changes.store(records, community.id, by.at_ms)
    if changes.is_any:
        records.store(by.entry("member.sync", memberships.subject(community), **changes.as_details()))
    if changes.is_loss:
        records.record_revocation()
    tag = memberships.tag_of(records, community)
    synced = Synced(len(changes.added), len(changes.changed), changes.removed, tag)
    return synced, community.id if changes.is_loss else ""


class _Changes:
    """The difference between the members `known` and `new`, both by id."""

    def __init__(self, known: Mapping[str, Member], new: Mapping[str, RefMember]) -> None:
        self._known = known
        self._new = new
        self.added = sorted(new.keys() - known.keys())
        self.removed = sorted(known.keys() - new.keys())
        self.changed = [
            user_id
            for user_id in sorted(known.keys() & new.keys())
            if (known[user_id].role, known[user_id].name) != (new[user_id].role, new[user_id].name)
        ]

    @property
    def is_any(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    @property
    def is_loss(self) -> bool:
        """Whether someone has lost a permission."""
        lowered = (roles.is_lower(self._new[user_id].role, self._known[user_id].role) for user_id in self.changed)
        return bool(self.removed) or any(lowered)

    def store(self, records: CommunityQueries, community_id: str, now_ms: int) -> None:
        """Store the changes except names, which are stored once for all communities."""
        for user_id in self.added:
            records.enrol(community_id, user_id, self._new[user_id].role, now_ms)
        for user_id in self.changed:
            records.set_role(community_id, user_id, self._new[user_id].role)
        for user_id in self.removed:
            records.remove(community_id, user_id)

    def as_details(self) -> dict[str, Any]:
        """The changes as audit log details."""
        refs = {
            "added_refs": [self._new[user_id].ref for user_id in self.added[:NAMED_IN_AUDIT]],
            "changed_refs": [self._new[user_id].ref for user_id in self.changed[:NAMED_IN_AUDIT]],
            "removed_refs": [self._known[user_id].ref for user_id in self.removed[:NAMED_IN_AUDIT]],
        }
        return {
            "added": len(self.added),
            "changed": len(self.changed),
            "removed": len(self.removed),
            **{name: values for name, values in refs.items() if values},
        }


def _person(session: Any, account: Account, people: ExternalPeople, community_id: str, ref: str) -> str | None:
    memberships.allowed(CommunityQueries(session), account, community_id, roles.MODERATOR)
    person = people.found(session, ref)
    return person.id if person else None
