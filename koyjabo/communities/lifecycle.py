"""Creates, changes and deletes communities, each in one transaction with its audit entry."""

from __future__ import annotations

from typing import Any

from koyjabo.audit.log import Actor
from koyjabo.communities.memberships import managed, subject
from koyjabo.communities.queries import CommunityAccess, CommunityDetails, CommunityQueries
from koyjabo.communities.roles import ADMIN
from koyjabo.core.errors import TooManyCommunities
from koyjabo.core.identity import Account

MOST_FOUNDED = 20
"""The most communities of one founder, without archived ones. Site admins have no limit."""


def create(records: CommunityQueries, by: Actor, account: Account, community: CommunityDetails) -> None:
    """`account` becomes its first admin. Raises TooManyCommunities."""
    if not account.is_admin and records.founded(account.id) >= MOST_FOUNDED:
        raise TooManyCommunities
    records.add(community, account.id, by.at_ms)
    records.enrol(community.id, account.id, ADMIN, by.at_ms)
    entry = by.entry("community.create", subject(community), open=community.is_open, listed=community.is_listed)
    records.store(entry)
    records.open_counter(community.id, by.at_ms)


def change(
    records: CommunityQueries, by: Actor, account: Account, community_id: str, values: dict[str, Any]
) -> CommunityAccess:
    """Returns the community after the change. Writes an audit entry only if a value differs."""
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
