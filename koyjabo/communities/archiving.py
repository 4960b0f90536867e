"""Archives and restores communities, each in one transaction with its audit entry.

Lists, members and visits treat an archived community as unknown, and its sockets are closed. Its members, stats and
reports are kept and are available again after it is restored.
"""

from __future__ import annotations

from typing import Any

from koyjabo.audit.log import Actor
from koyjabo.communities import archiving_queries
from koyjabo.communities.archiving_queries import Overview
from koyjabo.communities.memberships import subject
from koyjabo.communities.queries import CommunityQueries
from koyjabo.core.errors import UnknownCommunity
from koyjabo.core.identity import uuid_of


def overview(session: Any, community_id: str) -> Overview:
    """A community, archived or not. Raises UnknownCommunity."""
    found = archiving_queries.overview(session, uuid_of(community_id) or "")
    if found is None:
        raise UnknownCommunity
    return found


def archive(session: Any, by: Actor, community_id: str) -> None:
    """Archive a community. Idempotent. Raises UnknownCommunity."""
    found, rows = _locked(session, community_id), CommunityQueries(session)
    if found.archived_ms is None:
        rows.store(by.entry("community.archive", subject(found.community)))
        archiving_queries.archive(session, found.community.id, by.at_ms)
        rows.record_revocation()


def restore(session: Any, by: Actor, community_id: str) -> None:
    """Restore an archived community. Idempotent. Raises UnknownCommunity."""
    found = _locked(session, community_id)
    if found.archived_ms is not None:
        CommunityQueries(session).store(by.entry("community.restore", subject(found.community)))
        archiving_queries.restore(session, found.community.id, by.at_ms)


def _locked(session: Any, community_id: str) -> Overview:
    CommunityQueries(session).lock(uuid_of(community_id) or "")
    return overview(session, community_id)
