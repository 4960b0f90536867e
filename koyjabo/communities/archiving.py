"""Communities put away and brought back, each within one transaction.

An archived one is as if it were not there: for lists, for members, for visits and for sockets, which close. Its
members, numbers and reports are kept, and are there again when it is restored.
"""

from __future__ import annotations

from typing import Any

from koyjabo.audit.log import Actor
from koyjabo.communities import archiving_queries
from koyjabo.communities.archiving_queries import Overview
from koyjabo.communities.memberships import subject
from koyjabo.communities.queries import CommunityQueries
from koyjabo.errors import UnknownCommunity
from koyjabo.identity import uuid_of


def overview(session: Any, community_id: str) -> Overview:
    """Archived or not. Raises UnknownCommunity."""
    found = archiving_queries.overview(session, uuid_of(community_id) or "")
    if found is None:
        raise UnknownCommunity
    return found


def archive(session: Any, by: Actor, community_id: str) -> None:
    """Put a community away; one that is archived stays it. Raises UnknownCommunity."""
    found, rows = _locked(session, community_id), CommunityQueries(session)
    if found.archived_ms is None:
        rows.store(by.entry("community.archive", subject(found.community)))
        archiving_queries.archive(session, found.community.id, by.at_ms)
        rows.record_revocation()


def restore(session: Any, by: Actor, community_id: str) -> None:
    """Bring a community back, as it was. Raises UnknownCommunity."""
    found = _locked(session, community_id)
    if found.archived_ms is not None:
        CommunityQueries(session).store(by.entry("community.restore", subject(found.community)))
        archiving_queries.restore(session, found.community.id, by.at_ms)


def _locked(session: Any, community_id: str) -> Overview:
    CommunityQueries(session).lock(uuid_of(community_id) or "")
    return overview(session, community_id)
