"""Checks permissions when a participant joins, and checks all participants again after a revocation."""

from collections.abc import Collection
from typing import NamedTuple, TypeAlias

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import (
    AccountDisabled,
    Forbidden,
    InvalidToken,
    KoyJaboError,
    Unauthenticated,
    UnknownCommunity,
)
from koyjabo.base.core.identity import SITE_ADMIN, SITE_MEMBER, SITE_VIEWER, RolesByToken
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.database.batch_worker import Job
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.database.shared_lookups import SharedLookups
from koyjabo.base.models import SITE
from koyjabo.base.settings.schema import Settings
from koyjabo.people.accounts import queries as account_queries
from . import access_queries
from .access_queries import AccessFacts, access_facts
from .roles import ADMIN, MEMBER, is_lower

WATCHER = "watcher"
"""Role of people who see the numbers without being online: anyone where numbers are public, and site admins and viewers
who are not members.
"""

AccessRequest: TypeAlias = "tuple[RequiredAccess, str | None]"
"""The access needed to join, and the id of the refresh token that authenticates the request, if any."""


class RequiredAccess(NamedTuple):
    """The access a participant must keep: a live session, and at least this role in a community, or in the panel
    (`of_panel`). Both ids are empty for a watcher without credentials.
    """

    session_id: str
    user_id: str
    community_id: str
    role: str  # the lowest sufficient role
    by_token: RolesByToken | None = None  # for a person from another system, who has no session

    @classmethod
    def of_panel(cls, session_id: str, user_id: str) -> "RequiredAccess":
        """Access to the panel's room, for site admins and viewers."""
        return cls(session_id, user_id, SITE, SITE_VIEWER)

    @classmethod
    def of_stranger(cls, community_id: str) -> "RequiredAccess":
        """Access of a watcher without credentials."""
        return cls("", "", community_id, WATCHER)


class Permissions:
    """Checks permissions."""

    def __init__(self, database: DatabaseExecutor, runtime: Runtime, clock: Clock, settings: Settings) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._checks = SharedLookups(runtime, self._check_requests)

    def access_version(self) -> int:
        """A counter that increases whenever any permission is revoked, on any server. Raises LedgerUnavailable."""
        return self._database.read(account_queries.access_version)

    def people_version(self) -> int:
        """A counter that increases whenever people appear offline or online, or a community begins or stops showing
        them to its members, on any server. Raises LedgerUnavailable.
        """
        return self._database.read(access_queries.people_version)

    def showing_people(self, communities: Collection[str]) -> set[str]:
        """The communities that show their members who is online. Raises LedgerUnavailable."""
        facts = self._database.read(access_facts, (), (), communities, self._settings.require_two_factor)
        return {community.id for community in facts.communities.values() if community.members_see_online}

    def check(self, needed: RequiredAccess, refresh_id: str | None = None) -> RequiredAccess:
        """The access to grant: `needed`, or a watcher's access for people who are not members. Raises Unauthenticated,
        InvalidToken, Forbidden or UnknownCommunity if neither is permitted; LedgerUnavailable. A refresh token must
        be its session's current one; it may be renewed later.
        """
        return self._checks.ask((needed, refresh_id))

    def recheck(self, accesses: Collection[RequiredAccess]) -> dict[RequiredAccess, KoyJaboError | None]:
        """Check accesses again. Returns the error for each access that is no longer permitted, and None for the rest
        (specification: Credentials). Raises LedgerUnavailable.
        """
        facts = self._look_up(accesses)
        return {access: _problem(access, facts) for access in accesses}

    def _check_requests(self, jobs: Collection[Job[AccessRequest, RequiredAccess]]) -> None:
        facts, now_ms = self._look_up([needed for needed, _ in (job.item for job in jobs)]), self._clock.now_ms()
        for job in jobs:
            needed, refresh_id = job.item
            job.result, job.error = needed, _problem(needed, facts, refresh_id, now_ms)
            if job.error is not None and needed.role == MEMBER:
                job.result = needed._replace(role=WATCHER)
                job.error = _problem(job.result, facts, refresh_id, now_ms)

    def _look_up(self, accesses: Collection[RequiredAccess]) -> AccessFacts:
        sessions, users = {access.session_id for access in accesses}, {access.user_id for access in accesses}
        communities = {access.community_id for access in accesses}
        return self._database.read(access_facts, sessions, users, communities, self._settings.require_two_factor)

    def is_live(self, session_id: str, refresh_id: str | None) -> bool:
        """Whether this session and its refresh token, if given, are still valid. Raises LedgerUnavailable."""
        facts = self._database.read(access_facts, [session_id], [], [], self._settings.require_two_factor)
        return _is_live(session_id, facts, refresh_id, self._clock.now_ms())


def _problem(
    needed: RequiredAccess, facts: AccessFacts, refresh_id: str | None = None, now_ms: int = 0
) -> KoyJaboError | None:
    community = facts.communities.get(needed.community_id)
    is_public = community is not None and community.public_count
    if not needed.user_id:
        return None if is_public else Unauthenticated()
    site_role = facts.users.get(needed.user_id)
    if site_role is None:
        return AccountDisabled()
    if needed.by_token is None and not _is_live(needed.session_id, facts, refresh_id, now_ms):
        return InvalidToken()
    if needed.role == SITE_VIEWER:
        return Forbidden() if site_role == SITE_MEMBER else None
    if community is None:
        return UnknownCommunity()
    if needed.role == WATCHER and (is_public or site_role != SITE_MEMBER):
        return None
    role = facts.roles.get((needed.community_id, needed.user_id))
    if site_role == SITE_ADMIN and (role is not None or needed.role != MEMBER):  # only members are online
        role = ADMIN
    if needed.by_token is not None:
        role = needed.by_token.role_in(community.ref, role)
    if role is None and not community.is_listed:
        return UnknownCommunity()
    return Forbidden() if needed.role == WATCHER or role is None or is_lower(role, needed.role) else None


def _is_live(session_id: str, facts: AccessFacts, refresh_id: str | None, now_ms: int) -> bool:
    family = facts.sessions.get(session_id)
    return family is not None and (refresh_id is None or family.admits(refresh_id, now_ms))
