"""Creates, changes, archives, restores and deletes communities, each in one transaction with its audit entry.

An archived community is treated as unknown by lists, members and visits, and its sockets are closed. Its members, stats
and reports are kept, and are available again once it is restored.
"""

from __future__ import annotations

from typing import Any

from koyjabo.base.core.errors import UnknownCommunity
from koyjabo.base.core.identity import Account, uuid_of
from koyjabo.communities import archiving_queries
from koyjabo.communities.archiving_queries import Overview
from koyjabo.communities.errors import TooManyCommunities
from koyjabo.communities.memberships import managed, subject
from koyjabo.communities.queries import CommunityAccess, CommunityDetails, CommunityQueries
from koyjabo.communities.roles import ADMIN
from koyjabo.people.audit.log import Actor


def overview(session: Any, community_id: str) -> Overview:
    """A community, whether archived or not. Raises UnknownCommunity."""
    community = archiving_queries.overview(session, uuid_of(community_id) or "")
    if community is None:
        raise UnknownCommunity
    return community


def archive(session: Any, by: Actor, community_id: str) -> None:
    """Archive a community. Idempotent. Raises UnknownCommunity."""
    locked, rows = _locked(session, community_id), CommunityQueries(session)
    if locked.archived_ms is None:
        rows.store(by.entry("community.archive", subject(locked.community)))
        archiving_queries.archive(session, locked.community.id, by.at_ms)
        rows.record_revocation()


def restore(session: Any, by: Actor, community_id: str) -> None:
    """Restore an archived community. Idempotent. Raises UnknownCommunity."""
    locked = _locked(session, community_id)
    if locked.archived_ms is not None:
        CommunityQueries(session).store(by.entry("community.restore", subject(locked.community)))
        archiving_queries.restore(session, locked.community.id, by.at_ms)


def _locked(session: Any, community_id: str) -> Overview:
    CommunityQueries(session).lock(uuid_of(community_id) or "")
    return overview(session, community_id)


MAX_FOUNDED = 20
"""Maximum number of communities that one user may found, not counting archived ones. Site admins have no limit."""


def create(records: CommunityQueries, by: Actor, account: Account, community: CommunityDetails) -> None:
    """Create a community, with `account` as its first admin. Raises TooManyCommunities."""
    if not account.is_admin and records.founded(account.id) >= MAX_FOUNDED:
        raise TooManyCommunities
    records.add(community, account.id, by.at_ms)
    records.enrol(community.id, account.id, ADMIN, by.at_ms)
    announce(records, by, community)


def announce(records: CommunityQueries, by: Actor, community: CommunityDetails) -> None:
    """Start counting a new community's visits, and write the audit entry. Call this last in the transaction."""
    ref = {"ref": community.ref} if community.ref else {}
    details = {"open": community.is_open, "listed": community.is_listed, **ref}
    records.store(by.entry("community.create", subject(community), **details))
    records.open_counter(community.id, by.at_ms)


def change(
    records: CommunityQueries, by: Actor, account: Account, community_id: str, values: dict[str, Any]
) -> CommunityAccess:
    """Change the given fields. Returns the changed community. Writes an audit entry only if a value differs."""
    access = managed(records, account, community_id)
    before = access.community._asdict()
    changed = {name: value for name, value in values.items() if value != before[name]}
    if changed:
        records.change(access.community.id, changed)
        if changed.get("public_count") is False:
            records.record_revocation()
        was = {name: before[name] for name in changed}
        records.store(by.entry("community.change", subject(access.community), was=was, now=changed))
    return access._replace(community=access.community._replace(**changed))


def delete(records: CommunityQueries, by: Actor, account: Account, community_id: str) -> None:
    """Delete a community and its memberships. Its visits stay in the ledger."""
    community = managed(records, account, community_id).community
    records.store(by.entry("community.delete", subject(community)))
    records.delete(community.id)
    records.record_revocation()
